// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: memory_lock, memory that is
 * disabled, and resets
 *
 * That memory_lock is held for each instruction is looked at in all suites, by
 * the fake function. Here is what else it promises.
 */
#include <linux/anon_inodes.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/rwsem.h>

#include "fake.h"

#define BAR2 (2ULL << 48)

static const struct ism_access_case {
	const char *desc;
	bool read;
} ism_access_cases[] = {
	{ "read", ISM_KUNIT_READ },
	{ "write", ISM_KUNIT_WRITE },
};

KUNIT_ARRAY_PARAM_DESC(ism_access, ism_access_cases, desc);

static ssize_t ism_lock_access(struct kunit *test, struct ism_fake *fake,
			       char __user *buf, size_t count)
{
	const struct ism_access_case *c = test->param_value;

	return c->read ? ism_kunit_read(test, fake, 0, buf, count) :
			 ism_kunit_write(test, fake, 0, buf, count);
}

/* ---- the user's pages ----------------------------------------------------- */

/*
 * User memory that is not there until it is touched: a fault may have to wait
 * for whatever it likes, so nothing that a reset wants may be held then.
 */
struct ism_lock_faults {
	struct rw_semaphore *lock;
	struct ism_fake *fake;
	unsigned int nr;
	unsigned int locked;
	/* instructions before each */
	unsigned int insns[8];
};

static vm_fault_t ism_lock_fault(struct vm_fault *vmf)
{
	struct ism_lock_faults *faults = vmf->vma->vm_private_data;

	if (faults->nr < ARRAY_SIZE(faults->insns))
		faults->insns[faults->nr] = faults->fake->nr_insns;
	faults->nr++;
	if (rwsem_is_locked(faults->lock))
		faults->locked++;

	vmf->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return vmf->page ? 0 : VM_FAULT_OOM;
}

static const struct vm_operations_struct ism_lock_vm_ops = {
	.fault = ism_lock_fault,
};

static int ism_lock_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_private_data = file->private_data;
	vma->vm_ops = &ism_lock_vm_ops;
	return 0;
}

static const struct file_operations ism_lock_fops = {
	.owner = THIS_MODULE,
	.mmap = ism_lock_mmap,
};

static void ism_lock_fput(void *file)
{
	fput(file);
}

static char __user *ism_lock_map(struct kunit *test,
				 struct ism_lock_faults *faults, size_t size)
{
	unsigned long addr;
	struct file *file;

	file = anon_inode_getfile("ism_vfio_kunit", &ism_lock_fops, faults,
				  O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, ism_lock_fput, file));
	addr = kunit_vm_mmap(test, file, 0, size, PROT_READ | PROT_WRITE,
			     MAP_SHARED, 0);
	KUNIT_ASSERT_NE(test, 0, addr);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	return (char __user *)addr;
}

/* One load, many, and more than one chunk of them: each page is touched once */
static void ism_lock_is_not_held_in_a_fault(struct kunit *test)
{
	static const size_t counts[] = { 1, 2, 4, 8, 64, 512 };
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_lock_faults *faults;
	char __user *buf;
	unsigned int i;

	faults = kunit_kzalloc(test, sizeof(*faults), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, faults);
	faults->fake = fake;
	faults->lock = &fake->ism->core.memory_lock;
	buf = ism_lock_map(test, faults, ARRAY_SIZE(counts) * PAGE_SIZE);

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		KUNIT_EXPECT_EQ(test, counts[i],
				ism_lock_access(test, fake, buf + i * PAGE_SIZE,
						counts[i]));
		KUNIT_EXPECT_EQ(test, i + 1, faults->nr);
		KUNIT_EXPECT_EQ(test, 0, faults->locked);
	}
}

/* What 32 loads had to gather reaches the user before the next one is done */
static void ism_lock_is_dropped_between_chunks(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_lock_faults *faults;
	char __user *buf;

	faults = kunit_kzalloc(test, sizeof(*faults), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, faults);
	faults->fake = fake;
	faults->lock = &fake->ism->core.memory_lock;
	buf = ism_lock_map(test, faults, 3 * PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, 3 * SZ_4K,
			ism_kunit_read(test, fake, 0, buf, 3 * SZ_4K));
	KUNIT_EXPECT_EQ(test, 3, faults->nr);
	KUNIT_EXPECT_EQ(test, 0, faults->locked);
	KUNIT_EXPECT_LE(test, faults->insns[0], 32);
	KUNIT_EXPECT_LE(test, faults->insns[1], 512 + 32);
	KUNIT_EXPECT_LE(test, faults->insns[2], 1024 + 32);
}

/* ---- memory that is disabled ---------------------------------------------- */

static const struct ism_memory_case {
	const char *desc;
	bool read;
	bool memory;
	bool no_command_memory;
	pci_power_t state;
	ssize_t want;
} ism_memory_cases[] = {
	{ "read, disabled", ISM_KUNIT_READ, false, false, PCI_D0, -EIO },
	{ "read, in D1", ISM_KUNIT_READ, true, false, PCI_D1, 8 },
	{ "read, in D2", ISM_KUNIT_READ, true, false, PCI_D2, 8 },
	{ "read, in D3hot", ISM_KUNIT_READ, true, false, PCI_D3hot, -EIO },
	{ "read, in D3cold", ISM_KUNIT_READ, true, false, PCI_D3cold, -EIO },
	{ "read, enabled", ISM_KUNIT_READ, true, false, PCI_D0, 8 },
	{ "read, no such bit", ISM_KUNIT_READ, false, true, PCI_D0, 8 },
	{ "read, no such bit, D3hot", ISM_KUNIT_READ, false, true, PCI_D3hot,
	  -EIO },
	{ "write, disabled", ISM_KUNIT_WRITE, false, false, PCI_D0, -EIO },
	{ "write, in D1", ISM_KUNIT_WRITE, true, false, PCI_D1, 8 },
	{ "write, in D2", ISM_KUNIT_WRITE, true, false, PCI_D2, 8 },
	{ "write, in D3hot", ISM_KUNIT_WRITE, true, false, PCI_D3hot, -EIO },
	{ "write, in D3cold", ISM_KUNIT_WRITE, true, false, PCI_D3cold, -EIO },
	{ "write, enabled", ISM_KUNIT_WRITE, true, false, PCI_D0, 8 },
	{ "write, no such bit", ISM_KUNIT_WRITE, false, true, PCI_D0, 8 },
	{ "write, no such bit, D3hot", ISM_KUNIT_WRITE, false, true, PCI_D3hot,
	  -EIO },
};

