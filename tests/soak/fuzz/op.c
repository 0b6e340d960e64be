// SPDX-License-Identifier: MIT
/*
 * Operations: drawn so that every boundary is hit often, and shown to people
 */
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>

#include "fuzz.h"

#define POS(index)	((uint64_t)(index) << SHIFT)
#define OFFSET(pos)	((pos) & ((1ULL << SHIFT) - 1))

static const char *const names[OP_KINDS] = {
	[OP_READ]	 = "reads",
	[OP_WRITE]	 = "writes",
	[OP_SPLICE]	 = "splices",
	[OP_INFO]	 = "device infos",
	[OP_REGION_INFO] = "region infos",
	[OP_IRQ_INFO]	 = "interrupt infos",
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
	switch (below(r, 16)) {
	case 0:
		return near(r, CONFIG_LEN);
	case 1:
		return near(r, 1ULL << 40);	/* what the core can encode */
	case 2 ... 5:
		return PCI_COMMAND;
	case 6:
		return PCI_BASE_ADDRESS_0 + below(r, 24);
	case 7:
		return 0x40 + below(r, 16);	/* the capability of the MSI */
	default:
		return below(r, CONFIG_LEN);
	}
}

/* Around what the layout of the file, or the other one, has for an edge */
static uint64_t draw_edge(uint64_t *r)
{
	static const uint32_t indices[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x7fff, 0x8000, 0xffff,
	};

	switch (below(r, 4)) {
	case 0:
		return POS(0) + near(r, (uint64_t)below(r, 256) << 40);
	case 1:
		return near(r, 1ULL << below(r, 64));
	default:
		return near(r, POS(one_of(r, indices, ARRAY_SIZE(indices))));
	}
}

