// SPDX-License-Identifier: MIT
/*
 * usage: draw FILE
 *
 * The picture of ismctl bench, of eleven points that nobody measured; see picture
 */
#include <stdarg.h>

#include "picture.h"

int fail(struct context *ctx, enum status status, const char *fmt, ...)
{
	va_list ap;

	(void)ctx;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	return (int)status;
}

int main(int argc, char **argv)
{
	struct point points[11];
	int ret;

	for (unsigned int i = 0; i < 11; i++)
		points[i] = (struct point) { (size_t)1 << 2 * i, 1000, 1000000 };
	ret = picture_check(NULL);
	if (!ret && argc == 2)
		ret = picture_draw(NULL, argv[1], "eleven points", points, 11);
	return ret;
}
