// SPDX-License-Identifier: MIT
/*
 * libism over a transport that is memory: what it sends, and what it makes of
 * what it gets, byte by byte
 *
 * No device and no vfio is needed, so this runs on a host of any endianness and
 * under sanitizers. What the device would see or write is put together from
 * single bytes here, without the library's own structures.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../tools/libism/handle.h"
#include "kselftest_harness.h"

#define GID		0x0123456789abcdefull
#define PEER		0xfedcba9876543210ull
#define TOKEN		0x7ffff0000000ull
#define MAX_BLOCKS	(1u << 19)
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

static uint64_t get(const void *from, unsigned int len)
{
	const uint8_t *p = from;
	uint64_t n = 0;

	while (len--)
		n = n << 8 | *p++;
	return n;
}

static void put(void *to, unsigned int len, uint64_t n)
{
	uint8_t *p = to;

	for (; len; n >>= 8)
		p[--len] = n & 0xff;
}

/* The function's side */

static void answer(struct mock *m, unsigned int cmd)
{
	unsigned int len = m->resp_len ? m->resp_len : 8;

	memset(m->window, 0xee, sizeof(m->window));
	if (!m->resp_len && !m->code) {
		if (cmd == ISM_CMD_READ_GID)
			put(m->resp, 8, GID);
		if (cmd == ISM_CMD_REG_DMB)
			put(m->resp, 8, m->next_tok++ << ISM_TOKEN_LOW_BITS);
		if (cmd == ISM_CMD_READ_GID || cmd == ISM_CMD_REG_DMB)
			len = 16;
	}
	put(m->window, 4, cmd);
	put(m->window + 4, 2, m->code);
	put(m->window + 6, 2, len);
	memcpy(m->window + 8, m->resp, sizeof(m->window) - 8);
	m->code = 0;
	m->resp_len = 0;
}

static void execute(struct mock *m)
{
	struct command *c = &m->log[m->nr_commands++ % 64];

	c->code = (unsigned int)get(m->window, 4);
	c->len = (unsigned int)get(m->window + 6, 2);
	memcpy(c->body, m->window + 8, WINDOW - 8);
	answer(m, c->code);
}

static int mock_load(struct ism *ism, int bar, uint64_t offset, void *buf,
		     size_t len)
{
	struct mock *m = ism->priv;

	if (bar != ISM_BAR_CMD || offset + len > WINDOW)
		return -ENXIO;
	if (m->load_ret)
		return m->load_ret;
	memcpy(buf, m->window + offset, len);
	return 0;
}

static int store_one(struct ism *ism, int bar, uint64_t offset,
		     const struct iovec *iov)
{
	struct mock *m = ism->priv;

	if (!iov->iov_len || iov->iov_len > ism->maxstbl ||
	    offset % ISM_PAGE + iov->iov_len > ISM_PAGE)
		return -EINVAL;
	if (bar == ISM_BAR_CMD) {
		memcpy(m->window + offset, iov->iov_base, iov->iov_len);
		if (!offset)
			execute(m);
		return 0;
	}
	if (m->nr_blocks == m->fail_at)
		return -EIO;
	m->blocks[m->nr_blocks++] = (struct block){ offset, iov->iov_len };
	memcpy(m->dmb + (offset & (ISM_OFFSET_END - 1)), iov->iov_base,
	       iov->iov_len);
	return 0;
}

/* As the kernel does it: an error counts if it is the first segment's */
static ssize_t mock_store(struct ism *ism, int bar, uint64_t offset,
			  const struct iovec *iov, int n)
{
	struct mock *m = ism->priv;
	ssize_t done = 0;

	for (int i = 0; i < n && i < m->at_once; i++) {
		int ret = store_one(ism, bar, offset + (uint64_t)done, iov + i);

		if (ret)
			return done ? done : ret;
		done += (ssize_t)iov[i].iov_len;
	}
	return done;
}

static int mock_map(struct ism *ism, void *mem, size_t len, uint64_t iova)
{
	struct mock *m = ism->priv;

	if (m->map_ret)
		return m->map_ret;
	if ((uintptr_t)mem % ISM_PAGE || iova % ISM_PAGE)
		return -EINVAL;
	m->mapped += len;
	return 0;
}

static int mock_unmap(struct ism *ism, uint64_t iova, size_t len)
{
	struct mock *m = ism->priv;

	(void)iova;
	m->mapped -= len;
	return 0;
}

