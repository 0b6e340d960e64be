// SPDX-License-Identifier: MIT
/*
 * usage: charged FUNCTION CGROUP THREADS [ROOM]
 *
 * A process in CGROUP (a folder of cgroup2) has so many writes to the function
 * under way at once: each waits for a page of user memory that is not given to
 * it until all of them wait. Their store blocks have to be charged to CGROUP, and
 * given back.
 *
 * With ROOM, CGROUP may have so many bytes more than it has before these writes.
 * The process outside that opened the function stores all the while, and must not
 * notice.
 *
 * Exit status: 0; 1 when it is not so; 2 when it cannot be tried.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ism.h"
#include "soak.h"

/* In the command window, behind any command */
#define SCRATCH		(((off_t)VFIO_PCI_BAR2_REGION_INDEX << SHIFT) + 0x100)
#define THREADS_MAX	4096
#define STACK		(64 << 10)
#define SLACK		(64 << 10)	/* of what else is allocated and freed */

static struct {
	const char *cgroup;
	struct ism *ism;
	int fd;
	int uffd;
	uint8_t *pages;		/* one for each thread, not there yet */
	unsigned int threads;
	unsigned int waiting;
	pthread_barrier_t start;
	pthread_barrier_t end;	/* a thread costs something too */
	unsigned int stored;
	unsigned int no_memory;
	unsigned int failed;
} run;

/* ---- the cgroup ------------------------------------------------------------- */

static FILE *cgroup_file(const char *name, const char *mode)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", run.cgroup, name);
	return fopen(path, mode);
}

static long cgroup_value(const char *file, const char *name)
{
	FILE *f = cgroup_file(file, "re");
	long value = -1;
	char key[64];

	if (!f)
		return -1;
	if (!name) {
		if (fscanf(f, "%ld", &value) != 1)
			value = -1;
	} else {
		while (fscanf(f, "%63s %ld", key, &value) == 2 && strcmp(key, name))
			value = -1;
	}
	fclose(f);
	return value;
}

static int cgroup_set(const char *file, long value)
{
	FILE *f = cgroup_file(file, "we");
	int ret;

	if (!f)
		return -1;
	ret = fprintf(f, "%ld", value);
	return fclose(f) || ret < 0 ? -1 : 0;
}

/* Bytes of slab objects; the kernel sums them up every two seconds */
static long charged(void)
{
	sleep(3);
	return cgroup_value("memory.stat", "slab");
}

/* ---- in the cgroup: writes that wait ------------------------------------------ */

static void count(unsigned int *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static void *write_late(void *arg)
{
	const uint8_t *page = arg;
	ssize_t n;

	pthread_barrier_wait(&run.start);
	n = pwrite(run.fd, page, ISM_PAGE / 2, SCRATCH);
	if (n == ISM_PAGE / 2)
		count(&run.stored);
	else if (n < 0 && errno == ENOMEM)
		count(&run.no_memory);
	else
		count(&run.failed);
	pthread_barrier_wait(&run.end);
	return NULL;
}

static int open_pages(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t len = (size_t)run.threads * ISM_PAGE;

	run.pages = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	run.uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (run.pages == MAP_FAILED || run.uffd < 0 ||
	    ioctl(run.uffd, UFFDIO_API, &api))
		return -1;
	reg.range.start = (uintptr_t)run.pages;
	reg.range.len = len;
	return ioctl(run.uffd, UFFDIO_REGISTER, &reg);
}

static int start_threads(pthread_t *thread)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_barrier_init(&run.start, NULL, run.threads + 1);
	pthread_barrier_init(&run.end, NULL, run.threads + 1);
	for (unsigned int i = 0; i < run.threads; i++)
		if (pthread_create(&thread[i], &attr, write_late,
				   run.pages + (size_t)i * ISM_PAGE))
			return -1;
	return 0;
}

/* Until each write waits for its page, or was refused */
static int wait_for_faults(void)
{
	struct pollfd pfd = { .fd = run.uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (run.waiting + __atomic_load_n(&run.no_memory, __ATOMIC_RELAXED) <
	       run.threads) {
		if (poll(&pfd, 1, 100) < 0)
			return -1;
		if (!(pfd.revents & POLLIN))
			continue;
		if (read(run.uffd, &msg, sizeof(msg)) == sizeof(msg))
			run.waiting += msg.event == UFFD_EVENT_PAGEFAULT;
		else if (errno != EAGAIN)
			return -1;
	}
	return 0;
}

static int give_pages(void)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)run.pages,
		.range.len = (size_t)run.threads * ISM_PAGE,
	};

	return ioctl(run.uffd, UFFDIO_ZEROPAGE, &zero);
}

