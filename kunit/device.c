// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: ioctls, probe and remove, and
 * what the driver is to PCI, to vfio and in sysfs
 */
#include <kunit/static_stub.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include <asm/pci_insn.h>

#include "fake.h"

/* ---- ioctls --------------------------------------------------------------- */

/* Arguments of the latest call that reached vfio-pci-core */
static unsigned long ism_device_args[4];

static void ism_device_see(struct ism_probe *probe, struct pt_regs *regs)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ism_device_args); i++)
		ism_device_args[i] = ism_probe_arg(regs, i);
}

static const struct ism_ioctl_case {
	const char *desc;
	unsigned int cmd;
	bool core;
} ism_ioctl_cases[] = {
	{ "GET_INFO", VFIO_DEVICE_GET_INFO, true },
	{ "GET_IRQ_INFO", VFIO_DEVICE_GET_IRQ_INFO, true },
	{ "SET_IRQS", VFIO_DEVICE_SET_IRQS, true },
	{ "RESET", VFIO_DEVICE_RESET, true },
	{ "GET_PCI_HOT_RESET_INFO", VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, true },
	{ "PCI_HOT_RESET", VFIO_DEVICE_PCI_HOT_RESET, true },
	{ "IOEVENTFD", VFIO_DEVICE_IOEVENTFD, false },
	{ "one that nobody knows", _IO(VFIO_TYPE, VFIO_BASE + 99), true },
};

KUNIT_ARRAY_PARAM_DESC(ism_ioctl, ism_ioctl_cases, desc);

static void ism_device_ioctl(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	const struct ism_ioctl_case *c = test->param_value;
	struct ism_probe *core;

	core = ism_probe_replace(test, vfio_pci_core_ioctl, vdev, -EBADE);
	core->see = ism_device_see;
	KUNIT_EXPECT_EQ(test, c->core ? -EBADE : -ENOTTY,
			vdev->ops->ioctl(vdev, c->cmd, 0x1234));
	KUNIT_EXPECT_EQ(test, c->core, core->calls);
	if (!c->core)
		return;
	KUNIT_EXPECT_EQ(test, (unsigned long)vdev, ism_device_args[0]);
	KUNIT_EXPECT_EQ(test, c->cmd, ism_device_args[1]);
	KUNIT_EXPECT_EQ(test, 0x1234, ism_device_args[2]);
}

/* And with nothing replaced */
static void ism_device_ioctl_of_core(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	struct ism_kunit *ctx = test->priv;
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_REQ_IRQ_INDEX,
	};

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->umem, &info, sizeof(info)));
	KUNIT_EXPECT_EQ(test, 0,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_GET_IRQ_INFO,
					 (unsigned long)ctx->umem));
	KUNIT_ASSERT_EQ(test, 0,
			copy_from_user(&info, ctx->umem, sizeof(info)));
	KUNIT_EXPECT_EQ(test, 1, info.count);
	KUNIT_EXPECT_EQ(test, -ENOTTY,
			vdev->ops->ioctl(vdev, VFIO_DEVICE_IOEVENTFD,
					 (unsigned long)ctx->umem));
}

static const struct ism_feature_case {
	const char *desc;
	u32 feature;
	bool core;
} ism_feature_cases[] = {
	{ "PCI_VF_TOKEN", VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, true },
	{ "MIGRATION", VFIO_DEVICE_FEATURE_MIGRATION, true },
	{ "LOW_POWER_ENTRY", VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, false },
	{ "LOW_POWER_ENTRY_WITH_WAKEUP",
	  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP, false },
	{ "LOW_POWER_EXIT", VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, false },
	{ "BUS_MASTER", VFIO_DEVICE_FEATURE_BUS_MASTER, true },
	{ "number 11", 11, true },
	{ "number 12", 12, true },
	{ "ZPCI_ERROR", 13, true },
	{ "number 14", 14, true },
	{ "one that nobody knows", 0xfff0, true },
};

KUNIT_ARRAY_PARAM_DESC(ism_feature, ism_feature_cases, desc);

