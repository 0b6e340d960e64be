// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: reading BARs
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "fake.h"

#define BAR2 (2ULL << 48)

/* ---- one load ------------------------------------------------------------- */

static const struct ism_read_case {
	const char *desc;
	u64 offset;
	size_t count;
	/* widths of the loads, one digit each */
	const char *loads;
} ism_read_cases[] = {
	{ "1 byte at 0", 0, 1, "1" },
	{ "1 byte at 7", 7, 1, "1" },
	{ "2 bytes at 0", 0, 2, "2" },
	{ "2 bytes at 6", 6, 2, "2" },
	{ "2 bytes at 1", 1, 2, "11" },
	{ "3 bytes at 0", 0, 3, "21" },
	{ "3 bytes at 1", 1, 3, "12" },
	{ "4 bytes at 0", 0, 4, "4" },
	{ "4 bytes at 4", 4, 4, "4" },
	{ "4 bytes at 2", 2, 4, "22" },
	{ "4 bytes at 3", 3, 4, "121" },
	{ "7 bytes at 0", 0, 7, "421" },
	{ "7 bytes at 1", 1, 7, "124" },
	{ "8 bytes at 0", 0, 8, "8" },
	{ "8 bytes at 8", 8, 8, "8" },
	{ "8 bytes at 4", 4, 8, "44" },
	{ "8 bytes at 2", 2, 8, "242" },
	{ "8 bytes at 1", 1, 8, "1241" },
	{ "15 bytes at 0", 0, 15, "8421" },
	{ "15 bytes at 1", 1, 15, "1248" },
	{ "16 bytes at 12", 12, 16, "484" },
	{ "30 bytes at 1", 1, 30, "12488421" },
};

KUNIT_ARRAY_PARAM_DESC(ism_read, ism_read_cases, desc);

static void ism_read_takes_the_widest_loads(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_read_case *c = test->param_value;
	char loads[16] = "";
	unsigned int i;

	ism_expect_read(test, fake, BAR2 + c->offset, c->count, c->count);
	for (i = 0; i < min(fake->nr_insns, sizeof(loads) - 1); i++)
		loads[i] = '0' + fake->insns[i].len;
	KUNIT_EXPECT_STREQ(test, c->loads, loads);
}

/* A register of the device, byte by byte, as user space gets it */
static void ism_read_keeps_the_byte_order(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_kunit *ctx = test->priv;
	unsigned int width, i;
	u8 want[8], got[8];

	for (i = 0; i < 8; i++)
		want[i] = ism_fake_byte(2, 8 + i);

	for (width = 1; width <= 8; width *= 2) {
		memset(got, 0, sizeof(got));
		for (i = 0; i < 8; i += width)
			KUNIT_EXPECT_EQ(test, width,
					ism_kunit_read(test, fake, BAR2 + 8 + i,
						       ctx->umem + i, width));
		KUNIT_ASSERT_EQ(test, 0, copy_from_user(got, ctx->umem, 8));
		KUNIT_EXPECT_MEMEQ(test, want, got, 8);
	}
}

/* ---- many ----------------------------------------------------------------- */

static void ism_read_every_count_to_64(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	unsigned int offset, count;

	for (offset = 0; offset < 16; offset++)
		for (count = 1; count <= 64; count++)
			ism_expect_read(test, fake, BAR2 + offset, count, count);
}

static void ism_read_every_count_around_4096(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	unsigned int offset, count;

	for (offset = 0; offset <= 8; offset++)
		for (count = 4090; count <= 4105; count++)
			ism_expect_read(test, fake, offset + 0x123000, count,
					count);
}

static void ism_read_of_three_pages(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);

	ism_expect_read(test, fake, 0x123456, 3 * SZ_4K, 3 * SZ_4K);
}

/* In how many chunks a read is gathered does not change a single load */
static void ism_read_every_count_around_chunks(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	unsigned int offset, count;

	for (offset = 0; offset < 9; offset++) {
		for (count = 240; count < 270; count++)
			ism_expect_read(test, fake, 4096 + offset, count, count);
		ism_expect_read(test, fake, 4096 + offset, 1000, 1000);
	}
}