static uint64_t draw_pos(const struct model *m, uint64_t *r)
{
	switch (below(r, 32)) {
	case 0 ... 13:
		return POS(0) | OFFSET(draw_data_offset(m, r));
	case 14:
		return below(r, 2) ? next_random(r) : UINT64_MAX;
	case 15:
	case 16:
		return draw_edge(r);
	case 17 ... 19:
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
		4097, 8192, 1 << 20, MAX_RW, 0x7fffffff, 0x80000000, 0xffffffff,
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

static enum how draw_how(uint64_t *r)
{
	switch (below(r, 64)) {
	case 0:
		return below(r, 2) ? HOW_HERE : HOW_HERE_VECTOR;
	case 1:
		return HOW_FLAGS;
	case 2:
		/* takes another thread, and many times as long */
		return below(r, 2) ? HOW_URING : HOW_URING_VECTOR;
	case 3 ... 18:
		return HOW_AT_VECTOR;
	default:
		return HOW_AT;
	}
}

bool op_is_vector(const struct op *op)
{
	return op->how == HOW_AT_VECTOR || op->how == HOW_FLAGS ||
	       op->how == HOW_HERE_VECTOR || op->how == HOW_URING_VECTOR;
}

static uint32_t draw_rw_flags(uint64_t *r)
{
	return below(r, 2) ? below(r, 2) * RWF_HIPRI : 1u << below(r, 32);
}

static void draw_transfer(struct op *op, const struct model *m, uint64_t *r)
{
	uint64_t pos = draw_pos(m, r);

	op->pos = pos;
	op->how = draw_how(r);
	op->flags = draw_rw_flags(r);
	op->nr_segments = op_is_vector(op) ? 1 + below(r, SEGMENTS) : 1;
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
}

/* ---- what a write writes --------------------------------------------------- */

#define POOL_LEN	(1u << 16)

static uint8_t pool[POOL_LEN + SEGMENTS * ROOM];

/**
 * op_init() - once, before all others
 */
void op_init(void)
{
	uint64_t state = 0, word;

	for (size_t i = 0; i < sizeof(pool); i += sizeof(word)) {
		word = next_random(&state);
		memcpy(pool + i, &word, sizeof(word));
	}
}

/* Memory stays enabled most of the time, or nothing would reach the device */
static void keep_memory(const struct op *op, uint64_t pos, uint8_t *to,
			unsigned int n)
{
	const uint64_t command = POS(VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND;

	if (pos <= command && command < pos + n && op->seed >> 16 & 3)
		to[command - pos] |= PCI_COMMAND_MEMORY;
}

/**
 * op_bytes() - what a write writes
 * @op: the write
 * @segment: of which segment
 * @at: from this byte of it on
 * @to: where the bytes go
 * @n: how many
 */
void op_bytes(const struct op *op, unsigned int segment, unsigned int at,
	      uint8_t *to, unsigned int n)
{
	static const uint8_t read_gid[] = { 0, 0, 0, ISM_CMD_READ_GID, 0, 0, 0, 8 };
	uint64_t pos = op->pos + at;

	memcpy(to, pool + op->seed % POOL_LEN + segment * ROOM + at, n);
	for (unsigned int i = 0; i < segment; i++)
		pos += op->segment[i].len;
	if (pos >> SHIFT == VFIO_PCI_CONFIG_REGION_INDEX)
		keep_memory(op, pos, to, n);
	else if (pos == POS(VFIO_PCI_BAR2_REGION_INDEX) && op->seed >> 16 & 1 &&
		 n >= sizeof(read_gid))
		memcpy(to, read_gid, sizeof(read_gid));
}

/* ---- the others ----------------------------------------------------------- */

/* Device info, region info, interrupt info */
static void draw_info(struct op *op, uint32_t size, uint64_t *r)
{
	static const uint32_t indices[] = { 9, 10, 1000, 0x7fffffff, ~0u };
	static const uint32_t sizes[] = { 0, 4096, ~0u };

	op->index = below(r, 4) ? below(r, 9) :
		    one_of(r, indices, ARRAY_SIZE(indices));
	op->argsz = below(r, 2) ? size : size + below(r, 17) - 8;
	if (!below(r, 4))
		op->argsz = one_of(r, sizes, ARRAY_SIZE(sizes));
}

static void draw_irq(struct op *op, uint64_t *r)
{
	static const uint32_t indices[] = { 0, 1, 1, 1, 1, 2, 3, 3, 4, 4, 5, ~0u };
	static const uint32_t types[] = {
		VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_NONE,
		VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD,
		VFIO_IRQ_SET_DATA_EVENTFD, 0,
		VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL, 1 << 6,
	};
	static const uint32_t odd[] = { 0, 1, 2, ~0u - 1, ~0u };
	const uint32_t size = sizeof(struct vfio_irq_set) + sizeof(int32_t);

	op->index = one_of(r, indices, ARRAY_SIZE(indices));
	op->flags = one_of(r, types, ARRAY_SIZE(types)) |
		    (below(r, 8) ? VFIO_IRQ_SET_ACTION_TRIGGER :
		     VFIO_IRQ_SET_ACTION_MASK << below(r, 2));
	op->start = below(r, 8) ? 0 : one_of(r, odd, ARRAY_SIZE(odd));
	op->count = below(r, 8) ? 1 : one_of(r, odd, ARRAY_SIZE(odd));
	if (op->flags & VFIO_IRQ_SET_DATA_NONE && !below(r, 3))
		op->count = 0;
	op->argsz = below(r, 8) ? size : below(r, size + 4);
	if (op->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		op->data = below(r, 4) ? DATA_EVENTFD : (int)below(r, 6) - 2;
	else
		op->data = below(r, 4) ? 1 : 0;
}

static void draw_feature(struct op *op, uint64_t *r)
{
	static const uint32_t features[] = {
		VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
		VFIO_DEVICE_FEATURE_MIGRATION,
		VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
		VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
		VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
		VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
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

static void draw_ioctl(struct op *op, uint64_t *r)
{
	static const unsigned long requests[] = {
		VFIO_DEVICE_IOEVENTFD, VFIO_DEVICE_IOEVENTFD,
		VFIO_DEVICE_QUERY_GFX_PLANE, VFIO_DEVICE_GET_GFX_DMABUF,
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_SET_IRQS,
		VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, VFIO_DEVICE_PCI_HOT_RESET,
		VFIO_DEVICE_FEATURE, _IO(VFIO_TYPE, VFIO_BASE + 90), 0, ~0ul,
	};

	op->request = requests[below(r, ARRAY_SIZE(requests))];
	op->nowhere = below(r, 2);
}

static enum op_kind draw_kind(uint64_t *r)
{
	switch (below(r, 512)) {
	case 0:
		return OP_RESET;
	case 1 ... 4:
		return OP_INFO;
	case 5 ... 12:
		return OP_REGION_INFO;
	case 13 ... 16:
		return OP_IRQ_INFO;
	case 17 ... 44:
		return OP_IRQ;
	case 45 ... 48:
		return OP_MMAP;
	case 49 ... 52:
		return OP_SPLICE;
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
	case OP_SPLICE:
		op->pos = draw_pos(m, r);
		op->index = below(r, 3);
		op->count = below(r, 4) ? below(r, ISM_PAGE) : 0;
		break;
	case OP_INFO:
		draw_info(op, m->info_argsz, r);
		break;
	case OP_REGION_INFO:
		draw_info(op, sizeof(struct vfio_region_info), r);
		break;
	case OP_IRQ_INFO:
		draw_info(op, sizeof(struct vfio_irq_info), r);
		break;
	case OP_IRQ:
		draw_irq(op, r);
		break;
	case OP_MMAP:
		op->pos = POS(below(r, 16)) + below(r, 3) * ISM_PAGE;
		op->count = below(r, 4) * ISM_PAGE / 2;
		break;
	case OP_FEATURE:
		draw_feature(op, r);
		break;
	case OP_IOCTL:
		draw_ioctl(op, r);
		break;
	default:
		break;
	}
}

static const char *const how_names[] = {
	[HOW_AT]	   = "pread/pwrite",
	[HOW_AT_VECTOR]	   = "preadv/pwritev",
	[HOW_FLAGS]	   = "preadv2/pwritev2",
	[HOW_HERE]	   = "read/write",
	[HOW_HERE_VECTOR]  = "readv/writev",
	[HOW_URING]	   = "io_uring",
	[HOW_URING_VECTOR] = "io_uring, vector",
};

static void print_transfer(const struct op *op, const struct model *m)
{
	uint64_t offset = OFFSET(op->pos), index = op->pos >> SHIFT;

	printf("%s by %s(region %" PRIu64 ", ", op->kind == OP_READ ? "read" : "write",
	       how_names[op->how], index);
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
	if (op->how == HOW_FLAGS)
		printf(" with flags %#x", op->flags);
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
	case OP_SPLICE:
		printf("splice %u of %u at %#" PRIx64, op->index, op->count, op->pos);
		break;
	case OP_INFO:
		printf("device info with argsz %u", op->argsz);
		break;
	case OP_REGION_INFO:
		printf("region info %u with argsz %u", op->index, op->argsz);
		break;
	case OP_IRQ_INFO:
		printf("interrupt info %u with argsz %u", op->index, op->argsz);
		break;
	case OP_IRQ:
		printf("set irqs: index %u, flags %#x, start %u, count %u, argsz %u, data %d",
		       op->index, op->flags, op->start, op->count, op->argsz,
		       op->data);
		break;
	case OP_RESET:
		printf("reset");
		break;
	case OP_MMAP:
		printf("mmap of %u at %#" PRIx64, op->count, op->pos);
		break;
	case OP_FEATURE:
		printf("feature %#x with argsz %u", op->flags, op->argsz);
		break;
	default:
		printf("ioctl %#lx%s", op->request,
		       op->nowhere ? ", argument nowhere" : "");
	}
}
