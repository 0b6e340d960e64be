/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KUnit suites of the vfio-pci driver for ISM: a function that is not there
 */
#ifndef ISM_VFIO_KUNIT_FAKE_H
#define ISM_VFIO_KUNIT_FAKE_H

#include <kunit/test.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/vfio_pci_core.h>

#include "../ism_vfio.h"

/* A record is kept of so many instructions; the rest is only counted */
#define ISM_FAKE_RECORDS 2048

enum ism_fake_kind {
	ISM_FAKE_PCILG,
	ISM_FAKE_PCISTB,
};

/**
 * struct ism_fake_insn - an instruction that reached a function
 * @kind: which one
 * @fh: function handle that it named
 * @bar: BAR, called an address space by the instruction
 * @offset: in @bar
 * @len: in bytes
 */
struct ism_fake_insn {
	enum ism_fake_kind kind;
	u32 fh;
	unsigned int bar;
	u64 offset;
	unsigned int len;
};

/**
 * struct ism_fake_spec - what a function is like
 * @fid: function id
 * @fh: function handle, by which instructions find it
 * @maxstbl: maximum store block length
 * @bar: sizes of its BARs
 */
struct ism_fake_spec {
	u32 fid;
	u32 fh;
	u16 maxstbl;
	u64 bar[PCI_STD_NUM_BARS];
};

/**
 * struct ism_fake - a zPCI function that is not there
 * @list: entry in the test's list of functions
 * @zdev: what zPCI keeps of it
 * @zbus: its bus, which leads from the PCI function to @zdev
 * @pdev: its PCI function
 * @ism: the device under test, once it is bound
 * @vconfig: config space as the user sees it
 * @config_map: for vfio-pci-core; all zero: each byte is of the header
 * @nr_insns: number of instructions that reached it
 * @insns: the first of them
 * @stored: operand of the latest PCISTB
 * @operand: where that lay
 * @unruly: number of instructions that no driver may give
 * @good: number of instructions that it does before it answers with @error
 * @error: what it answers then
 * @hook: called on each instruction, with the number of those before it
 */
struct ism_fake {
	struct list_head list;
	struct zpci_dev zdev;
	struct zpci_bus zbus;
	struct pci_dev *pdev;
	struct ism_vfio_device *ism;
	u8 vconfig[PCI_CFG_SPACE_SIZE] __aligned(4);
	u8 config_map[PCI_CFG_SPACE_SIZE];

	unsigned int nr_insns;
	struct ism_fake_insn insns[ISM_FAKE_RECORDS];
	u8 stored[SZ_8K];
	const void *operand;
	unsigned int unruly;

	unsigned int good;
	int error;
	void (*hook)(struct ism_fake *fake, unsigned int nr);
};

/**
 * struct ism_kunit - what each test has, in test->priv
 * @fakes: its functions
 * @strays: number of instructions that named none of them
 * @umem: user memory of ISM_KUNIT_UMEM bytes, with none before and behind it
 * @kmem: a copy of it
 */
struct ism_kunit {
	struct list_head fakes;
	unsigned int strays;
	char __user *umem;
	u8 *kmem;
};

#define ISM_KUNIT_UMEM (8 * PAGE_SIZE)

int ism_kunit_init(struct kunit *test);
void ism_kunit_exit(struct kunit *test);

/* The function of the suites' cases, unless they say otherwise */
extern const struct ism_fake_spec ism_fake_default;

struct ism_fake *ism_fake_add(struct kunit *test,
			      const struct ism_fake_spec *spec);
struct ism_fake *ism_fake_bind(struct kunit *test,
			       const struct ism_fake_spec *spec);
void ism_fake_attach(struct ism_fake *fake, struct ism_vfio_device *ism);
void ism_fake_close(struct ism_vfio_device *ism);
void ism_fake_remove(void *ism);
void ism_fake_memory(struct ism_fake *fake, bool on);
void ism_fake_forget(struct ism_fake *fake);
u8 ism_fake_byte(unsigned int bar, u64 offset);

/* As pread() and pwrite(); a position that does not fit fails the test */
ssize_t ism_kunit_read(struct kunit *test, struct ism_fake *fake, u64 pos,
		       char __user *buf, size_t count);
ssize_t ism_kunit_write(struct kunit *test, struct ism_fake *fake, u64 pos,
			const char __user *buf, size_t count);
void ism_kunit_fill(struct kunit *test, u8 salt);

#define ISM_KUNIT_READ true
#define ISM_KUNIT_WRITE false

/* Each of these is one call of the driver and all that it must have led to */
void ism_expect_read(struct kunit *test, struct ism_fake *fake, u64 pos,
		     size_t count, size_t want);
void ism_expect_write(struct kunit *test, struct ism_fake *fake, u64 pos,
		      size_t count, size_t want);
void ism_expect_refused(struct kunit *test, struct ism_fake *fake, bool read,
			u64 pos, size_t count, ssize_t want);

/**
 * struct ism_probe - a function of the kernel, watched or replaced
 * @kp: the kprobe on it
 * @task: the test, whose calls alone count
 * @arg: first argument that alone counts, if it is not 0
 * @calls: number of calls
 * @order: when the latest call was, among all those of watched functions
 * @replace: whether the function returns @result without being entered
 * @result: what it returns then
 * @see: looks at the arguments of a call
 */
struct ism_probe {
	struct kprobe kp;
	struct task_struct *task;
	unsigned long arg;
	unsigned int calls;
	unsigned int order;
	bool replace;
	unsigned long result;
	void (*see)(struct ism_probe *probe, struct pt_regs *regs);
};

/* One of the first five arguments of a function that is being entered */
static inline unsigned long ism_probe_arg(struct pt_regs *regs, unsigned int nr)
{
	return regs->gprs[2 + nr];
}

struct ism_probe *ism_probe_watch(struct kunit *test, void *function,
				  const void *arg);
struct ism_probe *ism_probe_replace(struct kunit *test, void *function,
				    const void *arg, long result);
void ism_probe_end(struct kunit *test, struct ism_probe *probe);

#endif /* ISM_VFIO_KUNIT_FAKE_H */
