/* SPDX-License-Identifier: MIT */
/*
 * A process that has function A and uses it all the time, until it is asked to
 * go
 */
#ifndef ISM_TESTS_USER_H
#define ISM_TESTS_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How the process came by the device's file */
enum user_kind {
	USER_OPENED,		/* it opened it */
	USER_FORKED,		/* its parent did, which is dead */
	USER_WAS_SENT,		/* it got it from a process that was killed */
	USER_KINDS,
};

/**
 * struct user_shared - what the process and who started it share
 * @pid: the process
 * @accesses: reads and writes that were done
 * @failed: of them, before it was about to go
 * @ready: the accesses have begun
 * @leaving: it was asked to go, and is about to
 * @why: what failed
 */
struct user_shared {
	pid_t pid;
	unsigned long accesses;
	unsigned long failed;
	bool ready;
	bool leaving;
	char why[256];
};

/**
 * struct user - the process
 * @shared: with it
 */
struct user {
	struct user_shared *shared;
};

int user_start(struct user *u, enum user_kind kind, uint64_t token);
const char *user_wait(struct user *u);

#endif /* ISM_TESTS_USER_H */
