// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci driver for ISM (Internal Shared Memory) functions on s390
 *
 * ISM moves data by PCI Store Block alone, through a BAR of 256 TiB that
 * cannot be mapped. vfio-pci reaches BARs with the memory-I/O (MIO)
 * instructions where the machine has them, but ISM knows only the older ones
 * that name a function by its handle. So this driver has its own BAR reads
 * (PCILG), BAR writes (PCISTB) and region offsets; the rest is
 * vfio-pci-core.
 */

#include <linux/cleanup.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>

#include <asm/pci_insn.h>
#include <asm/pci_io.h>

#include <kunit/visibility.h>

#include "compat.h"
#include "ism_vfio.h"

#include "insn.h"

VISIBLE_IF_KUNIT bool ism_vfio_other_functions;
EXPORT_SYMBOL_IF_KUNIT(ism_vfio_other_functions);
module_param_named(other_functions, ism_vfio_other_functions, bool, 0644);
MODULE_PARM_DESC(other_functions,
		 "Bind functions that are not ISM too, for tests. Each write is one PCISTB, which few of them take, and an MSI-X table in a BAR is open to the user");

static struct ism_vfio_device *to_ism_vfio(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct ism_vfio_device, core.vdev);
}

/* Error recovery may give the function a new handle at any time */
static u64 ism_vfio_req(struct ism_vfio_device *ism, u64 pos, unsigned int len)
{
	return ZPCI_CREATE_REQ(READ_ONCE(ism->zdev->fh),
			       ISM_VFIO_OFFSET_TO_INDEX(pos), len);
}

/* Loads of eight bytes, as many as fit in @len: most of a read, so a tight loop */
static int ism_vfio_load_doublewords(struct ism_vfio_device *ism, u64 pos,
				     u64 *data, size_t len)
{
	u64 offset = pos & ISM_VFIO_OFFSET_MASK;
	u64 req = ism_vfio_req(ism, pos, sizeof(u64));
	u64 *end = data + len / sizeof(u64);
	int ret;

	/* s390 is big endian as the BAR: no value needs conversion */
	for (; data < end; data++, offset += sizeof(u64)) {
		ret = ism_vfio_load(ism, data, req, offset);
		if (ret)
			return ret;
	}

	return round_down(len, sizeof(u64));
}

/*
 * One load of four bytes or less: the widest that is aligned and fits in @len.
 * Out of line, not to take registers from the loop above.
 */
static noinline int ism_vfio_load_part(struct ism_vfio_device *ism, u64 pos,
				       void *data, size_t len)
{
	unsigned int width = min(1U << __ffs(pos | sizeof(u32)),
				 rounddown_pow_of_two(min(len, sizeof(u32))));
	u64 value;
	int ret;

	ret = ism_vfio_load(ism, &value, ism_vfio_req(ism, pos, width),
			    pos & ISM_VFIO_OFFSET_MASK);
	if (ret)
		return ret;

	/* The value is on the right */
	memcpy(data, (void *)(&value + 1) - width, width);
	return width;
}

/* Gather @len bytes of a BAR by the widest loads that are aligned in it */
static int ism_vfio_gather(struct ism_vfio_device *ism, u64 pos, void *data,
			   size_t len)
{
	int ret;

	/*
	 * memory_lock keeps resets, and users who disable memory, away from
	 * loads. As in vfio-pci-core it is not held for user memory: a page
	 * fault may depend on a device whose reset waits for the lock.
	 */
	guard(rwsem_read)(&ism->core.memory_lock);

	if (!ism_vfio_memory_enabled(ism))
		return -EIO;

	for (; len; len -= ret, pos += ret, data += ret) {
		if (IS_ALIGNED(pos, sizeof(u64)) && len >= sizeof(u64))
			ret = ism_vfio_load_doublewords(ism, pos, data, len);
		else
			ret = ism_vfio_load_part(ism, pos, data, len);
		if (ret < 0)
			return ret;
	}

	return 0;
}

static int ism_vfio_store_block(struct ism_vfio_device *ism, u64 pos,
				const void *data, unsigned int len)
{
	/* As for loads: no reset and no disable during the instruction */
	guard(rwsem_read)(&ism->core.memory_lock);

	if (!ism_vfio_memory_enabled(ism))
		return -EIO;

	return ism_vfio_store(ism, data, ism_vfio_req(ism, pos, len),
			      pos & ISM_VFIO_OFFSET_MASK);
}

/*
 * How many of @count bytes at @pos lie in a BAR. The modulo is a mask, so that a
 * CPU which speculates stays in the array, too. For a region that is no BAR it
 * picks one that ends below @pos.
 */
