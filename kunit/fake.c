// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: a function that is not there
 *
 * The driver under test is the whole one, entered as vfio and PCI enter it: by
 * its struct vfio_device_ops and its struct pci_driver. Below it everything is
 * real but two things. The instructions end in the stubs here, which find the
 * function by the handle in the request, keep a record and answer. And the PCI
 * function is a struct pci_dev which was never added to a bus: it leads to a
 * struct zpci_dev the way that all of s390 goes, by sysdata and devfn, and has
 * resources, a config space of vfio-pci-core's, and a reference count. The
 * vfio device on top is allocated by vfio and never registered, so that there
 * is no IOMMU group and no device node; what opening it would set up of config
 * space is set up by hand.
 */
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <linux/hash.h>
#include <linux/mman.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/pci_insn.h>
#include <asm/pci_io.h>

#include "fake.h"

/* As QEMU and LPARs show it: a data window of 256 TiB and a command window */
const struct ism_fake_spec ism_fake_default = {
	/* none that a machine has: the cache's name is made of it */
	.fid = 0xf0000111,
	.fh = 0x80000111,
	.maxstbl = 4096,
	.bar = { [0] = BIT_ULL(48), [2] = SZ_4K },
};

/* ---- the function --------------------------------------------------------- */

/* What the memory of a BAR has at @offset: nothing that repeats */
u8 ism_fake_byte(unsigned int bar, u64 offset)
{
	return hash_64(offset << 3 | bar, 8);
}

static struct ism_fake *ism_fake_find(struct kunit *test, u32 fh)
{
	struct ism_kunit *ctx = test->priv;
	struct ism_fake *fake;

	list_for_each_entry(fake, &ctx->fakes, list)
		if (READ_ONCE(fake->zdev.fh) == fh)
			return fake;

	return NULL;
}

static bool ism_fake_held_for_read(struct rw_semaphore *lock)
{
	if (down_write_trylock(lock)) {
		up_write(lock);
		return false;
	}
	if (!down_read_trylock(lock))
		return false;

	up_read(lock);
	return true;
}

/* What no function would answer, and no driver may ask of any */
static bool ism_fake_is_unruly(const struct ism_fake_insn *insn,
			       const void *operand)
{
	if (insn->bar >= PCI_STD_NUM_BARS)
		return true;
	if (insn->kind == ISM_FAKE_PCILG)
		return !is_power_of_2(insn->len) || insn->len > 8 ||
		       insn->offset % 8 + insn->len > 8;

	return !insn->len || insn->offset % SZ_4K + insn->len > SZ_4K ||
	       offset_in_page(operand);
}

/* Record an instruction and answer it: with the function, or what went wrong */
static struct ism_fake *ism_fake_insn(enum ism_fake_kind kind, u64 req,
				      u64 offset, const void *operand)
{
	struct kunit *test = kunit_get_current_test();
	struct ism_fake_insn insn = {
		.kind = kind,
		.fh = req >> 32,
		.bar = req >> 16 & 0xff,
		.offset = offset,
		.len = req & 0xffff,
	};
	struct ism_fake *fake = ism_fake_find(test, insn.fh);
	unsigned int nr;

	if (!fake) {
		((struct ism_kunit *)test->priv)->strays++;
		return ERR_PTR(-EIO);
	}

	nr = fake->nr_insns++;
	if (nr < ISM_FAKE_RECORDS)
		fake->insns[nr] = insn;
	if (ism_fake_is_unruly(&insn, operand) ||
	    !ism_fake_held_for_read(&fake->ism->core.memory_lock))
		fake->unruly++;
	if (fake->hook)
		fake->hook(fake, nr);

	return fake->error && nr >= fake->good ? ERR_PTR(fake->error) : fake;
}

static int ism_fake_pcilg(u64 *data, u64 req, u64 offset)
{
	struct ism_fake *fake = ism_fake_insn(ISM_FAKE_PCILG, req, offset, NULL);
	unsigned int i, bar = req >> 16 & 0xff;

	if (IS_ERR(fake))
		return PTR_ERR(fake);

	/* A value of len bytes, right-aligned */
	for (*data = 0, i = 0; i < (req & 0xffff); i++)
		*data = *data << 8 | ism_fake_byte(bar, offset + i);

	return 0;
}

