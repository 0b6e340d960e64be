// SPDX-License-Identifier: MIT
/*
 * libism: what both of vfio's interfaces share
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "error.h"
#include "sysfs.h"
#include "vfio.h"

#define TRIES	100
#define PAUSE_US	10000

/* Files */

static void put_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/**
 * ism_nodes_close() - close the files of ism_nodes_open()
 * @nodes: that this process has still
 */
void ism_nodes_close(struct ism_nodes *nodes)
{
	put_fd(&nodes->device);
	put_fd(&nodes->group);
	put_fd(&nodes->iommu);
}

/**
 * ism_vfio_node() - open a node of vfio, which is what needs rights
 * @ism: closed handle
 * @path: of the node
 * @fd: filled in
 *
 * Return: 0 or a negative errno.
 */
int ism_vfio_node(struct ism *ism, const char *path, int *fd)
{
	const char *hint = "";

	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	if (errno == EBUSY)
		hint = " (another process has the function)";
	else if (errno == EACCES || errno == EPERM)
		hint = " (you may need to be root, or the owner of this node)";
	else if (errno == ENOENT)
		hint = " (is the vfio module loaded?)";
	return ism_fail(ism, errno, "cannot open %s: %s%s", path,
			strerror(errno), hint);
}

/* The device */

/**
 * ism_vfio_fail() - ism_fail() when the kernel does not give the function
 * @ism: closed handle
 * @what: that could not be done; errno says why
 *
 * The kernel takes a function out of service after an error that nobody
 * recovered it from.
 *
 * Return: a negative errno.
 */
int ism_vfio_fail(struct ism *ism, const char *what)
{
	int err = errno;

	if (err == ENODEV || err == EIO)
		return ism_fail(ism, err,
				"cannot %s: %s; if the kernel's log has an error of this function, 'echo 1 > " ISM_SYSFS "/%s/recover' and 'ism-vfio bind %s' bring it back",
				what, strerror(err), ism->name, ism->name);
	return ism_fail(ism, err, "cannot %s: %s", what, strerror(err));
}

/**
 * ism_vfio_ioctl() - ioctl() that tries again
 * @fd: file
 * @request: to open, bind or reset the function
 * @arg: of the request
 *
 * While the kernel handles an event of the function, or has only just found the
 * function, it does not let us wait: it answers EAGAIN, and EIO to a reset that
 * comes in between.
 *
 * Return: as ioctl().
 */
int ism_vfio_ioctl(int fd, unsigned long request, const void *arg)
{
	int ret, tries = TRIES;

	while ((ret = ioctl(fd, request, arg)) < 0 && --tries &&
	       (errno == EAGAIN || (errno == EIO && request == VFIO_DEVICE_RESET)))
		usleep(PAUSE_US);
	return ret;
}

void ism_vfio_close(struct ism *ism)
{
	struct vfio *v = ism->priv;

	ism_nodes_close(&v->fd);
	free(v);
	ism->priv = NULL;
}

int ism_vfio_reset(struct ism *ism)
{
	struct vfio *v = ism->priv;

	if (ism_vfio_ioctl(v->fd.device, VFIO_DEVICE_RESET, NULL))
		return ism_fail(ism, errno, "the kernel could not reset it: %s",
				strerror(errno));
	return 0;
}

int ism_vfio_fd(const struct ism *ism)
{
	const struct vfio *v = ism->priv;

	return v->fd.device;
}

/**
 * ism_vfio_add_range() - note IOVAs that the kernel allows
 * @ism: handle
 * @first: the lowest
 * @last: the highest
 *
 * Return: 0, or -E2BIG when there is no room for more.
 */
int ism_vfio_add_range(struct ism *ism, uint64_t first, uint64_t last)
{
	if (ism->nr_ranges == ISM_RANGES)
		return -E2BIG;
	ism->ranges[ism->nr_ranges].first = first;
	ism->ranges[ism->nr_ranges].last = last;
	ism->nr_ranges++;
	return 0;
}

/* Regions */

