// SPDX-License-Identifier: MIT
/*
 * ismctl selftest: one function, step by step, through the library alone
 *
 * It stores into itself, or into a second function of this system that is free.
 * No other function is asked for anything or written to.
 */
#include <errno.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ismctl.h"

#define WAIT_MS		1000
#define UNKNOWN_COMMAND	0x7f
#define FILLER		0x5a

/**
 * struct selftest - a run of all steps
 * @run: of ismctl
 * @ism: the function that stores
 * @to: the one that is stored into; may be the same
 * @reachable: whether @to can be reached
 * @dmb: of @to, for the steps that store
 * @data: ISM_DMB_MAX bytes to store
 * @why: why the step failed, or was skipped
 * @passed: steps
 * @failed: steps
 * @skipped: steps
 */
struct selftest {
	struct run *run;
	struct ism *ism;
	struct ism *to;
	bool reachable;
	struct ism_dmb *dmb;
	uint8_t *data;
	char why[512];
	unsigned int passed;
	unsigned int failed;
	unsigned int skipped;
};

/* What a step returns; skip() for one that this function cannot do */
enum result { PASSED, FAILED, SKIPPED };

__attribute__((format(printf, 2, 3)))
static enum result fail(struct selftest *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return FAILED;
}

static enum result fail_with(struct selftest *t, struct ism *ism)
{
	return fail(t, "%s", ism_strerror(ism));
}

static enum result check_regions(struct selftest *t)
{
	struct ism_region bar0, bar2;

	if (ism_get_region(t->ism, VFIO_PCI_BAR0_REGION_INDEX, &bar0) ||
	    ism_get_region(t->ism, VFIO_PCI_BAR2_REGION_INDEX, &bar2))
		return fail(t, "the kernel does not tell the regions");
	if (bar0.size != 1ull << ISM_TOKEN_BITS)
		return fail(t, "BAR0 has %#llx bytes, not 2^48",
			    (unsigned long long)bar0.size);
	if (bar0.flags & VFIO_REGION_INFO_FLAG_MMAP)
		return fail(t, "BAR0 says that it can be mapped");
	if (bar2.size < ISM_WINDOW)
		return fail(t, "BAR2 has %#llx bytes: no room for commands",
			    (unsigned long long)bar2.size);
	return PASSED;
}

static enum result check_info(struct selftest *t)
{
	struct ism_info info;
	uint64_t gid;

	if (ism_cmd_read_gid(t->ism, &gid) ||
	    ism_cmd_query_info(t->ism, &info))
		return fail_with(t, t->ism);
	if (gid != info.gid)
		return fail(t, "READ_GID says %#018llx, QUERY_INFO %#018llx",
			    (unsigned long long)gid,
			    (unsigned long long)info.gid);
	if (!info.sba || !info.ieq)
		return fail(t, "QUERY_INFO shows SBA %#llx and IEQ %#llx, though both are registered",
			    (unsigned long long)info.sba,
			    (unsigned long long)info.ieq);
	return PASSED;
}

static enum result check_unknown_command(struct selftest *t)
{
	unsigned int code;

	if (!ism_cmd(t->ism, UNKNOWN_COMMAND, NULL, 0, NULL, 0))
		return fail(t, "command %#x was taken", UNKNOWN_COMMAND);
	code = ism_cmd_code(t->ism);
	if (code == ISM_CODE_NO_ANSWER)
		return fail_with(t, t->ism);
	return PASSED;
}

static bool is_member(const struct ism_info *info, unsigned int vlan)
{
	for (uint32_t i = 0; i < info->nr_vlans; i++)
		if (info->vlan[i] == vlan)
			return true;
	return false;
}

static enum result check_vlan(struct selftest *t)
{
	struct ism_info info;
	unsigned int vlan = 4094;

	if (ism_cmd_query_info(t->ism, &info))
		return fail_with(t, t->ism);
	while (is_member(&info, vlan))
		vlan--;
	if (ism_cmd_add_vlan_id(t->ism, vlan) ||
	    ism_cmd_query_info(t->ism, &info))
		return fail_with(t, t->ism);
	if (!is_member(&info, vlan))
		return fail(t, "VLAN %u was added, but QUERY_INFO does not show it",
			    vlan);
	if (ism_cmd_del_vlan_id(t->ism, vlan) ||
	    ism_cmd_query_info(t->ism, &info))
		return fail_with(t, t->ism);
	if (is_member(&info, vlan))
		return fail(t, "VLAN %u was deleted, but QUERY_INFO shows it",
			    vlan);
	return PASSED;
}

