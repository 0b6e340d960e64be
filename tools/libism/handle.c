// SPDX-License-Identifier: MIT
/*
 * libism: life of a handle
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "handle.h"
#include "iommufd.h"
#include "sysfs.h"

/**
 * ism_new() - make a handle
 *
 * Return: a closed handle, for the caller to give to ism_free(); NULL without
 * memory.
 */
struct ism *ism_new(void)
{
	struct ism *ism = calloc(1, sizeof(*ism));

	if (!ism)
		return NULL;
	pthread_mutex_init(&ism->cmd_lock, NULL);
	pthread_mutex_init(&ism->lock, NULL);
	pthread_mutex_init(&ism->err_lock, NULL);
	for (int i = 0; i < ISM_IRQS; i++)
		ism->efd[i] = -1;
	ism->epfd = -1;
	return ism;
}

/**
 * ism_free() - close a handle if it is open, and free it
 * @ism: handle or NULL
 */
void ism_free(struct ism *ism)
{
	if (!ism)
		return;
	ism_close(ism);
	pthread_mutex_destroy(&ism->err_lock);
	pthread_mutex_destroy(&ism->lock);
	pthread_mutex_destroy(&ism->cmd_lock);
	free(ism);
}

/* From a function that can be reached to one that has SBA, IEQ and a GID */
static int bring_up(struct ism *ism)
{
	int ret;

	ret = ism->transport->enable(ism);
	if (!ret)
		ret = ism_events_register(ism);
	if (!ret)
		ret = ism_cmd_read_gid(ism, &ism->gid);
	return ret;
}

/**
 * ism_attach() - bring the protocol up over a transport
 * @ism: closed handle with name, maxstbl and IOVA ranges
 * @transport: how to reach the function
 * @priv: the transport's own; the transport's close() frees it
 *
 * Return: 0, or a negative errno with the transport closed.
 */
int ism_attach(struct ism *ism, const struct ism_transport *transport,
	       void *priv)
{
	int ret = 0;

	ism->transport = transport;
	ism->priv = priv;
	memset(&ism->stats, 0, sizeof(ism->stats));
	/* the doorbell of a command is one block of 8 bytes */
	if (ism->maxstbl < 8)
		ret = ism_fail(ism, ENODEV,
			       "it takes store blocks of at most %u bytes, commands need 8",
			       ism->maxstbl);
	if (!ret)
		ret = ism_events_open(ism);
	if (!ret) {
		ret = bring_up(ism);
		/* somebody may have left it in an error state */
		if (ret == -EIO)
			ret = ism_reset(ism);
	}
	if (ret)
		ism_close(ism);
	return ret;
}

static int set_name(struct ism *ism, const char *name)
{
	unsigned int dom, bus, dev, fn;
	char end;

	if (ism->transport)
		return ism_fail(ism, EALREADY, "the handle is open");
	snprintf(ism->name, sizeof(ism->name), "%s", name);
	/* the name becomes a part of paths: nothing else may be in it */
	if (strlen(name) > 16 ||
	    sscanf(name, "%8x:%2x:%2x.%1x%c", &dom, &bus, &dev, &fn, &end) != 4)
		return ism_fail(ism, EINVAL,
				"not the name of a PCI function; they look like 0011:00:00.0");
	return 0;
}

/**
 * ism_open() - open a function and make it ready for use
 * @ism: closed handle; stays the caller's
 * @name: PCI name, for instance 0011:00:00.0
 * @how: interface of vfio to use
 *
 * Afterwards the function's status bits and event queue are registered, its
 * interrupt is an eventfd, and it answers commands and takes moves.
 *
 * Return: 0, or a negative errno: -EBUSY when another process has the
 * function, -ENODEV when it does not exist, is not an ISM function or is not
 * bound to ism_vfio_pci, -EACCES without rights to the device nodes.
 */
int ism_open(struct ism *ism, const char *name, enum ism_iommu how)
{
	struct ism_nodes nodes;
	int ret;

	ret = ism_nodes_open(ism, name, how, &nodes);
	return ret ? ret : ism_open_nodes(ism, name, &nodes);
}

static const struct ism_transport *choose(const struct ism *ism,
					  enum ism_iommu how)
{
	bool iommufd = how == ISM_IOMMU_IOMMUFD ||
		       (how == ISM_IOMMU_AUTO && ism_iommufd_usable(ism));

	return iommufd ? &ism_iommufd : &ism_group;
}

