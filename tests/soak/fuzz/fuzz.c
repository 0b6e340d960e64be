// SPDX-License-Identifier: MIT
/*
 * usage: fuzz [-n OPERATIONS] [-t SECONDS] [-s SEED] [-e EPISODE] FUNCTION PEER [FUNCTION]
 *
 * Drives one or two functions, each from a thread, with random operations,
 * and compares what happens with what the contract foretells: returned values
 * and errors, bytes read, bytes in the DMB and around, signals, interrupts, and
 * each instruction that reached a function, by the driver's trace events. PEER
 * owns the DMBs. The functions are bound to ism_vfio_pci; root and tracefs are
 * needed.
 *
 * A difference ends the run. Its episode is then run again with fewer and fewer
 * operations, and the few that are left are printed. "-e EPISODE" is that one
 * episode again.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "fuzz.h"

#define CMD_REG_SBA	0x01
#define CMD_UNREG_SBA	0x11
#define CMD_UNREG_IEQ	0x12
#define EPISODES_AT_LEAST 64	/* whatever the time */
#define FUNCTIONS	2
#define WHY_LEN		256

/**
 * struct worker - a thread and its function
 * @thread: the thread
 * @target: the function
 * @op: operations of the episode
 * @foretold: what the oracle says
 * @seen: what was so
 * @why: what differs, empty while nothing does
 * @episode: the one that is run, or that differed
 * @ops: operations done, by kind
 * @insns: instructions that reached the function
 * @errors: operations that failed as they have to
 */
struct worker {
	pthread_t thread;
	struct target target;
	struct op op[OPS_PER_EPISODE];
	struct outcome foretold;
	struct outcome seen;
	char why[WHY_LEN];
	uint64_t episode;
	uint64_t ops[OP_KINDS];
	uint64_t insns;
	uint64_t errors;
};

static struct {
	uint64_t seed;
	uint64_t episodes;
	uint64_t next;
	time_t until;
	bool stop;
} run;

static bool differ(struct worker *w, const char *what, long wanted, long got)
{
	snprintf(w->why, sizeof(w->why), "%s: foretold %#lx (%ld), was %#lx (%ld)",
		 what, wanted, wanted, got, got);
	return false;
}

static bool same_data(struct worker *w)
{
	const struct outcome *a = &w->foretold, *b = &w->seen;
	size_t i = 0;
	char what[32];

	if (!memcmp(a->data, b->data, a->len))
		return true;
	while (a->data[i] == b->data[i])
		i++;
	snprintf(what, sizeof(what), "byte %zu that was read", i);
	return differ(w, what, a->data[i], b->data[i]);
}

static bool same_outcome(struct worker *w)
{
	static const char *const irqs[EFDS] = {
		[EFD_MSI] = "interrupts", [EFD_ERR] = "errors", [EFD_REQ] = "requests",
	};
	const struct outcome *a = &w->foretold, *b = &w->seen;

	if (a->ret != b->ret)
		return differ(w, "result", a->ret, b->ret);
	if (a->len != b->len)
		return differ(w, "length", a->len, b->len);
	for (int i = 0; i < EFDS; i++)
		if (a->signalled[i] != b->signalled[i])
			return differ(w, irqs[i], a->signalled[i], b->signalled[i]);
	return same_data(w);
}

/* ---- what an episode leaves ------------------------------------------------ */

static bool same_insn(struct worker *w, unsigned int i)
{
	const struct insn *a = &w->target.model.insn[i];
	const struct insn *b = &w->target.trace.insn[i];

	if (a->store == b->store && a->bar == b->bar && a->len == b->len &&
	    a->result == b->result && a->offset == b->offset)
		return true;
	snprintf(w->why, sizeof(w->why),
		 "instruction %u: foretold %s of %u at BAR%u + %#" PRIx64 " gives %d, was %s of %u at BAR%u + %#" PRIx64 " gives %d",
		 i, a->store ? "PCISTB" : "PCILG", a->len, a->bar, a->offset,
		 a->result, b->store ? "PCISTB" : "PCILG", b->len, b->bar,
		 b->offset, b->result);
	return false;
}