static void ism_device_feature(struct kunit *test)
{
	static const u32 flags[] = {
		VFIO_DEVICE_FEATURE_GET,
		VFIO_DEVICE_FEATURE_SET,
		VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET,
	};
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	const struct ism_feature_case *c = test->param_value;
	struct ism_kunit *ctx = test->priv;
	struct ism_probe *core;
	unsigned int i;

	core = ism_probe_replace(test, vfio_pci_core_ioctl_feature, vdev,
				 -EBADE);
	core->see = ism_device_see;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		KUNIT_EXPECT_EQ(test, c->core ? -EBADE : -ENOTTY,
				vdev->ops->device_feature(vdev,
							  flags[i] | c->feature,
							  ctx->umem, 24));
		if (!c->core)
			continue;
		KUNIT_EXPECT_EQ(test, (unsigned long)vdev, ism_device_args[0]);
		KUNIT_EXPECT_EQ(test, flags[i] | c->feature,
				ism_device_args[1]);
		KUNIT_EXPECT_EQ(test, (unsigned long)ctx->umem,
				ism_device_args[2]);
		KUNIT_EXPECT_EQ(test, 24, ism_device_args[3]);
	}
	KUNIT_EXPECT_EQ(test, c->core ? ARRAY_SIZE(flags) : 0, core->calls);
}

/* ---- open ----------------------------------------------------------------- */

static const struct ism_open_case {
	const char *desc;
	int enable;
} ism_open_cases[] = {
	{ "enabled", 0 },
	{ "cannot be enabled", -EBADE },
};

KUNIT_ARRAY_PARAM_DESC(ism_open, ism_open_cases, desc);

static void ism_device_open(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct vfio_device *vdev = &fake->ism->core.vdev;
	const struct ism_open_case *c = test->param_value;
	struct ism_probe *enable, *finish;

	enable = ism_probe_replace(test, vfio_pci_core_enable,
				   &fake->ism->core, c->enable);
	finish = ism_probe_replace(test, vfio_pci_core_finish_enable,
				   &fake->ism->core, 0);
	KUNIT_EXPECT_EQ(test, c->enable, vdev->ops->open_device(vdev));
	KUNIT_EXPECT_EQ(test, 1, enable->calls);
	KUNIT_EXPECT_EQ(test, c->enable ? 0 : 1, finish->calls);
	if (!c->enable)
		KUNIT_EXPECT_LT(test, enable->order, finish->order);
}

/* ---- the instructions ------------------------------------------------------ */

/*
 * With no stub they are the machine's, for a handle that no function has:
 * condition code 3, or an exception where the machine has no PCI
 */
static void ism_device_instructions_are_real(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_bind(test, &ism_fake_default);
	struct ism_kunit *ctx = test->priv;
	ssize_t ret;

	kunit_deactivate_static_stub(test, __zpci_load);
	kunit_deactivate_static_stub(test, __zpci_store_block);
	fake->zdev.fh = 0;
	ret = ism_kunit_read(test, fake, 0, ctx->umem, 8);
	KUNIT_EXPECT_TRUE(test, ret == -EIO || ret == -ENXIO);
	ret = ism_kunit_write(test, fake, 0, ctx->umem, 8);
	KUNIT_EXPECT_TRUE(test, ret == -EIO || ret == -ENXIO);
	KUNIT_EXPECT_EQ(test, 0, fake->nr_insns);
}

/* ---- probe and remove ----------------------------------------------------- */

/* Format of the latest message about a device */
static const char *ism_device_message;

static void ism_device_see_message(struct ism_probe *probe, struct pt_regs *regs)
{
	ism_device_message = (const char *)ism_probe_arg(regs, 1);
}

/* Count messages about this function, and keep them out of the log */
static struct ism_probe *ism_device_hush(struct kunit *test,
					 struct ism_fake *fake, void *function)
{
	struct ism_probe *probe;

	ism_device_message = "";
	probe = ism_probe_replace(test, function, &fake->pdev->dev, 0);
	probe->see = ism_device_see_message;
	return probe;
}

