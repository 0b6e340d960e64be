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
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/vfio_pci_core.h>

#include <asm/pci_insn.h>
#include <asm/pci_io.h>

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include "compat.h"
#include "ism_vfio.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static struct ism_vfio_device *to_ism_vfio(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct ism_vfio_device, core.vdev);
}

/* The two instructions. Tests put a function of their own in their place. */
VISIBLE_IF_KUNIT int ism_vfio_pcilg(u64 *data, u64 req, u64 offset)
{
	KUNIT_STATIC_STUB_REDIRECT(ism_vfio_pcilg, data, req, offset);
	return __zpci_load(data, req, offset);
}
EXPORT_SYMBOL_IF_KUNIT(ism_vfio_pcilg);

VISIBLE_IF_KUNIT int ism_vfio_pcistb(const void *data, u64 req, u64 offset)
{
	KUNIT_STATIC_STUB_REDIRECT(ism_vfio_pcistb, data, req, offset);
	return __zpci_store_block(data, req, offset);
}
EXPORT_SYMBOL_IF_KUNIT(ism_vfio_pcistb);

/* Error recovery may give the function a new handle at any time */
static u64 ism_vfio_req(struct zpci_dev *zdev, unsigned int bar,
			unsigned int len)
{
	return ZPCI_CREATE_REQ(READ_ONCE(zdev->fh), bar, len);
}

/* PCILG returns a value; user space wants the bytes as they lie in the BAR */
static void ism_vfio_put_value(u64 value, void *data, unsigned int len)
{
	switch (len) {
	case 8:
		put_unaligned_be64(value, data);
		break;
	case 4:
		put_unaligned_be32(value, data);
		break;
	case 2:
		put_unaligned_be16(value, data);
		break;
	default:
		*(u8 *)data = value;
	}
}

static int ism_vfio_load(struct ism_vfio_device *ism, unsigned int bar,
			 u64 offset, void *data, unsigned int len)
{
	struct zpci_dev *zdev = to_zpci(ism->core.pdev);
	u64 value;
	int ret;

	ret = ism_vfio_pcilg(&value, ism_vfio_req(zdev, bar, len), offset);
	trace_ism_vfio_load(zdev->fid, bar, offset, len, ret);
	if (!ret)
		ism_vfio_put_value(value, data, len);

	return ret;
}

/* Gather @len bytes of a BAR by the widest loads that are aligned in it */
static int ism_vfio_gather(struct ism_vfio_device *ism, unsigned int bar,
			   u64 offset, void *data, size_t len)
{
	unsigned int width;
	int ret;

	/*
	 * memory_lock keeps a reset, and a user who disables memory, away
	 * while loads are under way. As in vfio-pci-core it is not held
	 * while user memory is accessed: a page fault there may depend on
	 * a device whose reset waits for it.
	 */
	guard(rwsem_read)(&ism->core.memory_lock);

	if (!__vfio_pci_memory_enabled(&ism->core))
		return -EIO;

	for (; len; len -= width, offset += width, data += width) {
		width = min(1U << __ffs(offset | sizeof(u64)),
			    rounddown_pow_of_two(min(len, sizeof(u64))));
		ret = ism_vfio_load(ism, bar, offset, data, width);
		if (ret)
			return ret;
	}

	return 0;
}

static int ism_vfio_store_block(struct ism_vfio_device *ism, unsigned int bar,
				u64 offset, const void *data, unsigned int len)
{
	struct zpci_dev *zdev = to_zpci(ism->core.pdev);
	int ret;

	/* As for loads: no reset and no disable during the instruction */
	guard(rwsem_read)(&ism->core.memory_lock);

	if (!__vfio_pci_memory_enabled(&ism->core))
		return -EIO;

	ret = ism_vfio_pcistb(data, ism_vfio_req(zdev, bar, len), offset);
	trace_ism_vfio_store_block(zdev->fid, bar, offset, len, ret);

	return ret;
}

/* How much of @count at @offset a BAR has: 0 behind its end and without one */
static size_t ism_vfio_clip(struct ism_vfio_device *ism, unsigned int bar,
			    u64 offset, size_t count)
{
	u64 len = pci_resource_len(ism->core.pdev, bar);

	return offset < len ? min(count, len - offset) : 0;
}

