/* SPDX-License-Identifier: MIT */
/*
 * soak.h - what the parts of the soak have in common
 */
#ifndef ISM_TESTS_SOAK_H
#define ISM_TESTS_SOAK_H

#include <stdint.h>

#define BAR_DMB		0
#define BAR_CMD		2
#define SHIFT		48		/* of a region's index in its offset */
#define SIGNAL_BIT	(1u << 23)	/* of a store's offset */

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif /* ISM_TESTS_SOAK_H */
