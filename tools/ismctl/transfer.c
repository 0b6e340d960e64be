// SPDX-License-Identifier: MIT
/*
 * Both sides of the transfer protocol, once they have found each other: waiting,
 * and how they learn that the other one is gone. See transfer.h.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "transfer.h"

/**
 * transfer_store_failed() - judge a store that the device refused
 * @t: transfer
 * @err: negative errno of ism_move()
 *
 * EIO means that the peer is gone, unless the own function is what fails.
 *
 * Return: 0 with the peer marked as gone, or a status after fail().
 */
int transfer_store_failed(struct transfer *t, int err)
{
	char text[512];
	uint64_t gid;

	snprintf(text, sizeof(text), "%s", ism_strerror(t->ctx->ism));
	if (err != -EIO)
		return fail(t->ctx, STATUS_FAILED, "%s", text);
	if (ism_cmd_read_gid(t->ctx->ism, &gid))
		return fail(t->ctx, STATUS_FAILED,
			    "%s; the function does not answer commands either",
			    text);
	if (!t->gone)
		t->gone = "its DMB takes no more stores";
	return 0;
}

static int ping(struct transfer *t)
{
	uint64_t be = htobe64(++t->pings);
	int ret;

	if (!t->session || t->gone ||
	    now_ns() - t->sent < TRANSFER_IDLE_MS * 1000000ll)
		return 0;
	ret = ism_move(t->ctx->ism, t->peer_control,
		       PLACE_PING * MESSAGE_LEN, &be, sizeof(be),
		       ISM_NO_SIGNAL);
	t->sent = now_ns();
	return ret ? transfer_store_failed(t, ret) : 0;
}

/**
 * transfer_lost() - the sentence for a peer that is gone
 * @t: transfer
 *
 * Return: STATUS_GONE.
 */
int transfer_lost(struct transfer *t)
{
	return fail(t->ctx, STATUS_GONE,
		    "peer GID %#018llx went away after %llu bytes: %s",
		    (unsigned long long)t->peer,
		    (unsigned long long)t->progress->bytes, t->gone);
}

static bool is_peers(const struct transfer *t, const struct ism_event *ev)
{
	if (ev->type == ISM_IEQ_DEVICE)
		return ev->tok == t->peer;
	return ev->tok == t->peer_control ||
	       (t->peer_data && ev->tok == t->peer_data);
}

static int take_entry(struct transfer *t, const struct ism_event *ev)
{
	if (ev->type == ISM_IEQ_SOFTWARE) {
		if (t->on_call && ev->code == TRANSFER_CALL)
			return t->on_call(t, ev->tok, ev->info);
		return 0;
	}
	if (t->session && !t->gone && is_peers(t, ev))
		t->gone = ism_ieq_code_name(ev->type, ev->code);
	return 0;
}

static int take_event(struct transfer *t, const struct ism_event *ev)
{
	switch (ev->kind) {
	case ISM_EVENT_IEQ:
		return take_entry(t, ev);
	case ISM_EVENT_ERROR:
		return fail(t->ctx, STATUS_FAILED,
			    "%s: the kernel reports an error of the function; it is reset when it is opened again",
			    t->ctx->function);
	case ISM_EVENT_REQUEST:
		return fail(t->ctx, STATUS_FAILED,
			    "%s: the system wants the function back",
			    t->ctx->function);
	default:
		/* a signal: the messages are looked at after each wait */
		return 0;
	}
}

static int take_events(struct transfer *t, bool *any)
{
	struct ism_event ev;
	int ret = 0;

	*any = false;
	while (!ret && ism_next_event(t->ctx->ism, &ev)) {
		*any = true;
		ret = take_event(t, &ev);
	}
	return ret;
}

/**
 * transfer_wait() - wait for something to happen, and take all events
 * @t: transfer
 * @other: a file to wait for as well, its revents are set; NULL without
 * @timeout_ms: at most this long, and never longer than TRANSFER_IDLE_MS
 *
 * Return: 0 in any case that is no failure of this side: look whether the
 * message is there, whether the file is ready, and whether the peer is gone;
 * else a status after fail().
 */
int transfer_wait(struct transfer *t, struct pollfd *other, int timeout_ms)
{
	struct pollfd pfd[2] = {
		{ .fd = ism_fd(t->ctx->ism), .events = POLLIN },
	};
	bool any;
	int ret;

	if (other)
		pfd[1] = *other;
	ret = take_events(t, &any);
	/* an event may be what the caller waits for: let it look */
	if (any)
		timeout_ms = 0;
	if (timeout_ms > TRANSFER_IDLE_MS)
		timeout_ms = TRANSFER_IDLE_MS;
	if (!ret && poll(pfd, other ? 2 : 1, timeout_ms) < 0 && errno != EINTR)
		ret = fail(t->ctx, STATUS_FAILED, "poll: %s",
			   strerror(errno));
	if (other)
		other->revents = pfd[1].revents;
	if (!ret)
		ret = take_events(t, &any);
	if (!ret)
		ret = ping(t);
	progress_draw(t->progress);
	return ret;
}

/**
 * transfer_end() - free the DMBs of a transfer
 * @t: transfer
 */
void transfer_end(struct transfer *t)
{
	ism_dmb_free(t->data);
	ism_dmb_free(t->control);
	t->data = NULL;
	t->control = NULL;
}

/**
 * transfer_too_late() - look whether the other side had its time to come
 * @t: transfer
 * @begin: of the wait
 *
 * Return: whether the wait is over.
 */
bool transfer_too_late(const struct transfer *t, int64_t begin)
{
	return t->timeout &&
	       now_ns() - begin >= (int64_t)t->timeout * 1000000000;
}
