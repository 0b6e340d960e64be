// SPDX-License-Identifier: MIT
/*
 * libism: status bits, event queue and interrupts
 *
 * The device sets a DMB's mask, then its bit, then the summary bit, and
 * interrupts when the summary bit was 0. The reader goes the other way: it
 * clears the summary bit first and looks at the rest afterwards, so that what
 * the device sets behind its back causes another interrupt. Both change the
 * same words at the same time: atomic operations only.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "event.h"
#include "memory.h"
#include "transport.h"

#define SBA_SUMMARY	0x80000000u
#define SBA_EVENT	0x40000000u
#define IEQ_ENTRIES	15

static const struct {
	uint32_t code;
	const char *name;
} ieq_codes[] = {
	{ ISM_DEV_GID_ERR_STATE, "GID in error state" },
	{ ISM_BUF_OWNER_ERR_STATE, "owner of DMB in error state" },
	{ ISM_BUF_USER_ERR_STATE, "user of DMB in error state" },
	{ ISM_BUF_DMB_UNREGISTERED, "DMB unregistered" },
	{ ISM_BUF_VLAN_MISMATCH_OWNER, "VLAN mismatch with owner of DMB" },
	{ ISM_BUF_VLAN_MISMATCH_USER, "VLAN mismatch with user of DMB" },
	{ ISM_DEV_GID_DISABLED, "GID disabled" },
	{ ISM_BUF_USER_DISABLED, "user of DMB disabled" },
};

/**
 * ism_ieq_code_name() - words for an entry of the event queue
 * @type: of the event
 * @code: of the event
 *
 * Return: a constant string, never NULL.
 */
const char *ism_ieq_code_name(uint32_t type, uint32_t code)
{
	if (type == ISM_IEQ_SOFTWARE)
		return "software event";
	for (size_t i = 0; i < ARRAY_SIZE(ieq_codes); i++)
		if (ieq_codes[i].code == code)
			return ieq_codes[i].name;
	return "unknown event";
}

/* Set-up */

static int add_irq(struct ism *ism, enum ism_irq irq)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ret;

	ism->efd[irq] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ism->efd[irq] < 0)
		return ism_fail(ism, errno, "no eventfd: %s", strerror(errno));
	if (epoll_ctl(ism->epfd, EPOLL_CTL_ADD, ism->efd[irq], &ev))
		return ism_fail(ism, errno, "cannot watch an eventfd: %s",
				strerror(errno));
	ret = ism->transport->set_irq(ism, irq, ism->efd[irq]);
	if (!ret || irq != ISM_IRQ_MSI)
		return 0;
	return ism_fail(ism, -ret, "cannot set up its interrupt: %s",
			strerror(-ret));
}

/**
 * ism_events_open() - get memory for status bits and event queue, and
 *	interrupts
 * @ism: handle with a transport
 *
 * The error and the request interrupt depend on kernel and function: it goes
 * without them.
 *
 * Return: 0 or a negative errno; ism_events_close() cleans up in both cases.
 */
int ism_events_open(struct ism *ism)
{
	int ret;

	ret = ism_map(ism, NULL, 2 * ISM_PAGE, &ism->shared);
	if (ret)
		return ret;
	ism->sba = ism->shared->mem;
	ism->ieq = (void *)((char *)ism->shared->mem + ISM_PAGE);
	ism->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (ism->epfd < 0)
		return ism_fail(ism, errno, "no epoll: %s", strerror(errno));
	for (int i = 0; i < ISM_IRQS && !ret; i++)
		ret = add_irq(ism, (enum ism_irq)i);
	return ret;
}

/**
 * ism_events_close() - undo ism_events_open()
 * @ism: handle with a transport
 */
void ism_events_close(struct ism *ism)
{
	for (int i = 0; i < ISM_IRQS; i++) {
		if (ism->efd[i] < 0)
			continue;
		ism->transport->set_irq(ism, (enum ism_irq)i, -1);
		close(ism->efd[i]);
		ism->efd[i] = -1;
	}
	if (ism->epfd >= 0)
		close(ism->epfd);
	ism->epfd = -1;
	if (ism->shared)
		ism_unmap(ism, ism->shared);
	ism->shared = NULL;
	ism->sba = NULL;
	ism->ieq = NULL;
}