static enum result check_reach(struct selftest *t)
{
	if (!ism_cmd_query_rgid(t->ism, ism_gid(t->to), ISM_NO_VLAN)) {
		t->reachable = true;
		return PASSED;
	}
	if (t->to != t->ism)
		return fail_with(t, t->ism);
	fail(t, "the function does not reach itself: give a second one with --to");
	return SKIPPED;
}

static enum result check_dmb(struct selftest *t)
{
	struct ism_info before, with, after;
	struct ism_dmb *dmb;

	if (ism_cmd_query_info(t->to, &before) ||
	    ism_dmb_alloc(t->to, ISM_PAGE, ism_gid(t->ism), ISM_NO_VLAN, &dmb) ||
	    ism_cmd_query_info(t->to, &with) || ism_dmb_free(dmb) ||
	    ism_cmd_query_info(t->to, &after))
		return fail_with(t, t->to);
	if (with.dmbs_owned != before.dmbs_owned + 1 ||
	    after.dmbs_owned != before.dmbs_owned)
		return fail(t, "QUERY_INFO counts %u, %u and %u DMBs before, with and after",
			    before.dmbs_owned, with.dmbs_owned,
			    after.dmbs_owned);
	return PASSED;
}

/* Move, and look at the bytes and at what is around them */
static enum result move_and_look(struct selftest *t, uint32_t offset, size_t len)
{
	const uint8_t *mem = t->dmb->mem;
	size_t first = offset ? offset - 1 : 0;
	size_t end = offset + len;

	memset(t->dmb->mem, FILLER, end < t->dmb->len ? end + 1 : end);
	if (ism_move(t->ism, t->dmb->tok, offset, t->data, len, ISM_NO_SIGNAL))
		return fail_with(t, t->ism);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (memcmp(mem + offset, t->data, len) != 0)
		return fail(t, "%zu bytes at offset %u did not arrive as they are",
			    len, offset);
	if ((offset && mem[first] != FILLER) ||
	    (end < t->dmb->len && mem[end] != FILLER))
		return fail(t, "%zu bytes at offset %u: a byte beside them changed",
			    len, offset);
	return PASSED;
}

static enum result check_lengths(struct selftest *t)
{
	enum result result = PASSED;

	for (size_t len = 1; len <= ISM_PAGE && result == PASSED; len++)
		result = move_and_look(t, ISM_PAGE, len);
	return result;
}

static enum result check_offsets(struct selftest *t)
{
	enum result result = PASSED;

	for (uint32_t at = 0; at < ISM_PAGE && result == PASSED; at++)
		result = move_and_look(t, ISM_PAGE + at,
				       at % 2 ? 1 : ISM_PAGE - at);
	return result;
}

static enum result check_moves(struct selftest *t)
{
	static const struct {
		uint32_t offset;
		size_t len;
	} moves[] = {
		{ 0, ISM_DMB_MAX }, { 4095, 2 }, { 1, 4096 }, { 4000, 9000 },
		{ 123, 1000003 }, { ISM_DMB_MAX - 1, 1 },
	};
	enum result result = PASSED;

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]) &&
	     result == PASSED; i++)
		result = move_and_look(t, moves[i].offset, moves[i].len);
	return result;
}

/* The next event of a kind; others may come in between, from before */
static bool wait_for(struct ism *ism, enum ism_event_kind kind,
		     struct ism_event *ev)
{
	while (ism_wait(ism, WAIT_MS) == 1)
		while (ism_next_event(ism, ev))
			if (ev->kind == kind)
				return true;
	return false;
}

static enum result check_signal(struct selftest *t, int signal)
{
	uint32_t at = (uint32_t)signal * 5000;
	struct ism_event ev;

