// SPDX-License-Identifier: MIT
/*
 * libism used by many threads at once, for ThreadSanitizer
 *
 * The function is memory, and its own peer. It has no lock of its own where a
 * real one needs none, so that nothing but the library's locks stands between
 * the threads: a lock that is missing there is a race here.
 */
#include <endian.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../tools/libism/handle.h"
#include "kselftest_harness.h"

#define GID		0x0123456789abcdefull
#define WINDOW		256
#define ROUNDS		2000
#define STREAMS		2
#define STREAM_LEN	(2 * ISM_PAGE)
#define EVENTS_MAX	10	/* on their way; the queue holds 14 */
#define SBA_SUMMARY	0x80000000u
#define SBA_EVENT	0x40000000u

/**
 * struct area - a DMB as the function sees it
 * @lock: a store is in the DMB, or it is not there any more: the hardware's word
 * @mem: NULL while it is not registered
 * @len: bytes
 * @idx: its number in the SBA
 */
struct area {
	pthread_mutex_t lock;
	uint8_t *mem;
	uint32_t len;
	uint32_t idx;
};

/**
 * struct function - the function; what commands change has no lock
 * @window: command window
 * @pages: memory by IOVA, in pages
 * @area: DMBs by token
 * @nr_areas: tokens given
 * @entries: that the event queue had in all
 * @irq: eventfds
 */
struct function {
	uint8_t window[WINDOW];
	uint8_t *pages[0x2000];
	struct area area[2 * ROUNDS + STREAMS + 1];
	unsigned int nr_areas;
	unsigned int entries;
	int irq[ISM_IRQS];
};

static uint64_t get(const uint8_t *p, unsigned int len)
{
	uint64_t n = 0;

	while (len--)
		n = n << 8 | *p++;
	return n;
}

/* The function's side */

static void summary(struct ism *ism, uint32_t flags)
{
	const struct function *f = ism->priv;
	uint32_t old = __atomic_fetch_or(&ism->sba->flags, htobe32(flags),
					 __ATOMIC_SEQ_CST);
	uint64_t one = 1;

	if (!(be32toh(old) & SBA_SUMMARY) &&
	    write(f->irq[ISM_IRQ_MSI], &one, sizeof(one)) != sizeof(one))
		abort();
}

static void set_signal(struct ism *ism, uint32_t idx, int signal)
{
	__atomic_fetch_or(&ism->sba->dmbe_mask[idx], htobe16(0x8000 >> signal),
			  __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&ism->sba->dmb_bits[idx / 32],
			  htobe32(0x80000000u >> idx % 32), __ATOMIC_SEQ_CST);
	summary(ism, SBA_SUMMARY);
}

static void queue_entry(struct ism *ism, uint32_t code, uint64_t info)
{
	struct function *f = ism->priv;
	unsigned int at = f->entries++ % 15;

	ism->ieq->entry[at] = (struct ism_ieq_entry) {
		.type = htobe32(ISM_IEQ_SOFTWARE),
		.code = htobe32(code),
		.tok = htobe64(GID),
		.info = htobe64(info),
	};
	__atomic_store_n(&ism->ieq->idx, htobe64(at + 1), __ATOMIC_RELEASE);
	summary(ism, SBA_SUMMARY | SBA_EVENT);
}

static uint64_t reg_dmb(struct function *f)
{
	struct area *a = &f->area[++f->nr_areas];

	pthread_mutex_lock(&a->lock);
	a->mem = f->pages[get(f->window + 8, 8) / ISM_PAGE];
	a->len = (uint32_t)get(f->window + 16, 4);
	a->idx = (uint32_t)get(f->window + 20, 4);
	pthread_mutex_unlock(&a->lock);
	return (uint64_t)f->nr_areas << ISM_TOKEN_LOW_BITS;
}

static void unreg_dmb(struct function *f)
{
	struct area *a = &f->area[get(f->window + 8, 8) >> ISM_TOKEN_LOW_BITS];

	pthread_mutex_lock(&a->lock);
	a->mem = NULL;
	pthread_mutex_unlock(&a->lock);
}

static void execute(struct ism *ism)
{
	struct function *f = ism->priv;
	uint64_t value = 0;

	switch (get(f->window, 4)) {
	case ISM_CMD_REG_DMB:
		value = reg_dmb(f);
		break;
	case ISM_CMD_UNREG_DMB:
		unreg_dmb(f);
		break;
	case ISM_CMD_SIGNAL_IEQ:
		queue_entry(ism, (uint32_t)get(f->window + 20, 4),
			    get(f->window + 24, 8));
		break;
	default:
		value = GID;
		break;
	}
	value = htobe64(value);
	memset(f->window + 4, 0, WINDOW - 4);
	f->window[7] = 16;
	memcpy(f->window + 8, &value, sizeof(value));
}

static int load(struct ism *ism, int bar, uint64_t offset, void *buf,
		size_t len)
{
	const struct function *f = ism->priv;

	(void)bar;
	memcpy(buf, f->window + offset, len);
	return 0;
}

