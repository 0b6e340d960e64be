// SPDX-License-Identifier: MIT
/*
 * ismctl bench: how many moves, and how many bytes, in a second
 */
#include "command.h"
#include "output.h"
#include "picture.h"
#include "sender.h"

#define SIZES		11

static const char *peer;
static const char *svg;
static uint64_t seconds = 1;
static uint64_t timeout = 30;

static const struct command_option options[] = {
	OPTION_TO(&peer),
	{ .name = "seconds", .key = 'n', .value = "N", .number = &seconds,
	  .min = 1, .max = 3600, .help = "Time for each size (default: 1)" },
	{ .name = "svg", .key = 'S', .value = "FILE", .text = &svg,
	  .help = "Plot the bytes per second here, by gnuplot" },
	OPTION_TIMEOUT(&timeout),
	{ 0 }
};

static struct point points[SIZES];
static unsigned int nr_points;

/* Powers of four up to the largest DMB: 1 byte to 1 MiB */
static size_t size_of(unsigned int i)
{
	return (size_t)1 << 2 * i;
}

static int store_failed(struct sender *s, int err)
{
	int ret = transfer_store_failed(&s->t, err);

	/* the receiver may have said why */
	return ret ? ret : sender_wait(s, NULL, 0);
}

/* The clock is looked at once for as many moves as make a page */
static int measure(struct sender *s, struct point *p, int64_t ns)
{
	unsigned int batch = p->size < ISM_PAGE ? ISM_PAGE / 16 : 1;
	int64_t begin = now_ns();
	int ret;

	do {
		for (unsigned int i = 0; i < batch; i++) {
			ret = ism_move(s->t.ctx->ism, s->t.peer_data, 0,
				       s->buf, p->size, ISM_NO_SIGNAL);
			if (ret)
				return store_failed(s, ret);
		}
		p->ops += batch;
		p->ns = now_ns() - begin;
	} while (p->ns < ns);
	/* between two sizes: the receiver may have gone */
	return sender_wait(s, NULL, 0);
}

static void report_json(const struct context *ctx, uint64_t to)
{
	struct json_object *o = json_begin(ctx);
	struct json_object *moves = json_object_new_array();

	json_hex(o, "peer_gid", to, GID_DIGITS);
	for (unsigned int i = 0; i < nr_points; i++) {
		struct json_object *move = json_object_new_object();

		json_number(move, "size", points[i].size);
		json_number(move, "operations", points[i].ops);
		json_number(move, "ns", (uint64_t)points[i].ns);
		json_object_array_add(moves, move);
	}
	json_object_object_add(o, "moves", moves);
	json_end(ctx, o);
}

static void report_text(const struct context *ctx)
{
	fprintf(ctx->out, "%8s  %12s  %12s  %12s\n", "bytes", "moves/s",
		"MiB/s", "us/move");
	for (unsigned int i = 0; i < nr_points; i++) {
		const struct point *p = &points[i];
		double rate = (double)p->ops * 1e9 / (double)p->ns;

		fprintf(ctx->out, "%8zu  %12.0f  %12.3f  %12.3f\n", p->size,
			rate, rate * (double)p->size / (1 << 20), 1e6 / rate);
	}
}

static int bench(struct sender *s)
{
	uint64_t room = (uint64_t)s->t.slots * s->t.slot_len;
	unsigned int n = 0;
	int ret = 0;

	for (; n < SIZES && size_of(n) <= room && !ret; n++) {
		points[n].size = size_of(n);
		ret = measure(s, &points[n], (int64_t)seconds * 1000000000);
	}
	nr_points = n;
	return ret ? ret : sender_finish(s);
}

static int draw(struct context *ctx, uint64_t to)
{
	char title[128];

	snprintf(title, sizeof(title),
		 "%s to GID %#018llx: bytes per second by size of a move",
		 ctx->function, (unsigned long long)to);
	return picture_draw(ctx, svg, title, points, nr_points);
}

static int run(struct context *ctx)
{
	struct sender s = { .t = { .ctx = ctx, .timeout = timeout } };
	int ret = 0;

	if (svg)
		ret = picture_check(ctx);
	if (!ret)
		ret = sender_run(&s, peer, bench);
	if (!ret && ctx->json)
		report_json(ctx, s.t.peer);
	else if (!ret)
		report_text(ctx);
	if (!ret && svg)
		ret = draw(ctx, s.t.peer);
	return ret;
}

const struct command command_bench = {
	.name = "bench",
	.args = "FUNCTION --to PEER",
	.summary = "bytes per second by size",
	.help = "Measure moves of 1 byte to 1 MiB into the DMB of an 'ismctl recv'."
		"\v  ismctl recv 0012:00:00.0 -o /dev/null &\n"
		"  ismctl bench 0011:00:00.0 --to 0012:00:00.0 --svg moves.svg\n\n" EXIT_CODES,
	.options = options,
	.wants = WANTS_FUNCTION,
	.run = run,
};
