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
#include <kunit/test-bug.h>
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

/*
 * Both, where somebody looks: a test, or a user of the trace events. Out of
 * line, so that nobody else pays for more than the question.
 */
static noinline int ism_vfio_watched_pcilg(u64 *data, u64 req, u64 offset,
					   struct zpci_dev *zdev)
{
	int ret = ism_vfio_pcilg(data, req, offset);

	trace_ism_vfio_load(zdev->fid, ISM_VFIO_REQ_TO_BAR(req), offset,
			    ISM_VFIO_REQ_TO_LEN(req), ret);
	return ret;
}

static noinline int ism_vfio_watched_pcistb(const void *data, u64 req,
					    u64 offset, struct zpci_dev *zdev)
{
	int ret = ism_vfio_pcistb(data, req, offset);

	trace_ism_vfio_store_block(zdev->fid, ISM_VFIO_REQ_TO_BAR(req), offset,
				   ISM_VFIO_REQ_TO_LEN(req), ret);
	return ret;
}

static __always_inline int ism_vfio_load(struct ism_vfio_device *ism, u64 *data,
					 u64 req, u64 offset)
{
	if (kunit_get_current_test() || trace_ism_vfio_load_enabled())
		return ism_vfio_watched_pcilg(data, req, offset, ism->zdev);

	return __zpci_load(data, req, offset);
}

static int ism_vfio_store(struct ism_vfio_device *ism, const void *data,
			  u64 req, u64 offset)
{
	if (kunit_get_current_test() || trace_ism_vfio_store_block_enabled())
		return ism_vfio_watched_pcistb(data, req, offset, ism->zdev);

	return __zpci_store_block(data, req, offset);
}

/* Error recovery may give the function a new handle at any time */
static u64 ism_vfio_req(struct ism_vfio_device *ism, u64 pos, unsigned int len)
{
	return ZPCI_CREATE_REQ(READ_ONCE(ism->zdev->fh),
			       ISM_VFIO_OFFSET_TO_INDEX(pos), len);
}

/* As __vfio_pci_memory_enabled(), which 6.12 does not export, and inline */
static bool ism_vfio_memory_enabled(struct ism_vfio_device *ism)
{
	struct pci_dev *pdev = ism->core.pdev;

	/* pci_power_t has no order, says sparse; as in vfio-pci-core it has */
	return (__force int)pdev->current_state < (__force int)PCI_D3hot &&
	       (ism->core.vconfig[PCI_COMMAND] & PCI_COMMAND_MEMORY ||
		pdev->no_command_memory);
}

/* Loads of eight bytes, as many as fit in @len: most of a read, so a tight loop */
static int ism_vfio_load_doublewords(struct ism_vfio_device *ism, u64 pos,
				     void *data, size_t len)
{
	u64 offset = pos & ISM_VFIO_OFFSET_MASK;
	u64 req = ism_vfio_req(ism, pos, sizeof(u64));
	size_t done;
	int ret;

	len = round_down(len, sizeof(u64));
	for (done = 0; done < len; done += sizeof(u64)) {
		/* s390 is big endian as the BAR: no value needs conversion */
		ret = ism_vfio_load(ism, data + done, req, offset + done);
		if (ret)
			return ret;
	}

	return len;
}

/* One load of four bytes or less: the widest that is aligned and fits in @len */
static int ism_vfio_load_part(struct ism_vfio_device *ism, u64 pos, void *data,
			      size_t len)
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
	 * memory_lock keeps a reset, and a user who disables memory, away
	 * while loads are under way. As in vfio-pci-core it is not held
	 * while user memory is accessed: a page fault there may depend on
	 * a device whose reset waits for it.
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

