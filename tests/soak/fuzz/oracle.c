// SPDX-License-Identifier: MIT
/*
 * The contract of the driver as a program: what an operation returns, and which
 * instructions reach the function. Of the device it knows what a command window
 * and a DMB are.
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/fs.h>
#include <linux/vfio.h>
#include <string.h>

#include "fuzz.h"

#define BAR_DMB		0
#define BAR_CMD		2
#define TOKEN_MASK	0xffffffffULL	/* what a token has clear */
#define UNUSED_BITS	0xf0000000ULL	/* of an offset behind a token */

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
	size_t len = s->len, done, chunk;

	if (offset >= region_size(bar))
		return -EINVAL;
	if (len > region_size(bar) - offset)
		len = region_size(bar) - offset;

	for (done = 0; done < len; done += chunk, offset += chunk) {
		chunk = 256 - offset % 8;
		if (chunk > len - done)
			chunk = len - done;
		if (!memory_is_on(m) || load(m, bar, offset, chunk))
			return -EIO;
		if (done + chunk > s->good)
			return -EFAULT;
		memcpy(o->data + o->len + done, m->window + offset, chunk);
	}
	return (long)len;
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
			  size_t len, unsigned int segment)
{
	op_bytes(op, segment, 0, m->window + offset, len);
	if (!offset && len >= 8)
		run_command(m);
}

static long store_data(struct model *m, const struct op *op, uint64_t offset,
		       size_t len, unsigned int segment)
{
	uint64_t at = offset & (SIGNAL_BIT - 1);

	if ((offset & ~TOKEN_MASK) != m->tok || offset & UNUSED_BITS ||
	    at + len > DMB_LEN)
		return -EIO;
	op_bytes(op, segment, 0, m->dmb + at, len);
	if (offset & SIGNAL_BIT)
		m->signals |= 0x8000 >> (offset >> 24 & 15);
	return 0;
}

static long write_bar(struct model *m, const struct op *op, uint64_t pos,
		      const struct segment *s, unsigned int segment)
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
		ret = store_data(m, op, offset, len, segment);
	else
		store_command(m, op, offset, len, segment);
	add_insn(m, true, bar, offset, len, ret);
	return ret ? ret : (long)len;
}

/* ---- reads and writes ---------------------------------------------------- */

static long one_segment(struct model *m, const struct op *op, uint64_t pos,
			const struct segment *s, unsigned int nr,
			struct outcome *o)
{
	uint64_t offset = pos & ((1ULL << SHIFT) - 1), index = pos >> SHIFT;

	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		return op->kind == OP_READ ?
		       config_read(m, offset, s, o) :
		       config_write(m, op, offset, nr, s->len);
	if (!region_size(index))
		return -EINVAL;
	return op->kind == OP_READ ? read_bar(m, index, offset, s, o) :
	       write_bar(m, op, pos, s, nr);
}

/* The kernel gives the driver one segment after the other */
static long all_segments(struct model *m, const struct op *op, uint64_t pos,
			 struct outcome *o)
{
	uint64_t left = MAX_RW;
	long done = 0, ret;

	for (unsigned int i = 0; i < op->nr_segments; i++) {
		struct segment s = op->segment[i];

		if (s.len > left)
			s.len = left;
		left -= s.len;
		if (!s.len)
			continue;
		ret = one_segment(m, op, pos + done, &s, i, o);
		if (ret < 0)
			return done ? done : ret;
		done += ret;
		if (op->kind == OP_READ)
			o->len += ret;
		if (ret < (long)s.len)
			break;
	}
	return done;
}

static uint64_t length(const struct op *op)
{
	uint64_t len = 0;

	for (unsigned int i = 0; i < op->nr_segments; i++)
		len += op->segment[i].len;
	return len < MAX_RW ? len : MAX_RW;
}

/* Nothing can be read or written at the start of BAR0, so a file stays there */
static uint64_t position(const struct op *op)
{
	switch (op->how) {
	case HOW_HERE:
	case HOW_HERE_VECTOR:
		return 0;
	case HOW_FLAGS:
	case HOW_URING:
	case HOW_URING_VECTOR:
		return op->pos == UINT64_MAX ? 0 : op->pos;
	default:
		return op->pos;
	}
}

static long transfer(struct model *m, const struct op *op, struct outcome *o)
{
	uint64_t pos = position(op), len = length(op);

	if (pos > INT64_MAX || pos + len > INT64_MAX)
		return -EINVAL;
	if (len && op->how == HOW_FLAGS && op->flags & ~RWF_HIPRI)
		return -EOPNOTSUPP;
	return all_segments(m, op, pos, o);
}

/* ---- what is not a transfer ---------------------------------------------- */

static void give(struct outcome *o, const void *data, size_t len)
{
	memcpy(o->data, data, len);
	o->len = len;
}

/* The capabilities are not compared, but there is room for them or not */
static long info(const struct model *m, const struct op *op, struct outcome *o)
{
	struct vfio_device_info info = {
		.argsz = op->argsz,
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};

	if (op->argsz < offsetof(struct vfio_device_info, cap_offset))
		return -EINVAL;
	if (m->info_argsz > sizeof(info)) {
		info.flags |= VFIO_DEVICE_FLAGS_CAPS;
		if (op->argsz < m->info_argsz)
			info.argsz = m->info_argsz;
		else
			info.cap_offset = sizeof(info);
	}
	give(o, &info, sizeof(info));
	return 0;
}

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
	give(o, &info, sizeof(info));
	return 0;
}

/* ---- interrupts ----------------------------------------------------------- */

