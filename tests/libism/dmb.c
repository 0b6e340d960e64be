// SPDX-License-Identifier: MIT
/*
 * libism: DMBs, and how a move is split into store blocks
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

TEST_F(libism, registers_a_dmb)
{
	const struct command *c;
	struct ism_dmb *dmb;

	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 70000, PEER, 5, &dmb));
	c = last(self->m);
	EXPECT_EQ(0x0a, c->code);
	EXPECT_EQ(40, c->len);
	EXPECT_EQ(dmb->iova, get(c->body, 8));
	EXPECT_EQ(0, dmb->iova % 0x20000);
	EXPECT_EQ(0x12000, get(c->body + 8, 4));
	EXPECT_EQ(32, get(c->body + 12, 4));
	EXPECT_EQ(0x100000005, get(c->body + 16, 8));
	EXPECT_EQ(PEER, get(c->body + 24, 8));
	EXPECT_EQ(1ull << 28, dmb->tok);
	ASSERT_EQ(0, ism_dmb_free(dmb));
	EXPECT_EQ(0x0b, last(self->m)->code);
	EXPECT_EQ(1ull << 28, get(last(self->m)->body, 8));
}

TEST_F(libism, lends_a_dmb_to_one_peer_after_the_other)
{
	unsigned int nr = self->m->nr_commands;
	size_t mapped = self->m->mapped;
	struct ism_dmb *dmb;

	ASSERT_EQ(0, ism_dmb_new(self->ism, NULL, 1, &dmb));
	EXPECT_EQ(nr, self->m->nr_commands);
	EXPECT_EQ(false, dmb->registered);
	EXPECT_EQ(0, ism_dmb_unregister(dmb));
	EXPECT_EQ(nr, self->m->nr_commands);

	ASSERT_EQ(0, ism_dmb_register(dmb, PEER, 5));
	EXPECT_EQ(true, dmb->registered);
	EXPECT_EQ(-EALREADY, ism_dmb_register(dmb, PEER, 5));
	memset(dmb->mem, 7, dmb->len);
	ASSERT_EQ(0, ism_dmb_unregister(dmb));
	EXPECT_EQ(0x0b, last(self->m)->code);
	ASSERT_EQ(0, ism_dmb_register(dmb, PEER + 1, ISM_NO_VLAN));
	EXPECT_EQ(PEER + 1, get(last(self->m)->body + 24, 8));
	EXPECT_EQ(0, get(last(self->m)->body + 16, 8));
	EXPECT_EQ(7, *(char *)dmb->mem);

	ASSERT_EQ(0, ism_dmb_unregister(dmb));
	nr = self->m->nr_commands;
	ASSERT_EQ(0, ism_dmb_free(dmb));
	EXPECT_EQ(nr, self->m->nr_commands);
	EXPECT_EQ(mapped, self->m->mapped);
}

TEST_F(libism, takes_memory_of_the_caller)
{
	struct ism_dmb *dmb;
	char *mem = NULL;

	ASSERT_EQ(0, posix_memalign((void **)&mem, ISM_PAGE, 3 * ISM_PAGE));
	mem[0] = 42;
	EXPECT_EQ(-EINVAL, ism_dmb_new(self->ism, mem + 1, ISM_PAGE, &dmb));
	EXPECT_EQ(-EINVAL, ism_dmb_new(self->ism, mem, ISM_PAGE + 1, &dmb));
	ASSERT_EQ(0, ism_dmb_new(self->ism, mem, 3 * ISM_PAGE, &dmb));
	EXPECT_EQ((void *)mem, dmb->mem);
	ASSERT_EQ(0, ism_dmb_register(dmb, PEER, ISM_NO_VLAN));
	EXPECT_EQ(3 * ISM_PAGE, get(last(self->m)->body + 8, 4));
	ASSERT_EQ(0, ism_dmb_free(dmb));
	/* still there, and the caller's to free */
	EXPECT_EQ(42, mem[0]);
	free(mem);
}

TEST_F(libism, gives_everything_back_when_a_dmb_fails)
{
	size_t mapped = self->m->mapped;
	struct ism_dmb *dmb;

	self->m->map_ret = -ENOMEM;
	EXPECT_EQ(-ENOMEM, ism_dmb_alloc(self->ism, 1, PEER, -1, &dmb));
	EXPECT_NE(NULL, strstr(ism_strerror(self->ism), "ulimit -l"));
	self->m->map_ret = 0;
	self->m->code = 0x0306;
	EXPECT_EQ(-ENOSPC, ism_dmb_alloc(self->ism, 1, PEER, -1, &dmb));
	EXPECT_EQ(mapped, self->m->mapped);
	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, -1, &dmb));
	EXPECT_EQ(ISM_DMB_FIRST, dmb->idx);
}

/* Moves */

static void fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 31 + i / 256 + 1);
}

static unsigned int blocks_needed(uint32_t offset, size_t len,
				  unsigned int maxstbl)
{
	unsigned int n = 0;

	while (len) {
		size_t page = ISM_PAGE - offset % ISM_PAGE;
		size_t here = len < page ? len : page;

		n += (unsigned int)((here + maxstbl - 1) / maxstbl);
		offset += (uint32_t)here;
		len -= here;
	}
	return n;
}