KUNIT_ARRAY_PARAM_DESC(ism_memory, ism_memory_cases, desc);

static void ism_lock_memory_decides(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	const struct ism_memory_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;
	ssize_t ret;

	ism_fake_memory(fake, c->memory);
	fake->pdev->current_state = c->state;
	fake->pdev->no_command_memory = c->no_command_memory;

	if (c->read)
		ret = ism_kunit_read(test, fake, BAR2, ctx->umem, 8);
	else
		ret = ism_kunit_write(test, fake, BAR2, ctx->umem, 8);
	KUNIT_EXPECT_EQ(test, c->want, ret);
	KUNIT_EXPECT_EQ(test, c->want > 0 ? 1 : 0, fake->nr_insns);
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&fake->ism->core.memory_lock));
}

/* Whatever the outcome, the lock is free again */
static void ism_lock_is_dropped_on_errors(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct rw_semaphore *lock = &fake->ism->core.memory_lock;
	struct ism_kunit *ctx = test->priv;

	fake->error = -ENXIO;
	KUNIT_EXPECT_EQ(test, -ENXIO,
			ism_lock_access(test, fake, ctx->umem, 64));
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(lock));

	fake->error = 0;
	KUNIT_EXPECT_EQ(test, -EFAULT,
			ism_lock_access(test, fake, ctx->umem - 8, 64));
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(lock));

	KUNIT_EXPECT_EQ(test, 64, ism_lock_access(test, fake, ctx->umem, 64));
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(lock));
}

/* ---- resets --------------------------------------------------------------- */

struct ism_lock_reset {
	struct ism_fake *fake;
	struct completion begun;
	struct completion done;
	bool waited_for;
	bool leaves_memory;
};

/* A reset that lasts until the access waits for it, and gives a new handle */
static int ism_lock_reset(void *data)
{
	struct ism_lock_reset *reset = data;
	struct rw_semaphore *lock = &reset->fake->ism->core.memory_lock;
	unsigned int i;

	down_write(lock);
	complete(&reset->begun);
	for (i = 0; i < 2000 && !rwsem_is_contended(lock); i++)
		usleep_range(500, 1000);
	reset->waited_for = rwsem_is_contended(lock);
	ism_fake_memory(reset->fake, reset->leaves_memory);
	WRITE_ONCE(reset->fake->zdev.fh, 0x80010111);
	up_write(lock);

	kthread_complete_and_exit(&reset->done, 0);
}

static void ism_lock_access_in_a_reset(struct kunit *test,
				       struct ism_fake *fake, bool leaves_memory,
				       size_t count, ssize_t want)
{
	struct ism_kunit *ctx = test->priv;
	struct ism_lock_reset *reset;
	struct task_struct *task;

	reset = kunit_kzalloc(test, sizeof(*reset), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reset);
	reset->fake = fake;
	reset->leaves_memory = leaves_memory;
	init_completion(&reset->begun);
	init_completion(&reset->done);

	task = kthread_run(ism_lock_reset, reset, "ism_vfio_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	wait_for_completion(&reset->begun);
	KUNIT_EXPECT_EQ(test, want,
			ism_lock_access(test, fake, ctx->umem, count));
	wait_for_completion(&reset->done);
	KUNIT_EXPECT_TRUE(test, reset->waited_for);
}

/* Whether memory is enabled is asked once the lock is there, not before */
static void ism_lock_waits_for_a_reset(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);

	ism_lock_access_in_a_reset(test, fake, false, 64, -EIO);
	KUNIT_EXPECT_EQ(test, 0, fake->nr_insns);
}

/* And so is the handle: one from before the reset would be a stray */
static void ism_lock_takes_the_handle_of_a_reset(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);

	ism_lock_access_in_a_reset(test, fake, true, 8, 8);
	KUNIT_EXPECT_EQ(test, 1, fake->nr_insns);
	KUNIT_EXPECT_EQ(test, 0x80010111, fake->insns[0].fh);
}

static struct kunit_case ism_lock_tests[] = {
	KUNIT_CASE_PARAM(ism_lock_is_not_held_in_a_fault, ism_access_gen_params),
	KUNIT_CASE(ism_lock_is_dropped_between_chunks),
	KUNIT_CASE_PARAM(ism_lock_memory_decides, ism_memory_gen_params),
	KUNIT_CASE_PARAM(ism_lock_is_dropped_on_errors, ism_access_gen_params),
	KUNIT_CASE_PARAM(ism_lock_waits_for_a_reset, ism_access_gen_params),
	KUNIT_CASE_PARAM(ism_lock_takes_the_handle_of_a_reset,
			 ism_access_gen_params),
	{}
};

static struct kunit_suite ism_lock_suite = {
	.name = "ism_vfio_lock",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_lock_tests,
};

kunit_test_suite(ism_lock_suite);
