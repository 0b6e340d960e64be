// SPDX-License-Identifier: MIT
/*
 * Operations: drawn so that every boundary is hit often, and shown to people
 */
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>

#include "fuzz.h"

#define POS(index)	((uint64_t)(index) << SHIFT)
#define OFFSET(pos)	((pos) & ((1ULL << SHIFT) - 1))

static const char *const names[OP_KINDS] = {
	[OP_READ]	 = "reads",
	[OP_WRITE]	 = "writes",
	[OP_REGION_INFO] = "region infos",
	[OP_IRQ]	 = "interrupts set",
	[OP_RESET]	 = "resets",
	[OP_MMAP]	 = "mmaps",
	[OP_FEATURE]	 = "features",
	[OP_IOCTL]	 = "other ioctls",
};

const char *op_name(enum op_kind kind)
{
	return names[kind];
}

static unsigned int below(uint64_t *r, unsigned int n)
{
	return next_random(r) % n;
}

static uint32_t one_of(uint64_t *r, const uint32_t *values, unsigned int n)
{
	return values[below(r, n)];
}

/* ---- where and how long --------------------------------------------------- */

/* A little before or behind @edge, which may be 0 */
static uint64_t near(uint64_t *r, uint64_t edge)
{
	return edge + below(r, 17) - 8;
}

static uint64_t draw_data_offset(const struct model *m, uint64_t *r)
{
	uint64_t offset = m->tok;

	switch (below(r, 16)) {
	case 0:
		return near(r, 1ULL << SHIFT);
	case 1:
		offset = next_random(r);	/* nobody's token, most likely */
		break;
	case 11:
		offset += ((uint64_t)below(r, 3) - 1) << 32;	/* somebody's */
		break;
	case 2:
		return m->tok | 1u << (28 + below(r, 4)) | below(r, DMB_LEN);
	case 3:
	case 4:
		offset |= SIGNAL_BIT | below(r, 16) << 24 | below(r, DMB_LEN);
		break;
	case 5:
		offset += near(r, DMB_LEN);
		break;
	case 6 ... 10:
		offset += near(r, (uint64_t)below(r, DMB_LEN / ISM_PAGE) * ISM_PAGE);
		break;
	default:
		offset += below(r, DMB_LEN);
	}
	return offset;
}

static uint64_t draw_config_offset(uint64_t *r)
{
	switch (below(r, 8)) {
	case 0:
		return near(r, CONFIG_LEN);
	case 1:
		return near(r, 1ULL << 40);	/* what the core can encode */
	default:
		return below(r, CONFIG_LEN);
	}
}

static uint64_t draw_pos(const struct model *m, uint64_t *r)
{
	static const uint32_t others[] = { 1, 3, 4, 5, 6, 8, 9, 0x7fff, 0x8000 };

	switch (below(r, 32)) {
	case 0 ... 13:
		return POS(0) | OFFSET(draw_data_offset(m, r));
	case 14:
		return next_random(r);
	case 15:
		return POS(one_of(r, others, ARRAY_SIZE(others))) +
		       below(r, ISM_PAGE);
	case 16 ... 19:
		return POS(7) | OFFSET(draw_config_offset(r));
	case 20 ... 23:
		return POS(2) + near(r, below(r, 2) * ISM_PAGE);
	default:
		return POS(2) + below(r, ISM_PAGE);
	}
}

/* Up to the end of the page, or one less or more; a likely length; or any */
static uint32_t draw_len(const struct model *m, uint64_t pos, uint64_t *r)
{
	static const uint32_t likely[] = {
		0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 4095, 4096,
		4097, 8192, 1 << 20,
	};

	switch (below(r, 8)) {
	case 0:
		return ISM_PAGE - pos % ISM_PAGE + below(r, 3) - 1;
	case 1:
		return m->maxstbl + below(r, 3) - 1;
	case 2:
	case 3:
		return one_of(r, likely, ARRAY_SIZE(likely));
	case 4:
		return below(r, ISM_PAGE);
	default:
		return below(r, 64);
	}
}

/* ---- reads and writes ----------------------------------------------------- */

