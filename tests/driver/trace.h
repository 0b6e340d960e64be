/* SPDX-License-Identifier: MIT */
/*
 * What reaches a function: the driver's trace events, read through a tracefs
 * instance of the test's own
 */
#ifndef ISM_TESTS_TRACE_H
#define ISM_TESTS_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACEFS		"/sys/kernel/tracing"
#define MAX_INSNS	65536
#define MAX_TRACE_CPUS	64

/**
 * struct insn - an instruction as the driver's trace events show it
 * @store: PCISTB, else PCILG
 * @bar: of the function
 * @len: bytes
 * @result: 0 or -errno
 * @offset: in the BAR
 * @when: number of the event; it grows
 */
struct insn {
	bool store;
	unsigned int bar;
	unsigned int len;
	int result;
	uint64_t offset;
	uint64_t when;
};

struct kbuffer;

/**
 * struct trace - an instance
 * @dir: its folder in tracefs
 * @nr_cpus: how many buffers it has
 * @pipe: one for each CPU
 * @kbuf: libtraceevent's reader of a page of a buffer
 * @store_id: number of the event of a PCISTB
 * @bar: where the events have the BAR ...
 * @offset: ... the offset in it ...
 * @len: ... the length ...
 * @result: ... and how the instruction ended
 * @insn: instructions that trace_read() found
 * @n: how many
 */
struct trace {
	char dir[64];
	unsigned int nr_cpus;
	int pipe[MAX_TRACE_CPUS];
	struct kbuffer *kbuf;
	int store_id;
	int bar;
	int offset;
	int len;
	int result;
	struct insn *insn;
	unsigned int n;
};

int write_file(const char *dir, const char *file, const char *text);
int trace_open(struct trace *t, const char *name, const char *filter);
void trace_close(struct trace *t);
int trace_read(struct trace *t);
void trace_clear(struct trace *t);

#endif /* ISM_TESTS_TRACE_H */
