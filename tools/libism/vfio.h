/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_VFIO_H
#define LIBISM_VFIO_H

#include <linux/vfio.h>

#include "transport.h"

/**
 * struct vfio - a function that is open
 * @fd: its files; with a group, the kernel gave the device's
 * @ioas: number of the address space at iommufd
 * @region: where the kernel says that each lies
 */
struct vfio {
	struct ism_nodes fd;
	uint32_t ioas;
	struct ism_region region[VFIO_PCI_NUM_REGIONS];
};

int ism_vfio_node(struct ism *ism, const char *path, int *fd);
int ism_vfio_open(struct ism *ism, const struct ism_nodes *nodes,
		  int (*get_device)(struct ism *ism));
int ism_vfio_ioctl(int fd, unsigned long request, const void *arg);
int ism_vfio_fail(struct ism *ism, const char *what);
int ism_vfio_add_range(struct ism *ism, uint64_t first, uint64_t last);

/* What struct ism_transport has of both */
int ism_vfio_load(struct ism *ism, int bar, uint64_t offset, void *buf,
		  size_t len);
ssize_t ism_vfio_store(struct ism *ism, int bar, uint64_t offset,
		       const struct iovec *iov, int n);
int ism_vfio_reset(struct ism *ism);
int ism_vfio_enable(struct ism *ism);
int ism_vfio_set_irq(struct ism *ism, enum ism_irq irq, int fd);
int ism_vfio_fd(const struct ism *ism);
void ism_vfio_close(struct ism *ism);

#endif /* LIBISM_VFIO_H */
