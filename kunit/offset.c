// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: where regions lie in the device
 * file
 */
#include "fake.h"

static const struct ism_offset_case {
	const char *desc;
	u64 pos;
	u64 index;
	u64 offset;
} ism_offset_cases[] = {
	{ "BAR0 first byte", 0, 0, 0 },
	{ "BAR0 last byte", 0xffffffffffff, 0, 0xffffffffffff },
	{ "BAR1 first byte", 0x1000000000000, 1, 0 },
	{ "BAR1 last byte", 0x1ffffffffffff, 1, 0xffffffffffff },
	{ "BAR2 in the middle", 0x2800000000000, 2, 0x800000000000 },
	{ "BAR3 beyond 40 bits", 0x3010000000000, 3, 0x10000000000 },
	{ "BAR4 within 40 bits", 0x400ffffffffff, 4, 0xffffffffff },
	{ "BAR5 last byte", 0x5ffffffffffff, 5, 0xffffffffffff },
	{ "ROM", 0x6000000000001, 6, 1 },
	{ "config space", 0x7000000000010, 7, 0x10 },
	{ "VGA", 0x80000000a0000, 8, 0xa0000 },
	{ "first device-specific region", 0x9000000000000, 9, 0 },
	{ "last index of a positive position", 0x7fffffffffffffff, 0x7fff,
	  0xffffffffffff },
	{ "first index of a negative position", 0x8000000000000000, 0x8000, 0 },
	{ "last index", 0xffff000000000000, 0xffff, 0 },
	{ "last position", 0xffffffffffffffff, 0xffff, 0xffffffffffff },
};

KUNIT_ARRAY_PARAM_DESC(ism_offset, ism_offset_cases, desc);

static void ism_offset_decodes(struct kunit *test)
{
	const struct ism_offset_case *c = test->param_value;
	loff_t pos = c->pos;

	KUNIT_EXPECT_EQ(test, c->index, ISM_VFIO_OFFSET_TO_INDEX(pos));
	KUNIT_EXPECT_EQ(test, c->offset, pos & ISM_VFIO_OFFSET_MASK);
}

static void ism_offset_encodes(struct kunit *test)
{
	const struct ism_offset_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->pos,
			ISM_VFIO_INDEX_TO_OFFSET(c->index) | c->offset);
	/* An index comes as a u32 from user space */
	KUNIT_EXPECT_EQ(test, c->pos,
			ISM_VFIO_INDEX_TO_OFFSET((u32)c->index) + c->offset);
}

/* Each BAR of a size of its own, so that none can be taken for another */
static const struct ism_fake_spec ism_six_bars = {
	.fid = 0x666,
	.fh = 0x80000666,
	.maxstbl = 4096,
	.bar = { 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x20000 },
};

static void ism_offset_reaches_each_bar(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_six_bars);
	unsigned int bar;
	u64 start, size;

	ism_kunit_fill(test, 1);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		start = (u64)bar << 48;
		size = ism_six_bars.bar[bar];
		ism_expect_write(test, fake, start, 1, 1);
		ism_expect_write(test, fake, start + size - 1, 1, 1);
		ism_expect_refused(test, fake, ISM_KUNIT_WRITE, start + size,
				   1, -EINVAL);
	}
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		start = (u64)bar << 48;
		size = ism_six_bars.bar[bar];
		ism_expect_read(test, fake, start, 1, 1);
		ism_expect_read(test, fake, start + size - 1, 1, 1);
		ism_expect_refused(test, fake, ISM_KUNIT_READ, start + size, 1,
				   -EINVAL);
	}
}

/* What a client with "index << 40" hard-coded would reach: BAR0, not BAR2 */
static void ism_offset_of_40_bits_is_in_bar0(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);

	ism_expect_read(test, fake, 2ULL << 40, 8, 8);
}

/* Not sign-extended into a BAR, and not into a region that is there */
static void ism_offset_of_negative_position(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_six_bars);
	unsigned int i;

	for (i = 0x8000; i <= 0xffff; i += 0x1fff) {
		ism_expect_refused(test, fake, ISM_KUNIT_READ, (u64)i << 48, 8,
				   -EINVAL);
		ism_expect_refused(test, fake, ISM_KUNIT_WRITE, (u64)i << 48,
				   8, -EINVAL);
	}
}

static struct kunit_case ism_offset_tests[] = {
	KUNIT_CASE_PARAM(ism_offset_decodes, ism_offset_gen_params),
	KUNIT_CASE_PARAM(ism_offset_encodes, ism_offset_gen_params),
	KUNIT_CASE(ism_offset_reaches_each_bar),
	KUNIT_CASE(ism_offset_of_40_bits_is_in_bar0),
	KUNIT_CASE(ism_offset_of_negative_position),
	{}
};

static struct kunit_suite ism_offset_suite = {
	.name = "ism_vfio_offset",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_offset_tests,
};

kunit_test_suite(ism_offset_suite);