/* Registers that can be written without an effect that nobody foretells */
static void draw_config_write(struct op *op, uint64_t *r)
{
	static const struct {
		uint16_t at, len;
	} registers[] = {
		{ PCI_VENDOR_ID, 4 }, { PCI_INTERRUPT_LINE, 1 },
		{ PCI_COMMAND, 1 }, { PCI_COMMAND, 2 },
		{ CONFIG_LEN - 2, 4 }, { CONFIG_LEN, 1 },
	};
	unsigned int i = below(r, ARRAY_SIZE(registers));

	op->vector = false;
	op->nr_segments = 1;
	op->pos = POS(VFIO_PCI_CONFIG_REGION_INDEX) + registers[i].at;
	op->segment[0].len = registers[i].len;
	op->segment[0].good = registers[i].len;
}

static void draw_transfer(struct op *op, const struct model *m, uint64_t *r)
{
	uint64_t pos = draw_pos(m, r);

	op->pos = pos;
	op->vector = !below(r, 4);
	op->nr_segments = op->vector ? 1 + below(r, SEGMENTS) : 1;
	op->seed = next_random(r);
	for (unsigned int i = 0; i < op->nr_segments; i++) {
		struct segment *s = &op->segment[i];

		s->len = draw_len(m, pos, r);
		/* a long read is many loads, and nothing new */
		if (s->len > 256 && below(r, op->kind == OP_READ ? 8 : 2))
			s->len = below(r, 64);
		s->good = s->len < ROOM ? s->len : ROOM;
		if (!below(r, 32))
			s->good = below(r, s->good + 1);
		pos += s->len;
	}
	if (op->kind == OP_WRITE &&
	    op->pos >> SHIFT == VFIO_PCI_CONFIG_REGION_INDEX &&
	    OFFSET(op->pos) < CONFIG_LEN)
		draw_config_write(op, r);
}

static bool is_read_gid(const struct op *op)
{
	return op->pos == POS(VFIO_PCI_BAR2_REGION_INDEX) && op->seed & 1 &&
	       op->segment[0].len == 8;
}

/* Memory stays enabled most of the time, or nothing would reach the device */
static uint8_t command_byte(const struct op *op, unsigned int i)
{
	uint8_t byte = op->seed >> 8 * i;

	return op->seed >> 16 & 3 ? byte | PCI_COMMAND_MEMORY : byte;
}

/**
 * op_byte() - what a write writes
 * @op: the write
 * @i: number of the byte, through all segments
 *
 * Return: the byte.
 */
