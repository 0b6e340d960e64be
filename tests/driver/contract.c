// SPDX-License-Identifier: MIT
/*
 * The contract of ism-vfio-pci, point by point, against two ISM functions
 *
 * The functions are named in ISM_A and ISM_B, 0011:00:00.0 and 0012:00:00.0
 * without them. ISM_A's vfio device file is used raw, ISM_B receives in a DMB.
 * What reaches the device is counted with the driver's trace events, so this
 * needs root and tracefs. Tests that make the device fail need its fault
 * registers (the device model's property x-faults).
 */

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

/* ---- regions ------------------------------------------------------------- */

TEST_F(contract, every_region_lies_at_its_index_shifted_by_48)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info info;
	unsigned int i;

	ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_GET_INFO, &device));
	ASSERT_LE(VFIO_PCI_NUM_REGIONS, device.num_regions);
	for (i = 0; i < device.num_regions; i++) {
		if (i == VFIO_PCI_VGA_REGION_INDEX)
			continue;
		ASSERT_EQ(0, region_info(self->fd, i, &info))
			TH_LOG("region %u", i);
		EXPECT_EQ((uint64_t)i << SHIFT, info.offset);
		EXPECT_EQ(i, info.index);
	}
}

TEST_F(contract, bars_can_be_read_and_written_and_never_mapped)
{
	static const uint64_t size[] = { BAR0_SIZE, 0, ISM_PAGE, 0, 0, 0 };
	struct vfio_region_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		ASSERT_EQ(0, region_info(self->fd, i, &info));
		EXPECT_EQ(size[i], info.size);
		EXPECT_EQ(size[i] ? VFIO_REGION_INFO_FLAG_READ |
				    VFIO_REGION_INFO_FLAG_WRITE : 0,
			  info.flags);
	}
}

TEST_F(contract, a_missing_rom_has_size_0_and_is_no_error)
{
	struct vfio_region_info info;

	ASSERT_EQ(0, region_info(self->fd, VFIO_PCI_ROM_REGION_INDEX, &info));
	EXPECT_EQ(0, info.size);
	EXPECT_EQ(0, info.flags);
}

TEST_F(contract, vga_and_unknown_regions_are_refused)
{
	struct vfio_region_info info;

	EXPECT_REFUSED(EINVAL, region_info(self->fd, VFIO_PCI_VGA_REGION_INDEX,
					   &info));
	EXPECT_REFUSED(EINVAL, region_info(self->fd, 1000, &info));
	EXPECT_REFUSED(EINVAL, region_info(self->fd, ~0u, &info));
}

TEST_F(contract, region_info_checks_its_argument)
{
	struct vfio_region_info info = { .argsz = sizeof(info) - 1 };

	EXPECT_REFUSED(EINVAL, ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO,
				     &info));
	EXPECT_REFUSED(EFAULT, ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO,
				     (void *)1));
}

TEST_F(contract, config_space_is_read_through_its_offset)
{
	struct vfio_region_info info;
	uint16_t id[2];
	uint8_t byte;

	ASSERT_EQ(0, region_info(self->fd, VFIO_PCI_CONFIG_REGION_INDEX,
				 &info));
	EXPECT_LE(256, info.size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
		  info.flags);
	ASSERT_EQ(4, pread(self->fd, id, 4, info.offset));
	EXPECT_EQ(0x1014, le16toh(id[0]));
	EXPECT_EQ(0x04ed, le16toh(id[1]));
	ASSERT_EQ(1, pread(self->fd, &byte, 1, info.offset + 1));
	EXPECT_EQ(0x10, byte);
	/* It is the core's: no instruction of ours */
	EXPECT_EQ(0, trace_read(&self->trace));
}

