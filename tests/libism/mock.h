/* SPDX-License-Identifier: MIT */
/*
 * A function that is memory, for the suites of libism
 *
 * No device and no vfio is needed, so this runs on a host of any endianness and
 * under sanitizers. What the device would see or write is put together from
 * single bytes, without the library's own structures.
 */
#ifndef MOCK_H
#define MOCK_H

#include "../../tools/libism/handle.h"

#define GID		0x0123456789abcdefull
#define PEER		0xfedcba9876543210ull
#define TOKEN		0x7ffff0000000ull
#define WINDOW		256

/* A store block to BAR0 */
struct block {
	uint64_t offset;
	size_t len;
};

struct command {
	unsigned int code;
	unsigned int len;
	uint8_t body[WINDOW];
};

/**
 * struct mock - the function
 * @window: what commands read and write
 * @log: commands that were given
 * @nr_commands: how many
 * @code: the answer to the next command
 * @resp_len: its length if not 0
 * @resp: the response after its header
 * @next_tok: token of the next DMB
 * @blocks: stores to BAR0
 * @nr_blocks: how many
 * @dmb: the peer's DMB that they go to
 * @at_once: blocks that one store takes
 * @fail_at: number of the block that fails, counted from 0
 * @enable_ret: what enable() returns, once
 * @map_ret: what map() returns
 * @load_ret: what load() returns
 * @mapped: bytes
 * @resets: how many
 * @closes: how many
 * @irq: eventfds
 */
struct mock {
	uint8_t window[WINDOW];
	struct command log[64];
	unsigned int nr_commands;
	unsigned int code;
	unsigned int resp_len;
	uint8_t resp[WINDOW];
	uint64_t next_tok;
	struct block *blocks;
	unsigned int nr_blocks;
	uint8_t *dmb;
	int at_once;
	unsigned int fail_at;
	int enable_ret;
	int map_ret;
	int load_ret;
	size_t mapped;
	unsigned int resets;
	unsigned int closes;
	int irq[ISM_IRQS];
};

extern const struct ism_transport mock_transport;

struct ism *closed_handle(unsigned int maxstbl);
const struct command *last(const struct mock *m);
void ring(const struct mock *m, enum ism_irq irq);
void signal_dmb(struct ism *ism, unsigned int idx, uint16_t mask);
void queue_event(struct ism *ism, unsigned int n);

/* Big endian, as the device has it */

static inline uint64_t get(const void *from, unsigned int len)
{
	const uint8_t *p = from;
	uint64_t n = 0;

	while (len--)
		n = n << 8 | *p++;
	return n;
}

static inline void put(void *to, unsigned int len, uint64_t n)
{
	uint8_t *p = to;

	for (; len; n >>= 8)
		p[--len] = n & 0xff;
}

#endif /* MOCK_H */
