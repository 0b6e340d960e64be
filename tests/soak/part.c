// SPDX-License-Identifier: MIT
/*
 * What the parts of the soak have in common
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "part.h"
#include "soak.h"

#define PATIENCE_MS	60000	/* an interrupt that takes longer is lost */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static unsigned long from_environment(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : 1;
}

/**
 * part_time() - the time of one test
 * @share: of the part's seconds (SOAK_SECONDS), in percent
 *
 * Return: for part_goes_on(), which is asked after each round.
 */
struct part_time part_time(unsigned int share)
{
	int64_t ms = from_environment("SOAK_SECONDS") * 10 * share;

	return (struct part_time){ .end = now_ms() + ms };
}

bool part_goes_on(const struct part_time *time)
{
	return now_ms() < time->end;
}

static __thread struct {
	uint64_t state;
	pid_t of;
} chance;

/* From SOAK_SEED, another sequence in each process and thread */
static void begin_chance(void)
{
	chance.of = getpid();
	chance.state = from_environment("SOAK_SEED") << 32 | gettid();
}

/* A number from 0 to @below - 1 */
unsigned int part_chance(unsigned int below)
{
	if (chance.of != getpid())
		begin_chance();
	return next_random(&chance.state) % below;
}

void part_fill(uint8_t *data, size_t len)
{
	uint64_t bytes = 0;

	if (chance.of != getpid())
		begin_chance();
	for (size_t i = 0; i < len; i++, bytes >>= 8) {
		if (i % sizeof(bytes) == 0)
			bytes = next_random(&chance.state);
		data[i] = (uint8_t)bytes;
	}
}

/* A line of the account; the harness leaves a test without flushing */
void part_did(const char *what, unsigned long count)
{
	printf("# did: %s %lu\n", what, count);
	fflush(stdout);
}

/* Either way to a vfio device */
enum ism_iommu part_interface(void)
{
	if (access("/dev/iommu", F_OK))
		return ISM_IOMMU_GROUP;
	return part_chance(2) ? ISM_IOMMU_GROUP : ISM_IOMMU_IOMMUFD;
}

/* A function that moves to itself, and gets each byte and each interrupt */

static bool comes_back(struct ism *ism, struct ism_dmb *dmb)
{
	uint8_t data[ISM_PAGE];
	struct ism_event ev;

	part_fill(data, sizeof(data));
	if (ism_move(ism, dmb->tok, ISM_PAGE / 2, data, sizeof(data), 7))
		return false;
	if (ism_wait(ism, PATIENCE_MS) != 1 || !ism_next_event(ism, &ev))
		return false;
	return ev.kind == ISM_EVENT_SIGNAL && ism_signal_in(ev.mask, 7) &&
	       !memcmp((uint8_t *)dmb->mem + ISM_PAGE / 2, data, sizeof(data));
}

static void stand_by(struct bystander *b, const char *function)
{
	struct ism *ism = ism_new();
	struct ism_dmb *dmb;

	if (!ism || ism_open(ism, function, part_interface()) ||
	    ism_dmb_alloc(ism, 2 * ISM_PAGE, ism_gid(ism), ISM_NO_VLAN, &dmb))
		goto failed;
	while (!b->shared->stop) {
		if (!comes_back(ism, dmb))
			goto failed;
		__atomic_add_fetch(&b->shared->moves, 1, __ATOMIC_RELEASE);
		usleep(2000);
	}
	ism_free(ism);
	_exit(0);
failed:
	snprintf(b->shared->why, sizeof(b->shared->why), "after %lu moves: %s",
		 b->shared->moves, ism_strerror(ism));
	_exit(1);
}

/**
 * bystander_start() - have a function work on its own
 * @b: filled in
 * @function: which nobody else uses
 *
 * Return: 0 once it works.
 */
int bystander_start(struct bystander *b, const char *function)
{
	b->shared = mmap(NULL, sizeof(*b->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->shared == MAP_FAILED)
		return -1;
	b->pid = fork();
	if (!b->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		stand_by(b, function);
	}
	while (!__atomic_load_n(&b->shared->moves, __ATOMIC_ACQUIRE)) {
		if (waitpid(b->pid, NULL, WNOHANG))
			return -1;
		usleep(1000);
	}
	return 0;
}

/**
 * bystander_stop() - end it
 * @b: that was started
 *
 * Return: what failed, empty if nothing did.
 */
const char *bystander_stop(struct bystander *b)
{
	int status;

	b->shared->stop = true;
	if (waitpid(b->pid, &status, 0) != b->pid)
		return "it is gone";
	part_did("operations", b->shared->moves);
	if (status && !b->shared->why[0])
		return "it died";
	return b->shared->why;
}

/* Binding, without the pace of a shell */

int part_write(const char *path, const char *text)
{
	ssize_t len = strlen(text), n;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		n = -errno;
	close(fd);
	return n == len ? 0 : n < 0 ? (int)n : -EIO;
}

/* The driver's nodes are there when it has returned: devtmpfs makes them */
int part_bind(const char *function)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), DEVICES "%s/driver_override", function);
	ret = part_write(path, "ism_vfio_pci");
	if (!ret)
		ret = part_write("/sys/bus/pci/drivers_probe", function);
	snprintf(path, sizeof(path), DEVICES "%s/ism_vfio/maxstbl", function);
	return ret ?: access(path, F_OK) ? -errno : 0;
}

int part_unbind(const char *function)
{
	return part_write("/sys/bus/pci/drivers/ism_vfio_pci/unbind", function);
}

/*
 * A function that was configured or recovered in place has no reset method: see
 * Documentation/upstream.rst. One that is found by a scan has.
 */
int part_rescan(const char *function)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), DEVICES "%s/remove", function);
	ret = part_write(path, "1");
	return ret ?: part_write("/sys/bus/pci/rescan", "1");
}
