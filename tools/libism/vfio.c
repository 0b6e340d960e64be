// SPDX-License-Identifier: MIT
/*
 * libism over vfio: the device's own node with iommufd, or group and container
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

#define SYSFS "/sys/bus/pci/devices"
#define TRIES	100
#define PAUSE_US	10000

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

static void vfio_close(struct ism *ism)
{
	struct vfio *v = ism->priv;

	ism_nodes_close(&v->fd);
	free(v);
	ism->priv = NULL;
}

/* Regions */

static int vfio_load(struct ism *ism, int bar, uint64_t offset, void *buf,
		     size_t len)
{
	struct vfio *v = ism->priv;
	ssize_t n;

	n = pread(v->fd.device, buf, len, (off_t)(v->region[bar].offset + offset));
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static ssize_t vfio_store(struct ism *ism, int bar, uint64_t offset,
			  const struct iovec *iov, int n)
{
	struct vfio *v = ism->priv;
	ssize_t ret;

	ret = pwritev(v->fd.device, iov, n, (off_t)(v->region[bar].offset + offset));
	return ret < 0 ? -errno : ret;
}

static int vfio_config_command(struct vfio *v, uint16_t *cmd, bool write)
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
static int vfio_enable(struct ism *ism)
{
	struct vfio *v = ism->priv;
	uint16_t cmd;
	int ret;

	ret = vfio_config_command(v, &cmd, false);
	if (!ret) {
		cmd |= htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		ret = vfio_config_command(v, &cmd, true);
	}
	if (ret)
		return ism_fail(ism, -ret,
				"cannot set the PCI command register: %s",
				strerror(-ret));
	return 0;
}

/*
 * The kernel does not wait while it handles an event of the function, of which
 * it may just have told us, or has only just found it: it answers EAGAIN, and to
 * a reset in between EIO
 */
static int patient_ioctl(int fd, unsigned long request, const void *arg)
{
	int ret, tries = TRIES;

	while ((ret = ioctl(fd, request, arg)) < 0 && --tries &&
	       (errno == EAGAIN || (errno == EIO && request == VFIO_DEVICE_RESET)))
		usleep(PAUSE_US);
	return ret;
}

static int vfio_reset(struct ism *ism)
{
	struct vfio *v = ism->priv;

	if (patient_ioctl(v->fd.device, VFIO_DEVICE_RESET, NULL))
		return ism_fail(ism, errno, "the kernel could not reset it: %s",
				strerror(errno));
	return 0;
}

static int vfio_fd(const struct ism *ism)
{
	const struct vfio *v = ism->priv;

	return v->fd.device;
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

static int vfio_get_regions(struct ism *ism)
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

static int vfio_set_irq(struct ism *ism, enum ism_irq irq, int fd)
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

/* What sysfs knows */

static int sysfs_path(char *path, size_t len, const struct ism *ism,
		      const char *name)
{
	int n = snprintf(path, len, SYSFS "/%s/%s", ism->name, name);

	return n < 0 || (size_t)n >= len ? -ENAMETOOLONG : 0;
}

/* The last part of a link's target, for instance a driver's or a group's name */
static int sysfs_link(const struct ism *ism, const char *name, char *buf,
		      size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t n;

	if (sysfs_path(path, sizeof(path), ism, name))
		return -ENAMETOOLONG;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) >= len)
		return -ENAMETOOLONG;
	strcpy(buf, base);
	return 0;
}

static int sysfs_number(const struct ism *ism, const char *name,
			unsigned int *value)
{
	char path[PATH_MAX];
	FILE *f;
	int n;

	if (sysfs_path(path, sizeof(path), ism, name))
		return -ENAMETOOLONG;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	n = fscanf(f, "%u", value);
	fclose(f);
	return n == 1 ? 0 : -EINVAL;
}

static int check_driver(struct ism *ism, unsigned int *maxstbl)
{
	char driver[64], path[PATH_MAX];
	int ret;

	ret = sysfs_path(path, sizeof(path), ism, "");
	if (ret || access(path, F_OK))
		return ism_fail(ism, ENODEV,
				"no such PCI function; see " SYSFS);
	if (sysfs_link(ism, "driver", driver, sizeof(driver)))
		return ism_fail(ism, ENODEV,
				"no driver is bound to it; 'ism-vfio bind %s' binds ism_vfio_pci",
				ism->name);
	ret = sysfs_number(ism, "ism_vfio/maxstbl", maxstbl);
	if (ret)
		return ism_fail(ism, ENODEV,
				"it is bound to %s; 'ism-vfio bind %s' binds ism_vfio_pci",
				driver, ism->name);
	return 0;
}

