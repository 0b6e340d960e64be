/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_MEMORY_H
#define LIBISM_MEMORY_H

#include "state.h"

/* A piece of memory that the function can reach; sorted by IOVA */
struct ism_mapping {
	struct ism_mapping *next;
	uint64_t iova;
	size_t len;
	void *mem;
	bool own;	/* the library's memory, not the caller's */
};

int ism_map(struct ism *ism, void *mem, size_t len, struct ism_mapping **map);
int ism_unmap(struct ism *ism, struct ism_mapping *map);
void ism_unmap_all(struct ism *ism);

#endif /* LIBISM_MEMORY_H */