static void forget(struct ism *ism)
{
	memset(ism->signals, 0, sizeof(ism->signals));
	ism->nr_signals = 0;
	ism->queue_len = 0;
	ism->queue_head = 0;
	ism->pending = 0;
	ism->ieq_idx = -1;
	memset(ism->shared->mem, 0, ism->shared->len);
}

/**
 * ism_events_register() - register empty status bits and event queue
 * @ism: handle whose function was just opened or reset
 *
 * Return: 0 or a negative errno.
 */
int ism_events_register(struct ism *ism)
{
	int ret;

	pthread_mutex_lock(&ism->lock);
	forget(ism);
	pthread_mutex_unlock(&ism->lock);
	ret = ism_cmd_reg_sba(ism, ism->shared->iova);
	if (!ret)
		ret = ism_cmd_reg_ieq(ism, ism->shared->iova + ISM_PAGE,
				      ISM_IEQ_LEN);
	return ret;
}

/**
 * ism_events_unregister() - undo ism_events_register()
 * @ism: handle with a transport
 *
 * An error does not matter: the function is about to be reset.
 */
void ism_events_unregister(struct ism *ism)
{
	if (!ism->shared)
		return;
	ism_cmd_unreg_ieq(ism);
	ism_cmd_unreg_sba(ism);
}

/* Taking what the device set; all under the handle's lock */

static void take_signal(struct ism *ism, unsigned int idx)
{
	struct ism_signals *s = &ism->signals[idx];
	uint16_t mask;

	mask = __atomic_exchange_n(&ism->sba->dmbe_mask[idx], 0,
				   __ATOMIC_SEQ_CST);
	if (!ism->dmbs[idx])
		return;
	if (!s->set)
		ism->nr_signals++;
	s->set = true;
	s->mask |= be16toh(mask);
}

static void take_signals(struct ism *ism)
{
	for (unsigned int w = 0; w < ARRAY_SIZE(ism->sba->dmb_bits); w++) {
		uint32_t *word = &ism->sba->dmb_bits[w];
		uint32_t bits;

		if (!__atomic_load_n(word, __ATOMIC_SEQ_CST))
			continue;
		bits = be32toh(__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST));
		for (unsigned int i = 0; bits; i++, bits <<= 1)
			if (bits & 0x80000000u)
				take_signal(ism, w * 32 + i);
	}
}

static void queue_entry(struct ism *ism, const struct ism_ieq_entry *e)
{
	unsigned int at = (ism->queue_head + ism->queue_len) % ISM_QUEUE;

	ism->queue[at] = (struct ism_event) {
		.kind = ISM_EVENT_IEQ,
		.type = be32toh(e->type),
		.code = be32toh(e->code),
		.tok = be64toh(e->tok),
		.time = be64toh(e->time),
		.info = be64toh(e->info),
	};
	ism->queue_len++;
}

/*
 * The producer's index runs 1 to 15 and then 1 again. Anything else means that
 * there was no event yet. What does not fit into our queue stays in the
 * device's.
 */
static bool ieq_pending(struct ism *ism)
{
	uint64_t idx = be64toh(__atomic_load_n(&ism->ieq->idx,
					       __ATOMIC_ACQUIRE));

	return idx >= 1 && idx <= IEQ_ENTRIES &&
	       (int)idx != ism->ieq_idx + 1 &&
	       ism->queue_len < ISM_QUEUE;
}

static void take_entries(struct ism *ism)
{
	for (int n = 0; n < IEQ_ENTRIES && ieq_pending(ism); n++) {
		ism->ieq_idx = (ism->ieq_idx + 1) % IEQ_ENTRIES;
		queue_entry(ism, &ism->ieq->entry[ism->ieq_idx]);
	}
}

static void collect(struct ism *ism)
{
	uint32_t *flags = &ism->sba->flags;

	__atomic_fetch_and(flags, htobe32(~SBA_SUMMARY), __ATOMIC_SEQ_CST);
	take_signals(ism);
	__atomic_fetch_and(flags, htobe32(~SBA_EVENT), __ATOMIC_SEQ_CST);
	take_entries(ism);
}

/* Giving it to the caller */