/*
 * No runtime PM here, unlike in vfio_pci_rw(): ISM has no low-power state,
 * and an open device keeps the reference that vfio_pci_core_enable() took.
 */
static ssize_t ism_vfio_bar_read(struct ism_vfio_device *ism,
				 char __user *buf, size_t count, loff_t *ppos)
{
	unsigned int bar = ISM_VFIO_OFFSET_TO_INDEX(*ppos);
	u64 offset = *ppos & ISM_VFIO_OFFSET_MASK;
	size_t done, len;
	void *data;
	int ret = 0;

	count = ism_vfio_clip(ism, bar, offset, count);
	if (!count)
		return -EINVAL;

	data = kmem_cache_alloc(ism->store_blocks, GFP_KERNEL);
	if (!data)
		return -ENOMEM;

	for (done = 0; !ret && done < count; done += len, offset += len) {
		/* End where a load of eight bytes can go on */
		len = min(count - done,
			  round_down(offset + ism->block_size, sizeof(u64)) -
			  offset);
		ret = ism_vfio_gather(ism, bar, offset, data, len);
		if (!ret && copy_to_user(buf + done, data, len))
			ret = -EFAULT;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}

	kmem_cache_free(ism->store_blocks, data);
	if (ret)
		return ret;

	*ppos += count;
	return count;
}

/* One write is one PCISTB, never split and never merged, or an error */
static ssize_t ism_vfio_bar_write(struct ism_vfio_device *ism,
				  const char __user *buf, size_t count,
				  loff_t *ppos)
{
	unsigned int bar = ISM_VFIO_OFFSET_TO_INDEX(*ppos);
	u64 offset = *ppos & ISM_VFIO_OFFSET_MASK;
	void *data;
	int ret;

	count = ism_vfio_clip(ism, bar, offset, count);
	if (!count)
		return -EINVAL;

	/*
	 * The limits that every function has. How offset and length must be
	 * aligned differs (ISM does not care): the function itself answers
	 * for that, with -ENXIO.
	 */
	if (count > ism->maxstbl || offset % SZ_4K + count > SZ_4K)
		return -EINVAL;

	data = kmem_cache_alloc(ism->store_blocks, GFP_KERNEL);
	if (!data)
		return -ENOMEM;

	if (copy_from_user(data, buf, count))
		ret = -EFAULT;
	else
		ret = ism_vfio_store_block(ism, bar, offset, data, count);

	kmem_cache_free(ism->store_blocks, data);
	if (ret)
		return ret;

	*ppos += count;
	return count;
}

/*
 * Config space, ROM and all that is not a BAR: vfio-pci-core, which packs
 * index and offset more tightly than we do.
 */
static ssize_t ism_vfio_core_rw(struct vfio_device *core_vdev,
				char __user *buf, size_t count, loff_t *ppos,
				bool iswrite)
{
	u64 index = ISM_VFIO_OFFSET_TO_INDEX(*ppos);
	u64 offset = *ppos & ISM_VFIO_OFFSET_MASK;
	loff_t pos = VFIO_PCI_INDEX_TO_OFFSET(index) | offset;
	ssize_t ret;

	if (offset > VFIO_PCI_OFFSET_MASK)
		return -EINVAL;

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
	if (!count)
		return 0;

	if (ISM_VFIO_OFFSET_TO_INDEX(*ppos) > VFIO_PCI_BAR5_REGION_INDEX)
		return ism_vfio_core_rw(core_vdev, buf, count, ppos, false);

	return ism_vfio_bar_read(to_ism_vfio(core_vdev), buf, count, ppos);
}

static ssize_t ism_vfio_write(struct vfio_device *core_vdev,
			      const char __user *buf, size_t count,
			      loff_t *ppos)
{
	if (!count)
		return 0;

	if (ISM_VFIO_OFFSET_TO_INDEX(*ppos) > VFIO_PCI_BAR5_REGION_INDEX)
		return ism_vfio_core_rw(core_vdev, (char __user *)buf, count,
					ppos, true);

	return ism_vfio_bar_write(to_ism_vfio(core_vdev), buf, count, ppos);
}

