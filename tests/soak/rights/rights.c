// SPDX-License-Identifier: MIT
/*
 * What nobody may do to a function, or by one
 *
 * The device's own counters are the witness that nothing reached it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/pci.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "machine.h"
#include "part.h"

#define A_ID		"ism0"		/* FUNCTION_A, as QEMU names it */
#define GROUP		"/dev/vfio/0"	/* and its nodes */
#define NODE		"/dev/vfio/devices/vfio0"
#define NOBODY		65534
#define AREA_LEN	(16 * ISM_PAGE)
#define STORES		20000		/* at least, and between two looks ... */
#define LOOK_EVERY	1000		/* ... at all memory */
#define SIGNAL_BITS	(0x1full << 23)	/* a signal, and its number */

FIXTURE(rights)
{
	struct ism *a;
	uint64_t reached;
};

/* Instructions that the device took or refused */
static uint64_t reached(void)
{
	static const char * const counters[] = { "stores", "refused", "commands" };
	uint64_t sum = 0, n;

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		sum += machine_get(A_ID, counters[i], &n) ? 0 : n;
	return sum;
}

/* While somebody else has the function, who has every right */
FIXTURE_SETUP(rights)
{
	ASSERT_EQ(0, machine_open());
	self->a = ism_new();
	ASSERT_EQ(0, ism_open(self->a, FUNCTION_A, part_interface()))
		TH_LOG("%s", ism_strerror(self->a));
	self->reached = reached();
	ASSERT_LT(0, self->reached);
}

FIXTURE_TEARDOWN(rights)
{
	EXPECT_EQ(self->reached, reached());
	ism_free(self->a);
	machine_close();
}

static unsigned int writable;

static int try_to_write(const char *path, const struct stat *st, int type,
			struct FTW *at)
{
	int fd;

	(void)st;
	(void)at;
	if (type != FTW_F)
		return 0;
	fd = open(path, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return 0;
	printf("# %s opens for writing\n", path);
	writable++;
	close(fd);
	return 0;
}

static unsigned int writable_below(const char *path)
{
	char real[256];

	writable = 0;
	if (!realpath(path, real) || nftw(real, try_to_write, 16, FTW_PHYS))
		return UINT32_MAX;
	return writable;
}

static bool opens(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* As nobody: what can be opened, in bits */
static int without_rights(void)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 64;
	return opens(GROUP) | opens(NODE) << 1 |
	       (writable_below(DEVICES FUNCTION_A) != 0) << 2 |
	       (writable_below("/sys/bus/pci/drivers/ism_vfio_pci") != 0) << 3 |
	       opens("/sys/bus/pci/slots/00000111/power") << 4 |
	       opens(DEVICES FUNCTION_A "/config") << 5;
}

TEST_F(rights, without_them_no_node_and_no_attribute_of_a_function_opens)
{
	pid_t child;
	int status;

	/* that there is something to open is not in doubt */
	ASSERT_EQ(0, access(GROUP, F_OK));
	ASSERT_EQ(0, access(NODE, F_OK));
	ASSERT_TRUE(opens(DEVICES FUNCTION_A "/config"));
	child = fork();
	if (!child)
		_exit(without_rights());
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(rights, not_even_root_writes_the_attributes_of_the_driver)
{
	EXPECT_EQ(0, writable_below(DEVICES FUNCTION_A "/ism_vfio"));
	EXPECT_EQ(-EACCES, part_write(DEVICES FUNCTION_A "/ism_vfio/maxstbl", "1"));
}

static int open_resource(unsigned int bar)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES FUNCTION_A "/resource%u", bar);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Where the kernel offers no file for a BAR, there is nothing to be had */
TEST_F(rights, root_reaches_no_bar_through_sysfs)
{
	uint64_t word = 0;
	int fd;

	for (unsigned int bar = 0; bar < 6; bar++) {
		fd = open_resource(bar);
		if (fd < 0)
			continue;
		EXPECT_EQ(MAP_FAILED, mmap(NULL, ISM_PAGE, PROT_READ | PROT_WRITE,
					   MAP_SHARED, fd, 0));
		EXPECT_EQ(-1, pread(fd, &word, sizeof(word), 0));
		EXPECT_EQ(-1, pwrite(fd, &word, sizeof(word), 0));
		close(fd);
	}
}

TEST_F(rights, root_reaches_no_bar_through_procfs)
{
	int fd = open("/proc/bus/pci/0011:00/00.0", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "this kernel has no such file");
	ioctl(fd, PCIIOC_MMAP_IS_MEM);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ISM_PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0));
	close(fd);
}