static int mock_reset(struct ism *ism)
{
	struct mock *m = ism->priv;

	m->resets++;
	return 0;
}

static int mock_enable(struct ism *ism)
{
	struct mock *m = ism->priv;
	int ret = m->enable_ret;

	m->enable_ret = 0;
	return ret;
}

static int mock_set_irq(struct ism *ism, enum ism_irq irq, int fd)
{
	struct mock *m = ism->priv;

	m->irq[irq] = fd;
	return 0;
}

static int mock_fd(const struct ism *ism)
{
	(void)ism;
	return -1;
}

static void mock_close(struct ism *ism)
{
	struct mock *m = ism->priv;

	m->closes++;
}

static const struct ism_transport mock_transport = {
	.name = "mock",
	.load = mock_load,
	.store = mock_store,
	.map = mock_map,
	.unmap = mock_unmap,
	.reset = mock_reset,
	.enable = mock_enable,
	.set_irq = mock_set_irq,
	.fd = mock_fd,
	.close = mock_close,
};

static void ring(const struct mock *m, enum ism_irq irq)
{
	uint64_t one = 1;

	if (write(m->irq[irq], &one, sizeof(one)) != sizeof(one))
		abort();
}

/* A signal at the DMB, and the interrupt for it */
static void signal_dmb(struct ism *ism, unsigned int idx, uint16_t mask)
{
	uint8_t *sba = (uint8_t *)ism->sba;

	put(sba + 256 + 2 * idx, 2, get(sba + 256 + 2 * idx, 2) | mask);
	sba[4 + idx / 8] |= 0x80 >> idx % 8;
	sba[0] |= 0x80;
	ring(ism->priv, ISM_IRQ_MSI);
}

/* The n-th event since the queue was registered, counted from 0 */
static void queue_event(struct ism *ism, unsigned int n)
{
	uint8_t *sba = (uint8_t *)ism->sba, *ieq = (uint8_t *)ism->ieq;
	uint8_t *entry = ieq + 32 + 32 * (n % 15);

	put(entry, 4, ISM_IEQ_SOFTWARE);
	put(entry + 4, 4, 0x80000000u + n);
	put(entry + 8, 8, PEER);
	put(entry + 16, 8, 0x1111111100000000ull + n);
	put(entry + 24, 8, 0x2222222200000000ull + n);
	put(ieq, 8, n % 15 + 1);
	sba[0] |= 0xc0;
	ring(ism->priv, ISM_IRQ_MSI);
}

FIXTURE(libism)
{
	struct ism *ism;
	struct mock *m;
};

FIXTURE_VARIANT(libism)
{
	unsigned int maxstbl;
};

FIXTURE_VARIANT_ADD(libism, maxstbl_8) { .maxstbl = 8, };
FIXTURE_VARIANT_ADD(libism, maxstbl_100) { .maxstbl = 100, };
FIXTURE_VARIANT_ADD(libism, maxstbl_4096) { .maxstbl = 4096, };
FIXTURE_VARIANT_ADD(libism, maxstbl_8191) { .maxstbl = 8191, };

static struct ism *closed_handle(unsigned int maxstbl)
{
	struct ism *ism = ism_new();

	if (!ism)
		return NULL;
	strcpy(ism->name, "0011:00:00.0");
	ism->maxstbl = maxstbl;
	ism->ranges[0] = (struct ism_range){ 0, 0xffff };
	ism->ranges[1] = (struct ism_range){ 0x100000, 0xffffffff };
	ism->nr_ranges = 2;
	return ism;
}

FIXTURE_SETUP(libism)
{
	self->m = calloc(1, sizeof(*self->m));
	self->ism = closed_handle(variant->maxstbl);
	ASSERT_TRUE(self->m && self->ism);
	self->m->blocks = calloc(MAX_BLOCKS, sizeof(struct block));
	self->m->dmb = calloc(1, ISM_OFFSET_END);
	ASSERT_TRUE(self->m->blocks && self->m->dmb);
	self->m->at_once = 1 << 20;
	self->m->fail_at = -1u;
	self->m->next_tok = 1;
	ASSERT_EQ(0, ism_attach(self->ism, &mock_transport, self->m));
}