/* With less room than all blocks take, not every writer can have one */
static int judge(long room, long before, long held, long after)
{
	long blocks = (long)run.waiting * ISM_PAGE;

	printf("threads %u\nwaiting %u\nstored %u\nno_memory %u\n", run.threads,
	       run.waiting, run.stored, run.no_memory);
	printf("charged_before %ld\ncharged_meanwhile %ld\ncharged_after %ld\n",
	       before, held, after);
	if (run.failed || run.stored != run.waiting ||
	    run.stored + run.no_memory != run.threads) {
		fprintf(stderr, "charged: %u writes ended otherwise\n", run.failed);
		return 1;
	}
	if (room && !run.no_memory) {
		fprintf(stderr, "charged: nobody was refused, although there was room for %ld bytes alone\n",
			room);
		return 1;
	}
	/* one block may be the device's own, which who opened it pays for */
	if (held - before < blocks - SLACK) {
		fprintf(stderr, "charged: %u writes were under way, and their blocks were not charged\n",
			run.waiting);
		return 1;
	}
	if (after - before > SLACK) {
		fprintf(stderr, "charged: blocks are charged that nobody uses any more\n");
		return 1;
	}
	return 0;
}

static int in_cgroup(long room)
{
	static pthread_t thread[THREADS_MAX];
	long before, held, after;

	if (cgroup_set("cgroup.procs", 0) || open_pages() || start_threads(thread))
		return 2;
	before = charged();
	if (room && cgroup_set("memory.max",
			       cgroup_value("memory.current", NULL) + room))
		return 2;
	pthread_barrier_wait(&run.start);
	if (wait_for_faults())
		return 2;
	held = charged();
	if (give_pages())
		return 2;
	while (__atomic_load_n(&run.stored, __ATOMIC_RELAXED) +
	       __atomic_load_n(&run.failed, __ATOMIC_RELAXED) < run.waiting)
		usleep(1000);
	after = charged();
	pthread_barrier_wait(&run.end);
	for (unsigned int i = 0; i < run.threads; i++)
		pthread_join(thread[i], NULL);
	return judge(room, before, held, after);
}

/* ---- outside ------------------------------------------------------------------ */

/* Whoever stores meanwhile must not notice */
static int store_until_it_ends(pid_t pid, int *status)
{
	uint64_t stores = 0;
	uint32_t value;

	for (; !waitpid(pid, status, WNOHANG); stores++) {
		value = htobe32(stores);
		if (pwrite(run.fd, &value, sizeof(value), SCRATCH) != sizeof(value)) {
			fprintf(stderr, "charged: a store from outside the cgroup: %s\n",
				strerror(errno));
			return -1;
		}
		usleep(1000);
	}
	printf("stores_outside %" PRIu64 "\n", stores);
	return stores ? 0 : -1;
}

/* A process that is over its limit is killed by the kernel, or refused */
static int outcome(int status, long room)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("killed %d\n", WTERMSIG(status));
	if (room && WTERMSIG(status) == SIGKILL &&
	    cgroup_value("memory.events", "oom_kill") > 0)
		return 0;
	fprintf(stderr, "charged: the process in the cgroup was killed by signal %d\n",
		WTERMSIG(status));
	return 1;
}

int main(int argc, char **argv)
{
	long room = argc == 5 ? atol(argv[4]) : 0;
	int status;
	pid_t pid;

	run.threads = argc >= 4 ? strtoul(argv[3], NULL, 0) : 0;
	if (argc > 5 || !run.threads || run.threads > THREADS_MAX) {
		fprintf(stderr, "usage: charged FUNCTION CGROUP THREADS [ROOM]\n");
		return 2;
	}
	run.cgroup = argv[2];
	run.ism = ism_new();
	if (!run.ism || ism_open(run.ism, argv[1], ISM_IOMMU_AUTO)) {
		fprintf(stderr, "charged: %s\n",
			run.ism ? ism_strerror(run.ism) : "out of memory");
		return 2;
	}
	run.fd = ism_device_fd(run.ism);
	pid = fork();
	if (!pid) {
		status = in_cgroup(room);
		exit(status);
	}
	if (pid < 0)
		return 2;
	/* a block that the driver keeps from such a store is not the cgroup's */
	if (room ? store_until_it_ends(pid, &status) : waitpid(pid, &status, 0) < 0)
		return 2;
	return outcome(status, room);
}
