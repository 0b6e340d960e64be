// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: the cache of store blocks
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "fake.h"

#define BAR2 (2ULL << 48)

/* ---- what is asked of slab ------------------------------------------------ */

static struct {
	char name[32];
	unsigned int size;
	struct kmem_cache_args args;
	slab_flags_t flags;
} ism_cache_asked;

static void ism_cache_see(struct ism_probe *probe, struct pt_regs *regs)
{
	strscpy(ism_cache_asked.name,
		(char *)ism_probe_arg(regs, 0));
	ism_cache_asked.size = ism_probe_arg(regs, 1);
	ism_cache_asked.args =
		*(struct kmem_cache_args *)ism_probe_arg(regs, 2);
	ism_cache_asked.flags =
		(__force slab_flags_t)ism_probe_arg(regs, 3);
}

static const struct ism_cache_case {
	const char *desc;
	u16 maxstbl;
	u32 fid;
	const char *name;
} ism_cache_cases[] = {
	{ "maxstbl 1", 1, 0xf0000001, "ism_sb_fid_f0000001" },
	{ "maxstbl 7", 7, 0xfffffff7, "ism_sb_fid_fffffff7" },
	{ "maxstbl 8", 8, 0x0f000010, "ism_sb_fid_0f000010" },
	{ "maxstbl 128", 128, 0xffabcdef, "ism_sb_fid_ffabcdef" },
	{ "maxstbl 4096", 4096, 0xf0000111, "ism_sb_fid_f0000111" },
	{ "maxstbl 8191", 8191, 0xffffffff, "ism_sb_fid_ffffffff" },
};

KUNIT_ARRAY_PARAM_DESC(ism_cache, ism_cache_cases, desc);

/*
 * Review: one cache for each function; an operand that is page aligned; a
 * usercopy window over all of it; paid for by its user; never a panic.
 */
static void ism_cache_is_asked_for(struct kunit *test)
{
	const struct ism_cache_case *c = test->param_value;
	struct ism_fake_spec spec = ism_fake_default;
	struct ism_probe *probe;
	struct ism_fake *fake;

	spec.maxstbl = c->maxstbl;
	spec.fid = c->fid;
	probe = ism_probe_watch(test, __kmem_cache_create_args, NULL);
	probe->see = ism_cache_see;
	fake = ism_fake_bind(test, &spec);
	ism_probe_end(test, probe);

	KUNIT_EXPECT_EQ(test, 1, probe->calls);
	KUNIT_EXPECT_STREQ(test, c->name, ism_cache_asked.name);
	KUNIT_EXPECT_EQ(test, c->maxstbl, ism_cache_asked.size);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, ism_cache_asked.args.align);
	KUNIT_EXPECT_EQ(test, 0, ism_cache_asked.args.useroffset);
	KUNIT_EXPECT_EQ(test, c->maxstbl, ism_cache_asked.args.usersize);
	KUNIT_EXPECT_NULL(test, ism_cache_asked.args.ctor);
	KUNIT_EXPECT_TRUE(test, ism_cache_asked.flags & SLAB_ACCOUNT);
	KUNIT_EXPECT_FALSE(test, ism_cache_asked.flags & SLAB_PANIC);
	/* an object may live for as long as the device is open */
	KUNIT_EXPECT_FALSE(test, ism_cache_asked.flags & SLAB_TEMPORARY);

	KUNIT_EXPECT_EQ(test, c->maxstbl,
			kmem_cache_size(fake->ism->store_blocks));
}

/* Many at a time: each page aligned, and none across a page that a PCISTB takes */
static void ism_cache_objects_are_page_aligned(struct kunit *test)
{
	const struct ism_cache_case *c = test->param_value;
	struct ism_fake_spec spec = ism_fake_default;
	struct ism_fake *fake;
	void *objects[24];
	unsigned int i;

	spec.maxstbl = c->maxstbl;
	fake = ism_fake_bind(test, &spec);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(fake->ism->store_blocks,
					      GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		KUNIT_EXPECT_NOT_NULL(test, objects[i]);
		KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(objects[i]));
		if (objects[i])
			kmem_cache_free(fake->ism->store_blocks, objects[i]);
	}
}

/*
 * All of a block is copied from and to user memory: with hardened usercopy
 * that is a BUG unless the window covers it
 */
