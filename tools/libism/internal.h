/* SPDX-License-Identifier: MIT */
/*
 * libism's own: the handle, and the seam between protocol and transport
 */
#ifndef LIBISM_INTERNAL_H
#define LIBISM_INTERNAL_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "ism.h"

#define ISM_NAME_LEN	32
#define ISM_ERROR_LEN	512
#define ISM_RANGES	16
#define ISM_IEQ_LEN	512
#define ISM_QUEUE	64

#define ISM_BAR_DMB	0
#define ISM_BAR_CMD	2

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum ism_irq {
	ISM_IRQ_MSI,
	ISM_IRQ_ERR,
	ISM_IRQ_REQ,
	ISM_IRQS,
};

/**
 * struct ism_transport - how the protocol reaches a function
 * @name: for people
 * @load: read @len bytes of a BAR; 0 or negative errno
 * @store: one store block per segment, at consecutive offsets; bytes stored
 *	(whole segments) or negative errno if it was none
 * @map: make memory visible to the function
 * @unmap: take it away again
 * @reset: reset the function
 * @enable: set memory and bus master in its command register
 * @set_irq: have @fd told about an interrupt, -1 for no more; -ENOTTY if the
 *	function does not have this one
 * @fd: file behind it, -1 without
 * @close: give everything back; frees its private data
 *
 * vfio is the only one in the library; the seam is there for tests, which can
 * put a mock behind the protocol on a host of any endianness.
 */
struct ism_transport {
	const char *name;
	int (*load)(struct ism *ism, int bar, uint64_t offset, void *buf,
		    size_t len);
	ssize_t (*store)(struct ism *ism, int bar, uint64_t offset,
			 const struct iovec *iov, int n);
	int (*map)(struct ism *ism, void *mem, size_t len, uint64_t iova);
	int (*unmap)(struct ism *ism, uint64_t iova, size_t len);
	int (*reset)(struct ism *ism);
	int (*enable)(struct ism *ism);
	int (*set_irq)(struct ism *ism, enum ism_irq irq, int fd);
	int (*fd)(const struct ism *ism);
	void (*close)(struct ism *ism);
};

/* A piece of memory that the function can reach; sorted by IOVA */
struct ism_mapping {
	struct ism_mapping *next;
	uint64_t iova;
	size_t len;
	void *mem;
	bool own;	/* the library's memory, not the caller's */
};

/* Signals of one DMB; the mask may be 0 when an earlier one took it along */
struct ism_signals {
	bool set;
	uint16_t mask;
};

/* Status bits and event queue, as the device sees them (big endian) */
struct ism_sba {
	uint32_t flags;
	uint32_t dmb_bits[ISM_DMB_END / 32];
	uint32_t reserved[3];
	uint16_t dmbe_mask[ISM_DMB_END];
};

struct ism_ieq_entry {
	uint32_t type;
	uint32_t code;
	uint64_t tok;
	uint64_t time;
	uint64_t info;
};

struct ism_ieq {
	uint64_t idx;
	uint64_t len;
	uint64_t entry_len;
	uint64_t reserved;
	struct ism_ieq_entry entry[15];
};

_Static_assert(sizeof(struct ism_sba) == ISM_PAGE, "SBA layout");
_Static_assert(sizeof(struct ism_ieq) == ISM_IEQ_LEN, "IEQ layout");

/**
 * struct ism - a function
 * @name: its PCI name
 * @transport: how it is reached, NULL while it is not open
 * @priv: the transport's own
 * @maxstbl: longest store block
 * @gid: its GID
 * @ranges: IOVAs that the kernel allows
 * @nr_ranges: entries in @ranges
 * @cmd_lock: one command at a time; protects @cmd_code
 * @cmd_code: the device's answer to the last command
 * @lock: protects all that follows, except @error and @stats
 * @mappings: memory the function can reach
 * @shared: the mapping of @sba and @ieq
 * @sba: status bits
 * @ieq: event queue
 * @ieq_idx: entry that was taken last
 * @dmbs: DMBs by SBA index
 * @nr_signals: entries in @signals that are set
 * @signals: signals that arrived and were not yet given to the caller
 * @next_signal: index to look for the next signal at, so that a busy DMB does
 *	not starve the others
 * @queue: event queue entries that were not yet given to the caller
 * @queue_head: the next one to give
 * @queue_len: how many
 * @pending: bits of enum ism_irq: ERR and REQ not yet given to the caller
 * @efd: eventfd per interrupt
 * @epfd: all of them
 * @err_lock: protects @error
 * @error: sentence about the last failure
 * @stats: counters, changed and read atomically
 */
struct ism {
	char name[ISM_NAME_LEN];
	const struct ism_transport *transport;
	void *priv;
	unsigned int maxstbl;
	uint64_t gid;
	struct ism_range ranges[ISM_RANGES];
	unsigned int nr_ranges;

	pthread_mutex_t cmd_lock;
	unsigned int cmd_code;

	pthread_mutex_t lock;
	struct ism_mapping *mappings;
	struct ism_mapping *shared;
	struct ism_sba *sba;
	struct ism_ieq *ieq;
	int ieq_idx;
	struct ism_dmb *dmbs[ISM_DMB_END];
	unsigned int nr_signals;
	struct ism_signals signals[ISM_DMB_END];
	unsigned int next_signal;
	struct ism_event queue[ISM_QUEUE];
	unsigned int queue_head;
	unsigned int queue_len;
	unsigned int pending;
	int efd[ISM_IRQS];
	int epfd;

	pthread_mutex_t err_lock;
	char error[ISM_ERROR_LEN];
	struct ism_stats stats;
};

/* libism.c */
int ism_fail(struct ism *ism, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int ism_attach(struct ism *ism, const struct ism_transport *transport,
	       void *priv);

/* vfio.c */
int ism_vfio_nodes(struct ism *ism, enum ism_iommu how, struct ism_nodes *nodes);
int ism_vfio_open(struct ism *ism, struct ism_nodes *nodes);

/* memory.c */
int ism_map(struct ism *ism, void *mem, size_t len, struct ism_mapping **map);
int ism_unmap(struct ism *ism, struct ism_mapping *map);
void ism_unmap_all(struct ism *ism);

/* dmb.c */
int ism_dmb_reregister(struct ism *ism);
void ism_dmb_free_all(struct ism *ism);

/* event.c */
int ism_events_open(struct ism *ism);
void ism_events_close(struct ism *ism);
int ism_events_register(struct ism *ism);
void ism_events_unregister(struct ism *ism);

static inline void ism_count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

#endif /* LIBISM_INTERNAL_H */
