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

/* An instruction as the driver's trace events show it */
struct insn {
	bool store;
	unsigned int bar;
	unsigned int len;
	int result;
	uint64_t offset;
};

struct trace {
	char dir[64];
	int pipe;
	struct insn *insn;
	unsigned int n;
};

int write_file(const char *dir, const char *file, const char *text);
int trace_open(struct trace *t, const char *name, const char *filter);
void trace_close(struct trace *t);
int trace_read(struct trace *t);
void trace_clear(struct trace *t);

#endif /* ISM_TESTS_TRACE_H */