static unsigned int irq_count(const struct model *m, unsigned int index)
{
	switch (index) {
	case VFIO_PCI_MSI_IRQ_INDEX:
	case VFIO_PCI_REQ_IRQ_INDEX:
		return 1;
	case VFIO_PCI_ERR_IRQ_INDEX:
		return m->has_err;
	default:
		return 0;
	}
}

static long irq_info(const struct model *m, const struct op *op,
		     struct outcome *o)
{
	struct vfio_irq_info info = {
		.argsz = op->argsz,
		.flags = VFIO_IRQ_INFO_EVENTFD,
		.index = op->index,
		.count = irq_count(m, op->index),
	};

	if (op->argsz < sizeof(info) || op->index >= VFIO_PCI_NUM_IRQS ||
	    (op->index == VFIO_PCI_ERR_IRQ_INDEX && !m->has_err))
		return -EINVAL;
	if (op->index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	give(o, &info, sizeof(info));
	return 0;
}

static bool irq_is_valid(const struct model *m, const struct op *op)
{
	uint32_t type = op->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	uint32_t size = 0;

	if (type == VFIO_IRQ_SET_DATA_BOOL)
		size = sizeof(uint8_t);
	else if (type == VFIO_IRQ_SET_DATA_EVENTFD)
		size = sizeof(int32_t);
	else if (type != VFIO_IRQ_SET_DATA_NONE)
		return false;

	return op->argsz >= sizeof(struct vfio_irq_set) &&
	       op->index < VFIO_PCI_NUM_IRQS &&
	       op->count < UINT32_MAX - op->start &&
	       !(op->flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK |
			       VFIO_IRQ_SET_ACTION_TYPE_MASK)) &&
	       op->start < irq_count(m, op->index) &&
	       op->start + op->count <= irq_count(m, op->index) &&
	       op->argsz - sizeof(struct vfio_irq_set) >= op->count * size;
}

/* What a file is as an eventfd */
static long eventfd_error(int data)
{
	if (data == DATA_ZERO || data == DATA_OTHER_FILE)
		return -EINVAL;
	return data == DATA_CLOSED_FILE ? -EBADF : 0;
}

static long set_up_msi(struct model *m, const struct op *op)
{
	long ret;

	if (!op->count)
		return m->msi_on ? 0 : -ERANGE;
	ret = eventfd_error(op->data);
	m->armed[EFD_MSI] = op->data == DATA_EVENTFD;
	m->msi_on = m->msi_on || !ret;
	return ret;
}

static long irq_of_msi(struct model *m, const struct op *op, struct outcome *o)
{
	if (op->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return set_up_msi(m, op);
	if (!m->msi_on)
		return -EINVAL;
	if (!op->count && op->flags & VFIO_IRQ_SET_DATA_NONE) {
		m->msi_on = false;
		m->armed[EFD_MSI] = false;
	} else if (op->count && m->armed[EFD_MSI]) {
		o->signalled[EFD_MSI] = op->flags & VFIO_IRQ_SET_DATA_NONE ||
					op->data;
	}
	return 0;
}

/* Those that the kernel raises: errors of the function, and the request */
static long irq_of_kernel(struct model *m, unsigned int which,
			  const struct op *op, struct outcome *o)
{
	long ret;

	if (op->flags & VFIO_IRQ_SET_DATA_NONE) {
		if (!m->armed[which])
			return -EINVAL;
		o->signalled[which] = op->count;
		m->armed[which] = op->count;
		return 0;
	}
	if (!op->count)
		return -EINVAL;
	if (op->flags & VFIO_IRQ_SET_DATA_BOOL) {
		o->signalled[which] = m->armed[which] && op->data;
		return 0;
	}
	ret = op->data == DATA_NEGATIVE ? -EINVAL : eventfd_error(op->data);
	if (!ret)
		m->armed[which] = op->data == DATA_EVENTFD;
	return ret;
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
	return irq_of_kernel(m, op->index == VFIO_PCI_ERR_IRQ_INDEX ?
			     EFD_ERR : EFD_REQ, op, o);
}

/* ---- the rest -------------------------------------------------------------- */

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

/* An argument of zeroes */
static long other_ioctl(const struct op *op)
{
	switch (op->request) {
	case VFIO_DEVICE_GET_INFO:
	case VFIO_DEVICE_GET_REGION_INFO:
	case VFIO_DEVICE_GET_IRQ_INFO:
	case VFIO_DEVICE_SET_IRQS:
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
	case VFIO_DEVICE_PCI_HOT_RESET:
	case VFIO_DEVICE_FEATURE:
		return op->nowhere ? -EFAULT : -EINVAL;
	default:
		return -ENOTTY;
	}
}

/**
 * oracle_settle() - the state that every episode starts from
 * @m: the model
 */
void oracle_settle(struct model *m)
{
	memset(m->window, 0, sizeof(m->window));
	memset(m->dmb, 0, sizeof(m->dmb));
	memcpy(m->config, m->config_first, sizeof(m->config));
	m->signals = 0;
	m->msi_on = false;
	memset(m->armed, 0, sizeof(m->armed));
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
	memset(o->signalled, 0, sizeof(o->signalled));
	o->len = 0;
	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		o->ret = transfer(m, op, o);
		break;
	case OP_SPLICE:
		/* neither way: that would not be one PCISTB for each write */
		o->ret = op->count ? -EINVAL : 0;
		break;
	case OP_INFO:
		o->ret = info(m, op, o);
		break;
	case OP_REGION_INFO:
		o->ret = region_info(op, o);
		break;
	case OP_IRQ_INFO:
		o->ret = irq_info(m, op, o);
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
		o->ret = other_ioctl(op);
	}
}
