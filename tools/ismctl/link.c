// SPDX-License-Identifier: MIT
/*
 * ismctl's link, see link.h for the protocol
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "link.h"

#define MAGIC		0x49534d5846455231ull	/* ISMXFER1 */
#define NONCE_MASK	((1u << ISM_TOKEN_LOW_BITS) - 1)
#define TOKEN_MASK	(((1ull << ISM_TOKEN_BITS) - 1) & ~(uint64_t)NONCE_MASK)
#define CALL_NS		100000000ll	/* between two calls */
#define WELCOME_NS	1000000000ll	/* for a caller to start */
#define CONTROL_SIGNAL	0

struct be_message {
	uint64_t magic;
	uint64_t session;
	uint32_t type;
	uint32_t error;
	uint64_t number;
	uint64_t bytes;
	uint64_t control;
	uint64_t data;
	uint32_t slot_len;
	uint32_t slots;
	uint8_t digest[DIGEST_LEN];
	uint64_t reserved[3];
	uint64_t check;
};

_Static_assert(sizeof(struct be_message) == 128, "message layout");
_Static_assert((PLACE_SLOT + LINK_SLOTS) * sizeof(struct be_message) <= ISM_PAGE,
	       "all messages have a place");

/* FNV-1a; finds a message that is half written, not one that is forged */
static uint64_t check_value(const struct be_message *be)
{
	const uint8_t *p = (const uint8_t *)be;
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < offsetof(struct be_message, check); i++)
		hash = (hash ^ p[i]) * 0x100000001b3ull;
	return hash;
}

static void encode(const struct link *link, const struct message *msg,
		   struct be_message *be)
{
	*be = (struct be_message) {
		.magic = htobe64(MAGIC),
		.session = htobe64(link->session),
		.type = htobe32(msg->type),
		.error = htobe32(msg->error),
		.number = htobe64(msg->number),
		.bytes = htobe64(msg->bytes),
		.control = htobe64(msg->control),
		.data = htobe64(msg->data),
		.slot_len = htobe32(msg->slot_len),
		.slots = htobe32(msg->slots),
	};
	memcpy(be->digest, msg->digest, sizeof(be->digest));
	be->check = htobe64(check_value(be));
}

static void decode(const struct be_message *be, struct message *msg)
{
	*msg = (struct message) {
		.type = be32toh(be->type),
		.error = be32toh(be->error),
		.number = be64toh(be->number),
		.bytes = be64toh(be->bytes),
		.control = be64toh(be->control),
		.data = be64toh(be->data),
		.slot_len = be32toh(be->slot_len),
		.slots = be32toh(be->slots),
	};
	memcpy(msg->digest, be->digest, sizeof(msg->digest));
}

/* A whole message; the peer may be writing: a copy first, then the look at it */
static bool read_message(const struct link *link, unsigned int place,
			 struct be_message *be)
{
	const char *mem = link->control->mem;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(be, mem + place * sizeof(*be), sizeof(*be));
	return be->magic == htobe64(MAGIC) &&
	       be->check == htobe64(check_value(be));
}

/**
 * link_get() - look for a message of this transfer
 * @link: started link
 * @place: where
 * @msg: filled in
 *
 * Return: whether there is one.
 */
bool link_get(const struct link *link, unsigned int place, struct message *msg)
{
	struct be_message be;

	if (!link->control || !read_message(link, place, &be) ||
	    be.session != htobe64(link->session))
		return false;
	decode(&be, msg);
	return true;
}

/**
 * link_store_failed() - judge a store that the device refused
 * @link: link
 * @err: negative errno of ism_move()
 *
 * EIO means that the peer is gone, unless the own function is what fails.
 *
 * Return: 0 with the peer marked as gone, or a status after run_fail().
 */
int link_store_failed(struct link *link, int err)
{
	char text[512];
	uint64_t gid;

	snprintf(text, sizeof(text), "%s", ism_strerror(link->ism));
	if (err != -EIO)
		return run_fail(link->run, STATUS_FAILED, "%s", text);
	if (ism_cmd_read_gid(link->ism, &gid))
		return run_fail(link->run, STATUS_FAILED,
				"%s; the function does not answer commands either",
				text);
	if (!link->gone)
		link->gone = "its DMB takes no more stores";
	return 0;
}

/**
 * link_put() - store a message at the other side, with a signal
 * @link: link that knows the other side's control DMB
 * @place: where
 * @msg: message
 *
 * Return: 0, also when the other side turns out to be gone (@link says so),
 * or a status after run_fail().
 */
