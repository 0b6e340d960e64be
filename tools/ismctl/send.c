// SPDX-License-Identifier: MIT
/*
 * ismctl send: a file, or stdin, into the data DMB of a receiver
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "send.h"

static int open_input(struct sender *s)
{
	struct run *run = s->run;
	struct stat st;

	s->fd = strcmp(run->file, "-") ? open(run->file, O_RDONLY | O_CLOEXEC) :
					 STDIN_FILENO;
	if (s->fd < 0 || fstat(s->fd, &st))
		return run_fail(run, STATUS_FAILED, "%s: %s", run->file,
				strerror(errno));
	if (S_ISDIR(st.st_mode))
		return run_fail(run, STATUS_FAILED, "%s: %s", run->file,
				strerror(EISDIR));
	if (S_ISREG(st.st_mode)) {
		off_t pos = lseek(s->fd, 0, SEEK_CUR);

		run->total_known = true;
		run->total = pos < st.st_size ? (uint64_t)(st.st_size - pos) : 0;
	}
	return 0;
}

/* The receiver's verdict, before the end: it failed, and says why */
static bool verdict(struct sender *s, struct message *msg)
{
	return link_get(&s->link, PLACE_VERDICT, msg) &&
	       msg->type == MSG_VERDICT;
}

static int receiver_failed(struct sender *s, const struct message *msg)
{
	return run_fail(s->run, STATUS_FAILED,
			"the receiver (GID %#018llx) failed after %llu bytes: %s",
			(unsigned long long)s->run->peer,
			(unsigned long long)msg->bytes,
			strerror((int)msg->error));
}

/*
 * Whether it is worth to go on. What the receiver said comes before that it is
 * gone, since it goes after it said it.
 */
static int check(struct sender *s)
{
	struct message msg;

	if (verdict(s, &msg))
		return receiver_failed(s, &msg);
	if (s->link.gone)
		return link_lost(&s->link);
	return 0;
}

/**
 * send_wait() - wait for something to happen, and look whether to go on
 * @s: transfer that has started
 * @other: as link_wait()
 * @timeout_ms: as link_wait()
 *
 * Return: 0, or a status after run_fail(): the receiver failed or is gone.
 */
int send_wait(struct sender *s, struct pollfd *other, int timeout_ms)
{
	int ret = link_wait(&s->link, other, timeout_ms);

	return ret ? ret : check(s);
}

/**
 * send_take_ack() - look how far the receiver is
 * @s: transfer that has started; its acked is brought up to date
 */
void send_take_ack(struct sender *s)
{
	struct message msg;

	if (link_get(&s->link, PLACE_ACK, &msg) && msg.type == MSG_ACK &&
	    msg.number > s->acked && msg.number <= s->number)
		s->acked = msg.number;
}

static int wait_for_slot(struct sender *s)
{
	int ret = 0;

	send_take_ack(s);
	while (!ret && s->number - s->acked >= s->link.slots) {
		ret = send_wait(s, NULL, LINK_IDLE_MS);
		send_take_ack(s);
	}
	return ret;
}

/* Where the next message goes, once there is a slot for it */
static unsigned int next_place(const struct sender *s)
{
	return PLACE_SLOT + (unsigned int)(s->number % s->link.slots);
}

static int input_failed(struct sender *s)
{
	struct message msg = {
		.type = MSG_ABORT,
		.error = (uint32_t)errno,
		.number = s->number + 1,
	};
	int ret;

	run_fail(s->run, STATUS_FAILED, "%s: %s", s->run->file, strerror(errno));
	ret = wait_for_slot(s);
	if (!ret)
		link_put(&s->link, next_place(s), &msg);
	return STATUS_FAILED;
}

static int read_some(struct sender *s)
{
	ssize_t n = read(s->fd, s->buf + s->len, s->link.slot_len - s->len);

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return input_failed(s);
	if (!n)
		s->eof = true;
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
	struct pollfd in = { .fd = s->fd, .events = POLLIN };
	int ret = 0;

	s->len = 0;
	while (!ret && !s->eof && s->len < s->link.slot_len) {
		if (poll(&in, 1, 0) == 1) {
			ret = read_some(s);
			continue;
		}
		if (s->len)
			break;
		ret = send_wait(s, &in, LINK_IDLE_MS);
	}
	return ret;
}

