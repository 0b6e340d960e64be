// SPDX-License-Identifier: MIT
/*
 * ismctl ping: the time from bytes and a signal into the receiver's DMB until
 * its answer and a signal in ours
 */
#include <stdlib.h>
#include <string.h>

#include "send.h"

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int round_trip(struct sender *s, int64_t *ns)
{
	int64_t begin = now_ns();
	int ret;

	ret = send_slot(s);
	send_take_ack(s);
	while (!ret && s->acked < s->number) {
		ret = send_wait(s, NULL, LINK_IDLE_MS);
		send_take_ack(s);
	}
	*ns = now_ns() - begin;
	return ret;
}

static void report(const struct run *run, int64_t *ns)
{
	uint64_t n = run->count;
	int64_t median, p99;

	qsort(ns, n, sizeof(*ns), compare);
	median = ns[n / 2];
	p99 = ns[(n - 1) * 99 / 100];
	if (run->json)
		fprintf(run->out,
			"{\"function\": \"%s\", \"gid\": \"%#018llx\", \"peer_gid\": \"%#018llx\", \"count\": %llu, \"size\": %llu, \"minimum_ns\": %lld, \"median_ns\": %lld, \"p99_ns\": %lld}\n",
			run->function, (unsigned long long)ism_gid(run->ism),
			(unsigned long long)run->peer, (unsigned long long)n,
			(unsigned long long)run->size, (long long)ns[0],
			(long long)median, (long long)p99);
	else
		fprintf(run->out,
			"%llu round trips of %llu bytes to GID %#018llx: minimum %.1f us, median %.1f us, 99th percentile %.1f us\n",
			(unsigned long long)n, (unsigned long long)run->size,
			(unsigned long long)run->peer, (double)ns[0] / 1000,
			(double)median / 1000, (double)p99 / 1000);
}

static int ping(struct sender *s)
{
	struct run *run = s->run;
	int64_t *ns;
	int ret = 0;

	if (run->size > s->link.slot_len)
		return run_fail(run, STATUS_FAILED,
				"the receiver's slots have %u bytes: no room for %llu",
				s->link.slot_len, (unsigned long long)run->size);
	ns = calloc(run->count, sizeof(*ns));
	if (!ns)
		return run_fail(run, STATUS_FAILED, "out of memory");
	s->len = run->size;
	for (uint64_t i = 0; i < run->count && !ret; i++)
		ret = round_trip(s, &ns[i]);
	if (!ret)
		ret = send_finish(s);
	if (!ret)
		report(run, ns);
	free(ns);
	return ret;
}

/**
 * cmd_ping() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_ping(struct run *run)
{
	struct sender s = { .run = run, .fd = -1 };

	return send_run(&s, ping);
}
