// SPDX-License-Identifier: MIT
/*
 * Results of ismctl as JSON
 *
 * Numbers that are names, a GID or a token, are strings in hexadecimal: few
 * readers of JSON keep 64 bits of a number.
 */
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define REPLACEMENT	"\xef\xbf\xbd"	/* U+FFFD */

/* How many bytes the character at @s has in UTF-8, 0 if it is none */
static size_t character(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t first;
	} lengths[] = {
		{ 0x80, 0x00, 0 },
		{ 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};
	uint32_t code;

	for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
		if ((*s & lengths[n].mask) != lengths[n].lead)
			continue;
		code = *s & (unsigned char)~lengths[n].mask;
		for (size_t i = 1; i <= n; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (s[i] & 0x3f);
		}
		return code < lengths[n].first || code > 0x10ffff ||
		       (code >= 0xd800 && code < 0xe000) ? 0 : n + 1;
	}
	return 0;
}

/* A file's name may have any bytes, JSON has UTF-8 alone */
static char *valid(const char *text)
{
	char *copy = malloc(strlen(text) * strlen(REPLACEMENT) + 1);
	char *end = copy;

	while (copy && *text) {
		size_t n = character((const unsigned char *)text);

		if (n)
			end = mempcpy(end, text, n);
		else
			end = stpcpy(end, REPLACEMENT);
		text += n ? n : 1;
	}
	if (copy)
		*end = '\0';
	return copy;
}

/**
 * json_text() - put a string into an object
 * @object: object
 * @key: name of the member, a constant
 * @text: any bytes, what is not UTF-8 is replaced; NULL becomes null
 */
void json_text(struct json_object *object, const char *key, const char *text)
{
	char *copy = text ? valid(text) : NULL;

	json_object_object_add(object, key,
			       copy ? json_object_new_string(copy) : NULL);
	free(copy);
}

/**
 * json_number() - put a number into an object
 * @object: object
 * @key: name of the member, a constant
 * @n: number
 */
void json_number(struct json_object *object, const char *key, uint64_t n)
{
	json_object_object_add(object, key, json_object_new_uint64(n));
}

/**
 * json_hex() - put a GID or a token into an object
 * @object: object
 * @key: name of the member, a constant
 * @n: number; 0, which is none, becomes null
 * @digits: GID_DIGITS or TOKEN_DIGITS
 */
void json_hex(struct json_object *object, const char *key, uint64_t n,
	      int digits)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%0*llx", digits, (unsigned long long)n);
	json_text(object, key, n ? text : NULL);
}

/**
 * json_begin() - make an object with the names of the function
 * @ctx: context with a function that was opened
 *
 * Return: object with members "function" and "gid".
 */
struct json_object *json_begin(const struct context *ctx)
{
	struct json_object *object = json_object_new_object();

	json_text(object, "function", ctx->function);
	json_hex(object, "gid", ctx->ism ? ism_gid(ctx->ism) : 0, GID_DIGITS);
	return object;
}

/**
 * json_end() - print an object and free it
 * @ctx: context
 * @object: object
 */
void json_end(const struct context *ctx, struct json_object *object)
{
	fprintf(ctx->out, "%s\n",
		json_object_to_json_string_ext(object,
					       JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(ctx->out);
	json_object_put(object);
}
