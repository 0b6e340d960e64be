/* SPDX-License-Identifier: MIT */
/*
 * libism: what a handle holds, below all floors
 *
 * The library is built in floors, and each uses only those below it. From the
 * ground up:
 *
 *	error		the sentence about a failure
 *	transport	what a transport is
 *	sysfs		what sysfs knows of a function
 *	vfio		what both of vfio's interfaces share
 *	group, iommufd	the two of them
 *	command		the command window
 *	memory		memory that the function can reach
 *	dmb		DMBs and moves
 *	event		status bits, event queue and interrupts
 *	handle		open, close and reset: the only one that knows all below
 *
 * Nobody includes these headers but the library and tests/libism.
 * tests/lint/floors.sh holds all of this.
 */
#ifndef LIBISM_STATE_H
#define LIBISM_STATE_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "ism.h"

#define ISM_NAME_LEN	32
#define ISM_ERROR_LEN	512
#define ISM_RANGES	16
#define ISM_QUEUE	64

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum ism_irq {
	ISM_IRQ_MSI,
	ISM_IRQ_ERR,
	ISM_IRQ_REQ,
	ISM_IRQS,
};

/* Signals of one DMB; the mask may be 0 when an earlier one took it along */
struct ism_signals {
	bool set;
	uint16_t mask;
};

/**
 * struct ism - a function
 * @name: its PCI name
 * @err_lock: protects @error
 * @error: sentence about the last failure
 * @stats: counters, changed and read atomically
 * @transport: how it is reached, NULL while it is not open
 * @priv: the transport's own
 * @maxstbl: longest store block
 * @ranges: IOVAs that the kernel allows
 * @nr_ranges: entries in @ranges
 * @cmd_lock: one command at a time; protects @cmd_code
 * @cmd_code: the device's answer to the last command
 * @lock: protects all that follows, except @gid
 * @mappings: memory the function can reach
 * @dmbs: DMBs by SBA index
 * @signals: signals that arrived for each, and were not yet given to the caller
 * @nr_signals: entries in @signals that are set
 * @next_signal: index to look for the next signal at, so that a busy DMB does
 *	not starve the others
 * @shared: the mapping of @sba and @ieq
 * @sba: status bits
 * @ieq: event queue
 * @ieq_idx: entry that was taken last
 * @queue: event queue entries that were not yet given to the caller
 * @queue_head: the next one to give
 * @queue_len: how many
 * @pending: bits of enum ism_irq: ERR and REQ not yet given to the caller
 * @efd: eventfd per interrupt
 * @epfd: all of them
 * @gid: its GID
 *
 * A floor looks at its own part and at those above it in this list, which are
 * the floors below.
 */
struct ism {
	/* error */
	char name[ISM_NAME_LEN];
	pthread_mutex_t err_lock;
	char error[ISM_ERROR_LEN];
	struct ism_stats stats;

	/* transport */
	const struct ism_transport *transport;
	void *priv;
	unsigned int maxstbl;
	struct ism_range ranges[ISM_RANGES];
	unsigned int nr_ranges;

	/* command */
	pthread_mutex_t cmd_lock;
	unsigned int cmd_code;

	/* memory */
	pthread_mutex_t lock;
	struct ism_mapping *mappings;

	/* dmb */
	struct ism_dmb *dmbs[ISM_DMB_END];
	struct ism_signals signals[ISM_DMB_END];
	unsigned int nr_signals;

	/* event */
	unsigned int next_signal;
	struct ism_mapping *shared;
	struct ism_sba *sba;
	struct ism_ieq *ieq;
	int ieq_idx;
	struct ism_event queue[ISM_QUEUE];
	unsigned int queue_head;
	unsigned int queue_len;
	unsigned int pending;
	int efd[ISM_IRQS];
	int epfd;

	/* handle */
	uint64_t gid;
};

static inline void ism_count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

#endif /* LIBISM_STATE_H */
