// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: writing BARs
 */
#include "fake.h"

#define BAR2 (2ULL << 48)

/* ---- one write is one PCISTB ---------------------------------------------- */

static void ism_write_every_length(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	unsigned int len;

	ism_kunit_fill(test, 3);
	for (len = 1; len <= SZ_4K; len++)
		ism_expect_write(test, fake, 0x7000, len, len);
}

/* Where in a page it begins: one byte, and as many as fit, and one too many */
static void ism_write_every_page_position(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	unsigned int start;

	ism_kunit_fill(test, 4);
	for (start = 0; start < SZ_4K; start++) {
		ism_expect_write(test, fake, 0x7000 + start, 1, 1);
		ism_expect_write(test, fake, 0x7000 + start, SZ_4K - start,
				 SZ_4K - start);
		ism_expect_refused(test, fake, ISM_KUNIT_WRITE, 0x7000 + start,
				   SZ_4K - start + 1, -EINVAL);
	}
}

static const struct ism_write_case {
	const char *desc;
	u64 pos;
	size_t count;
	size_t want;
} ism_write_cases[] = {
	{ "review: 1 byte at an odd offset", 0x12345, 1, 1 },
	{ "review: 7 bytes, no multiple of 8", 0, 7, 7 },
	{ "review: 9 bytes at 3", 3, 9, 9 },
	{ "the longest", 0x5000, 4096, 4096 },
	{ "up to the page's end", 0x5801, 2047, 2047 },
	{ "a command's header", BAR2, 8, 8 },
	{ "a command's body", BAR2 + 8, 32, 32 },
	{ "with the signal bit and an index", 0x7f123f800123, 200, 200 },
	{ "beyond 2^40", 0x123456789000, 64, 64 },
	{ "BAR2 to the last byte", BAR2 + 4000, 96, 96 },
	{ "BAR2, short at the end", BAR2 + 4000, 97, 96 },
	{ "BAR2, last byte of many", BAR2 + 4095, 4096, 1 },
	{ "BAR2 whole, of more", BAR2, 8192, 4096 },
	{ "BAR0 at 2^48 - 1", 0xffffffffffff, 1, 1 },
	{ "BAR0 at 2^48 - 1, short", 0xffffffffffff, 4096, 1 },
	{ "BAR0 at 2^48 - 4096", 0xfffffffff000, 4096, 4096 },
	{ "BAR0 at 2^48 - 4096, short", 0xfffffffff000, 5000, 4096 },
};

KUNIT_ARRAY_PARAM_DESC(ism_write, ism_write_cases, desc);

static void ism_write_is_one_pcistb(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_write_case *c = test->param_value;

	ism_kunit_fill(test, 5);
	ism_expect_write(test, fake, c->pos, c->count, c->want);
}

static const struct ism_maxstbl_case {
	const char *desc;
	u16 maxstbl;
	size_t longest;
} ism_maxstbl_cases[] = {
	{ "maxstbl 1", 1, 1 },
	{ "maxstbl 8", 8, 8 },
	{ "maxstbl 128", 128, 128 },
	{ "maxstbl 4095", 4095, 4095 },
	{ "maxstbl 4096", 4096, 4096 },
	{ "maxstbl 8191", 8191, 4096 },
};

KUNIT_ARRAY_PARAM_DESC(ism_maxstbl, ism_maxstbl_cases, desc);

/* Up to what the function takes, and within a page in any case */
static void ism_write_up_to_maxstbl(struct kunit *test)
{
	const struct ism_maxstbl_case *c = test->param_value;
	struct ism_fake_spec spec = ism_fake_default;
	struct ism_fake *fake;
	size_t len;

	spec.maxstbl = c->maxstbl;
	fake = ism_fake_bind(test, &spec);
	ism_kunit_fill(test, 6);
	for (len = 1; len <= c->longest; len += len < 128 ? 1 : 31)
		ism_expect_write(test, fake, 0x9000, len, len);
	ism_expect_write(test, fake, 0x9000, c->longest, c->longest);
	for (len = c->longest + 1; len <= 8300; len += len < 4100 ? 1 : 7)
		ism_expect_refused(test, fake, ISM_KUNIT_WRITE, 0x9000, len,
				   -EINVAL);
}

/* ---- what is refused ------------------------------------------------------ */

