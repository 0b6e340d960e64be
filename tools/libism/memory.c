// SPDX-License-Identifier: MIT
/*
 * libism: memory that the function can reach, and the IOVAs for it
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "memory.h"
#include "transport.h"

static uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* Up to 1 MiB and aligned to its size, nothing crosses a 1 MiB boundary */
static uint64_t alignment(size_t len)
{
	uint64_t align = (uint64_t)sysconf(_SC_PAGESIZE);

	while (align < len)
		align <<= 1;
	return align;
}

/*
 * The lowest free IOVA in a range: first fit, since not every IOMMU accepts all
 * of the range that it reports, and the low end is where it always does.
 */
static bool find_free(struct ism *ism, const struct ism_range *r, size_t len,
		      uint64_t *iova)
{
	uint64_t align = alignment(len);
	/* 0 looks like "not there" in the device's answers: leave it out */
	uint64_t at = align_up(r->first ? r->first : 1, align);

	for (struct ism_mapping *m = ism->mappings; m; m = m->next)
		if (m->iova < at + len && at < m->iova + m->len)
			at = align_up(m->iova + m->len, align);
	if (at < r->first || at > r->last || r->last - at < len - 1)
		return false;
	*iova = at;
	return true;
}

static void insert(struct ism *ism, struct ism_mapping *map)
{
	struct ism_mapping **p = &ism->mappings;

	while (*p && (*p)->iova < map->iova)
		p = &(*p)->next;
	map->next = *p;
	*p = map;
}

static struct ism_mapping *get_memory(void *mem, size_t len)
{
	struct ism_mapping *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	map->len = len;
	map->mem = mem;
	map->own = !mem;
	if (map->own)
		map->mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map->mem == MAP_FAILED) {
		free(map);
		return NULL;
	}
	/* a child must not take the pages that the device writes */
	if (map->own)
		madvise(map->mem, len, MADV_DONTFORK);
	return map;
}

static void free_memory(struct ism_mapping *map)
{
	if (map->own)
		munmap(map->mem, map->len);
	free(map);
}

static void drop(struct ism *ism, struct ism_mapping *map)
{
	struct ism_mapping **p = &ism->mappings;

	pthread_mutex_lock(&ism->lock);
	while (*p && *p != map)
		p = &(*p)->next;
	if (*p)
		*p = map->next;
	pthread_mutex_unlock(&ism->lock);
	free_memory(map);
}

static bool reserve(struct ism *ism, struct ism_mapping *map)
{
	bool found = false;

	pthread_mutex_lock(&ism->lock);
	for (unsigned int i = 0; i < ism->nr_ranges && !found; i++)
		found = find_free(ism, &ism->ranges[i], map->len, &map->iova);
	if (found)
		insert(ism, map);
	pthread_mutex_unlock(&ism->lock);
	return found;
}

/**
 * ism_map() - get memory that the function can reach
 * @ism: open handle
 * @mem: the caller's, aligned to a page; NULL for zeroed memory
 * @len: bytes, a multiple of the page size, at most ISM_DMB_MAX
 * @out: the mapping, for the caller to give to ism_unmap()
 *
 * Return: 0 or a negative errno.
 */
int ism_map(struct ism *ism, void *mem, size_t len, struct ism_mapping **out)
{
	struct ism_mapping *map = get_memory(mem, len);
	int ret;

	if (!map)
		return ism_fail(ism, ENOMEM, "no memory for %zu bytes", len);
	if (!reserve(ism, map)) {
		free_memory(map);
		return ism_fail(ism, ENOSPC,
				"no IOVA for %zu bytes is left; free a DMB", len);
	}
	ret = ism->transport->map(ism, map->mem, len, map->iova);
	if (ret) {
		ret = ism_fail(ism, -ret,
			       "cannot map %zu bytes at IOVA %#llx: %s%s", len,
			       (unsigned long long)map->iova, strerror(-ret),
			       ret == -ENOMEM ?
			       " (the limit of locked memory may be too low: ulimit -l)" :
			       "");
		drop(ism, map);
		return ret;
	}
	*out = map;
	return 0;
}

/**
 * ism_unmap() - take memory away from the function; the library's own is freed
 * @ism: open handle
 * @map: the mapping
 *
 * Return: 0 or a negative errno. On an error the memory is kept, since the
 * function may still be able to write it.
 */
int ism_unmap(struct ism *ism, struct ism_mapping *map)
{
	int ret = ism->transport->unmap(ism, map->iova, map->len);

	if (ret)
		return ism_fail(ism, -ret, "cannot unmap IOVA %#llx: %s",
				(unsigned long long)map->iova, strerror(-ret));
	drop(ism, map);
	return 0;
}

/**
 * ism_unmap_all() - free the memory that could not be unmapped before
 * @ism: handle whose transport was closed, which unmaps all
 */
void ism_unmap_all(struct ism *ism)
{
	while (ism->mappings)
		drop(ism, ism->mappings);
}

/**
 * ism_iova_ranges() - what IOVAs the kernel allows for a function
 * @ism: open handle
 * @ranges: filled in, in the kernel's order; the library takes IOVAs from there
 * @max: room in @ranges
 *
 * Return: how many there are, which may be more than @max.
 */
unsigned int ism_iova_ranges(const struct ism *ism, struct ism_range *ranges,
			     unsigned int max)
{
	for (unsigned int i = 0; i < ism->nr_ranges && i < max; i++)
		ranges[i] = ism->ranges[i];
	return ism->nr_ranges;
}