static const struct ism_refusal_case {
	const char *desc;
	u16 maxstbl;
	u64 bar[PCI_STD_NUM_BARS];
	const char *message;
} ism_refusal_cases[] = {
	{ "maxstbl 0", 0, { BIT_ULL(48) }, "maximum store block length is 0" },
	{ "BAR0 too large", 4096, { BIT_ULL(48) + 1 }, "larger than" },
	{ "BAR1 too large", 4096, { [1] = BIT_ULL(49) }, "larger than" },
	{ "BAR2 too large", 4096, { [2] = BIT_ULL(48) + 1 }, "larger than" },
	{ "BAR3 too large", 4096, { [3] = BIT_ULL(50) }, "larger than" },
	{ "BAR4 too large", 4096, { [4] = BIT_ULL(48) + 1 }, "larger than" },
	{ "BAR5 too large", 4096, { SZ_4K, [5] = BIT_ULL(48) + 1 },
	  "larger than" },
};

KUNIT_ARRAY_PARAM_DESC(ism_refusal, ism_refusal_cases, desc);

/* Refused with a reason, before there is anything to undo */
static void ism_device_probe_refuses(struct kunit *test)
{
	const struct ism_refusal_case *c = test->param_value;
	struct ism_fake_spec spec = ism_fake_default;
	struct ism_probe *error, *init;
	struct ism_fake *fake;

	spec.maxstbl = c->maxstbl;
	memcpy(spec.bar, c->bar, sizeof(spec.bar));
	fake = ism_fake_add(test, &spec);
	error = ism_device_hush(test, fake, (void *)_dev_err);
	init = ism_probe_watch(test, vfio_pci_core_init_dev, NULL);

	KUNIT_EXPECT_EQ(test, -EINVAL,
			ism_vfio_pci_driver.probe(fake->pdev, NULL));
	KUNIT_EXPECT_EQ(test, 1, error->calls);
	KUNIT_EXPECT_NOT_NULL(test, strstr(ism_device_message, c->message));
	KUNIT_EXPECT_EQ(test, 0, init->calls);
	KUNIT_EXPECT_NULL(test, dev_get_drvdata(&fake->pdev->dev));
}

static void ism_device_probe_without_memory(struct kunit *test)
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

/* Review: the device is put on every path of probe that fails */
static void ism_device_probe_undoes(struct kunit *test)
{
	struct ism_fake *fake = ism_fake_add(test, &ism_fake_default);
	struct ism_probe *add, *destroy, *release;

	add = ism_probe_replace(test, vfio_pci_core_register_device, NULL, -EBADE);
	destroy = ism_probe_watch(test, kmem_cache_destroy, NULL);
	release = ism_probe_watch(test, vfio_pci_core_release_dev, NULL);
	KUNIT_EXPECT_EQ(test, -EBADE,
			ism_vfio_pci_driver.probe(fake->pdev, NULL));
	KUNIT_EXPECT_EQ(test, 1, add->calls);
	KUNIT_EXPECT_EQ(test, 1, destroy->calls);
	KUNIT_EXPECT_EQ(test, 1, release->calls);
}

static void ism_device_show_maxstbl(struct kunit *test, struct ism_fake *fake)
{
	const struct attribute_group *group = ism_vfio_pci_driver.dev_groups[0];
	struct device_attribute *attr;
	char *page;

	KUNIT_ASSERT_NOT_NULL(test, group);
	KUNIT_EXPECT_STREQ(test, "ism_vfio", group->name);
	KUNIT_ASSERT_NOT_NULL(test, group->attrs[0]);
	KUNIT_EXPECT_STREQ(test, "maxstbl", group->attrs[0]->name);
	KUNIT_EXPECT_EQ(test, 0444, group->attrs[0]->mode);
	KUNIT_EXPECT_NULL(test, group->attrs[1]);
	KUNIT_EXPECT_NULL(test, ism_vfio_pci_driver.dev_groups[1]);

	page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	attr = container_of(group->attrs[0], struct device_attribute, attr);
	KUNIT_EXPECT_EQ(test, 4, attr->show(&fake->pdev->dev, attr, page));
	KUNIT_EXPECT_STREQ(test, "128\n", page);
}

