// SPDX-License-Identifier: MIT
/*
 * libism: where memory lies that the function can reach
 */
#include <errno.h>

#include "fixture.h"

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

TEST_HARNESS_MAIN
