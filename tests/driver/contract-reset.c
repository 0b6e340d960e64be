// SPDX-License-Identifier: MIT
/*
 * The contract: accesses while memory is disabled or the function is reset. Part of
 * contract.c.
 */
#include "contract-fixture.h"

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
