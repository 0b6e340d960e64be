// SPDX-License-Identifier: MIT
/*
 * ismctl recv: what a sender puts into our data DMB, into a file or to stdout
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "gid.h"
#include "transfer.h"

static const char *from;
static const char *file = "-";
static uint64_t dmb_len = ISM_DMB_MAX;
static uint64_t timeout = 30;
static bool quiet;

static const struct command_option options[] = {
	{ .name = "from", .key = 'f', .value = "PEER", .text = &from,
	  .help = "Take only this sender: a GID or the name of a function in this system (default: the first that calls)" },
	{ .name = "output", .key = 'o', .value = "FILE", .text = &file,
	  .help = "Write here (default: -, which is stdout; then the summary goes to stderr)" },
	/* each of the slots has at least one byte */
	{ .name = "dmb", .key = 'd', .value = "BYTES", .number = &dmb_len,
	  .min = 1, .max = ISM_DMB_MAX,
	  .help = "Size of the data DMB, up to 1048576, which is the default" },
	OPTION_TIMEOUT(&timeout),
	OPTION_QUIET(&quiet),
	{ 0 }
};

/**
 * struct receiver - a transfer from a sender
 * @t: transfer
 * @progress: of the data
 * @fd: output
 * @may_block: a pipe, socket or terminal: never write more than it takes at
 *	once, so as to notice the sender's death meanwhile
 * @number: of the message that was used last
 * @md: digest of all that arrived
 */
struct receiver {
	struct transfer t;
	struct progress progress;
	int fd;
	bool may_block;
	uint64_t number;
	EVP_MD_CTX *md;
};

static int output_failed(struct receiver *r, int err)
{
	struct message msg = {
		.type = MSG_VERDICT,
		.error = (uint32_t)err,
		.bytes = r->progress.bytes,
	};

	fail(r->t.ctx, STATUS_FAILED, "%s: %s",
	     strcmp(file, "-") ? file : "stdout", strerror(err));
	if (!r->t.gone)
		transfer_put(&r->t, PLACE_VERDICT, &msg);
	return STATUS_FAILED;
}

static int open_output(struct receiver *r)
{
	struct stat st;

	if (!strcmp(file, "-"))
		r->fd = STDOUT_FILENO;
	else
		r->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			     0666);
	if (r->fd < 0 || fstat(r->fd, &st))
		return fail(r->t.ctx, STATUS_FAILED, "%s: %s", file,
			    strerror(errno));
	r->may_block = !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
	return 0;
}

/* A pipe that is ready takes PIPE_BUF bytes without blocking, and no more */
static int write_some(struct receiver *r, const char **buf, size_t *len)
{
	size_t max = r->may_block && *len > PIPE_BUF ? PIPE_BUF : *len;
	ssize_t n = write(r->fd, *buf, max);

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return output_failed(r, errno);
	if (n > 0) {
		*buf += n;
		*len -= (size_t)n;
	}
	return 0;
}

static int write_out(struct receiver *r, const char *buf, size_t len)
{
	struct pollfd out = { .fd = r->fd, .events = POLLOUT };
	int ret = 0;

	while (len && !ret) {
		if (r->may_block && poll(&out, 1, 0) != 1) {
			ret = transfer_wait(&r->t, &out, TRANSFER_IDLE_MS);
			continue;
		}
		ret = write_some(r, &buf, &len);
	}
	return ret;
}

/* That an ack fails does not matter here: what has arrived is used first */
static int acknowledge(struct receiver *r)
{
	struct message msg = { .type = MSG_ACK, .number = r->number };

	if (r->t.gone)
		return 0;
	return transfer_put(&r->t, PLACE_ACK, &msg);
}

static int use_data(struct receiver *r, const struct message *msg)
{
	uint64_t slot = (msg->number - 1) % r->t.slots;
	const char *mem = (const char *)r->t.data->mem +
			  slot * r->t.slot_len;
	size_t len = msg->bytes;
	int ret;

	if (msg->bytes > r->t.slot_len)
		return fail(r->t.ctx, STATUS_FAILED,
			    "the sender says that a slot of %u bytes has %llu",
			    r->t.slot_len, (unsigned long long)msg->bytes);
	ret = digest_add(r->t.ctx, r->md, mem, len);
	if (!ret)
		ret = write_out(r, mem, len);
	if (ret)
		return ret;
	r->number++;
	r->progress.bytes += len;
	progress_draw(&r->progress);
	return acknowledge(r);
}

static int close_output(struct receiver *r)
{
	int fd = r->fd;

	r->fd = -1;
	if (fd <= STDERR_FILENO)
		return 0;
	return close(fd) ? output_failed(r, errno) : 0;
}

