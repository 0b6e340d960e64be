// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: region info, and the regions
 * that vfio-pci-core answers for
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "fake.h"

#define REGION(index) ((u64)(index) << 48)
#define RW (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)

/* ---- device-specific regions that keep a record ---------------------------- */

static struct {
	unsigned int calls;
	u64 pos;
	size_t count;
	char __user *buf;
	bool write;
	ssize_t answer;
} ism_region_seen;

static ssize_t ism_region_rw(struct vfio_pci_core_device *core,
			     char __user *buf, size_t count, loff_t *ppos,
			     bool write)
{
	ism_region_seen.calls++;
	ism_region_seen.pos = *ppos;
	ism_region_seen.count = count;
	ism_region_seen.buf = buf;
	ism_region_seen.write = write;
	/* as regions do; whose position that is, is the driver's business */
	*ppos += count;
	return ism_region_seen.answer;
}

#define ISM_REGION_CAP 0x1234

static int ism_region_add_capability(struct vfio_pci_core_device *core,
				     struct vfio_pci_region *region,
				     struct vfio_info_cap *caps)
{
	struct vfio_info_cap_header header = {
		.id = ISM_REGION_CAP,
		.version = 1,
	};

	return vfio_info_add_capability(caps, &header, sizeof(header));
}

static const struct vfio_pci_regops ism_region_ops = {
	.rw = ism_region_rw,
};

static const struct vfio_pci_regops ism_region_ops_with_capability = {
	.rw = ism_region_rw,
	.add_capability = ism_region_add_capability,
};

/* Indices 9 and 10, behind those of every PCI device */
static void ism_region_add_two(struct kunit *test, struct ism_fake *fake)
{
	struct vfio_pci_core_device *core = &fake->ism->core;

	memset(&ism_region_seen, 0, sizeof(ism_region_seen));
	KUNIT_ASSERT_EQ(test, 0,
			vfio_pci_core_register_dev_region(core, 0x77, 0x88,
							  &ism_region_ops,
							  0x3000, RW, NULL));
	KUNIT_ASSERT_EQ(test, 0,
			vfio_pci_core_register_dev_region(core, 0x99, 0xaa,
							  &ism_region_ops_with_capability,
							  0x5000,
							  VFIO_REGION_INFO_FLAG_READ,
							  NULL));
}

/* ---- region info ---------------------------------------------------------- */