static int ism_vfio_get_region_info(struct vfio_device *core_vdev,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	int ret;

	if (info->index > VFIO_PCI_BAR5_REGION_INDEX) {
		ret = vfio_pci_ioctl_get_region_info(core_vdev, info, caps);
		if (ret)
			return ret;
	} else {
		/* Whatever vfio-pci-core thinks of it, no BAR can be mapped */
		info->size = pci_resource_len(ism->core.pdev, info->index);
		info->flags = info->size ? VFIO_REGION_INFO_FLAG_READ |
					   VFIO_REGION_INFO_FLAG_WRITE : 0;
	}

	info->offset = ISM_VFIO_INDEX_TO_OFFSET(info->index);
	return 0;
}

static long ism_vfio_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			   unsigned long arg)
{
	/*
	 * vfio-pci-core would decode its offset with a shift of 40, and would
	 * not perform a PCISTB.
	 */
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

static int ism_vfio_create_cache(struct ism_vfio_device *ism)
{
	struct zpci_dev *zdev = to_zpci(ism->core.pdev);
	struct kmem_cache_args args = {
		/* The operand of a PCISTB must not cross a page */
		.align = PAGE_SIZE,
	};
	char name[sizeof("ism_sb_fid_00000000")];

	ism->maxstbl = zdev->maxstbl;
	/* Reads gather in it too, eight bytes at a time */
	ism->block_size = max(ism->maxstbl, sizeof(u64));
	args.usersize = ism->block_size;

	/*
	 * Users decide how many blocks there are at a time, so they are
	 * accounted to them. SLAB_TEMPORARY, for objects that live as long
	 * as a system call, is SLAB_RECLAIM_ACCOUNT by another name and
	 * wants no shrinker.
	 */
	snprintf(name, sizeof(name), "ism_sb_fid_%08x", zdev->fid);
	ism->store_blocks = kmem_cache_create(name, ism->block_size, &args,
					      SLAB_ACCOUNT | SLAB_TEMPORARY);
	return ism->store_blocks ? 0 : -ENOMEM;
}

static int ism_vfio_init_dev(struct vfio_device *core_vdev)
{
	int ret;

	ret = vfio_pci_core_init_dev(core_vdev);
	if (ret)
		return ret;

	ret = ism_vfio_create_cache(to_ism_vfio(core_vdev));
	if (ret)
		vfio_pci_core_release_dev(core_vdev);

	return ret;
}

/* Called when the last reference is gone: nobody uses the cache any more */
static void ism_vfio_release_dev(struct vfio_device *core_vdev)
{
	kmem_cache_destroy(to_ism_vfio(core_vdev)->store_blocks);
	vfio_pci_core_release_dev(core_vdev);
}

/* No .mmap: vfio refuses mmap() with -EINVAL, and that is right for ISM */
VISIBLE_IF_KUNIT const struct vfio_device_ops ism_vfio_ops = {
	.name		= KBUILD_MODNAME,
	.init		= ism_vfio_init_dev,
	.release	= ism_vfio_release_dev,
	.open_device	= ism_vfio_open_device,
	.close_device	= vfio_pci_core_close_device,
	.ioctl		= ism_vfio_ioctl,
	since_6_19(.get_region_info_caps = ism_vfio_get_region_info)
	.device_feature	= ism_vfio_ioctl_feature,
	.read		= ism_vfio_read,
	.write		= ism_vfio_write,
	.request	= vfio_pci_core_request,
	.match		= vfio_pci_core_match,
	since_6_17(.match_token_uuid = vfio_pci_core_match_token_uuid)
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

	if (pdev->vendor != PCI_VENDOR_ID_IBM ||
	    pdev->device != PCI_DEVICE_ID_IBM_ISM)
		pci_warn(pdev, "not an ISM function, its BARs take one PCISTB per write all the same\n");

	return 0;
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

	ret = vfio_pci_core_register_device(&ism->core);
	if (ret)
		vfio_put_device(&ism->core.vdev);

	return ret;
}

static void ism_vfio_pci_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
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
	/* Without it an error of the function would not reach the user */
	.err_handler		= &vfio_pci_core_err_handlers,
	.driver_managed_dma	= true,
};
EXPORT_SYMBOL_IF_KUNIT(ism_vfio_pci_driver);
module_pci_driver(ism_vfio_pci_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("vfio-pci driver for s390 ISM functions");
