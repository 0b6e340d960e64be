/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vfio-pci driver for ISM (Internal Shared Memory) functions on s390
 */
#ifndef ISM_VFIO_H
#define ISM_VFIO_H

#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>

struct eventfd_ctx;
struct kmem_cache;
struct zpci_dev;

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

/**
 * struct ism_vfio_device - a function bound to this driver
 * @core: what vfio-pci-core keeps of it
 * @zdev: what zPCI keeps of it
 * @bar_end: where each BAR ends in the vfio device file, and where it begins if
 *	the function does not have it. The entries behind those of the BARs, up
 *	to a power of two, are 0
 * @store_blocks: cache of PCISTB operands. One cache for each function,
 *	because the length of an operand is a property of the function
 * @spare_block: an object of @store_blocks that nobody uses, or NULL; taken and
 *	given back by xchg() and cmpxchg()
 * @maxstbl: longest store block that the function takes, in bytes; the length
 *	of an object in @store_blocks
 * @err_eventfd: what tells the user of an error event, or NULL; err.c has its
 *	lock
 *
 * Everything but @core, @spare_block and @err_eventfd is set before the device
 * is registered and does not change until it is unregistered: no lock is needed
 * to read it.
 */
struct ism_vfio_device {
	struct vfio_pci_core_device core;
	struct zpci_dev *zdev;
	u64 bar_end[roundup_pow_of_two(PCI_STD_NUM_BARS)];
	struct kmem_cache *store_blocks;
	void *spare_block;
	unsigned int maxstbl;
	struct eventfd_ctx *err_eventfd;
};

/* As __vfio_pci_memory_enabled(), which not every kernel exports */
static inline bool ism_vfio_memory_enabled(struct ism_vfio_device *ism)
{
	struct pci_dev *pdev = ism->core.pdev;

	/* pci_power_t has no order, says sparse; as in vfio-pci-core it has */
	return (__force int)pdev->current_state < (__force int)PCI_D3hot &&
	       (ism->core.vconfig[PCI_COMMAND] & PCI_COMMAND_MEMORY ||
		pdev->no_command_memory);
}

#if IS_ENABLED(CONFIG_KUNIT)
extern const struct vfio_device_ops ism_vfio_ops;
extern struct pci_driver ism_vfio_pci_driver;
extern bool ism_vfio_other_functions;
#endif

#endif /* ISM_VFIO_H */
