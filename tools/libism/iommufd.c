// SPDX-License-Identifier: MIT
/*
 * libism: the device's own node and iommufd, vfio's second interface
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/vfio.h>
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#endif
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error.h"
#include "iommufd.h"
#include "sysfs.h"
#include "vfio.h"

/* Not in the headers of Linux 6.5 and older */
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

static int get_ranges(struct ism *ism)
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
		ism_vfio_add_range(ism, r[i].start, r[i].last);
	return 0;
}

static int bind_device(struct ism *ism)
{
	struct vfio *v = ism->priv;
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = v->fd.iommu,
	};

	if (!ism_vfio_ioctl(v->fd.device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return 0;
	/* A node opens as often as you like; its second bind is EINVAL */
	if (errno == EINVAL || errno == EBUSY)
		return ism_fail(ism, EBUSY, "another process has the function");
	return ism_vfio_fail(ism, "bind it to iommufd");
}

static int attach(struct ism *ism)
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
static int find_node(const struct ism *ism, char *path, size_t len)
{
	char dir[PATH_MAX];
	struct dirent *e;
	int ret = -ENOENT;
	DIR *d;

	if (ism_sysfs_path(ism, "vfio-dev", dir, sizeof(dir)))
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

/**
 * ism_iommufd_usable() - whether a function can be opened so
 * @ism: handle with a name
 *
 * Return: whether the function has a node, and the system iommufd.
 */
bool ism_iommufd_usable(const struct ism *ism)
{
	char node[PATH_MAX];

	return !find_node(ism, node, sizeof(node)) &&
	       !access(node, F_OK) && !access("/dev/iommu", F_OK);
}

static int iommufd_nodes(struct ism *ism, struct ism_nodes *nodes)
{
	char node[PATH_MAX];
	int ret;

	ret = find_node(ism, node, sizeof(node));
	if (ret)
		return ism_fail(ism, -ret,
				"it has no vfio device node: the kernel lacks CONFIG_VFIO_DEVICE_CDEV");
	ret = ism_vfio_node(ism, "/dev/iommu", &nodes->iommu);
	if (!ret)
		ret = ism_vfio_node(ism, node, &nodes->device);
	return ret;
}

static int get_device(struct ism *ism)
{
	int ret;

	ret = bind_device(ism);
	if (!ret)
		ret = attach(ism);
	if (!ret)
		ret = get_ranges(ism);
	return ret;
}

static int iommufd_open(struct ism *ism, const struct ism_nodes *nodes)
{
	return ism_vfio_open(ism, nodes, get_device);
}

const struct ism_transport ism_iommufd = {
	.name = "iommufd",
	.nodes = iommufd_nodes,
	.open = iommufd_open,
	.load = ism_vfio_load,
	.store = ism_vfio_store,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.reset = ism_vfio_reset,
	.enable = ism_vfio_enable,
	.set_irq = ism_vfio_set_irq,
	.fd = ism_vfio_fd,
	.close = ism_vfio_close,
};

#else

bool ism_iommufd_usable(const struct ism *ism)
{
	(void)ism;
	return false;
}

static int iommufd_nodes(struct ism *ism, struct ism_nodes *nodes)
{
	(void)nodes;
	return ism_fail(ism, ENOTSUP,
			"this libism was built with kernel headers that lack iommufd");
}

static int iommufd_open(struct ism *ism, const struct ism_nodes *nodes)
{
	struct ism_nodes mine = *nodes;

	ism_nodes_close(&mine);
	return iommufd_nodes(ism, &mine);
}

const struct ism_transport ism_iommufd = {
	.name = "iommufd",
	.nodes = iommufd_nodes,
	.open = iommufd_open,
};

#endif