static const struct {
	uint32_t offset;
	size_t len;
	int signal;
} moves[] = {
	{ 0, 1, ISM_NO_SIGNAL },
	{ 0, 1, 15 },
	{ 4095, 1, 0 },
	{ 4095, 2, 1 },
	{ 1, 4096, 2 },
	{ 0, 4096, 3 },
	{ 0, 4097, ISM_NO_SIGNAL },
	{ 123, 10000, 7 },
	{ 1, ISM_DMB_MAX - 1, 15 },
	{ 0, ISM_DMB_MAX, ISM_NO_SIGNAL },
	/* more blocks than one pwritev() has, also with the longest ones */
	{ 1, 2 * ISM_DMB_MAX, 8 },
};

TEST_F(libism, splits_moves)
{
	static uint8_t src[2 * ISM_DMB_MAX];
	struct mock *m = self->m;
	uint64_t signals = 0;

	fill(src, sizeof(src));
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		uint32_t offset = moves[i].offset;
		struct ism_stats stats;

		memset(m->dmb, 0, ISM_OFFSET_END);
		m->nr_blocks = 0;
		ASSERT_EQ(0, ism_move(self->ism, TOKEN, offset, src,
				      moves[i].len, moves[i].signal));
		EXPECT_EQ(blocks_needed(offset, moves[i].len, variant->maxstbl),
			  m->nr_blocks);
		EXPECT_EQ(0, memcmp(m->dmb + offset, src, moves[i].len));
		EXPECT_EQ(0, m->dmb[offset + moves[i].len]);
		for (unsigned int b = 0; b < m->nr_blocks; b++) {
			uint64_t want = TOKEN | offset;

			if (b == m->nr_blocks - 1 && moves[i].signal >= 0)
				want |= 1 << 23 | moves[i].signal << 24;
			ASSERT_EQ(want, m->blocks[b].offset);
			offset += (uint32_t)m->blocks[b].len;
		}
		signals += moves[i].signal >= 0;
		ism_get_stats(self->ism, &stats);
		EXPECT_EQ(signals, stats.signals);
	}
}

TEST_F(libism, goes_on_after_a_short_store)
{
	uint8_t src[5000];

	fill(src, sizeof(src));
	self->m->at_once = 3;
	ASSERT_EQ(0, ism_move(self->ism, TOKEN, 77, src, sizeof(src), 4));
	EXPECT_EQ(0, memcmp(self->m->dmb + 77, src, sizeof(src)));
	EXPECT_EQ(blocks_needed(77, sizeof(src), variant->maxstbl),
		  self->m->nr_blocks);
}

TEST_F(libism, stops_at_the_block_that_fails)
{
	unsigned int n = blocks_needed(10, 9000, variant->maxstbl);
	struct ism_stats stats;
	uint8_t src[9000];

	fill(src, sizeof(src));
	for (unsigned int at = 0; at < n; at += n > 10 ? n / 5 : 1) {
		self->m->nr_blocks = 0;
		self->m->fail_at = at;
		EXPECT_EQ(-EIO, ism_move(self->ism, TOKEN, 10, src, 9000, 9));
		EXPECT_EQ(at, self->m->nr_blocks);
	}
	self->m->fail_at = n - 1;
	self->m->nr_blocks = 0;
	EXPECT_EQ(-EIO, ism_move(self->ism, TOKEN, 10, src, 9000, 9));
	EXPECT_EQ(n - 1, self->m->nr_blocks);
	EXPECT_NE(NULL, strstr(ism_strerror(self->ism), "0x7ffff0000000"));
	ism_get_stats(self->ism, &stats);
	EXPECT_EQ(0, stats.signals);
}

TEST_F(libism, refuses_impossible_moves)
{
	struct ism *ism = self->ism;

	EXPECT_EQ(-EINVAL, ism_move(ism, TOKEN | 1, 0, "x", 1, -1));
	EXPECT_EQ(-EINVAL, ism_move(ism, TOKEN | 1 << 27, 0, "x", 1, -1));
	EXPECT_EQ(-EINVAL, ism_move(ism, 1ull << 48, 0, "x", 1, -1));
	EXPECT_EQ(-EINVAL, ism_move(ism, TOKEN, 0, "x", 1, 16));
	EXPECT_EQ(-EINVAL, ism_move(ism, TOKEN, 0, "x", 0, 0));
	EXPECT_EQ(-EINVAL, ism_move(ism, TOKEN, 1 << 23, "x", 1, -1));
	EXPECT_EQ(-EINVAL, ism_move(ism, TOKEN, -1u, "x", 1, -1));
	EXPECT_EQ(-EINVAL, ism_move(ism, TOKEN, 0, "x", SIZE_MAX, -1));
	EXPECT_EQ(0, self->m->nr_blocks);
	EXPECT_EQ(0, ism_move(ism, TOKEN, (1 << 23) - 1, "x", 1, -1));
	EXPECT_EQ(0, ism_move(ism, TOKEN, 0, "x", 0, -1));
	EXPECT_EQ(1, self->m->nr_blocks);
}

TEST_HARNESS_MAIN
