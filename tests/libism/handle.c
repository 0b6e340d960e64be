// SPDX-License-Identifier: MIT
/*
 * libism: open, reset and close
 */
#include <errno.h>

#include "fixture.h"

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
