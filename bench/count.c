// SPDX-License-Identifier: MIT
/*
 * What calls on a vfio device of an ISM function cost
 *
 * Measured with the TOD clock, which "qemu -icount shift=0" moves on by one
 * nanosecond for each instruction. Works with any driver that offers ISM's BARs
 * through vfio with iommufd, and with the node of bench/floor.c; so it cannot
 * use libism, which wants to know more of the function than vfio tells. What a
 * driver cannot do is left out.
 *
 *   bench count ROUNDS FUNCTION-OR-NODE RECEIVER [OPERATION...]
 *	prints "OPERATION<tab>MINIMUM<tab>MEDIAN<tab>ROUNDS" lines, in
 *	instructions; of all operations, or of those named
 *   bench steps FUNCTION
 *	opens the function, writes to it and closes it, and says so in the
 *	kernel's trace, where its memory can be counted
 *   bench writers TIMES FUNCTION-OR-NODE RECEIVER
 *	lets one thread write, then 16 at the same time, and so on; prints how
 *	many writes all times were of one thread, and as many of 16, and the
 *	median of the CPU time of 16 as a multiple of that of one
 */

#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "ism.h"		/* the commands and their numbers */

#define MIB		(1u << 20)
#define SBA_OFFSET	MIB
#define IEQ_OFFSET	(SBA_OFFSET + ISM_PAGE)
#define SEEN_OFFSET	(IEQ_OFFSET + ISM_PAGE)
#define IEQ_LEN		512
#define SHARED_LEN	(MIB + 3 * ISM_PAGE)
#define SIGNAL_FLAG	(1u << 23)
#define DMB_INDEX	ISM_DMB_FIRST
#define MAX_ROUNDS	10000

/**
 * struct function - one that is open
 * @name: PCI name, or the path of the floor's node
 * @node: its vfio device node
 * @fd: its file
 * @bar0: where that region is in it
 * @bar2: and that one
 * @config: and config space, 0 where it has none
 * @gid: what READ_GID says, 0 where the driver cannot tell
 */
struct function {
	const char *name;
	char node[64];
	int fd;
	uint64_t bar0, bar2, config;
	uint64_t gid;
};

/**
 * struct bench - all that operations need
 * @a: the function that is measured
 * @b: the one that it stores to
 * @iommu: iommufd for both
 * @null: /dev/null
 * @src: a MiB to store
 * @pages: the pages of it
 * @dst: @b's DMB, then its SBA and its event queue
 * @dmb: where that DMB is in @a's file
 * @irq: eventfd of @b's interrupt
 * @reply: a pipe by which the receiver answers
 * @seen: when the receiver saw the interrupt
 */
struct bench {
	struct function a, b;
	int iommu;
	int null;
	char *src;
	struct iovec pages[MIB / ISM_PAGE];
	uint8_t *dst;
	uint64_t dmb;
	int irq;
	int reply[2];
	volatile uint64_t *seen;
};

/* The clock: bit 51 is a microsecond */
static inline uint64_t now(void)
{
#ifdef __s390x__
	uint64_t tod;

	asm volatile("stckf %0" : "=Q" (tod) : : "cc");
	return tod;
#else
	errx(1, "this program counts with s390x's TOD clock");
#endif
}

static uint64_t nanoseconds(uint64_t tod)
{
	return (tod * 125 + 256) / 512;
}

/* ---- functions --------------------------------------------------------------- */

