/* SPDX-License-Identifier: MIT */
/*
 * ismctl selftest: what its steps share
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "context.h"

/**
 * struct selftest - a run of all steps
 * @ctx: context
 * @ism: the function that stores
 * @to: the one that is stored into; may be the same
 * @reachable: whether @to can be reached
 * @dmb: of @to, for the steps that store
 * @data: ISM_DMB_MAX bytes to store
 * @why: why the step failed, or was skipped
 * @passed: steps
 * @failed: steps
 * @skipped: steps
 */
struct selftest {
	struct context *ctx;
	struct ism *ism;
	struct ism *to;
	bool reachable;
	struct ism_dmb *dmb;
	uint8_t *data;
	char why[512];
	unsigned int passed;
	unsigned int failed;
	unsigned int skipped;
};

/* What a step returns; SKIPPED for what this function cannot do */
enum result { PASSED, FAILED, SKIPPED };

/**
 * struct step - a step
 * @name: what holds when it passes
 * @check: tries it; says why in the selftest's @why if it does not pass
 * @stores: whether it stores, which not every function can
 */
struct step {
	const char *name;
	enum result (*check)(struct selftest *t);
	bool stores;
};

extern const struct step selftest_steps[];

int selftest(struct context *ctx);

#endif /* SELFTEST_H */