TEST_F(contract, an_offset_that_the_core_cannot_encode_is_refused)
{
	uint32_t id;

	/* With a shift of 40 this would be the first byte of region 8 */
	EXPECT_REFUSED(EINVAL, pread(self->fd, &id, 4,
				     self->config + (1ULL << 40)));
	EXPECT_REFUSED(EINVAL, pwrite(self->fd, &id, 4,
				      self->config + (1ULL << 40)));
}

TEST_F(contract, an_index_without_a_region_is_refused)
{
	EXPECT_REFUSED(EINVAL, pread(self->fd, self->buf, 4, 0x7fffULL << SHIFT));
	EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, 4,
				      0x7fffULL << SHIFT));
	EXPECT_REFUSED(EINVAL, pread(self->fd, self->buf, 4, 1ULL << SHIFT));
	EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, 4, 1ULL << SHIFT));
}

TEST_F(contract, the_next_segment_goes_on_where_the_last_one_ended)
{
	struct iovec out[] = { { self->buf, 24 }, { self->buf + 24, 40 } };
	uint8_t got[64];
	struct iovec in[] = { { got, 3 }, { got + 3, 61 } };
	struct iovec config[] = { { got, 2 }, { got + 2, 2 } };

	ASSERT_EQ(64, pwritev(self->fd, out, 2, self->bar2 + SCRATCH));
	ASSERT_EQ(64, preadv(self->fd, in, 2, self->bar2 + SCRATCH));
	EXPECT_EQ(0, memcmp(got, self->buf, 64));
	ASSERT_EQ(4, preadv(self->fd, config, 2, self->config));
	EXPECT_EQ(0, memcmp(got, "\x14\x10\xed\x04", 4));
}

/* ---- reads --------------------------------------------------------------- */

/* The loads that a read must do: the widest aligned ones, one after the other */
static unsigned int next_load(uint64_t offset, size_t left)
{
	unsigned int width = 8;

	while (offset % width || width > left)
		width /= 2;
	return width;
}

static void expect_loads(struct __test_metadata *_metadata, struct trace *t,
			 uint64_t offset, size_t len)
{
	unsigned int i = 0, width;

	ASSERT_LT(0, trace_read(t));
	for (; len; len -= width, offset += width, i++) {
		width = next_load(offset, len);
		ASSERT_LT(i, t->n);
		EXPECT_FALSE(t->insn[i].store);
		EXPECT_EQ(offset, t->insn[i].offset);
		EXPECT_EQ(width, t->insn[i].len);
	}
	EXPECT_EQ(i, t->n);
}

TEST_F_TIMEOUT(contract, reads_of_every_alignment_and_count_from_1_to_64, 120)
{
	unsigned int at, count;
	uint8_t got[65];

	ASSERT_EQ(256, pwrite(self->fd, self->buf, 256, self->bar2 + SCRATCH));
	for (at = 0; at < 8; at++) {
		for (count = 1; count <= 64; count++) {
			trace_clear(&self->trace);
			memset(got, 0xee, sizeof(got));
			ASSERT_EQ(count, pread(self->fd, got, count,
					       self->bar2 + SCRATCH + at));
			ASSERT_EQ(0, memcmp(got, self->buf + at, count));
			ASSERT_EQ(0xee, got[count]);
			expect_loads(_metadata, &self->trace, SCRATCH + at,
				     count);
		}
	}
}

TEST_F(contract, values_are_big_endian_at_every_width)
{
	uint64_t v64 = htobe64(0x0102030405060708);
	uint32_t v32;
	uint16_t v16;
	uint8_t v8;

	ASSERT_EQ(8, pwrite(self->fd, &v64, 8, self->bar2 + SCRATCH));
	v64 = 0;
	ASSERT_EQ(8, pread(self->fd, &v64, 8, self->bar2 + SCRATCH));
	ASSERT_EQ(4, pread(self->fd, &v32, 4, self->bar2 + SCRATCH + 4));
	ASSERT_EQ(2, pread(self->fd, &v16, 2, self->bar2 + SCRATCH + 2));
	ASSERT_EQ(1, pread(self->fd, &v8, 1, self->bar2 + SCRATCH + 7));
	EXPECT_EQ(0x0102030405060708, be64toh(v64));
	EXPECT_EQ(0x05060708, be32toh(v32));
	EXPECT_EQ(0x0304, be16toh(v16));
	EXPECT_EQ(0x08, v8);
}

