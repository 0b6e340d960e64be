// SPDX-License-Identifier: MIT
/*
 * Trace events of the driver, for tests
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/*
 * A tracefs instance of our own: nobody else's events, nobody else disturbed;
 * @filter: which of the events, as tracefs spells it, or NULL for all
 */
int trace_open(struct trace *t, const char *name, const char *filter)
{
	char path[128];

	snprintf(t->dir, sizeof(t->dir), TRACEFS "/instances/%s-%d", name,
		 getpid());
	t->insn = calloc(MAX_INSNS, sizeof(*t->insn));
	if (!t->insn || mkdir(t->dir, 0700))
		return -1;
	snprintf(path, sizeof(path), "%s/trace_pipe", t->dir);
	t->pipe = open(path, O_RDONLY | O_NONBLOCK);
	if (t->pipe < 0)
		return -1;
	if (filter && write_file(t->dir, "events/ism_vfio/filter", filter))
		return -1;
	return write_file(t->dir, "events/ism_vfio/enable", "1");
}

void trace_close(struct trace *t)
{
	close(t->pipe);
	rmdir(t->dir);
	free(t->insn);
}

static bool trace_line(const char *line, struct insn *insn)
{
	static const char load[] = "ism_vfio_load: ";
	static const char store[] = "ism_vfio_store_block: ";
	const char *what = strstr(line, load);
	unsigned long long offset;
	unsigned int fid;

	insn->store = !what;
	if (insn->store)
		what = strstr(line, store);
	if (!what)
		return false;

	what += insn->store ? sizeof(store) - 1 : sizeof(load) - 1;
	if (sscanf(what, "fid=%x bar=%u offset=0x%llx len=%u result=%d", &fid,
		   &insn->bar, &offset, &insn->len, &insn->result) != 5)
		return false;
	insn->offset = offset;
	return true;
}

/* What is in the pipe goes through one buffer, a line may come in two reads */
static unsigned int trace_parse(struct trace *t, char *text, size_t *len)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', text + *len - line))) {
		*end = 0;
		if (t->n < MAX_INSNS)
			t->n += trace_line(line, &t->insn[t->n]);
		line = end + 1;
	}
	*len -= line - text;
	memmove(text, line, *len);
	return t->n;
}

/* How many instructions there were since the last call; t->insn has them */
int trace_read(struct trace *t)
{
	char text[8192];
	size_t len = 0;
	ssize_t n;

	t->n = 0;
	while ((n = read(t->pipe, text + len, sizeof(text) - len)) > 0) {
		len += n;
		trace_parse(t, text, &len);
	}
	return n < 0 && errno != EAGAIN ? -1 : (int)t->n;
}

void trace_clear(struct trace *t)
{
	trace_read(t);
}
