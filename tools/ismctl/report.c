// SPDX-License-Identifier: MIT
/*
 * ismctl: progress bar and summary of a transfer
 */
#include <string.h>
#include <unistd.h>

#include "ismctl.h"

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

static double seconds(const struct run *run)
{
	int64_t end = run->end ? run->end : now_ns();

	return run->start ? (double)(end - run->start) / 1e9 : 0;
}

static double rate(const struct run *run)
{
	double s = seconds(run);

	return s > 0 ? (double)run->bytes / s : 0;
}

static void draw_bar(const struct run *run)
{
	double part = run->total ? (double)run->bytes / (double)run->total : 1;
	int full;

	if (part > 1)
		part = 1;
	full = (int)(part * BAR_WIDTH);
	fputc('[', run->out);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : '.', run->out);
	fprintf(run->out, "] %3d%% ", (int)(part * 100));
}

static void erase(struct run *run)
{
	if (run->drawn)
		fprintf(run->out, "\r\033[K");
	run->drawn = 0;
}

/**
 * report_progress() - draw the progress bar if it is time and a terminal
 * @run: run
 */
void report_progress(struct run *run)
{
	int64_t now = now_ns();

	if (run->quiet || run->json || !run->start ||
	    now - run->drawn < DRAW_NS || !isatty(fileno(run->out)))
		return;
	fputc('\r', run->out);
	if (run->total_known)
		draw_bar(run);
	print_size(run->out, (double)run->bytes);
	fputs(", ", run->out);
	print_size(run->out, rate(run));
	fputs("/s\033[K", run->out);
	fflush(run->out);
	run->drawn = now;
}

/**
 * digest_hex() - print a digest
 * @digest: SHA-256
 * @hex: room for 65 characters
 */
void digest_hex(const uint8_t *digest, char *hex)
{
	for (int i = 0; i < DIGEST_LEN; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
}

static const char *verdict(const struct run *run)
{
	switch (run->status) {
	case STATUS_OK:
		return "identical";
	case STATUS_DIFFERENT:
		return "different";
	default:
		return "failed";
	}
}

/* A digest means something only when all data went through it */
static void digest_of(const struct run *run, char *hex)
{
	hex[0] = '\0';
	if (run->status == STATUS_OK || run->status == STATUS_DIFFERENT)
		digest_hex(run->digest, hex);
}

/**
 * json_string() - print a string as JSON
 * @out: where
 * @s: string; it may quote a file's name
 */
void json_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void end_json(const struct run *run)
{
	char hex[2 * DIGEST_LEN + 1];
	const struct ism_stats *s = &run->stats;

	digest_of(run, hex);
	fprintf(run->out, "{\"role\": \"%s\", \"function\": ", run->command);
	json_string(run->out, run->function);
	fprintf(run->out, ", \"gid\": \"%#018llx\", \"peer_gid\": \"%#018llx\"",
		(unsigned long long)(run->ism ? ism_gid(run->ism) : 0),
		(unsigned long long)run->peer);
	fprintf(run->out,
		", \"bytes\": %llu, \"stores\": %llu, \"store_bytes\": %llu, \"signals\": %llu, \"interrupts\": %llu",
		(unsigned long long)run->bytes, (unsigned long long)s->stores,
		(unsigned long long)s->store_bytes,
		(unsigned long long)s->signals,
		(unsigned long long)s->interrupts);
	fprintf(run->out,
		", \"commands\": %llu, \"command_stores\": %llu, \"sha256\": \"%s\", \"seconds\": %.6f, \"verdict\": \"%s\"",
		(unsigned long long)s->commands,
		(unsigned long long)s->command_stores, hex, seconds(run),
		verdict(run));
	if (run->status) {
		fputs(", \"error\": ", run->out);
		json_string(run->out, run->error);
	}
	fputs("}\n", run->out);
}

static void end_text(const struct run *run)
{
	char hex[2 * DIGEST_LEN + 1];
	const struct ism_stats *s = &run->stats;

	digest_of(run, hex);
	fprintf(run->out, "%s %llu bytes %s GID %#018llx in %.3f s, ",
		strcmp(run->command, "send") ? "received" : "sent",
		(unsigned long long)run->bytes,
		strcmp(run->command, "send") ? "from" : "to",
		(unsigned long long)run->peer, seconds(run));
	print_size(run->out, rate(run));
	fprintf(run->out, "/s: %s\n", verdict(run));
	fprintf(run->out,
		"function=%s gid=%#018llx peer_gid=%#018llx bytes=%llu stores=%llu store_bytes=%llu signals=%llu interrupts=%llu commands=%llu command_stores=%llu seconds=%.6f verdict=%s\n",
		run->function, (unsigned long long)ism_gid(run->ism),
		(unsigned long long)run->peer, (unsigned long long)run->bytes,
		(unsigned long long)s->stores,
		(unsigned long long)s->store_bytes,
		(unsigned long long)s->signals,
		(unsigned long long)s->interrupts,
		(unsigned long long)s->commands,
		(unsigned long long)s->command_stores, seconds(run),
		verdict(run));
	fprintf(run->out, "sha256=%s\n", hex);
}

/**
 * report_end() - say how a transfer ended
 * @run: run, with its status
 */
void report_end(struct run *run)
{
	erase(run);
	fflush(run->out);
	if (run->status)
		fprintf(stderr, "ismctl: %s\n", run->error);
	if (run->quiet)
		return;
	if (run->json)
		end_json(run);
	else if (run->status == STATUS_OK || run->status == STATUS_DIFFERENT)
		end_text(run);
	fflush(run->out);
}
