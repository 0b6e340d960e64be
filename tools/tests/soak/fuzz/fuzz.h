/* SPDX-License-Identifier: MIT */
/*
 * fuzz - random operations on a vfio device, each result foretold
 *
 * Operations come in episodes of OPS_PER_EPISODE that start from the same state
 * and are drawn from one number: an episode that goes wrong can be run again,
 * and with fewer operations.
 */
#ifndef ISM_TESTS_SOAK_FUZZ_H
#define ISM_TESTS_SOAK_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "../../trace.h"
#include "libism-internal.h"

#define OPS_PER_EPISODE	64
#define SEGMENTS	4
#define ROOM		8192u		/* of a segment in user memory */
#define SHIFT		48
#define CONFIG_LEN	256u
#define DMB_LEN		(16 * ISM_PAGE)
#define SIGNAL_BIT	(1u << 23)

enum op_kind {
	OP_READ,
	OP_WRITE,
	OP_REGION_INFO,
	OP_IRQ,
	OP_RESET,
	OP_MMAP,
	OP_FEATURE,
	OP_IOCTL,
	OP_KINDS,
};

/**
 * struct segment - user memory of a read or write
 * @len: bytes asked for
 * @good: bytes that can be accessed; the page behind them cannot
 */
struct segment {
	uint32_t len;
	uint32_t good;
};

/**
 * struct op - one operation, as drawn
 * @kind: decides which of the following are used
 * @vector: READ, WRITE: preadv() or pwritev()
 * @nr_segments: READ, WRITE: how many
 * @segment: READ, WRITE: what is read or written
 * @pos: READ, WRITE, MMAP: offset in the device file
 * @seed: WRITE: of the bytes
 * @index: REGION_INFO, IRQ: of the region or interrupt
 * @flags: IRQ, FEATURE: the argument's
 * @start: IRQ
 * @count: IRQ
 * @data: IRQ: the one byte, or -1 for no eventfd
 * @argsz: REGION_INFO, FEATURE: the argument's
 * @request: IOCTL: its number
 */
struct op {
	enum op_kind kind;
	bool vector;
	unsigned int nr_segments;
	struct segment segment[SEGMENTS];
	uint64_t pos;
	uint32_t seed;
	uint32_t index;
	uint32_t flags;
	uint32_t start;
	uint32_t count;
	int data;
	uint32_t argsz;
	unsigned long request;
};

/**
 * struct outcome - what an operation did, or is to do
 * @ret: what the system call returns, or -errno
 * @msi: interrupts that the eventfd of the MSI counted
 * @req: the same for the one that asks for the device
 * @len: bytes in @data
 * @data: READ: what was read, REGION_INFO: struct vfio_region_info
 * @known: bits of @data that can be foretold
 */
struct outcome {
	long ret;
	uint64_t msi;
	uint64_t req;
	size_t len;
	uint8_t data[SEGMENTS * ROOM];
	uint8_t known[SEGMENTS * ROOM];
};

/**
 * struct model - what a function, and the device behind it, is like
 * @maxstbl: longest store block
 * @gid: its GID
 * @tok: token of the one DMB that it may write
 * @irq_count: interrupts of each index
 * @config: config space, as a read returns it
 * @config_known: bits of it that are the same until they are written
 * @config_writable: bits of it that can be written
 * @window: the command window
 * @dmb: the DMB's bytes
 * @signals: signals of the DMB, as in the receiver's mask
 * @msi_on: interrupts are set up
 * @msi_fd: ... with an eventfd
 * @req_fd: the one that asks for the device has an eventfd
 * @insn: instructions that reach the function
 * @nr_insns: how many
 */
struct model {
	unsigned int maxstbl;
	uint64_t gid;
	uint64_t tok;
	unsigned int irq_count[VFIO_PCI_NUM_IRQS];
	uint8_t config[CONFIG_LEN];
	uint8_t config_known[CONFIG_LEN];
	uint8_t config_writable[CONFIG_LEN];
	uint8_t window[ISM_PAGE];
	uint8_t dmb[DMB_LEN];
	uint16_t signals;
	bool msi_on;
	bool msi_fd;
	bool req_fd;
	struct insn insn[MAX_INSNS];
	unsigned int nr_insns;
};

/**
 * struct target - a function that is driven by one thread
 * @name: its PCI name
 * @ism: opened, with memory and bus master enabled
 * @fd: the vfio device
 * @peer: the function that owns the DMB
 * @dmb: what this function may write
 * @trace: instructions that reached the function
 * @efd: for the MSI and for the request
 * @room: ROOM bytes and a hole, for each segment
 * @model: the function's
 */
struct target {
	const char *name;
	struct ism *ism;
	int fd;
	struct ism *peer;
	struct ism_dmb *dmb;
	struct trace trace;
	int efd[2];
	uint8_t *room;
	struct model model;
};

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* op.c */
void op_draw(struct op *op, const struct model *m, uint64_t *state);
void op_print(const struct op *op, const struct model *m);
const char *op_name(enum op_kind kind);
uint8_t op_byte(const struct op *op, unsigned int i);

/* perform.c */
int target_open(struct target *t, const char *name, struct ism *peer);
void target_close(struct target *t);
int target_settle(struct target *t);
uint16_t target_signals(const struct target *t);
void op_perform(struct target *t, const struct op *op, struct outcome *o);

/* oracle.c */
void oracle_settle(struct model *m);
void oracle_foretell(struct model *m, const struct op *op, struct outcome *o);

#endif /* ISM_TESTS_SOAK_FUZZ_H */