static const struct ism_write_refused_case {
	const char *desc;
	u64 pos;
	size_t count;
	ssize_t want;
} ism_write_refused_cases[] = {
	{ "nothing to BAR0", 0, 0, 0 },
	{ "nothing behind the end of BAR2", BAR2 + 4096, 0, 0 },
	{ "nothing to no region", -1ULL << 48, 0, 0 },
	{ "4097 bytes", 0, 4097, -EINVAL },
	{ "8192 bytes", 0, 8192, -EINVAL },
	{ "more than 4 GiB", 0, (1ULL << 32) + 8, -EINVAL },
	{ "2 bytes across 4 KiB", 4095, 2, -EINVAL },
	{ "4096 bytes across 4 KiB", 1, 4096, -EINVAL },
	{ "16 bytes across 4 KiB at 2^47", (1ULL << 47) - 8, 16, -EINVAL },
	{ "just behind the end of BAR2", BAR2 + 4096, 1, -EINVAL },
	{ "far behind the end of BAR2", BAR2 + 0xffffffffffff, 1, -EINVAL },
	{ "BAR1, which is not there", 1ULL << 48, 1, -EINVAL },
	{ "BAR5, which is not there", 5ULL << 48, 8, -EINVAL },
	{ "ROM, which cannot be written", 6ULL << 48, 8, -EINVAL },
	{ "VGA, which is not there", 8ULL << 48, 8, -EINVAL },
	{ "no region", 9ULL << 48, 8, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(ism_write_refused, ism_write_refused_cases, desc);

static void ism_write_is_refused(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_write_refused_case *c = test->param_value;

	ism_expect_refused(test, fake, ISM_KUNIT_WRITE, c->pos, c->count,
			   c->want);
}

static const struct ism_pointer_case {
	const char *desc;
	/* from the start of user memory; behind its end, if not negative */
	long start;
	size_t count;
} ism_pointer_cases[] = {
	{ "first byte", -1, 64 },
	{ "all bytes", -4000, 64 },
	{ "last byte", 1, 64 },
	{ "a byte in the middle", 32, 64 },
	{ "the only byte", 1, 1 },
	{ "first byte of the longest", -1, 4096 },
	{ "a byte in the middle of the longest", 2000, 4096 },
	{ "last byte of the longest", 1, 4096 },
};

KUNIT_ARRAY_PARAM_DESC(ism_pointer, ism_pointer_cases, desc);

static void ism_write_from_a_bad_pointer(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_pointer_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;
	char __user *buf = ctx->umem + c->start;

	if (c->start >= 0)
		buf = ctx->umem + ISM_KUNIT_UMEM + c->start - c->count;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			ism_kunit_write(test, fake, 0, buf, c->count));
	KUNIT_EXPECT_EQ(test, 0, fake->nr_insns);
}

/* ---- what may go wrong ---------------------------------------------------- */

static const struct ism_errno_case {
	const char *desc;
	int error;
} ism_errno_cases[] = {
	{ "condition code 1 or 3", -EIO },
	{ "exception", -ENXIO },
};

KUNIT_ARRAY_PARAM_DESC(ism_errno, ism_errno_cases, desc);

/* It is not tried again: the function may have taken it */
static void ism_write_fails_with_its_pcistb(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_errno_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;

	fake->error = c->error;
	KUNIT_EXPECT_EQ(test, c->error,
			ism_kunit_write(test, fake, 0, ctx->umem, 64));
	KUNIT_EXPECT_EQ(test, 1, fake->nr_insns);
}

/* ---- function handles ----------------------------------------------------- */

static void ism_write_takes_a_new_handle(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);

	ism_kunit_fill(test, 7);
	ism_expect_write(test, fake, 0, 64, 64);
	WRITE_ONCE(fake->zdev.fh, 0x80010111);
	ism_expect_write(test, fake, 0, 64, 64);
	KUNIT_EXPECT_EQ(test, 0x80010111, fake->insns[0].fh);
}

/* Each with its own handle, limit and cache, in turns */
static void ism_write_to_two_functions(struct kunit *test)
{
	static const struct ism_fake_spec spec = {
		.fid = 0x112,
		.fh = 0x80000112,
		.maxstbl = 128,
		.bar = { [0] = BIT_ULL(48), [4] = SZ_4K },
	};
	struct ism_fake *a = ism_fake_bind(test, &ism_fake_default);
	struct ism_fake *b = ism_fake_bind(test, &spec);
	unsigned int i;

	ism_kunit_fill(test, 8);
	for (i = 0; i < 16; i++) {
		ism_expect_write(test, a, 4096 * i, 129 + i, 129 + i);
		ism_expect_refused(test, b, ISM_KUNIT_WRITE, 4096 * i, 129 + i,
				   -EINVAL);
		ism_expect_write(test, b, 4096 * i, 128 - i, 128 - i);
		KUNIT_EXPECT_EQ(test, 1, a->nr_insns);
	}
	ism_expect_refused(test, a, ISM_KUNIT_WRITE, 4ULL << 48, 8, -EINVAL);
	ism_expect_write(test, b, 4ULL << 48, 8, 8);
	ism_expect_refused(test, b, ISM_KUNIT_WRITE, BAR2, 8, -EINVAL);
	ism_expect_read(test, a, BAR2, 64, 64);
	ism_expect_read(test, b, 4ULL << 48, 64, 64);
	KUNIT_EXPECT_PTR_NE(test, a->ism->store_blocks, b->ism->store_blocks);
}

static struct kunit_case ism_write_tests[] = {
	KUNIT_CASE(ism_write_every_length),
	KUNIT_CASE(ism_write_every_page_position),
	KUNIT_CASE_PARAM(ism_write_is_one_pcistb, ism_write_gen_params),
	KUNIT_CASE_PARAM(ism_write_up_to_maxstbl, ism_maxstbl_gen_params),
	KUNIT_CASE_PARAM(ism_write_is_refused, ism_write_refused_gen_params),
	KUNIT_CASE_PARAM(ism_write_from_a_bad_pointer, ism_pointer_gen_params),
	KUNIT_CASE_PARAM(ism_write_fails_with_its_pcistb, ism_errno_gen_params),
	KUNIT_CASE(ism_write_takes_a_new_handle),
	KUNIT_CASE(ism_write_to_two_functions),
	{}
};

static struct kunit_suite ism_write_suite = {
	.name = "ism_vfio_write",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_write_tests,
};

kunit_test_suite(ism_write_suite);