/* Opening a node is what needs rights */
static int open_node(struct ism *ism, const char *path, int *fd)
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

/*
 * The kernel takes a function out of service after an error that nobody
 * recovered it from
 */
static int device_failed(struct ism *ism, const char *what)
{
	int err = errno;

	if (err == ENODEV || err == EIO)
		return ism_fail(ism, err,
				"cannot %s: %s; if the kernel's log has an error of this function, 'echo 1 > " SYSFS "/%s/recover' and 'ism-vfio bind %s' bring it back",
				what, strerror(err), ism->name, ism->name);
	return ism_fail(ism, err, "cannot %s: %s", what, strerror(err));
}

static int add_range(struct ism *ism, uint64_t first, uint64_t last)
{
	if (ism->nr_ranges == ISM_RANGES)
		return -E2BIG;
	ism->ranges[ism->nr_ranges].first = first;
	ism->ranges[ism->nr_ranges].last = last;
	ism->nr_ranges++;
	return 0;
}

/* Group and container */

static int group_map(struct ism *ism, void *mem, size_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mem,
		.iova = iova,
		.size = len,
	};
	struct vfio *v = ism->priv;

	return ioctl(v->fd.iommu, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int group_unmap(struct ism *ism, uint64_t iova, size_t len)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = len,
	};
	struct vfio *v = ism->priv;

	return ioctl(v->fd.iommu, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

static int group_add_ranges(struct ism *ism, const struct vfio_iommu_type1_info *info,
			    uint32_t off)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;

	cap = (const void *)((const char *)info + off);
	for (uint32_t i = 0; i < cap->nr_iovas; i++) {
		const struct vfio_iova_range *r = &cap->iova_ranges[i];

		if ((const char *)(r + 1) > (const char *)info + info->argsz)
			return -EPROTO;
		if (add_range(ism, r->start, r->end))
			break;
	}
	return 0;
}

static int group_find_ranges(struct ism *ism, const struct vfio_iommu_type1_info *info)
{
	const struct vfio_info_cap_header *cap;
	uint32_t off = info->cap_offset;

	if (!(info->flags & VFIO_IOMMU_INFO_CAPS))
		return -ENODATA;
	while (off && off + sizeof(*cap) <= info->argsz) {
		cap = (const void *)((const char *)info + off);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return group_add_ranges(ism, info, off);
		if (cap->next <= off)
			break;
		off = cap->next;
	}
	return -ENODATA;
}

/* The kernel says in argsz how much room its answer with capabilities needs */
static int group_get_ranges(struct ism *ism)
{
	struct vfio_iommu_type1_info head = { .argsz = sizeof(head) };
	struct vfio *v = ism->priv;
	struct vfio_iommu_type1_info *info;
	int ret = -ENODATA;

	if (ioctl(v->fd.iommu, VFIO_IOMMU_GET_INFO, &head))
		return ism_fail(ism, errno, "cannot ask for the IOMMU's ranges: %s",
				strerror(errno));
	info = calloc(1, head.argsz);
	if (!info)
		return ism_fail(ism, ENOMEM, "out of memory");
	info->argsz = head.argsz;
	if (!ioctl(v->fd.iommu, VFIO_IOMMU_GET_INFO, info))
		ret = group_find_ranges(ism, info);
	free(info);
	if (ret)
		return ism_fail(ism, -ret,
				"the kernel does not tell the IOMMU's ranges");
	return 0;
}

static int group_nodes(struct ism *ism, struct ism_nodes *nodes)
{
	char group[32], path[64];
	int ret;

	if (sysfs_link(ism, "iommu_group", group, sizeof(group)))
		return ism_fail(ism, ENODEV,
				"it has no IOMMU group: the system has no IOMMU for it");
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	ret = open_node(ism, "/dev/vfio/vfio", &nodes->iommu);
	if (!ret)
		ret = open_node(ism, path, &nodes->group);
	return ret;
}

