// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: error events, where the driver
 * has them because vfio-pci-core has none
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "fake.h"

#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define EVENTFD (VFIO_IRQ_SET_DATA_EVENTFD | TRIGGER)
#define BOOL (VFIO_IRQ_SET_DATA_BOOL | TRIGGER)
#define NONE (VFIO_IRQ_SET_DATA_NONE | TRIGGER)

/* ---- what a user does ------------------------------------------------------ */

/* VFIO_DEVICE_SET_IRQS of @count interrupts, with @data behind the structure */
static long ism_err_set(struct kunit *test, struct ism_fake *fake, u32 flags,
			u32 count, s32 data)
{
	struct vfio_device *vdev = &fake->ism->core.vdev;
	struct ism_kunit *ctx = test->priv;
	struct {
		struct vfio_irq_set set;
		s32 data;
	} __packed arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = flags,
			.index = VFIO_PCI_ERR_IRQ_INDEX,
			.count = count,
		},
		.data = data,
	};

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->umem, &arg, sizeof(arg)));
	return vdev->ops->ioctl(vdev, VFIO_DEVICE_SET_IRQS,
				(unsigned long)ctx->umem);
}

/* An eventfd that is there, but is no file of anybody */
static struct eventfd_ctx *ism_err_eventfd(struct kunit *test)
{
	struct eventfd_ctx *eventfd;

	/* eventfd(2) needs a table of files, which this task does not have */
	eventfd = kunit_kzalloc(test, 256, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, eventfd);
	return eventfd;
}

struct ism_err {
	struct ism_fake *fake;
	struct eventfd_ctx *eventfd;
	struct ism_probe *signal, *put;
};

/* A function with a user who listens */
static struct ism_err ism_err_listen(struct kunit *test)
{
	struct ism_err err = {
		.fake = ism_fake_bind(test, &ism_fake_default),
		.eventfd = ism_err_eventfd(test),
	};
	struct ism_probe *get;

	get = ism_probe_replace(test, eventfd_ctx_fdget, NULL,
				(long)err.eventfd);
	err.signal = ism_probe_replace(test, eventfd_signal_mask, err.eventfd, 0);
	err.put = ism_probe_replace(test, eventfd_ctx_put, err.eventfd, 0);
	KUNIT_ASSERT_EQ(test, 0, ism_err_set(test, err.fake, EVENTFD, 1, 5));
	KUNIT_ASSERT_EQ(test, 1, get->calls);
	ism_probe_end(test, get);

	return err;
}