static int ism_vfio_load_value(struct ism_vfio_device *ism, u64 pos, u64 *value,
			       unsigned int len)
{
	/* As in ism_vfio_gather() */
	guard(rwsem_read)(&ism->core.memory_lock);

	if (!ism_vfio_memory_enabled(ism))
		return -EIO;

	return ism_vfio_load(ism, value, ism_vfio_req(ism, pos, len),
			     pos & ISM_VFIO_OFFSET_MASK);
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

/* How much of @count at @pos a BAR has: 0 behind its end, and in no BAR */
static size_t ism_vfio_clip(struct ism_vfio_device *ism, u64 pos, size_t count)
{
	/*
	 * For an index that is no BAR's the modulo picks an entry that ends
	 * below @pos: one comparison answers for both.
	 */
	u64 end = ism->bar_end[ISM_VFIO_OFFSET_TO_INDEX(pos) %
			       ARRAY_SIZE(ism->bar_end)];

	return pos < end ? min(count, end - pos) : 0;
}

/* One fetch-and-AND instruction, where xchg() with NULL is a loop */
static void *ism_vfio_take_spare_block(struct ism_vfio_device *ism)
{
	return (void *)atomic_long_fetch_and(0, &ism->spare_block);
}

/*
 * Where to gather, and what a PCISTB stores. The spare block is in front of the
 * cache because that alone would be a sixth of the instructions of a write.
 */
static void *ism_vfio_get_block(struct ism_vfio_device *ism)
{
	return ism_vfio_take_spare_block(ism) ?:
	       kmem_cache_alloc(ism->store_blocks, GFP_KERNEL);
}

static void ism_vfio_put_block(struct ism_vfio_device *ism, void *block)
{
	if (atomic_long_cmpxchg(&ism->spare_block, 0, (long)block))
		kmem_cache_free(ism->store_blocks, block);
}

static int ism_vfio_read_value(struct ism_vfio_device *ism, u64 pos,
			       char __user *buf, size_t len)
{
	u64 value;
	int ret;

	ret = ism_vfio_load_value(ism, pos, &value, len);
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

static int ism_vfio_read_block(struct ism_vfio_device *ism, u64 pos,
			       char __user *buf, void *data, size_t len)
{
	int ret;

	ret = ism_vfio_gather(ism, pos, data, len);
	if (ret)
		return ret;

	return copy_to_user(buf, data, len) ? -EFAULT : 0;
}

static int ism_vfio_read_blocks(struct ism_vfio_device *ism, u64 pos,
				char __user *buf, size_t count)
{
	u64 few[8]; /* for short reads: hardened usercopy checks it faster */
	void *data = count <= sizeof(few) ? few : ism_vfio_get_block(ism);
	size_t len;
	int ret;

	if (!data)
		return -ENOMEM;

	while (true) {
		/* End where a load of eight bytes can go on */
		len = min(count,
			  round_down(pos + ism->block_size, sizeof(u64)) - pos);
		ret = ism_vfio_read_block(ism, pos, buf, data, len);
		count -= len;
		if (ret || !count)
			break;

		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
		pos += len;
		buf += len;
	}

	if (data != few)
		ism_vfio_put_block(ism, data);
	return ret;
}

/*
 * No runtime PM here, unlike in vfio_pci_rw(): ISM has no low-power state,
 * and an open device keeps the reference that vfio_pci_core_enable() took.
 */
static int ism_vfio_bar_read(struct ism_vfio_device *ism, u64 pos,
			     char __user *buf, size_t count)
{
	/* What one load can do needs neither a block nor a copy of it */
	if (count <= sizeof(u64) && is_power_of_2(count) &&
	    IS_ALIGNED(pos, count))
		return ism_vfio_read_value(ism, pos, buf, count);

	return ism_vfio_read_blocks(ism, pos, buf, count);
}

/* One write is one PCISTB, never split and never merged, or an error */
static int ism_vfio_bar_write(struct ism_vfio_device *ism, u64 pos,
			      const char __user *buf, size_t count)
{
	void *data;
	int ret;

	/*
	 * The limits that every function has. How offset and length must be
	 * aligned differs (ISM does not care): the function itself answers
	 * for that, with -ENXIO.
	 */
	if (count > ism->maxstbl || pos % SZ_4K + count > SZ_4K)
		return -EINVAL;

	data = ism_vfio_get_block(ism);
	if (!data)
		return -ENOMEM;

	if (copy_from_user(data, buf, count))
		ret = -EFAULT;
	else
		ret = ism_vfio_store_block(ism, pos, data, count);

	ism_vfio_put_block(ism, data);
	return ret;
}

/*
 * Where no byte of a BAR is. Config space, ROM and the rest are vfio-pci-core's,
 * which packs index and offset more tightly than we do. Out of line, not to
 * take registers from the stores.
 */
static noinline ssize_t ism_vfio_core_rw(struct vfio_device *core_vdev,
					 char __user *buf, size_t count,
					 loff_t *ppos, bool iswrite)
{
	u64 index = ISM_VFIO_OFFSET_TO_INDEX(*ppos);
	u64 offset = *ppos & ISM_VFIO_OFFSET_MASK;
	loff_t pos = VFIO_PCI_INDEX_TO_OFFSET(index) | offset;
	ssize_t ret;

	if (!count)
		return 0;

	if (index <= VFIO_PCI_BAR5_REGION_INDEX || offset > VFIO_PCI_OFFSET_MASK)
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

static void ism_vfio_close_device(struct vfio_device *core_vdev)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	void *block;

	vfio_pci_core_close_device(core_vdev);

	/* It is charged to a user who may be gone, and would keep their memcg */
	block = ism_vfio_take_spare_block(ism);
	if (block)
		kmem_cache_free(ism->store_blocks, block);
}

static int ism_vfio_create_cache(struct ism_vfio_device *ism)
{
	struct zpci_dev *zdev = ism->zdev;
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
	 * as a system call (one as long as the device is open), is
	 * SLAB_RECLAIM_ACCOUNT by another name and wants no shrinker.
	 */
	snprintf(name, sizeof(name), "ism_sb_fid_%08x", zdev->fid);
	ism->store_blocks = kmem_cache_create(name, ism->block_size, &args,
					      SLAB_ACCOUNT | SLAB_TEMPORARY);
	return ism->store_blocks ? 0 : -ENOMEM;
}

static void ism_vfio_find_bars(struct ism_vfio_device *ism)
{
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		ism->bar_end[bar] = ISM_VFIO_INDEX_TO_OFFSET(bar) +
				    pci_resource_len(ism->core.pdev, bar);
}

static int ism_vfio_init_dev(struct vfio_device *core_vdev)
{
	struct ism_vfio_device *ism = to_ism_vfio(core_vdev);
	int ret;

	ret = vfio_pci_core_init_dev(core_vdev);
	if (ret)
		return ret;

	ism->zdev = to_zpci(ism->core.pdev);
	ism_vfio_find_bars(ism);

	ret = ism_vfio_create_cache(ism);
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
	.close_device	= ism_vfio_close_device,
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
MODULE_VERSION(ISM_VFIO_VERSION);