static uint64_t region_offset(const struct function *f, unsigned int index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (ioctl(f->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "%s: region %u", f->name, index);
	return info.offset;
}

static void find_node(struct function *f)
{
	char pattern[128];
	glob_t found;

	snprintf(pattern, sizeof(pattern),
		 "/sys/bus/pci/devices/%s/vfio-dev/vfio*", f->name);
	if (glob(pattern, 0, NULL, &found))
		errx(1, "%s has no vfio device node: is a vfio driver bound to it, and does the kernel have CONFIG_VFIO_DEVICE_CDEV?",
		     f->name);
	snprintf(f->node, sizeof(f->node), "/dev/vfio/devices/%s",
		 strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
}

static int open_device(const struct function *f, int iommu)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = iommu,
	};
	int fd = open(f->node, O_RDWR);

	if (fd < 0)
		err(1, "%s", f->node);
	if (ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		err(1, "%s: cannot bind it to iommufd", f->node);
	return fd;
}

static void open_function(struct function *f, int iommu)
{
	uint16_t cmd;

	if (!f->node[0]) {
		f->fd = open(f->name, O_RDWR);
		if (f->fd < 0)
			err(1, "%s", f->name);
		f->bar2 = 2ull << 48;
		return;
	}

	f->fd = open_device(f, iommu);
	f->bar0 = region_offset(f, VFIO_PCI_BAR0_REGION_INDEX);
	f->bar2 = region_offset(f, VFIO_PCI_BAR2_REGION_INDEX);
	f->config = region_offset(f, VFIO_PCI_CONFIG_REGION_INDEX);

	if (pread(f->fd, &cmd, sizeof(cmd), f->config + PCI_COMMAND) !=
	    sizeof(cmd))
		err(1, "%s: command register", f->name);
	cmd |= htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (pwrite(f->fd, &cmd, sizeof(cmd), f->config + PCI_COMMAND) !=
	    sizeof(cmd))
		err(1, "%s: command register", f->name);
}

/* ---- commands of the device ----------------------------------------------------- */

struct header {
	uint32_t code;
	uint16_t ret;
	uint16_t len;
};

/* The body first, then the header, which is the doorbell; then the answer */
static bool command(const struct function *f, uint32_t code, const void *body,
		    size_t len, uint64_t *value)
{
	struct header h = {
		.code = htobe32(code),
		.len = htobe16(sizeof(h) + len),
	};

	if (len && pwrite(f->fd, body, len, f->bar2 + sizeof(h)) != (ssize_t)len)
		return false;
	if (pwrite(f->fd, &h, sizeof(h), f->bar2) != sizeof(h))
		return false;
	if (pread(f->fd, &h, sizeof(h), f->bar2) != sizeof(h) || h.ret)
		return false;
	return !value || pread(f->fd, value, sizeof(*value),
			       f->bar2 + sizeof(h)) == sizeof(*value);
}

static bool read_gid(struct function *f)
{
	return command(f, ISM_CMD_READ_GID, NULL, 0, &f->gid);
}

static bool register_memory(struct bench *b, uint64_t iova)
{
	uint64_t token;
	uint64_t sba = htobe64(iova + SBA_OFFSET);
	uint64_t ieq[2] = { htobe64(iova + IEQ_OFFSET), htobe64(IEQ_LEN) };
	struct {
		uint64_t iova;
		uint32_t len, index, vlan_valid, vlan;
		uint64_t rgid;
	} dmb = {
		.iova = htobe64(iova),
		.len = htobe32(MIB),
		.index = htobe32(DMB_INDEX),
		.rgid = b->a.gid,
	};

	if (!command(&b->b, ISM_CMD_REG_SBA, &sba, sizeof(sba), NULL) ||
	    !command(&b->b, ISM_CMD_REG_IEQ, ieq, sizeof(ieq), NULL) ||
	    !command(&b->b, ISM_CMD_REG_DMB, &dmb, sizeof(dmb), &token))
		return false;
	b->dmb = b->a.bar0 + be64toh(token);
	return true;
}

/* ---- set-up ------------------------------------------------------------------ */

/*
 * Memory that the receiver's process shares, at an IOVA that the kernel takes;
 * a DMB must not cross a MiB, so it begins at one
 */
static uint64_t map(struct bench *b)
{
	struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.length = MIB + SHARED_LEN,
	};
	void *mem = mmap(NULL, map.length, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		err(1, "no memory for a DMB");
	if (ioctl(b->iommu, IOMMU_IOAS_ALLOC, &ioas))
		err(1, "no IO address space");
	attach.pt_id = map.ioas_id = ioas.out_ioas_id;
	if (ioctl(b->b.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		err(1, "%s: cannot attach it to an IO address space",
		    b->b.name);
	map.user_va = (uintptr_t)mem;
	if (ioctl(b->iommu, IOMMU_IOAS_MAP, &map))
		err(1, "cannot map memory for %s", b->b.name);
	b->dst = (uint8_t *)mem + -map.iova % MIB;
	return map.iova + -map.iova % MIB;
}

static void set_interrupt(struct bench *b)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} u = {
		.set = {
			.argsz = sizeof(u.bytes),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = 1,
		},
	};

	b->irq = eventfd(0, 0);
	memcpy(u.bytes + sizeof(u.set), &b->irq, sizeof(int32_t));
	if (b->irq < 0 || ioctl(b->b.fd, VFIO_DEVICE_SET_IRQS, &u))
		err(1, "%s: cannot set up its interrupt", b->b.name);
}

/*
 * The peer: notes when it sees an interrupt, clears the bits that the next one
 * depends on, and says that it is ready
 */
static void receiver(struct bench *b)
{
	volatile uint8_t *sba = b->dst + SBA_OFFSET;
	uint64_t count;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(b->irq, &count, sizeof(count)) == sizeof(count)) {
		*b->seen = now();
		memset((void *)sba, 0, ISM_PAGE);
		if (write(b->reply[1], "", 1) != 1)
			break;
	}
	_exit(1);
}

