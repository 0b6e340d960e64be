/* SPDX-License-Identifier: MIT */
/*
 * ismctl's link: two processes with a function each find each other over ISM
 * and exchange messages
 *
 * The wire protocol, version 1. All numbers are big endian.
 *
 *  1. Each side has a control DMB of one page that only the other may write.
 *     Messages have fixed places of 128 bytes in it, see enum place. Each ends
 *     with a check value: a message that is being written is not one yet.
 *  2. CALL: the sender puts a software event into the receiver's event queue,
 *     again and again until it is answered: code LINK_CALL, info = token of the
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
#ifndef LINK_H
#define LINK_H

#include "ismctl.h"

#define LINK_CALL	0x4901u		/* 'I', version 1 */
#define LINK_SLOTS	4u
#define LINK_IDLE_MS	250

enum message_type {
	MSG_WELCOME = 1,
	MSG_START,
	MSG_DATA,
	MSG_FINISH,
	MSG_ABORT,
	MSG_ACK,
	MSG_VERDICT,
};

/* Where in the control DMB, in units of messages */
enum place {
	PLACE_WELCOME	= 0,	/* also START */
	PLACE_ACK	= 1,
	PLACE_VERDICT	= 2,
	PLACE_PING	= 3,
	PLACE_SLOT	= 8,	/* and LINK_SLOTS - 1 more */
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
 * struct link - a connection, or an attempt at one
 * @run: of this run
 * @ism: this side's function
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
struct link {
	struct run *run;
	struct ism *ism;
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

int link_call(struct link *link, struct run *run);
int link_listen(struct link *link, struct run *run);
int link_wait(struct link *link, struct pollfd *other, int timeout_ms);
int link_put(struct link *link, unsigned int place, const struct message *msg);
bool link_get(const struct link *link, unsigned int place, struct message *msg);
int link_store_failed(struct link *link, int err);
int link_lost(struct link *link);
void link_end(struct link *link);

#endif /* LINK_H */
