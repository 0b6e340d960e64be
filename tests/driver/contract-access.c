// SPDX-License-Identifier: MIT
/*
 * The contract: regions, reads and writes. Part of contract.c.
 */
#include "contract-fixture.h"

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