static const struct ism_irq_case {
	const char *desc;
	u32 flags;
	u32 count;
	s32 data;
	long want;
	/* with an eventfd before: how often it is signalled, and whether it goes */
	unsigned int signals;
	bool gone;
} ism_irq_cases[] = {
	{ "eventfd -1", EVENTFD, 1, -1, .gone = true },
	{ "eventfd -2", EVENTFD, 1, -2, -EINVAL },
	{ "no eventfd", EVENTFD, 0, 5, -EINVAL },
	{ "eventfd that is none", EVENTFD, 1, 5, -EBADF },
	{ "none of none", NONE, 0, 0, .gone = true },
	{ "none of one", NONE, 1, 0, .signals = 1 },
	{ "true", BOOL, 1, 0x01000000, .signals = 1 },
	{ "false", BOOL, 1, 0 },
	{ "bool of none", BOOL, 0, 0x01000000, -EINVAL },
	{ "two", EVENTFD, 2, 5, -EINVAL },
	{ "mask", VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, 1, 0,
	  -ENOTTY },
	{ "unmask", VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, 1, 0,
	  -ENOTTY },
	{ "no data", TRIGGER, 1, 0, -EINVAL },
	{ "unknown flag", NONE | 1 << 6, 1, 0, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(ism_irq, ism_irq_cases, desc);

/* As the core answers for the interrupts that it has */
static void ism_err_irq_is_set(struct kunit *test)
{
	const struct ism_irq_case *c = test->param_value;
	struct ism_err err = ism_err_listen(test);

	ism_probe_replace(test, eventfd_ctx_fdget, NULL, -EBADF);
	KUNIT_EXPECT_EQ(test, c->want,
			ism_err_set(test, err.fake, c->flags, c->count,
				    c->data));
	KUNIT_EXPECT_EQ(test, c->signals, err.signal->calls);
	KUNIT_EXPECT_EQ(test, c->gone, err.put->calls);
	KUNIT_EXPECT_PTR_EQ(test, c->gone ? NULL : err.eventfd,
			    err.fake->ism->err_eventfd);
	err.fake->ism->err_eventfd = NULL;
}

/* Nothing to switch off, and nothing to try */
static void ism_err_irq_is_not_set(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);

	KUNIT_EXPECT_EQ(test, -EINVAL, ism_err_set(test, fake, NONE, 0, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, ism_err_set(test, fake, NONE, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, ism_err_set(test, fake, EVENTFD, 1, -1));
	KUNIT_EXPECT_EQ(test, 0, ism_err_set(test, fake, BOOL, 1, 0x01000000));
}

/* The one before is put, and not signalled any more */
static void ism_err_eventfd_is_replaced(struct kunit *test)
{
	struct ism_err err = ism_err_listen(test);
	struct eventfd_ctx *other = ism_err_eventfd(test);

	ism_probe_replace(test, eventfd_ctx_fdget, NULL, (long)other);
	KUNIT_EXPECT_EQ(test, 0, ism_err_set(test, err.fake, EVENTFD, 1, 6));
	KUNIT_EXPECT_EQ(test, 1, err.put->calls);
	KUNIT_EXPECT_PTR_EQ(test, other, err.fake->ism->err_eventfd);
	err.fake->ism->err_eventfd = NULL;
}

static void ism_err_bad_pointers(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	struct ism_kunit *ctx = test->priv;
	struct vfio_irq_set set = {
		.argsz = sizeof(set) + 4,
		.flags = EVENTFD,
		.index = VFIO_PCI_ERR_IRQ_INDEX,
		.count = 1,
	};
	char __user *end = ctx->umem + ISM_KUNIT_UMEM;

	KUNIT_EXPECT_EQ(test, -EFAULT,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_SET_IRQS,
					 (unsigned long)end));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_GET_IRQ_INFO,
					 (unsigned long)end));

	/* the eventfd's number is not there */
	end -= sizeof(set);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(end, &set, sizeof(set)));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_SET_IRQS,
					 (unsigned long)end));
}

static const struct ism_info_case {
	const char *desc;
	u32 index;
	u32 argsz;
	long want;
	u32 flags;
} ism_info_cases[] = {
	{ "error", VFIO_PCI_ERR_IRQ_INDEX, 16,
	  .flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
	{ "error, short", VFIO_PCI_ERR_IRQ_INDEX, 15, -EINVAL },
	{ "request, which is the core's", VFIO_PCI_REQ_IRQ_INDEX, 16,
	  .flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
	{ "unknown", VFIO_PCI_NUM_IRQS, 16, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(ism_info, ism_info_cases, desc);

static void ism_err_irq_info(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	const struct ism_info_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;
	struct vfio_irq_info info = { .argsz = c->argsz, .index = c->index };

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->umem, &info, sizeof(info)));
	KUNIT_EXPECT_EQ(test, c->want,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_GET_IRQ_INFO,
					 (unsigned long)ctx->umem));
	KUNIT_ASSERT_EQ(test, 0,
			copy_from_user(&info, ctx->umem, sizeof(info)));
	KUNIT_EXPECT_EQ(test, c->want ? 0 : 1, info.count);
	KUNIT_EXPECT_EQ(test, c->flags, info.flags);
}

/* What the core refuses of another interrupt, or at all, stays refused */
static void ism_err_other_ioctls_stay_refused(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	struct ism_kunit *ctx = test->priv;
	struct vfio_irq_set set = {
		.argsz = sizeof(set) + 4,
		.flags = EVENTFD,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.count = 1,
	};

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->umem, &set, sizeof(set)));
	KUNIT_ASSERT_EQ(test, 0, put_user(-1, (s32 __user *)(ctx->umem + sizeof(set))));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_SET_IRQS,
					 (unsigned long)ctx->umem));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_GET_INFO,
					 (unsigned long)ctx->umem + PAGE_SIZE));
}

static void ism_err_eventfd_goes_at_close(struct kunit *test)
{
	struct ism_err err = ism_err_listen(test);
	struct vfio_device *vdev = &err.fake->ism->core.vdev;
	struct ism_probe *close;

	close = ism_probe_replace(test, vfio_pci_core_close_device, vdev, 0);
	vdev->ops->close_device(vdev);
	KUNIT_EXPECT_EQ(test, 1, close->calls);
	KUNIT_EXPECT_EQ(test, 1, err.put->calls);
	KUNIT_EXPECT_LT(test, close->order, err.put->order);
	KUNIT_EXPECT_NULL(test, err.fake->ism->err_eventfd);
}

