/* SPDX-License-Identifier: MIT */
/*
 * What bench measured, as a picture
 */
#ifndef PICTURE_H
#define PICTURE_H

#include "context.h"

/**
 * struct point - what bench measured for a size
 * @size: bytes of a move
 * @ops: moves
 * @ns: that they took
 */
struct point {
	size_t size;
	uint64_t ops;
	int64_t ns;
};

int picture_check(struct context *ctx);
int picture_draw(struct context *ctx, const char *file, const char *title,
		 const struct point *points, unsigned int n);

#endif /* PICTURE_H */
