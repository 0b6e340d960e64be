/* SPDX-License-Identifier: MIT */
/*
 * The two ends of a test: a function at the kernel's ism driver, reached
 * through the module dibs_user, and one at ism-vfio-pci, reached through libism.
 * What a test does with them is the same for both.
 */
#ifndef END_H
#define END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ism.h"

struct end_ops;

/**
 * struct end - a function, with a DMB at most
 * @ops: how it is reached
 * @name: where it is: a node, or a PCI name
 * @gid: its GID
 * @tok: its DMB's token
 * @fd: the kernel's: the node
 * @copy: the kernel's: what end_look() found
 * @ism: libism's: the handle
 * @dmb: libism's: the DMB
 */
struct end {
	const struct end_ops *ops;
	const char *name;
	uint64_t gid;
	uint64_t tok;
	int fd;
	void *copy;
	struct ism *ism;
	struct ism_dmb *dmb;
};

/**
 * struct end_ops - what an end does; 0 or a negative errno unless it says else
 * @open: opens it, sets its GID
 * @close: closes it, with its DMB; an end that is not open stays that
 * @reg: makes a DMB that @rgid may write
 * @unreg: takes it away
 * @move: into the other end's DMB, as ism_move()
 * @look: @len bytes of the own DMB, NULL when that fails; good until the next
 *	call
 * @send: an event for @rgid, with or without an interrupt
 * @next: the next event, within @timeout_ms; -ETIMEDOUT without
 */
struct end_ops {
	int (*open)(struct end *e);
	void (*close)(struct end *e);
	int (*reg)(struct end *e, uint64_t rgid, size_t len);
	int (*unreg)(struct end *e);
	int (*move)(struct end *e, uint64_t tok, uint32_t offset,
		    const void *data, size_t len, int signal);
	const void *(*look)(struct end *e, uint32_t offset, size_t len);
	int (*send)(struct end *e, uint64_t rgid, bool irq, uint32_t code,
		    uint64_t info);
	int (*next)(struct end *e, struct ism_event *ev, int timeout_ms);
};

extern const struct end_ops end_kernel, end_libism;

#endif /* END_H */
