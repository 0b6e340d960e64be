// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: functions of the kernel that are
 * watched, or replaced
 *
 * What the driver asks of slab and of vfio-pci-core, and what it does when they
 * fail, is seen without a seam in the driver. Only calls by the test itself
 * count: all others go on as ever.
 */
#include <linux/kprobes.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

#include "fake.h"

static atomic_t ism_probe_order;

static int ism_probe_hit(struct kprobe *kp, struct pt_regs *regs)
{
	struct ism_probe *probe = container_of(kp, struct ism_probe, kp);

	if (current != probe->task)
		return 0;
	if (probe->arg && probe->arg != ism_probe_arg(regs, 0))
		return 0;

	probe->calls++;
	probe->order = atomic_inc_return(&ism_probe_order);
	if (probe->see)
		probe->see(probe, regs);
	if (!probe->replace)
		return 0;

	/* Back to the caller, as if the function had returned */
	regs_set_return_value(regs, probe->result);
	instruction_pointer_set(regs, regs->gprs[14]);
	return 1;
}
NOKPROBE_SYMBOL(ism_probe_hit);

/*
 * Where to watch a function. QEMU's TCG does not stop a single step behind a
 * compare-and-branch that does not branch, and that is how gcc begins a
 * function with nothing to do for NULL. The arguments are still there behind it.
 */
static kprobe_opcode_t *ism_probe_behind_branch(kprobe_opcode_t *insn)
{
	while (insn[0] >> 8 == 0xec && (insn[2] & 0xe4) == 0x64)
		insn += 3;

	return insn;
}

static void ism_probe_unregister(void *probe)
{
	unregister_kprobe(&((struct ism_probe *)probe)->kp);
}

static struct ism_probe *ism_probe_begin(struct kunit *test, void *function,
					 const void *arg, bool replace,
					 unsigned long result)
{
	struct ism_probe *probe;

	probe = kunit_kzalloc(test, sizeof(*probe), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, probe);
	probe->kp.addr = replace ? function : ism_probe_behind_branch(function);
	probe->kp.pre_handler = ism_probe_hit;
	probe->task = current;
	probe->arg = (unsigned long)arg;
	probe->replace = replace;
	probe->result = result;

	KUNIT_ASSERT_EQ(test, 0, register_kprobe(&probe->kp));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, ism_probe_unregister,
						  probe));
	return probe;
}

/* Count the calls of a function: those with @arg, or all if it is NULL */
struct ism_probe *ism_probe_watch(struct kunit *test, void *function,
				  const void *arg)
{
	return ism_probe_begin(test, function, arg, false, 0);
}

/* The same, and they return @result without the function being entered */
struct ism_probe *ism_probe_replace(struct kunit *test, void *function,
				    const void *arg, long result)
{
	return ism_probe_begin(test, function, arg, true, result);
}

/* Not at the end of the test, but now; what was counted stays */
void ism_probe_end(struct kunit *test, struct ism_probe *probe)
{
	kunit_release_action(test, ism_probe_unregister, probe);
}