int ism_vfio_load(struct ism *ism, int bar, uint64_t offset, void *buf,
		  size_t len)
{
	struct vfio *v = ism->priv;
	ssize_t n;

	n = pread(v->fd.device, buf, len, (off_t)(v->region[bar].offset + offset));
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

ssize_t ism_vfio_store(struct ism *ism, int bar, uint64_t offset,
		       const struct iovec *iov, int n)
{
	struct vfio *v = ism->priv;
	ssize_t ret;

	ret = pwritev(v->fd.device, iov, n, (off_t)(v->region[bar].offset + offset));
	return ret < 0 ? -errno : ret;
}

static int config_command(struct vfio *v, uint16_t *cmd, bool write)
{
	uint64_t pos = v->region[VFIO_PCI_CONFIG_REGION_INDEX].offset +
		       PCI_COMMAND;
	ssize_t n;

	if (write)
		n = pwrite(v->fd.device, cmd, sizeof(*cmd), (off_t)pos);
	else
		n = pread(v->fd.device, cmd, sizeof(*cmd), (off_t)pos);
	if (n < 0)
		return -errno;
	return n == sizeof(*cmd) ? 0 : -EIO;
}

/* vfio leaves bus master off at open; without it the function reaches nothing */
int ism_vfio_enable(struct ism *ism)
{
	struct vfio *v = ism->priv;
	uint16_t cmd;
	int ret;

	ret = config_command(v, &cmd, false);
	if (!ret) {
		cmd |= htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		ret = config_command(v, &cmd, true);
	}
	if (ret)
		return ism_fail(ism, -ret,
				"cannot set the PCI command register: %s",
				strerror(-ret));
	return 0;
}

static int get_region(int device, unsigned int index, struct ism_region *region)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	*region = (struct ism_region) {
		.offset = info.offset,
		.size = info.size,
		.flags = info.flags,
	};
	return 0;
}

/**
 * ism_get_region() - where a region of the vfio device lies
 * @ism: open handle
 * @index: VFIO_PCI_BAR0_REGION_INDEX and so on, of <linux/vfio.h>
 * @region: filled in
 *
 * For what the library does not wrap, with ism_device_fd().
 *
 * Return: 0 or a negative errno: -EBADF while the handle is not open, the
 * kernel's when there is no such region.
 */
int ism_get_region(const struct ism *ism, unsigned int index,
		   struct ism_region *region)
{
	return get_region(ism_device_fd(ism), index, region);
}

static int get_regions(struct ism *ism)
{
	struct vfio *v = ism->priv;

	/* A region that the function does not have may be an error */
	for (unsigned int i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		get_region(v->fd.device, i, &v->region[i]);
	if (v->region[VFIO_PCI_BAR0_REGION_INDEX].size >> ISM_TOKEN_BITS &&
	    v->region[VFIO_PCI_BAR2_REGION_INDEX].size >= ISM_WINDOW &&
	    v->region[VFIO_PCI_CONFIG_REGION_INDEX].size)
		return 0;
	return ism_fail(ism, ENODEV,
			"not an ISM function: BAR0 or BAR2 is missing or too small");
}

/* Interrupts */

int ism_vfio_set_irq(struct ism *ism, enum ism_irq irq, int fd)
{
	static const unsigned int index[ISM_IRQS] = {
		[ISM_IRQ_MSI] = VFIO_PCI_MSI_IRQ_INDEX,
		[ISM_IRQ_ERR] = VFIO_PCI_ERR_IRQ_INDEX,
		[ISM_IRQ_REQ] = VFIO_PCI_REQ_IRQ_INDEX,
	};
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} u = {
		.set = {
			.argsz = sizeof(u.bytes),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index[irq],
			.count = 1,
		},
	};
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = index[irq],
	};
	struct vfio *v = ism->priv;
	int32_t efd = fd;

	if (ioctl(v->fd.device, VFIO_DEVICE_GET_IRQ_INFO, &info) || !info.count)
		return -ENOTTY;
	memcpy(u.bytes + offsetof(struct vfio_irq_set, data), &efd, sizeof(efd));
	return ioctl(v->fd.device, VFIO_DEVICE_SET_IRQS, &u) ? -errno : 0;
}

/**
 * ism_vfio_open() - open a function by its files
 * @ism: closed handle with a name
 * @nodes: of the function; they become the handle's if this works, and are
 *	closed if it fails
 * @get_device: how one of the two interfaces gets at the device
 *
 * Return: 0 or a negative errno, with everything given back.
 */
int ism_vfio_open(struct ism *ism, const struct ism_nodes *nodes,
		  int (*get_device)(struct ism *ism))
{
	struct vfio *v = calloc(1, sizeof(*v));
	struct ism_nodes mine = *nodes;
	int ret;

	if (!v) {
		ism_nodes_close(&mine);
		return ism_fail(ism, ENOMEM, "out of memory");
	}
	v->fd = mine;
	ism->priv = v;
	ism->maxstbl = nodes->maxstbl;
	ret = get_device(ism);
	if (!ret)
		ret = get_regions(ism);
	if (ret)
		ism_vfio_close(ism);
	return ret;
}
