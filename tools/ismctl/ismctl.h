/* SPDX-License-Identifier: MIT */
/*
 * ismctl's own: options, the state of a run, and what the parts offer
 */
#ifndef ISMCTL_H
#define ISMCTL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "ism.h"

#define DIGEST_LEN	32

/**
 * enum status - exit codes, a part of ismctl's interface
 * @STATUS_OK: done; of a transfer: both digests are the same
 * @STATUS_FAILED: a file, a function or the system failed, here or at the peer
 * @STATUS_USAGE: wrong arguments
 * @STATUS_TIMEOUT: the peer did not come in time
 * @STATUS_GONE: the peer went away in mid-transfer
 * @STATUS_DIFFERENT: what arrived is not what was sent
 */
enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_TIMEOUT = 3,
	STATUS_GONE = 4,
	STATUS_DIFFERENT = 5,
};

/**
 * struct run - one run of ismctl: its options, and what came of it
 * @command: name of the subcommand
 * @function: PCI name of the function to use
 * @peer_arg: the peer as given, NULL if it was not
 * @file: file to send, or to write; "-" for stdin or stdout
 * @svg: file for a plot, NULL without
 * @json: results as JSON
 * @quiet: neither progress nor summary
 * @timeout: seconds to wait for the peer, 0 for ever
 * @timeout_ms: the same for poll(): negative for ever
 * @dmb_len: of the data DMB
 * @count: round trips; events to watch, 0 for all
 * @size: bytes of a round trip
 * @seconds: per size of bench
 * @code: of an event to send
 * @info: of an event to send
 * @token: of a DMB to signal, 0 for an event
 * @signal: number of the signal
 * @iommu: interface of vfio to use
 * @out: where progress and summary go
 * @ism: the function
 * @peer: the peer's GID, 0 while it is not known
 * @bytes: transferred up to now
 * @total: that there will be, if @total_known
 * @total_known: false for a pipe
 * @digest: SHA-256 of the data on this side
 * @start: of the transfer, in ns of the monotonic clock, 0 before
 * @end: of the transfer
 * @stats: at the end
 * @drawn: when progress was drawn last
 * @status: how it ends
 * @error: a sentence if it ends badly
 */
struct run {
	const char *command;
	const char *function;
	const char *peer_arg;
	const char *file;
	const char *svg;
	bool json;
	bool quiet;
	uint64_t timeout;
	int timeout_ms;
	uint64_t dmb_len;
	uint64_t count;
	uint64_t size;
	uint64_t seconds;
	uint64_t code;
	uint64_t info;
	uint64_t token;
	uint64_t signal;
	enum ism_iommu iommu;

	FILE *out;
	struct ism *ism;
	uint64_t peer;
	uint64_t bytes;
	uint64_t total;
	bool total_known;
	uint8_t digest[DIGEST_LEN];
	int64_t start;
	int64_t end;
	struct ism_stats stats;
	int64_t drawn;
	enum status status;
	char error[1024];
};

/**
 * struct point - what bench measured for a size
 * @size: bytes of a move
 * @ops: moves
 * @ns: that they took
 */
struct point {
	size_t size;
	uint64_t ops;
	int64_t ns;
};

/* ismctl.c */
int run_fail(struct run *run, enum status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int64_t now_ns(void);
int run_open(struct run *run);
void run_close(struct run *run);

/* peer.c */
int peer_gid(const char *function, enum ism_iommu iommu, uint64_t *gid,
	     char *why, size_t len);
int peer_resolve(struct run *run);
void peer_publish(struct run *run);
void peer_unpublish(struct run *run);

/* report.c */
void report_progress(struct run *run);
void report_end(struct run *run);
void digest_hex(const uint8_t *digest, char *hex);
void json_string(FILE *out, const char *s);

/* plot.c */
int plot_svg(struct run *run, const struct point *points, unsigned int n);

/* The subcommands, each in the file of its name; info and regs are in info.c,
 * watch and signal in watch.c
 */
int cmd_list(struct run *run);
int cmd_info(struct run *run);
int cmd_regs(struct run *run);
int cmd_watch(struct run *run);
int cmd_signal(struct run *run);
int cmd_send(struct run *run);
int cmd_recv(struct run *run);
int cmd_ping(struct run *run);
int cmd_bench(struct run *run);
int cmd_selftest(struct run *run);

#endif /* ISMCTL_H */