TEST_F(contract, a_read_is_shortened_at_the_end_of_the_bar)
{
	unsigned int i;

	ASSERT_EQ(64, pwrite(self->fd, self->buf, 64, self->bar2 + 4032));
	for (i = 1; i <= 64; i++) {
		memset(self->buf, 0, 64);
		ASSERT_EQ(i, pread(self->fd, self->buf, 4096,
				   self->bar2 + 4096 - i));
		EXPECT_EQ(pattern(63), self->buf[i - 1]);
	}
	EXPECT_REFUSED(EINVAL, pread(self->fd, self->buf, 1, self->bar2 + 4096));
}

TEST_F(contract, a_read_of_the_whole_window_is_512_loads)
{
	ASSERT_EQ(4096, pread(self->fd, self->buf, sizeof(self->buf),
			      self->bar2));
	expect_loads(_metadata, &self->trace, 0, 4096);
}

TEST_F(contract, a_failing_load_fails_the_read)
{
	EXPECT_EQ(-1, pread(self->fd, self->buf, 64, self->bar0));
	EXPECT_EQ(EIO, errno);
	/* The first one fails, and no other is tried */
	EXPECT_EQ(1, trace_read(&self->trace));
	EXPECT_EQ(-EIO, self->trace.insn[0].result);
}

/* ---- writes -------------------------------------------------------------- */

TEST_F_TIMEOUT(contract, one_write_of_any_length_at_any_offset_is_one_pcistb, 300)
{
	uint8_t *mem = self->dmb->mem, *page = mem + 4 * ISM_PAGE;
	unsigned int len, at;

	for (len = 1; len <= ISM_PAGE; len++) {
		/* As many odd offsets as there are, and both ends of the page */
		at = (len * 37) % (ISM_PAGE - len + 1);
		memset(mem + 3 * ISM_PAGE, 0, 3 * ISM_PAGE);
		trace_clear(&self->trace);
		ASSERT_EQ(len, pwrite(self->fd, self->buf + len % 64, len,
				      DMB(4 * ISM_PAGE + at)));
		EXPECT_ONE_STORE(self->dmb->tok + 4 * ISM_PAGE + at, len);
		ASSERT_EQ(0, self->trace.insn[0].result);
		ASSERT_EQ(0, memcmp(page + at, self->buf + len % 64, len));
		ASSERT_EQ(0, *(page + at - 1));
		ASSERT_EQ(0, *(page + at + len));
	}
}

TEST_F(contract, a_write_longer_than_maxstbl_is_refused)
{
	ASSERT_EQ(4096, self->maxstbl);
	EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, 4097, DMB(0)));
	EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, 8192, DMB(0)));
	trace_clear(&self->trace);
	EXPECT_EQ(4096, pwrite(self->fd, self->buf, 4096, DMB(0)));
	EXPECT_ONE_STORE(self->dmb->tok, 4096);
}

TEST_F(contract, a_write_across_4_kib_is_refused)
{
	unsigned int len;

	for (len = 2; len <= 4096; len *= 2) {
		EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, len,
					      DMB(2 * ISM_PAGE - 1)));
		EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, len,
					      DMB(2 * ISM_PAGE - len + 1)));
		trace_clear(&self->trace);
		ASSERT_EQ(len, pwrite(self->fd, self->buf, len,
				      DMB(2 * ISM_PAGE - len)));
		EXPECT_ONE_STORE(self->dmb->tok + 2 * ISM_PAGE - len, len);
	}
}