	memset(t->dmb->mem, FILLER, t->dmb->len);
	if (ism_move(t->ism, t->dmb->tok, at, t->data, 5000, signal))
		return fail_with(t, t->ism);
	if (!wait_for(t->to, ISM_EVENT_SIGNAL, &ev))
		return fail(t, "signal %d did not arrive in %d ms", signal,
			    WAIT_MS);
	if (ev.dmb != t->dmb || ev.mask != 0x8000u >> signal)
		return fail(t, "signal %d arrived for DMB %u with mask %#06x",
			    signal, ev.dmb->idx, ev.mask);
	if (memcmp((char *)t->dmb->mem + at, t->data, 5000) != 0)
		return fail(t, "signal %d arrived before its data", signal);
	return PASSED;
}

static enum result check_signals(struct selftest *t)
{
	enum result result = PASSED;

	for (int i = 0; i < ISM_SIGNALS && result == PASSED; i++)
		result = check_signal(t, i);
	return result;
}

/* More than the queue has entries: it is gone through more than once */
static enum result check_events(struct selftest *t)
{
	struct ism_event ev;

	for (uint32_t i = 0; i < 40; i++) {
		uint64_t info = 0x0123456789abcdefull * (i + 1);

		if (ism_cmd_signal_ieq(t->ism, ism_gid(t->to), true, i, info))
			return fail_with(t, t->ism);
		if (!wait_for(t->to, ISM_EVENT_IEQ, &ev))
			return fail(t, "event %u did not arrive in %d ms", i,
				    WAIT_MS);
		if (ev.type != ISM_IEQ_SOFTWARE || ev.code != i ||
		    ev.info != info || ev.tok != ism_gid(t->ism))
			return fail(t, "event %u arrived with type %u, code %u, info %#llx, GID %#018llx",
				    i, ev.type, ev.code,
				    (unsigned long long)ev.info,
				    (unsigned long long)ev.tok);
	}
	return PASSED;
}

static enum result check_reset(struct selftest *t)
{
	uint64_t tok = t->dmb->tok;

	if (ism_reset(t->to))
		return fail_with(t, t->to);
	if (t->dmb->tok == tok)
		return fail(t, "the DMB has its old token %#llx after a reset",
			    (unsigned long long)tok);
	return move_and_look(t, 100, 10000);
}

/* Last, since the device may go into an error state for it */
static enum result check_refusal(struct selftest *t)
{
	uint64_t tok = t->dmb->tok;

	if (ism_dmb_unregister(t->dmb))
		return fail_with(t, t->to);
	memset(t->dmb->mem, FILLER, ISM_PAGE);
	if (!ism_move(t->ism, tok, 0, t->data, 64, ISM_NO_SIGNAL))
		return fail(t, "a store to the token of an unregistered DMB was taken");
	for (int i = 0; i < 64; i++)
		if (((uint8_t *)t->dmb->mem)[i] != FILLER)
			return fail(t, "a store to an unregistered DMB changed its memory");
	if (ism_reset(t->ism))
		return fail_with(t, t->ism);
	return PASSED;
}

static const struct step {
	const char *name;
	enum result (*check)(struct selftest *t);
	bool stores;
} steps[] = {
	{ "the regions are those of an ISM function", check_regions, false },
	{ "READ_GID and QUERY_INFO agree", check_info, false },
	{ "an unknown command is refused", check_unknown_command, false },
	{ "a VLAN id is added and deleted", check_vlan, false },
	{ "QUERY_RGID reaches the function to store into", check_reach, false },
	{ "a DMB is registered, counted and unregistered", check_dmb, true },
	{ "stores of each length from 1 to 4096 arrive", check_lengths, true },
	{ "stores at each offset in a page arrive", check_offsets, true },
	{ "moves across pages arrive, up to 1 MiB", check_moves, true },
	{ "each of the 16 signals arrives, after its data", check_signals, true },
	{ "40 events arrive in order", check_events, true },
	{ "a reset brings DMBs back, with new tokens", check_reset, true },
	{ "a store to an unregistered DMB is refused", check_refusal, true },
};

static void report_step(struct selftest *t, const struct step *step,
			enum result result)
{
	static const char *const words[] = {
		[PASSED] = "ok", [FAILED] = "FAILED", [SKIPPED] = "skipped"
	};
	FILE *out = t->run->out;

