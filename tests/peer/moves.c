// SPDX-License-Identifier: MIT
/*
 * Moves from one end to the other; see moves.h
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "moves.h"

#define LONGEST		(16u << 10)
#define GUARD		64u		/* looked at on both sides of a move */
#define WHOLE		1000		/* moves after which all is looked at */

/* ---- moves, looked at ---------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static bool fail(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->failure, sizeof(r->failure), fmt, ap);
	va_end(ap);
	return false;
}

/* xorshift64 */
static uint64_t any(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

void random_fill(uint64_t *seed, uint8_t *data, size_t len)
{
	while (len) {
		uint64_t bytes = any(seed);
		size_t n = len < sizeof(bytes) ? len : sizeof(bytes);

		memcpy(data, &bytes, n);
		data += n;
		len -= n;
	}
}

static bool looks_right(struct run *r, unsigned int n, uint32_t first, uint32_t end)
{
	const uint8_t *got = r->to->ops->look(r->to, first, end - first);

	if (!got)
		return fail(r, "move %u: the DMB cannot be looked at", n);
	if (!memcmp(got, r->want + first, end - first))
		return true;
	while (*got == r->want[first]) {
		got++;
		first++;
	}
	return fail(r, "move %u: byte %u is %#x, not %#x", n, first, *got, r->want[first]);
}

/* Exactly this signal; what was told about DMBs of before may come late */
static bool signalled(struct run *r, unsigned int n, int signal)
{
	struct ism_event ev;
	int ret;

	do
		ret = r->to->ops->next(r->to, &ev, PATIENCE);
	while (!ret && ev.kind == ISM_EVENT_IEQ && ev.type != ISM_IEQ_SOFTWARE);
	if (ret)
		return fail(r, "move %u: no signal: %s", n, strerror(-ret));
	if (ev.kind != ISM_EVENT_SIGNAL || ev.mask != 0x8000u >> signal)
		return fail(r, "move %u: event %d with mask %#x is not signal %d",
			    n, ev.kind, ev.mask, signal);
	return true;
}

static bool one_move(struct run *r, unsigned int n)
{
	uint32_t len = n < SIZES ? n + 1 : any(&r->seed) % LONGEST + 1;
	uint32_t offset = any(&r->seed) % (DMB_LEN - len + 1);
	uint32_t first = offset < GUARD ? 0 : offset - GUARD;
	uint32_t end = offset + len + GUARD;
	int ret;

	if (end > DMB_LEN)
		end = DMB_LEN;
	random_fill(&r->seed, r->want + offset, len);
	ret = r->from->ops->move(r->from, r->to->tok, offset, r->want + offset,
				 len, n % ISM_SIGNALS);
	if (ret)
		return fail(r, "move %u of %u bytes to %u: %s", n, len, offset,
			    strerror(-ret));
	if (!signalled(r, n, n % ISM_SIGNALS))
		return false;
	if (n % WHOLE == WHOLE - 1 || n == r->moves - 1) {
		first = 0;
		end = DMB_LEN;
	}
	return looks_right(r, n, first, end);
}

void *run_moves(void *arg)
{
	struct run *r = arg;

	r->want = calloc(1, DMB_LEN);
	if (!r->want)
		fail(r, "out of memory");
	for (unsigned int n = 0; r->want && n < r->moves; n++)
		if (!one_move(r, n))
			break;
	free(r->want);
	return NULL;
}

/* ---- moves without a pause ----------------------------------------------- */

static bool is_requested(struct end *e)
{
	struct ism_event ev;

	return !e->ops->next(e, &ev, 0) && ev.kind == ISM_EVENT_REQUEST;
}

static void *flow(void *arg)
{
	static const char data[2 * ISM_PAGE];
	struct stream *s = arg;
	int ret = 0;

	while (!ret && !s->late) {
		bool over = __atomic_load_n(&s->over, __ATOMIC_SEQ_CST);

		ret = s->from->ops->move(s->from, s->tok, 100, data,
					 sizeof(data), ISM_NO_SIGNAL);
		if (!ret) {
			__atomic_fetch_add(&s->moves, 1, __ATOMIC_SEQ_CST);
			s->late += over;
		}
		if (s->watch && is_requested(s->from))
			ret = -ECANCELED;
	}
	__atomic_store_n(&s->error, ret, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Until it is well under way, or failed */
bool stream_start(struct stream *s, struct end *from, uint64_t tok)
{
	s->from = from;
	s->tok = tok;
	if (pthread_create(&s->thread, NULL, flow, s))
		return false;
	while (__atomic_load_n(&s->moves, __ATOMIC_SEQ_CST) < 100 &&
	       !__atomic_load_n(&s->error, __ATOMIC_SEQ_CST))
		usleep(1000);
	return true;
}

void stream_finish(struct stream *s)
{
	__atomic_store_n(&s->over, true, __ATOMIC_SEQ_CST);
	pthread_join(s->thread, NULL);
}