static int ism_fake_pcistb(const u64 *data, u64 req, u64 offset)
{
	struct ism_fake *fake = ism_fake_insn(ISM_FAKE_PCISTB, req, offset,
					      data);

	if (IS_ERR(fake))
		return PTR_ERR(fake);

	fake->operand = data;
	memcpy(fake->stored, data, min(req & 0xffff, sizeof(fake->stored)));
	return 0;
}

/* Back to a function that nothing has reached */
void ism_fake_forget(struct ism_fake *fake)
{
	fake->nr_insns = 0;
	fake->operand = NULL;
}

void ism_fake_memory(struct ism_fake *fake, bool on)
{
	__le16 *command = (__le16 *)&fake->vconfig[PCI_COMMAND];

	*command = cpu_to_le16(on ? PCI_COMMAND_MEMORY : 0);
}

/* ---- its life ------------------------------------------------------------- */

static void ism_fake_release(struct device *dev)
{
	kfree(to_pci_dev(dev));
}

static void ism_fake_put_pdev(void *pdev)
{
	put_device(&((struct pci_dev *)pdev)->dev);
}

/* As closing it does, which it was never opened for */
void ism_fake_close(struct ism_vfio_device *ism)
{
	void *block = xchg(&ism->spare_block, NULL);

	if (block)
		kmem_cache_free(ism->store_blocks, block);
}

/* As removing it does, which was never registered */
void ism_fake_remove(void *data)
{
	struct ism_vfio_device *ism = data;

	ism_fake_close(ism);
	kmem_cache_destroy(ism->store_blocks);
	vfio_put_device(&ism->core.vdev);
}

static struct pci_dev *ism_fake_pdev(struct kunit *test, struct ism_fake *fake,
				     const struct ism_fake_spec *spec)
{
	struct pci_dev *pdev;
	unsigned int i;

	pdev = pci_alloc_dev(NULL);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	device_initialize(&pdev->dev);
	pdev->dev.release = ism_fake_release;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, ism_fake_put_pdev,
						  pdev));
	KUNIT_ASSERT_EQ(test, 0, dev_set_name(&pdev->dev, "kunit-%08x",
					      spec->fid));

	pdev->sysdata = &fake->zbus;
	pdev->vendor = PCI_VENDOR_ID_IBM;
	pdev->device = 0x04ed;
	pdev->cfg_size = PCI_CFG_SPACE_SIZE;
	pdev->current_state = PCI_D0;
	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (!spec->bar[i])
			continue;
		pdev->resource[i].start = BIT_ULL(49);
		pdev->resource[i].end = BIT_ULL(49) + spec->bar[i] - 1;
		pdev->resource[i].flags = IORESOURCE_MEM | IORESOURCE_MEM_64;
	}

	return pdev;
}

/* A function without a driver */
struct ism_fake *ism_fake_add(struct kunit *test,
			      const struct ism_fake_spec *spec)
{
	struct ism_kunit *ctx = test->priv;
	struct ism_fake *fake;

	fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->zdev.fid = spec->fid;
	fake->zdev.fh = spec->fh;
	fake->zdev.maxstbl = spec->maxstbl;
	fake->pdev = ism_fake_pdev(test, fake, spec);
	fake->zbus.function[fake->pdev->devfn] = &fake->zdev;
	list_add_tail(&fake->list, &ctx->fakes);

	return fake;
}

/* What opening a device sets up of config space */
void ism_fake_attach(struct ism_fake *fake, struct ism_vfio_device *ism)
{
	fake->ism = ism;
	ism->core.vconfig = fake->vconfig;
	ism->core.pci_config_map = fake->config_map;
	ism_fake_memory(fake, true);
}

/* A function with a vfio device of the driver under test on it, in use */
struct ism_fake *ism_fake_bind(struct kunit *test,
			       const struct ism_fake_spec *spec)
{
	struct ism_fake *fake = ism_fake_add(test, spec);
	struct vfio_pci_core_device *core;
	struct ism_vfio_device *ism;
	struct ism_probe *probe;

	probe = ism_probe_replace(test, vfio_pci_core_register_device, NULL, 0);
	KUNIT_ASSERT_EQ(test, 0, ism_vfio_pci_driver.probe(fake->pdev, NULL));
	ism_probe_end(test, probe);
	core = dev_get_drvdata(&fake->pdev->dev);
	ism = container_of(core, struct ism_vfio_device, core);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, ism_fake_remove, ism));
	ism_fake_attach(fake, ism);

	return fake;
}

