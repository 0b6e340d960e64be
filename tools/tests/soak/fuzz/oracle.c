// SPDX-License-Identifier: MIT
/*
 * The contract of the driver as a program: what an operation returns, and which
 * instructions reach the function. Of the device it knows what a command window
 * and a DMB are.
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "fuzz.h"

#define BAR_DMB		0
#define BAR_CMD		2
#define TOKEN_MASK	0xffffffffULL	/* what a token has clear */
#define UNUSED_BITS	0xf0000000ULL	/* of an offset behind a token */
#define CORE_SHIFT	40		/* of offsets in vfio-pci-core */

static uint64_t region_size(unsigned int index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return 1ULL << SHIFT;
	case VFIO_PCI_BAR2_REGION_INDEX:
		return ISM_PAGE;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return CONFIG_LEN;
	default:
		return 0;
	}
}

static bool memory_is_on(const struct model *m)
{
	return m->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

static void add_insn(struct model *m, bool store, unsigned int bar,
		     uint64_t offset, unsigned int len, int result)
{
	if (m->nr_insns == MAX_INSNS)
		return;
	m->insn[m->nr_insns++] = (struct insn) {
		.store = store,
		.bar = bar,
		.len = len,
		.result = result,
		.offset = offset,
	};
}

/* ---- reads --------------------------------------------------------------- */

/* The widest aligned loads; BAR0 refuses the first */
static long load(struct model *m, unsigned int bar, uint64_t offset, size_t len)
{
	unsigned int width;

	for (; len; len -= width, offset += width) {
		width = 8;
		while (offset % width || width > len)
			width /= 2;
		add_insn(m, false, bar, offset, width,
			 bar == BAR_CMD ? 0 : -EIO);
		if (bar != BAR_CMD)
			return -EIO;
	}
	return 0;
}

static long read_bar(struct model *m, unsigned int bar, uint64_t offset,
		     const struct segment *s, struct outcome *o)
{
	size_t len = s->len, done, chunk, block = m->maxstbl;

	if (offset >= region_size(bar))
		return -EINVAL;
	if (len > region_size(bar) - offset)
		len = region_size(bar) - offset;
	if (block < 8)
		block = 8;

	for (done = 0; done < len; done += chunk, offset += chunk) {
		chunk = ((offset + block) & ~7ULL) - offset;
		if (chunk > len - done)
			chunk = len - done;
		if (!memory_is_on(m) || load(m, bar, offset, chunk))
			return -EIO;
		if (done + chunk > s->good)
			return -EFAULT;
		memcpy(o->data + o->len + done, m->window + offset, chunk);
		memset(o->known + o->len + done, 0xff, chunk);
	}
	return (long)len;
}

static long read_config(const struct model *m, uint64_t offset,
			const struct segment *s, struct outcome *o)
{
	if (offset >> CORE_SHIFT)
		return -EINVAL;
	if (offset >= CONFIG_LEN || s->len > CONFIG_LEN - offset ||
	    s->len > s->good)
		return -EFAULT;
	memcpy(o->data + o->len, m->config + offset, s->len);
	memcpy(o->known + o->len, m->config_known + offset, s->len);
	return s->len;
}

/* ---- writes -------------------------------------------------------------- */

/* The header that was stored at 0 is a command's; these are its answers */
static void run_command(struct model *m)
{
	uint32_t code;
	uint16_t ret = htobe16(ISM_CODE_NO_SUCH_COMMAND), len = htobe16(8);
	uint64_t gid = htobe64(m->gid);

	memcpy(&code, m->window, sizeof(code));
	if (be32toh(code) == ISM_CMD_READ_GID) {
		ret = ISM_CODE_DONE;
		len = htobe16(16);
		memcpy(m->window + 8, &gid, sizeof(gid));
	}
	memcpy(m->window + 4, &ret, sizeof(ret));
	memcpy(m->window + 6, &len, sizeof(len));
}

static void store_command(struct model *m, const struct op *op, uint64_t offset,
			  size_t len, unsigned int first)
{
	for (size_t i = 0; i < len; i++)
		m->window[offset + i] = op_byte(op, first + i);
	if (!offset && len >= 8)
		run_command(m);
}

static long store_data(struct model *m, const struct op *op, uint64_t offset,
		       size_t len, unsigned int first)
{
	uint64_t at = offset & (SIGNAL_BIT - 1);

	if ((offset & ~TOKEN_MASK) != m->tok || offset & UNUSED_BITS ||
	    at + len > DMB_LEN)
		return -EIO;
	for (size_t i = 0; i < len; i++)
		m->dmb[at + i] = op_byte(op, first + i);
	if (offset & SIGNAL_BIT)
		m->signals |= 0x8000 >> (offset >> 24 & 15);
	return 0;
}

/* @first: how many bytes the segments before this one had */
static long write_bar(struct model *m, const struct op *op, uint64_t pos,
		      const struct segment *s, unsigned int first)
{
	unsigned int bar = pos >> SHIFT;
	uint64_t offset = pos & ((1ULL << SHIFT) - 1);
	size_t len = s->len;
	long ret = 0;

	if (offset >= region_size(bar))
		return -EINVAL;
	if (len > region_size(bar) - offset)
		len = region_size(bar) - offset;
	if (len > m->maxstbl || offset % ISM_PAGE + len > ISM_PAGE)
		return -EINVAL;
	if (len > s->good)
		return -EFAULT;
	if (!memory_is_on(m))
		return -EIO;

	if (bar == BAR_DMB)
		ret = store_data(m, op, offset, len, first);
	else
		store_command(m, op, offset, len, first);
	add_insn(m, true, bar, offset, len, ret);
	return ret ? ret : (long)len;
}

static long write_config(struct model *m, const struct op *op, uint64_t offset,
			 const struct segment *s, unsigned int first)
{
	if (offset >> CORE_SHIFT)
		return -EINVAL;
	if (offset >= CONFIG_LEN || s->len > CONFIG_LEN - offset)
		return -EFAULT;
	for (unsigned int i = 0; i < s->len; i++) {
		uint8_t *byte = &m->config[offset + i];
		uint8_t bits = m->config_writable[offset + i];

		*byte = (*byte & ~bits) | (op_byte(op, first + i) & bits);
	}
	return s->len;
}

/* ---- reads and writes ---------------------------------------------------- */

static long one_segment(struct model *m, const struct op *op, uint64_t pos,
			const struct segment *s, unsigned int first,
			struct outcome *o)
{
	uint64_t offset = pos & ((1ULL << SHIFT) - 1), index = pos >> SHIFT;

	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		return op->kind == OP_READ ?
		       read_config(m, offset, s, o) :
		       write_config(m, op, offset, s, first);
	if (!region_size(index))
		return -EINVAL;
	return op->kind == OP_READ ? read_bar(m, index, offset, s, o) :
	       write_bar(m, op, pos, s, first);
}

/* The kernel gives the driver one segment after the other */
static long transfer(struct model *m, const struct op *op, struct outcome *o)
{
	unsigned int first = 0;
	long done = 0, ret;

	if ((int64_t)op->pos < 0)
		return -EINVAL;
	for (unsigned int i = 0; i < op->nr_segments; i++) {
		const struct segment *s = &op->segment[i];

		if (!s->len)
			continue;
		ret = one_segment(m, op, op->pos + done, s, first, o);
		if (ret < 0)
			return done ? done : ret;
		done += ret;
		if (op->kind == OP_READ)
			o->len += ret;
		if (ret < (long)s->len)
			break;
		first += s->len;
	}
	return done;
}

/* ---- what is not a transfer ---------------------------------------------- */

static long region_info(const struct op *op, struct outcome *o)
{
	struct vfio_region_info info = {
		.argsz = op->argsz,
		.index = op->index,
		.offset = (uint64_t)op->index << SHIFT,
	};

	if (op->argsz < sizeof(info) || op->index >= VFIO_PCI_VGA_REGION_INDEX)
		return -EINVAL;
	info.size = region_size(op->index);
	if (info.size)
		info.flags = VFIO_REGION_INFO_FLAG_READ |
			     VFIO_REGION_INFO_FLAG_WRITE;
	o->len = sizeof(info);
	memcpy(o->data, &info, sizeof(info));
	memset(o->known, 0xff, sizeof(info));
	return 0;
}

static bool irq_is_valid(const struct model *m, const struct op *op)
{
	uint32_t type = op->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	return op->index < VFIO_PCI_NUM_IRQS &&
	       op->count < UINT32_MAX - op->start &&
	       !(op->flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK |
			       VFIO_IRQ_SET_ACTION_TYPE_MASK)) &&
	       op->start < m->irq_count[op->index] &&
	       op->start + op->count <= m->irq_count[op->index] &&
	       type && !(type & (type - 1));
}