static size_t ism_vfio_clip(struct ism_vfio_device *ism, u64 pos, size_t count)
{
	u64 end = ism->bar_end[ISM_VFIO_OFFSET_TO_INDEX(pos) %
			       ARRAY_SIZE(ism->bar_end)];

	return pos < end ? min(count, end - pos) : 0;
}

static int ism_vfio_read_value(struct ism_vfio_device *ism, u64 pos,
			       char __user *buf, size_t len)
{
	u64 value;
	int ret = -EIO;

	/* As in ism_vfio_gather() */
	scoped_guard(rwsem_read, &ism->core.memory_lock)
		if (ism_vfio_memory_enabled(ism))
			ret = ism_vfio_load(ism, &value,
					    ism_vfio_req(ism, pos, len),
					    pos & ISM_VFIO_OFFSET_MASK);
	if (ret)
		return ret;

	switch (len) {
	case 8:
		return put_user(value, (u64 __user *)buf);
	case 4:
		return put_user(value, (u32 __user *)buf);
	case 2:
		return put_user(value, (u16 __user *)buf);
	default:
		return put_user(value, (u8 __user *)buf);
	}
}

/*
 * Loads are gathered on the stack, so that a read needs no memory; the longest
 * answer of ISM has 200 bytes. memory_lock and the CPU are given up in between.
 */
static int ism_vfio_read_chunks(struct ism_vfio_device *ism, u64 pos,
				char __user *buf, size_t count)
{
	u64 data[256 / sizeof(u64)];
	size_t len;
	int ret;

	while (true) {
		/* A chunk ends where the next can begin with eight bytes */
		len = min(count, sizeof(data) - pos % sizeof(u64));
		ret = ism_vfio_gather(ism, pos, data, len);
		if (ret)
			return ret;
		if (copy_to_user(buf, data, len))
			return -EFAULT;

		count -= len;
		if (!count)
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		pos += len;
		buf += len;
	}
}

/*
 * No runtime PM here, unlike in vfio_pci_rw(): ISM has no low-power state,
 * and an open device keeps the reference that vfio_pci_core_enable() took.
 */
static int ism_vfio_bar_read(struct ism_vfio_device *ism, u64 pos,
			     char __user *buf, size_t count)
{
	/* The header of each answer of ISM is read by one load */
	if (count <= sizeof(u64) && is_power_of_2(count) &&
	    IS_ALIGNED(pos, count))
		return ism_vfio_read_value(ism, pos, buf, count);

	return ism_vfio_read_chunks(ism, pos, buf, count);
}

/* One write is one PCISTB, never split and never merged, or an error */
static int ism_vfio_bar_write(struct ism_vfio_device *ism, u64 pos,
			      const char __user *buf, size_t count)
{
	void *block;
	int ret;

	/*
	 * The limits that every function has. ISM needs no alignment, and a
	 * function that does refuses by itself, with -ENXIO.
	 */
	if (count > ism->maxstbl || pos % SZ_4K + count > SZ_4K)
		return -EINVAL;

	/* Whoever takes the spare block away, and leaves NULL, owns it */
	block = xchg(&ism->spare_block, NULL) ?:
		kmem_cache_alloc(ism->store_blocks, GFP_KERNEL);
	if (!block)
		return -ENOMEM;

	if (copy_from_user(block, buf, count))
		ret = -EFAULT;
	else
		ret = ism_vfio_store_block(ism, pos, block, count);

	if (cmpxchg(&ism->spare_block, NULL, block))
		kmem_cache_free(ism->store_blocks, block);
	return ret;
}

/* Config space, ROM and the rest: vfio-pci-core has them, in a layout of its own */
static noinline ssize_t ism_vfio_core_rw(struct vfio_device *core_vdev,
					 char __user *buf, size_t count,
					 loff_t *ppos, bool iswrite)
{
	struct vfio_region_info info = {
		.index = ISM_VFIO_OFFSET_TO_INDEX(*ppos),
	};
	u64 offset = *ppos & ISM_VFIO_OFFSET_MASK;
	struct vfio_info_cap caps = {};
	ssize_t ret;
	loff_t pos;

	if (!count)
		return 0;
	if (info.index <= VFIO_PCI_BAR5_REGION_INDEX)
		return -EINVAL;

	ret = vfio_pci_ioctl_get_region_info(core_vdev, &info, &caps);
	kfree(caps.buf);
	if (ret)
		return ret;
	if (offset >= info.size)
		return -EINVAL;

	pos = info.offset + offset;
	if (iswrite)
		ret = vfio_pci_core_write(core_vdev, buf, count, &pos);
	else
		ret = vfio_pci_core_read(core_vdev, buf, count, &pos);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static ssize_t ism_vfio_read(struct vfio_device *core_vdev, char __user *buf,
			     size_t count, loff_t *ppos)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	u64 pos = *ppos;
	size_t len = ism_vfio_clip(ism, pos, count);
	int ret;

	if (!len)
		return ism_vfio_core_rw(core_vdev, buf, count, ppos, false);

	ret = ism_vfio_bar_read(ism, pos, buf, len);
	if (ret)
		return ret;

	*ppos = pos + len;
	return len;
}