static const struct ism_region_case {
	const char *desc;
	u32 index;
	int want;
	u64 size;
	u32 flags;
	u32 type, subtype;
	bool rom, vga, capability;
} ism_region_cases[] = {
	{ "BAR0", 0, .size = 1ULL << 48, .flags = RW },
	{ "BAR1, which is not there", 1 },
	{ "BAR2", 2, .size = SZ_4K, .flags = RW },
	{ "BAR3, which is not there", 3 },
	{ "BAR4, which is not there", 4 },
	{ "BAR5", 5, .size = SZ_16K, .flags = RW },
	{ "ROM, which is not there", 6 },
	{ "ROM", 6, .size = SZ_64K, .flags = VFIO_REGION_INFO_FLAG_READ,
	  .rom = true },
	{ "config space", 7, .size = PCI_CFG_SPACE_SIZE, .flags = RW },
	{ "VGA, which is not there", 8, .want = -EINVAL },
	{ "VGA", 8, .size = 0xc0000, .flags = RW, .vga = true },
	{ "device-specific", 9, .size = 0x3000, .flags = RW, .type = 0x77,
	  .subtype = 0x88 },
	{ "device-specific with a capability", 10, .size = 0x5000,
	  .flags = VFIO_REGION_INFO_FLAG_READ, .type = 0x99, .subtype = 0xaa,
	  .capability = true },
	{ "unknown", 11, .want = -EINVAL },
	{ "unknown, beyond 16 bits", 0x10000, .want = -EINVAL },
	{ "unknown, the last", U32_MAX, .want = -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(ism_region, ism_region_cases, desc);

/* The capability of that id, or NULL */
static const void *ism_region_cap(const struct vfio_info_cap *caps, u16 id)
{
	const struct vfio_info_cap_header *cap = caps->buf;

	if (!caps->size)
		return NULL;
	while (cap->id != id) {
		if (!cap->next)
			return NULL;
		cap = (void *)caps->buf + cap->next;
	}

	return cap;
}

static void ism_region_expect_caps(struct kunit *test,
				   const struct vfio_info_cap *caps)
{
	const struct ism_region_case *c = test->param_value;
	const struct vfio_region_info_cap_type *type;

	type = ism_region_cap(caps, VFIO_REGION_INFO_CAP_TYPE);
	KUNIT_EXPECT_EQ(test, !!c->type, !!type);
	if (type) {
		KUNIT_EXPECT_EQ(test, c->type, type->type);
		KUNIT_EXPECT_EQ(test, c->subtype, type->subtype);
	}
	KUNIT_EXPECT_EQ(test, c->capability,
			!!ism_region_cap(caps, ISM_REGION_CAP));
}

/* One with an image in it: config space is asked, but there is none to answer */
static void ism_region_add_rom(struct kunit *test, struct ism_fake *fake)
{
	struct resource *rom = &fake->pdev->resource[PCI_ROM_RESOURCE];

	rom->start = BIT_ULL(50);
	rom->end = BIT_ULL(50) + SZ_64K - 1;
	fake->pdev->error_state = pci_channel_io_perm_failure;
	ism_probe_replace(test, pci_map_rom, fake->pdev, 1);
	ism_probe_replace(test, pci_unmap_rom, fake->pdev, 0);
}

static void ism_region_info(struct kunit *test)
{
	struct ism_fake_spec spec = ism_fake_default;
	const struct ism_region_case *c = test->param_value;
	struct vfio_region_info info = { .index = c->index };
	struct ism_kunit *ctx = test->priv;
	struct vfio_info_cap caps = {};
	struct ism_fake *fake;

	spec.bar[5] = SZ_16K;
	fake = ism_fake_bind(test, &spec);
	ism_region_add_two(test, fake);
	fake->ism->core.has_vga = c->vga;
	if (c->rom)
		ism_region_add_rom(test, fake);

	KUNIT_ASSERT_EQ(test, c->want,
			ism_kunit_compat_region_info(&fake->ism->core.vdev,
						     ctx->umem, &info, &caps));
	if (c->want)
		return;
	KUNIT_EXPECT_EQ(test, c->index, info.index);
	KUNIT_EXPECT_EQ(test, c->size, info.size);
	KUNIT_EXPECT_EQ(test, c->flags, info.flags);
	KUNIT_EXPECT_EQ(test, REGION(c->index), info.offset);

	ism_region_expect_caps(test, &caps);
	kfree(caps.buf);
}

/* vfio-pci-core may take a BAR for one that can be mapped; it is none */
static void ism_region_bar_is_never_mapped(struct kunit *test)
{
	struct ism_fake_spec spec = ism_fake_default;
	struct ism_kunit *ctx = test->priv;
	struct vfio_region_info info = {};
	struct vfio_info_cap caps = {};
	struct ism_fake *fake;
	unsigned int bar;

	for (bar = 1; bar < PCI_STD_NUM_BARS; bar++)
		spec.bar[bar] = SZ_4K << bar;
	fake = ism_fake_bind(test, &spec);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		fake->ism->core.bar_mmap_supported[bar] = true;
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		info = (struct vfio_region_info){ .index = bar };
		KUNIT_EXPECT_EQ(test, 0,
				ism_kunit_compat_region_info(&fake->ism->core.vdev,
							     ctx->umem, &info,
							     &caps));
		KUNIT_EXPECT_EQ(test, spec.bar[bar], info.size);
		KUNIT_EXPECT_EQ(test, RW, info.flags);
		KUNIT_EXPECT_EQ(test, 0, caps.size);
	}
	KUNIT_EXPECT_NULL(test, fake->ism->core.vdev.ops->mmap);
}

/* Where region info says that a BAR begins, it does */
static void ism_region_offset_leads_to_its_bar(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_region_info info = { .index = 2 };
	struct ism_kunit *ctx = test->priv;
	struct vfio_info_cap caps = {};

	KUNIT_ASSERT_EQ(test, 0,
			ism_kunit_compat_region_info(&fake->ism->core.vdev,
						     ctx->umem, &info, &caps));
	ism_kunit_fill(test, 11);
	ism_expect_write(test, fake, info.offset + 8, 16, 16);
	KUNIT_EXPECT_EQ(test, 2, fake->insns[0].bar);
}

/* ---- through to vfio-pci-core --------------------------------------------- */

static const struct ism_through_case {
	const char *desc;
	bool read;
	u64 pos;
	size_t count;
	ssize_t answer;
	/* what the region sees, or 0 if it must see nothing */
	u64 seen;
	ssize_t want;
} ism_through_cases[] = {
	{ "read at 0", ISM_KUNIT_READ, REGION(9), 8, 8, 0x90000000000, 8 },
	{ "read, short", ISM_KUNIT_READ, REGION(9) + 0x2ffc, 8, 4,
	  0x90000002ffc, 4 },
	{ "read that fails", ISM_KUNIT_READ, REGION(9) + 1, 8, -EBADE,
	  0x90000000001, -EBADE },
	{ "read of nothing", ISM_KUNIT_READ, REGION(9) + 1, 8, 0,
	  0x90000000001, 0 },
	{ "read of the other", ISM_KUNIT_READ, REGION(10) + 0x10, 4, 4,
	  0xa0000000010, 4 },
	{ "read of the last byte", ISM_KUNIT_READ, REGION(9) + 0x2fff, 1, 1,
	  0x90000002fff, 1 },
	{ "read behind the end", ISM_KUNIT_READ, REGION(9) + 0x3000, 1, 1, 0,
	  -EINVAL },
	{ "read at 2^40 - 1", ISM_KUNIT_READ, REGION(9) + 0xffffffffff, 1, 1,
	  0, -EINVAL },
	{ "read at 2^40", ISM_KUNIT_READ, REGION(9) + 0x10000000000, 1, 1, 0,
	  -EINVAL },
	{ "read at 2^48 - 1", ISM_KUNIT_READ, REGION(9) + 0xffffffffffff, 1, 1,
	  0, -EINVAL },
	{ "write at 0", ISM_KUNIT_WRITE, REGION(9), 8, 8, 0x90000000000, 8 },
	{ "write, short", ISM_KUNIT_WRITE, REGION(10) + 0x20, 8, 3,
	  0xa0000000020, 3 },
	{ "write that fails", ISM_KUNIT_WRITE, REGION(9) + 1, 8, -EBADE,
	  0x90000000001, -EBADE },
	{ "write of the last byte", ISM_KUNIT_WRITE, REGION(10) + 0x4fff, 1, 1,
	  0xa0000004fff, 1 },
	{ "write behind the end", ISM_KUNIT_WRITE, REGION(10) + 0x5000, 1, 1,
	  0, -EINVAL },
	{ "write at 2^40", ISM_KUNIT_WRITE, REGION(9) + 0x10000000000, 1, 1, 0,
	  -EINVAL },
	{ "read behind the last region", ISM_KUNIT_READ, REGION(11), 8, 8, 0,
	  -EINVAL },
	{ "write behind the last region", ISM_KUNIT_WRITE, REGION(11), 8, 8, 0,
	  -EINVAL },
	/* whose lower 40 bits and index would be those of a region */
	{ "read at 0x19 << 40", ISM_KUNIT_READ, 0x190000000000, 8, 8, 0, 8 },
};

KUNIT_ARRAY_PARAM_DESC(ism_through, ism_through_cases, desc);

/* In vfio-pci-core's own layout, and the caller's position is in ours */
static void ism_region_access_goes_through(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_through_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;
	ssize_t ret;

	ism_region_add_two(test, fake);
	ism_region_seen.answer = c->answer;
	if (c->read)
		ret = ism_kunit_read(test, fake, c->pos, ctx->umem + 3,
				     c->count);
	else
		ret = ism_kunit_write(test, fake, c->pos, ctx->umem + 3,
				      c->count);

	KUNIT_EXPECT_EQ(test, c->want, ret);
	KUNIT_EXPECT_EQ(test, !!c->seen, ism_region_seen.calls);
	KUNIT_EXPECT_EQ(test, c->seen, ism_region_seen.pos);
	if (!c->seen)
		return;
	KUNIT_EXPECT_EQ(test, c->count, ism_region_seen.count);
	KUNIT_EXPECT_PTR_EQ(test, (__force void *)(ctx->umem + 3),
			    (__force void *)ism_region_seen.buf);
	KUNIT_EXPECT_EQ(test, !c->read, ism_region_seen.write);
	KUNIT_EXPECT_EQ(test, 0, fake->nr_insns);
}

static const struct ism_index_case {
	const char *desc;
	u64 index;
	bool there;
} ism_index_cases[] = {
	{ "ROM", 6, true },
	{ "config space", 7, true },
	{ "VGA", 8, true },
	{ "device-specific", 9, true },
	{ "behind the last that is there", 11 },
	{ "the last of a positive position", 0x7fff },
	{ "the first of a negative position", 0x8000 },
	{ "the last", 0xffff },
};

KUNIT_ARRAY_PARAM_DESC(ism_index, ism_index_cases, desc);

/* What vfio-pci-core was asked for */
static loff_t ism_region_core_pos;

static void ism_region_see_core(struct ism_probe *probe, struct pt_regs *regs)
{
	ism_region_core_pos = *(loff_t *)ism_probe_arg(regs, 3);
}

/* All but BARs, in its own layout; and nothing of what is not there */
static void ism_region_index_goes_to_core(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_index_case *c = test->param_value;
	struct vfio_device *vdev = &fake->ism->core.vdev;
	struct ism_kunit *ctx = test->priv;
	u64 want = c->there ? c->index << 40 | 0x23 : 0;
	u64 pos = REGION(c->index) + 0x23;
	struct ism_probe *probe;

	ism_region_add_rom(test, fake);
	ism_region_add_two(test, fake);
	fake->ism->core.has_vga = true;
	ism_region_core_pos = 0;
	probe = ism_probe_replace(test, vfio_pci_core_read, vdev, 3);
	probe->see = ism_region_see_core;
	KUNIT_EXPECT_EQ(test, c->there ? 3 : -EINVAL,
			ism_kunit_read(test, fake, pos, ctx->umem, 8));
	KUNIT_EXPECT_EQ(test, c->there, probe->calls);
	KUNIT_EXPECT_EQ(test, want, (u64)ism_region_core_pos);

	ism_region_core_pos = 0;
	probe = ism_probe_replace(test, vfio_pci_core_write, vdev, 5);
	probe->see = ism_region_see_core;
	KUNIT_EXPECT_EQ(test, c->there ? 5 : -EINVAL,
			ism_kunit_write(test, fake, pos, ctx->umem, 8));
	KUNIT_EXPECT_EQ(test, c->there, probe->calls);
	KUNIT_EXPECT_EQ(test, want, (u64)ism_region_core_pos);
	KUNIT_EXPECT_EQ(test, 0, fake->nr_insns);
}

/* vfio-pci-core does not get what is behind a BAR, nor a BAR that is not there */
static void ism_region_end_of_bar_is_not_cores(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	struct ism_kunit *ctx = test->priv;
	struct ism_probe *read, *write;
	unsigned int bar;
	u64 end;

	read = ism_probe_replace(test, vfio_pci_core_read, vdev, 3);
	write = ism_probe_replace(test, vfio_pci_core_write, vdev, 5);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		end = REGION(bar) + ism_fake_default.bar[bar];
		KUNIT_EXPECT_EQ(test, -EINVAL,
				ism_kunit_read(test, fake, end, ctx->umem, 8));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				ism_kunit_write(test, fake, end, ctx->umem, 8));
	}
	KUNIT_EXPECT_EQ(test, 0, read->calls);
	KUNIT_EXPECT_EQ(test, 0, write->calls);
}