#if defined(SYS_s390_pci_mmio_write)
/* It takes what was mapped from a BAR, and nothing can be */
TEST_F(rights, root_reaches_no_bar_through_the_mmio_system_calls)
{
	uint64_t word = 0;
	void *map = mmap(NULL, ISM_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-1, syscall(SYS_s390_pci_mmio_write, map, &word, sizeof(word)));
	EXPECT_EQ(-1, syscall(SYS_s390_pci_mmio_read, map, &word, sizeof(word)));
}
#endif

/* The node alone is nothing: it takes a bind to an iommufd, which is taken */
TEST_F(rights, a_node_that_is_not_bound_gives_no_access)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	uint64_t word = 0;
	int fd = open(NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no such node, or the group has the function");
	EXPECT_EQ(-1, ioctl(fd, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(-1, ioctl(fd, VFIO_DEVICE_RESET));
	EXPECT_EQ(-1, pread(fd, &word, sizeof(word), 2ull << 48));
	EXPECT_EQ(-1, pwrite(fd, &word, sizeof(word), 2ull << 48));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ISM_PAGE, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
}

/* ---- a group whose function is not ours any more ----------------------------- */

static int open_group(int *container)
{
	int group = open(GROUP, O_RDWR | O_CLOEXEC);

	*container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (group < 0 || *container < 0 ||
	    ioctl(group, VFIO_GROUP_SET_CONTAINER, container) ||
	    ioctl(*container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -1;
	return group;
}

/* On s390 each function is a group of its own, so none has two drivers */
TEST(a_group_left_open_is_not_viable_once_its_function_has_another_driver)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int container, group = open_group(&container);

	ASSERT_LE(0, group);
	ASSERT_EQ(0, ioctl(group, VFIO_GROUP_GET_STATUS, &status));
	ASSERT_TRUE(status.flags & VFIO_GROUP_FLAGS_VIABLE);
	ASSERT_EQ(0, part_unbind(FUNCTION_A));
	ASSERT_EQ(0, part_write(DEVICES FUNCTION_A "/driver_override", "\n"));
	ASSERT_EQ(0, system("modprobe ism"));
	EXPECT_EQ(0, access("/sys/bus/pci/drivers/ism/" FUNCTION_A, F_OK));
	EXPECT_NE(0, access(GROUP, F_OK));

	status.flags = 0;
	ioctl(group, VFIO_GROUP_GET_STATUS, &status);
	EXPECT_FALSE(status.flags & VFIO_GROUP_FLAGS_VIABLE);
	EXPECT_GT(0, ioctl(group, VFIO_GROUP_GET_DEVICE_FD, FUNCTION_A));
	EXPECT_GT(0, ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
	close(group);
	close(container);
	EXPECT_EQ(0, part_write("/sys/bus/pci/drivers/ism/unbind", FUNCTION_A));
	EXPECT_EQ(0, part_bind(FUNCTION_A));
}

/* ---- stores to any offset ------------------------------------------------------ */

/**
 * struct area - memory that the peers of A have mapped for their functions
 * @dmb: it
 * @is: what has to be in it
 * @tok: the token that it has, or had
 */
struct area {
	struct ism_dmb *dmb;
	uint8_t is[AREA_LEN];
	uint64_t tok;
};

enum {
	MINE,			/* B's DMB for A, and the only one for it */
	FOR_OTHERS,		/* B's for C */
	NOT_ANY_MORE,		/* B's for A, unregistered */
	OF_ANOTHER,		/* C's for B */
	AREAS
};

FIXTURE(stores)
{
	struct ism *a, *b, *c;
	struct area area[AREAS];
	uint64_t bar0;
	unsigned long stores;
	unsigned long stored;
};

static int make_area(struct area *area, struct ism *owner, struct ism *user)
{
	int ret = ism_dmb_alloc(owner, AREA_LEN, ism_gid(user), ISM_NO_VLAN,
				&area->dmb);

	if (ret)
		return ret;
	area->tok = area->dmb->tok;
	part_fill(area->is, sizeof(area->is));
	memcpy(area->dmb->mem, area->is, sizeof(area->is));
	return 0;
}

FIXTURE_SETUP(stores)
{
	struct ism_region bar0;

	self->a = ism_new();
	self->b = ism_new();
	self->c = ism_new();
	ASSERT_EQ(0, ism_open(self->a, FUNCTION_A, part_interface()));
	ASSERT_EQ(0, ism_open(self->b, FUNCTION_B, part_interface()));
	ASSERT_EQ(0, ism_open(self->c, FUNCTION_C, part_interface()));
	ASSERT_EQ(0, ism_get_region(self->a, VFIO_PCI_BAR0_REGION_INDEX, &bar0));
	self->bar0 = bar0.offset;
	ASSERT_EQ(0, make_area(&self->area[MINE], self->b, self->a));
	ASSERT_EQ(0, make_area(&self->area[FOR_OTHERS], self->b, self->c));
	ASSERT_EQ(0, make_area(&self->area[NOT_ANY_MORE], self->b, self->a));
	ASSERT_EQ(0, make_area(&self->area[OF_ANOTHER], self->c, self->b));
	ASSERT_EQ(0, ism_dmb_unregister(self->area[NOT_ANY_MORE].dmb));
}

FIXTURE_TEARDOWN(stores)
{
	ism_free(self->a);
	ism_free(self->b);
	ism_free(self->c);
	part_did("stores", self->stores);
	part_did("stored", self->stored);
	part_did("survived", self->stores - self->stored);
}

static uint64_t random_bits(unsigned int bits)
{
	uint64_t r = (uint64_t)part_chance(UINT32_MAX) << 32 |
		     part_chance(UINT32_MAX);

	return r >> (64 - bits);
}

/* Mostly near to what might be taken for A's */
static uint64_t random_offset(const struct area *area)
{
	uint64_t tok = area[part_chance(AREAS)].tok, at = part_chance(AREA_LEN);

	switch (part_chance(8)) {
	case 0:
		return random_bits(48);
	case 1:
		return random_bits(16) << 32 | at;
	case 2:
		return (tok | at) ^ 1ull << part_chance(48);
	case 3:
		return tok | (AREA_LEN - 1 - part_chance(64));
	case 4:
		return tok + (at << 8);
	case 5:
		return tok | at | (random_bits(5) << 23);
	default:
		return tok | at;
	}
}

/* A's part of BAR0, signal or not: all else has no effect */
static bool is_mine(const struct area *mine, uint64_t offset, size_t len)
{
	uint64_t at = (offset & ~SIGNAL_BITS) - mine->tok;

	return at < AREA_LEN && len <= AREA_LEN - at;
}

static int expected(const struct area *mine, uint64_t offset, size_t len)
{
	int refused = offset % ISM_PAGE + len > ISM_PAGE ? EINVAL : EIO;

	return refused == EIO && is_mine(mine, offset, len) ? 0 : refused;
}

static void store_anywhere(struct __test_metadata *_metadata,
			   FIXTURE_DATA(stores) *self)
{
	struct area *mine = &self->area[MINE];
	uint64_t offset = random_offset(self->area);
	size_t len = 1 + part_chance(part_chance(4) ? 64 : ISM_PAGE);
	uint8_t data[ISM_PAGE];
	int error;
	ssize_t n;

	part_fill(data, len);
	error = expected(mine, offset, len);
	n = pwrite(ism_device_fd(self->a), data, len, (off_t)(self->bar0 + offset));
	ASSERT_EQ(error ? -1 : (ssize_t)len, n)
		TH_LOG("%zu bytes at %#lx", len, (long)offset);
	if (error)
		ASSERT_EQ(error, errno);
	self->stores++;
	if (error)
		return;
	self->stored++;
	memcpy(mine->is + ((offset & ~SIGNAL_BITS) - mine->tok), data, len);
}

TEST_F_TIMEOUT(stores, at_any_offset_have_no_effect_but_in_the_dmb_that_is_theirs, HANGS)
{
	struct part_time time = part_time(90);

	do {
		for (unsigned int i = 0; i < LOOK_EVERY; i++)
			store_anywhere(_metadata, self);
		for (unsigned int i = 0; i < AREAS; i++) {
			ASSERT_EQ(0, memcmp(self->area[i].dmb->mem,
					    self->area[i].is, AREA_LEN))
				TH_LOG("area %u after %lu stores", i, self->stores);
		}
	} while (self->stores < STORES || part_goes_on(&time));
	EXPECT_LT(0, self->stored);
}

TEST_HARNESS_MAIN
