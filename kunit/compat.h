/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites need from Linux 7.3 and older kernels do not have. Inside a
 * kernel tree this file and its #includes go.
 */
#ifndef ISM_VFIO_KUNIT_COMPAT_H
#define ISM_VFIO_KUNIT_COMPAT_H

#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

/*
 * Ask for region info as vfio does: by a callback of its own, or before there
 * was one by way of the user's memory at @user, which has room for it.
 */
#ifdef HAS_get_region_info_caps
static inline int
ism_kunit_compat_region_info(struct vfio_device *vdev, void __user *user,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps)
{
	return vdev->ops->get_region_info_caps(vdev, info, caps);
}
#else
static inline int
ism_kunit_compat_region_info(struct vfio_device *vdev, void __user *user,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps)
{
	struct vfio_info_cap_header *cap;
	long ret;

	info->argsz = PAGE_SIZE;
	if (copy_to_user(user, info, sizeof(*info)))
		return -EFAULT;

	ret = vdev->ops->ioctl(vdev, VFIO_DEVICE_GET_REGION_INFO,
			       (unsigned long)user);
	if (ret || copy_from_user(info, user, sizeof(*info)))
		return ret ?: -EFAULT;

	info->flags &= ~VFIO_REGION_INFO_FLAG_CAPS;
	if (!info->cap_offset)
		return 0;

	/* What vfio_info_cap_shift() did is undone */
	caps->size = PAGE_SIZE - info->cap_offset;
	caps->buf = memdup_user(user + info->cap_offset, caps->size);
	if (IS_ERR(caps->buf))
		return PTR_ERR(caps->buf);
	for (cap = caps->buf; cap->next; cap = (void *)caps->buf + cap->next)
		cap->next -= info->cap_offset;

	return 0;
}
#endif

#endif /* ISM_VFIO_KUNIT_COMPAT_H */
