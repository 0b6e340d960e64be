// SPDX-License-Identifier: MIT
/*
 * The sender's side of finding each other, see transfer.h
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "transfer.h"

#define CALL_NS		100000000ll	/* between two calls */

static int take_welcome(struct transfer *t)
{
	struct message msg;
	uint64_t session;

	if (!transfer_read(t, PLACE_WELCOME, &msg, &session) ||
	    session >> 32 != t->nonce || msg.type != MSG_WELCOME)
		return 0;
	if (!msg.slots || msg.slots > TRANSFER_SLOTS || !msg.slot_len ||
	    (uint64_t)msg.slots * msg.slot_len > ISM_DMB_MAX)
		return fail(t->ctx, STATUS_FAILED,
			    "the receiver offers %u slots of %u bytes, which this ismctl cannot use",
			    msg.slots, msg.slot_len);
	t->peer_control = msg.control;
	t->peer_data = msg.data;
	t->slots = msg.slots;
	t->slot_len = msg.slot_len;
	t->session = session;
	return 0;
}

static bool no_reply(int err)
{
	return err == -EIO || err == -ENXIO || err == -EPROTO;
}

/* The device may refuse a DMB for a GID that is not there */
static int signal_call(struct transfer *t)
{
	int ret = 0;

	if (!t->control)
		ret = ism_dmb_alloc(t->ctx->ism, ISM_PAGE, t->peer,
				    ISM_NO_VLAN, &t->control);
	if (!ret)
		ret = ism_cmd_signal_ieq(t->ctx->ism, t->peer, true,
					 TRANSFER_CALL,
					 t->control->tok | t->nonce);
	return ret;
}

/* That nobody is there yet is no failure; that the own function fails is one */
static int call_once(struct transfer *t, const char **reason)
{
	int ret = signal_call(t);

	*reason = ret ? ism_code_name(ism_cmd_code(t->ctx->ism)) :
		  "it is in use, but not by an 'ismctl recv' that waits for this sender";
	if (!*reason)
		*reason = "the device refuses it for a reason that is not known";
	if (ret && ret != -EHOSTUNREACH && (!t->control || no_reply(ret)))
		return fail_ism(t->ctx, t->ctx->ism);
	return 0;
}

static int no_answer(struct transfer *t, const char *reason)
{
	return fail(t->ctx, STATUS_TIMEOUT,
		    "no answer from GID %#018llx in %llu s: %s; start 'ismctl recv' on that function",
		    (unsigned long long)t->peer,
		    (unsigned long long)t->timeout, reason);
}

static int call_until_answered(struct transfer *t)
{
	int64_t begin = now_ns(), called = 0;
	const char *reason = "";
	int ret = 0;

	while (!ret && !t->session) {
		if (now_ns() - called >= CALL_NS) {
			called = now_ns();
			ret = call_once(t, &reason);
		}
		if (!ret)
			ret = transfer_wait(t, NULL, (int)(CALL_NS / 1000000));
		if (!ret)
			ret = take_welcome(t);
		if (!ret && !t->session && transfer_too_late(t, begin))
			ret = no_answer(t, reason);
	}
	return ret;
}

static int new_nonce(struct transfer *t)
{
	do {
		if (getrandom(&t->nonce, sizeof(t->nonce), 0) !=
		    sizeof(t->nonce))
			return fail(t->ctx, STATUS_FAILED,
				    "no random number: %s", strerror(errno));
		t->nonce &= TRANSFER_NONCE;
	} while (!t->nonce);
	return 0;
}

/* A receiver may restart between its answer and our start: then call again */
static int start(struct transfer *t)
{
	struct message msg = {
		.type = MSG_START,
		.bytes = t->progress->total_known ? t->progress->total :
			 MESSAGE_UNKNOWN,
	};
	int ret;

	ret = transfer_put(t, PLACE_WELCOME, &msg);
	if (ret)
		return ret;
	t->started = !t->gone;
	if (!t->started) {
		t->session = 0;
		t->peer_control = 0;
		t->peer_data = 0;
		t->gone = NULL;
	}
	return 0;
}

/**
 * transfer_call() - sender: find the receiver and start
 * @t: transfer with a context, whose function is open, and the peer's GID;
 *	transfer_end() in any case
 *
 * Return: 0 or a status after fail().
 */
int transfer_call(struct transfer *t)
{
	int ret = 0;

	while (!ret && !t->started) {
		/* anew each time, so that an answer is to this call */
		ret = new_nonce(t);
		if (!ret)
			ret = call_until_answered(t);
		if (!ret)
			ret = start(t);
	}
	return ret;
}