/* The longest store says nothing about reads */
static void ism_read_with_maxstbl_1(struct kunit *test)
{
	struct ism_fake_spec spec = ism_fake_default;
	struct ism_fake *fake;

	spec.maxstbl = 1;
	fake = ism_fake_bind(test, &spec);
	ism_expect_read(test, fake, 4099, 8200, 8200);
}

/* ---- where it ends -------------------------------------------------------- */

static const struct ism_read_end_case {
	const char *desc;
	u64 pos;
	size_t count;
	size_t want;
} ism_read_end_cases[] = {
	{ "BAR2 to the last byte", BAR2 + 4088, 8, 8 },
	{ "BAR2 one byte short", BAR2 + 4088, 9, 8 },
	{ "BAR2 last byte alone", BAR2 + 4095, 1, 1 },
	{ "BAR2 last byte of 64", BAR2 + 4095, 64, 1 },
	{ "BAR2 whole", BAR2, 4096, 4096 },
	{ "BAR2 twice", BAR2, 8192, 4096 },
	{ "BAR0 at 2^40", 1ULL << 40, 16, 16 },
	{ "BAR0 at 2^48 - 1", 0xffffffffffff, 1, 1 },
	{ "BAR0 at 2^48 - 1, 8 bytes", 0xffffffffffff, 8, 1 },
	{ "BAR0 at 2^48 - 4096, 8192 bytes", 0xfffffffff000, 8192, 4096 },
	{ "BAR0 at 2^48 - 7", 0xfffffffffff9, 8, 7 },
};

KUNIT_ARRAY_PARAM_DESC(ism_read_end, ism_read_end_cases, desc);

static void ism_read_is_short_at_the_end(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_read_end_case *c = test->param_value;

	ism_expect_read(test, fake, c->pos, c->count, c->want);
}

static const struct ism_read_refused_case {
	const char *desc;
	u64 pos;
	size_t count;
	ssize_t want;
} ism_read_refused_cases[] = {
	{ "nothing of BAR0", 0, 0, 0 },
	{ "nothing behind the end of BAR2", BAR2 + 4096, 0, 0 },
	{ "nothing of no region", -1ULL << 48, 0, 0 },
	{ "just behind the end of BAR2", BAR2 + 4096, 1, -EINVAL },
	{ "far behind the end of BAR2", BAR2 + 0xffffffffffff, 1, -EINVAL },
	{ "BAR1, which is not there", 1ULL << 48, 1, -EINVAL },
	{ "BAR5, which is not there", 5ULL << 48, 8, -EINVAL },
	{ "ROM, which is not there", 6ULL << 48, 8, -EINVAL },
	{ "VGA, which is not there", 8ULL << 48, 8, -EINVAL },
	{ "no region", 9ULL << 48, 8, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(ism_read_refused, ism_read_refused_cases, desc);

static void ism_read_is_refused(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_read_refused_case *c = test->param_value;

	ism_expect_refused(test, fake, ISM_KUNIT_READ, c->pos, c->count,
			   c->want);
}

/* min() must not shorten it to 32 bits */
static void ism_read_of_more_than_4_gib(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_kunit *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, 16,
			ism_kunit_read(test, fake, BAR2 + 4080, ctx->umem,
				       (1ULL << 32) + 8));
	fake->error = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO,
			ism_kunit_read(test, fake, 0, ctx->umem, 1ULL << 32));
}

/* ---- what may go wrong ---------------------------------------------------- */