TEST_F(contract, a_write_is_shortened_at_the_end_of_the_bar)
{
	unsigned int i;

	for (i = 1; i <= 64; i++) {
		trace_clear(&self->trace);
		ASSERT_EQ(i, pwrite(self->fd, self->buf, 100,
				    self->bar2 + 4096 - i));
		EXPECT_ONE_STORE(4096u - i, i);
	}
	EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, 1,
				      self->bar2 + 4096));
	EXPECT_REFUSED(EINVAL, pwrite(self->fd, self->buf, 1,
				      self->bar2 + BAR0_SIZE - 1));
}

TEST_F(contract, bar0_ends_at_2_to_the_48)
{
	/* No DMB there: the device refuses what the driver lets through */
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, 16,
			     self->bar0 + BAR0_SIZE - 8));
	EXPECT_EQ(EIO, errno);
	EXPECT_ONE_STORE(BAR0_SIZE - 8, 8);
	EXPECT_EQ(-EIO, self->trace.insn[0].result);
}

TEST_F(contract, writev_is_one_pcistb_per_segment)
{
	struct iovec iov[] = {
		{ self->buf, 4096 },
		{ self->buf + 4096, 1 },
		{ self->buf + 7, 0 },
		{ self->buf + 8, 100 },
	};
	uint8_t *mem = self->dmb->mem;

	ASSERT_EQ(4197, pwritev(self->fd, iov, 4, DMB(0)));
	ASSERT_EQ(3, trace_read(&self->trace));
	EXPECT_EQ(self->dmb->tok, self->trace.insn[0].offset);
	EXPECT_EQ(4096, self->trace.insn[0].len);
	EXPECT_EQ(self->dmb->tok + 4096, self->trace.insn[1].offset);
	EXPECT_EQ(1, self->trace.insn[1].len);
	EXPECT_EQ(self->dmb->tok + 4097, self->trace.insn[2].offset);
	EXPECT_EQ(100, self->trace.insn[2].len);
	EXPECT_EQ(0, memcmp(mem, self->buf, 4097));
	EXPECT_EQ(0, memcmp(mem + 4097, self->buf + 8, 100));
}

TEST_F(contract, zero_length_is_0_and_reaches_nothing)
{
	EXPECT_EQ(0, pwrite(self->fd, self->buf, 0, DMB(0)));
	EXPECT_EQ(0, pread(self->fd, self->buf, 0, self->bar2));
	EXPECT_EQ(0, pwrite(self->fd, self->buf, 0, self->bar2 + 4096));
	EXPECT_EQ(0, pread(self->fd, self->buf, 0, self->config));
	EXPECT_EQ(0, trace_read(&self->trace));
}

TEST_F(contract, bad_user_memory_is_an_error_and_nothing_is_stored)
{
	uint8_t *map = mmap(NULL, 2 * ISM_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + ISM_PAGE, ISM_PAGE));

	EXPECT_REFUSED(EFAULT, pwrite(self->fd, map + ISM_PAGE, 64, DMB(0)));
	EXPECT_REFUSED(EFAULT, pwrite(self->fd, map + ISM_PAGE - 32, 64, DMB(0)));
	EXPECT_REFUSED(EFAULT, pwrite(self->fd, map + ISM_PAGE - 63, 64, DMB(0)));

	EXPECT_EQ(-1, pread(self->fd, map + ISM_PAGE, 64, self->bar2 + SCRATCH));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pread(self->fd, map + ISM_PAGE - 63, 64,
			    self->bar2 + SCRATCH));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(64, pread(self->fd, map + ISM_PAGE - 64, 64,
			    self->bar2 + SCRATCH));
}

/* ---- refusals ------------------------------------------------------------ */