int link_put(struct link *link, unsigned int place, const struct message *msg)
{
	struct be_message be;
	int ret;

	encode(link, msg, &be);
	ret = ism_move(link->ism, link->peer_control,
		       (uint32_t)(place * sizeof(be)), &be, sizeof(be),
		       CONTROL_SIGNAL);
	link->sent = now_ns();
	return ret ? link_store_failed(link, ret) : 0;
}

static int ping(struct link *link)
{
	uint64_t be = htobe64(++link->pings);
	int ret;

	if (!link->session || link->gone ||
	    now_ns() - link->sent < LINK_IDLE_MS * 1000000ll)
		return 0;
	ret = ism_move(link->ism, link->peer_control,
		       PLACE_PING * sizeof(struct be_message), &be, sizeof(be),
		       ISM_NO_SIGNAL);
	link->sent = now_ns();
	return ret ? link_store_failed(link, ret) : 0;
}

/**
 * link_lost() - the sentence for a peer that is gone
 * @link: link
 *
 * Return: STATUS_GONE.
 */
int link_lost(struct link *link)
{
	return run_fail(link->run, STATUS_GONE,
			"peer GID %#018llx went away after %llu bytes: %s",
			(unsigned long long)link->run->peer,
			(unsigned long long)link->run->bytes, link->gone);
}

/* Receiver: registering for a caller, and forgetting it */

static void forget_caller(struct link *link)
{
	ism_dmb_free(link->data);
	ism_dmb_free(link->control);
	link->data = NULL;
	link->control = NULL;
	link->peer_control = 0;
	link->session = 0;
	link->welcomed = 0;
	link->gone = NULL;
}

static int register_for(struct link *link, uint64_t gid)
{
	int ret;

	ret = ism_dmb_alloc(link->ism, ISM_PAGE, gid, ISM_NO_VLAN,
			    &link->control);
	if (!ret)
		ret = ism_dmb_alloc(link->ism, link->run->dmb_len, gid,
				    ISM_NO_VLAN, &link->data);
	/* the caller may have gone in the meantime: then wait for another */
	if (ret == -EHOSTUNREACH)
		return 0;
	if (ret)
		return run_fail(link->run, STATUS_FAILED, "%s",
				ism_strerror(link->ism));
	link->slots = LINK_SLOTS;
	link->slot_len = (uint32_t)(link->data->len / LINK_SLOTS);
	return 0;
}

static int welcome(struct link *link)
{
	struct message msg = {
		.type = MSG_WELCOME,
		.control = link->control->tok,
		.data = link->data->tok,
		.slots = link->slots,
		.slot_len = link->slot_len,
	};

	link->welcomed = now_ns();
	return link_put(link, PLACE_WELCOME, &msg);
}

static int new_caller(struct link *link, uint64_t gid, uint64_t info)
{
	uint32_t own;
	int ret;

	forget_caller(link);
	if (getrandom(&own, sizeof(own), 0) != sizeof(own))
		return run_fail(link->run, STATUS_FAILED, "no random number: %s",
				strerror(errno));
	ret = register_for(link, gid);
	if (ret || !link->data) {
		forget_caller(link);
		return ret;
	}
	link->run->peer = gid;
	link->peer_control = info & TOKEN_MASK;
	link->nonce = info & NONCE_MASK;
	link->session = (uint64_t)link->nonce << 32 | own;
	return welcome(link);
}

/* Whether the one that was welcomed still has time to start */
static bool reserved(const struct link *link, uint64_t gid)
{
	return link->session && gid != link->run->peer && !link->gone &&
	       now_ns() - link->welcomed < WELCOME_NS;
}

/* A call: the first, one that came twice, or one of a peer that began anew */
static int take_call(struct link *link, uint64_t gid, uint64_t info)
{
	struct run *run = link->run;
	bool same = link->session && gid == run->peer &&
		    (info & NONCE_MASK) == link->nonce;

	if (link->started) {
		if (gid == run->peer && !same && !link->gone)
			link->gone = "it started again";
		return 0;
	}
	if (run->peer_arg && gid != run->peer)
		return 0;
	if (reserved(link, gid))
		return 0;
	return same ? welcome(link) : new_caller(link, gid, info);
}

/* Events of both sides */

static bool is_peers(const struct link *link, const struct ism_event *ev)
{
	if (ev->type == ISM_IEQ_DEVICE)
		return ev->tok == link->run->peer;
	return ev->tok == link->peer_control ||
	       (link->peer_data && ev->tok == link->peer_data);
}