static int store_to_dmb(struct ism *ism, uint64_t offset,
			const struct iovec *iov)
{
	struct function *f = ism->priv;
	struct area *a = &f->area[offset >> ISM_TOKEN_LOW_BITS];
	uint32_t at = offset & (ISM_OFFSET_END - 1);
	int ret = -EIO;

	pthread_mutex_lock(&a->lock);
	if (a->mem && at + iov->iov_len <= a->len) {
		memcpy(a->mem + at, iov->iov_base, iov->iov_len);
		if (offset >> 23 & 1)
			set_signal(ism, a->idx, offset >> 24 & 15);
		ret = 0;
	}
	pthread_mutex_unlock(&a->lock);
	return ret;
}

static ssize_t store(struct ism *ism, int bar, uint64_t offset,
		     const struct iovec *iov, int n)
{
	struct function *f = ism->priv;
	ssize_t done = 0;

	for (int i = 0; i < n; i++) {
		uint64_t at = offset + (uint64_t)done;

		if (bar == ISM_BAR_DMB && store_to_dmb(ism, at, iov + i))
			return done ? done : -EIO;
		if (bar == ISM_BAR_CMD)
			memcpy(f->window + at, iov[i].iov_base, iov[i].iov_len);
		if (bar == ISM_BAR_CMD && !at)
			execute(ism);
		done += (ssize_t)iov[i].iov_len;
	}
	return done;
}

/* The library gives no IOVA to two mappings: each has its own element here */
static int map(struct ism *ism, void *mem, size_t len, uint64_t iova)
{
	struct function *f = ism->priv;

	for (size_t at = 0; at < len; at += ISM_PAGE)
		f->pages[(iova + at) / ISM_PAGE] = (uint8_t *)mem + at;
	return 0;
}

static int unmap(struct ism *ism, uint64_t iova, size_t len)
{
	struct function *f = ism->priv;

	for (size_t at = 0; at < len; at += ISM_PAGE)
		f->pages[(iova + at) / ISM_PAGE] = NULL;
	return 0;
}

static int nothing(struct ism *ism)
{
	(void)ism;
	return 0;
}

static int set_irq(struct ism *ism, enum ism_irq irq, int fd)
{
	struct function *f = ism->priv;

	f->irq[irq] = fd;
	return 0;
}

static int no_fd(const struct ism *ism)
{
	(void)ism;
	return -1;
}

static void do_close(struct ism *ism)
{
	(void)ism;
}

static const struct ism_transport transport = {
	.name = "threads",
	.load = load,
	.store = store,
	.map = map,
	.unmap = unmap,
	.reset = nothing,
	.enable = nothing,
	.set_irq = set_irq,
	.fd = no_fd,
	.close = do_close,
};

/* The program's side: a test's thread returns what failed, NULL if nothing */

FIXTURE(threads)
{
	struct ism *ism;
	struct function *f;
	struct ism_dmb *stream[STREAMS];
	unsigned int taken[STREAMS];
	unsigned int events;
};

FIXTURE_SETUP(threads)
{
	self->f = calloc(1, sizeof(*self->f));
	self->ism = ism_new();
	ASSERT_TRUE(self->f && self->ism);
	for (size_t i = 0; i < ARRAY_SIZE(self->f->area); i++)
		pthread_mutex_init(&self->f->area[i].lock, NULL);
	strcpy(self->ism->name, "0011:00:00.0");
	self->ism->maxstbl = ISM_PAGE;
	self->ism->ranges[0] = (struct ism_range){ 0, 0x1ffffff };
	self->ism->nr_ranges = 1;
	ASSERT_EQ(0, ism_attach(self->ism, &transport, self->f));
	for (int i = 0; i < STREAMS; i++)
		ASSERT_EQ(0, ism_dmb_alloc(self->ism, STREAM_LEN, GID,
					   ISM_NO_VLAN, &self->stream[i]));
}

FIXTURE_TEARDOWN(threads)
{
	ism_free(self->ism);
	free(self->f);
}

/**
 * struct worker - a thread
 * @self: of the test
 * @nr: which of several that do the same
 * @thread: it
 */
struct worker {
	FIXTURE_DATA(threads) *self;
	int nr;
	pthread_t thread;
};

static void wait_until(const unsigned int *counter, unsigned int at_least)
{
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < at_least)
		sched_yield();
}

/* One message after another, each over the one before once that was taken */
static void *stream(void *arg)
{
	const struct worker *w = arg;
	const struct ism_dmb *dmb = w->self->stream[w->nr];
	uint8_t page[STREAM_LEN];

	for (unsigned int n = 0; n < ROUNDS; n++) {
		memset(page, n, sizeof(page));
		wait_until(&w->self->taken[w->nr], n);
		if (ism_move(w->self->ism, dmb->tok, 0, page, sizeof(page),
			     w->nr))
			return "a move failed";
	}
	return NULL;
}

