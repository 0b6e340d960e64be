// SPDX-License-Identifier: MIT
/*
 * libism: group and container, vfio's first interface
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "error.h"
#include "group.h"
#include "sysfs.h"
#include "vfio.h"

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

static int add_ranges(struct ism *ism, const struct vfio_iommu_type1_info *info,
		      uint32_t off)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;

	cap = (const void *)((const char *)info + off);
	for (uint32_t i = 0; i < cap->nr_iovas; i++) {
		const struct vfio_iova_range *r = &cap->iova_ranges[i];

		if ((const char *)(r + 1) > (const char *)info + info->argsz)
			return -EPROTO;
		if (ism_vfio_add_range(ism, r->start, r->end))
			break;
	}
	return 0;
}

static int find_ranges(struct ism *ism, const struct vfio_iommu_type1_info *info)
{
	const struct vfio_info_cap_header *cap;
	uint32_t off = info->cap_offset;

	if (!(info->flags & VFIO_IOMMU_INFO_CAPS))
		return -ENODATA;
	while (off && off + sizeof(*cap) <= info->argsz) {
		cap = (const void *)((const char *)info + off);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return add_ranges(ism, info, off);
		if (cap->next <= off)
			break;
		off = cap->next;
	}
	return -ENODATA;
}

/* The kernel says in argsz how much room its answer with capabilities needs */
static int get_ranges(struct ism *ism)
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
		ret = find_ranges(ism, info);
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

	if (ism_sysfs_link(ism, "iommu_group", group, sizeof(group)))
		return ism_fail(ism, ENODEV,
				"it has no IOMMU group: the system has no IOMMU for it");
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	ret = ism_vfio_node(ism, "/dev/vfio/vfio", &nodes->iommu);
	if (!ret)
		ret = ism_vfio_node(ism, path, &nodes->group);
	return ret;
}

static int attach(struct ism *ism)
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

static int get_device(struct ism *ism)
{
	struct vfio *v = ism->priv;
	int ret;

	ret = attach(ism);
	if (ret)
		return ret;
	v->fd.device = ism_vfio_ioctl(v->fd.group, VFIO_GROUP_GET_DEVICE_FD,
				      ism->name);
	if (v->fd.device < 0)
		return ism_vfio_fail(ism, "get it from its group");
	return get_ranges(ism);
}

static int group_open(struct ism *ism, const struct ism_nodes *nodes)
{
	return ism_vfio_open(ism, nodes, get_device);
}

const struct ism_transport ism_group = {
	.name = "group",
	.nodes = group_nodes,
	.open = group_open,
	.load = ism_vfio_load,
	.store = ism_vfio_store,
	.map = group_map,
	.unmap = group_unmap,
	.reset = ism_vfio_reset,
	.enable = ism_vfio_enable,
	.set_irq = ism_vfio_set_irq,
	.fd = ism_vfio_fd,
	.close = ism_vfio_close,
};
