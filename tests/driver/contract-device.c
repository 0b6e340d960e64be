// SPDX-License-Identifier: MIT
/*
 * The contract: what is refused, the device's own failures, interrupts and
 * sysfs. Part of contract.c.
 */
#include "contract-fixture.h"

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
