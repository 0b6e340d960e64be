// SPDX-License-Identifier: MIT
/*
 * A transport that is memory: what the library sends is kept, and what it gets is
 * what a test has put there
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock.h"

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

const struct ism_transport mock_transport = {
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

void ring(const struct mock *m, enum ism_irq irq)
{
	uint64_t one = 1;

	if (write(m->irq[irq], &one, sizeof(one)) != sizeof(one))
		abort();
}

/* A signal at the DMB, and the interrupt for it */
void signal_dmb(struct ism *ism, unsigned int idx, uint16_t mask)
{
	uint8_t *sba = (uint8_t *)ism->sba;

	put(sba + 256 + 2 * idx, 2, get(sba + 256 + 2 * idx, 2) | mask);
	sba[4 + idx / 8] |= 0x80 >> idx % 8;
	sba[0] |= 0x80;
	ring(ism->priv, ISM_IRQ_MSI);
}

/* The n-th event since the queue was registered, counted from 0 */
void queue_event(struct ism *ism, unsigned int n)
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

/* A handle that waits for its transport, with two ranges of IOVAs */
struct ism *closed_handle(unsigned int maxstbl)
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

/* The command that was given last */
const struct command *last(const struct mock *m)
{
	return &m->log[(m->nr_commands - 1) % 64];
}
