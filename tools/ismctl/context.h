/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of ismctl share: a function, where results go, and how
 * the run ends
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ism.h"

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
 * struct context - a run of ismctl
 * @function: PCI name of the function to use, NULL if none was given
 * @iommu: interface of vfio to use
 * @json: results as JSON
 * @out: where results go
 * @ism: the function, NULL before context_open()
 * @stats: its counters, after context_close()
 * @status: how the run ends
 * @error: a sentence if it ends badly
 */
struct context {
	const char *function;
	enum ism_iommu iommu;
	bool json;
	FILE *out;
	struct ism *ism;
	struct ism_stats stats;
	enum status status;
	char error[1024];
};

int fail(struct context *ctx, enum status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int fail_ism(struct context *ctx, struct ism *ism);
int64_t now_ns(void);
int context_open(struct context *ctx);
void context_close(struct context *ctx);

#endif /* CONTEXT_H */
