/* SPDX-License-Identifier: MIT */
/*
 * The transfer protocol of ismctl, and what both sides of it share: two
 * processes with a function each find each other over ISM and exchange messages
 *
 * The protocol, version 1. All numbers are big endian.
 *
 *  1. Each side has a control DMB of one page that only the other may write.
 *     Messages have fixed places of 128 bytes in it, see enum place. Each ends
 *     with a check value: a message that is being written is not one yet.
 *  2. CALL: the sender puts a software event into the receiver's event queue,
 *     again and again until it is answered: code TRANSFER_CALL, info = token of the
 *     sender's control DMB | 28 random bits, in the bits that tokens have clear.
 *  3. WELCOME: the receiver registers a control and a data DMB for the caller's
 *     GID and stores this message into the caller's control DMB. Its session
 *     number is made of the caller's random bits and 32 of the receiver's own,
 *     and is in each message from now on: what an earlier run left behind is
 *     not taken for this one's.
 *  4. START: the sender's first message. Before it the receiver is free to
 *     answer another call.
 *  5. DATA number n (from 1): the sender moves bytes into slot (n - 1) % slots
 *     of the data DMB, then the message, with a signal, to the place of that
 *     slot. It does so only when fewer than slots are not acknowledged.
 *  6. ACK: the receiver has used all up to number n. The latest counts.
 *  7. FINISH takes the number after the last DATA and has the SHA-256 of all;
 *     or ABORT with an errno, when the sender's input fails.
 *  8. VERDICT: the receiver's digest, or an errno, at any time.
 *
 * A side that has heard nothing for a while stores PING, without a signal,
 * which fails when the other side's DMB is gone: so the loss of an event does
 * not hide a peer's death.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <poll.h>

#include "progress.h"

#define TRANSFER_CALL	0x4901u		/* 'I', version 1 */
#define TRANSFER_SLOTS	4u
#define TRANSFER_IDLE_MS	250

/* A call's random bits, in those that a token has clear */
#define TRANSFER_NONCE	((1u << ISM_TOKEN_LOW_BITS) - 1)
#define TRANSFER_TOKEN	(((1ull << ISM_TOKEN_BITS) - 1) & \
			 ~(uint64_t)TRANSFER_NONCE)

enum message_type {
	MSG_WELCOME = 1,
	MSG_START,
	MSG_DATA,
	MSG_FINISH,
	MSG_ABORT,
	MSG_ACK,
	MSG_VERDICT,
};

#define MESSAGE_LEN	128

/* Where in the control DMB, in units of messages */
enum place {
	PLACE_WELCOME	= 0,	/* also START */
	PLACE_ACK	= 1,
	PLACE_VERDICT	= 2,
	PLACE_PING	= 3,
	PLACE_SLOT	= 8,	/* and TRANSFER_SLOTS - 1 more */
};

/**
 * struct message - in host byte order
 * @type: enum message_type
 * @error: ABORT, VERDICT: errno or 0
 * @number: DATA, FINISH, ABORT, ACK: number
 * @bytes: DATA: in the slot; START: in all, or UNKNOWN; FINISH, VERDICT: in all
 * @control: WELCOME: token of the receiver's control DMB
 * @data: WELCOME: token of its data DMB
 * @slot_len: WELCOME: bytes per slot
 * @slots: WELCOME: number of slots
 * @digest: FINISH, VERDICT
 */
struct message {
	uint32_t type;
	uint32_t error;
	uint64_t number;
	uint64_t bytes;
	uint64_t control;
	uint64_t data;
	uint32_t slot_len;
	uint32_t slots;
	uint8_t digest[DIGEST_LEN];
};

#define MESSAGE_UNKNOWN	UINT64_MAX

/**
 * struct transfer - a connection, or an attempt at one
 * @ctx: context with an open function
 * @progress: of the data
 * @timeout: seconds to wait for the other side, 0 for ever
 * @peer: GID of the other side, 0 while it is not known
 * @on_call: receiver: what to do about a call of @gid, with @info
 * @only: receiver: take no other than @peer
 * @dmb_len: receiver: of the data DMB
 * @control: this side's control DMB, NULL without
 * @data: the receiver's data DMB, NULL without
 * @peer_control: token of the other side's control DMB, 0 without
 * @peer_data: the sender's: token of the receiver's data DMB
 * @slots: in the data DMB
 * @slot_len: bytes of each
 * @nonce: random bits of the caller
 * @session: number of the session, 0 before
 * @sent: when something was stored at the other side last, in ns
 * @welcomed: receiver: when the WELCOME was sent, 0 before
 * @started: START was sent or seen
 * @gone: why the other side is taken for gone, NULL while it is not
 * @pings: number of PINGs
 */
struct transfer {
	struct context *ctx;
	struct progress *progress;
	uint64_t timeout;
	uint64_t peer;
	int (*on_call)(struct transfer *t, uint64_t gid, uint64_t info);
	bool only;
	uint64_t dmb_len;
	struct ism_dmb *control;
	struct ism_dmb *data;
	uint64_t peer_control;
	uint64_t peer_data;
	uint32_t slots;
	uint32_t slot_len;
	uint32_t nonce;
	uint64_t session;
	int64_t sent;
	int64_t welcomed;
	bool started;
	const char *gone;
	uint64_t pings;
};

/* How the two find each other */
int transfer_call(struct transfer *t);
int transfer_listen(struct transfer *t);
bool transfer_too_late(const struct transfer *t, int64_t begin);

/* Messages */
bool transfer_read(const struct transfer *t, unsigned int place,
		   struct message *msg, uint64_t *session);
bool transfer_get(const struct transfer *t, unsigned int place,
		  struct message *msg);
int transfer_put(struct transfer *t, unsigned int place,
		 const struct message *msg);

/* Waiting, and the end */
int transfer_wait(struct transfer *t, struct pollfd *other, int timeout_ms);
int transfer_store_failed(struct transfer *t, int err);
int transfer_lost(struct transfer *t);
void transfer_end(struct transfer *t);

#endif /* TRANSFER_H */