/* Whatever needs commands, which some drivers cannot give */
static bool connect_functions(struct bench *b)
{
	if (!read_gid(&b->a))
		return false;
	set_interrupt(b);
	if (!register_memory(b, map(b)))
		errx(1, "%s: the device refuses its memory", b->b.name);
	b->seen = (void *)(b->dst + SEEN_OFFSET);
	if (pipe(b->reply))
		err(1, "no pipe");
	switch (fork()) {
	case -1:
		err(1, "no second process");
	case 0:
		receiver(b);
	}
	return true;
}

/* ---- operations: each returns when it was done, or 0 if it cannot be ------------- */

static uint64_t done(bool ok)
{
	return ok ? now() : 0;
}

static uint64_t nothing(struct bench *b, size_t len)
{
	(void)b;
	(void)len;
	return done(true);
}

static uint64_t empty_syscall(struct bench *b, size_t len)
{
	(void)b;
	(void)len;
	return done(getppid());
}

static uint64_t write_null(struct bench *b, size_t len)
{
	return done(pwrite(b->null, b->src, len, 0) == (ssize_t)len);
}

static uint64_t store(struct bench *b, size_t len)
{
	return done(pwrite(b->a.fd, b->src, len, b->dmb) == (ssize_t)len);
}

/* From the command window: ISM's other BAR cannot be read */
static uint64_t load(struct bench *b, size_t len)
{
	return done(pread(b->a.fd, b->src, len, b->a.bar2) == (ssize_t)len);
}

static uint64_t config_read(struct bench *b, size_t len)
{
	return done(b->a.config && pread(b->a.fd, b->src, len, b->a.config) ==
				   (ssize_t)len);
}

static uint64_t region_info(struct bench *b, size_t index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	return done(!ioctl(b->a.fd, VFIO_DEVICE_GET_REGION_INFO, &info));
}

static uint64_t open_close(struct bench *b, size_t len)
{
	(void)len;
	return done(b->a.node[0] && !close(open_device(&b->a, b->iommu)));
}

static uint64_t store_pages(struct bench *b, size_t len)
{
	for (size_t at = 0; at < len; at += ISM_PAGE)
		if (pwrite(b->a.fd, b->src + at, ISM_PAGE, b->dmb + at) !=
		    ISM_PAGE)
			return 0;
	return now();
}

static uint64_t store_vector(struct bench *b, size_t len)
{
	size_t part = len < MIB ? len : MIB;

	for (size_t at = 0; at < len; at += part)
		if (pwritev(b->a.fd, b->pages, part / ISM_PAGE, b->dmb) !=
		    (ssize_t)part)
			return 0;
	return now();
}

static uint64_t interrupt(struct bench *b, size_t len)
{
	char ready;

	if (pwrite(b->a.fd, b->src, len, b->dmb | SIGNAL_FLAG) != (ssize_t)len ||
	    read(b->reply[0], &ready, 1) != 1)
		return 0;
	return *b->seen;
}

static uint64_t ask_gid(struct bench *b, size_t len)
{
	(void)len;
	return done(read_gid(&b->a));
}

