/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_DMB_H
#define LIBISM_DMB_H

#include "state.h"

int ism_dmb_reregister(struct ism *ism);
void ism_dmb_free_all(struct ism *ism);

#endif /* LIBISM_DMB_H */
