// SPDX-License-Identifier: MIT
/*
 * Trace events of the driver, for tests. They are taken as the kernel has them in
 * its buffers: to have it write each as a line, and to read that, is most of the
 * time of a test that makes many.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <traceevent/event-parse.h>
#include <traceevent/kbuffer.h>

#include "trace.h"

int write_file(const char *dir, const char *file, const char *text)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return ret;
}

/* ---- the events' layout --------------------------------------------------- */

/* Where a field is, which has that size */
static int field_at(struct tep_event *event, const char *name, int size)
{
	struct tep_format_field *field = tep_find_field(event, name);

	return field && field->size == size ? field->offset : -1;
}

static int learn_event(struct trace *t, struct tep_handle *tep,
		       const char *text, size_t len)
{
	struct tep_event *event;

	/* libtraceevent 1.7 takes every machine for a little-endian one */
	tep_set_file_bigendian(tep, TEP_BIG_ENDIAN);
	tep_set_local_bigendian(tep, TEP_BIG_ENDIAN);
	if (tep_parse_event(tep, text, len, "ism_vfio"))
		return -1;
	event = tep_find_event_by_name(tep, "ism_vfio", "ism_vfio_store_block");
	if (!event)
		return -1;
	t->store_id = event->id;
	t->bar = field_at(event, "bar", sizeof(((struct insn *)0)->bar));
	t->offset = field_at(event, "offset", sizeof(((struct insn *)0)->offset));
	t->len = field_at(event, "len", sizeof(((struct insn *)0)->len));
	t->result = field_at(event, "result", sizeof(((struct insn *)0)->result));
	return t->bar < 0 || t->offset < 0 || t->len < 0 || t->result < 0 ? -1 : 0;
}

/* The two are of one class, and look the same */
static int learn_events(struct trace *t)
{
	char path[128], text[4096];
	struct tep_handle *tep;
	int fd, ret = -1;
	ssize_t n;

	snprintf(path, sizeof(path),
		 "%s/events/ism_vfio/ism_vfio_store_block/format", t->dir);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text));
	close(fd);
	t->kbuf = kbuffer_alloc(KBUFFER_LSIZE_8, KBUFFER_ENDIAN_BIG);
	tep = tep_alloc();
	if (t->kbuf && tep && n > 0)
		ret = learn_event(t, tep, text, n);
	tep_free(tep);
	return ret;
}

/* ---- the instance --------------------------------------------------------- */

static int open_pipes(struct trace *t)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	char path[128];

	if (n < 1 || n > MAX_TRACE_CPUS)
		return -1;
	for (; t->nr_cpus < (unsigned long)n; t->nr_cpus++) {
		snprintf(path, sizeof(path), "%s/per_cpu/cpu%u/trace_pipe_raw",
			 t->dir, t->nr_cpus);
		t->pipe[t->nr_cpus] = open(path, O_RDONLY | O_NONBLOCK);
		if (t->pipe[t->nr_cpus] < 0)
			return -1;
	}
	return 0;
}

/**
 * trace_open() - begin to record
 * @t: filled in, from zeroes
 * @name: of a tracefs instance of our own: nobody else's events, nobody else
 *	disturbed
 * @filter: which of the events, as tracefs spells it, or NULL for all
 *
 * Return: 0, or -1.
 */
int trace_open(struct trace *t, const char *name, const char *filter)
{
	snprintf(t->dir, sizeof(t->dir), TRACEFS "/instances/%s-%d", name,
		 getpid());
	t->nr_cpus = 0;
	t->insn = calloc(MAX_INSNS, sizeof(*t->insn));
	if (!t->insn || mkdir(t->dir, 0700))
		return -1;
	/* a clock that counts events puts those of all CPUs into one order */
	if (write_file(t->dir, "trace_clock", "counter") || learn_events(t) ||
	    open_pipes(t))
		return -1;
	if (filter && write_file(t->dir, "events/ism_vfio/filter", filter))
		return -1;
	return write_file(t->dir, "events/ism_vfio/enable", "1");
}

void trace_close(struct trace *t)
{
	while (t->nr_cpus)
		close(t->pipe[--t->nr_cpus]);
	rmdir(t->dir);
	kbuffer_free(t->kbuf);
	free(t->insn);
}

/* ---- reading -------------------------------------------------------------- */

static void add_insn(struct trace *t, const char *data, uint64_t when)
{
	struct insn *insn = &t->insn[t->n++];
	uint16_t id;

	memcpy(&id, data, sizeof(id));
	insn->store = id == t->store_id;
	memcpy(&insn->bar, data + t->bar, sizeof(insn->bar));
	memcpy(&insn->offset, data + t->offset, sizeof(insn->offset));
	memcpy(&insn->len, data + t->len, sizeof(insn->len));
	memcpy(&insn->result, data + t->result, sizeof(insn->result));
	insn->when = when;
}

/* Whether all of a CPU's events are there: none was lost */
static bool read_cpu(struct trace *t, int pipe)
{
	char page[65536] __attribute__((aligned(8)));
	unsigned long long when;
	ssize_t n;
	void *data;

	while ((n = read(pipe, page, sizeof(page))) > 0) {
		if (kbuffer_load_subbuffer(t->kbuf, page) ||
		    kbuffer_missed_events(t->kbuf))
			return false;
		while ((data = kbuffer_read_event(t->kbuf, &when))) {
			if (t->n == MAX_INSNS)
				return false;
			add_insn(t, data, when);
			kbuffer_next_event(t->kbuf, NULL);
		}
	}
	return !n || errno == EAGAIN;
}

static int by_time(const void *a, const void *b)
{
	const struct insn *i = a, *j = b;

	return i->when < j->when ? -1 : i->when > j->when;
}

/**
 * trace_read() - what there was since the last call
 * @t: the instance; @t->insn has the instructions
 *
 * Return: how many instructions, or -1 when some were lost.
 */
int trace_read(struct trace *t)
{
	unsigned int cpus = 0, before;

	t->n = 0;
	for (unsigned int i = 0; i < t->nr_cpus; i++) {
		before = t->n;
		if (!read_cpu(t, t->pipe[i]))
			return -1;
		cpus += t->n > before;
	}
	if (cpus > 1)
		qsort(t->insn, t->n, sizeof(*t->insn), by_time);
	return t->n;
}

void trace_clear(struct trace *t)
{
	trace_read(t);
}
