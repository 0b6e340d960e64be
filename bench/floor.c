// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor under a driver for ISM functions
 *
 * Reads and writes of BARs that copy and issue the instruction, and nothing
 * else: no check, no lock, no error that is looked at. "make bench" compares
 * drivers with it; it is good for nothing else. Its one user has to know that
 * more than a page at once overwrites other memory.
 *
 * File positions are those of ism-vfio-pci: the BAR's number in the upper 16
 * bits, the offset within it in the lower 48.
 */

#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include <asm/pci_insn.h>
#include <asm/pci_io.h>

#define FLOOR_BAR(pos)		((u64)(pos) >> 48)
#define FLOOR_OFFSET(pos)	((u64)(pos) & GENMASK_ULL(47, 0))

/**
 * struct floor - the one function
 * @misc: its device file
 * @zdev: for its handle
 * @page: what is copied from and to; no operand may cross a page
 */
struct floor {
	struct miscdevice misc;
	struct zpci_dev *zdev;
	void *page;
};

static struct floor *to_floor(struct file *file)
{
	return container_of(file->private_data, struct floor, misc);
}

/*
 * One to eight bytes, or a multiple of eight. The raw copies: the others check
 * that what they copy is an object of the kernel's.
 */
static ssize_t floor_read(struct file *file, char __user *buf, size_t count,
			  loff_t *ppos)
{
	unsigned int width = min(count, sizeof(u64));
	struct floor *floor = to_floor(file);
	u64 req = ZPCI_CREATE_REQ(floor->zdev->fh, FLOOR_BAR(*ppos), width);
	u64 offset = FLOOR_OFFSET(*ppos);
	size_t done;

	for (done = 0; done < count; done += sizeof(u64))
		__zpci_load(floor->page + done, req, offset + done);
	/* the value is on the right */
	*(u64 *)floor->page <<= BITS_PER_BYTE * (sizeof(u64) - width);

	return raw_copy_to_user(buf, floor->page, count) ? -EFAULT : count;
}

static ssize_t floor_write(struct file *file, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	struct floor *floor = to_floor(file);
	u64 req = ZPCI_CREATE_REQ(floor->zdev->fh, FLOOR_BAR(*ppos), count);

	if (raw_copy_from_user(floor->page, buf, count))
		return -EFAULT;

	return __zpci_store_block(floor->page, req, FLOOR_OFFSET(*ppos)) ?: count;
}

static const struct file_operations floor_fops = {
	.owner	= THIS_MODULE,
	.read	= floor_read,
	.write	= floor_write,
};

static struct floor floor = {
	.misc = {
		.minor	= MISC_DYNAMIC_MINOR,
		.name	= "ism_floor",
		.mode	= 0600,
		.fops	= &floor_fops,
	},
};

static int floor_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;

	floor.page = (void *)devm_get_free_pages(&pdev->dev, GFP_KERNEL, 0);
	if (!floor.page)
		return -ENOMEM;

	pci_set_master(pdev);
	floor.zdev = to_zpci(pdev);

	return misc_register(&floor.misc);
}

static void floor_remove(struct pci_dev *pdev)
{
	misc_deregister(&floor.misc);
}

/* Whatever driver_override names */
static const struct pci_device_id floor_table[] = {
	{}
};

static struct pci_driver floor_driver = {
	.name		= KBUILD_MODNAME,
	.id_table	= floor_table,
	.probe		= floor_probe,
	.remove		= floor_remove,
};
module_pci_driver(floor_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("What copying and the instruction alone cost, for ISM");
