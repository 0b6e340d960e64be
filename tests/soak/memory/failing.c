// SPDX-License-Identifier: MIT
/*
 * usage: failing FUNCTION iommufd|group
 *
 * Lets allocations and copies fail, one at a time, in each step from bind to
 * unbind: the first one in that step, then the second, until none is left to
 * fail. The step has to do its work or to say that it did not, with an error
 * that fits; then it has to work when it is tried again. By group only what
 * differs from iommufd.
 *
 * Needs a kernel with failslab, fail_page_alloc and fail_usercopy that do not
 * spare any allocation, see memory.sh.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ism.h"
#include "soak.h"

#define DRIVER		"/sys/bus/pci/drivers/ism_vfio_pci/"
#define DEVICE		"/sys/bus/pci/devices/"
#define SCRATCH		(((off_t)VFIO_PCI_BAR2_REGION_INDEX << SHIFT) + 0x100)
#define SCRATCH_LEN	100
#define FAULTS_MAX	20000	/* so many allocations no step has */

/* Files of an open function, in the order in which they are opened */
enum file { IOMMU, GROUP, VFIO, FILES };

static struct {
	const char *name;
	bool iommufd;
	int fail;		/* fail-nth of this thread */
	char group[32];
	char cdev[64];
	int fd[FILES];
	uint8_t stored;		/* each byte of the scratch area */
} run = { .fd = { -1, -1, -1 } };

static int or_errno(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* ---- the steps ------------------------------------------------------------------ */

static int driver(const char *file)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = or_errno(write(fd, run.name, strlen(run.name)));
	close(fd);
	return ret;
}

static int step_bind(void)
{
	return driver(DRIVER "bind");
}

static int step_unbind(void)
{
	return driver(DRIVER "unbind");
}

static int step_close(void)
{
	for (int i = FILES - 1; i >= 0; i--) {
		if (run.fd[i] >= 0)
			close(run.fd[i]);
		run.fd[i] = -1;
	}
	return 0;
}

static int open_file(enum file file, const char *path)
{
	run.fd[file] = open(path, O_RDWR | O_CLOEXEC);
	return or_errno(run.fd[file]);
}

static int open_by_group(void)
{
	int ret;

	ret = open_file(IOMMU, "/dev/vfio/vfio");
	if (!ret)
		ret = open_file(GROUP, run.group);
	if (!ret)
		ret = or_errno(ioctl(run.fd[GROUP], VFIO_GROUP_SET_CONTAINER, &run.fd[IOMMU]));
	if (!ret)
		ret = or_errno(ioctl(run.fd[IOMMU], VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	if (!ret) {
		run.fd[VFIO] = ioctl(run.fd[GROUP], VFIO_GROUP_GET_DEVICE_FD, run.name);
		ret = or_errno(run.fd[VFIO]);
	}
	return ret;
}

static int open_by_iommufd(void)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	int ret;

	ret = open_file(IOMMU, "/dev/iommu");
	if (!ret)
		ret = open_file(VFIO, run.cdev);
	bind.iommufd = run.fd[IOMMU];
	if (!ret)
		ret = or_errno(ioctl(run.fd[VFIO], VFIO_DEVICE_BIND_IOMMUFD, &bind));
	if (!ret)
		ret = or_errno(ioctl(run.fd[IOMMU], IOMMU_IOAS_ALLOC, &alloc));
	attach.pt_id = alloc.out_ioas_id;
	if (!ret)
		ret = or_errno(ioctl(run.fd[VFIO], VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
	return ret;
}

static int step_open(void)
{
	return run.iommufd ? open_by_iommufd() : open_by_group();
}

/* What is stored next: never 0, which is what a reset leaves */
static uint8_t next_value(void)
{
	return run.stored % 255 + 1;
}

static int step_write(void)
{
	uint8_t data[SCRATCH_LEN];

	memset(data, next_value(), sizeof(data));
	return or_errno(pwrite(run.fd[VFIO], data, sizeof(data), SCRATCH));
}

static int step_read(void)
{
	uint8_t data[SCRATCH_LEN];

	return or_errno(pread(run.fd[VFIO], data, sizeof(data), SCRATCH));
}

/* ---- what a function is like ----------------------------------------------------- */

static bool bound(void)
{
	char path[64];

	snprintf(path, sizeof(path), DEVICE "%s/driver", run.name);
	return !access(path, F_OK);
}

/* Whether there is a node to open it by: the driver core does without, if need be */
static bool find_nodes(void)
{
	char path[64], link[128];
	struct dirent *entry;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), DEVICE "%s/iommu_group", run.name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = 0;
	snprintf(run.group, sizeof(run.group), "/dev/vfio/%.16s", strrchr(link, '/') + 1);
	snprintf(path, sizeof(path), DEVICE "%s/vfio-dev", run.name);
	dir = opendir(path);
	run.cdev[0] = 0;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] == 'v')
			snprintf(run.cdev, sizeof(run.cdev), "/dev/vfio/devices/%.32s",
				 entry->d_name);
	if (dir)
		closedir(dir);
	return !access(run.iommufd ? run.cdev : run.group, F_OK);
}

static int set_memory(void)
{
	uint8_t cmd = 2;	/* PCI_COMMAND_MEMORY */

	return pwrite(run.fd[VFIO], &cmd, 1,
		      ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << SHIFT) + 4) == 1 ? 0 : -1;
}

