/* SPDX-License-Identifier: MIT */
/*
 * What nearly all tests of libism begin with: an open handle on a mock, once for
 * each of four lengths of a store block
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdlib.h>

/* first, for kselftest.h makes no ARRAY_SIZE where there is one */
#include "mock.h"
#include "kselftest_harness.h"

#define MAX_BLOCKS	(1u << 19)

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

#endif /* FIXTURE_H */
