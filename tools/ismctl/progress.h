/* SPDX-License-Identifier: MIT */
/*
 * How far a transfer is: progress bar and summary
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "context.h"
#include "digest.h"

/**
 * struct progress - how far a transfer is
 * @bar: where the bar is drawn, NULL for nowhere
 * @bytes: transferred up to now
 * @total: that there will be, if @total_known
 * @total_known: false for a pipe
 * @digest: SHA-256 of the data on this side, at the end
 * @start: of the transfer, in ns of the monotonic clock, 0 before
 * @end: of the transfer
 * @drawn: when the bar was drawn last
 */
struct progress {
	FILE *bar;
	uint64_t bytes;
	uint64_t total;
	bool total_known;
	uint8_t digest[DIGEST_LEN];
	int64_t start;
	int64_t end;
	int64_t drawn;
};

/**
 * struct side - what the summary calls the two sides
 * @role: this side's
 * @done: what it has done with the data
 * @other: the word before the peer's GID
 */
struct side {
	const char *role;
	const char *done;
	const char *other;
};

void progress_draw(struct progress *p);
void progress_erase(struct progress *p);
void progress_summary(const struct context *ctx, const struct progress *p,
		      const struct side *side, uint64_t peer);

#endif /* PROGRESS_H */