/* Data that cannot be kept must not be called identical: close comes first */
static int finish(struct receiver *r, const struct message *last)
{
	struct message msg = { .type = MSG_VERDICT, .bytes = r->progress.bytes };
	int ret;

	ret = close_output(r);
	if (!ret)
		ret = digest_end(r->t.ctx, r->md, r->progress.digest);
	if (ret)
		return ret;
	memcpy(msg.digest, r->progress.digest, DIGEST_LEN);
	ret = transfer_put(&r->t, PLACE_VERDICT, &msg);
	if (ret)
		return ret;
	if (last->bytes == r->progress.bytes &&
	    !memcmp(last->digest, r->progress.digest, DIGEST_LEN))
		return 0;
	return fail(r->t.ctx, STATUS_DIFFERENT,
		    "%llu bytes arrived with another SHA-256 than the %llu that were sent",
		    (unsigned long long)r->progress.bytes,
		    (unsigned long long)last->bytes);
}

static bool next_message(struct receiver *r, struct message *msg)
{
	unsigned int slot = (unsigned int)(r->number % r->t.slots);

	return transfer_get(&r->t, PLACE_SLOT + slot, msg) &&
	       msg->number == r->number + 1;
}

static int use_message(struct receiver *r, const struct message *msg, bool *done)
{
	*done = msg->type != MSG_DATA;
	switch (msg->type) {
	case MSG_DATA:
		return use_data(r, msg);
	case MSG_FINISH:
		return finish(r, msg);
	case MSG_ABORT:
		return fail(r->t.ctx, STATUS_FAILED,
			    "the sender (GID %#018llx) failed after %llu bytes: %s",
			    (unsigned long long)r->t.peer,
			    (unsigned long long)r->progress.bytes,
			    strerror((int)msg->error));
	default:
		return fail(r->t.ctx, STATUS_FAILED,
			    "the sender sent a message of type %u, which this ismctl does not know",
			    msg->type);
	}
}

/* All that has arrived is used before the sender's death is */
static int receive(struct receiver *r)
{
	struct message msg;
	bool done = false;
	int ret = 0;

	while (!ret && !done) {
		bool gone = r->t.gone;

		if (next_message(r, &msg))
			ret = use_message(r, &msg, &done);
		else if (gone)
			ret = transfer_lost(&r->t);
		else
			ret = transfer_wait(&r->t, NULL, TRANSFER_IDLE_MS);
	}
	return ret;
}

static int transfer(struct receiver *r)
{
	int ret = STATUS_FAILED;

	r->progress.start = now_ns();
	r->md = digest_begin(r->t.ctx);
	if (r->md)
		ret = receive(r);
	EVP_MD_CTX_free(r->md);
	r->progress.end = now_ns();
	return ret;
}

static void announce(const struct context *ctx)
{
	if (!quiet && !ctx->json)
		fprintf(stderr,
			"ismctl: %s has GID %#018llx and waits for a sender\n",
			ctx->function, (unsigned long long)ism_gid(ctx->ism));
}

static int listen_and_receive(struct receiver *r)
{
	int ret;

	announce(r->t.ctx);
	ret = transfer_listen(&r->t);
	if (!ret)
		ret = transfer(r);
	transfer_end(&r->t);
	return ret;
}

static void report(struct receiver *r)
{
	static const struct side side = { "recv", "received", "from" };

	progress_erase(&r->progress);
	if (!quiet)
		progress_summary(r->t.ctx, &r->progress, &side, r->t.peer);
}

static int run(struct context *ctx)
{
	struct receiver r = {
		.t = { .ctx = ctx, .timeout = timeout, .only = from != NULL,
		       .dmb_len = dmb_len },
		.fd = -1,
	};
	int ret;

	/* data are not mixed with words */
	if (!strcmp(file, "-"))
		ctx->out = stderr;
	r.t.progress = &r.progress;
	if (!quiet && !ctx->json)
		r.progress.bar = ctx->out;
	ret = open_output(&r);
	if (!ret)
		ret = gid_resolve(ctx, from, &r.t.peer);
	if (!ret)
		ret = context_open(ctx);
	if (!ret)
		ret = listen_and_receive(&r);
	context_close(ctx);
	if (r.fd > STDERR_FILENO)
		close(r.fd);
	report(&r);
	return ret;
}

const struct command command_recv = {
	.name = "recv",
	.args = "FUNCTION [-o FILE]",
	.summary = "receive into a file or to stdout",
	.help = "Receive what an 'ismctl send' sends to the GID of FUNCTION."
		"\vThe sender's SHA-256 is compared with the one of what arrived. After a failure the output is incomplete.\n\n"
		"  ismctl recv 0012:00:00.0 -o copy\n"
		"  ismctl recv 0012:00:00.0 --from 0011:00:00.0 | tar x\n\n" EXIT_CODES,
	.options = options,
	.wants = WANTS_FUNCTION,
	.run = run,
};