static bool same_insns(struct worker *w)
{
	const struct model *m = &w->target.model;
	int n = trace_read(&w->target.trace);

	for (unsigned int i = 0; i < m->nr_insns && (int)i < n; i++)
		if (!same_insn(w, i))
			return false;
	w->insns += m->nr_insns;
	return (int)m->nr_insns == n ||
	       differ(w, "instructions", m->nr_insns, n);
}

static bool same_memory(struct worker *w)
{
	const struct model *m = &w->target.model;
	const uint8_t *mem = w->target.dmb->mem;
	uint16_t signals = target_signals(&w->target);

	if (m->signals != signals)
		return differ(w, "signals", m->signals, signals);
	if (!memcmp(m->dmb, mem, DMB_LEN))
		return true;
	for (size_t i = 0; i < DMB_LEN; i++) {
		char what[32];

		if (m->dmb[i] == mem[i])
			continue;
		snprintf(what, sizeof(what), "byte %#zx of the DMB", i);
		return differ(w, what, m->dmb[i], mem[i]);
	}
	return true;
}

/* ---- episodes -------------------------------------------------------------- */

/* Whether all is as foretold; w->why says what is not */
static bool run_ops(struct worker *w, const struct op *op, unsigned int n)
{
	struct target *t = &w->target;

	if (target_settle(t, w->why[0]))
		return differ(w, "bringing the function to its first state",
			      0, -errno);
	for (unsigned int i = 0; i < n; i++) {
		oracle_foretell(&t->model, &op[i], &w->foretold);
		op_perform(t, &op[i], &w->seen);
		w->ops[op[i].kind]++;
		w->errors += w->seen.ret < 0;
		if (!same_outcome(w))
			return false;
	}
	if (!target_is_quiet(t))
		return differ(w, "interrupts that nobody asked for", 0, 1);
	return same_insns(w) && same_memory(w);
}