FIXTURE_TEARDOWN(libism)
{
	ism_free(self->ism);
	EXPECT_EQ(0, self->m->mapped);
	EXPECT_EQ(1, self->m->closes);
	free(self->m->blocks);
	free(self->m->dmb);
	free(self->m);
}

static const struct command *last(const struct mock *m)
{
	return &m->log[(m->nr_commands - 1) % 64];
}

/* Commands */

TEST_F(libism, opens_with_sba_ieq_and_gid)
{
	const struct command *c = self->m->log;
	uint64_t sba = get(c[0].body, 8);

	ASSERT_EQ(3, self->m->nr_commands);
	EXPECT_EQ(0x01, c[0].code);
	EXPECT_EQ(16, c[0].len);
	EXPECT_EQ(0, sba % ISM_PAGE);
	EXPECT_NE(0, sba);
	EXPECT_EQ(0x02, c[1].code);
	EXPECT_EQ(24, c[1].len);
	EXPECT_EQ(sba + ISM_PAGE, get(c[1].body, 8));
	EXPECT_EQ(512, get(c[1].body + 8, 8));
	EXPECT_EQ(0x03, c[2].code);
	EXPECT_EQ(8, c[2].len);
	EXPECT_EQ(GID, ism_gid(self->ism));
}

TEST_F(libism, closes_in_reverse)
{
	struct ism_dmb *dmb;

	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, ISM_NO_VLAN, &dmb));
	ism_close(self->ism);
	ASSERT_EQ(7, self->m->nr_commands);
	EXPECT_EQ(0x0b, self->m->log[4].code);
	EXPECT_EQ(0x12, self->m->log[5].code);
	EXPECT_EQ(0x11, self->m->log[6].code);
	EXPECT_EQ(0, self->m->mapped);
}

TEST_F(libism, encodes_commands)
{
	const struct mock *m = self->m;

	ASSERT_EQ(0, ism_cmd_query_rgid(self->ism, PEER, ISM_NO_VLAN));
	EXPECT_EQ(0x09, last(m)->code);
	EXPECT_EQ(24, last(m)->len);
	EXPECT_EQ(PEER, get(last(m)->body, 8));
	EXPECT_EQ(0, get(last(m)->body + 8, 8));
	ASSERT_EQ(0, ism_cmd_query_rgid(self->ism, PEER, 0x123));
	EXPECT_EQ(0x100000123, get(last(m)->body + 8, 8));
	ASSERT_EQ(0, ism_cmd_signal_ieq(self->ism, PEER, true, 0xaabbccdd, 42));
	EXPECT_EQ(0x0e, last(m)->code);
	EXPECT_EQ(32, last(m)->len);
	EXPECT_EQ(PEER, get(last(m)->body, 8));
	EXPECT_EQ(0xaabbccdd, get(last(m)->body + 12, 4));
	EXPECT_EQ(42, get(last(m)->body + 16, 8));
	ASSERT_EQ(0, ism_cmd_add_vlan_id(self->ism, 0x1fff));
	EXPECT_EQ(0x04, last(m)->code);
	EXPECT_EQ(0x1fff, get(last(m)->body, 8));
	ASSERT_EQ(0, ism_cmd_del_vlan_id(self->ism, 7));
	EXPECT_EQ(0x05, last(m)->code);
	EXPECT_EQ(7, get(last(m)->body, 8));
	ASSERT_EQ(0, ism_cmd_set_vlan(self->ism));
	EXPECT_EQ(0x06, last(m)->code);
	ASSERT_EQ(0, ism_cmd_reset_vlan(self->ism));
	EXPECT_EQ(0x07, last(m)->code);
	EXPECT_EQ(8, last(m)->len);
}

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

