/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What main.c needs from Linux 7.3 and older kernels do not have. Inside a
 * kernel tree that has it all this file and its #include go, and so do err.c
 * and err.h.
 *
 * A kernel is asked for each thing and not for its version, because
 * distributions take parts of newer kernels into older ones: Kbuild looks into
 * the kernel's headers and defines HAS_<name>. Should it be mistaken, the driver
 * does not build: what stands in for a function of the kernel has its name here,
 * and clashes with its declaration.
 */
#ifndef ISM_VFIO_COMPAT_H
#define ISM_VFIO_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "ism-vfio-pci needs Linux 6.12 or newer"
#endif

#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>

#include "err.h"

/* In pci_ids.h since 6.15 */
#ifndef PCI_DEVICE_ID_IBM_ISM
#define PCI_DEVICE_ID_IBM_ISM 0x04ed
#endif

/*
 * Who has this function calls the member of that name in each driver's ops.
 * The driver must not build without the member there.
 */
#ifndef HAS_match_token_uuid
static const bool vfio_pci_core_match_token_uuid __maybe_unused;
#endif

/* Without error events in the core, err.c adds them */
#ifndef HAS_VFIO_DEVICE_FEATURE_ZPCI_ERROR
#define vfio_pci_core_ioctl ism_vfio_err_ioctl
#define vfio_pci_core_close_device ism_vfio_err_close_device
#define vfio_pci_core_err_handlers ism_vfio_err_handlers
#elif !defined(VFIO_DEVICE_FEATURE_ZPCI_ERROR)
#error "Kbuild saw error events, but vfio-pci-core has none"
#endif

/*
 * Before get_region_info_caps, VFIO_DEVICE_GET_REGION_INFO arrives in .ioctl with
 * the user's structure, and vfio-pci-core answers straight into it. These two
 * make it look like the newer callback: the second hands the request to main.c,
 * and the first stands for the core's function that main.c calls.
 */
#ifndef HAS_get_region_info_caps
static int ism_vfio_get_region_info(struct vfio_device *core_vdev,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps);

/* The core itself checks whether there is a ROM and VGA, and where they end */
static inline u64 ism_vfio_compat_size(struct vfio_pci_core_device *core,
				       u32 index)
{
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		return core->pdev->cfg_size;
	if (index < VFIO_PCI_NUM_REGIONS)
		return VFIO_PCI_OFFSET_MASK + 1;

	index -= VFIO_PCI_NUM_REGIONS;
	return index < core->num_regions ? core->region[index].size : 0;
}

/* @caps->buf is the user's structure, or NULL if the driver itself asks */
static inline int vfio_pci_ioctl_get_region_info(struct vfio_device *core_vdev,
						 struct vfio_region_info *info,
						 struct vfio_info_cap *caps)
{
	struct vfio_pci_core_device *core =
		container_of(core_vdev, struct vfio_pci_core_device, vdev);
	unsigned long arg = (unsigned long)caps->buf;
	u32 index = info->index;
	long ret;

	if (!arg) {
		info->size = ism_vfio_compat_size(core, index);
		info->offset = VFIO_PCI_INDEX_TO_OFFSET(index);
		return 0;
	}

	ret = vfio_pci_core_ioctl(core_vdev, VFIO_DEVICE_GET_REGION_INFO, arg);
	if (ret)
		return ret;
	if (copy_from_user(info, (void __user *)arg, sizeof(*info)))
		return -EFAULT;

	/* The user may have changed it since it was read first */
	info->index = index;
	return 0;
}

static inline long ism_vfio_compat_ioctl(struct vfio_device *core_vdev,
					 unsigned int cmd, unsigned long arg)
{
	struct vfio_info_cap caps = { .buf = (void *)arg };
	struct vfio_region_info info;
	int ret;

	if (cmd != VFIO_DEVICE_GET_REGION_INFO)
		return vfio_pci_core_ioctl(core_vdev, cmd, arg);

	if (copy_from_user(&info, (void __user *)arg, sizeof(info)))
		return -EFAULT;
	if (info.argsz < sizeof(info))
		return -EINVAL;

	ret = ism_vfio_get_region_info(core_vdev, &info, &caps);
	if (ret)
		return ret;

	return copy_to_user((void __user *)arg, &info, sizeof(info)) ? -EFAULT : 0;
}

#undef vfio_pci_core_ioctl
#define vfio_pci_core_ioctl ism_vfio_compat_ioctl
#endif

#endif /* ISM_VFIO_COMPAT_H */
