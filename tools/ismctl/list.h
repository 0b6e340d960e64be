/* SPDX-License-Identifier: MIT */
/*
 * The ISM functions of this system
 */
#ifndef LIST_H
#define LIST_H

#include "output.h"

struct json_object *list_functions(struct context *ctx);

#endif /* LIST_H */