TEST_F(libism, decodes_info)
{
	uint8_t *resp = self->m->resp;
	struct ism_info info;

	self->m->resp_len = 200;
	put(resp, 4, 2);
	put(resp + 4, 4, 0x100);
	put(resp + 8, 8, 0x3333);
	put(resp + 16, 8, GID);
	put(resp + 24, 8, 0x1000);
	put(resp + 32, 8, 0x2000);
	put(resp + 40, 4, 512);
	put(resp + 48, 4, 11);
	put(resp + 52, 4, 12);
	put(resp + 56, 4, 1);
	put(resp + 60, 4, 1000);
	for (unsigned int i = 0; i < ISM_VLAN_IDS; i++)
		put(resp + 64 + 2 * i, 2, 0x100 + i);
	ASSERT_EQ(0, ism_cmd_query_info(self->ism, &info));
	EXPECT_EQ(2, info.version);
	EXPECT_EQ(0x100, info.max_len);
	EXPECT_EQ(0x3333, info.state);
	EXPECT_EQ(GID, info.gid);
	EXPECT_EQ(0x1000, info.sba);
	EXPECT_EQ(0x2000, info.ieq);
	EXPECT_EQ(512, info.ieq_len);
	EXPECT_EQ(11, info.dmbs_owned);
	EXPECT_EQ(12, info.dmbs_used);
	EXPECT_EQ(1, info.vlan_required);
	EXPECT_EQ(ISM_VLAN_IDS, info.nr_vlans);
	EXPECT_EQ(0x100, info.vlan[0]);
	EXPECT_EQ(0x13f, info.vlan[63]);
}

TEST_F(libism, zeroes_what_was_not_sent)
{
	struct ism_info info;

	memset(self->m->resp, 0xff, sizeof(self->m->resp));
	self->m->resp_len = 8 + 8;
	ASSERT_EQ(0, ism_cmd_query_info(self->ism, &info));
	EXPECT_EQ(0xffffffff, info.max_len);
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, info.nr_vlans);
	EXPECT_EQ(0, info.vlan[63]);
}

TEST_F(libism, keeps_out_what_has_no_room)
{
	uint64_t resp[2] = { 1, 2 };

	memset(self->m->resp, 0xff, sizeof(self->m->resp));
	self->m->resp_len = WINDOW;
	ASSERT_EQ(0, ism_cmd(self->ism, ISM_CMD_READ_GID, NULL, 0, resp, 8));
	EXPECT_EQ(UINT64_MAX, resp[0]);
	EXPECT_EQ(2, resp[1]);
}

TEST_F(libism, takes_no_response_of_impossible_length)
{
	uint64_t gid;

	self->m->resp_len = 7;
	EXPECT_EQ(-EPROTO, ism_cmd_read_gid(self->ism, &gid));
	self->m->resp_len = WINDOW + 1;
	EXPECT_EQ(-EPROTO, ism_cmd_read_gid(self->ism, &gid));
}

TEST_F(libism, sends_the_longest_body_only)
{
	uint8_t body[WINDOW];

	memset(body, 0xab, sizeof(body));
	ASSERT_EQ(0, ism_cmd(self->ism, 0x77, body, WINDOW - 8, NULL, 0));
	EXPECT_EQ(WINDOW, last(self->m)->len);
	EXPECT_EQ(0, memcmp(last(self->m)->body, body, WINDOW - 8));
	EXPECT_EQ(-EINVAL, ism_cmd(self->ism, 0x77, body, WINDOW, NULL, 0));
}

TEST_F(libism, turns_codes_into_errors)
{
	self->m->code = 0x0401;
	EXPECT_EQ(-EHOSTUNREACH, ism_cmd_query_rgid(self->ism, PEER, -1));
	EXPECT_EQ(0x0401, ism_cmd_code(self->ism));
	EXPECT_NE(NULL, strstr(ism_strerror(self->ism), "0011:00:00.0: "));
	EXPECT_NE(NULL, strstr(ism_strerror(self->ism), "QUERY_RGID"));
	self->m->code = 0xabcd;
	EXPECT_EQ(-EREMOTEIO, ism_cmd_set_vlan(self->ism));
	EXPECT_EQ(0xabcd, ism_cmd_code(self->ism));
	self->m->load_ret = -EIO;
	EXPECT_EQ(-EIO, ism_cmd_set_vlan(self->ism));
	EXPECT_EQ(0xffff, ism_cmd_code(self->ism));
	self->m->load_ret = 0;
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

/* Events */

TEST_F(libism, reads_signals)
{
	struct ism_dmb *dmb[3];
	struct ism_event ev;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, -1, &dmb[i]));
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
	EXPECT_EQ(0, ism_wait(self->ism, 0));
	signal_dmb(self->ism, dmb[1]->idx, 0x8000);
	signal_dmb(self->ism, dmb[1]->idx, 0x0001);
	signal_dmb(self->ism, 1919, 0xffff);
	ASSERT_EQ(1, ism_wait(self->ism, -1));
	signal_dmb(self->ism, dmb[1]->idx, 0x0010);
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(ISM_EVENT_SIGNAL, ev.kind);
	EXPECT_EQ(dmb[1], ev.dmb);
	EXPECT_TRUE(ism_signal_in(ev.mask, 0));
	EXPECT_TRUE(ism_signal_in(ev.mask, 15));
	EXPECT_EQ(0x8001, ev.mask);
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(0x0010, ev.mask);
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
	EXPECT_EQ(0, self->ism->sba->flags);
}