static void ism_cache_blocks_are_copied_whole(struct kunit *test)
{
	const struct ism_cache_case *c = test->param_value;
	struct ism_fake_spec spec = ism_fake_default;
	unsigned int len = min(c->maxstbl, SZ_4K);
	struct ism_fake *fake;

	spec.maxstbl = c->maxstbl;
	fake = ism_fake_bind(test, &spec);
	ism_kunit_fill(test, 9);
	ism_expect_write(test, fake, 0, len, len);
	ism_expect_read(test, fake, 0, 8191, 8191);
}

/* ---- what is taken from it ------------------------------------------------ */

static gfp_t ism_cache_gfp;

static void ism_cache_see_gfp(struct ism_probe *probe, struct pt_regs *regs)
{
	ism_cache_gfp = (__force gfp_t)ism_probe_arg(regs, 1);
}

/*
 * The first write takes a block from the cache, as a call that may sleep and
 * that the cgroup's limit is for; it serves all that come later
 */
static void ism_cache_keeps_a_spare_block(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct kmem_cache *cache = fake->ism->store_blocks;
	struct ism_kunit *ctx = test->priv;
	char __user *ok = ctx->umem, *bad = ctx->umem - 8;
	struct ism_probe *alloc, *free;

	alloc = ism_probe_watch(test, kmem_cache_alloc_noprof, cache);
	alloc->see = ism_cache_see_gfp;
	free = ism_probe_watch(test, kmem_cache_free, cache);

	/* However a call ends, its block is there for the next one */
#define ONE(want, call)							\
	do {								\
		KUNIT_EXPECT_EQ(test, want, call);			\
		KUNIT_EXPECT_EQ(test, 1, alloc->calls);			\
		KUNIT_EXPECT_EQ(test, 0, free->calls);			\
		KUNIT_EXPECT_NOT_NULL(test, fake->ism->spare_block);	\
	} while (0)

	ONE(64, ism_kunit_write(test, fake, 0, ok, 64));
	ONE(4096, ism_kunit_write(test, fake, 0, ok, 4096));
	ONE(-EFAULT, ism_kunit_write(test, fake, 0, bad, 64));
	fake->error = -EIO;
	ONE(-EIO, ism_kunit_write(test, fake, 0, ok, 64));
	fake->error = 0;
	ism_fake_memory(fake, false);
	ONE(-EIO, ism_kunit_write(test, fake, 0, ok, 64));
#undef ONE
	KUNIT_EXPECT_EQ(test, (__force u32)GFP_KERNEL,
			(__force u32)ism_cache_gfp);
}

static void *ism_cache_operands[2];

/* Another call that ends while this one is under way */
static void ism_cache_other_call(struct ism_fake *fake, unsigned int nr)
{
	struct ism_vfio_device *ism = fake->ism;

	ism_cache_operands[0] = ism->spare_block;
	ism_cache_operands[1] = kmem_cache_alloc(ism->store_blocks,
						 GFP_KERNEL);
	ism->spare_block = ism_cache_operands[1];
}

/* Nobody else gets a block that is in use, and of two one is kept */
static void ism_cache_has_one_spare_block(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_probe *free;

	free = ism_probe_watch(test, kmem_cache_free, fake->ism->store_blocks);
	fake->hook = ism_cache_other_call;
	ism_kunit_fill(test, 11);
	ism_expect_write(test, fake, 0, 64, 64);
	KUNIT_EXPECT_NULL(test, ism_cache_operands[0]);
	KUNIT_EXPECT_EQ(test, 1, free->calls);
	KUNIT_EXPECT_PTR_EQ(test, ism_cache_operands[1],
			    fake->ism->spare_block);
}

/* A read needs no memory, however long it is, and none is no reason to fail */
static void ism_cache_is_left_alone_by_reads(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_probe *alloc;
	size_t len;

	alloc = ism_probe_replace(test, kmem_cache_alloc_noprof,
				  fake->ism->store_blocks, 0);
	for (len = 1; len <= 16 * SZ_1K; len += len < 300 ? 1 : 1001)
		ism_expect_read(test, fake, 3, len, len);
	KUNIT_EXPECT_EQ(test, 0, alloc->calls);
}

/*
 * The spare block is charged to who caused it, and a cache that has an object
 * in use cannot be destroyed: it goes with the last close
 */