/* ---- the test around it --------------------------------------------------- */

int ism_kunit_init(struct kunit *test)
{
	size_t size = ISM_KUNIT_UMEM + 2 * PAGE_SIZE;
	struct ism_kunit *ctx;
	unsigned long addr;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	INIT_LIST_HEAD(&ctx->fakes);
	ctx->kmem = kunit_kzalloc(test, ISM_KUNIT_UMEM, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx->kmem);

	/* A hole on either side, in which nothing else is mapped later */
	addr = kunit_vm_mmap(test, NULL, 0, size, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, 0, addr);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0,
			vm_munmap(addr + size - PAGE_SIZE, PAGE_SIZE));
	ctx->umem = (char __user *)addr + PAGE_SIZE;

	test->priv = ctx;
	kunit_activate_static_stub(test, __zpci_load, ism_fake_pcilg);
	kunit_activate_static_stub(test, __zpci_store_block, ism_fake_pcistb);
	return 0;
}

/* True of every test, whatever else it looks at */
void ism_kunit_exit(struct kunit *test)
{
	struct ism_kunit *ctx = test->priv;
	struct ism_fake *fake;

	if (!ctx)
		return;

	KUNIT_EXPECT_EQ_MSG(test, 0, ctx->strays,
			    "instructions that named no function");
	list_for_each_entry(fake, &ctx->fakes, list)
		KUNIT_EXPECT_EQ_MSG(test, 0, fake->unruly,
				    "instructions misaligned, too long or without memory_lock");
}

/* Fill user memory with bytes that do not repeat, and keep a copy */
void ism_kunit_fill(struct kunit *test, u8 salt)
{
	struct ism_kunit *ctx = test->priv;
	size_t i;

	for (i = 0; i < ISM_KUNIT_UMEM; i++)
		ctx->kmem[i] = hash_64(i << 8 | salt, 8);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->umem, ctx->kmem,
					      ISM_KUNIT_UMEM));
}

ssize_t ism_kunit_read(struct kunit *test, struct ism_fake *fake, u64 pos,
		       char __user *buf, size_t count)
{
	struct vfio_device *vdev = &fake->ism->core.vdev;
	loff_t ppos = pos;
	ssize_t ret;

	ret = vdev->ops->read(vdev, buf, count, &ppos);
	KUNIT_ASSERT_EQ_MSG(test, (u64)ppos, pos + max(ret, 0),
			    "position after a read that returned %zd", ret);
	return ret;
}

ssize_t ism_kunit_write(struct kunit *test, struct ism_fake *fake, u64 pos,
			const char __user *buf, size_t count)
{
	struct vfio_device *vdev = &fake->ism->core.vdev;
	loff_t ppos = pos;
	ssize_t ret;

	ret = vdev->ops->write(vdev, buf, count, &ppos);
	KUNIT_ASSERT_EQ_MSG(test, (u64)ppos, pos + max(ret, 0),
			    "position after a write that returned %zd", ret);
	return ret;
}

/* ---- expectations --------------------------------------------------------- */

/* They come in thousands: the first that is not met ends the test */

/* Of the loads that are aligned and fit into what is left, the widest */
static unsigned int ism_widest_load(u64 offset, size_t left)
{
	static const unsigned int widths[] = { 8, 4, 2 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(widths); i++)
		if (offset % widths[i] == 0 && left >= widths[i])
			return widths[i];

	return 1;
}