static long irq_of_msi(struct model *m, const struct op *op, struct outcome *o)
{
	if (op->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		m->msi_on = true;
		m->msi_fd = op->data != -1;
		return 0;
	}
	if (!m->msi_on)
		return -EINVAL;
	if (!op->count && op->flags & VFIO_IRQ_SET_DATA_NONE) {
		m->msi_on = false;
		m->msi_fd = false;
	} else if (op->count && m->msi_fd) {
		o->msi = op->flags & VFIO_IRQ_SET_DATA_NONE || op->data;
	}
	return 0;
}

static long irq_of_request(struct model *m, const struct op *op,
			   struct outcome *o)
{
	if (op->flags & VFIO_IRQ_SET_DATA_NONE) {
		if (!m->req_fd)
			return -EINVAL;
		o->req = op->count;
		m->req_fd = op->count;
		return 0;
	}
	if (!op->count)
		return -EINVAL;
	if (op->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		m->req_fd = op->data != -1;
	else
		o->req = m->req_fd && op->data;
	return 0;
}

static long set_irq(struct model *m, const struct op *op, struct outcome *o)
{
	uint32_t action = op->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

	if (!irq_is_valid(m, op))
		return -EINVAL;
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;
	if (op->index == VFIO_PCI_MSI_IRQ_INDEX)
		return irq_of_msi(m, op, o);
	return irq_of_request(m, op, o);
}

/* None of those that are drawn is one that the driver has */
static long feature(const struct op *op)
{
	const uint32_t both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;

	if (op->argsz < sizeof(struct vfio_device_feature))
		return -EINVAL;
	if ((op->flags & both) == both &&
	    !(op->flags & VFIO_DEVICE_FEATURE_PROBE))
		return -EINVAL;
	return -ENOTTY;
}

/**
 * oracle_settle() - the state that every episode starts from
 * @m: the model
 */
void oracle_settle(struct model *m)
{
	memset(m->window, 0, sizeof(m->window));
	memset(m->dmb, 0, sizeof(m->dmb));
	m->config[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	m->config[PCI_INTERRUPT_LINE] = 0;
	m->signals = 0;
	m->msi_on = false;
	m->msi_fd = false;
	m->req_fd = false;
	m->nr_insns = 0;
}

/**
 * oracle_foretell() - what an operation will do
 * @m: the model, which takes on the state that there will be then
 * @op: the operation
 * @o: its outcome
 */
void oracle_foretell(struct model *m, const struct op *op, struct outcome *o)
{
	o->msi = 0;
	o->req = 0;
	o->len = 0;
	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		o->ret = transfer(m, op, o);
		break;
	case OP_REGION_INFO:
		o->ret = region_info(op, o);
		break;
	case OP_IRQ:
		o->ret = set_irq(m, op, o);
		break;
	case OP_RESET:
		memset(m->window, 0, sizeof(m->window));
		o->ret = 0;
		break;
	case OP_MMAP:
		o->ret = -EINVAL;
		break;
	case OP_FEATURE:
		o->ret = feature(op);
		break;
	default:
		o->ret = -ENOTTY;
	}
}
