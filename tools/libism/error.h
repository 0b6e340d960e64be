/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_ERROR_H
#define LIBISM_ERROR_H

#include "state.h"

int ism_fail(struct ism *ism, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* LIBISM_ERROR_H */
