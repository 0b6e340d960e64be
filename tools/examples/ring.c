// SPDX-License-Identifier: MIT
/*
 * ring PRODUCER CONSUMER MESSAGES: a lock-free ring over DMBs
 *
 * One producer, one consumer, each with a function of its own; here they are
 * two threads, but nothing is shared but the DMBs.
 *
 *   consumer's DMB   the producer writes slots, then how many it has filled
 *   producer's DMB   the consumer writes how many it has emptied: credit
 *
 * Every word has one writer. Slots are filled before the count that covers them
 * is stored, and moves of one thread arrive in order. A count may be half
 * written when it is read: it is stored with its complement, and taken only
 * when both agree. It comes with a signal, so that the other side may sleep;
 * several slots share one.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ism.h"

#define SLOTS		512u
#define SLOT_LEN	256u
#define BATCH		32u		/* slots for one signal */
#define COUNT_SIGNAL	0

struct count {
	uint64_t n;
	uint64_t complement;
};

struct slot {
	uint32_t len;
	uint8_t data[SLOT_LEN - sizeof(uint32_t)];
};

/* The consumer's DMB; the producer's is one struct count */
struct ring {
	struct count filled;
	uint8_t reserved[ISM_PAGE - sizeof(struct count)];
	struct slot slot[SLOTS];
};

/**
 * struct end - one end of the ring
 * @ism: its function
 * @dmb: its DMB, which the other end writes
 * @peer: token of the other end's DMB
 * @mine: slots that this end has filled, or emptied
 * @told: of these the other end knows
 * @theirs: the other end's count, as known here
 */
struct end {
	struct ism *ism;
	struct ism_dmb *dmb;
	uint64_t peer;
	uint64_t mine;
	uint64_t told;
	uint64_t theirs;
};

static void check(struct ism *ism, int ret)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "%s\n", ism_strerror(ism));
	exit(1);
}

/* Both DMBs begin with the count that the other end writes */
static void tell(struct end *end)
{
	struct count count = { .n = end->mine, .complement = ~end->mine };

	if (end->told == end->mine)
		return;
	check(end->ism, ism_move(end->ism, end->peer, 0, &count, sizeof(count),
				 COUNT_SIGNAL));
	end->told = end->mine;
}

static void look(struct end *end)
{
	const struct count *shared = end->dmb->mem;
	struct count count;

	__atomic_load(&shared->n, &count.n, __ATOMIC_ACQUIRE);
	__atomic_load(&shared->complement, &count.complement, __ATOMIC_ACQUIRE);
	if (count.n == ~count.complement)
		end->theirs = count.n;
}

/* Look after the events are taken: what comes later is another event */
static void wait_and_look(struct end *end)
{
	struct ism_event ev;

	check(end->ism, ism_wait(end->ism, -1));
	while (ism_next_event(end->ism, &ev))
		if (ev.kind != ISM_EVENT_SIGNAL) {
			fprintf(stderr, "ring: the other end is gone\n");
			exit(1);
		}
	look(end);
}

static void put(struct end *p, const void *data, uint32_t len)
{
	uint32_t at = offsetof(struct ring, slot) + p->mine % SLOTS * SLOT_LEN;
	struct slot slot = { .len = len };

	while (p->mine - p->theirs == SLOTS) {
		tell(p);
		wait_and_look(p);
	}
	memcpy(slot.data, data, len);
	check(p->ism, ism_move(p->ism, p->peer, at, &slot,
			       offsetof(struct slot, data) + len, ISM_NO_SIGNAL));
	p->mine++;
	if (p->mine - p->told >= BATCH)
		tell(p);
}

/* The slot stays the consumer's until release() */
static const struct slot *get(struct end *c)
{
	const struct ring *ring = c->dmb->mem;

	while (c->theirs == c->mine)
		wait_and_look(c);
	return &ring->slot[c->mine % SLOTS];
}

static void release(struct end *c)
{
	c->mine++;
	if (c->mine - c->told >= SLOTS / 4)
		tell(c);
}

/* The two ends at work: message i has 1 to 250 bytes, all i */

static uint64_t messages;

static void *produce(void *arg)
{
	uint8_t data[250];

	for (uint64_t i = 0; i < messages; i++) {
		memset(data, (int)i, sizeof(data));
		put(arg, data, (uint32_t)(i % 250 + 1));
	}
	tell(arg);
	return NULL;
}

static void consume(struct end *c)
{
	for (uint64_t i = 0; i < messages; i++) {
		const struct slot *slot = get(c);

		for (uint32_t at = 0; at < slot->len; at++)
			if (slot->len != i % 250 + 1 ||
			    slot->data[at] != (uint8_t)i) {
				fprintf(stderr, "ring: message %llu is wrong\n",
					(unsigned long long)i);
				exit(1);
			}
		release(c);
	}
}

static void open_end(struct end *end, const char *function)
{
	end->ism = ism_new();
	if (!end->ism)
		exit(1);
	check(end->ism, ism_open(end->ism, function, ISM_IOMMU_AUTO));
}

int main(int argc, char **argv)
{
	struct end p = { 0 }, c = { 0 };
	pthread_t thread;

	if (argc != 4) {
		fprintf(stderr, "usage: ring PRODUCER CONSUMER MESSAGES\n");
		return 2;
	}
	messages = strtoull(argv[3], NULL, 0);
	open_end(&p, argv[1]);
	open_end(&c, argv[2]);
	check(p.ism, ism_dmb_alloc(p.ism, sizeof(struct count), ism_gid(c.ism),
				   ISM_NO_VLAN, &p.dmb));
	check(c.ism, ism_dmb_alloc(c.ism, sizeof(struct ring), ism_gid(p.ism),
				   ISM_NO_VLAN, &c.dmb));
	/* what a real protocol sends through an event or by other means */
	p.peer = c.dmb->tok;
	c.peer = p.dmb->tok;

	if (pthread_create(&thread, NULL, produce, &p))
		return 1;
	consume(&c);
	pthread_join(thread, NULL);
	printf("%llu messages through %u slots\n", (unsigned long long)messages,
	       SLOTS);
	ism_free(p.ism);
	ism_free(c.ism);
	return 0;
}