static int take_entry(struct link *link, const struct ism_event *ev, bool listens)
{
	if (ev->type == ISM_IEQ_SOFTWARE) {
		if (listens && ev->code == LINK_CALL)
			return take_call(link, ev->tok, ev->info);
		return 0;
	}
	if (link->session && !link->gone && is_peers(link, ev))
		link->gone = ism_ieq_code_name(ev->type, ev->code);
	return 0;
}

static int take_event(struct link *link, const struct ism_event *ev)
{
	bool listens = !strcmp(link->run->command, "recv");

	switch (ev->kind) {
	case ISM_EVENT_IEQ:
		return take_entry(link, ev, listens);
	case ISM_EVENT_ERROR:
		return run_fail(link->run, STATUS_FAILED,
				"%s: the kernel reports an error of the function; it is reset when it is opened again",
				link->run->function);
	case ISM_EVENT_REQUEST:
		return run_fail(link->run, STATUS_FAILED,
				"%s: the system wants the function back",
				link->run->function);
	default:
		/* a signal: the messages are looked at after each wait */
		return 0;
	}
}

static int take_events(struct link *link, bool *any)
{
	struct ism_event ev;
	int ret = 0;

	*any = false;
	while (!ret && ism_next_event(link->ism, &ev)) {
		*any = true;
		ret = take_event(link, &ev);
	}
	return ret;
}

/**
 * link_wait() - wait for something to happen, and take all events
 * @link: link
 * @other: a file to wait for as well, its revents are set; NULL without
 * @timeout_ms: at most this long, and never longer than LINK_IDLE_MS
 *
 * Return: 0 in any case that is no failure of this side: look whether the
 * message is there, whether the file is ready, and whether the peer is gone;
 * else a status after run_fail().
 */
int link_wait(struct link *link, struct pollfd *other, int timeout_ms)
{
	struct pollfd pfd[2] = {
		{ .fd = ism_fd(link->ism), .events = POLLIN },
	};
	bool any;
	int ret;

	if (other)
		pfd[1] = *other;
	ret = take_events(link, &any);
	/* an event may be what the caller waits for: let it look */
	if (any)
		timeout_ms = 0;
	if (timeout_ms > LINK_IDLE_MS)
		timeout_ms = LINK_IDLE_MS;
	if (!ret && poll(pfd, other ? 2 : 1, timeout_ms) < 0 && errno != EINTR)
		ret = run_fail(link->run, STATUS_FAILED, "poll: %s",
			       strerror(errno));
	if (other)
		other->revents = pfd[1].revents;
	if (!ret)
		ret = take_events(link, &any);
	if (!ret)
		ret = ping(link);
	report_progress(link->run);
	return ret;
}

static bool too_late(const struct link *link, int64_t begin)
{
	int timeout = link->run->timeout_ms;

	return timeout >= 0 && now_ns() - begin >= timeout * 1000000ll;
}

/* Sender: finding the receiver */

static int take_welcome(struct link *link)
{
	struct be_message be;
	struct message msg;

	if (!link->control || !read_message(link, PLACE_WELCOME, &be) ||
	    be64toh(be.session) >> 32 != link->nonce)
		return 0;
	decode(&be, &msg);
	if (msg.type != MSG_WELCOME)
		return 0;
	if (!msg.slots || msg.slots > LINK_SLOTS || !msg.slot_len ||
	    (uint64_t)msg.slots * msg.slot_len > ISM_DMB_MAX)
		return run_fail(link->run, STATUS_FAILED,
				"the receiver offers %u slots of %u bytes, which this ismctl cannot use",
				msg.slots, msg.slot_len);
	link->peer_control = msg.control;
	link->peer_data = msg.data;
	link->slots = msg.slots;
	link->slot_len = msg.slot_len;
	link->session = be64toh(be.session);
	return 0;
}

static bool no_reply(int err)
{
	return err == -EIO || err == -ENXIO || err == -EPROTO;
}

/* The device may refuse a DMB for a GID that is not there */
static int signal_call(struct link *link)
{
	int ret = 0;

	if (!link->control)
		ret = ism_dmb_alloc(link->ism, ISM_PAGE, link->run->peer,
				    ISM_NO_VLAN, &link->control);
	if (!ret)
		ret = ism_cmd_signal_ieq(link->ism, link->run->peer, true,
					 LINK_CALL,
					 link->control->tok | link->nonce);
	return ret;
}

