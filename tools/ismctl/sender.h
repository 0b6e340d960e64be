/* SPDX-License-Identifier: MIT */
/*
 * The sender's side of a transfer: what send, ping and bench have in common
 */
#ifndef SENDER_H
#define SENDER_H

#include "transfer.h"

/**
 * struct sender - a transfer to a receiver
 * @t: transfer
 * @progress: of the data
 * @number: of the message sent last
 * @acked: number that the receiver acknowledged last
 * @md: digest of all that was sent
 * @buf: room for all slots; the next one's data are at its begin
 * @len: bytes in @buf
 */
struct sender {
	struct transfer t;
	struct progress progress;
	uint64_t number;
	uint64_t acked;
	EVP_MD_CTX *md;
	char *buf;
	size_t len;
};

int sender_run(struct sender *s, const char *peer, int (*body)(struct sender *s));
int sender_wait(struct sender *s, struct pollfd *other, int timeout_ms);
void sender_take_ack(struct sender *s);
int sender_slot(struct sender *s);
int sender_finish(struct sender *s);
int sender_abort(struct sender *s, int err);

#endif /* SENDER_H */
