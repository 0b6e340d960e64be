// SPDX-License-Identifier: MIT
/*
 * ismctl selftest: one function, step by step, through the library alone
 *
 * It stores into itself, or into a second function of this system that is free.
 * No other function is asked for anything or written to.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "command.h"
#include "output.h"
#include "selftest.h"

static const char *to;

static const struct command_option options[] = {
	{ .name = "to", .key = 't', .value = "PEER", .text = &to,
	  .help = "Store into this function of this system, which must be free (default: into the function itself)" },
	{ 0 }
};

static struct json_object *step_json(const struct selftest *t,
				     const struct step *step,
				     enum result result, const char *word)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "step", step->name);
	json_text(o, "result", word);
	if (result != PASSED)
		json_text(o, "why", t->why);
	return o;
}

static void report_step(struct selftest *t, const struct step *step,
			enum result result, struct json_object *steps)
{
	static const char *const words[] = {
		[PASSED] = "ok", [FAILED] = "FAILED", [SKIPPED] = "skipped"
	};
	FILE *out = t->ctx->out;

	t->passed += result == PASSED;
	t->failed += result == FAILED;
	t->skipped += result == SKIPPED;
	if (t->ctx->json) {
		json_object_array_add(steps, step_json(t, step, result,
						       words[result]));
		return;
	}
	fprintf(out, "%-7s  %s", words[result], step->name);
	if (result != PASSED)
		fprintf(out, ": %s", t->why);
	fputc('\n', out);
	fflush(out);
}

static void run_steps(struct selftest *t, struct json_object *steps)
{
	const struct step *step = selftest_steps;

	for (; step->name; step++) {
		enum result result = SKIPPED;

		if (!step->stores || t->reachable)
			result = step->check(t);
		report_step(t, step, result, steps);
	}
}

static void system_text(const struct selftest *t)
{
	struct context *ctx = t->ctx;
	struct utsname u;

	uname(&u);
	fprintf(ctx->out,
		"function: %s\ngid: %#018llx\nstores into: %#018llx\ninterface: %s\nmaxstbl: %u\nkernel: %s %s\n%s\n\n",
		ctx->function, (unsigned long long)ism_gid(t->ism),
		(unsigned long long)ism_gid(t->to), ism_transport(t->ism),
		ism_maxstbl(t->ism), u.release, u.machine, u.version);
}

static struct json_object *system_json(const struct selftest *t)
{
	struct json_object *o = json_begin(t->ctx);
	struct utsname u;

	uname(&u);
	json_hex(o, "to_gid", ism_gid(t->to), GID_DIGITS);
	json_text(o, "interface", ism_transport(t->ism));
	json_number(o, "maxstbl", ism_maxstbl(t->ism));
	json_text(o, "kernel", u.release);
	json_text(o, "machine", u.machine);
	return o;
}

static void with_json(struct selftest *t)
{
	struct json_object *o = system_json(t);
	struct json_object *steps = json_object_new_array();

	run_steps(t, steps);
	json_object_object_add(o, "steps", steps);
	json_number(o, "passed", t->passed);
	json_number(o, "failed", t->failed);
	json_number(o, "skipped", t->skipped);
	json_end(t->ctx, o);
}

static void with_text(struct selftest *t)
{
	system_text(t);
	run_steps(t, NULL);
	fprintf(t->ctx->out, "\n%u passed, %u failed, %u skipped\n",
		t->passed, t->failed, t->skipped);
}

static int make_data(struct selftest *t)
{
	uint32_t n = 1;

	t->data = malloc(ISM_DMB_MAX);
	if (!t->data)
		return fail(t->ctx, STATUS_FAILED, "out of memory");
	/* no period that a page or a store block has */
	for (size_t i = 0; i < ISM_DMB_MAX; i++) {
		n = n * 1664525 + 1013904223;
		t->data[i] = (uint8_t)(n >> 24);
	}
	return 0;
}

static int open_to(struct selftest *t)
{
	struct context *ctx = t->ctx;

	t->to = t->ism;
	if (!to || !strcmp(to, ctx->function))
		return 0;
	t->to = ism_new();
	if (!t->to)
		return fail(ctx, STATUS_FAILED, "out of memory");
	if (ism_open(t->to, to, ctx->iommu))
		return fail_ism(ctx, t->to);
	return 0;
}

/* Without a DMB the steps that store cannot be: the first of them says why */
static int prepare(struct selftest *t)
{
	int ret;

	ret = open_to(t);
	if (!ret)
		ret = make_data(t);
	if (!ret && ism_dmb_new(t->to, NULL, ISM_DMB_MAX, &t->dmb))
		ret = fail_ism(t->ctx, t->to);
	if (ret)
		return ret;
	snprintf(t->why, sizeof(t->why), "nothing can be stored");
	ism_dmb_register(t->dmb, ism_gid(t->ism), ISM_NO_VLAN);
	return 0;
}

/**
 * selftest() - check a function
 * @ctx: context, whose function is not open yet
 *
 * Return: a status.
 */
int selftest(struct context *ctx)
{
	struct selftest t = { .ctx = ctx };
	int ret;

	ret = context_open(ctx);
	t.ism = ctx->ism;
	if (!ret)
		ret = prepare(&t);
	if (!ret && ctx->json)
		with_json(&t);
	else if (!ret)
		with_text(&t);
	if (!ret && t.failed)
		ret = fail(ctx, STATUS_FAILED,
			   "%s: %u steps of the selftest failed",
			   ctx->function, t.failed);
	if (t.to != t.ism)
		ism_free(t.to);
	free(t.data);
	context_close(ctx);
	return ret;
}

const struct command command_selftest = {
	.name = "selftest",
	.args = "FUNCTION",
	.summary = "check a function step by step",
	.help = "Check FUNCTION step by step: commands, every length of a store, signals, events, reset."
		"\vNo other function is touched. The report is for pasting into a bug report. Exit code 1 when a step failed.\n",
	.options = options,
	.wants = WANTS_FUNCTION,
	.run = selftest,
};
