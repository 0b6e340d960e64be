/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_GROUP_H
#define LIBISM_GROUP_H

#include "transport.h"

extern const struct ism_transport ism_group;

#endif /* LIBISM_GROUP_H */