/* Review: config space by the common path. A byte of it that vfio keeps. */
static void ism_region_config_space(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	u64 pos = REGION(7) + PCI_INTERRUPT_LINE;
	struct ism_kunit *ctx = test->priv;
	u8 line = 0x5c;

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->umem, &line, 1));
	KUNIT_EXPECT_EQ(test, 1, ism_kunit_write(test, fake, pos, ctx->umem, 1));
	KUNIT_EXPECT_EQ(test, line, fake->vconfig[PCI_INTERRUPT_LINE]);

	fake->vconfig[PCI_INTERRUPT_LINE] = 0xc5;
	KUNIT_EXPECT_EQ(test, 1, ism_kunit_read(test, fake, pos, ctx->umem, 1));
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(&line, ctx->umem, 1));
	KUNIT_EXPECT_EQ(test, 0xc5, line);

	/* none behind its end */
	KUNIT_EXPECT_EQ(test, -EINVAL,
			ism_kunit_read(test, fake, REGION(7) + 0x100, ctx->umem,
				       1));
	KUNIT_EXPECT_EQ(test, 0, fake->nr_insns);
}

static struct kunit_case ism_region_tests[] = {
	KUNIT_CASE_PARAM(ism_region_info, ism_region_gen_params),
	KUNIT_CASE(ism_region_bar_is_never_mapped),
	KUNIT_CASE(ism_region_offset_leads_to_its_bar),
	KUNIT_CASE_PARAM(ism_region_access_goes_through, ism_through_gen_params),
	KUNIT_CASE_PARAM(ism_region_index_goes_to_core, ism_index_gen_params),
	KUNIT_CASE(ism_region_end_of_bar_is_not_cores),
	KUNIT_CASE(ism_region_config_space),
	{}
};

static struct kunit_suite ism_region_suite = {
	.name = "ism_vfio_region",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_region_tests,
};

kunit_test_suite(ism_region_suite);
