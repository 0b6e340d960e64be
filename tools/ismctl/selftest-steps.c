// SPDX-License-Identifier: MIT
/*
 * The steps of ismctl selftest, in their order at the end of the file
 */
#include <linux/vfio.h>
#include <stdarg.h>
#include <string.h>

#include "selftest.h"

#define WAIT_MS		1000
#define UNKNOWN_COMMAND	0x7f
#define FILLER		0x5a

__attribute__((format(printf, 2, 3)))
static enum result failed(struct selftest *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return FAILED;
}

static enum result failed_ism(struct selftest *t, struct ism *ism)
{
	return failed(t, "%s", ism_strerror(ism));
}

static enum result check_regions(struct selftest *t)
{
	struct ism_region bar0, bar2;

	if (ism_get_region(t->ism, VFIO_PCI_BAR0_REGION_INDEX, &bar0) ||
	    ism_get_region(t->ism, VFIO_PCI_BAR2_REGION_INDEX, &bar2))
		return failed(t, "the kernel does not tell the regions");
	if (bar0.size != 1ull << ISM_TOKEN_BITS)
		return failed(t, "BAR0 has %#llx bytes, not 2^48",
			    (unsigned long long)bar0.size);
	if (bar0.flags & VFIO_REGION_INFO_FLAG_MMAP)
		return failed(t, "BAR0 says that it can be mapped");
	if (bar2.size < ISM_WINDOW)
		return failed(t, "BAR2 has %#llx bytes: no room for commands",
			    (unsigned long long)bar2.size);
	return PASSED;
}

static enum result check_info(struct selftest *t)
{
	struct ism_info info;
	uint64_t gid;

	if (ism_cmd_read_gid(t->ism, &gid) ||
	    ism_cmd_query_info(t->ism, &info))
		return failed_ism(t, t->ism);
	if (gid != info.gid)
		return failed(t, "READ_GID says %#018llx, QUERY_INFO %#018llx",
			    (unsigned long long)gid,
			    (unsigned long long)info.gid);
	if (!info.sba || !info.ieq)
		return failed(t, "QUERY_INFO shows SBA %#llx and IEQ %#llx, though both are registered",
			    (unsigned long long)info.sba,
			    (unsigned long long)info.ieq);
	return PASSED;
}

static enum result check_unknown_command(struct selftest *t)
{
	unsigned int code;

	if (!ism_cmd(t->ism, UNKNOWN_COMMAND, NULL, 0, NULL, 0))
		return failed(t, "command %#x was taken", UNKNOWN_COMMAND);
	code = ism_cmd_code(t->ism);
	if (code == ISM_CODE_NO_ANSWER)
		return failed_ism(t, t->ism);
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
		return failed_ism(t, t->ism);
	while (is_member(&info, vlan))
		vlan--;
	if (ism_cmd_add_vlan_id(t->ism, vlan) ||
	    ism_cmd_query_info(t->ism, &info))
		return failed_ism(t, t->ism);
	if (!is_member(&info, vlan))
		return failed(t, "VLAN %u was added, but QUERY_INFO does not show it",
			    vlan);
	if (ism_cmd_del_vlan_id(t->ism, vlan) ||
	    ism_cmd_query_info(t->ism, &info))
		return failed_ism(t, t->ism);
	if (is_member(&info, vlan))
		return failed(t, "VLAN %u was deleted, but QUERY_INFO shows it",
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
		return failed_ism(t, t->ism);
	failed(t, "the function does not reach itself: give a second one with --to");
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
		return failed_ism(t, t->to);
	if (with.dmbs_owned != before.dmbs_owned + 1 ||
	    after.dmbs_owned != before.dmbs_owned)
		return failed(t, "QUERY_INFO counts %u, %u and %u DMBs before, with and after",
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
		return failed_ism(t, t->ism);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (memcmp(mem + offset, t->data, len) != 0)
		return failed(t, "%zu bytes at offset %u did not arrive as they are",
			    len, offset);
	if ((offset && mem[first] != FILLER) ||
	    (end < t->dmb->len && mem[end] != FILLER))
		return failed(t, "%zu bytes at offset %u: a byte beside them changed",
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
		return failed_ism(t, t->ism);
	if (!wait_for(t->to, ISM_EVENT_SIGNAL, &ev))
		return failed(t, "signal %d did not arrive in %d ms", signal,
			    WAIT_MS);
	if (ev.dmb != t->dmb || ev.mask != 0x8000u >> signal)
		return failed(t, "signal %d arrived for DMB %u with mask %#06x",
			    signal, ev.dmb->idx, ev.mask);
	if (memcmp((char *)t->dmb->mem + at, t->data, 5000) != 0)
		return failed(t, "signal %d arrived before its data", signal);
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
			return failed_ism(t, t->ism);
		if (!wait_for(t->to, ISM_EVENT_IEQ, &ev))
			return failed(t, "event %u did not arrive in %d ms", i,
				    WAIT_MS);
		if (ev.type != ISM_IEQ_SOFTWARE || ev.code != i ||
		    ev.info != info || ev.tok != ism_gid(t->ism))
			return failed(t, "event %u arrived with type %u, code %u, info %#llx, GID %#018llx",
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
		return failed_ism(t, t->to);
	if (t->dmb->tok == tok)
		return failed(t, "the DMB has its old token %#llx after a reset",
			    (unsigned long long)tok);
	return move_and_look(t, 100, 10000);
}

/* Last, since the device may go into an error state for it */
static enum result check_refusal(struct selftest *t)
{
	uint64_t tok = t->dmb->tok;

	if (ism_dmb_unregister(t->dmb))
		return failed_ism(t, t->to);
	memset(t->dmb->mem, FILLER, ISM_PAGE);
	if (!ism_move(t->ism, tok, 0, t->data, 64, ISM_NO_SIGNAL))
		return failed(t, "a store to the token of an unregistered DMB was taken");
	for (int i = 0; i < 64; i++)
		if (((uint8_t *)t->dmb->mem)[i] != FILLER)
			return failed(t, "a store to an unregistered DMB changed its memory");
	if (ism_reset(t->ism))
		return failed_ism(t, t->ism);
	return PASSED;
}

const struct step selftest_steps[] = {
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
	{ 0 }
};
