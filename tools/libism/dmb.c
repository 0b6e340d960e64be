// SPDX-License-Identifier: MIT
/*
 * libism: DMBs, and moves into those of others
 *
 * There is no copy but the device's own. What a mover may rely on:
 *  - When ism_move() returns, all bytes are in the receiver's memory and the
 *    source may be used again.
 *  - Moves of one thread arrive in order, and a move's signal after its bytes.
 *    Within one move the bytes of a store block arrive in no particular order.
 * What a receiver may rely on:
 *  - When ism_next_event() gives a signal, everything that the peer moved up to
 *    this signal can be read with plain loads: the library took the signal with
 *    barriers.
 *  - A receiver that polls memory instead has to load what it polls with
 *    acquire semantics before it reads what was moved before.
 *  - Memory that the peer may be writing at the moment holds anything: copy
 *    first and look at the copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmb.h"
#include "error.h"
#include "memory.h"
#include "transport.h"

/* Segments of one pwritev(): 1 MiB of whole pages */
#define MOVE_SEGMENTS	256
#define SIGNAL_FLAG	(1ull << 23)
#define SIGNAL_SHIFT	24

static int take_index(struct ism *ism, struct ism_dmb *dmb)
{
	int ret = -ENOSPC;

	pthread_mutex_lock(&ism->lock);
	for (unsigned int i = ISM_DMB_FIRST; i < ISM_DMB_END && ret; i++) {
		if (ism->dmbs[i])
			continue;
		ism->dmbs[i] = dmb;
		dmb->idx = i;
		ret = 0;
	}
	pthread_mutex_unlock(&ism->lock);
	if (ret)
		return ism_fail(ism, ENOSPC, "all %u DMBs are in use",
				ISM_DMB_END - ISM_DMB_FIRST);
	return 0;
}

/* Signals that arrived for the DMB go with it */
static void put_index(struct ism *ism, struct ism_dmb *dmb)
{
	struct ism_signals *s = &ism->signals[dmb->idx];

	pthread_mutex_lock(&ism->lock);
	ism->dmbs[dmb->idx] = NULL;
	if (s->set)
		ism->nr_signals--;
	s->set = false;
	s->mask = 0;
	pthread_mutex_unlock(&ism->lock);
}

static struct ism_mapping *mapping_of(struct ism *ism, const struct ism_dmb *dmb)
{
	struct ism_mapping *m;

	pthread_mutex_lock(&ism->lock);
	for (m = ism->mappings; m && m->iova != dmb->iova; m = m->next)
		;
	pthread_mutex_unlock(&ism->lock);
	return m;
}

static int check_len(struct ism *ism, const void *mem, size_t len, size_t page)
{
	if (!len || len > ISM_DMB_MAX)
		return ism_fail(ism, EINVAL,
				"a DMB of %zu bytes: it must have 1 to %u", len,
				ISM_DMB_MAX);
	if (mem && ((uintptr_t)mem % page || len % page))
		return ism_fail(ism, EINVAL,
				"memory of your own for a DMB must be whole pages of %zu bytes",
				page);
	return 0;
}

/**
 * ism_dmb_new() - make a DMB and map it for the function
 * @ism: open handle
 * @mem: whole pages of the caller's, which stay the caller's and must stay
 *	there until ism_dmb_free(); NULL for zeroed memory of the library's
 * @len: bytes, 1 to ISM_DMB_MAX; rounded up to whole pages
 * @out: the DMB, for the caller to give to ism_dmb_free(); ism_close() frees
 *	what is left
 *
 * Nobody can write it before ism_dmb_register().
 *
 * Return: 0 or a negative errno: -EINVAL, -ENOMEM, -ENOSPC, or the kernel's.
 */
int ism_dmb_new(struct ism *ism, void *mem, size_t len, struct ism_dmb **out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ism_mapping *map;
	struct ism_dmb *dmb;
	int ret;

	ret = check_len(ism, mem, len, page);
	if (ret)
		return ret;
	dmb = calloc(1, sizeof(*dmb));
	if (!dmb)
		return ism_fail(ism, ENOMEM, "out of memory");
	dmb->ism = ism;
	dmb->len = (len + page - 1) / page * page;
	dmb->vlan = ISM_NO_VLAN;
	ret = take_index(ism, dmb);
	if (ret)
		goto free_dmb;
	ret = ism_map(ism, mem, dmb->len, &map);
	if (ret)
		goto put_index;
	dmb->mem = map->mem;
	dmb->iova = map->iova;
	*out = dmb;
	return 0;

put_index:
	put_index(ism, dmb);
free_dmb:
	free(dmb);
	return ret;
}

