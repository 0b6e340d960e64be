// SPDX-License-Identifier: MIT
/*
 * ismctl watch and signal: events and signals, as they come and one at a time
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "ismctl.h"

#define LOOK_MS		500

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

static void print_signals(FILE *out, uint16_t mask, const char *sep)
{
	bool any = false;

	for (int i = 0; i < ISM_SIGNALS; i++) {
		if (!ism_signal_in(mask, i))
			continue;
		fprintf(out, "%s%d", any ? sep : "", i);
		any = true;
	}
}

static void signal_text(FILE *out, const struct ism_event *ev)
{
	fprintf(out, "signal  token %#014llx  signals ",
		(unsigned long long)ev->dmb->tok);
	print_signals(out, ev->mask, ",");
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

static void event_json(FILE *out, const struct ism_event *ev)
{
	switch (ev->kind) {
	case ISM_EVENT_SIGNAL:
		fprintf(out, "{\"event\": \"signal\", \"token\": \"%#014llx\", \"signals\": [",
			(unsigned long long)ev->dmb->tok);
		print_signals(out, ev->mask, ", ");
		fputs("]}\n", out);
		break;
	case ISM_EVENT_IEQ:
		fprintf(out,
			"{\"event\": \"ieq\", \"type\": %u, \"code\": %u, \"tok\": \"%#018llx\", \"time\": %llu, \"info\": \"%#llx\", \"meaning\": \"%s\"}\n",
			ev->type, ev->code, (unsigned long long)ev->tok,
			(unsigned long long)ev->time,
			(unsigned long long)ev->info,
			ism_ieq_code_name(ev->type, ev->code));
		break;
	case ISM_EVENT_ERROR:
		fputs("{\"event\": \"error\"}\n", out);
		break;
	case ISM_EVENT_REQUEST:
		fputs("{\"event\": \"request\"}\n", out);
		break;
	}
}

/* An error is left by a reset; for a request the function is given back */
static int after(struct run *run, const struct ism_event *ev)
{
	if (ev->kind == ISM_EVENT_REQUEST)
		stopped = 1;
	if (ev->kind == ISM_EVENT_ERROR && ism_reset(run->ism))
		return run_fail(run, STATUS_FAILED, "%s", ism_strerror(run->ism));
	return 0;
}

static int watch(struct run *run)
{
	struct ism_event ev;
	uint64_t n = 0;
	int ret = 0;

	while (!ret && !stopped && (!run->count || n < run->count)) {
		/* not for ever: Ctrl-C may come just before */
		ret = ism_wait(run->ism, LOOK_MS);
		if (ret == -EINTR)
			return 0;
		if (ret < 0)
			return run_fail(run, STATUS_FAILED, "%s",
					ism_strerror(run->ism));
		ret = 0;
		if (!ism_next_event(run->ism, &ev))
			continue;
		if (run->json)
			event_json(run->out, &ev);
		else
			event_text(run->out, &ev);
		fflush(run->out);
		n++;
		ret = after(run, &ev);
	}
	return ret;
}

static void announce(const struct run *run, const struct ism_dmb *dmb)
{
	unsigned long long gid = ism_gid(run->ism), tok = dmb ? dmb->tok : 0;

	if (run->json)
		fprintf(run->out, "{\"gid\": \"%#018llx\", \"token\": \"%#014llx\"}\n",
			gid, tok);
	else if (dmb)
		fprintf(run->out,
			"watching %s, GID %#018llx; GID %#018llx may write token %#014llx\n",
			run->function, gid, (unsigned long long)run->peer, tok);
	else
		fprintf(run->out, "watching %s, GID %#018llx\n", run->function,
			gid);
	fflush(run->out);
}

static int begin(struct run *run)
{
	struct ism_dmb *dmb = NULL;

	/* ism_close() frees it */
	if (run->peer && ism_dmb_alloc(run->ism, run->dmb_len, run->peer,
				       ISM_NO_VLAN, &dmb))
		return run_fail(run, STATUS_FAILED, "%s", ism_strerror(run->ism));
	announce(run, dmb);
	return watch(run);
}

/**
 * cmd_watch() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_watch(struct run *run)
{
	int ret;

	stop_on_signals();
	ret = peer_resolve(run);
	if (!ret)
		ret = run_open(run);
	if (!ret)
		ret = begin(run);
	run_close(run);
	return ret;
}

/**
 * cmd_signal() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_signal(struct run *run)
{
	int ret;

	ret = peer_resolve(run);
	if (!ret)
		ret = run_open(run);
	if (ret)
		goto close;
	if (run->token)
		ret = ism_move(run->ism, run->token, 0, "", 1, (int)run->signal);
	else
		ret = ism_cmd_signal_ieq(run->ism, run->peer, true,
					 (uint32_t)run->code, run->info);
	if (ret)
		ret = run_fail(run, STATUS_FAILED, "%s", ism_strerror(run->ism));
close:
	run_close(run);
	return ret;
}