TEST_F(contract, no_region_can_be_mapped)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, ISM_PAGE,
					   PROT_READ | PROT_WRITE, MAP_SHARED,
					   self->fd, (uint64_t)i << SHIFT));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(MAP_FAILED, mmap(NULL, ISM_PAGE, PROT_READ,
					   MAP_SHARED, self->fd,
					   (uint64_t)i << 40));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(contract, ioeventfd_is_refused)
{
	struct vfio_device_ioeventfd io = {
		.argsz = sizeof(io),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = self->bar2 + SCRATCH,
		.fd = eventfd(0, 0),
	};

	EXPECT_REFUSED(ENOTTY, ioctl(self->fd, VFIO_DEVICE_IOEVENTFD, &io));
	close(io.fd);
}

TEST_F(contract, low_power_features_are_refused)
{
	static const uint32_t features[] = {
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
		VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
	};
	struct vfio_device_feature feature = { .argsz = sizeof(feature) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		feature.flags = features[i] | VFIO_DEVICE_FEATURE_SET;
		EXPECT_REFUSED(ENOTTY, ioctl(self->fd, VFIO_DEVICE_FEATURE,
					     &feature));
		feature.flags |= VFIO_DEVICE_FEATURE_PROBE;
		EXPECT_REFUSED(ENOTTY, ioctl(self->fd, VFIO_DEVICE_FEATURE,
					     &feature));
	}
}

/* ---- memory enable and reset --------------------------------------------- */

static int set_command(int fd, uint64_t config, uint16_t clear, uint16_t set)
{
	uint16_t cmd;

	if (pread(fd, &cmd, 2, config + PCI_COMMAND) != 2)
		return -1;
	cmd = htole16((le16toh(cmd) & ~clear) | set);
	return pwrite(fd, &cmd, 2, config + PCI_COMMAND) == 2 ? 0 : -1;
}

TEST_F(contract, bars_are_an_io_error_while_memory_is_disabled)
{
	uint32_t id;

	ASSERT_EQ(0, set_command(self->fd, self->config, PCI_COMMAND_MEMORY, 0));
	EXPECT_REFUSED(EIO, pwrite(self->fd, self->buf, 8, DMB(0)));
	EXPECT_REFUSED(EIO, pread(self->fd, self->buf, 8, self->bar2 + SCRATCH));
	EXPECT_EQ(4, pread(self->fd, &id, 4, self->config));

	ASSERT_EQ(0, set_command(self->fd, self->config, 0, PCI_COMMAND_MEMORY));
	EXPECT_EQ(8, pwrite(self->fd, self->buf, 8, self->bar2 + SCRATCH));
	EXPECT_EQ(8, pread(self->fd, self->buf, 8, self->bar2 + SCRATCH));
}

struct reader {
	pthread_t thread;
	int fd;
	uint64_t offset;
	volatile bool stop;
	unsigned long reads, failed;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	uint8_t buf[64];

	while (!r->stop) {
		if (pread(r->fd, buf, sizeof(buf), r->offset) != sizeof(buf))
			r->failed++;
		r->reads++;
	}
	return NULL;
}

TEST_F_TIMEOUT(contract, reads_wait_for_a_reset_and_do_not_fail, 120)
{
	struct reader r = { .fd = self->fd, .offset = self->bar2 + SCRATCH };
	unsigned long before;
	unsigned int i;

	write_file(self->trace.dir, "events/ism_vfio/enable", "0");
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, read_on, &r));
	for (i = 0; i < 30; i++) {
		before = r.reads;
		ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_RESET));
		/* The reader gets its turn between any two of them */
		while (*(volatile unsigned long *)&r.reads < before + 3)
			sched_yield();
	}
	r.stop = true;
	pthread_join(r.thread, NULL);
	EXPECT_LE(90, r.reads);
	EXPECT_EQ(0, r.failed);
}

/* ---- the device's own failures ------------------------------------------- */

struct fault {
	uint32_t count, skip;
	uint8_t cc, status;
	uint16_t pgm, spaces, zero;
};