/**
 * ism_dmb_register() - let one peer write a DMB
 * @dmb: DMB that is not registered
 * @rgid: the peer's GID
 * @vlan: VLAN id or ISM_NO_VLAN
 *
 * Afterwards @dmb->tok is the token to tell the peer.
 *
 * Return: 0, -EALREADY, or as ism_cmd().
 */
int ism_dmb_register(struct ism_dmb *dmb, uint64_t rgid, int vlan)
{
	int ret;

	if (dmb->registered)
		return ism_fail(dmb->ism, EALREADY, "the DMB is registered");
	dmb->rgid = rgid;
	dmb->vlan = vlan;
	ret = ism_cmd_reg_dmb(dmb->ism, dmb, &dmb->tok);
	dmb->registered = !ret;
	return ret;
}

/**
 * ism_dmb_unregister() - end a peer's right to write a DMB
 * @dmb: DMB, registered or not
 *
 * The peer is told by an event and its moves fail from now on. The memory and
 * what is in it stay, and the DMB may be registered again, for anybody.
 *
 * Return: 0, or as ism_cmd(); then the DMB counts as registered still.
 */
int ism_dmb_unregister(struct ism_dmb *dmb)
{
	int ret;

	if (!dmb->registered)
		return 0;
	ret = ism_cmd_unreg_dmb(dmb->ism, dmb->tok);
	dmb->registered = ret;
	return ret;
}

/**
 * ism_dmb_alloc() - make a DMB of the library's memory and register it
 * @ism: open handle
 * @len: as ism_dmb_new()
 * @rgid: as ism_dmb_register()
 * @vlan: as ism_dmb_register()
 * @out: as ism_dmb_new()
 *
 * Return: 0 or a negative errno of either, with nothing left behind.
 */
int ism_dmb_alloc(struct ism *ism, size_t len, uint64_t rgid, int vlan,
		  struct ism_dmb **out)
{
	int ret;

	ret = ism_dmb_new(ism, NULL, len, out);
	if (ret)
		return ret;
	ret = ism_dmb_register(*out, rgid, vlan);
	if (ret) {
		ism_dmb_free(*out);
		*out = NULL;
	}
	return ret;
}

/**
 * ism_dmb_free() - unregister a DMB if it is, and free it
 * @dmb: DMB or NULL; must not be used afterwards whatever is returned
 *
 * Return: 0, or the negative errno of what failed first; the rest was done.
 */
int ism_dmb_free(struct ism_dmb *dmb)
{
	struct ism_mapping *map;
	struct ism *ism;
	int ret, err;

	if (!dmb)
		return 0;
	ism = dmb->ism;
	ret = ism_dmb_unregister(dmb);
	map = mapping_of(ism, dmb);
	/* without a mapping the device cannot write, registered or not */
	err = map ? ism_unmap(ism, map) : 0;
	put_index(ism, dmb);
	free(dmb);
	return ret ? ret : err;
}

/**
 * ism_dmb_free_all() - free all DMBs of a function
 * @ism: open handle
 */
void ism_dmb_free_all(struct ism *ism)
{
	for (unsigned int i = ISM_DMB_FIRST; i < ISM_DMB_END; i++)
		ism_dmb_free(ism->dmbs[i]);
}

/**
 * ism_dmb_reregister() - register all DMBs again after a reset
 * @ism: open handle
 *
 * Return: 0 or the negative errno of the first that failed.
 */
