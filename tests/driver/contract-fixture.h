/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the contract have in common: two functions that are open, the
 * driver's trace events, and what they say of a store
 */
#ifndef CONTRACT_FIXTURE_H
#define CONTRACT_FIXTURE_H

#include <endian.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "ism.h"
#include "trace.h"

#define SHIFT		48
#define BAR0_SIZE	(1ULL << 48)
#define SCRATCH		0x100u		/* behind the longest command ... */
#define SCRATCH_LEN	0x700u		/* ... and before the fault registers */
#define FAULT_STORE	0x800u
#define FAULT_LOAD	0x810u
#define SIGNAL_BIT	(1u << 23)

static const char *function_a, *function_b;

static void __attribute__((constructor)) name_functions(void)
{
	function_a = getenv("ISM_A") ?: "0011:00:00.0";
	function_b = getenv("ISM_B") ?: "0012:00:00.0";
}

static int read_file(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, len - 1);
	close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	return 0;
}

static long read_number(const char *path)
{
	char text[32];

	return read_file(path, text, sizeof(text)) ? -1 : atol(text);
}

static uint8_t pattern(unsigned int i)
{
	return i * 31 + (i >> 8) * 7 + 1;
}

FIXTURE(contract)
{
	struct ism *a, *b;
	struct ism_dmb *dmb;
	struct trace trace;
	int fd;				/* of a's vfio device */
	unsigned int maxstbl;
	uint64_t bar0, bar2, config;	/* offsets from region info */
	uint8_t buf[2 * ISM_PAGE];
};

/* The ways to a vfio device; what lies behind is the same */
FIXTURE_VARIANT(contract)
{
	enum ism_iommu how;
};

FIXTURE_VARIANT_ADD(contract, group)
{
	.how = ISM_IOMMU_GROUP,
};

FIXTURE_VARIANT_ADD(contract, iommufd)
{
	.how = ISM_IOMMU_IOMMUFD,
};

static int region_info(int fd, unsigned int index,
		       struct vfio_region_info *info)
{
	memset(info, 0xa5, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

static uint64_t region_offset(int fd, unsigned int index)
{
	struct vfio_region_info info;

	return region_info(fd, index, &info) ? 0 : info.offset;
}

FIXTURE_SETUP(contract)
{
	unsigned int i;

	if (variant->how == ISM_IOMMU_IOMMUFD && access("/dev/iommu", F_OK))
		SKIP(return, "this kernel has no iommufd");

	self->a = ism_new();
	self->b = ism_new();
	ASSERT_EQ(0, ism_open(self->a, function_a, variant->how))
		TH_LOG("%s", ism_strerror(self->a));
	ASSERT_EQ(0, ism_open(self->b, function_b, variant->how))
		TH_LOG("%s", ism_strerror(self->b));
	ASSERT_EQ(0, ism_dmb_alloc(self->b, ISM_DMB_MAX, ism_gid(self->a),
				   ISM_NO_VLAN, &self->dmb))
		TH_LOG("%s", ism_strerror(self->b));

	self->fd = ism_device_fd(self->a);
	self->maxstbl = ism_maxstbl(self->a);
	self->bar0 = region_offset(self->fd, VFIO_PCI_BAR0_REGION_INDEX);
	self->bar2 = region_offset(self->fd, VFIO_PCI_BAR2_REGION_INDEX);
	self->config = region_offset(self->fd, VFIO_PCI_CONFIG_REGION_INDEX);
	for (i = 0; i < sizeof(self->buf); i++)
		self->buf[i] = pattern(i);

	ASSERT_EQ(0, trace_open(&self->trace, "contract", NULL))
		TH_LOG("no trace events; is tracefs mounted on " TRACEFS "?");
	trace_clear(&self->trace);
}

FIXTURE_TEARDOWN(contract)
{
	ism_free(self->a);
	ism_free(self->b);
	trace_close(&self->trace);
}

/* Where @offset in the DMB lies in a's device file */
#define DMB(offset) (self->bar0 + self->dmb->tok + (offset))

/* A system call that must fail, and nothing may have reached the device */
#define EXPECT_REFUSED(error, call) do {				\
	trace_clear(&self->trace);					\
	EXPECT_EQ(-1, (call));						\
	EXPECT_EQ(error, errno);					\
	EXPECT_EQ(0, trace_read(&self->trace));				\
} while (0)

#define EXPECT_ONE_STORE(at, length) do {				\
	ASSERT_EQ(1, trace_read(&self->trace));				\
	EXPECT_TRUE(self->trace.insn[0].store);				\
	EXPECT_EQ(at, self->trace.insn[0].offset);			\
	EXPECT_EQ(length, self->trace.insn[0].len);			\
} while (0)

#endif /* CONTRACT_FIXTURE_H */