/* DMBs that come and go, with stores to them before and after */
static void *make_and_free(void *arg)
{
	struct ism *ism = ((const struct worker *)arg)->self->ism;

	for (unsigned int n = 0; n < ROUNDS; n++) {
		struct ism_dmb *dmb;
		uint64_t tok;

		if (ism_dmb_alloc(ism, 1, GID, ISM_NO_VLAN, &dmb))
			return "no DMB";
		tok = dmb->tok;
		if (ism_move(ism, tok, 7, "abc", 4, 15) ||
		    strcmp((char *)dmb->mem + 7, "abc"))
			return "a move into a new DMB failed";
		if (ism_dmb_free(dmb))
			return "a DMB could not be freed";
		if (ism_move(ism, tok, 7, "abc", 4, 15) != -EIO ||
		    !strstr(ism_strerror(ism), "0011:00:00.0"))
			return "a move into a freed DMB did not fail";
	}
	return NULL;
}

static void *command(void *arg)
{
	const struct worker *w = arg;
	struct ism *ism = w->self->ism;
	struct ism_stats stats;

	for (unsigned int n = 0; n < ROUNDS; n++) {
		uint64_t gid;

		if (ism_cmd_read_gid(ism, &gid) || gid != GID)
			return "a command got the answer of another";
		ism_cmd_code(ism);
		ism_get_stats(ism, &stats);
		if (w->nr)
			continue;
		wait_until(&w->self->events, n < EVENTS_MAX ? 0 : n - EVENTS_MAX);
		if (ism_cmd_signal_ieq(ism, GID, true, n, ~(uint64_t)n))
			return "a software event failed";
	}
	return NULL;
}

/* All that was moved up to the signal, and nothing of what comes after */
static bool take_message(FIXTURE_DATA(threads) *self, int i, uint16_t mask)
{
	const uint8_t *mem = self->stream[i]->mem;
	unsigned int n = self->taken[i];

	for (size_t at = 0; at < STREAM_LEN; at++)
		if (mem[at] != (uint8_t)n)
			return false;
	__atomic_store_n(&self->taken[i], n + 1, __ATOMIC_RELEASE);
	return mask == 0x8000 >> i;
}

/* Else it is of a DMB that comes and goes, and may be gone already */
static bool take_signal(FIXTURE_DATA(threads) *self,
			const struct ism_event *ev)
{
	for (int i = 0; i < STREAMS; i++)
		if (ev->dmb == self->stream[i])
			return take_message(self, i, ev->mask);
	return true;
}

static bool take_event(FIXTURE_DATA(threads) *self,
		       const struct ism_event *ev)
{
	unsigned int n = self->events;

	if (ev->kind == ISM_EVENT_SIGNAL)
		return take_signal(self, ev);
	__atomic_store_n(&self->events, n + 1, __ATOMIC_RELEASE);
	return ev->kind == ISM_EVENT_IEQ && ev->code == n &&
	       ev->info == ~(uint64_t)n;
}

static unsigned int so_far(const unsigned int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

/* One of several threads that take what comes */
static void *take_some(void *arg)
{
	FIXTURE_DATA(threads) *self = ((const struct worker *)arg)->self;
	struct ism_event ev;

	while (so_far(&self->taken[0]) + so_far(&self->taken[1]) < 2 * ROUNDS) {
		if (!ism_next_event(self->ism, &ev))
			sched_yield();
		else if (!take_event(self, &ev))
			return "a signal came without its bytes";
	}
	return NULL;
}

/* A wake-up that got lost would be waited for until the harness gives up */
static const char *take_all(FIXTURE_DATA(threads) *self)
{
	struct ism_event ev;

	while (self->taken[0] + self->taken[1] + self->events < 3 * ROUNDS) {
		if (ism_wait(self->ism, -1) != 1)
			return "waiting failed";
		while (ism_next_event(self->ism, &ev))
			if (!take_event(self, &ev))
				return "an event is not what was sent";
	}
	return NULL;
}

static void start(FIXTURE_DATA(threads) *self, struct worker *w, int nr,
		  void *(*what)(void *))
{
	w->self = self;
	w->nr = nr;
	if (pthread_create(&w->thread, NULL, what, w))
		abort();
}

static const char *failure_of(const struct worker *w)
{
	void *failed;

	pthread_join(w->thread, &failed);
	return failed ?: "";
}

TEST_F(threads, do_everything_at_once)
{
	struct worker w[6];

	for (int i = 0; i < 2; i++) {
		start(self, &w[i], i, stream);
		start(self, &w[2 + i], i, make_and_free);
		start(self, &w[4 + i], i, command);
	}
	EXPECT_STREQ("", take_all(self) ?: "");
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		EXPECT_STREQ("", failure_of(&w[i]));
}

TEST_F(threads, take_events_in_two_of_them)
{
	struct worker w[4];

	for (int i = 0; i < 2; i++) {
		start(self, &w[i], i, stream);
		start(self, &w[2 + i], i, take_some);
	}
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		EXPECT_STREQ("", failure_of(&w[i]));
}

TEST_HARNESS_MAIN