static const struct ism_probe_case {
	const char *desc;
	u16 vendor;
	u16 device;
	bool other_functions;
	int want;
} ism_probe_cases[] = {
	{ "ISM", PCI_VENDOR_ID_IBM, 0x04ed },
	{ "another function of IBM's", PCI_VENDOR_ID_IBM, 0x044b,
	  .want = -ENODEV },
	{ "that device number of another's", PCI_VENDOR_ID_REDHAT, 0x04ed,
	  .want = -ENODEV },
	{ "another function, when it is asked for", PCI_VENDOR_ID_REDHAT, 0x10,
	  .other_functions = true },
};

KUNIT_ARRAY_PARAM_DESC(ism_probe, ism_probe_cases, desc);

static void ism_device_isms_only(void *other_functions)
{
	ism_vfio_other_functions = other_functions;
}

/* ISM functions, and others only if the module's parameter lets them in */
static void ism_device_probe_wants_ism(struct kunit *test)
{
	const struct ism_probe_case *c = test->param_value;
	void *before = (void *)(unsigned long)ism_vfio_other_functions;
	struct ism_fake *fake = ism_fake_add(test, &ism_fake_default);
	struct ism_probe *error, *add;
	struct vfio_pci_core_device *core;

	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, ism_device_isms_only,
						  before));
	ism_vfio_other_functions = c->other_functions;
	fake->pdev->vendor = c->vendor;
	fake->pdev->device = c->device;
	error = ism_device_hush(test, fake, (void *)_dev_err);
	add = ism_probe_replace(test, vfio_pci_core_register_device, NULL, 0);

	KUNIT_EXPECT_EQ(test, c->want,
			ism_vfio_pci_driver.probe(fake->pdev, NULL));
	KUNIT_EXPECT_EQ(test, c->want ? 1 : 0, error->calls);
	KUNIT_EXPECT_EQ(test, c->want ? 0 : 1, add->calls);
	core = dev_get_drvdata(&fake->pdev->dev);
	if (core)
		ism_fake_remove(container_of(core, struct ism_vfio_device, core));
}

/*
 * A whole life. The cache goes when nobody has the device open any more, and
 * before the device, whose last reference somebody else may put later.
 */
static void ism_device_probe_and_remove(struct kunit *test)
{
	struct ism_probe *add, *del, *destroy, *release;
	struct ism_fake_spec spec = ism_fake_default;
	struct ism_vfio_device *ism;
	struct ism_fake *fake;

	spec.maxstbl = 128;
	fake = ism_fake_add(test, &spec);
	add = ism_probe_replace(test, vfio_pci_core_register_device, NULL, 0);
	del = ism_probe_replace(test, vfio_pci_core_unregister_device, NULL, 0);

	KUNIT_ASSERT_EQ(test, 0, ism_vfio_pci_driver.probe(fake->pdev, NULL));
	KUNIT_EXPECT_EQ(test, 1, add->calls);
	KUNIT_ASSERT_NOT_NULL(test, dev_get_drvdata(&fake->pdev->dev));
	ism = container_of(dev_get_drvdata(&fake->pdev->dev),
			   struct ism_vfio_device, core);
	KUNIT_EXPECT_PTR_EQ(test, &ism_vfio_ops, ism->core.vdev.ops);
	KUNIT_EXPECT_PTR_EQ(test, fake->pdev, ism->core.pdev);
	ism_device_show_maxstbl(test, fake);

	destroy = ism_probe_watch(test, kmem_cache_destroy, ism->store_blocks);
	release = ism_probe_watch(test, vfio_pci_core_release_dev,
				  &ism->core.vdev);
	get_device(&ism->core.vdev.device);
	ism_vfio_pci_driver.remove(fake->pdev);
	KUNIT_EXPECT_EQ(test, 1, del->calls);
	KUNIT_EXPECT_EQ(test, 1, destroy->calls);
	KUNIT_EXPECT_LT(test, del->order, destroy->order);
	KUNIT_EXPECT_EQ(test, 0, release->calls);

	vfio_put_device(&ism->core.vdev);
	KUNIT_EXPECT_EQ(test, 1, destroy->calls);
	KUNIT_EXPECT_EQ(test, 1, release->calls);
}

/* ---- what the driver is --------------------------------------------------- */

