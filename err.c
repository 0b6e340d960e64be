// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci driver for ISM: error events, where vfio-pci-core has none of them
 *
 * Before Linux 7.3 vfio-pci-core offers VFIO_PCI_ERR_IRQ_INDEX to PCIe functions
 * only, which ISM is not, and the recovery of s390 gives up a function whose
 * driver has no slot_reset and resume. So here are that interrupt and the
 * handlers that the recovery asks for. From 7.3 on both are the core's, and this
 * file is not built.
 *
 * Where a KVM guest has the function, the recovery calls no driver: the
 * interrupt is offered there, too, but nothing triggers it.
 */

#include <linux/cleanup.h>
#include <linux/eventfd.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>

#include "err.h"
#include "ism_vfio.h"

#ifdef VFIO_DEVICE_FEATURE_ZPCI_ERROR
#error "vfio-pci-core has error events, but Kbuild did not see it"
#endif

/*
 * Protects err_eventfd of all functions. Nothing is taken under it, for the
 * handlers run in the one thread that has all channel reports of the machine
 * to deal with, and hold the lock of the PCI function.
 */
static DEFINE_SPINLOCK(ism_vfio_err_lock);

/* ---- what the recovery of s390 calls --------------------------------------- */

/* Returns false if nobody listens */
static bool ism_vfio_err_signal(struct ism_vfio_device *ism)
{
	bool listens = false;

	scoped_guard(spinlock, &ism_vfio_err_lock) {
		listens = ism->err_eventfd;
		if (listens)
			eventfd_signal(ism->err_eventfd);
	}

	return listens;
}

static struct ism_vfio_device *ism_vfio_err_device(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	return container_of(core, struct ism_vfio_device, core);
}

/* The user is told at the end: of the recovery, or of all hope for one */
static pci_ers_result_t ism_vfio_err_detected(struct pci_dev *pdev,
					      pci_channel_state_t state)
{
	if (state == pci_channel_io_perm_failure)
		ism_vfio_err_signal(ism_vfio_err_device(pdev));

	/* For PCIe functions, whose interrupt is the core's */
	return vfio_pci_core_aer_err_detected(pdev, state);
}

/*
 * Nothing needs to be done to the function: it is the user who resets it, and
 * only that brings its MSI back. PCI_ERS_RESULT_NONE would end the recovery.
 */
static pci_ers_result_t ism_vfio_err_recovered(struct pci_dev *pdev)
{
	return PCI_ERS_RESULT_RECOVERED;
}

static void ism_vfio_err_resume(struct pci_dev *pdev)
{
	ism_vfio_err_signal(ism_vfio_err_device(pdev));
}

const struct pci_error_handlers ism_vfio_err_handlers = {
	.error_detected	= ism_vfio_err_detected,
	.mmio_enabled	= ism_vfio_err_recovered,
	.slot_reset	= ism_vfio_err_recovered,
	.resume		= ism_vfio_err_resume,
};

/* ---- what the user calls --------------------------------------------------- */

static void ism_vfio_err_replace(struct ism_vfio_device *ism,
				 struct eventfd_ctx *eventfd)
{
	scoped_guard(spinlock, &ism_vfio_err_lock)
		swap(ism->err_eventfd, eventfd);

	if (eventfd)
		eventfd_ctx_put(eventfd);
}

static int ism_vfio_err_set_eventfd(struct ism_vfio_device *ism, int fd)
{
	struct eventfd_ctx *eventfd = NULL;

	if (fd < -1)
		return -EINVAL;
	if (fd >= 0)
		eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	ism_vfio_err_replace(ism, eventfd);
	return 0;
}

/* Mirrors vfio_pci_set_ctx_trigger_single() of vfio-pci-core */
static int ism_vfio_err_trigger(struct ism_vfio_device *ism,
				const struct vfio_irq_set *set, int fd, u8 trigger)
{
	switch (set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		if (set->count)
			return ism_vfio_err_signal(ism) ? 0 : -EINVAL;
		if (!READ_ONCE(ism->err_eventfd))
			return -EINVAL;
		return ism_vfio_err_set_eventfd(ism, -1);
	case VFIO_IRQ_SET_DATA_BOOL:
		if (!set->count)
			return -EINVAL;
		if (trigger)
			ism_vfio_err_signal(ism);
		return 0;
	default: /* VFIO_IRQ_SET_DATA_EVENTFD */
		return set->count ? ism_vfio_err_set_eventfd(ism, fd) : -EINVAL;
	}
}

static long ism_vfio_err_set_irqs(struct ism_vfio_device *ism, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	union { s32 fd; u8 trigger; } data = {};
	struct vfio_irq_set set;
	size_t size;
	int ret;

	if (copy_from_user(&set, arg, minsz))
		return -EFAULT;
	/* The user may have changed it since the core read it */
	if (set.index != VFIO_PCI_ERR_IRQ_INDEX)
		return -EINVAL;

	ret = vfio_set_irqs_validate_and_prepare(&set, 1, VFIO_PCI_NUM_IRQS,
						 &size);
	if (ret)
		return ret;
	if (copy_from_user(&data, arg + minsz, min(size, sizeof(data))))
		return -EFAULT;

	if ((set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) !=
	    VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;

	return ism_vfio_err_trigger(ism, &set, data.fd, data.trigger);
}

static long ism_vfio_err_irq_info(void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index != VFIO_PCI_ERR_IRQ_INDEX)
		return -EINVAL;

	info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	info.count = 1;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

/*
 * The core is asked first: where it has the interrupt, it keeps it. Where it has
 * none, its answer is -EINVAL.
 */
long ism_vfio_err_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			unsigned long arg)
{
	struct ism_vfio_device *ism =
		container_of(core_vdev, struct ism_vfio_device, core.vdev);
	long ret = vfio_pci_core_ioctl(core_vdev, cmd, arg);

	if (ret != -EINVAL)
		return ret;

	switch (cmd) {
	case VFIO_DEVICE_GET_IRQ_INFO:
		return ism_vfio_err_irq_info((void __user *)arg);
	case VFIO_DEVICE_SET_IRQS:
		return ism_vfio_err_set_irqs(ism, (void __user *)arg);
	default:
		return ret;
	}
}

void ism_vfio_err_close_device(struct vfio_device *core_vdev)
{
	struct ism_vfio_device *ism =
		container_of(core_vdev, struct ism_vfio_device, core.vdev);

	vfio_pci_core_close_device(core_vdev);
	ism_vfio_err_replace(ism, NULL);
}
