// SPDX-License-Identifier: MIT
/*
 * The contract: what is offered, so that additions of a new kernel are noticed. Part
 * of contract.c.
 */
#include <inttypes.h>

#include "contract-fixture.h"

TEST_F(contract, one_msi_and_interrupts_for_errors_and_requests_are_offered)
{
	static const unsigned int count[] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = 0,
		[VFIO_PCI_MSI_IRQ_INDEX] = 1,
		[VFIO_PCI_MSIX_IRQ_INDEX] = 0,
		[VFIO_PCI_ERR_IRQ_INDEX] = 1,
		[VFIO_PCI_REQ_IRQ_INDEX] = 1,
	};
	struct vfio_device_info device = { .argsz = sizeof(device) };
	unsigned int i;

	ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_GET_INFO, &device));
	EXPECT_EQ(ARRAY_SIZE(count), device.num_irqs);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, device.num_regions);
	for (i = 0; i < ARRAY_SIZE(count); i++) {
		struct vfio_irq_info info = {
			.argsz = sizeof(info), .index = i,
		};

		ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_GET_IRQ_INFO, &info));
		EXPECT_EQ(count[i], info.count);
	}
}

/* A bit for each feature that can be got, or set */
static uint64_t features_to(int fd, uint32_t what)
{
	struct vfio_device_feature feature = { .argsz = sizeof(feature) };
	uint64_t features = 0;

	for (uint32_t i = 0; i < 64; i++) {
		feature.flags = i | what | VFIO_DEVICE_FEATURE_PROBE;
		if (!ioctl(fd, VFIO_DEVICE_FEATURE, &feature))
			features |= 1ULL << i;
	}
	return features;
}

TEST_F(contract, no_features_are_offered_but_those_that_are_known)
{
	uint64_t get = features_to(self->fd, VFIO_DEVICE_FEATURE_GET);
	uint64_t set = features_to(self->fd, VFIO_DEVICE_FEATURE_SET);

	/* from 7.3 on what the error of the function was, number 13 */
	EXPECT_TRUE(get == 0 || get == 1ULL << 13)
		TH_LOG("%#" PRIx64, get);
	EXPECT_EQ(0, set);
}

/* An event takes a machine that has errors: see tests/soak/device */
TEST_F(contract, the_interrupt_for_errors_takes_an_eventfd_and_gives_it_back)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irq = {
		.set = {
			.argsz = sizeof(irq.bytes),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_ERR_IRQ_INDEX,
			.count = 1,
		},
	};
	int32_t fd = eventfd(0, EFD_NONBLOCK);
	struct vfio_irq_set loop = {
		.argsz = sizeof(loop),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_ERR_IRQ_INDEX,
		.count = 1,
	};
	uint64_t events = 0;

	memcpy(irq.bytes + offsetof(struct vfio_irq_set, data), &fd, sizeof(fd));
	ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_SET_IRQS, &irq));
	ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_SET_IRQS, &loop));
	EXPECT_EQ(8, read(fd, &events, 8));
	EXPECT_EQ(1, events);

	loop.count = 0;
	ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_SET_IRQS, &loop));
	loop.count = 1;
	EXPECT_REFUSED(EINVAL, ioctl(self->fd, VFIO_DEVICE_SET_IRQS, &loop));
	EXPECT_EQ(-1, read(fd, &events, 8));
	close(fd);
}