static const struct ism_errno_case {
	const char *desc;
	u64 pos;
	size_t count;
	int error;
	unsigned int good;
} ism_errno_cases[] = {
	{ "condition code 1 or 3 at once", 0, 8192, -EIO, 0 },
	{ "condition code 1 or 3 at the second load", 0, 8192, -EIO, 1 },
	{ "condition code 1 or 3 in the second chunk", 0, 8192, -EIO, 32 },
	{ "condition code 1 or 3 at the last load", 0, 8192, -EIO, 1023 },
	{ "condition code 1 or 3 behind the doublewords", 0, 23, -EIO, 3 },
	{ "condition code 1 or 3 at the only load", 8, 8, -EIO, 0 },
	{ "exception at once", 0, 8192, -ENXIO, 0 },
	{ "exception in the middle", 0, 8192, -ENXIO, 700 },
	{ "exception before the doublewords", 1, 23, -ENXIO, 1 },
	{ "exception at the only load", 4, 4, -ENXIO, 0 },
};

KUNIT_ARRAY_PARAM_DESC(ism_errno, ism_errno_cases, desc);

/* A load that fails is the last one, and its error is the call's */
static void ism_read_fails_with_a_load(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_errno_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;

	fake->error = c->error;
	fake->good = c->good;
	KUNIT_EXPECT_EQ(test, c->error,
			ism_kunit_read(test, fake, c->pos, ctx->umem, c->count));
	KUNIT_EXPECT_EQ(test, c->good + 1, fake->nr_insns);
}

/* A chunk of which a load failed must not reach user space, not even in part */
static void ism_read_that_fails_stores_nothing(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_kunit *ctx = test->priv;

	ism_kunit_fill(test, 2);
	fake->error = -EIO;
	fake->good = 3;
	KUNIT_EXPECT_EQ(test, -EIO,
			ism_kunit_read(test, fake, 0, ctx->umem, 64));
	memset(ctx->kmem + 64, 0, 64);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(ctx->kmem + 64, ctx->umem, 64));
	KUNIT_EXPECT_MEMEQ(test, ctx->kmem, ctx->kmem + 64, 64);
}

static const struct ism_pointer_case {
	const char *desc;
	/* from the start of user memory; behind its end, if not negative */
	long start;
	size_t count;
	unsigned int insns;
} ism_pointer_cases[] = {
	{ "first byte", -1, 64, 8 },
	{ "all bytes", -4000, 64, 8 },
	{ "last byte", 1, 64, 8 },
	{ "a byte in the middle", 32, 64, 8 },
	{ "the only byte", 1, 1, 1 },
	{ "first byte of the second chunk", 256, 512, 64 },
	{ "last byte of the second chunk", 1, 512, 64 },
	{ "last byte of the first chunk of three", 513, 768, 32 },
};

KUNIT_ARRAY_PARAM_DESC(ism_pointer, ism_pointer_cases, desc);

static void ism_read_to_a_bad_pointer(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_pointer_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;
	char __user *buf = ctx->umem + c->start;

	if (c->start >= 0)
		buf = ctx->umem + ISM_KUNIT_UMEM + c->start - c->count;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			ism_kunit_read(test, fake, 0, buf, c->count));
	KUNIT_EXPECT_EQ(test, c->insns, fake->nr_insns);
}

/* ---- a read that is killed ------------------------------------------------ */

static void ism_read_kill(struct ism_fake *fake, unsigned int nr)
{
	if (nr == 600)
		send_sig(SIGKILL, current, 1);
}

/* A chunk of 32 loads is finished first. Another is not begun. */
static void ism_read_ends_when_killed(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_kunit *ctx = test->priv;

	/* For a kernel thread, which this is, to get one at all */
	allow_signal(SIGKILL);
	fake->hook = ism_read_kill;
	KUNIT_EXPECT_EQ(test, -EINTR,
			ism_kunit_read(test, fake, 0, ctx->umem, 4 * SZ_4K));
	KUNIT_EXPECT_EQ(test, 608, fake->nr_insns);
	KUNIT_EXPECT_TRUE(test, signal_pending(current));
	flush_signals(current);
	disallow_signal(SIGKILL);
}

/* A signal that does not kill has time */
static void ism_read_goes_on_when_signalled(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_kunit *ctx = test->priv;

	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	KUNIT_EXPECT_EQ(test, 2 * SZ_4K,
			ism_kunit_read(test, fake, 0, ctx->umem, 2 * SZ_4K));
	KUNIT_EXPECT_TRUE(test, signal_pending(current));
	flush_signals(current);
	disallow_signal(SIGUSR1);
}