/* Binds by driver_override alone; libvirt's alias comes from override_only */
static void ism_device_is_a_vfio_pci_driver(struct kunit *test)
{
	const struct pci_device_id *id = ism_vfio_pci_driver.id_table;

	KUNIT_EXPECT_STREQ(test, "ism_vfio_pci", ism_vfio_pci_driver.name);
	KUNIT_EXPECT_EQ(test, PCI_VENDOR_ID_IBM, id[0].vendor);
	KUNIT_EXPECT_EQ(test, 0x04ed, id[0].device);
	KUNIT_EXPECT_EQ(test, PCI_ID_F_VFIO_DRIVER_OVERRIDE,
			id[0].override_only);
	KUNIT_EXPECT_EQ(test, 0, id[1].vendor);
	KUNIT_EXPECT_TRUE(test, ism_vfio_pci_driver.driver_managed_dma);
}

/* Review: without them an error of the function would not reach the user */
static void ism_device_has_error_handlers(struct kunit *test)
{
	const struct pci_error_handlers *handlers =
		ism_vfio_pci_driver.err_handler;

	KUNIT_ASSERT_NOT_NULL(test, handlers);
	KUNIT_EXPECT_NOT_NULL(test, handlers->error_detected);
#ifdef HAS_VFIO_DEVICE_FEATURE_ZPCI_ERROR
	KUNIT_EXPECT_PTR_EQ(test, &vfio_pci_core_err_handlers, handlers);
#endif
}

/* Review: group and container, and iommufd */
static void ism_device_knows_iommufd(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, "ism_vfio_pci", ism_vfio_ops.name);
	KUNIT_EXPECT_TRUE(test, ism_vfio_ops.bind_iommufd ==
				vfio_iommufd_physical_bind);
	KUNIT_EXPECT_TRUE(test, ism_vfio_ops.unbind_iommufd ==
				vfio_iommufd_physical_unbind);
	KUNIT_EXPECT_TRUE(test, ism_vfio_ops.attach_ioas ==
				vfio_iommufd_physical_attach_ioas);
	KUNIT_EXPECT_TRUE(test, ism_vfio_ops.detach_ioas ==
				vfio_iommufd_physical_detach_ioas);
}

/* All else is vfio-pci-core's, straight */
static void ism_device_leaves_the_rest_to_core(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, ism_vfio_ops.request == vfio_pci_core_request);
	KUNIT_EXPECT_TRUE(test, ism_vfio_ops.match == vfio_pci_core_match);
	/* vfio itself calls it: a module that is gone must not be what it calls */
	KUNIT_EXPECT_TRUE(test,
			  ism_vfio_ops.release == vfio_pci_core_release_dev);
#ifdef HAS_match_token_uuid
	KUNIT_EXPECT_TRUE(test, ism_vfio_ops.match_token_uuid ==
				vfio_pci_core_match_token_uuid);
#endif
	KUNIT_EXPECT_NULL(test, ism_vfio_ops.mmap);
}

static struct kunit_case ism_device_tests[] = {
	KUNIT_CASE_PARAM(ism_device_ioctl, ism_ioctl_gen_params),
	KUNIT_CASE(ism_device_ioctl_of_core),
	KUNIT_CASE_PARAM(ism_device_feature, ism_feature_gen_params),
	KUNIT_CASE_PARAM(ism_device_open, ism_open_gen_params),
	KUNIT_CASE(ism_device_instructions_are_real),
	KUNIT_CASE_PARAM(ism_device_probe_refuses, ism_refusal_gen_params),
	KUNIT_CASE(ism_device_probe_without_memory),
	KUNIT_CASE(ism_device_probe_undoes),
	KUNIT_CASE_PARAM(ism_device_probe_wants_ism, ism_probe_gen_params),
	KUNIT_CASE(ism_device_probe_and_remove),
	KUNIT_CASE(ism_device_is_a_vfio_pci_driver),
	KUNIT_CASE(ism_device_has_error_handlers),
	KUNIT_CASE(ism_device_knows_iommufd),
	KUNIT_CASE(ism_device_leaves_the_rest_to_core),
	{}
};

static struct kunit_suite ism_device_suite = {
	.name = "ism_vfio_device",
	.init = ism_kunit_init,
	.exit = ism_kunit_exit,
	.test_cases = ism_device_tests,
};

kunit_test_suite(ism_device_suite);