static int group_attach(struct ism *ism)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct vfio *v = ism->priv;

	if (ioctl(v->fd.iommu, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    !ioctl(v->fd.iommu, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU))
		return ism_fail(ism, ENOTSUP,
				"the kernel lacks the vfio type 1 v2 IOMMU (modprobe vfio_iommu_type1)");
	if (ioctl(v->fd.group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return ism_fail(ism, EPERM,
				"its group is not viable: bind each function of the group to a vfio driver");
	if (ioctl(v->fd.group, VFIO_GROUP_SET_CONTAINER, &v->fd.iommu))
		return ism_fail(ism, errno,
				"cannot put its group into a container: %s",
				strerror(errno));
	if (ioctl(v->fd.iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return ism_fail(ism, errno, "cannot set up the IOMMU: %s",
				strerror(errno));
	return 0;
}

static int group_open(struct ism *ism)
{
	struct vfio *v = ism->priv;
	int ret;

	ret = group_attach(ism);
	if (ret)
		return ret;
	v->fd.device = patient_ioctl(v->fd.group, VFIO_GROUP_GET_DEVICE_FD,
				     ism->name);
	if (v->fd.device < 0)
		return device_failed(ism, "get it from its group");
	return group_get_ranges(ism);
}

static const struct ism_transport group_transport = {
	.name = "group",
	.load = vfio_load,
	.store = vfio_store,
	.map = group_map,
	.unmap = group_unmap,
	.reset = vfio_reset,
	.enable = vfio_enable,
	.set_irq = vfio_set_irq,
	.fd = vfio_fd,
	.close = vfio_close,
};

/* Device node and iommufd; not in the headers of Linux 6.5 and older */

#if defined(IOMMU_IOAS_MAP) && defined(VFIO_DEVICE_BIND_IOMMUFD)

static int iommufd_map(struct ism *ism, void *mem, size_t len, uint64_t iova)
{
	struct vfio *v = ism->priv;
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = v->ioas,
		.user_va = (uintptr_t)mem,
		.length = len,
		.iova = iova,
	};

	return ioctl(v->fd.iommu, IOMMU_IOAS_MAP, &map) ? -errno : 0;
}

static int iommufd_unmap(struct ism *ism, uint64_t iova, size_t len)
{
	struct vfio *v = ism->priv;
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = v->ioas,
		.iova = iova,
		.length = len,
	};

	return ioctl(v->fd.iommu, IOMMU_IOAS_UNMAP, &unmap) ? -errno : 0;
}

static int iommufd_get_ranges(struct ism *ism)
{
	struct iommu_iova_range r[ISM_RANGES];
	struct vfio *v = ism->priv;
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = v->ioas,
		.num_iovas = ARRAY_SIZE(r),
		.allowed_iovas = (uintptr_t)r,
	};

	/* More than there is room for: those that came will do */
	if (ioctl(v->fd.iommu, IOMMU_IOAS_IOVA_RANGES, &cmd) && errno != EMSGSIZE)
		return ism_fail(ism, errno, "cannot ask for the IOMMU's ranges: %s",
				strerror(errno));
	for (uint32_t i = 0; i < cmd.num_iovas && i < ARRAY_SIZE(r); i++)
		add_range(ism, r[i].start, r[i].last);
	return 0;
}

static int iommufd_bind(struct ism *ism)
{
	struct vfio *v = ism->priv;
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = v->fd.iommu,
	};

	if (!patient_ioctl(v->fd.device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return 0;
	/* A node opens as often as you like; its second bind is EINVAL */
	if (errno == EINVAL || errno == EBUSY)
		return ism_fail(ism, EBUSY, "another process has the function");
	return device_failed(ism, "bind it to iommufd");
}

static int iommufd_attach(struct ism *ism)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	struct vfio *v = ism->priv;

	if (ioctl(v->fd.iommu, IOMMU_IOAS_ALLOC, &alloc))
		return ism_fail(ism, errno, "cannot make an IO address space: %s",
				strerror(errno));
	v->ioas = alloc.out_ioas_id;
	attach.pt_id = v->ioas;
	if (ioctl(v->fd.device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		return ism_fail(ism, errno,
				"cannot attach it to an IO address space: %s",
				strerror(errno));
	return 0;
}

/* The function's node: the one entry vfioN of its vfio-dev folder */
static int iommufd_node(const struct ism *ism, char *path, size_t len)
{
	char dir[PATH_MAX];
	struct dirent *e;
	int ret = -ENOENT;
	DIR *d;

	if (sysfs_path(dir, sizeof(dir), ism, "vfio-dev"))
		return -ENAMETOOLONG;
	d = opendir(dir);
	if (!d)
		return -errno;
	while (ret && (e = readdir(d))) {
		if (strncmp(e->d_name, "vfio", 4) != 0)
			continue;
		snprintf(path, len, "/dev/vfio/devices/%s", e->d_name);
		ret = 0;
	}
	closedir(d);
	return ret;
}

static bool iommufd_usable(const struct ism *ism)
{
	char node[PATH_MAX];

	return !iommufd_node(ism, node, sizeof(node)) &&
	       !access(node, F_OK) && !access("/dev/iommu", F_OK);
}

static int iommufd_nodes(struct ism *ism, struct ism_nodes *nodes)
{
	char node[PATH_MAX];
	int ret;

	ret = iommufd_node(ism, node, sizeof(node));
	if (ret)
		return ism_fail(ism, -ret,
				"it has no vfio device node: the kernel lacks CONFIG_VFIO_DEVICE_CDEV");
	ret = open_node(ism, "/dev/iommu", &nodes->iommu);
	if (!ret)
		ret = open_node(ism, node, &nodes->device);
	return ret;
}

static int iommufd_open(struct ism *ism)
{
	int ret;

	ret = iommufd_bind(ism);
	if (!ret)
		ret = iommufd_attach(ism);
	if (!ret)
		ret = iommufd_get_ranges(ism);
	return ret;
}

static const struct ism_transport iommufd_transport = {
	.name = "iommufd",
	.load = vfio_load,
	.store = vfio_store,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.reset = vfio_reset,
	.enable = vfio_enable,
	.set_irq = vfio_set_irq,
	.fd = vfio_fd,
	.close = vfio_close,
};

#else

static bool iommufd_usable(const struct ism *ism)
{
	(void)ism;
	return false;
}

static int iommufd_open(struct ism *ism)
{
	return ism_fail(ism, ENOTSUP,
			"this libism was built with kernel headers that lack iommufd");
}

static int iommufd_nodes(struct ism *ism, struct ism_nodes *nodes)
{
	(void)nodes;
	return iommufd_open(ism);
}

#define iommufd_transport group_transport

#endif

/**
 * ism_vfio_nodes() - open the nodes of a function
 * @ism: closed handle with a name
 * @how: interface to use
 * @nodes: filled in; for the caller to close also after an error
 *
 * Return: 0 or a negative errno.
 */
int ism_vfio_nodes(struct ism *ism, enum ism_iommu how, struct ism_nodes *nodes)
{
	int ret;

	ret = check_driver(ism, &nodes->maxstbl);
	if (ret)
		return ret;
	if (how == ISM_IOMMU_IOMMUFD ||
	    (how == ISM_IOMMU_AUTO && iommufd_usable(ism)))
		return iommufd_nodes(ism, nodes);
	return group_nodes(ism, nodes);
}

/**
 * ism_vfio_open() - open a function over vfio and bring the protocol up
 * @ism: closed handle with a name
 * @nodes: of the function; they become the handle's if this works, and are
 *	closed if it fails
 *
 * Return: 0 or a negative errno, with everything given back.
 */
int ism_vfio_open(struct ism *ism, struct ism_nodes *nodes)
{
	bool iommufd = nodes->group < 0;
	struct vfio *v;
	int ret;

	v = calloc(1, sizeof(*v));
	if (!v) {
		ism_nodes_close(nodes);
		return ism_fail(ism, ENOMEM, "out of memory");
	}
	v->fd = *nodes;
	ism->priv = v;
	ism->maxstbl = nodes->maxstbl;
	ret = iommufd ? iommufd_open(ism) : group_open(ism);
	if (!ret)
		ret = vfio_get_regions(ism);
	if (ret) {
		vfio_close(ism);
		return ret;
	}
	return ism_attach(ism, iommufd ? &iommufd_transport : &group_transport,
			  v);
}
