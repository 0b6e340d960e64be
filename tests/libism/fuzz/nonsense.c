// SPDX-License-Identifier: MIT
/*
 * libism against a device that answers nonsense, for libFuzzer
 *
 * The input is a script: it says what the program calls and what comes back from
 * the device, byte by byte. An input that is at its end is a device in order.
 * Beside what the sanitizers see, it is a bug when the library does what the
 * device or the caller may rely on that it does not: see the calls of bug().
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../tools/libism/handle.h"

#define DMBS		4
#define BODY_MAX	512	/* longer than the library takes */
#define MOVE_MAX	(3 * ISM_PAGE)

static const uint8_t *input;
static size_t input_len;

/**
 * struct device - the function and what the program has of it
 * @window: command window
 * @fd: eventfds
 * @mapped: bytes
 * @dmbs: that were made and not freed yet
 */
struct device {
	uint8_t window[ISM_WINDOW];
	int fd[ISM_IRQS];
	size_t mapped;
	struct ism_dmb *dmbs[DMBS];
};

static void __attribute__((noreturn)) bug(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

static uint8_t next_byte(void)
{
	if (!input_len)
		return 0;
	input_len--;
	return *input++;
}

static uint64_t next_number(unsigned int bytes)
{
	uint64_t n = 0;

	while (bytes--)
		n = n << 8 | next_byte();
	return n;
}

static void next_bytes(uint8_t *to, size_t len)
{
	size_t n = len < input_len ? len : input_len;

	if (n)
		memcpy(to, input, n);
	input += n;
	input_len -= n;
	memset(to + n, 0, len - n);
}

/* Most of the time nothing fails; EIO is an error state, which matters */
static int next_error(void)
{
	uint8_t n = next_byte();

	if (n < 0xe0)
		return 0;
	return n < 0xf0 ? -EIO : -(int)(n & 0xf) - 1;
}

/* The device's side */

/* A header that is right in all or in nothing, and some bytes after it */
static void answer(struct device *d)
{
	uint8_t kind = next_byte();
	uint16_t len = htobe16(kind % 32 * 8 + 8);

	if (kind & 0x80)
		next_bytes(d->window, 8);
	else
		memcpy(d->window + 6, &len, sizeof(len));
	memset(d->window + 8, 0xee, sizeof(d->window) - 8);
	next_bytes(d->window + 8, next_byte() % (sizeof(d->window) - 8));
}

static int fuzz_load(struct ism *ism, int bar, uint64_t offset, void *buf,
		     size_t len)
{
	struct device *d = ism->priv;
	int ret = next_error();

	if (bar != ISM_BAR_CMD || !len || offset > ISM_WINDOW ||
	    len > ISM_WINDOW - offset)
		bug("a load from outside the command window");
	if (!ret)
		memcpy(buf, d->window + offset, len);
	return ret;
}

static void store_one(struct ism *ism, int bar, uint64_t offset,
		      const struct iovec *iov)
{
	static uint8_t page[ISM_PAGE];
	struct device *d = ism->priv;
	size_t len = iov->iov_len;

	if (!len || len > ism->maxstbl)
		bug("a store block of impossible length");
	if (offset % ISM_PAGE + len > ISM_PAGE)
		bug("a store block across a page");
	if (bar == ISM_BAR_DMB) {
		memcpy(page, iov->iov_base, len);
		return;
	}
	if (offset + len > ISM_WINDOW)
		bug("a store behind the command window");
	memcpy(d->window + offset, iov->iov_base, len);
	if (!offset)
		answer(d);
}

/* Any number of whole segments, also none */
static ssize_t fuzz_store(struct ism *ism, int bar, uint64_t offset,
			  const struct iovec *iov, int n)
{
	uint8_t at_once = ~next_byte();
	ssize_t done = 0;
	int ret = next_error();

	if (ret)
		return ret;
	for (int i = 0; i < n && (at_once == 0xff || i < at_once); i++) {
		store_one(ism, bar, offset + (uint64_t)done, iov + i);
		done += (ssize_t)iov[i].iov_len;
	}
	return done;
}

static int fuzz_map(struct ism *ism, void *mem, size_t len, uint64_t iova)
{
	struct device *d = ism->priv;
	int ret = next_error();

	if ((uintptr_t)mem % ISM_PAGE || iova % ISM_PAGE || !len ||
	    len % ISM_PAGE)
		bug("a mapping that is not of pages");
	if (!ret)
		d->mapped += len;
	return ret;
}

static int fuzz_unmap(struct ism *ism, uint64_t iova, size_t len)
{
	struct device *d = ism->priv;
	int ret = next_error();

	(void)iova;
	if (len > d->mapped)
		bug("more is unmapped than was mapped");
	if (!ret)
		d->mapped -= len;
	return ret;
}

static int fuzz_reset(struct ism *ism)
{
	(void)ism;
	return next_error();
}

static int fuzz_set_irq(struct ism *ism, enum ism_irq irq, int fd)
{
	struct device *d = ism->priv;
	int ret = next_error();

	if (!ret)
		d->fd[irq] = fd;
	return ret;
}

static int fuzz_fd(const struct ism *ism)
{
	(void)ism;
	return -1;
}

static void fuzz_close(struct ism *ism)
{
	(void)ism;
}

static const struct ism_transport transport = {
	.name = "fuzz",
	.load = fuzz_load,
	.store = fuzz_store,
	.map = fuzz_map,
	.unmap = fuzz_unmap,
	.reset = fuzz_reset,
	.enable = fuzz_reset,
	.set_irq = fuzz_set_irq,
	.fd = fuzz_fd,
	.close = fuzz_close,
};

/* What the device does on its own: write the shared pages, and interrupt */

static void scribble(void *mem, size_t len)
{
	size_t at = next_number(2) % len;
	size_t n = next_byte();

	next_bytes((uint8_t *)mem + at, n < len - at ? n : len - at);
}

/* Also where it has none, and from 15 to 1 or anywhere else */
static void set_index(struct ism *ism)
{
	ism->ieq->idx = htobe64(next_byte() % 20);
}

static void ring(const struct device *d)
{
	int fd = d->fd[next_byte() % ISM_IRQS];
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) != sizeof(one))
		bug("an eventfd does not take an interrupt");
}

