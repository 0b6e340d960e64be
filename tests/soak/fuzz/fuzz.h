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
#include <liburing.h>
#include <linux/vfio.h>

#include "trace.h"
#include "../soak.h"
#include "ism.h"

#define OPS_PER_EPISODE	128
#define SEGMENTS	4
#define ROOM		8192u		/* of a segment in user memory */
#define CONFIG_LEN	256u
#define DMB_LEN		(16 * ISM_PAGE)

#define EFDS		3
#define MAX_RW		0x7ffff000u	/* MAX_RW_COUNT */

enum op_kind {
	OP_READ,
	OP_WRITE,
	OP_SPLICE,
	OP_INFO,
	OP_REGION_INFO,
	OP_IRQ_INFO,
	OP_IRQ,
	OP_RESET,
	OP_MMAP,
	OP_FEATURE,
	OP_IOCTL,
	OP_KINDS,
};

/* By which system call a read or write comes, and with one segment or many */
enum how {
	HOW_AT,			/* pread() */
	HOW_AT_VECTOR,		/* preadv() */
	HOW_FLAGS,		/* preadv2(), with flags */
	HOW_HERE,		/* read(): at the position of the file */
	HOW_HERE_VECTOR,	/* readv() */
	HOW_URING,		/* io_uring */
	HOW_URING_VECTOR,
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
 * @how: READ, WRITE
 * @nr_segments: READ, WRITE: how many
 * @segment: READ, WRITE: what is read or written
 * @pos: READ, WRITE, SPLICE, MMAP: offset in the device file
 * @seed: WRITE: of the bytes
 * @index: REGION_INFO, IRQ_INFO, IRQ: of the region or interrupt; SPLICE: which
 *	way
 * @flags: READ, WRITE: of HOW_FLAGS; IRQ, FEATURE: the argument's
 * @start: IRQ
 * @count: IRQ; SPLICE, MMAP: length
 * @data: IRQ: the one byte, or which eventfd: DATA_...
 * @argsz: of an ioctl's argument
 * @request: IOCTL: its number
 * @nowhere: IOCTL: its argument cannot be accessed
 */
struct op {
	enum op_kind kind;
	enum how how;
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
	bool nowhere;
};

/* What an interrupt gets for an eventfd */
enum {
	DATA_NEGATIVE = -2,
	DATA_NO_EVENTFD = -1,
	DATA_ZERO = 0,
	DATA_EVENTFD = 1,
	DATA_OTHER_FILE = 2,
	DATA_CLOSED_FILE = 3,
};

/* Our eventfds */
enum { EFD_MSI, EFD_ERR, EFD_REQ };

/**
 * struct outcome - what an operation did, or is to do
 * @ret: what the system call returns, or -errno
 * @signalled: IRQ: what the eventfds counted
 * @len: bytes in @data
 * @data: READ: what was read; INFO and its like: the struct
 */
struct outcome {
	long ret;
	uint64_t signalled[EFDS];
	size_t len;
	uint8_t data[SEGMENTS * ROOM];
};

/**
 * struct model - what a function, and the device behind it, is like
 * @maxstbl: longest store block
 * @gid: its GID
 * @tok: token of the one DMB that it may write
 * @has_err: there is an interrupt for errors of the function; kernels before
 *	7.3 have it for PCI Express alone
 * @info_argsz: size of the device's info with its capabilities
 * @config: config space, as a read returns it
 * @config_first: the same at the start of an episode
 * @config_writable: bits of it that can be written
 * @window: the command window
 * @dmb: the DMB's bytes
 * @signals: signals of the DMB, as in the receiver's mask
 * @msi_on: interrupts are set up
 * @armed: those that have an eventfd
 * @insn: instructions that reach the function
 * @nr_insns: how many
 */
struct model {
	unsigned int maxstbl;
	uint64_t gid;
	uint64_t tok;
	bool has_err;
	unsigned int info_argsz;
	uint8_t config[CONFIG_LEN];
	uint8_t config_first[CONFIG_LEN];
	uint8_t config_writable[CONFIG_LEN];
	uint8_t window[ISM_PAGE];
	uint8_t dmb[DMB_LEN];
	uint16_t signals;
	bool msi_on;
	bool armed[EFDS];
	struct insn insn[MAX_INSNS];
	unsigned int nr_insns;
};

/**
 * struct target - a function that is driven by one thread
 * @name: its PCI name
 * @ism: opened, with memory and bus master enabled
 * @fd: the vfio device
 * @dmb: of the receiver: what this function may write
 * @sba: the receiver's status bits
 * @trace: instructions that reached the function
 * @efd: for the MSI, for errors and for the request
 * @null: a file that is no eventfd
 * @pipe: with bytes in it, for splice()
 * @ring: io_uring
 * @room: ROOM bytes and a hole, for each segment
 * @model: the function's
 */
struct target {
	const char *name;
	struct ism *ism;
	int fd;
	struct ism_dmb *dmb;
	uint8_t *sba;
	struct trace trace;
	int efd[EFDS];
	int null;
	int pipe[2];
	struct io_uring ring;
	uint8_t *room;
	struct model model;
};

/* op.c */
void op_init(void);
void op_draw(struct op *op, const struct model *m, uint64_t *state);
void op_print(const struct op *op, const struct model *m);
const char *op_name(enum op_kind kind);
bool op_is_vector(const struct op *op);
void op_bytes(const struct op *op, unsigned int segment, unsigned int at,
	      uint8_t *to, unsigned int n);

/* perform.c */
int target_open(struct target *t, const char *name, enum ism_iommu iommu,
		struct ism *peer, uint8_t *sba);
void target_close(struct target *t);
int target_settle(struct target *t, bool all);
uint16_t target_signals(const struct target *t);
bool target_is_quiet(const struct target *t);
void op_perform(struct target *t, const struct op *op, struct outcome *o);

/* config.c */
void config_init(struct model *m);
long config_read(const struct model *m, uint64_t offset, const struct segment *s,
		 struct outcome *o);
long config_write(struct model *m, const struct op *op, uint64_t offset,
		  unsigned int segment, size_t len);

/* oracle.c */
void oracle_settle(struct model *m);
void oracle_foretell(struct model *m, const struct op *op, struct outcome *o);

#endif /* ISM_TESTS_SOAK_FUZZ_H */
