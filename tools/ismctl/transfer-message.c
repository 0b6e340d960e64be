// SPDX-License-Identifier: MIT
/*
 * The messages of the transfer protocol, see transfer.h
 */
#include <endian.h>
#include <string.h>

#include "transfer.h"

#define MAGIC		0x49534d5846455231ull	/* ISMXFER1 */
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

_Static_assert(sizeof(struct be_message) == MESSAGE_LEN, "message layout");
_Static_assert((PLACE_SLOT + TRANSFER_SLOTS) * sizeof(struct be_message) <= ISM_PAGE,
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

static void encode(const struct transfer *t, const struct message *msg,
		   struct be_message *be)
{
	*be = (struct be_message) {
		.magic = htobe64(MAGIC),
		.session = htobe64(t->session),
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

/**
 * transfer_read() - look for a whole message, of whatever session
 * @t: transfer, with a control DMB or without
 * @place: where
 * @msg: filled in
 * @session: filled in
 *
 * Return: whether there is one.
 */
bool transfer_read(const struct transfer *t, unsigned int place,
		   struct message *msg, uint64_t *session)
{
	struct be_message be;

	if (!t->control)
		return false;
	/* the peer may be writing: a copy first, then the look at it */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(&be, (const char *)t->control->mem + place * sizeof(be),
	       sizeof(be));
	if (be.magic != htobe64(MAGIC) || be.check != htobe64(check_value(&be)))
		return false;
	decode(&be, msg);
	*session = be64toh(be.session);
	return true;
}

/**
 * transfer_get() - look for a message of this transfer
 * @t: transfer that has started
 * @place: where
 * @msg: filled in
 *
 * Return: whether there is one.
 */
bool transfer_get(const struct transfer *t, unsigned int place,
		  struct message *msg)
{
	uint64_t session;

	return transfer_read(t, place, msg, &session) && session == t->session;
}

/**
 * transfer_put() - store a message at the other side, with a signal
 * @t: transfer that knows the other side's control DMB
 * @place: where
 * @msg: message
 *
 * Return: 0, also when the other side turns out to be gone (@t says so),
 * or a status after fail().
 */
int transfer_put(struct transfer *t, unsigned int place,
		 const struct message *msg)
{
	struct be_message be;
	int ret;

	encode(t, msg, &be);
	ret = ism_move(t->ctx->ism, t->peer_control,
		       (uint32_t)(place * sizeof(be)), &be, sizeof(be),
		       CONTROL_SIGNAL);
	t->sent = now_ns();
	return ret ? transfer_store_failed(t, ret) : 0;
}
