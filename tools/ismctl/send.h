/* SPDX-License-Identifier: MIT */
/*
 * ismctl's sender: what send, ping and bench have in common
 */
#ifndef SEND_H
#define SEND_H

#include <sha2.h>

#include "link.h"

/**
 * struct sender - a transfer
 * @link: to the receiver
 * @run: of this run
 * @fd: input
 * @eof: no more input
 * @number: of the message sent last
 * @acked: number that the receiver acknowledged last
 * @hash: of all that was sent
 * @buf: room for all slots; the next one's data are at its begin
 * @len: bytes in @buf
 */
struct sender {
	struct link link;
	struct run *run;
	int fd;
	bool eof;
	uint64_t number;
	uint64_t acked;
	SHA2_CTX hash;
	char *buf;
	size_t len;
};

int send_run(struct sender *s, int (*body)(struct sender *s));
int send_wait(struct sender *s, struct pollfd *other, int timeout_ms);
void send_take_ack(struct sender *s);
int send_slot(struct sender *s);
int send_finish(struct sender *s);

#endif /* SEND_H */
