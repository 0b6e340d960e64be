/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What main.c needs from Linux 7.3 and older kernels do not have. Inside a
 * kernel tree this file, its #include and the since_*() marks go.
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

/* In pci_ids.h since 6.15 */
#ifndef PCI_DEVICE_ID_IBM_ISM
#define PCI_DEVICE_ID_IBM_ISM 0x04ed
#endif

/* Around members of struct vfio_device_ops that came with that release */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define since_6_17(member) member,
#else
#define since_6_17(member)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define since_6_19(member) member,
#else
#define since_6_19(member)
#endif

/*
 * Before 6.19 VFIO_DEVICE_GET_REGION_INFO arrives in .ioctl with the user's
 * structure, and vfio-pci-core answers straight into it. These two make it
 * look like the newer .get_region_info_caps: the first hands the request to
 * main.c, the second stands for the core's helper that main.c calls for the
 * regions which it does not answer itself.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
struct ism_vfio_compat_caps {
	struct vfio_info_cap caps;
	unsigned long arg;
};

static int ism_vfio_get_region_info(struct vfio_device *core_vdev,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps);

static inline long
ism_vfio_compat_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
		      unsigned long arg)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct ism_vfio_compat_caps compat = { .arg = arg };
	struct vfio_region_info info;
	int ret;

	if (cmd != VFIO_DEVICE_GET_REGION_INFO)
		return vfio_pci_core_ioctl(core_vdev, cmd, arg);

	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	ret = ism_vfio_get_region_info(core_vdev, &info, &compat.caps);
	if (ret)
		return ret;

	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

static inline int
ism_vfio_compat_core_region_info(struct vfio_device *core_vdev,
				 struct vfio_region_info *info,
				 struct vfio_info_cap *caps)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct ism_vfio_compat_caps *compat =
		container_of(caps, struct ism_vfio_compat_caps, caps);
	u32 index = info->index;
	long ret;

	ret = vfio_pci_core_ioctl(core_vdev, VFIO_DEVICE_GET_REGION_INFO,
				  compat->arg);
	if (ret)
		return ret;

	if (copy_from_user(info, (void __user *)compat->arg, minsz))
		return -EFAULT;

	/* The user may have changed it since it was read first */
	info->index = index;
	return 0;
}

#define vfio_pci_core_ioctl ism_vfio_compat_ioctl
#define vfio_pci_ioctl_get_region_info ism_vfio_compat_core_region_info
#endif

#endif /* ISM_VFIO_COMPAT_H */
