// SPDX-License-Identifier: MIT
/*
 * ismctl send: a file, or stdin, into the data DMB of a receiver
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "sender.h"

static const char *peer;
static const char *file = "-";
static uint64_t timeout = 30;
static bool quiet;

static int fd = -1;
static bool eof;

static const struct command_option options[] = {
	OPTION_TO(&peer),
	OPTION_TIMEOUT(&timeout),
	OPTION_QUIET(&quiet),
	{ 0 }
};

static int input_failed(struct context *ctx, int err)
{
	return fail(ctx, STATUS_FAILED, "%s: %s", file, strerror(err));
}

static int open_input(struct context *ctx, struct progress *p)
{
	struct stat st;

	fd = strcmp(file, "-") ? open(file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (fd < 0 || fstat(fd, &st))
		return input_failed(ctx, errno);
	if (S_ISDIR(st.st_mode))
		return input_failed(ctx, EISDIR);
	if (S_ISREG(st.st_mode)) {
		off_t pos = lseek(fd, 0, SEEK_CUR);

		p->total_known = true;
		p->total = pos < st.st_size ? (uint64_t)(st.st_size - pos) : 0;
	}
	return 0;
}

static int read_some(struct sender *s)
{
	ssize_t n = read(fd, s->buf + s->len, s->t.slot_len - s->len);

	if (n < 0 && errno != EINTR && errno != EAGAIN) {
		int err = errno;

		input_failed(s->t.ctx, err);
		return sender_abort(s, err);
	}
	if (!n)
		eof = true;
	if (n > 0)
		s->len += (size_t)n;
	return 0;
}

/*
 * Fill the buffer; but do not keep back what a slow pipe delivered, and notice
 * the receiver's death while there is no input
 */
static int fill(struct sender *s)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };
	int ret = 0;

	s->len = 0;
	while (!ret && !eof && s->len < s->t.slot_len) {
		if (poll(&in, 1, 0) == 1) {
			ret = read_some(s);
			continue;
		}
		if (s->len)
			break;
		ret = sender_wait(s, &in, TRANSFER_IDLE_MS);
	}
	return ret;
}

static int send_all(struct sender *s)
{
	int ret = 0;

	while (!ret && !eof) {
		ret = fill(s);
		if (!ret && s->len)
			ret = sender_slot(s);
	}
	return ret ? ret : sender_finish(s);
}

static int run(struct context *ctx)
{
	static const struct side side = { "send", "sent", "to" };
	struct sender s = { .t = { .ctx = ctx, .timeout = timeout } };
	int ret;

	if (!quiet && !ctx->json)
		s.progress.bar = ctx->out;
	ret = open_input(ctx, &s.progress);
	if (!ret)
		ret = sender_run(&s, peer, send_all);
	if (fd > STDIN_FILENO)
		close(fd);
	progress_erase(&s.progress);
	if (!quiet)
		progress_summary(ctx, &s.progress, &side, s.t.peer);
	return ret;
}

const struct command command_send = {
	.name = "send",
	.args = "FUNCTION --to PEER [FILE]",
	.summary = "send a file or stdin",
	.help = "Send FILE, or stdin (-, the default), to the 'ismctl recv' that uses the function with the GID of --to."
		"\vBoth sides may be started in any order. The receiver prints its GID; 'ismctl list' does too.\n\n"
		"  ismctl recv 0012:00:00.0 -o copy &\n"
		"  ismctl send 0011:00:00.0 --to 0012:00:00.0 file\n"
		"  tar c dir | ismctl send 0011:00:00.0 --to 0x1234\n\n" EXIT_CODES,
	.options = options,
	.wants = WANTS_FUNCTION,
	.file = &file,
	.run = run,
};