static bool give_signal(struct ism *ism, struct ism_event *ev)
{
	struct ism_signals *s;
	unsigned int i = ism->next_signal;

	if (!ism->nr_signals)
		return false;
	do {
		i = (i + 1) % ISM_DMB_END;
		s = &ism->signals[i];
	} while (!s->set);
	ism->next_signal = i;
	ism->nr_signals--;
	*ev = (struct ism_event) {
		.kind = ISM_EVENT_SIGNAL,
		.dmb = ism->dmbs[i],
		.mask = s->mask,
	};
	s->set = false;
	s->mask = 0;
	return true;
}

static bool give_entry(struct ism *ism, struct ism_event *ev)
{
	if (!ism->queue_len)
		return false;
	*ev = ism->queue[ism->queue_head];
	ism->queue_head = (ism->queue_head + 1) % ISM_QUEUE;
	ism->queue_len--;
	return true;
}

static bool give_pending(struct ism *ism, struct ism_event *ev)
{
	unsigned int err = 1u << ISM_IRQ_ERR;
	unsigned int bit = (ism->pending & err) ? err : ism->pending;

	if (!bit)
		return false;
	ism->pending &= ~bit;
	*ev = (struct ism_event) {
		.kind = bit == err ? ISM_EVENT_ERROR : ISM_EVENT_REQUEST,
	};
	return true;
}

static bool have_events(const struct ism *ism)
{
	return ism->pending || ism->nr_signals || ism->queue_len;
}

/* Reset the eventfds before looking: what comes later makes them ready again */
static void read_irqs(struct ism *ism)
{
	for (int i = 0; i < ISM_IRQS; i++) {
		uint64_t n;

		if (read(ism->efd[i], &n, sizeof(n)) != sizeof(n))
			continue;
		if (i == ISM_IRQ_MSI)
			ism_count(&ism->stats.interrupts, n);
		else
			ism->pending |= 1u << i;
	}
}

/**
 * ism_next_event() - take an event without waiting
 * @ism: open handle
 * @ev: filled in
 *
 * Signals of one DMB that arrive close together become one event, with all
 * their bits in the mask: look at the memory for what happened. Call this until
 * it returns 0 before waiting for ism_fd() with a poll() of your own.
 *
 * Return: 1 with an event, 0 without.
 */
int ism_next_event(struct ism *ism, struct ism_event *ev)
{
	bool found;

	pthread_mutex_lock(&ism->lock);
	if (!have_events(ism)) {
		read_irqs(ism);
		collect(ism);
	}
	found = give_pending(ism, ev) || give_signal(ism, ev) ||
		give_entry(ism, ev);
	pthread_mutex_unlock(&ism->lock);
	return found;
}

/**
 * ism_fd() - a file descriptor to poll for events
 * @ism: open handle; keeps the descriptor
 *
 * Readable (POLLIN) when there may be events to take with ism_next_event(),
 * which also makes it unreadable again: do not read it yourself.
 *
 * Return: file descriptor, -1 while the handle is not open.
 */
int ism_fd(const struct ism *ism)
{
	return ism->epfd;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool look(struct ism *ism)
{
	bool found;

	pthread_mutex_lock(&ism->lock);
	read_irqs(ism);
	collect(ism);
	found = have_events(ism);
	pthread_mutex_unlock(&ism->lock);
	return found;
}

/**
 * ism_wait() - wait until there are events
 * @ism: open handle; one thread at a time
 * @timeout_ms: milliseconds, 0 to look only, negative to wait for ever
 *
 * Return: 1 when ism_next_event() has something, 0 after the timeout, -EINTR
 * when a signal handler ran, or another negative errno.
 */
int ism_wait(struct ism *ism, int timeout_ms)
{
	struct pollfd pfd = { .fd = ism->epfd, .events = POLLIN };
	int64_t end = now_ms() + timeout_ms;

	while (!look(ism)) {
		int64_t left = timeout_ms < 0 ? -1 : end - now_ms();

		if (timeout_ms >= 0 && left <= 0)
			return 0;
		if (poll(&pfd, 1, (int)left) < 0)
			return ism_fail(ism, errno, "waiting for events: %s",
					strerror(errno));
	}
	return 1;
}