uint8_t op_byte(const struct op *op, unsigned int i)
{
	static const uint8_t read_gid[] = { 0, 0, 0, ISM_CMD_READ_GID, 0, 0, 0, 8 };

	if (op->pos == POS(VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND)
		return command_byte(op, i);
	if (is_read_gid(op) && i < sizeof(read_gid))
		return read_gid[i];
	return (op->seed + i) * 0x9e3779b1u >> 24;
}

/* ---- the others ----------------------------------------------------------- */

static void draw_region_info(struct op *op, uint64_t *r)
{
	static const uint32_t indices[] = { 9, 10, 1000, 0x7fffffff, ~0u };
	static const uint32_t sizes[] = { 0, 31, 33, 4096, ~0u };

	op->index = below(r, 4) ? below(r, 9) :
		    one_of(r, indices, ARRAY_SIZE(indices));
	op->argsz = below(r, 4) ? sizeof(struct vfio_region_info) :
		    one_of(r, sizes, ARRAY_SIZE(sizes));
}

static void draw_irq(struct op *op, uint64_t *r)
{
	static const uint32_t indices[] = { 0, 1, 1, 1, 1, 2, 4, 4, 4, 5, ~0u };
	static const uint32_t types[] = {
		VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_NONE,
		VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD,
		VFIO_IRQ_SET_DATA_EVENTFD, 0,
		VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL, 1 << 6,
	};
	static const uint32_t odd[] = { 1, 2, ~0u - 1, ~0u };

	op->index = one_of(r, indices, ARRAY_SIZE(indices));
	op->flags = one_of(r, types, ARRAY_SIZE(types)) |
		    (below(r, 8) ? VFIO_IRQ_SET_ACTION_TRIGGER :
		     VFIO_IRQ_SET_ACTION_MASK);
	op->start = below(r, 8) ? 0 : one_of(r, odd, ARRAY_SIZE(odd));
	op->count = below(r, 8) ? 1 : one_of(r, odd, ARRAY_SIZE(odd));
	if (op->flags & VFIO_IRQ_SET_DATA_NONE && !below(r, 3))
		op->count = 0;
	op->data = below(r, 4) ? 1 : op->flags & VFIO_IRQ_SET_DATA_EVENTFD ? -1 : 0;
}

static void draw_feature(struct op *op, uint64_t *r)
{
	static const uint32_t features[] = {
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
		VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
		VFIO_DEVICE_FEATURE_MASK,
	};
	static const uint32_t how[] = {
		VFIO_DEVICE_FEATURE_SET,
		VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PROBE,
		VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_GET,
	};

	op->flags = one_of(r, features, ARRAY_SIZE(features)) |
		    one_of(r, how, ARRAY_SIZE(how));
	op->argsz = sizeof(struct vfio_device_feature) - !below(r, 8);
}

static enum op_kind draw_kind(uint64_t *r)
{
	switch (below(r, 512)) {
	case 0:
		return OP_RESET;
	case 1 ... 12:
		return OP_REGION_INFO;
	case 13 ... 44:
		return OP_IRQ;
	case 45 ... 52:
		return OP_MMAP;
	case 53 ... 60:
		return OP_FEATURE;
	case 61 ... 68:
		return OP_IOCTL;
	case 69 ... 240:
		return OP_READ;
	default:
		return OP_WRITE;
	}
}

/**
 * op_draw() - the next operation
 * @op: filled in
 * @m: the function that it is for
 * @r: where the random numbers are
 */
void op_draw(struct op *op, const struct model *m, uint64_t *r)
{
	*op = (struct op) { .kind = draw_kind(r) };
	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		draw_transfer(op, m, r);
		break;
	case OP_REGION_INFO:
		draw_region_info(op, r);
		break;
	case OP_IRQ:
		draw_irq(op, r);
		break;
	case OP_MMAP:
		op->pos = POS(below(r, 16)) + below(r, 2) * ISM_PAGE;
		break;
	case OP_FEATURE:
		draw_feature(op, r);
		break;
	case OP_IOCTL:
		op->request = below(r, 2) ? VFIO_DEVICE_IOEVENTFD :
			      _IO(VFIO_TYPE, VFIO_BASE + 90);
		break;
	default:
		break;
	}
}

static void print_transfer(const struct op *op, const struct model *m)
{
	uint64_t offset = OFFSET(op->pos), index = op->pos >> SHIFT;

	printf("p%s%s(region %" PRIu64 ", ", op->kind == OP_READ ? "read" : "write",
	       op->vector ? "v" : "", index);
	if (!index && offset - m->tok < 1u << 28)
		printf("token + ");
	printf("%#" PRIx64, !index && offset - m->tok < 1u << 28 ?
	       offset - m->tok : offset);
	for (unsigned int i = 0; i < op->nr_segments; i++) {
		printf(", %u", op->segment[i].len);
		if (op->segment[i].good < op->segment[i].len)
			printf(" of which %u are there", op->segment[i].good);
	}
	printf(")");
	if (op->kind == OP_WRITE)
		printf(" of bytes from %#x", op->seed);
}

/**
 * op_print() - an operation, on standard output
 * @op: the operation
 * @m: the function that it is for
 */
void op_print(const struct op *op, const struct model *m)
{
	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		print_transfer(op, m);
		break;
	case OP_REGION_INFO:
		printf("region info %u with argsz %u", op->index, op->argsz);
		break;
	case OP_IRQ:
		printf("set irqs: index %u, flags %#x, start %u, count %u, data %d",
		       op->index, op->flags, op->start, op->count, op->data);
		break;
	case OP_RESET:
		printf("reset");
		break;
	case OP_MMAP:
		printf("mmap of %#" PRIx64, op->pos);
		break;
	case OP_FEATURE:
		printf("feature %#x with argsz %u", op->flags, op->argsz);
		break;
	default:
		printf("ioctl %#lx", op->request);
	}
}