	t->passed += result == PASSED;
	t->failed += result == FAILED;
	t->skipped += result == SKIPPED;
	if (t->run->json) {
		fprintf(out, "%s{\"step\": \"%s\", \"result\": \"%s\"",
			step == steps ? "" : ", ", step->name, words[result]);
		if (result != PASSED) {
			fputs(", \"why\": ", out);
			json_string(out, t->why);
		}
		fputs("}", out);
		return;
	}
	fprintf(out, "%-7s  %s", words[result], step->name);
	if (result != PASSED)
		fprintf(out, ": %s", t->why);
	fputc('\n', out);
	fflush(out);
}

static void run_steps(struct selftest *t)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct step *step = &steps[i];
		enum result result = SKIPPED;

		if (!step->stores || t->reachable)
			result = step->check(t);
		report_step(t, step, result);
	}
}

static void report_system(const struct selftest *t)
{
	unsigned long long gid = ism_gid(t->ism), to = ism_gid(t->to);
	FILE *out = t->run->out;
	struct utsname u;

	uname(&u);
	if (t->run->json)
		fprintf(out,
			"{\"function\": \"%s\", \"gid\": \"%#018llx\", \"to_gid\": \"%#018llx\", \"interface\": \"%s\", \"maxstbl\": %u, \"kernel\": \"%s\", \"machine\": \"%s\", \"steps\": [",
			t->run->function, gid, to, ism_transport(t->ism),
			ism_maxstbl(t->ism), u.release, u.machine);
	else
		fprintf(out,
			"function: %s\ngid: %#018llx\nstores into: %#018llx\ninterface: %s\nmaxstbl: %u\nkernel: %s %s\n%s\n\n",
			t->run->function, gid, to, ism_transport(t->ism),
			ism_maxstbl(t->ism), u.release, u.machine, u.version);
}

static void report_end_of(const struct selftest *t)
{
	fprintf(t->run->out,
		t->run->json ?
		"], \"passed\": %u, \"failed\": %u, \"skipped\": %u}\n" :
		"\n%u passed, %u failed, %u skipped\n",
		t->passed, t->failed, t->skipped);
}

static int make_data(struct selftest *t)
{
	uint32_t n = 1;

	t->data = malloc(ISM_DMB_MAX);
	if (!t->data)
		return run_fail(t->run, STATUS_FAILED, "out of memory");
	/* no period that a page or a store block has */
	for (size_t i = 0; i < ISM_DMB_MAX; i++) {
		n = n * 1664525 + 1013904223;
		t->data[i] = (uint8_t)(n >> 24);
	}
	return 0;
}

static int open_to(struct selftest *t)
{
	struct run *run = t->run;

	t->to = t->ism;
	if (!run->peer_arg || !strcmp(run->peer_arg, run->function))
		return 0;
	t->to = ism_new();
	if (!t->to)
		return run_fail(run, STATUS_FAILED, "out of memory");
	if (ism_open(t->to, run->peer_arg, run->iommu))
		return run_fail(run, STATUS_FAILED, "%s", ism_strerror(t->to));
	return 0;
}

/* Without a DMB the steps that store cannot be: the first of them says why */
static int prepare(struct selftest *t)
{
	int ret;

	ret = open_to(t);
	if (!ret)
		ret = make_data(t);
	if (!ret && ism_dmb_new(t->to, NULL, ISM_DMB_MAX, &t->dmb))
		ret = run_fail(t->run, STATUS_FAILED, "%s", ism_strerror(t->to));
	if (ret)
		return ret;
	snprintf(t->why, sizeof(t->why), "nothing can be stored");
	ism_dmb_register(t->dmb, ism_gid(t->ism), ISM_NO_VLAN);
	return 0;
}

/**
 * cmd_selftest() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_selftest(struct run *run)
{
	struct selftest t = { .run = run };
	int ret;

	ret = run_open(run);
	t.ism = run->ism;
	if (!ret)
		ret = prepare(&t);
	if (!ret) {
		report_system(&t);
		run_steps(&t);
		report_end_of(&t);
		if (t.failed)
			ret = run_fail(run, STATUS_FAILED,
				       "%s: %u steps of the selftest failed",
				       run->function, t.failed);
	}
	if (t.to != t.ism)
		ism_free(t.to);
	free(t.data);
	run_close(run);
	return ret;
}