TEST_F(libism, takes_turns_between_dmbs)
{
	struct ism_dmb *a, *b;
	struct ism_event ev;

	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, -1, &a));
	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, -1, &b));
	signal_dmb(self->ism, a->idx, 1);
	signal_dmb(self->ism, b->idx, 1);
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(a, ev.dmb);
	signal_dmb(self->ism, a->idx, 1);
	ASSERT_EQ(1, ism_wait(self->ism, -1));
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(b, ev.dmb);
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(a, ev.dmb);
}

TEST_F(libism, forgets_the_signals_of_a_freed_dmb)
{
	struct ism_dmb *dmb;
	struct ism_event ev;

	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, -1, &dmb));
	signal_dmb(self->ism, dmb->idx, 1);
	ASSERT_EQ(1, ism_wait(self->ism, -1));
	ASSERT_EQ(0, ism_dmb_free(dmb));
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
}

/* At any place in the queue, with any number of entries at a time */
TEST_F(libism, reads_the_event_queue_round_and_round)
{
	unsigned int n = 0;

	for (unsigned int at_once = 1; at_once <= 14; at_once++) {
		struct ism_event ev;

		for (unsigned int i = 0; i < at_once; i++)
			queue_event(self->ism, n + i);
		for (unsigned int i = 0; i < at_once; i++, n++) {
			ASSERT_EQ(1, ism_next_event(self->ism, &ev));
			EXPECT_EQ(ISM_EVENT_IEQ, ev.kind);
			EXPECT_EQ(ISM_IEQ_SOFTWARE, ev.type);
			EXPECT_EQ(0x80000000u + n, ev.code);
			EXPECT_EQ(PEER, ev.tok);
			EXPECT_EQ(0x1111111100000000ull + n, ev.time);
			EXPECT_EQ(0x2222222200000000ull + n, ev.info);
		}
		EXPECT_EQ(0, ism_next_event(self->ism, &ev));
	}
}

TEST_F(libism, leaves_in_the_queue_what_it_has_no_room_for)
{
	struct ism_event ev;

	/* waiting collects, and nobody takes what was collected */
	for (unsigned int n = 0; n < ISM_QUEUE + 10; n++) {
		queue_event(self->ism, n);
		ASSERT_EQ(1, ism_wait(self->ism, -1));
	}
	for (unsigned int n = 0; n < ISM_QUEUE + 10; n++) {
		ASSERT_EQ(1, ism_next_event(self->ism, &ev));
		ASSERT_EQ(0x80000000u + n, ev.code);
	}
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
}

TEST_F(libism, reads_no_event_from_an_index_that_is_none)
{
	struct ism_event ev;

	put(self->ism->ieq, 8, 16);
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
	put(self->ism->ieq, 8, UINT64_MAX);
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
}

TEST_F(libism, reports_errors_first)
{
	struct ism_stats stats;
	struct ism_event ev;

	queue_event(self->ism, 0);
	ring(self->m, ISM_IRQ_REQ);
	ring(self->m, ISM_IRQ_ERR);
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(ISM_EVENT_ERROR, ev.kind);
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(ISM_EVENT_REQUEST, ev.kind);
	ASSERT_EQ(1, ism_next_event(self->ism, &ev));
	EXPECT_EQ(ISM_EVENT_IEQ, ev.kind);
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
	ism_get_stats(self->ism, &stats);
	EXPECT_EQ(1, stats.interrupts);
}

/* Life of a handle */

TEST_F(libism, registers_all_again_after_a_reset)
{
	struct ism_event ev;
	struct ism_dmb *dmb;
	uint64_t tok;

	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, -1, &dmb));
	tok = dmb->tok;
	signal_dmb(self->ism, dmb->idx, 1);
	queue_event(self->ism, 0);
	ASSERT_EQ(0, ism_reset(self->ism));
	EXPECT_EQ(1, self->m->resets);
	ASSERT_EQ(8, self->m->nr_commands);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(self->m->log[i].code, self->m->log[4 + i].code);
	EXPECT_NE(tok, dmb->tok);
	EXPECT_EQ(0, ism_next_event(self->ism, &ev));
	queue_event(self->ism, 0);
	EXPECT_EQ(1, ism_next_event(self->ism, &ev));
}

