// SPDX-License-Identifier: MIT
/*
 * ismctl watch: events and signals, as they come
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "command.h"
#include "gid.h"
#include "output.h"

#define LOOK_MS		500

static const char *from;
static uint64_t dmb_len = ISM_DMB_MAX;
static uint64_t count;

static const struct command_option options[] = {
	{ .name = "from", .key = 'f', .value = "PEER", .text = &from,
	  .help = "Make a DMB that this one may write and signal: a GID, or the name of a function in this system" },
	{ .name = "dmb", .key = 'd', .value = "BYTES", .number = &dmb_len,
	  .min = 1, .max = ISM_DMB_MAX,
	  .help = "Size of that DMB (default: 1048576)" },
	{ .name = "count", .key = 'c', .value = "N", .number = &count,
	  .min = 1, .max = 100000000,
	  .help = "End after N events (default: never)" },
	{ 0 }
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/* The end by Ctrl-C is the regular one: everything is given back */
static void stop_on_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void print_signals(FILE *out, uint16_t mask)
{
	bool any = false;

	for (int i = 0; i < ISM_SIGNALS; i++) {
		if (!ism_signal_in(mask, i))
			continue;
		fprintf(out, "%s%d", any ? "," : "", i);
		any = true;
	}
}

static void signal_text(FILE *out, const struct ism_event *ev)
{
	fprintf(out, "signal  token %#014llx  signals ",
		(unsigned long long)ev->dmb->tok);
	print_signals(out, ev->mask);
	fputc('\n', out);
}

static void event_text(FILE *out, const struct ism_event *ev)
{
	static const char *const types[] = { "buffer", "device", "software" };

	switch (ev->kind) {
	case ISM_EVENT_SIGNAL:
		signal_text(out, ev);
		break;
	case ISM_EVENT_IEQ:
		fprintf(out, "event   %-8s  %s %#018llx  code %#x  info %#llx  %s\n",
			ev->type <= ISM_IEQ_SOFTWARE ? types[ev->type] : "?",
			ev->type == ISM_IEQ_BUFFER ? "token" : "gid",
			(unsigned long long)ev->tok, ev->code,
			(unsigned long long)ev->info,
			ism_ieq_code_name(ev->type, ev->code));
		break;
	case ISM_EVENT_ERROR:
		fputs("error   the kernel reports an error of the function\n", out);
		break;
	case ISM_EVENT_REQUEST:
		fputs("request the system wants the function back\n", out);
		break;
	}
}

static struct json_object *signals_json(uint16_t mask)
{
	struct json_object *all = json_object_new_array();

	for (int i = 0; i < ISM_SIGNALS; i++)
		if (ism_signal_in(mask, i))
			json_object_array_add(all, json_object_new_int(i));
	return all;
}

static void entry_json(struct json_object *o, const struct ism_event *ev)
{
	char info[32];

	snprintf(info, sizeof(info), "0x%llx", (unsigned long long)ev->info);
	json_number(o, "type", ev->type);
	json_number(o, "code", ev->code);
	json_hex(o, "tok", ev->tok, GID_DIGITS);
	json_number(o, "time", ev->time);
	json_text(o, "info", info);
	json_text(o, "meaning", ism_ieq_code_name(ev->type, ev->code));
}

static void event_json(const struct context *ctx, const struct ism_event *ev)
{
	static const char *const kinds[] = {
		[ISM_EVENT_SIGNAL] = "signal",
		[ISM_EVENT_IEQ] = "ieq",
		[ISM_EVENT_ERROR] = "error",
		[ISM_EVENT_REQUEST] = "request",
	};
	struct json_object *o = json_object_new_object();

	json_text(o, "event", kinds[ev->kind]);
	if (ev->kind == ISM_EVENT_SIGNAL) {
		json_hex(o, "token", ev->dmb->tok, TOKEN_DIGITS);
		json_object_object_add(o, "signals", signals_json(ev->mask));
	} else if (ev->kind == ISM_EVENT_IEQ) {
		entry_json(o, ev);
	}
	json_end(ctx, o);
}

/* An error is left by a reset; for a request the function is given back */
static int after(struct context *ctx, const struct ism_event *ev)
{
	if (ev->kind == ISM_EVENT_REQUEST)
		stopped = 1;
	if (ev->kind == ISM_EVENT_ERROR && ism_reset(ctx->ism))
		return fail_ism(ctx, ctx->ism);
	return 0;
}

static int show(struct context *ctx, const struct ism_event *ev)
{
	if (ctx->json)
		event_json(ctx, ev);
	else
		event_text(ctx->out, ev);
	fflush(ctx->out);
	return after(ctx, ev);
}

static int watch(struct context *ctx)
{
	struct ism_event ev;
	uint64_t n = 0;
	int ret = 0;

	while (!ret && !stopped && (!count || n < count)) {
		/* not for ever: Ctrl-C may come just before */
		ret = ism_wait(ctx->ism, LOOK_MS);
		if (ret == -EINTR)
			return 0;
		if (ret < 0)
			return fail_ism(ctx, ctx->ism);
		ret = 0;
		if (!ism_next_event(ctx->ism, &ev))
			continue;
		n++;
		ret = show(ctx, &ev);
	}
	return ret;
}

static void announce_json(const struct context *ctx, uint64_t token)
{
	struct json_object *o = json_object_new_object();

	json_hex(o, "gid", ism_gid(ctx->ism), GID_DIGITS);
	json_hex(o, "token", token, TOKEN_DIGITS);
	json_end(ctx, o);
}

static void announce_text(const struct context *ctx, uint64_t peer, uint64_t token)
{
	fprintf(ctx->out, "watching %s, GID %#018llx", ctx->function,
		(unsigned long long)ism_gid(ctx->ism));
	if (token)
		fprintf(ctx->out, "; GID %#018llx may write token %#014llx",
			(unsigned long long)peer, (unsigned long long)token);
	fputc('\n', ctx->out);
	fflush(ctx->out);
}

static int begin(struct context *ctx, uint64_t peer)
{
	struct ism_dmb *dmb = NULL;

	/* ism_close() frees it */
	if (peer && ism_dmb_alloc(ctx->ism, dmb_len, peer, ISM_NO_VLAN, &dmb))
		return fail_ism(ctx, ctx->ism);
	if (ctx->json)
		announce_json(ctx, dmb ? dmb->tok : 0);
	else
		announce_text(ctx, peer, dmb ? dmb->tok : 0);
	return watch(ctx);
}

static int run(struct context *ctx)
{
	uint64_t peer = 0;
	int ret;

	stop_on_signals();
	ret = gid_resolve(ctx, from, &peer);
	if (!ret)
		ret = context_open(ctx);
	if (!ret)
		ret = begin(ctx, peer);
	context_close(ctx);
	return ret;
}

const struct command command_watch = {
	.name = "watch",
	.args = "FUNCTION [--from PEER]",
	.summary = "events and signals as they come",
	.help = "Print the events of FUNCTION as they come, and the signals of a DMB."
		"\vEnd it with Ctrl-C.\n\n"
		"  ismctl watch 0012:00:00.0 --from 0011:00:00.0 &    # prints a token\n"
		"  ismctl signal 0011:00:00.0 --to 0012:00:00.0 --code 7 --info 42\n"
		"  ismctl signal 0011:00:00.0 --to 0012:00:00.0 --token 0x... --signal 3\n",
	.options = options,
	.wants = WANTS_FUNCTION,
	.run = run,
};