/* The program's side */

static void check(struct ism *ism, int ret)
{
	if (ret > 0)
		bug("neither 0 nor a negative errno");
	if (!ism_strerror(ism)[0])
		bug("an empty sentence");
}

/* A sentinel behind is the sanitizer's: both buffers are as long as is said */
static void any_command(struct ism *ism)
{
	uint32_t cmd = next_byte();
	size_t len = next_number(2) % BODY_MAX;
	size_t resp_len = next_number(2) % BODY_MAX;
	uint8_t *body = malloc(len), *resp = malloc(resp_len);
	const struct device *d = ism->priv;
	size_t sent;
	int ret;

	next_bytes(body, len);
	memset(resp, 0xaa, resp_len);
	ret = ism_cmd(ism, cmd, body, len, resp, resp_len);
	check(ism, ret);
	sent = (d->window[6] << 8 | d->window[7]) - 8;
	for (size_t i = 0; !ret && i < resp_len; i++)
		if (resp[i] != (i < sent ? d->window[8 + i] : 0))
			bug("a response that the device did not give");
	free(body);
	free(resp);
}

static void query_info(struct ism *ism)
{
	struct ism_info info;
	int ret = ism_cmd_query_info(ism, &info);

	check(ism, ret);
	if (!ret && info.nr_vlans > ISM_VLAN_IDS)
		bug("more VLAN ids than there is room for");
}

static void typed_command(struct ism *ism)
{
	uint64_t n = next_number(8);

	switch (next_byte() % 8) {
	case 0: return check(ism, ism_cmd_read_gid(ism, &n));
	case 1: return check(ism, ism_cmd_query_rgid(ism, n, (int)n));
	case 2: return check(ism, ism_cmd_signal_ieq(ism, n, n & 1, 7, n));
	case 3: return check(ism, ism_cmd_add_vlan_id(ism, n));
	case 4: return check(ism, ism_cmd_del_vlan_id(ism, n));
	case 5: return check(ism, ism_cmd_set_vlan(ism));
	case 6: return check(ism, ism_cmd_reset_vlan(ism));
	default: return query_info(ism);
	}
}

static void make_or_free_dmb(struct ism *ism)
{
	struct device *d = ism->priv;
	struct ism_dmb **dmb = &d->dmbs[next_byte() % DMBS];
	size_t len = next_number(3);

	if (*dmb) {
		check(ism, ism_dmb_free(*dmb));
		*dmb = NULL;
	} else {
		check(ism, ism_dmb_alloc(ism, len, 1, ISM_NO_VLAN, dmb));
	}
}

static void move(struct ism *ism)
{
	uint64_t tok = next_number(6) << next_byte() % 32;
	uint32_t offset = (uint32_t)next_number(4);
	size_t len = next_number(2) % MOVE_MAX;
	char *src = calloc(1, len);

	check(ism, ism_move(ism, tok, offset, src, len, (int8_t)next_byte()));
	free(src);
}

static void check_signal(const struct device *d, const struct ism_event *ev)
{
	for (int i = 0; i < DMBS; i++)
		if (d->dmbs[i] && d->dmbs[i] == ev->dmb)
			return;
	bug("a signal of a DMB that there is not");
}

/* Twice each DMB, both interrupts, two queues: more of it would be without end */
static void take_events(struct ism *ism)
{
	unsigned int left = 2 * (DMBS + 2) + ISM_QUEUE + 15;
	struct ism_event ev;

	while (ism_next_event(ism, &ev)) {
		if (!left--)
			bug("events without end");
		if (ev.kind == ISM_EVENT_SIGNAL)
			check_signal(ism->priv, &ev);
		else if (!ism_ieq_code_name(ev.type, ev.code)[0])
			bug("an event without words");
	}
}

static void step(struct ism *ism)
{
	switch (next_byte() % 11) {
	case 0: return any_command(ism);
	case 1: return typed_command(ism);
	case 2: return make_or_free_dmb(ism);
	case 3: return move(ism);
	case 4: return scribble(ism->sba, sizeof(*ism->sba));
	case 5: return scribble(ism->ieq, sizeof(*ism->ieq));
	case 6: return set_index(ism);
	case 7: return ring(ism->priv);
	case 8: return check(ism, ism_wait(ism, 0) - 1);
	case 9: return check(ism, ism_reset(ism));
	default: return take_events(ism);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int maxstbl[] = { 0, 8, 100, 4096, 8191 };
	struct device d = { .fd = { -1, -1, -1 } };
	struct ism *ism = ism_new();

	input = data;
	input_len = size;
	strcpy(ism->name, "0011:00:00.0");
	ism->maxstbl = maxstbl[next_byte() % ARRAY_SIZE(maxstbl)];
	ism->ranges[0] = (struct ism_range){ 0, 0x1fffff };
	ism->nr_ranges = 1;
	if (!ism_attach(ism, &transport, &d))
		while (input_len)
			step(ism);
	ism_free(ism);
	return 0;
}
