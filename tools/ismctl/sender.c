// SPDX-License-Identifier: MIT
/*
 * The sender's side of a transfer, once it has found the receiver
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gid.h"
#include "sender.h"

/* The receiver's verdict, before the end: it failed, and says why */
static bool verdict(struct sender *s, struct message *msg)
{
	return transfer_get(&s->t, PLACE_VERDICT, msg) &&
	       msg->type == MSG_VERDICT;
}

static int receiver_failed(struct sender *s, const struct message *msg)
{
	return fail(s->t.ctx, STATUS_FAILED,
		    "the receiver (GID %#018llx) failed after %llu bytes: %s",
		    (unsigned long long)s->t.peer,
		    (unsigned long long)msg->bytes, strerror((int)msg->error));
}

/*
 * Whether it is worth to go on. What the receiver said comes before that it is
 * gone, since it goes after it said it.
 */
static int check(struct sender *s)
{
	struct message msg;

	if (verdict(s, &msg))
		return receiver_failed(s, &msg);
	if (s->t.gone)
		return transfer_lost(&s->t);
	return 0;
}

/**
 * sender_wait() - wait for something to happen, and look whether to go on
 * @s: transfer that has started
 * @other: as transfer_wait()
 * @timeout_ms: as transfer_wait()
 *
 * Return: 0, or a status after fail(): the receiver failed or is gone.
 */
int sender_wait(struct sender *s, struct pollfd *other, int timeout_ms)
{
	int ret = transfer_wait(&s->t, other, timeout_ms);

	return ret ? ret : check(s);
}

/**
 * sender_take_ack() - look how far the receiver is
 * @s: transfer that has started; its acked is brought up to date
 */
void sender_take_ack(struct sender *s)
{
	struct message msg;

	if (transfer_get(&s->t, PLACE_ACK, &msg) && msg.type == MSG_ACK &&
	    msg.number > s->acked && msg.number <= s->number)
		s->acked = msg.number;
}

static int wait_for_slot(struct sender *s)
{
	int ret = 0;

	sender_take_ack(s);
	while (!ret && s->number - s->acked >= s->t.slots) {
		ret = sender_wait(s, NULL, TRANSFER_IDLE_MS);
		sender_take_ack(s);
	}
	return ret;
}

/* Where the next message goes, once there is a slot for it */
static unsigned int next_place(const struct sender *s)
{
	return PLACE_SLOT + (unsigned int)(s->number % s->t.slots);
}

/**
 * sender_slot() - move the buffer into the next slot, as soon as that is free
 * @s: transfer that has started, with its buffer filled
 *
 * Return: 0 or a status after fail().
 */
int sender_slot(struct sender *s)
{
	uint32_t slot = (uint32_t)(s->number % s->t.slots);
	struct message msg = {
		.type = MSG_DATA,
		.number = s->number + 1,
		.bytes = s->len,
	};
	int ret;

	ret = wait_for_slot(s);
	if (!ret)
		ret = digest_add(s->t.ctx, s->md, s->buf, s->len);
	if (ret)
		return ret;
	ret = ism_move(s->t.ctx->ism, s->t.peer_data, slot * s->t.slot_len,
		       s->buf, s->len, ISM_NO_SIGNAL);
	if (ret)
		ret = transfer_store_failed(&s->t, ret);
	else
		ret = transfer_put(&s->t, next_place(s), &msg);
	if (ret)
		return ret;
	s->number++;
	s->progress.bytes += s->len;
	progress_draw(&s->progress);
	return check(s);
}

static int judge(struct sender *s, const struct message *msg)
{
	if (msg->error)
		return receiver_failed(s, msg);
	if (msg->bytes == s->progress.bytes &&
	    !memcmp(msg->digest, s->progress.digest, DIGEST_LEN))
		return 0;
	return fail(s->t.ctx, STATUS_DIFFERENT,
		    "the receiver has %llu bytes with another SHA-256 than the %llu sent",
		    (unsigned long long)msg->bytes,
		    (unsigned long long)s->progress.bytes);
}

/**
 * sender_finish() - say that this was all, and wait for the receiver's digest
 * @s: transfer that has started
 *
 * Return: 0 if both are the same, or a status after fail().
 */
int sender_finish(struct sender *s)
{
	struct message msg = {
		.type = MSG_FINISH,
		.number = s->number + 1,
		.bytes = s->progress.bytes,
	};
	int ret;

	ret = digest_end(s->t.ctx, s->md, s->progress.digest);
	memcpy(msg.digest, s->progress.digest, DIGEST_LEN);
	if (!ret)
		ret = wait_for_slot(s);
	if (!ret)
		ret = transfer_put(&s->t, next_place(s), &msg);
	while (!ret && !verdict(s, &msg)) {
		if (s->t.gone)
			ret = transfer_lost(&s->t);
		else
			ret = transfer_wait(&s->t, NULL, TRANSFER_IDLE_MS);
	}
	return ret ? ret : judge(s, &msg);
}

/**
 * sender_abort() - say that there is no more to send, and why
 * @s: transfer that has started
 * @err: errno
 *
 * Return: STATUS_FAILED.
 */
int sender_abort(struct sender *s, int err)
{
	struct message msg = {
		.type = MSG_ABORT,
		.error = (uint32_t)err,
		.number = s->number + 1,
	};

	if (!wait_for_slot(s))
		transfer_put(&s->t, next_place(s), &msg);
	return STATUS_FAILED;
}

static int with_receiver(struct sender *s, int (*body)(struct sender *s))
{
	int ret = STATUS_FAILED;

	s->progress.start = now_ns();
	s->buf = calloc(s->t.slots, s->t.slot_len);
	s->md = digest_begin(s->t.ctx);
	if (!s->buf)
		fail(s->t.ctx, STATUS_FAILED, "out of memory");
	else if (s->md)
		ret = body(s);
	s->progress.end = now_ns();
	EVP_MD_CTX_free(s->md);
	free(s->buf);
	return ret;
}

/**
 * sender_run() - find the receiver, and do something with it
 * @s: transfer with a context, whose function is not open yet, and a timeout
 * @peer: the receiver, as the user named it
 * @body: what to do once the receiver is there; s->buf has room for all slots
 *
 * Return: a status.
 */
int sender_run(struct sender *s, const char *peer, int (*body)(struct sender *s))
{
	struct context *ctx = s->t.ctx;
	int ret;

	s->t.progress = &s->progress;
	ret = gid_resolve(ctx, peer, &s->t.peer);
	if (!ret)
		ret = context_open(ctx);
	if (ret)
		goto close;
	ret = transfer_call(&s->t);
	if (!ret)
		ret = with_receiver(s, body);
	transfer_end(&s->t);
close:
	context_close(ctx);
	return ret;
}