/* That nobody is there yet is no failure; that the own function fails is one */
static int call_once(struct link *link, const char **reason)
{
	int ret = signal_call(link);

	*reason = ret ? ism_code_name(ism_cmd_code(link->ism)) :
		  "it is in use, but not by an 'ismctl recv' that waits for this sender";
	if (!*reason)
		*reason = "the device refuses it for a reason that is not known";
	if (ret && ret != -EHOSTUNREACH && (!link->control || no_reply(ret)))
		return run_fail(link->run, STATUS_FAILED, "%s",
				ism_strerror(link->ism));
	return 0;
}

static int no_answer(struct link *link, const char *reason)
{
	return run_fail(link->run, STATUS_TIMEOUT,
			"no answer from GID %#018llx in %d s: %s; start 'ismctl recv' on that function",
			(unsigned long long)link->run->peer,
			link->run->timeout_ms / 1000, reason);
}

static int call_until_answered(struct link *link)
{
	int64_t begin = now_ns(), called = 0;
	const char *reason = "";
	int ret = 0;

	while (!ret && !link->session) {
		if (now_ns() - called >= CALL_NS) {
			called = now_ns();
			ret = call_once(link, &reason);
		}
		if (!ret)
			ret = link_wait(link, NULL, (int)(CALL_NS / 1000000));
		if (!ret)
			ret = take_welcome(link);
		if (!ret && !link->session && too_late(link, begin))
			ret = no_answer(link, reason);
	}
	return ret;
}

static int new_nonce(struct link *link)
{
	do {
		if (getrandom(&link->nonce, sizeof(link->nonce), 0) !=
		    sizeof(link->nonce))
			return run_fail(link->run, STATUS_FAILED,
					"no random number: %s", strerror(errno));
		link->nonce &= NONCE_MASK;
	} while (!link->nonce);
	return 0;
}

/* A receiver may restart between its answer and our start: then call again */
static int start(struct link *link)
{
	struct message msg = {
		.type = MSG_START,
		.bytes = link->run->total_known ? link->run->total :
			 MESSAGE_UNKNOWN,
	};
	int ret;

	ret = link_put(link, PLACE_WELCOME, &msg);
	if (ret)
		return ret;
	link->started = !link->gone;
	if (!link->started) {
		link->session = 0;
		link->peer_control = 0;
		link->peer_data = 0;
		link->gone = NULL;
	}
	return 0;
}

/**
 * link_call() - sender: find the receiver and start
 * @link: filled in; link_end() in any case
 * @run: run with an open function and the peer's GID
 *
 * Return: 0 or a status after run_fail().
 */
int link_call(struct link *link, struct run *run)
{
	int ret = 0;

	*link = (struct link) { .run = run, .ism = run->ism };
	while (!ret && !link->started) {
		/* anew each time, so that an answer is to this call */
		ret = new_nonce(link);
		if (!ret)
			ret = call_until_answered(link);
		if (!ret)
			ret = start(link);
	}
	return ret;
}

static void take_start(struct link *link)
{
	struct message msg;

	if (!link->session || !link_get(link, PLACE_WELCOME, &msg) ||
	    msg.type != MSG_START)
		return;
	link->run->total_known = msg.bytes != MESSAGE_UNKNOWN;
	link->run->total = link->run->total_known ? msg.bytes : 0;
	link->started = true;
}

/**
 * link_listen() - receiver: wait for a sender to start
 * @link: filled in; link_end() in any case
 * @run: run with an open function; with a peer's GID only that one is taken,
 *	else the GID is filled in
 *
 * Return: 0 or a status after run_fail().
 */
int link_listen(struct link *link, struct run *run)
{
	int64_t begin = now_ns();
	int ret = 0;

	*link = (struct link) { .run = run, .ism = run->ism };
	while (!ret && !link->started) {
		ret = link_wait(link, NULL, LINK_IDLE_MS);
		if (ret)
			break;
		take_start(link);
		if (!link->started && link->gone)
			forget_caller(link);
		if (!link->started && too_late(link, begin))
			ret = run_fail(run, STATUS_TIMEOUT,
				       "no sender called in %d s; start 'ismctl send' with --to %#018llx",
				       run->timeout_ms / 1000,
				       (unsigned long long)ism_gid(run->ism));
	}
	return ret;
}

/**
 * link_end() - free the DMBs of a link
 * @link: link
 */
void link_end(struct link *link)
{
	forget_caller(link);
}
