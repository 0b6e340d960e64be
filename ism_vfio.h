/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vfio-pci driver for ISM (Internal Shared Memory) functions on s390
 */
#ifndef ISM_VFIO_H
#define ISM_VFIO_H

#include <linux/bits.h>
#include <linux/slab.h>
#include <linux/vfio_pci_core.h>

/*
 * Where a region lies in the vfio device file: its index in the upper bits,
 * the offset within it in the lower 48. vfio-pci-core keeps 40 bits for the
 * offset, too few for ISM's BAR0 of 256 TiB. The layout is private to this
 * driver: user space takes offsets from VFIO_DEVICE_GET_REGION_INFO.
 *
 * A file position is signed, a region offset is not: decode it as a u64.
 */
#define ISM_VFIO_OFFSET_SHIFT		48
#define ISM_VFIO_OFFSET_MASK		GENMASK_ULL(ISM_VFIO_OFFSET_SHIFT - 1, 0)
#define ISM_VFIO_OFFSET_TO_INDEX(pos)	((u64)(pos) >> ISM_VFIO_OFFSET_SHIFT)
#define ISM_VFIO_INDEX_TO_OFFSET(index)	((u64)(index) << ISM_VFIO_OFFSET_SHIFT)

/* What ZPCI_CREATE_REQ() made a request of, besides the function handle */
#define ISM_VFIO_REQ_TO_BAR(req)	((unsigned int)(req) >> 16 & 0xff)
#define ISM_VFIO_REQ_TO_LEN(req)	((unsigned int)(req) & 0xffff)

/**
 * struct ism_vfio_device - a function bound to this driver
 * @core: what vfio-pci-core keeps of it
 * @zdev: what zPCI keeps of it
 * @bar_end: where each BAR ends in the vfio device file, and where it begins if
 *	the function does not have it. As many as a power of two needs to hold
 *	all BARs: the index of a region, modulo that, finds one
 * @store_blocks: cache of PCISTB operands. One cache for each function,
 *	because the length of an operand is a property of the function
 * @spare_block: address of an object of @store_blocks that nobody uses, or 0.
 *	Whoever takes it out and leaves 0 owns it
 * @block_size: size of an object in @store_blocks, in bytes
 * @maxstbl: longest store block that the function takes, in bytes
 *
 * Everything but @core and @spare_block is set before the device is registered
 * and does not change until it is released: no lock is needed to read it.
 */
struct ism_vfio_device {
	struct vfio_pci_core_device core;
	struct zpci_dev *zdev;
	u64 bar_end[roundup_pow_of_two(PCI_STD_NUM_BARS)];
	struct kmem_cache *store_blocks;
	atomic_long_t spare_block;
	unsigned int block_size;
	unsigned int maxstbl;
};

#if IS_ENABLED(CONFIG_KUNIT)
int ism_vfio_pcilg(u64 *data, u64 req, u64 offset);
int ism_vfio_pcistb(const void *data, u64 req, u64 offset);
extern const struct vfio_device_ops ism_vfio_ops;
extern struct pci_driver ism_vfio_pci_driver;
#endif

#endif /* ISM_VFIO_H */
