// SPDX-License-Identifier: MIT
/*
 * ismctl ping: the time from bytes and a signal into the receiver's DMB until
 * its answer and a signal in ours
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "sender.h"

static const char *peer;
static uint64_t count = 1000;
static uint64_t size = 64;
static uint64_t timeout = 30;

static const struct command_option options[] = {
	OPTION_TO(&peer),
	{ .name = "count", .key = 'c', .value = "N", .number = &count,
	  .min = 1, .max = 100000000, .help = "Round trips (default: 1000)" },
	{ .name = "size", .key = 's', .value = "BYTES", .number = &size,
	  .min = 1, .max = ISM_DMB_MAX / TRANSFER_SLOTS,
	  .help = "Bytes of each (default: 64)" },
	OPTION_TIMEOUT(&timeout),
	{ 0 }
};

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int round_trip(struct sender *s, int64_t *ns)
{
	int64_t begin = now_ns();
	int ret;

	ret = sender_slot(s);
	sender_take_ack(s);
	while (!ret && s->acked < s->number) {
		ret = sender_wait(s, NULL, TRANSFER_IDLE_MS);
		sender_take_ack(s);
	}
	*ns = now_ns() - begin;
	return ret;
}

static void report(const struct context *ctx, uint64_t to, int64_t *ns)
{
	int64_t median, p99;

	qsort(ns, count, sizeof(*ns), compare);
	median = ns[count / 2];
	p99 = ns[(count - 1) * 99 / 100];
	if (ctx->json) {
		struct json_object *o = json_begin(ctx);

		json_hex(o, "peer_gid", to, GID_DIGITS);
		json_number(o, "count", count);
		json_number(o, "size", size);
		json_number(o, "minimum_ns", (uint64_t)ns[0]);
		json_number(o, "median_ns", (uint64_t)median);
		json_number(o, "p99_ns", (uint64_t)p99);
		json_end(ctx, o);
		return;
	}
	fprintf(ctx->out,
		"%llu round trips of %llu bytes to GID %#018llx: minimum %.1f us, median %.1f us, 99th percentile %.1f us\n",
		(unsigned long long)count, (unsigned long long)size,
		(unsigned long long)to, (double)ns[0] / 1000,
		(double)median / 1000, (double)p99 / 1000);
}

static int ping(struct sender *s)
{
	struct context *ctx = s->t.ctx;
	int64_t *ns;
	int ret = 0;

	if (size > s->t.slot_len)
		return fail(ctx, STATUS_FAILED,
			    "the receiver's slots have %u bytes: no room for %llu",
			    s->t.slot_len, (unsigned long long)size);
	ns = calloc(count, sizeof(*ns));
	if (!ns)
		return fail(ctx, STATUS_FAILED, "out of memory");
	s->len = size;
	for (uint64_t i = 0; i < count && !ret; i++)
		ret = round_trip(s, &ns[i]);
	if (!ret)
		ret = sender_finish(s);
	if (!ret)
		report(ctx, s->t.peer, ns);
	free(ns);
	return ret;
}

static int run(struct context *ctx)
{
	struct sender s = { .t = { .ctx = ctx, .timeout = timeout } };

	return sender_run(&s, peer, ping);
}

const struct command command_ping = {
	.name = "ping",
	.args = "FUNCTION --to PEER",
	.summary = "time of round trips",
	.help = "Measure round trips to an 'ismctl recv': bytes and a signal into its DMB, an answer and a signal into ours."
		"\v  ismctl recv 0012:00:00.0 -o /dev/null &\n"
		"  ismctl ping 0011:00:00.0 --to 0012:00:00.0\n\n" EXIT_CODES,
	.options = options,
	.wants = WANTS_FUNCTION,
	.run = run,
};