static const struct operation {
	const char *name;
	uint64_t (*run)(struct bench *b, size_t arg);
	size_t arg;
	unsigned int share;	/* of the rounds asked for: one in so many */
	bool needs_peer;
} operations[] = {
	{ "empty system call", empty_syscall, 0, 1, false },
	{ "pwrite to /dev/null", write_null, ISM_PAGE, 1, false },
	{ "pwrite 1", store, 1, 1, true },
	{ "pwrite 8", store, 8, 1, true },
	{ "pwrite 64", store, 64, 1, true },
	{ "pwrite 512", store, 512, 1, true },
	{ "pwrite 4096", store, 4096, 1, true },
	{ "pread 1", load, 1, 1, false },
	{ "pread 8", load, 8, 1, false },
	{ "pread 64", load, 64, 1, false },
	{ "pread 512", load, 512, 1, false },
	{ "pread 4096", load, 4096, 1, false },
	{ "config read 4", config_read, 4, 1, false },
	{ "GET_REGION_INFO", region_info, 0, 1, false },
	{ "READ_GID", ask_gid, 0, 1, true },
	{ "signal to interrupt seen", interrupt, 1, 1, true },
	{ "1 MiB by 256 pwrites", store_pages, MIB, 20, true },
	{ "1 MiB by pwritev", store_vector, MIB, 20, true },
	{ "64 KiB by pwritev", store_vector, MIB / 16, 20, true },
	{ "64 MiB by pwritev", store_vector, 64 * MIB, 400, true },
};

static const struct operation baseline = { "nothing", nothing, 0, 1, false };
/* Before the function is opened for the others */
static const struct operation open_operation = {
	"open and close", open_close, 0, 20, false
};

/* ---- measuring ---------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A profile is of what runs between two passes of this: see bench/profile.c */
static void __attribute__((noinline)) mark(void)
{
	asm volatile("");
}

/* Samples in order, or nothing if the operation cannot be done */
static unsigned int sample(struct bench *b, const struct operation *op,
			   unsigned int rounds, uint64_t *samples)
{
	unsigned int warm = 1 + rounds / 4;

	for (unsigned int i = 0; i < warm + rounds; i++) {
		uint64_t start, end;

		if (i == warm && op != &baseline)
			mark();
		start = now();
		end = op->run(b, op->arg);
		if (!end)
			return 0;
		if (i >= warm)
			samples[i - warm] = nanoseconds(end - start);
	}
	if (op != &baseline)
		mark();
	qsort(samples, rounds, sizeof(*samples), compare);
	return rounds;
}

static void measure(struct bench *b, const struct operation *op,
		    unsigned int rounds)
{
	static uint64_t samples[MAX_ROUNDS];
	static uint64_t overhead;
	unsigned int n;

	n = sample(b, &baseline, rounds, samples);
	overhead = samples[0];
	n = sample(b, op, 1 + rounds / op->share, samples);
	if (n)
		printf("%s\t%" PRIu64 "\t%" PRIu64 "\t%u\n", op->name,
		       samples[0] - overhead, samples[n / 2] - overhead, n);
}

static void prepare_source(struct bench *b)
{
	b->src = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b->null = open("/dev/null", O_WRONLY);
	if (b->src == MAP_FAILED || b->null < 0)
		err(1, "no memory, or no /dev/null");
	memset(b->src, 1, MIB);
	for (size_t i = 0; i < MIB / ISM_PAGE; i++) {
		b->pages[i].iov_base = b->src + i * ISM_PAGE;
		b->pages[i].iov_len = ISM_PAGE;
	}
}

static void find_all(struct bench *b, const char *function,
		     const char *receiver)
{
	b->a.name = function;
	b->b.name = receiver;
	if (function[0] != '/')
		find_node(&b->a);
	find_node(&b->b);
	b->iommu = open("/dev/iommu", O_RDWR);
	if (b->iommu < 0)
		err(1, "/dev/iommu");
	prepare_source(b);
}

static bool open_all(struct bench *b)
{
	open_function(&b->a, b->iommu);
	open_function(&b->b, b->iommu);
	return connect_functions(b);
}

static bool selected(const struct operation *op, char **names)
{
	bool found = !*names;

	for (; *names && !found; names++)
		found = !strcmp(op->name, *names);
	return found;
}

