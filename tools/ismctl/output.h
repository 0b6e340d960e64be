/* SPDX-License-Identifier: MIT */
/*
 * Results of ismctl as JSON: one object in a line
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <json-c/json.h>

#include "context.h"

#define GID_DIGITS	16
#define TOKEN_DIGITS	12

struct json_object *json_begin(const struct context *ctx);
void json_text(struct json_object *object, const char *key, const char *text);
void json_number(struct json_object *object, const char *key, uint64_t n);
void json_hex(struct json_object *object, const char *key, uint64_t n,
	      int digits);
void json_end(const struct context *ctx, struct json_object *object);

#endif /* OUTPUT_H */