/**
 * send_slot() - move the buffer into the next slot, which is free
 * @s: transfer that has started, with its buffer filled
 *
 * Return: 0 or a status after run_fail().
 */
int send_slot(struct sender *s)
{
	uint32_t slot = (uint32_t)(s->number % s->link.slots);
	struct message msg = {
		.type = MSG_DATA,
		.number = s->number + 1,
		.bytes = s->len,
	};
	int ret;

	SHA256Update(&s->hash, (const uint8_t *)s->buf, s->len);
	ret = ism_move(s->link.ism, s->link.peer_data, slot * s->link.slot_len,
		       s->buf, s->len, ISM_NO_SIGNAL);
	if (ret)
		ret = link_store_failed(&s->link, ret);
	else
		ret = link_put(&s->link, next_place(s), &msg);
	if (ret)
		return ret;
	s->number++;
	s->run->bytes += s->len;
	report_progress(s->run);
	return check(s);
}

static int send_data(struct sender *s)
{
	int ret = 0;

	while (!ret && !s->eof) {
		ret = fill(s);
		if (!ret && s->len)
			ret = wait_for_slot(s);
		if (!ret && s->len)
			ret = send_slot(s);
	}
	return ret;
}

static int judge(struct sender *s, const struct message *msg)
{
	struct run *run = s->run;

	if (msg->error)
		return receiver_failed(s, msg);
	if (msg->bytes == run->bytes &&
	    !memcmp(msg->digest, run->digest, DIGEST_LEN))
		return 0;
	return run_fail(run, STATUS_DIFFERENT,
			"the receiver has %llu bytes with another SHA-256 than the %llu sent",
			(unsigned long long)msg->bytes,
			(unsigned long long)run->bytes);
}

/**
 * send_finish() - say that this was all, and wait for the receiver's digest
 * @s: transfer that has started
 *
 * Return: 0 if both are the same, or a status after run_fail().
 */
int send_finish(struct sender *s)
{
	struct message msg = {
		.type = MSG_FINISH,
		.number = s->number + 1,
		.bytes = s->run->bytes,
	};
	int ret;

	SHA256Final(s->run->digest, &s->hash);
	memcpy(msg.digest, s->run->digest, DIGEST_LEN);
	ret = wait_for_slot(s);
	if (!ret)
		ret = link_put(&s->link, next_place(s), &msg);
	while (!ret && !verdict(s, &msg)) {
		if (s->link.gone)
			ret = link_lost(&s->link);
		else
			ret = link_wait(&s->link, NULL, LINK_IDLE_MS);
	}
	return ret ? ret : judge(s, &msg);
}

static int send_all(struct sender *s)
{
	int ret;

	ret = send_data(s);
	return ret ? ret : send_finish(s);
}

/**
 * send_run() - find the receiver, and do something with it
 * @s: transfer with a run whose function is not open yet
 * @body: what to do once the receiver is there; s->buf has room for all slots
 *
 * Return: a status.
 */
int send_run(struct sender *s, int (*body)(struct sender *s))
{
	struct run *run = s->run;
	int ret;

	ret = peer_resolve(run);
	if (!ret)
		ret = run_open(run);
	if (ret)
		goto close;
	ret = link_call(&s->link, run);
	if (!ret) {
		run->start = now_ns();
		SHA256Init(&s->hash);
		s->buf = calloc(s->link.slots, s->link.slot_len);
		ret = s->buf ? body(s) :
		      run_fail(run, STATUS_FAILED, "out of memory");
		run->end = now_ns();
		free(s->buf);
	}
	link_end(&s->link);
close:
	run_close(run);
	return ret;
}

/**
 * cmd_send() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_send(struct run *run)
{
	struct sender s = { .run = run, .fd = -1 };
	int ret;

	ret = open_input(&s);
	if (!ret)
		ret = send_run(&s, send_all);
	if (s.fd > STDIN_FILENO)
		close(s.fd);
	return ret;
}
