// SPDX-License-Identifier: MIT
/*
 * ismctl recv: what a sender puts into our data DMB, into a file or to stdout
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link.h"

/**
 * struct receiver - a transfer
 * @link: to the sender
 * @run: of this run
 * @fd: output
 * @may_block: a pipe, socket or terminal: never write more than it takes at
 *	once, so as to notice the sender's death meanwhile
 * @number: of the message that was used last
 * @hash: of all that arrived
 */
struct receiver {
	struct link link;
	struct run *run;
	int fd;
	bool may_block;
	uint64_t number;
	SHA2_CTX hash;
};

static int output_failed(struct receiver *r, int err)
{
	struct message msg = {
		.type = MSG_VERDICT,
		.error = (uint32_t)err,
		.bytes = r->run->bytes,
	};

	run_fail(r->run, STATUS_FAILED, "%s: %s",
		 strcmp(r->run->file, "-") ? r->run->file : "stdout",
		 strerror(err));
	if (!r->link.gone)
		link_put(&r->link, PLACE_VERDICT, &msg);
	return STATUS_FAILED;
}

static int open_output(struct receiver *r)
{
	struct stat st;

	if (!strcmp(r->run->file, "-"))
		r->fd = STDOUT_FILENO;
	else
		r->fd = open(r->run->file,
			     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->fd < 0 || fstat(r->fd, &st))
		return run_fail(r->run, STATUS_FAILED, "%s: %s", r->run->file,
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
			ret = link_wait(&r->link, &out, LINK_IDLE_MS);
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

	if (r->link.gone)
		return 0;
	return link_put(&r->link, PLACE_ACK, &msg);
}

static int use_data(struct receiver *r, const struct message *msg)
{
	uint64_t slot = (msg->number - 1) % r->link.slots;
	const char *mem = (const char *)r->link.data->mem +
			  slot * r->link.slot_len;
	size_t len = msg->bytes;
	int ret;

	if (msg->bytes > r->link.slot_len)
		return run_fail(r->run, STATUS_FAILED,
				"the sender says that a slot of %u bytes has %llu",
				r->link.slot_len,
				(unsigned long long)msg->bytes);
	SHA256Update(&r->hash, (const uint8_t *)mem, len);
	ret = write_out(r, mem, len);
	if (ret)
		return ret;
	r->number++;
	r->run->bytes += len;
	report_progress(r->run);
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
	struct message msg = { .type = MSG_VERDICT, .bytes = r->run->bytes };
	int ret;

	ret = close_output(r);
	if (ret)
		return ret;
	SHA256Final(r->run->digest, &r->hash);
	memcpy(msg.digest, r->run->digest, DIGEST_LEN);
	ret = link_put(&r->link, PLACE_VERDICT, &msg);
	if (ret)
		return ret;
	if (last->bytes == r->run->bytes &&
	    !memcmp(last->digest, r->run->digest, DIGEST_LEN))
		return 0;
	return run_fail(r->run, STATUS_DIFFERENT,
			"%llu bytes arrived with another SHA-256 than the %llu that were sent",
			(unsigned long long)r->run->bytes,
			(unsigned long long)last->bytes);
}

static bool next_message(struct receiver *r, struct message *msg)
{
	unsigned int slot = (unsigned int)(r->number % r->link.slots);

	return link_get(&r->link, PLACE_SLOT + slot, msg) &&
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
		return run_fail(r->run, STATUS_FAILED,
				"the sender (GID %#018llx) failed after %llu bytes: %s",
				(unsigned long long)r->run->peer,
				(unsigned long long)r->run->bytes,
				strerror((int)msg->error));
	default:
		return run_fail(r->run, STATUS_FAILED,
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
		bool gone = r->link.gone;

		if (next_message(r, &msg))
			ret = use_message(r, &msg, &done);
		else if (gone)
			ret = link_lost(&r->link);
		else
			ret = link_wait(&r->link, NULL, LINK_IDLE_MS);
	}
	return ret;
}

static int transfer(struct receiver *r)
{
	int ret;

	r->run->start = now_ns();
	SHA256Init(&r->hash);
	ret = receive(r);
	r->run->end = now_ns();
	return ret;
}

static void announce(struct run *run)
{
	if (!run->quiet && !run->json)
		fprintf(stderr,
			"ismctl: %s has GID %#018llx and waits for a sender\n",
			run->function, (unsigned long long)ism_gid(run->ism));
}

/**
 * cmd_recv() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_recv(struct run *run)
{
	struct receiver r = { .run = run, .fd = -1 };
	int ret;

	ret = open_output(&r);
	if (!ret)
		ret = peer_resolve(run);
	if (!ret)
		ret = run_open(run);
	if (!ret) {
		announce(run);
		ret = link_listen(&r.link, run);
		if (!ret)
			ret = transfer(&r);
		link_end(&r.link);
	}
	run_close(run);
	if (r.fd > STDERR_FILENO)
		close(r.fd);
	return ret;
}
