// SPDX-License-Identifier: MIT
/*
 * libism: signals, event queue and interrupts
 */

#include "fixture.h"

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

TEST_HARNESS_MAIN