static bool set_fault(int fd, uint64_t bar2, unsigned int reg, uint8_t cc,
		      uint16_t pgm)
{
	struct fault fault = {
		.count = htobe32(1), .cc = cc, .status = 40,
		.pgm = htobe16(pgm),
	};
	uint32_t armed = 0;

	if (pwrite(fd, &fault, sizeof(fault), bar2 + reg) != sizeof(fault))
		return false;
	return pread(fd, &armed, 4, bar2 + reg) == 4 && be32toh(armed) == 1;
}

static const struct {
	uint8_t cc;
	uint16_t pgm;
	int error;
} failures[] = {
	{ 1, 0, EIO },		/* not enabled, blocked, ... */
	{ 3, 0, EIO },		/* invalid handle */
	{ 0, 0x06, ENXIO },	/* specification exception */
	{ 0, 0x15, ENXIO },	/* operand exception */
};

TEST_F(contract, a_store_that_the_device_refuses_is_eio_or_enxio)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		ASSERT_TRUE(set_fault(self->fd, self->bar2, FAULT_STORE,
				      failures[i].cc, failures[i].pgm));
		memset(self->dmb->mem, 0, 64);
		trace_clear(&self->trace);
		EXPECT_EQ(-1, pwrite(self->fd, self->buf, 64, DMB(0)));
		EXPECT_EQ(failures[i].error, errno);
		EXPECT_ONE_STORE(self->dmb->tok, 64);
		EXPECT_EQ(-failures[i].error, self->trace.insn[0].result);
		EXPECT_EQ(0, *(uint8_t *)self->dmb->mem);
		EXPECT_EQ(64, pwrite(self->fd, self->buf, 64, DMB(0)));
	}
}

TEST_F(contract, a_load_that_the_device_refuses_is_eio_or_enxio)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		ASSERT_TRUE(set_fault(self->fd, self->bar2, FAULT_LOAD,
				      failures[i].cc, failures[i].pgm));
		EXPECT_EQ(-1, pread(self->fd, self->buf, 8, self->bar2 + SCRATCH));
		EXPECT_EQ(failures[i].error, errno);
		EXPECT_EQ(8, pread(self->fd, self->buf, 8, self->bar2 + SCRATCH));
	}
}

TEST_F(contract, a_busy_device_is_waited_for)
{
	ASSERT_TRUE(set_fault(self->fd, self->bar2, FAULT_STORE, 2, 0));
	EXPECT_EQ(64, pwrite(self->fd, self->buf, 64, DMB(0)));
	EXPECT_EQ(0, memcmp(self->dmb->mem, self->buf, 64));
	ASSERT_TRUE(set_fault(self->fd, self->bar2, FAULT_LOAD, 2, 0));
	EXPECT_EQ(8, pread(self->fd, self->buf, 8, self->bar2 + SCRATCH));
}

TEST_F(contract, a_token_of_nobody_is_eio)
{
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, 8,
			     self->bar0 + (0xfffeULL << 32)));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(1, trace_read(&self->trace));
}

TEST_F(contract, a_trace_event_names_the_bar_and_what_was_done_there)
{
	ASSERT_EQ(24, pwrite(self->fd, self->buf, 24, self->bar2 + SCRATCH));
	EXPECT_ONE_STORE(SCRATCH, 24);
	EXPECT_EQ(2, self->trace.insn[0].bar);
	trace_clear(&self->trace);
	ASSERT_EQ(4, pread(self->fd, self->buf, 4, self->bar2 + SCRATCH + 4));
	ASSERT_EQ(1, trace_read(&self->trace));
	EXPECT_FALSE(self->trace.insn[0].store);
	EXPECT_EQ(2, self->trace.insn[0].bar);
	EXPECT_EQ(SCRATCH + 4, self->trace.insn[0].offset);
	EXPECT_EQ(4, self->trace.insn[0].len);
	trace_clear(&self->trace);
	ASSERT_EQ(1, pwrite(self->fd, self->buf, 1, DMB(7)));
	EXPECT_ONE_STORE(self->dmb->tok + 7, 1);
	EXPECT_EQ(0, self->trace.insn[0].bar);
}