/* All of the scratch area is what was stored last */
static bool holds(uint8_t value)
{
	uint8_t data[SCRATCH_LEN];

	if (pread(run.fd[VFIO], data, sizeof(data), SCRATCH) != sizeof(data))
		return false;
	for (unsigned int i = 0; i < sizeof(data); i++)
		if (data[i] != value)
			return false;
	return true;
}

/* It stores and loads */
static int works(void)
{
	if (set_memory() || step_write() || !holds(next_value()))
		return -1;
	run.stored = next_value();
	return 0;
}

/* Whatever there is of it is given back; then once through all steps */
static int all_over_again(void)
{
	step_close();
	if (bound() && step_unbind())
		return -1;
	return step_bind() || !find_nodes() || step_open() || works() || step_close() ||
	       step_unbind() || bound();
}

/* ---- each step: what it needs, and whether it did or did not --------------------- */

static int need_bound(void)
{
	return step_bind() || !find_nodes();
}

/* Without a block from an access before, which the driver may keep at hand */
static int need_open(void)
{
	return need_bound() || step_open() || set_memory();
}

static int need_used(void)
{
	return need_open() || works();
}

static bool bind_is(int ret)
{
	return bound() == !ret;
}

static bool unbind_is(int ret)
{
	return bound() == !!ret;
}

static bool open_is(int ret)
{
	if (!ret)
		return !works();
	step_close();
	return !step_open() && !works();
}

static bool write_is(int ret)
{
	if (holds(next_value()) != !ret)
		return false;
	if (!ret)
		run.stored = next_value();
	return !works();
}

static bool read_is(int ret)
{
	return ret <= 0 && !works();
}

static bool close_is(int ret)
{
	return !ret && !step_open() && !works();
}

/**
 * struct step - one of those that are tried
 * @name: for people
 * @differs: it is another one by group than by iommufd
 * @need: brings the function to where it can be tried
 * @act: the step; 0 or a negative errno
 * @also: an error of it that fits, besides -ENOMEM and -EFAULT
 * @is: whether the function is as @act says that it is
 */
struct step {
	const char *name;
	bool differs;
	int (*need)(void);
	int (*act)(void);
	int also;
	bool (*is)(int ret);
};

static const struct step steps[] = {
	{ "bind", false, NULL, step_bind, 0, bind_is },
	/* of a reset that had no memory, see Documentation/upstream.rst */
	{ "open", true, need_bound, step_open, -ENODEV, open_is },
	{ "write", false, need_open, step_write, 0, write_is },
	{ "read", false, need_open, step_read, 0, read_is },
	{ "close", true, need_used, step_close, 0, close_is },
	{ "unbind", false, need_bound, step_unbind, 0, unbind_is },
};

/* ---- failures --------------------------------------------------------------------- */

static void fail(unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	/* reading this text may be what fails; then there is nothing left to fail */
	if (pwrite(run.fail, text, n, 0) != n)
		(void)!pwrite(run.fail, text, n, 0);
}

/* Whether something failed since; this read may be it, and does not count */
static bool failed(void)
{
	char text[16] = "";
	bool is = pread(run.fail, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	fail(0);
	return is;
}

static int complain(const struct step *step, unsigned int nth, int ret, const char *what)
{
	fprintf(stderr, "failing: %s, failure %u (%s): %s\n", step->name, nth,
		ret ? strerror(-ret) : "success", what);
	return -1;
}

static bool fits(const struct step *step, int ret)
{
	return ret == -ENOMEM || ret == -EFAULT || (step->also && ret == step->also);
}

/* 1 when there was something to fail, 0 when not */
static int try(const struct step *step, unsigned int nth, unsigned int *errors)
{
	bool is;
	int ret;

	if (step->need && step->need())
		return complain(step, nth, -errno, "cannot be brought to where it can be tried");
	fail(nth);
	ret = step->act();
	is = failed();
	errno = 0;
	if (ret && !(is && fits(step, ret)))
		return complain(step, nth, ret, "not an error that fits");
	if (!step->is(ret))
		return complain(step, nth, ret, "and it is otherwise");
	if (all_over_again())
		return complain(step, nth, ret, "does not work afterwards");
	*errors += !!ret;
	return is;
}

static int each_failure(const struct step *step)
{
	unsigned int nth = 0, errors = 0;
	int ret;

	do {
		ret = try(step, ++nth, &errors);
	} while (ret > 0 && nth < FAULTS_MAX);
	printf("%s %u %u\n", step->name, nth - 1, errors);
	fflush(stdout);
	if (ret)	/* what is left of it is not the next step's */
		all_over_again();
	return ret;
}

int main(int argc, char **argv)
{
	int ret = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: failing FUNCTION iommufd|group\n");
		return 2;
	}
	run.name = argv[1];
	run.iommufd = !strcmp(argv[2], "iommufd");
	run.fail = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (run.fail < 0 || all_over_again()) {
		fprintf(stderr, "failing: %s cannot be used, or failures not be had: %s\n",
			run.name, strerror(errno));
		return 2;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++)
		if (run.iommufd || steps[i].differs)
			ret |= each_failure(&steps[i]);
	return ret ? 1 : 0;
}
