// SPDX-License-Identifier: MIT
/*
 * Config space as vfio-pci-core shows it: what is virtual, what a user may write,
 * and what comes of it. Of the device's own registers the ones that QEMU lets
 * software write.
 */
#include <errno.h>
#include <linux/pci_regs.h>

#include "fuzz.h"

#define MSI		0x40u		/* the one capability */
#define MSI_FLAGS	(MSI + PCI_MSI_FLAGS)
#define MSI_END		(MSI + 14)	/* with a 64-bit address */

/* What a base address register keeps of a write: the address of its size */
static void set_bar(struct model *m, unsigned int at, uint64_t size)
{
	for (unsigned int i = 0; i < 8; i++)
		m->config_writable[at + i] = ~(size - 1) >> 8 * i;
}

/**
 * config_init() - which bits can be written
 * @m: filled in
 */
void config_init(struct model *m)
{
	uint8_t *bits = m->config_writable;

	memset(bits, 0, CONFIG_LEN);
	bits[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	bits[PCI_COMMAND + 1] = (PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE) >> 8;
	bits[PCI_CACHE_LINE_SIZE] = 0xff;
	bits[PCI_INTERRUPT_LINE] = 0xff;
	set_bar(m, PCI_BASE_ADDRESS_0, 1ULL << SHIFT);
	set_bar(m, PCI_BASE_ADDRESS_2, ISM_PAGE);
	/*
	 * One message at most. The other two are for reading only by the standard,
	 * but vfio-pci-core keeps what is written: see Documentation/upstream.rst.
	 */
	bits[MSI_FLAGS] = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QMASK |
			  PCI_MSI_FLAGS_64BIT;
	memset(bits + MSI + PCI_MSI_ADDRESS_LO, 0xff, MSI_END - MSI - PCI_MSI_ADDRESS_LO);
	memset(bits + MSI_END, 0xff, CONFIG_LEN - MSI_END);
}

/* Up to four bytes that are aligned, and do not leave a capability */
static unsigned int chunk_at(uint64_t offset, size_t len)
{
	size_t n = 4 - offset % 4;

	if (offset < MSI_END && offset + n > MSI_END)
		n = MSI_END - offset;
	if (n > len)
		n = len;
	if (n >= 4 && !(offset % 4))
		return 4;
	return n >= 2 && !(offset % 2) ? 2 : 1;
}

static void write_chunk(struct model *m, unsigned int offset,
			const uint8_t *data, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t bits = m->config_writable[offset + i];

		m->config[offset + i] &= ~bits;
		m->config[offset + i] |= data[i] & bits;
	}
	/* An ioctl enables the MSI, a write to what is before or in its flags not */
	if (offset >= MSI && offset <= MSI_FLAGS && offset + n >= MSI_FLAGS &&
	    !m->msi_on)
		m->config[MSI_FLAGS] &= ~PCI_MSI_FLAGS_ENABLE;
}

/**
 * config_write() - a write to config space
 * @m: the function
 * @op: the write
 * @offset: in the region
 * @segment: of the write
 * @len: of the segment
 *
 * Return: as the system call.
 */
long config_write(struct model *m, const struct op *op, uint64_t offset,
		  unsigned int segment, size_t len)
{
	uint8_t data[4];
	size_t done;
	unsigned int n;

	if (offset >= CONFIG_LEN)
		return -EINVAL;
	if (len > CONFIG_LEN - offset)
		return -EFAULT;
	for (done = 0; done < len; done += n) {
		n = chunk_at(offset + done, len - done);
		if (done + n > op->segment[segment].good)
			return -EFAULT;
		op_bytes(op, segment, done, data, n);
		write_chunk(m, offset + done, data, n);
	}
	return len;
}

/**
 * config_read() - a read of config space
 * @m: the function
 * @offset: in the region
 * @s: what is read
 * @o: gets the bytes
 *
 * Return: as the system call.
 */
long config_read(const struct model *m, uint64_t offset, const struct segment *s,
		 struct outcome *o)
{
	if (offset >= CONFIG_LEN)
		return -EINVAL;
	if (s->len > CONFIG_LEN - offset || s->len > s->good)
		return -EFAULT;
	memcpy(o->data + o->len, m->config + offset, s->len);
	return s->len;
}