static bool run_episode(struct worker *w, uint64_t episode)
{
	uint64_t state = episode;

	w->episode = episode;
	for (unsigned int i = 0; i < OPS_PER_EPISODE; i++)
		op_draw(&w->op[i], &w->target.model, &state);
	return run_ops(w, w->op, OPS_PER_EPISODE);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&run.stop, __ATOMIC_RELAXED)) {
		uint64_t nr = __atomic_fetch_add(&run.next, 1, __ATOMIC_RELAXED);
		uint64_t state = run.seed + nr;

		if (nr >= run.episodes)
			break;
		if (nr >= EPISODES_AT_LEAST && run.until && time(NULL) >= run.until)
			break;
		if (!run_episode(w, next_random(&state)))
			__atomic_store_n(&run.stop, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* ---- a difference ---------------------------------------------------------- */

/* Without @len operations from @at on, does it still differ? Then leave it so. */
static bool can_do_without(struct worker *w, unsigned int at, unsigned int len,
			   unsigned int *n)
{
	struct op left[OPS_PER_EPISODE];

	memcpy(left, w->op, at * sizeof(*left));
	memcpy(left + at, w->op + at + len, (*n - at - len) * sizeof(*left));
	if (run_ops(w, left, *n - len))
		return false;
	*n -= len;
	memcpy(w->op, left, *n * sizeof(*left));
	return true;
}

static unsigned int shrink(struct worker *w)
{
	unsigned int n = OPS_PER_EPISODE, len, at;

	for (len = n / 2; len; len /= 2)
		for (at = 0; at + len <= n;)
			if (n == len || !can_do_without(w, at, len, &n))
				at += len;
	return n;
}

static void report(struct worker *w)
{
	unsigned int n;

	printf("DIFFERENCE in episode %#" PRIx64 ", %s: %s\n", w->episode,
	       w->target.name, w->why);
	if (run_episode(w, w->episode)) {
		printf("It does not happen again when only this episode is run.\n");
		return;
	}
	n = shrink(w);
	run_ops(w, w->op, n);	/* for what differs now */
	printf("Of its %u operations, which \"fuzz -e %#" PRIx64 "\" runs, %u suffice:\n",
	       OPS_PER_EPISODE, w->episode, n);
	for (unsigned int i = 0; i < n; i++) {
		printf("  ");
		op_print(&w->op[i], &w->target.model);
		printf("\n");
	}
	printf("%s\n", w->why);
}

/* ---- the run --------------------------------------------------------------- */

static void table(const struct worker *w, unsigned int n)
{
	uint64_t insns = 0, errors = 0, all = 0;

	for (int kind = 0; kind < OP_KINDS; kind++) {
		uint64_t ops = 0;

		for (unsigned int i = 0; i < n; i++)
			ops += w[i].ops[kind];
		printf("%-20s %12" PRIu64 "\n", op_name(kind), ops);
		all += ops;
	}
	for (unsigned int i = 0; i < n; i++) {
		insns += w[i].insns;
		errors += w[i].errors;
	}
	printf("did: operations %" PRIu64 "\n", all);
	printf("did: refusals %" PRIu64 "\n", errors);
	printf("did: instructions %" PRIu64 "\n", insns);
	printf("did: seed %" PRIu64 "\n", run.seed);
}

static int fuzz(struct worker *w, unsigned int n)
{
	int ret = 0;

	for (unsigned int i = 0; i < n; i++)
		if (pthread_create(&w[i].thread, NULL, work, &w[i]))
			return 2;
	for (unsigned int i = 0; i < n; i++)
		pthread_join(w[i].thread, NULL);
	table(w, n);
	for (unsigned int i = 0; i < n; i++) {
		if (!w[i].why[0])
			continue;
		report(&w[i]);
		ret = 1;
	}
	return ret;
}

static int again(struct worker *w, uint64_t episode)
{
	if (run_episode(w, episode))
		return 0;
	report(w);
	return 1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: fuzz [-n OPERATIONS] [-t SECONDS] [-s SEED] [-e EPISODE] FUNCTION PEER [FUNCTION]\n");
	return 2;
}

/*
 * Give the receiver status bits that can be looked at here: an interrupt comes later
 * than the store that it is for. It gets no events by its handle any more.
 */
static void *peer_sba(struct ism *peer)
{
	void *sba = mmap(NULL, ISM_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ism_dmb *mapped;
	uint64_t iova;

	if (sba == MAP_FAILED || ism_dmb_new(peer, sba, ISM_PAGE, &mapped))
		goto failed;
	iova = htobe64(mapped->iova);
	/* the device lets go of them in this order */
	if (ism_cmd(peer, CMD_UNREG_IEQ, NULL, 0, NULL, 0) ||
	    ism_cmd(peer, CMD_UNREG_SBA, NULL, 0, NULL, 0) ||
	    ism_cmd(peer, CMD_REG_SBA, &iova, sizeof(iova), NULL, 0))
		goto failed;
	return sba;

failed:
	fprintf(stderr, "fuzz: no status bits for the receiver: %s\n",
		ism_strerror(peer));
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker w[FUNCTIONS];
	uint64_t operations = UINT64_MAX / 2, episode = 0;
	struct ism *peer = ism_new();
	unsigned int n;
	void *sba;
	int opt;

	run.seed = time(NULL);
	while ((opt = getopt(argc, argv, "n:t:s:e:")) != -1) {
		if (opt == 'n')
			operations = strtoull(optarg, NULL, 0);
		else if (opt == 't')
			run.until = time(NULL) + atoi(optarg);
		else if (opt == 's')
			run.seed = strtoull(optarg, NULL, 0);
		else if (opt == 'e')
			episode = strtoull(optarg, NULL, 0);
		else
			return usage();
	}
	argv += optind;
	argc -= optind;
	if (!peer || (argc != 2 && argc != 3))
		return usage();

	op_init();
	run.episodes = (operations + OPS_PER_EPISODE - 1) / OPS_PER_EPISODE;
	if (ism_open(peer, argv[1], ISM_IOMMU_AUTO)) {
		fprintf(stderr, "fuzz: %s\n", ism_strerror(peer));
		return 2;
	}
	sba = peer_sba(peer);
	if (!sba)
		return 2;
	n = argc - 1;
	for (unsigned int i = 0; i < n; i++)
		/* the second one by the older interface */
		if (target_open(&w[i].target, argv[2 * i],
				i ? ISM_IOMMU_GROUP : ISM_IOMMU_AUTO, peer, sba))
			return 2;
	opt = episode ? again(&w[0], episode) : fuzz(w, n);
	for (unsigned int i = 0; i < n; i++)
		target_close(&w[i].target);
	ism_free(peer);
	return opt;
}