/* Nobody looks at the instructions then */
TEST_F(contract, all_is_the_same_without_trace_events)
{
	uint64_t nobody = self->bar0 + (0xfffeULL << 32);
	uint8_t traced[4096];
	size_t len;

	ASSERT_EQ(4096, pread(self->fd, traced, 4096, self->bar2));
	ASSERT_EQ(0, write_file(self->trace.dir, "events/ism_vfio/enable", "0"));
	for (len = 1; len <= 4096; len += len < 70 ? 1 : 671) {
		memset(self->buf, 0xa5, sizeof(self->buf));
		ASSERT_EQ(len, pread(self->fd, self->buf, len, self->bar2));
		EXPECT_EQ(0, memcmp(traced, self->buf, len)) TH_LOG("len %zu", len);
		EXPECT_EQ(-1, pread(self->fd, self->buf, len, self->bar0));
		EXPECT_EQ(EIO, errno);

		ASSERT_EQ(len, pwrite(self->fd, self->buf, len, DMB(0)));
		EXPECT_EQ(0, memcmp(self->dmb->mem, self->buf, len));
		EXPECT_EQ(-1, pwrite(self->fd, self->buf, len, nobody));
		EXPECT_EQ(EIO, errno);
	}
}

/* ---- interrupts ---------------------------------------------------------- */

TEST_F(contract, a_signalling_store_interrupts_the_receiver)
{
	struct ism_event ev;
	struct pollfd pfd = { .fd = ism_fd(self->b), .events = POLLIN };

	ASSERT_EQ(1, pwrite(self->fd, self->buf, 1,
			    DMB(SIGNAL_BIT | 5u << 24)));
	ASSERT_EQ(1, poll(&pfd, 1, 5000));
	ASSERT_LT(0, ism_wait(self->b, 1000));
	ASSERT_LT(0, ism_next_event(self->b, &ev));
	EXPECT_EQ(ISM_EVENT_SIGNAL, ev.kind);
	EXPECT_EQ(self->dmb, ev.dmb);
	EXPECT_TRUE(ism_signal_in(ev.mask, 5));
}

TEST_F(contract, there_is_one_msi_and_no_other_interrupt_of_the_device)
{
	static const unsigned int count[] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = 0,
		[VFIO_PCI_MSI_IRQ_INDEX] = 1,
		[VFIO_PCI_MSIX_IRQ_INDEX] = 0,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(count); i++) {
		struct vfio_irq_info info = {
			.argsz = sizeof(info), .index = i,
		};

		ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_GET_IRQ_INFO, &info));
		EXPECT_EQ(count[i], info.count);
	}
}

/* ---- sysfs and the cache ------------------------------------------------- */

static long of_function(const char *name, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", name, file);
	return read_number(path);
}

TEST_F(contract, maxstbl_is_in_sysfs_and_cannot_be_written)
{
	char path[128];
	struct stat st;

	EXPECT_EQ(self->maxstbl, of_function(function_a, "ism_vfio/maxstbl"));
	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/ism_vfio/maxstbl", function_a);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(0444, st.st_mode & 07777);
}

TEST_F(contract, each_function_has_its_cache_of_page_aligned_operands)
{
	const char *name[] = { function_a, function_b };
	char path[128], fid[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(name); i++) {
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/function_id", name[i]);
		ASSERT_EQ(0, read_file(path, fid, sizeof(fid)));
		snprintf(path, sizeof(path),
			 "/sys/kernel/slab/ism_sb_fid_%08lx/object_size",
			 strtoul(fid, NULL, 16));
		EXPECT_EQ(self->maxstbl, read_number(path));
		strcpy(strrchr(path, '/'), "/align");
		EXPECT_EQ(ISM_PAGE, read_number(path));
		strcpy(strrchr(path, '/'), "/usersize");
		EXPECT_EQ(self->maxstbl, read_number(path));
	}
}

TEST_HARNESS_MAIN
