/* SPDX-License-Identifier: MIT */
/*
 * libism: the seam between the protocol and what carries it to the function
 */
#ifndef LIBISM_TRANSPORT_H
#define LIBISM_TRANSPORT_H

#include <sys/uio.h>

#include "state.h"

#define ISM_BAR_DMB	0
#define ISM_BAR_CMD	2

/**
 * struct ism_transport - how the protocol reaches a function
 * @name: for people
 * @nodes: open the files of a function, which takes rights; for the caller to
 *	close also after an error
 * @open: get hold of the function by these files, which are closed if it fails;
 *	afterwards all that follows works
 * @load: read @len bytes of a BAR; 0 or negative errno
 * @store: one store block per segment, at consecutive offsets; bytes stored
 *	(whole segments) or negative errno if it was none
 * @map: make memory visible to the function
 * @unmap: take it away again
 * @reset: reset the function
 * @enable: set memory and bus master in its command register
 * @set_irq: have @fd told about an interrupt, -1 for no more; -ENOTTY if the
 *	function does not have this one
 * @fd: file behind it, -1 without
 * @close: give everything back; frees its private data
 *
 * The handle opens one and gives it to the floors between, which use it without
 * a question what it is. The library has two, group and iommufd, both of vfio;
 * tests put a mock here, on a host of any endianness, and hand it over open.
 */
struct ism_transport {
	const char *name;
	int (*nodes)(struct ism *ism, struct ism_nodes *nodes);
	int (*open)(struct ism *ism, const struct ism_nodes *nodes);
	int (*load)(struct ism *ism, int bar, uint64_t offset, void *buf,
		    size_t len);
	ssize_t (*store)(struct ism *ism, int bar, uint64_t offset,
			 const struct iovec *iov, int n);
	int (*map)(struct ism *ism, void *mem, size_t len, uint64_t iova);
	int (*unmap)(struct ism *ism, uint64_t iova, size_t len);
	int (*reset)(struct ism *ism);
	int (*enable)(struct ism *ism);
	int (*set_irq)(struct ism *ism, enum ism_irq irq, int fd);
	int (*fd)(const struct ism *ism);
	void (*close)(struct ism *ism);
};

#endif /* LIBISM_TRANSPORT_H */