static void ism_expect_loads(struct kunit *test, struct ism_fake *fake,
			     unsigned int bar, u64 offset, size_t len)
{
	const struct ism_fake_insn *insn;
	unsigned int nr, width;

	for (nr = 0; len; nr++, offset += width, len -= width) {
		width = ism_widest_load(offset, len);
		if (nr >= min(fake->nr_insns, ISM_FAKE_RECORDS))
			continue;
		insn = &fake->insns[nr];
		KUNIT_ASSERT_EQ(test, ISM_FAKE_PCILG, insn->kind);
		KUNIT_ASSERT_EQ(test, fake->zdev.fh, insn->fh);
		KUNIT_ASSERT_EQ(test, bar, insn->bar);
		KUNIT_ASSERT_EQ(test, offset, insn->offset);
		KUNIT_ASSERT_EQ(test, width, insn->len);
	}
	KUNIT_ASSERT_EQ(test, nr, fake->nr_insns);
}

/*
 * Read @count bytes to somewhere in user memory: @want of them come, the
 * widest loads fetched them, and what lies around them is as it was.
 */
void ism_expect_read(struct kunit *test, struct ism_fake *fake, u64 pos,
		     size_t count, size_t want)
{
	u64 offset = pos & ISM_VFIO_OFFSET_MASK;
	unsigned int bar = pos >> 48;
	struct ism_kunit *ctx = test->priv;
	const size_t margin = 24;
	size_t i, size = count + 2 * margin;

	KUNIT_ASSERT_LE(test, size, ISM_KUNIT_UMEM);
	memset(ctx->kmem, 0x5a, size);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->umem, ctx->kmem, size));

	ism_fake_forget(fake);
	KUNIT_ASSERT_EQ(test, (ssize_t)want,
			ism_kunit_read(test, fake, pos, ctx->umem + margin,
				       count));
	ism_expect_loads(test, fake, bar, offset, want);

	KUNIT_ASSERT_EQ(test, 0, copy_from_user(ctx->kmem, ctx->umem, size));
	for (i = 0; i < want; i++)
		if (ctx->kmem[margin + i] != ism_fake_byte(bar, offset + i))
			break;
	KUNIT_ASSERT_EQ_MSG(test, want, i, "first byte that is wrong");
	KUNIT_ASSERT_NULL(test, memchr_inv(ctx->kmem, 0x5a, margin));
	KUNIT_ASSERT_NULL(test, memchr_inv(ctx->kmem + margin + want, 0x5a,
					   size - margin - want));
}

/* Write @count bytes: one PCISTB of @want bytes, and these bytes in it */
void ism_expect_write(struct kunit *test, struct ism_fake *fake, u64 pos,
		      size_t count, size_t want)
{
	const struct ism_fake_insn *insn = &fake->insns[0];
	struct ism_kunit *ctx = test->priv;
	/* not where the operand lies in its page */
	const size_t start = 100 + pos % 32;

	KUNIT_ASSERT_LE(test, start + count, ISM_KUNIT_UMEM);
	ism_fake_forget(fake);
	KUNIT_ASSERT_EQ(test, (ssize_t)want,
			ism_kunit_write(test, fake, pos, ctx->umem + start,
					count));

	KUNIT_ASSERT_EQ(test, 1, fake->nr_insns);
	KUNIT_ASSERT_EQ(test, ISM_FAKE_PCISTB, insn->kind);
	KUNIT_ASSERT_EQ(test, fake->zdev.fh, insn->fh);
	KUNIT_ASSERT_EQ(test, pos >> 48, insn->bar);
	KUNIT_ASSERT_EQ(test, pos & ISM_VFIO_OFFSET_MASK, insn->offset);
	KUNIT_ASSERT_EQ(test, want, insn->len);
	KUNIT_ASSERT_TRUE(test, PAGE_ALIGNED(fake->operand));
	KUNIT_ASSERT_MEMEQ(test, fake->stored, ctx->kmem + start, want);
}

/* A call that returns @want and leads to no instruction */
void ism_expect_refused(struct kunit *test, struct ism_fake *fake, bool read,
			u64 pos, size_t count, ssize_t want)
{
	struct ism_kunit *ctx = test->priv;
	ssize_t ret;

	ism_fake_forget(fake);
	if (read)
		ret = ism_kunit_read(test, fake, pos, ctx->umem, count);
	else
		ret = ism_kunit_write(test, fake, pos, ctx->umem, count);

	KUNIT_ASSERT_EQ(test, want, ret);
	KUNIT_ASSERT_EQ(test, 0, fake->nr_insns);
}