/* ---- a read that lets others run ------------------------------------------- */

#if defined(CONFIG_PREEMPT_NONE) || defined(CONFIG_PREEMPT_VOLUNTARY)
static unsigned int ism_read_reschedules(struct kunit *test,
					 struct ism_fake *fake, size_t count)
{
	struct ism_kunit *ctx = test->priv;
	struct ism_probe *probe;

	/* a fault, which reschedules too, comes only the first time */
	ism_kunit_read(test, fake, 0, ctx->umem, count);
	probe = ism_probe_watch(test, __cond_resched, NULL);
	KUNIT_EXPECT_EQ(test, count,
			ism_kunit_read(test, fake, 0, ctx->umem, count));
	ism_probe_end(test, probe);
	return probe->calls;
}

/* Four chunks more: each takes the lock, which may reschedule, and then offers to */
static void ism_read_lets_others_run(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	unsigned int four = ism_read_reschedules(test, fake, 1024);

	KUNIT_EXPECT_GE(test, ism_read_reschedules(test, fake, 2048),
			four + 2 * 4);
}
#else
static void ism_read_lets_others_run(struct kunit *test)
{
	kunit_skip(test, "this kernel preempts all by itself");
}
#endif

/* ---- function handles ----------------------------------------------------- */

static void ism_read_new_handle(struct ism_fake *fake, unsigned int nr)
{
	if (nr == 511)
		WRITE_ONCE(fake->zdev.fh, 0x80010111);
}

/* Error recovery in the middle of a read: the next chunk has the new handle */
static void ism_read_takes_a_new_handle(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_kunit *ctx = test->priv;

	fake->hook = ism_read_new_handle;
	KUNIT_EXPECT_EQ(test, SZ_8K,
			ism_kunit_read(test, fake, 0, ctx->umem, SZ_8K));
	KUNIT_ASSERT_EQ(test, 1024, fake->nr_insns);
	KUNIT_EXPECT_EQ(test, 0x80000111, fake->insns[0].fh);
	KUNIT_EXPECT_EQ(test, 0x80000111, fake->insns[511].fh);
	KUNIT_EXPECT_EQ(test, 0x80010111, fake->insns[512].fh);
	KUNIT_EXPECT_EQ(test, 0x80010111, fake->insns[1023].fh);
}

static struct kunit_case ism_read_tests[] = {
	KUNIT_CASE_PARAM(ism_read_takes_the_widest_loads, ism_read_gen_params),
	KUNIT_CASE(ism_read_keeps_the_byte_order),
	KUNIT_CASE(ism_read_every_count_to_64),
	KUNIT_CASE(ism_read_every_count_around_4096),
	KUNIT_CASE(ism_read_of_three_pages),
	KUNIT_CASE(ism_read_every_count_around_chunks),
	KUNIT_CASE(ism_read_with_maxstbl_1),
	KUNIT_CASE_PARAM(ism_read_is_short_at_the_end, ism_read_end_gen_params),
	KUNIT_CASE_PARAM(ism_read_is_refused, ism_read_refused_gen_params),
	KUNIT_CASE(ism_read_of_more_than_4_gib),
	KUNIT_CASE_PARAM(ism_read_fails_with_a_load, ism_errno_gen_params),
	KUNIT_CASE(ism_read_that_fails_stores_nothing),
	KUNIT_CASE_PARAM(ism_read_to_a_bad_pointer, ism_pointer_gen_params),
	KUNIT_CASE(ism_read_ends_when_killed),
	KUNIT_CASE(ism_read_goes_on_when_signalled),
	KUNIT_CASE(ism_read_lets_others_run),
	KUNIT_CASE(ism_read_takes_a_new_handle),
	{}
};

static struct kunit_suite ism_read_suite = {
	.name = "ism_vfio_read",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_read_tests,
};

kunit_test_suite(ism_read_suite);
