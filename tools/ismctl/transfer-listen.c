// SPDX-License-Identifier: MIT
/*
 * The receiver's side of finding each other, see transfer.h
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "transfer.h"

#define WELCOME_NS	1000000000ll	/* for a caller to start */

static void forget_caller(struct transfer *t)
{
	transfer_end(t);
	t->peer_control = 0;
	t->session = 0;
	t->welcomed = 0;
	t->gone = NULL;
}

static int register_for(struct transfer *t, uint64_t gid)
{
	int ret;

	ret = ism_dmb_alloc(t->ctx->ism, ISM_PAGE, gid, ISM_NO_VLAN,
			    &t->control);
	if (!ret)
		ret = ism_dmb_alloc(t->ctx->ism, t->dmb_len, gid,
				    ISM_NO_VLAN, &t->data);
	/* the caller may have gone in the meantime: then wait for another */
	if (ret == -EHOSTUNREACH)
		return 0;
	if (ret)
		return fail_ism(t->ctx, t->ctx->ism);
	t->slots = TRANSFER_SLOTS;
	t->slot_len = (uint32_t)(t->data->len / TRANSFER_SLOTS);
	return 0;
}

static int welcome(struct transfer *t)
{
	struct message msg = {
		.type = MSG_WELCOME,
		.control = t->control->tok,
		.data = t->data->tok,
		.slots = t->slots,
		.slot_len = t->slot_len,
	};

	t->welcomed = now_ns();
	return transfer_put(t, PLACE_WELCOME, &msg);
}

static int new_caller(struct transfer *t, uint64_t gid, uint64_t info)
{
	uint32_t own;
	int ret;

	forget_caller(t);
	if (getrandom(&own, sizeof(own), 0) != sizeof(own))
		return fail(t->ctx, STATUS_FAILED, "no random number: %s",
			    strerror(errno));
	ret = register_for(t, gid);
	if (ret || !t->data) {
		forget_caller(t);
		return ret;
	}
	t->peer = gid;
	t->peer_control = info & TRANSFER_TOKEN;
	t->nonce = info & TRANSFER_NONCE;
	t->session = (uint64_t)t->nonce << 32 | own;
	return welcome(t);
}

/* Whether the one that was welcomed still has time to start */
static bool reserved(const struct transfer *t, uint64_t gid)
{
	return t->session && gid != t->peer && !t->gone &&
	       now_ns() - t->welcomed < WELCOME_NS;
}

/* A call: the first, one that came twice, or one of a peer that began anew */
static int take_call(struct transfer *t, uint64_t gid, uint64_t info)
{
	bool same = t->session && gid == t->peer &&
		    (info & TRANSFER_NONCE) == t->nonce;

	if (t->started) {
		if (gid == t->peer && !same && !t->gone)
			t->gone = "it started again";
		return 0;
	}
	if (t->only && gid != t->peer)
		return 0;
	if (reserved(t, gid))
		return 0;
	return same ? welcome(t) : new_caller(t, gid, info);
}

static void take_start(struct transfer *t)
{
	struct message msg;

	if (!t->session || !transfer_get(t, PLACE_WELCOME, &msg) ||
	    msg.type != MSG_START)
		return;
	t->progress->total_known = msg.bytes != MESSAGE_UNKNOWN;
	t->progress->total = t->progress->total_known ? msg.bytes : 0;
	t->started = true;
}

static int nobody_called(struct transfer *t)
{
	return fail(t->ctx, STATUS_TIMEOUT,
		    "no sender called in %llu s; start 'ismctl send' with --to %#018llx",
		    (unsigned long long)t->timeout,
		    (unsigned long long)ism_gid(t->ctx->ism));
}

/**
 * transfer_listen() - receiver: wait for a sender to start
 * @t: transfer with a context, whose function is open, and what the user chose;
 *	transfer_end() in any case
 *
 * Return: 0 or a status after fail().
 */
int transfer_listen(struct transfer *t)
{
	int64_t begin = now_ns();
	int ret = 0;

	t->on_call = take_call;
	while (!ret && !t->started) {
		ret = transfer_wait(t, NULL, TRANSFER_IDLE_MS);
		if (ret)
			break;
		take_start(t);
		if (!t->started && t->gone)
			forget_caller(t);
		if (!t->started && transfer_too_late(t, begin))
			ret = nobody_called(t);
	}
	return ret;
}