static void count(int argc, char **argv)
{
	static struct bench b;
	unsigned int rounds;
	bool peer;

	rounds = argc < 3 ? 0 : atoi(argv[0]);
	if (!rounds || rounds >= MAX_ROUNDS)
		errx(2, "usage: bench count ROUNDS FUNCTION-OR-NODE RECEIVER [OPERATION...], with at most %u rounds",
		     MAX_ROUNDS - 1);
	find_all(&b, argv[1], argv[2]);
	if (selected(&open_operation, argv + 3))
		measure(&b, &open_operation, rounds);
	peer = open_all(&b);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if ((peer || !operations[i].needs_peer) &&
		    selected(&operations[i], argv + 3))
			measure(&b, &operations[i], rounds);
}

/* ---- memory ---------------------------------------------------------------------- */

static void step(int fd, const char *name)
{
	if (write(fd, name, strlen(name)) < 0)
		err(1, "trace_marker");
}

static void steps(int argc, char **argv)
{
	int trace = open("/sys/kernel/tracing/trace_marker", O_WRONLY);
	int iommu = open("/dev/iommu", O_RDWR);
	struct function f = { .name = argv[0] };
	char data[64] = "";

	if (argc != 1 || iommu < 0 || trace < 0)
		errx(2, "usage: bench steps FUNCTION, with iommufd and tracefs");
	find_node(&f);
	step(trace, "open");
	open_function(&f, iommu);
	/* to where the command window has no command */
	step(trace, "write");
	if (pwrite(f.fd, data, sizeof(data), f.bar2 + ISM_WINDOW) < 0)
		err(1, "%s: write", f.name);
	step(trace, "close");
	close(f.fd);
	step(trace, "end");
}

/* ---- many writers ------------------------------------------------------------------ */

#define WRITERS	16
#define WRITES	32000		/* of all of them together */
#define MOST_TIMES 99

struct writer {
	pthread_t thread;
	pthread_barrier_t *together;	/* before the first write, after the last */
	struct bench *bench;
	unsigned int writes;
};

static void *writer(void *data)
{
	struct writer *w = data;
	struct bench *b = w->bench;

	pthread_barrier_wait(w->together);
	for (unsigned int i = 0; i < w->writes; i++)
		if (!store(b, ISM_PAGE))
			err(1, "write");
	pthread_barrier_wait(w->together);
	return NULL;
}

/* CPU time of all writes when @n threads share them, in nanoseconds */
static uint64_t write_time(struct bench *b, unsigned int n)
{
	struct writer writers[WRITERS];
	pthread_barrier_t together;
	struct timespec from, to;

	pthread_barrier_init(&together, NULL, n + 1);
	for (unsigned int i = 0; i < n; i++) {
		writers[i].together = &together;
		writers[i].bench = b;
		writers[i].writes = WRITES / n;
		if (pthread_create(&writers[i].thread, NULL, writer,
				   &writers[i]))
			errx(1, "no thread");
	}
	mark();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	mark();
	for (unsigned int i = 0; i < n; i++)
		pthread_join(writers[i].thread, NULL);
	pthread_barrier_destroy(&together);
	return (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
}

/* One and 16 in turn, for the host is not the same all the time */
static void writers(int argc, char **argv)
{
	static struct bench b;
	uint64_t percent[MOST_TIMES];
	int times;

	if (argc != 3)
		errx(2, "usage: bench writers TIMES FUNCTION-OR-NODE RECEIVER");
	times = atoi(argv[0]);
	if (times < 1 || times > MOST_TIMES)
		errx(2, "TIMES is 1 to %u", MOST_TIMES);
	find_all(&b, argv[1], argv[2]);
	if (!open_all(&b))
		errx(1, "%s cannot be written", argv[1]);
	for (int i = 0; i < times; i++) {
		uint64_t one = write_time(&b, 1);

		percent[i] = write_time(&b, WRITERS) * 100 / one;
	}
	qsort(percent, times, sizeof(*percent), compare);
	printf("%u %.2f\n", times * WRITES, percent[times / 2] / 100.0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(int argc, char **argv);
	} modes[] = {
		{ "count", count },
		{ "steps", steps },
		{ "writers", writers },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name)) {
			modes[i].run(argc - 2, argv + 2);
			return 0;
		}
	errx(2, "usage: bench count|steps|writers ...");
}
