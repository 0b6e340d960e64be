// SPDX-License-Identifier: MIT
/*
 * Progress bar and summary of a transfer
 */
#include <unistd.h>

#include "output.h"
#include "progress.h"

#define DRAW_NS		100000000ll
#define BAR_WIDTH	30

static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };

static void print_size(FILE *out, double bytes)
{
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	fprintf(out, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
}

static double seconds(const struct progress *p)
{
	int64_t end = p->end ? p->end : now_ns();

	return p->start ? (double)(end - p->start) / 1e9 : 0;
}

static double rate(const struct progress *p)
{
	double s = seconds(p);

	return s > 0 ? (double)p->bytes / s : 0;
}

static void draw_bar(const struct progress *p)
{
	double part = p->total ? (double)p->bytes / (double)p->total : 1;
	int full;

	if (part > 1)
		part = 1;
	full = (int)(part * BAR_WIDTH);
	fputc('[', p->bar);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : '.', p->bar);
	fprintf(p->bar, "] %3d%% ", (int)(part * 100));
}

/**
 * progress_draw() - draw the bar if it is time and a terminal
 * @p: progress
 */
void progress_draw(struct progress *p)
{
	int64_t now = now_ns();

	if (!p->bar || !p->start || now - p->drawn < DRAW_NS ||
	    !isatty(fileno(p->bar)))
		return;
	fputc('\r', p->bar);
	if (p->total_known)
		draw_bar(p);
	print_size(p->bar, (double)p->bytes);
	fputs(", ", p->bar);
	print_size(p->bar, rate(p));
	fputs("/s\033[K", p->bar);
	fflush(p->bar);
	p->drawn = now;
}

/**
 * progress_erase() - make room for the summary, or for an error
 * @p: progress
 */
void progress_erase(struct progress *p)
{
	if (!p->drawn)
		return;
	fprintf(p->bar, "\r\033[K");
	fflush(p->bar);
	p->drawn = 0;
}

static const char *verdict(const struct context *ctx)
{
	switch (ctx->status) {
	case STATUS_OK:
		return "identical";
	case STATUS_DIFFERENT:
		return "different";
	default:
		return "failed";
	}
}

/* A digest means something only when all data went through it */
static bool complete(const struct context *ctx)
{
	return ctx->status == STATUS_OK || ctx->status == STATUS_DIFFERENT;
}

/* The counters of the library, and what they are called */
static const struct {
	const char *name;
	size_t at;
} counters[] = {
	{ "stores", offsetof(struct ism_stats, stores) },
	{ "store_bytes", offsetof(struct ism_stats, store_bytes) },
	{ "signals", offsetof(struct ism_stats, signals) },
	{ "interrupts", offsetof(struct ism_stats, interrupts) },
	{ "commands", offsetof(struct ism_stats, commands) },
	{ "command_stores", offsetof(struct ism_stats, command_stores) },
};

#define NR_COUNTERS	(sizeof(counters) / sizeof(counters[0]))

static uint64_t counter(const struct context *ctx, size_t i)
{
	return *(const uint64_t *)((const char *)&ctx->stats + counters[i].at);
}

static void print_json(const struct context *ctx, const struct progress *p,
		       const struct side *side, uint64_t peer)
{
	struct json_object *o = json_object_new_object();
	char text[2 * DIGEST_LEN + 1] = "";

	json_text(o, "role", side->role);
	json_text(o, "function", ctx->function);
	json_hex(o, "gid", ctx->ism ? ism_gid(ctx->ism) : 0, GID_DIGITS);
	json_hex(o, "peer_gid", peer, GID_DIGITS);
	json_number(o, "bytes", p->bytes);
	for (size_t i = 0; i < NR_COUNTERS; i++)
		json_number(o, counters[i].name, counter(ctx, i));
	if (complete(ctx))
		digest_hex(p->digest, text);
	json_text(o, "sha256", text);
	snprintf(text, sizeof(text), "%.6f", seconds(p));
	json_object_object_add(o, "seconds",
			       json_object_new_double_s(seconds(p), text));
	json_text(o, "verdict", verdict(ctx));
	if (ctx->status)
		json_text(o, "error", ctx->error);
	json_end(ctx, o);
}

static void print_text(const struct context *ctx, const struct progress *p,
		       const struct side *side, uint64_t peer)
{
	char hex[2 * DIGEST_LEN + 1];
	unsigned long long gid = ism_gid(ctx->ism);
	FILE *out = ctx->out;

	fprintf(out, "%s %llu bytes %s GID %#018llx in %.3f s, ", side->done,
		(unsigned long long)p->bytes, side->other,
		(unsigned long long)peer, seconds(p));
	print_size(out, rate(p));
	fprintf(out, "/s: %s\n", verdict(ctx));
	fprintf(out, "function=%s gid=%#018llx peer_gid=%#018llx bytes=%llu",
		ctx->function, gid, (unsigned long long)peer,
		(unsigned long long)p->bytes);
	for (size_t i = 0; i < NR_COUNTERS; i++)
		fprintf(out, " %s=%llu", counters[i].name,
			(unsigned long long)counter(ctx, i));
	digest_hex(p->digest, hex);
	fprintf(out, " seconds=%.6f verdict=%s\nsha256=%s\n", seconds(p),
		verdict(ctx), hex);
}

/**
 * progress_summary() - say how a transfer ended
 * @ctx: context, closed
 * @p: progress
 * @side: what to call this side
 * @peer: the peer's GID, 0 if there was none
 *
 * As text only when all data arrived: the sentence that says what failed is
 * enough.
 */
void progress_summary(const struct context *ctx, const struct progress *p,
		      const struct side *side, uint64_t peer)
{
	if (ctx->json)
		print_json(ctx, p, side, peer);
	else if (complete(ctx))
		print_text(ctx, p, side, peer);
}
