// SPDX-License-Identifier: MIT
/*
 * ismctl bench: how many moves, and how many bytes, in a second
 */
#include "send.h"

#define SIZES		11

/* Powers of four up to the largest DMB: 1 byte to 1 MiB */
static size_t size_of(unsigned int i)
{
	return (size_t)1 << 2 * i;
}

static int store_failed(struct sender *s, int err)
{
	int ret = link_store_failed(&s->link, err);

	/* the receiver may have said why */
	return ret ? ret : send_wait(s, NULL, 0);
}

/* The clock is looked at once for as many moves as make a page */
static int measure(struct sender *s, struct point *p, int64_t ns)
{
	unsigned int batch = p->size < ISM_PAGE ? ISM_PAGE / 16 : 1;
	int64_t begin = now_ns();
	int ret;

	do {
		for (unsigned int i = 0; i < batch; i++) {
			ret = ism_move(s->link.ism, s->link.peer_data, 0,
				       s->buf, p->size, ISM_NO_SIGNAL);
			if (ret)
				return store_failed(s, ret);
		}
		p->ops += batch;
		p->ns = now_ns() - begin;
	} while (p->ns < ns);
	/* between two sizes: the receiver may have gone */
	return send_wait(s, NULL, 0);
}

static void report_json(const struct run *run, const struct point *p,
			unsigned int n)
{
	fprintf(run->out,
		"{\"function\": \"%s\", \"gid\": \"%#018llx\", \"peer_gid\": \"%#018llx\", \"moves\": [",
		run->function, (unsigned long long)ism_gid(run->ism),
		(unsigned long long)run->peer);
	for (unsigned int i = 0; i < n; i++)
		fprintf(run->out, "%s{\"size\": %zu, \"operations\": %llu, \"ns\": %lld}",
			i ? ", " : "", p[i].size, (unsigned long long)p[i].ops,
			(long long)p[i].ns);
	fputs("]}\n", run->out);
}

static void report_text(const struct run *run, const struct point *p,
			unsigned int n)
{
	fprintf(run->out, "%8s  %12s  %12s  %12s\n", "bytes", "moves/s",
		"MiB/s", "us/move");
	for (unsigned int i = 0; i < n; i++) {
		double seconds = (double)p[i].ns / 1e9;
		double rate = (double)p[i].ops / seconds;

		fprintf(run->out, "%8zu  %12.0f  %12.3f  %12.3f\n", p[i].size,
			rate, rate * (double)p[i].size / (1 << 20), 1e6 / rate);
	}
}

static int bench(struct sender *s)
{
	struct run *run = s->run;
	struct point points[SIZES] = { 0 };
	uint64_t room = (uint64_t)s->link.slots * s->link.slot_len;
	unsigned int n = 0;
	int ret = 0;

	for (; n < SIZES && size_of(n) <= room && !ret; n++) {
		points[n].size = size_of(n);
		ret = measure(s, &points[n], (int64_t)run->seconds * 1000000000);
	}
	if (!ret)
		ret = send_finish(s);
	if (!ret && run->json)
		report_json(run, points, n);
	else if (!ret)
		report_text(run, points, n);
	if (!ret && run->svg)
		ret = plot_svg(run, points, n);
	return ret;
}

/**
 * cmd_bench() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_bench(struct run *run)
{
	struct sender s = { .run = run, .fd = -1 };

	return send_run(&s, bench);
}