static void ism_cache_spare_block_goes_at_close(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	struct ism_probe *close, *free;

	free = ism_probe_watch(test, kmem_cache_free, fake->ism->store_blocks);
	close = ism_probe_replace(test, vfio_pci_core_close_device, vdev, 0);
	vdev->ops->close_device(vdev);
	KUNIT_EXPECT_EQ(test, 1, close->calls);
	KUNIT_EXPECT_EQ(test, 0, free->calls);

	ism_kunit_fill(test, 12);
	ism_expect_write(test, fake, 0, 64, 64);
	vdev->ops->close_device(vdev);
	KUNIT_EXPECT_EQ(test, 2, close->calls);
	KUNIT_EXPECT_EQ(test, 1, free->calls);
	KUNIT_EXPECT_NULL(test, fake->ism->spare_block);
}

/* What is refused is refused before anything is taken */
static void ism_cache_is_left_alone_by_refusals(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_probe *alloc;

	alloc = ism_probe_watch(test, kmem_cache_alloc_noprof,
				fake->ism->store_blocks);
	ism_expect_refused(test, fake, ISM_KUNIT_WRITE, 0, 4097, -EINVAL);
	ism_expect_refused(test, fake, ISM_KUNIT_WRITE, 4090, 8, -EINVAL);
	ism_expect_refused(test, fake, ISM_KUNIT_WRITE, BAR2 + 4096, 8,
			   -EINVAL);
	ism_expect_refused(test, fake, ISM_KUNIT_READ, BAR2 + 4096, 8, -EINVAL);
	ism_expect_refused(test, fake, ISM_KUNIT_READ, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, alloc->calls);
}

static void ism_cache_is_out_of_memory(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct kmem_cache *cache = fake->ism->store_blocks;
	struct ism_probe *alloc, *free;

	alloc = ism_probe_replace(test, kmem_cache_alloc_noprof, cache, 0);
	free = ism_probe_watch(test, kmem_cache_free, cache);
	ism_expect_refused(test, fake, ISM_KUNIT_WRITE, 0, 128, -ENOMEM);
	KUNIT_EXPECT_EQ(test, 1, alloc->calls);
	KUNIT_EXPECT_EQ(test, 0, free->calls);
}

/* ---- its life ------------------------------------------------------------- */

/* Review: a cache that cannot be had is no reason to panic, or to leak */
static void ism_cache_cannot_be_created(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_add(test, &ism_fake_default);
	struct ism_probe *create, *add, *release;

	create = ism_probe_replace(test, __kmem_cache_create_args, NULL, 0);
	add = ism_probe_replace(test, vfio_pci_core_register_device, NULL, 0);
	release = ism_probe_watch(test, vfio_pci_core_release_dev, NULL);
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			ism_vfio_pci_driver.probe(fake->pdev, NULL));
	KUNIT_EXPECT_EQ(test, 1, create->calls);
	KUNIT_EXPECT_EQ(test, 0, add->calls);
	KUNIT_EXPECT_EQ(test, 1, release->calls);
}

static void ism_cache_is_not_created_without_core(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_add(test, &ism_fake_default);
	struct ism_probe *init, *create, *release;

	init = ism_probe_replace(test, vfio_pci_core_init_dev, NULL, -EBADE);
	create = ism_probe_watch(test, __kmem_cache_create_args, NULL);
	release = ism_probe_watch(test, vfio_pci_core_release_dev, NULL);
	KUNIT_EXPECT_EQ(test, -EBADE,
			ism_vfio_pci_driver.probe(fake->pdev, NULL));
	KUNIT_EXPECT_EQ(test, 1, init->calls);
	KUNIT_EXPECT_EQ(test, 0, create->calls);
	KUNIT_EXPECT_EQ(test, 0, release->calls);
}

static struct kunit_case ism_cache_tests[] = {
	KUNIT_CASE_PARAM(ism_cache_is_asked_for, ism_cache_gen_params),
	KUNIT_CASE_PARAM(ism_cache_objects_are_page_aligned,
			 ism_cache_gen_params),
	KUNIT_CASE_PARAM(ism_cache_blocks_are_copied_whole,
			 ism_cache_gen_params),
	KUNIT_CASE(ism_cache_keeps_a_spare_block),
	KUNIT_CASE(ism_cache_has_one_spare_block),
	KUNIT_CASE(ism_cache_is_left_alone_by_reads),
	KUNIT_CASE(ism_cache_spare_block_goes_at_close),
	KUNIT_CASE(ism_cache_is_left_alone_by_refusals),
	KUNIT_CASE(ism_cache_is_out_of_memory),
	KUNIT_CASE(ism_cache_cannot_be_created),
	KUNIT_CASE(ism_cache_is_not_created_without_core),
	{}
};

static struct kunit_suite ism_cache_suite = {
	.name = "ism_vfio_cache",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_cache_tests,
};

kunit_test_suite(ism_cache_suite);
