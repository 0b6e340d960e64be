// SPDX-License-Identifier: MIT
/*
 * usage: storm FUNCTION PEER PROCESSES OPERATIONS SEED
 *
 * So many processes write at once to a function that one of them opened, each
 * into its own part of one DMB of PEER, and do what has to fail in between. Each
 * gets the results that are its own, and its bytes arrive where it sent them.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ism.h"
#include "soak.h"

#define PROCESSES_MAX	(ISM_DMB_MAX / ISM_PAGE)
#define NOBODY		(0xffffull << 32)	/* the last token to be given out */
#define HEADER		8

enum kind { STORE, TOO_LONG, CROSSING, NO_MEMORY, NO_TOKEN, LOAD, KINDS };

/**
 * struct account - what a process did, in memory that all share
 * @stores: that arrived
 * @refused: operations that had to fail, and did
 */
struct account {
	uint64_t stores;
	uint64_t refused;
};

static struct {
	struct ism *ism, *peer;
	struct ism_dmb *dmb;
	int fd;
	struct account *account;
	size_t part;		/* bytes of the DMB that a process has */
	uint64_t operations;
} storm;

/**
 * struct writer - one of the processes
 * @nr: its number
 * @state: of its random numbers
 * @sent: what its part of the DMB has to be
 * @buf: what it writes, and behind it no memory
 */
struct writer {
	unsigned int nr;
	uint64_t state;
	uint8_t *sent;
	uint8_t *buf;
};

static int below(struct writer *w, unsigned int n)
{
	return next_random(&w->state) % n;
}

static int complain(const struct writer *w, const char *what, long wanted, long got)
{
	fprintf(stderr, "storm: process %u: %s: wanted %ld, got %ld (%s)\n", w->nr,
		what, wanted, got, got < 0 ? strerror(-got) : "bytes");
	return -1;
}

static int wants(const struct writer *w, const char *what, long wanted, long got)
{
	if (got < 0)
		got = -errno;
	return got == wanted ? 0 : complain(w, what, wanted, got);
}

/* Some bytes of its part, within a page */
static int store(struct writer *w)
{
	size_t at = below(w, storm.part);
	size_t len = 1 + below(w, ISM_PAGE - at % ISM_PAGE);
	const uint8_t *mem = (uint8_t *)storm.dmb->mem + w->nr * storm.part;

	if (len > ism_maxstbl(storm.ism))
		len = ism_maxstbl(storm.ism);
	for (size_t i = 0; i < len; i++)
		w->sent[at + i] = next_random(&w->state);
	memcpy(w->buf, w->sent + at, len);
	if (wants(w, "a store", len,
		  pwrite(storm.fd, w->buf, len,
			 (off_t)(storm.dmb->tok + w->nr * storm.part + at))))
		return -1;
	storm.account[w->nr].stores++;
	return memcmp(mem + at, w->sent + at, len) ?
	       complain(w, "bytes that arrived", len, 0) : 0;
}

/* What has to fail, at once and without an effect on anybody */
static int refused(struct writer *w, enum kind kind)
{
	off_t at = (off_t)(storm.dmb->tok + w->nr * storm.part);

	storm.account[w->nr].refused++;
	switch (kind) {
	case TOO_LONG:
		return wants(w, "a store that is too long", -EINVAL,
			     pwrite(storm.fd, w->sent, ism_maxstbl(storm.ism) + 1, at));
	case CROSSING:
		return wants(w, "a store across a page", -EINVAL,
			     pwrite(storm.fd, w->buf, 2, at + ISM_PAGE - 1));
	case NO_MEMORY:
		return wants(w, "a store of no memory", -EFAULT,
			     pwrite(storm.fd, w->buf + ISM_PAGE - 1, 2, at));
	default:
		return wants(w, "a store to nobody", -EIO,
			     pwrite(storm.fd, w->buf, 1, NOBODY));
	}
}

static int load(struct writer *w)
{
	uint64_t header;

	return wants(w, "a load", HEADER,
		     pread(storm.fd, &header, HEADER,
			   (off_t)VFIO_PCI_BAR2_REGION_INDEX << SHIFT));
}

static int operate(struct writer *w)
{
	enum kind kind = below(w, 2) ? STORE : (enum kind)below(w, KINDS);

	switch (kind) {
	case STORE:
		return store(w);
	case LOAD:
		return load(w);
	default:
		return refused(w, kind);
	}
}

static int writer(unsigned int nr, uint64_t seed)
{
	struct writer w = { .nr = nr, .state = seed + nr };
	const uint8_t *mem = (uint8_t *)storm.dmb->mem + nr * storm.part;

	w.sent = calloc(1, storm.part);
	w.buf = mmap(NULL, 2 * ISM_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!w.sent || w.buf == MAP_FAILED ||
	    mprotect(w.buf + ISM_PAGE, ISM_PAGE, PROT_NONE))
		return 2;
	for (uint64_t i = 0; i < storm.operations; i++)
		if (operate(&w))
			return 1;
	if (!memcmp(mem, w.sent, storm.part))
		return 0;
	complain(&w, "its part of the DMB", 0, -EILSEQ);
	return 1;
}

static int run(unsigned int processes, uint64_t seed)
{
	uint64_t stores = 0, refused = 0;
	int status, failed = 0;

	storm.part = ISM_DMB_MAX / processes / ISM_PAGE * ISM_PAGE;
	for (unsigned int i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 2;
		if (!pid)
			_exit(writer(i, seed));
	}
	while (wait(&status) > 0)
		failed |= status;
	for (unsigned int i = 0; i < processes; i++) {
		stores += storm.account[i].stores;
		refused += storm.account[i].refused;
	}
	printf("operations %" PRIu64 "\nstores %" PRIu64 "\nrefused %" PRIu64 "\n",
	       storm.operations * processes, stores, refused);
	return failed ? 1 : 0;
}

static void *shared(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
}

static int set_up(const char *function, const char *peer)
{
	void *mem = shared(ISM_DMB_MAX);

	storm.account = shared(PROCESSES_MAX * sizeof(*storm.account));
	storm.ism = ism_new();
	storm.peer = ism_new();
	if (mem == MAP_FAILED || storm.account == MAP_FAILED || !storm.ism || !storm.peer)
		return -1;
	if (ism_open(storm.ism, function, ISM_IOMMU_AUTO)) {
		fprintf(stderr, "storm: %s\n", ism_strerror(storm.ism));
		return -1;
	}
	if (ism_open(storm.peer, peer, ISM_IOMMU_AUTO) ||
	    ism_dmb_new(storm.peer, mem, ISM_DMB_MAX, &storm.dmb) ||
	    ism_dmb_register(storm.dmb, ism_gid(storm.ism), ISM_NO_VLAN)) {
		fprintf(stderr, "storm: %s\n", ism_strerror(storm.peer));
		return -1;
	}
	storm.fd = ism_device_fd(storm.ism);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int processes;
	int ret;

	processes = argc == 6 ? strtoul(argv[3], NULL, 0) : 0;
	if (!processes || processes > PROCESSES_MAX) {
		fprintf(stderr, "usage: storm FUNCTION PEER PROCESSES OPERATIONS SEED\n");
		return 2;
	}
	storm.operations = strtoull(argv[4], NULL, 0);
	if (set_up(argv[1], argv[2]))
		return 2;
	ret = run(processes, strtoull(argv[5], NULL, 0));
	ism_free(storm.ism);
	ism_free(storm.peer);
	return ret;
}
