/* SPDX-License-Identifier: MIT */
/*
 * Moves from one end to the other: some that are looked at, each byte of them, and
 * some that go on without a pause until one fails
 */
#ifndef MOVES_H
#define MOVES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "end.h"

#define SIZES		4096u		/* each of these once, then longer ones */
#define DMB_LEN		(256u << 10)
#define PATIENCE	10000		/* ms; only a failure waits that long */

/**
 * struct run - moves of all sizes from one end to the other
 * @from: who moves
 * @to: in whose DMB, which nobody else writes, and which is empty
 * @moves: how many
 * @seed: of the sizes, the places and the bytes
 * @want: what the DMB has to look like
 * @failure: empty, or what was wrong
 */
struct run {
	struct end *from;
	struct end *to;
	unsigned int moves;
	uint64_t seed;
	uint8_t *want;
	char failure[128];
};

void random_fill(uint64_t *seed, uint8_t *data, size_t len);
void *run_moves(void *run);

/**
 * struct stream - moves that go on until one fails
 * @from: who moves
 * @tok: where to
 * @watch: look for a request to give the function back after each move
 * @moves: that succeeded
 * @over: set by somebody when no move may succeed any more
 * @late: moves that did all the same
 * @error: what ended it
 * @thread: that moves
 */
struct stream {
	struct end *from;
	uint64_t tok;
	bool watch;
	unsigned int moves;
	bool over;
	unsigned int late;
	int error;
	pthread_t thread;
};

bool stream_start(struct stream *s, struct end *from, uint64_t tok);
void stream_finish(struct stream *s);

#endif /* MOVES_H */