static ssize_t ism_vfio_write(struct vfio_device *core_vdev,
			      const char __user *buf, size_t count,
			      loff_t *ppos)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	u64 pos = *ppos;
	size_t len = ism_vfio_clip(ism, pos, count);
	int ret;

	if (!len)
		return ism_vfio_core_rw(core_vdev, (char __user *)buf, count,
					ppos, true);

	ret = ism_vfio_bar_write(ism, pos, buf, len);
	if (ret)
		return ret;

	*ppos = pos + len;
	return len;
}

static int ism_vfio_get_region_info(struct vfio_device *core_vdev,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	int ret = 0;

	if (info->index > VFIO_PCI_BAR5_REGION_INDEX) {
		ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
	} else {
		/* vfio-pci-core would offer mmap(), which no BAR here can */
		info->size = pci_resource_len(ism->core.pdev, info->index);
		info->flags = info->size ? VFIO_REGION_INFO_FLAG_READ |
					   VFIO_REGION_INFO_FLAG_WRITE : 0;
	}

	info->offset = ISM_VFIO_INDEX_TO_OFFSET(info->index);
	return ret;
}

static long ism_vfio_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			   unsigned long arg)
{
	/* vfio-pci-core would decode its offset by its own layout */
	if (cmd == VFIO_DEVICE_IOEVENTFD)
		return -ENOTTY;

	return vfio_pci_core_ioctl(core_vdev, cmd, arg);
}

static int ism_vfio_ioctl_feature(struct vfio_device *core_vdev, u32 flags,
				  void __user *arg, size_t argsz)
{
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
		/* ISM has no low-power state, see ism_vfio_bar_read() */
		return -ENOTTY;
	default:
		return vfio_pci_core_ioctl_feature(core_vdev, flags, arg,
						   argsz);
	}
}

static int ism_vfio_open_device(struct vfio_device *core_vdev)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	int ret;

	ret = vfio_pci_core_enable(&ism->core);
	if (ret)
		return ret;

	vfio_pci_core_finish_enable(&ism->core);
	return 0;
}

static void ism_vfio_close_device(struct vfio_device *core_vdev)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	void *block;

	vfio_pci_core_close_device(core_vdev);

	/* A cache with an object in use cannot be destroyed */
	block = xchg(&ism->spare_block, NULL);
	if (block)
		kmem_cache_free(ism->store_blocks, block);
}

static int ism_vfio_init_dev(struct vfio_device *core_vdev)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	unsigned int bar;
	int ret;

	ret = vfio_pci_core_init_dev(core_vdev);
	if (ret)
		return ret;

	ism->zdev = to_zpci(ism->core.pdev);
	ism->maxstbl = ism->zdev->maxstbl;
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		ism->bar_end[bar] = ISM_VFIO_INDEX_TO_OFFSET(bar) +
				    pci_resource_len(ism->core.pdev, bar);
	return 0;
}

/* No .mmap: vfio refuses mmap() with -EINVAL, and that is right for ISM */
VISIBLE_IF_KUNIT const struct vfio_device_ops ism_vfio_ops = {
	.name		= KBUILD_MODNAME,
	.init		= ism_vfio_init_dev,
	.release	= vfio_pci_core_release_dev,
	.open_device	= ism_vfio_open_device,
	.close_device	= ism_vfio_close_device,
	.ioctl		= ism_vfio_ioctl,
#ifdef HAS_get_region_info_caps
	.get_region_info_caps = ism_vfio_get_region_info,
#endif
	.device_feature	= ism_vfio_ioctl_feature,
	.read		= ism_vfio_read,
	.write		= ism_vfio_write,
	.request	= vfio_pci_core_request,
	.match		= vfio_pci_core_match,
#ifdef HAS_match_token_uuid
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#endif
	.bind_iommufd	= vfio_iommufd_physical_bind,
	.unbind_iommufd	= vfio_iommufd_physical_unbind,
	.attach_ioas	= vfio_iommufd_physical_attach_ioas,
	.detach_ioas	= vfio_iommufd_physical_detach_ioas,
};
EXPORT_SYMBOL_IF_KUNIT(ism_vfio_ops);