int ism_dmb_reregister(struct ism *ism)
{
	for (unsigned int i = ISM_DMB_FIRST; i < ISM_DMB_END; i++) {
		struct ism_dmb *dmb = ism->dmbs[i];
		int ret;

		if (!dmb || !dmb->registered)
			continue;
		ret = ism_cmd_reg_dmb(ism, dmb, &dmb->tok);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * struct move - store blocks that one pwritev() issues
 * @ism: from this function
 * @dest: where in BAR0 the first goes, the others follow
 * @n: segments in @iov
 * @iov: one per store block
 */
struct move {
	struct ism *ism;
	uint64_t dest;
	int n;
	struct iovec iov[MOVE_SEGMENTS];
};

static int store_failed(struct ism *ism, uint64_t dest, int ret)
{
	const char *why = "";

	if (ret == -EIO)
		why = " (the DMB is gone or not for this function, or the function is in error)";
	return ism_fail(ism, -ret, "a store to DMB token %#llx was refused: %s%s",
			(unsigned long long)(dest & ~0ull << ISM_TOKEN_LOW_BITS),
			strerror(-ret), why);
}

/* The segments that n bytes cover; the kernel never stores a part of one */
static int segments(const struct iovec *iov, int n, size_t bytes)
{
	int done = 0;

	while (done < n && bytes >= iov[done].iov_len)
		bytes -= iov[done++].iov_len;
	return done;
}

/*
 * A store block that fails ends pwritev() with the bytes before it: the next
 * call begins with the one that failed and tells why.
 */
static int flush(struct move *m)
{
	struct ism *ism = m->ism;
	int at = 0;

	while (at < m->n) {
		ssize_t bytes = ism->transport->store(ism, ISM_BAR_DMB, m->dest,
						      m->iov + at, m->n - at);
		int done = 0;

		if (bytes > 0)
			done = segments(m->iov + at, m->n - at, (size_t)bytes);
		if (!done)
			return store_failed(ism, m->dest,
					    bytes < 0 ? (int)bytes : -EIO);
		ism_count(&ism->stats.stores, (uint64_t)done);
		ism_count(&ism->stats.store_bytes, (uint64_t)bytes);
		m->dest += (uint64_t)bytes;
		at += done;
	}
	m->n = 0;
	return 0;
}

static int add(struct move *m, uint64_t dest, const char *src, size_t len)
{
	if (!m->n)
		m->dest = dest;
	m->iov[m->n].iov_base = (void *)src;
	m->iov[m->n].iov_len = len;
	m->n++;
	return m->n == MOVE_SEGMENTS ? flush(m) : 0;
}

/* Not across a page of the destination, and not more than one block holds */
static size_t piece_len(const struct ism *ism, uint32_t offset, size_t len)
{
	size_t room = ISM_PAGE - offset % ISM_PAGE;

	if (len > room)
		len = room;
	return len < ism->maxstbl ? len : ism->maxstbl;
}

static int check_move(struct ism *ism, uint64_t tok, uint32_t offset,
		      size_t len, int signal)
{
	if (tok >> ISM_TOKEN_BITS || tok & ((1ull << ISM_TOKEN_LOW_BITS) - 1))
		return ism_fail(ism, EINVAL, "%#llx is not a DMB token",
				(unsigned long long)tok);
	if (len > ISM_OFFSET_END || offset > ISM_OFFSET_END - len)
		return ism_fail(ism, EINVAL,
				"a move of %zu bytes to offset %u ends behind any DMB",
				len, offset);
	if (signal >= ISM_SIGNALS)
		return ism_fail(ism, EINVAL, "signal %d: they are 0 to %d",
				signal, ISM_SIGNALS - 1);
	if (!len && signal >= 0)
		return ism_fail(ism, EINVAL, "a signal needs at least one byte");
	return 0;
}

/**
 * ism_move() - move data into a peer's DMB
 * @ism: open handle
 * @tok: the DMB's token, from the peer
 * @offset: where in the DMB
 * @src: the data, at any address
 * @len: bytes, any number
 * @signal: 0 to 15 to set this bit at the receiver with the last byte and
 *	interrupt it, or ISM_NO_SIGNAL
 *
 * Synchronous: afterwards @src may be used again. The data go in as few store
 * blocks as the hardware allows, which is one per page of the destination
 * where maxstbl is 4096.
 *
 * Return: 0, or a negative errno: -EIO when the device refused (DMB gone, not
 * authorised, behind the DMB's end, function in error), -EINVAL. Then a first
 * part of the data may have been moved, without the signal.
 */
int ism_move(struct ism *ism, uint64_t tok, uint32_t offset, const void *src,
	     size_t len, int signal)
{
	struct move m = { .ism = ism, .n = 0 };
	const char *from = src;
	int ret;

	ret = check_move(ism, tok, offset, len, signal);
	while (len && !ret) {
		size_t n = piece_len(ism, offset, len);
		uint64_t dest = tok | offset;
		bool last = n == len && signal >= 0;

		/* the signal is in the address: what is before goes on its own */
		if (last) {
			ret = flush(&m);
			dest |= SIGNAL_FLAG | (uint64_t)signal << SIGNAL_SHIFT;
		}
		if (!ret)
			ret = add(&m, dest, from, n);
		from += n;
		offset += (uint32_t)n;
		len -= n;
	}
	if (!ret)
		ret = flush(&m);
	if (!ret && signal >= 0)
		ism_count(&ism->stats.signals, 1);
	return ret;
}