TEST_F(libism, takes_iovas_where_the_kernel_allows_them)
{
	struct ism_dmb *dmb[3];

	/* SBA and event queue have the first two free pages, but for 0 */
	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 0x4000, PEER, -1, &dmb[0]));
	EXPECT_EQ(0x4000, dmb[0]->iova);
	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 0x10000, PEER, -1, &dmb[1]));
	EXPECT_EQ(0x100000, dmb[1]->iova);
	ASSERT_EQ(0, ism_dmb_alloc(self->ism, ISM_DMB_MAX, PEER, -1, &dmb[2]));
	EXPECT_EQ(0x200000, dmb[2]->iova);
	self->ism->nr_ranges = 1;
	EXPECT_EQ(-ENOSPC, ism_dmb_alloc(self->ism, 0x8001, PEER, -1, dmb));
	EXPECT_EQ(-EINVAL, ism_dmb_alloc(self->ism, 0, PEER, -1, dmb));
	EXPECT_EQ(-EINVAL, ism_dmb_alloc(self->ism, ISM_DMB_MAX + 1, PEER, -1,
					 dmb));
}

TEST_F(libism, tells_the_allowed_iovas)
{
	struct ism_range ranges[2] = { 0 };

	ASSERT_EQ(2, ism_iova_ranges(self->ism, ranges, 1));
	EXPECT_EQ(self->ism->ranges[0].first, ranges[0].first);
	EXPECT_EQ(self->ism->ranges[0].last, ranges[0].last);
	EXPECT_EQ(0, ranges[1].last);
	ASSERT_EQ(2, ism_iova_ranges(self->ism, ranges, 2));
	EXPECT_EQ(self->ism->ranges[1].last, ranges[1].last);
}

TEST_F(libism, registers_after_a_reset_only_what_was_registered)
{
	struct ism_dmb *dmb[2];

	ASSERT_EQ(0, ism_dmb_alloc(self->ism, 1, PEER, -1, &dmb[0]));
	ASSERT_EQ(0, ism_dmb_new(self->ism, NULL, 1, &dmb[1]));
	self->m->nr_commands = 0;
	ASSERT_EQ(0, ism_reset(self->ism));
	/* REG_SBA, REG_IEQ, READ_GID, REG_DMB */
	EXPECT_EQ(4, self->m->nr_commands);
	EXPECT_EQ(false, dmb[1]->registered);
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

static int attach(unsigned int maxstbl, struct mock *m)
{
	struct ism *ism = closed_handle(maxstbl);
	int ret;

	m->at_once = 1;
	ret = ism_attach(ism, &mock_transport, m);
	ism_free(ism);
	return ret;
}

TEST(open_needs_room_for_a_doorbell)
{
	struct mock m = { .nr_commands = 0 };

	EXPECT_EQ(-ENODEV, attach(7, &m));
	EXPECT_EQ(0, m.nr_commands);
	EXPECT_EQ(1, m.closes);
}

TEST(open_leaves_an_error_state)
{
	struct mock m = { .enable_ret = -EIO };

	EXPECT_EQ(0, attach(4096, &m));
	EXPECT_EQ(1, m.resets);
	EXPECT_EQ(1, m.closes);
	EXPECT_EQ(0, m.mapped);
}

/* That is no error state of the function: nothing to reset, nothing to go on with */
TEST(open_needs_memory_that_the_function_can_reach)
{
	struct mock m = { .map_ret = -EIO };

	EXPECT_EQ(-EIO, attach(4096, &m));
	EXPECT_EQ(0, m.resets);
	EXPECT_EQ(0, m.nr_commands);
	EXPECT_EQ(1, m.closes);
}

TEST(open_gives_everything_back_when_it_fails)
{
	struct mock m = { .code = 0x0201 };

	EXPECT_EQ(-EALREADY, attach(4096, &m));
	EXPECT_EQ(1, m.closes);
	EXPECT_EQ(0, m.mapped);
}

TEST_HARNESS_MAIN