/* ---- what the recovery of s390 does ---------------------------------------- */

/*
 * The whole of it, as zpci_event_attempt_error_recovery() goes about it: that
 * asks for each of these handlers, and takes only some answers for a yes
 */
static void ism_err_recovery_signals_once(struct kunit *test)
{
	const struct pci_error_handlers *h = ism_vfio_pci_driver.err_handler;
	struct ism_err err = ism_err_listen(test);
	struct pci_dev *pdev = err.fake->pdev;

	KUNIT_ASSERT_NOT_NULL(test, h->error_detected);
	KUNIT_ASSERT_NOT_NULL(test, h->mmio_enabled);
	KUNIT_ASSERT_NOT_NULL(test, h->slot_reset);
	KUNIT_ASSERT_NOT_NULL(test, h->resume);

	KUNIT_EXPECT_TRUE(test,
			  h->error_detected(pdev, pci_channel_io_frozen) ==
			  PCI_ERS_RESULT_CAN_RECOVER);
	KUNIT_EXPECT_TRUE(test,
			  h->mmio_enabled(pdev) == PCI_ERS_RESULT_RECOVERED);
	KUNIT_EXPECT_TRUE(test,
			  h->slot_reset(pdev) == PCI_ERS_RESULT_RECOVERED);
	KUNIT_EXPECT_EQ(test, 0, err.signal->calls);
	h->resume(pdev);
	KUNIT_EXPECT_EQ(test, 1, err.signal->calls);
	err.fake->ism->err_eventfd = NULL;
}

/* Without a recovery, or after one that failed, there is no resume */
static void ism_err_failure_signals_once(struct kunit *test)
{
	const struct pci_error_handlers *h = ism_vfio_pci_driver.err_handler;
	struct ism_err err = ism_err_listen(test);

	h->error_detected(err.fake->pdev, pci_channel_io_perm_failure);
	KUNIT_EXPECT_EQ(test, 1, err.signal->calls);
	err.fake->ism->err_eventfd = NULL;
}

/* Of a PCIe function the core has the eventfd: it is told first, and of both */
static void ism_err_core_is_told(struct kunit *test)
{
	const struct pci_error_handlers *h = ism_vfio_pci_driver.err_handler;
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_probe *core;

	core = ism_probe_watch(test, vfio_pci_core_aer_err_detected, fake->pdev);
	h->error_detected(fake->pdev, pci_channel_io_frozen);
	h->error_detected(fake->pdev, pci_channel_io_perm_failure);
	KUNIT_EXPECT_EQ(test, 2, core->calls);
}

/* And a driver without a user recovers it all the same */
static void ism_err_nobody_listens(struct kunit *test)
{
	const struct pci_error_handlers *h = ism_vfio_pci_driver.err_handler;
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_probe *signal;

	signal = ism_probe_watch(test, eventfd_signal_mask, NULL);
	h->error_detected(fake->pdev, pci_channel_io_perm_failure);
	h->resume(fake->pdev);
	KUNIT_EXPECT_EQ(test, 0, signal->calls);
}

static struct kunit_case ism_err_tests[] = {
	KUNIT_CASE_PARAM(ism_err_irq_is_set, ism_irq_gen_params),
	KUNIT_CASE(ism_err_irq_is_not_set),
	KUNIT_CASE(ism_err_eventfd_is_replaced),
	KUNIT_CASE(ism_err_bad_pointers),
	KUNIT_CASE_PARAM(ism_err_irq_info, ism_info_gen_params),
	KUNIT_CASE(ism_err_other_ioctls_stay_refused),
	KUNIT_CASE(ism_err_eventfd_goes_at_close),
	KUNIT_CASE(ism_err_recovery_signals_once),
	KUNIT_CASE(ism_err_failure_signals_once),
	KUNIT_CASE(ism_err_core_is_told),
	KUNIT_CASE(ism_err_nobody_listens),
	{}
};

static int ism_err_init(struct kunit *test)
{
#ifdef HAS_VFIO_DEVICE_FEATURE_ZPCI_ERROR
	kunit_skip(test, "vfio-pci-core has error events");
#endif
	return ism_kunit_init(test);
}

static struct kunit_suite ism_err_suite = {
	.name = "ism_vfio_err",
	.init = ism_err_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_err_tests,
};

kunit_test_suite(ism_err_suite);