static ssize_t maxstbl_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", to_ism_vfio(&core->vdev)->maxstbl);
}
static DEVICE_ATTR_RO(maxstbl);

static struct attribute *ism_vfio_attrs[] = {
	&dev_attr_maxstbl.attr,
	NULL
};

static const struct attribute_group ism_vfio_group = {
	.name	= "ism_vfio",
	.attrs	= ism_vfio_attrs,
};
__ATTRIBUTE_GROUPS(ism_vfio);

static int ism_vfio_check(struct pci_dev *pdev)
{
	unsigned int bar;

	if ((pdev->vendor != PCI_VENDOR_ID_IBM ||
	     pdev->device != PCI_DEVICE_ID_IBM_ISM) &&
	    !ism_vfio_other_functions) {
		pci_err(pdev, "is not an ISM function; only tests bind others, by the module's parameter other_functions\n");
		return -ENODEV;
	}

	/* A cache of objects without a size would be a division by zero */
	if (!to_zpci(pdev)->maxstbl) {
		pci_err(pdev, "cannot be written: its maximum store block length is 0\n");
		return -EINVAL;
	}

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (pci_resource_len(pdev, bar) > BIT_ULL(ISM_VFIO_OFFSET_SHIFT)) {
			pci_err(pdev, "BAR%u is larger than the 2^%u bytes of a region\n",
				bar, ISM_VFIO_OFFSET_SHIFT);
			return -EINVAL;
		}
	}

	return 0;
}

static int ism_vfio_create_cache(struct ism_vfio_device *ism)
{
	struct kmem_cache_args args = {
		.align = PAGE_SIZE, /* an operand must not cross a page */
		.usersize = ism->maxstbl, /* for hardened usercopy */
	};
	char name[sizeof("ism_sb_fid_00000000")];

	/*
	 * How many objects there are is the users' doing, so they pay for
	 * them. Not SLAB_TEMPORARY: one lives as long as the device is open.
	 */
	snprintf(name, sizeof(name), "ism_sb_fid_%08x", ism->zdev->fid);
	ism->store_blocks = kmem_cache_create(name, ism->maxstbl, &args,
					      SLAB_ACCOUNT);
	return ism->store_blocks ? 0 : -ENOMEM;
}

static int ism_vfio_pci_probe(struct pci_dev *pdev,
			      const struct pci_device_id *id)
{
	struct ism_vfio_device *ism;
	int ret;

	ret = ism_vfio_check(pdev);
	if (ret)
		return ret;

	ism = vfio_alloc_device(ism_vfio_device, core.vdev, &pdev->dev,
				&ism_vfio_ops);
	if (IS_ERR(ism))
		return PTR_ERR(ism);

	dev_set_drvdata(&pdev->dev, &ism->core);

	ret = ism_vfio_create_cache(ism);
	if (ret)
		goto put;

	ret = vfio_pci_core_register_device(&ism->core);
	if (!ret)
		return 0;

	kmem_cache_destroy(ism->store_blocks);
put:
	vfio_put_device(&ism->core.vdev);
	return ret;
}

static void ism_vfio_pci_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);
	struct ism_vfio_device *ism = to_ism_vfio(&core->vdev);

	/*
	 * This waits until nobody has the device open. The cache is not left to
	 * .release, for which a task that failed to open() may be late: that
	 * must not sleep, and the next probe needs the cache's name.
	 */
	vfio_pci_core_unregister_device(&ism->core);
	kmem_cache_destroy(ism->store_blocks);
	vfio_put_device(&ism->core.vdev);
}

static const struct pci_device_id ism_vfio_pci_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_IBM,
					  PCI_DEVICE_ID_IBM_ISM) },
	{}
};
MODULE_DEVICE_TABLE(pci, ism_vfio_pci_table);

/* .name is the module's, which is how driverctl finds one by the other */
VISIBLE_IF_KUNIT struct pci_driver ism_vfio_pci_driver = {
	.name			= KBUILD_MODNAME,
	.id_table		= ism_vfio_pci_table,
	.probe			= ism_vfio_pci_probe,
	.remove			= ism_vfio_pci_remove,
	.dev_groups		= ism_vfio_groups,
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
EXPORT_SYMBOL_IF_KUNIT(ism_vfio_pci_driver);
module_pci_driver(ism_vfio_pci_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("vfio-pci driver for s390 ISM functions");
MODULE_VERSION(ISM_VFIO_VERSION);