/**
 * ism_nodes_open() - the part of ism_open() that needs rights
 * @ism: closed handle, for the sentence about a failure
 * @name: PCI name
 * @how: interface of vfio to use
 * @nodes: filled in, for the caller to give to ism_open_nodes(), here or in
 *	another process that it sends the files to, and to ism_nodes_close()
 *	where they stay
 *
 * So a supervisor with rights serves a process without any.
 *
 * Return: 0, or a negative errno with no file left open.
 */
int ism_nodes_open(struct ism *ism, const char *name, enum ism_iommu how,
		   struct ism_nodes *nodes)
{
	int ret;

	*nodes = (struct ism_nodes) { .iommu = -1, .group = -1, .device = -1 };
	ret = set_name(ism, name);
	if (!ret)
		ret = ism_sysfs_maxstbl(ism, &nodes->maxstbl);
	if (!ret)
		ret = choose(ism, how)->nodes(ism, nodes);
	if (ret)
		ism_nodes_close(nodes);
	return ret;
}

/**
 * ism_open_nodes() - ism_open() with files that are open already
 * @ism: closed handle; stays the caller's
 * @name: PCI name
 * @nodes: of ism_nodes_open(); they become the handle's, or are closed if this
 *	fails
 *
 * Needs neither rights nor sysfs, but room for locked memory (ulimit -l).
 *
 * Return: as ism_open().
 */
int ism_open_nodes(struct ism *ism, const char *name,
		   const struct ism_nodes *nodes)
{
	const struct ism_transport *transport =
		nodes->group < 0 ? &ism_iommufd : &ism_group;
	struct ism_nodes mine = *nodes;
	int ret;

	ret = set_name(ism, name);
	if (ret) {
		ism_nodes_close(&mine);
		return ret;
	}
	ism->nr_ranges = 0;
	ret = transport->open(ism, &mine);
	return ret ? ret : ism_attach(ism, transport, ism->priv);
}

/**
 * ism_close() - give a function back
 * @ism: handle, open or not
 *
 * Unregisters and frees all its DMBs, whose peers are told by an event. The
 * kernel resets the function.
 */
void ism_close(struct ism *ism)
{
	if (!ism->transport)
		return;
	ism_dmb_free_all(ism);
	ism_events_unregister(ism);
	ism_events_close(ism);
	ism->transport->close(ism);
	ism->transport = NULL;
	ism_unmap_all(ism);
}

/**
 * ism_reset() - reset a function and register everything again
 * @ism: open handle; no other thread may use it meanwhile
 *
 * The way out of an error state. Peers see that the function went away. DMBs
 * keep their memory but get new tokens. Signals and events that were not yet
 * given to the caller are lost.
 *
 * Return: 0 or a negative errno; after an error reset again, or close.
 */
int ism_reset(struct ism *ism)
{
	int ret;

	ret = ism->transport->reset(ism);
	if (!ret)
		ret = bring_up(ism);
	if (!ret)
		ret = ism_dmb_reregister(ism);
	return ret;
}

/**
 * ism_name() - the PCI name of a function
 * @ism: handle that was opened
 *
 * Return: the name as given to ism_open(); the handle's.
 */
const char *ism_name(const struct ism *ism)
{
	return ism->name;
}

/**
 * ism_gid() - the GID that a function had when it was opened or reset
 * @ism: open handle
 *
 * Return: GID, without asking the device.
 */
uint64_t ism_gid(const struct ism *ism)
{
	return ism->gid;
}

/**
 * ism_maxstbl() - the longest store block of a function
 * @ism: open handle
 *
 * Return: bytes. ism_move() splits by it; more means fewer stores.
 */
unsigned int ism_maxstbl(const struct ism *ism)
{
	return ism->maxstbl;
}

/**
 * ism_get_stats() - counters since a function was opened
 * @ism: handle
 * @stats: filled in; each counter is exact, together they are no snapshot
 */
void ism_get_stats(struct ism *ism, struct ism_stats *stats)
{
	struct ism_stats *s = &ism->stats;

	stats->stores = __atomic_load_n(&s->stores, __ATOMIC_RELAXED);
	stats->store_bytes = __atomic_load_n(&s->store_bytes, __ATOMIC_RELAXED);
	stats->signals = __atomic_load_n(&s->signals, __ATOMIC_RELAXED);
	stats->commands = __atomic_load_n(&s->commands, __ATOMIC_RELAXED);
	stats->command_stores =
		__atomic_load_n(&s->command_stores, __ATOMIC_RELAXED);
	stats->interrupts = __atomic_load_n(&s->interrupts, __ATOMIC_RELAXED);
}
