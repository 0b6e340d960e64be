// SPDX-License-Identifier: MIT
/*
 * Operations on a function, as they are
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fuzz.h"

#define SBA_MASKS	256	/* where the status bits have the masks of the DMBs */
#define CONFIG		((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << SHIFT)
#define WINDOW		((uint64_t)VFIO_PCI_BAR2_REGION_INDEX << SHIFT)
#define UNTOUCHED	0xee

static long or_errno(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* ---- reads and writes ----------------------------------------------------- */

/* A segment ends where user memory does, or that much before its end */
static uint8_t *place(const struct target *t, const struct op *op, unsigned int i)
{
	return t->room + i * (ROOM + ISM_PAGE) + ROOM - op->segment[i].good;
}

static void fill(const struct target *t, const struct op *op)
{
	for (unsigned int i = 0; i < op->nr_segments; i++) {
		if (op->kind == OP_READ)
			memset(place(t, op, i), UNTOUCHED, op->segment[i].good);
		else
			op_bytes(op, i, 0, place(t, op, i), op->segment[i].good);
	}
}

static bool is_untouched(const uint8_t *p, size_t n)
{
	return !n || (*p == UNTOUCHED && !memcmp(p, p + 1, n - 1));
}

/* What was read; and nothing may be written behind it */
static void collect(const struct target *t, const struct op *op,
		    struct outcome *o)
{
	size_t left = o->ret;

	for (unsigned int i = 0; i < op->nr_segments; i++) {
		const uint8_t *p = place(t, op, i);
		size_t n = op->segment[i].len;

		if (n > left)
			n = left;
		left -= n;
		memcpy(o->data + o->len, p, n);
		o->len += n;
		/* of one that ends too early the start may be there */
		if (op->segment[i].good == op->segment[i].len &&
		    !is_untouched(p + n, op->segment[i].good - n))
			o->ret = -ENOTRECOVERABLE;
	}
}

static long through_ring(struct target *t, const struct op *op,
			 const struct iovec *iov)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&t->ring);
	bool in = op->kind == OP_READ;
	struct io_uring_cqe *cqe;
	long ret;

	if (op->how == HOW_URING && in)
		io_uring_prep_read(sqe, t->fd, iov->iov_base, iov->iov_len, op->pos);
	else if (op->how == HOW_URING)
		io_uring_prep_write(sqe, t->fd, iov->iov_base, iov->iov_len, op->pos);
	else if (in)
		io_uring_prep_readv(sqe, t->fd, iov, op->nr_segments, op->pos);
	else
		io_uring_prep_writev(sqe, t->fd, iov, op->nr_segments, op->pos);
	ret = io_uring_submit(&t->ring);
	if (ret != 1)
		return ret < 0 ? ret : -EAGAIN;
	do
		ret = io_uring_wait_cqe(&t->ring, &cqe);
	while (ret == -EINTR);
	if (ret)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(&t->ring, cqe);
	return ret;
}

static long by_system_call(struct target *t, const struct op *op,
			   const struct iovec *iov)
{
	bool in = op->kind == OP_READ;
	unsigned int n = op->nr_segments;
	off_t pos = (off_t)op->pos;

	switch (op->how) {
	case HOW_AT_VECTOR:
		return in ? preadv(t->fd, iov, n, pos) : pwritev(t->fd, iov, n, pos);
	case HOW_FLAGS:
		return in ? preadv2(t->fd, iov, n, pos, op->flags) :
		       pwritev2(t->fd, iov, n, pos, op->flags);
	case HOW_HERE:
		return in ? read(t->fd, iov->iov_base, iov->iov_len) :
		       write(t->fd, iov->iov_base, iov->iov_len);
	case HOW_HERE_VECTOR:
		return in ? readv(t->fd, iov, n) : writev(t->fd, iov, n);
	default:
		return in ? pread(t->fd, iov->iov_base, iov->iov_len, pos) :
		       pwrite(t->fd, iov->iov_base, iov->iov_len, pos);
	}
}

static void transfer(struct target *t, const struct op *op, struct outcome *o)
{
	struct iovec iov[SEGMENTS];

	fill(t, op);
	for (unsigned int i = 0; i < op->nr_segments; i++)
		iov[i] = (struct iovec) { place(t, op, i), op->segment[i].len };
	if (op->how == HOW_URING || op->how == HOW_URING_VECTOR)
		o->ret = through_ring(t, op, iov);
	else
		o->ret = or_errno(by_system_call(t, op, iov));
	if (op->kind == OP_READ && o->ret >= 0)
		collect(t, op, o);
}

static long do_splice(const struct target *t, const struct op *op)
{
	loff_t pos = (loff_t)op->pos;

	switch (op->index) {
	case 0:
		return splice(t->fd, &pos, t->pipe[1], NULL, op->count, 0);
	case 1:
		return splice(t->pipe[0], NULL, t->fd, &pos, op->count, 0);
	default:
		return splice(t->pipe[0], NULL, t->fd, NULL, op->count,
			      SPLICE_F_MOVE);
	}
}

/* ---- the others ------------------------------------------------------------ */

/* An ioctl that fills in a struct */
static void get(const struct target *t, unsigned long request, void *arg,
		size_t len, struct outcome *o)
{
	o->ret = or_errno(ioctl(t->fd, request, arg));
	if (!o->ret) {
		o->len = len;
		memcpy(o->data, arg, len);
	}
}

static void info(const struct target *t, const struct op *op, struct outcome *o)
{
	union {
		struct vfio_device_info info;
		uint8_t room[ISM_PAGE];
	} u = { .info = { .argsz = op->argsz } };

	get(t, VFIO_DEVICE_GET_INFO, &u, sizeof(u.info), o);
}

static void region_info(const struct target *t, const struct op *op,
			struct outcome *o)
{
	struct vfio_region_info info = {
		.argsz = op->argsz,
		.index = op->index,
	};

	get(t, VFIO_DEVICE_GET_REGION_INFO, &info, sizeof(info), o);
}

static void irq_info(const struct target *t, const struct op *op,
		     struct outcome *o)
{
	struct vfio_irq_info info = {
		.argsz = op->argsz,
		.index = op->index,
	};

	get(t, VFIO_DEVICE_GET_IRQ_INFO, &info, sizeof(info), o);
}

static uint64_t counted(int efd)
{
	uint64_t n;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static int32_t eventfd_of(const struct target *t, const struct op *op)
{
	static const unsigned int efds[] = {
		[VFIO_PCI_MSI_IRQ_INDEX] = EFD_MSI,
		[VFIO_PCI_ERR_IRQ_INDEX] = EFD_ERR,
		[VFIO_PCI_REQ_IRQ_INDEX] = EFD_REQ,
	};

	switch (op->data) {
	case DATA_EVENTFD:
		return t->efd[op->index < ARRAY_SIZE(efds) ? efds[op->index] : EFD_MSI];
	case DATA_OTHER_FILE:
	case DATA_ZERO:
		return t->null;
	case DATA_CLOSED_FILE:
		return INT32_MAX;
	default:
		return op->data;
	}
}

static long set_irqs(const struct target *t, const struct op *op)
{
	union {
		struct vfio_irq_set set;
		uint8_t bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} u = {
		.set = {
			.argsz = op->argsz,
			.flags = op->flags,
			.index = op->index,
			.start = op->start,
			.count = op->count,
		},
	};
	uint8_t *data = u.bytes + offsetof(struct vfio_irq_set, data);
	int32_t efd = eventfd_of(t, op);

	*data = op->data;
	if (op->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(data, &efd, sizeof(efd));
	return or_errno(ioctl(t->fd, VFIO_DEVICE_SET_IRQS, &u));
}

static long map(const struct target *t, const struct op *op)
{
	void *p = mmap(NULL, op->count, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd,
		       (off_t)op->pos);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, op->count);
	return 0;
}

static long feature(const struct target *t, const struct op *op)
{
	struct vfio_device_feature feature = {
		.argsz = op->argsz,
		.flags = op->flags,
	};

	return or_errno(ioctl(t->fd, VFIO_DEVICE_FEATURE, &feature));
}

/* With a good argument for an eventfd, and zeroes for all others */
static long other_ioctl(const struct target *t, const struct op *op)
{
	union {
		struct vfio_device_ioeventfd io;
		uint8_t room[ISM_PAGE];
	} u = { .room = { 0 } };

	if (op->request == VFIO_DEVICE_IOEVENTFD)
		u.io = (struct vfio_device_ioeventfd) {
			.argsz = sizeof(u.io),
			.flags = VFIO_DEVICE_IOEVENTFD_32,
			.offset = WINDOW,
			.fd = t->efd[EFD_MSI],
		};
	return or_errno(ioctl(t->fd, op->request,
			      op->nowhere ? (void *)(t->room + ROOM) : &u));
}

/**
 * op_perform() - do it
 * @t: on this function
 * @op: the operation
 * @o: what came of it
 */
void op_perform(struct target *t, const struct op *op, struct outcome *o)
{
	o->len = 0;
	memset(o->signalled, 0, sizeof(o->signalled));
	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		transfer(t, op, o);
		break;
	case OP_SPLICE:
		o->ret = or_errno(do_splice(t, op));
		break;
	case OP_INFO:
		info(t, op, o);
		break;
	case OP_REGION_INFO:
		region_info(t, op, o);
		break;
	case OP_IRQ_INFO:
		irq_info(t, op, o);
		break;
	case OP_IRQ:
		o->ret = set_irqs(t, op);
		for (int i = 0; i < EFDS; i++)
			o->signalled[i] = counted(t->efd[i]);
		break;
	case OP_RESET:
		o->ret = or_errno(ioctl(t->fd, VFIO_DEVICE_RESET));
		break;
	case OP_MMAP:
		o->ret = map(t, op);
		break;
	case OP_FEATURE:
		o->ret = feature(t, op);
		break;
	default:
		o->ret = other_ioctl(t, op);
	}
}

/* ---- from the start of a run to its end ------------------------------------ */

static void drop_irq(const struct target *t, unsigned int index)
{
	const struct op op = {
		.index = index,
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.argsz = sizeof(struct vfio_irq_set),
	};

	set_irqs(t, &op);	/* there may be none */
}

/* Not at once from 0 on: that would be a command */
static bool clear_window(const struct target *t)
{
	static const uint8_t zeroes[ISM_PAGE];
	unsigned int len = 7, at;

	for (at = 0; at < ISM_PAGE; at += len, len = t->model.maxstbl) {
		if (len > ISM_PAGE - at)
			len = ISM_PAGE - at;
		if (pwrite(t->fd, zeroes, len, WINDOW + at) != len)
			return false;
	}
	return true;
}

/**
 * target_signals() - signals of the DMB since the last time
 * @t: the function that set them
 *
 * Return: as in the receiver's mask.
 */
uint16_t target_signals(const struct target *t)
{
	uint16_t *mask = (uint16_t *)(t->sba + SBA_MASKS) + t->dmb->idx;

	return be16toh(__atomic_exchange_n(mask, 0, __ATOMIC_SEQ_CST));
}

/**
 * target_is_quiet() - no interrupt but those of the operations
 * @t: the function
 *
 * Return: whether it was so since the last one.
 */
bool target_is_quiet(const struct target *t)
{
	struct pollfd polled[EFDS];

	for (int i = 0; i < EFDS; i++)
		polled[i] = (struct pollfd) { .fd = t->efd[i], .events = POLLIN };
	return !poll(polled, EFDS, 0);
}

/* System calls are what an emulated machine is slowest at: none in vain */
static void drop_irqs(const struct target *t, bool all)
{
	const struct model *m = &t->model;

	if (all || m->msi_on)
		drop_irq(t, VFIO_PCI_MSI_IRQ_INDEX);
	if (all || m->armed[EFD_ERR])
		drop_irq(t, VFIO_PCI_ERR_IRQ_INDEX);
	if (all || m->armed[EFD_REQ])
		drop_irq(t, VFIO_PCI_REQ_IRQ_INDEX);
	for (int i = 0; all && i < EFDS; i++)
		counted(t->efd[i]);
}

/* What was written, or all when it is not known what was */
static bool restore_config(const struct target *t, bool all)
{
	const struct model *m = &t->model;

	for (unsigned int i = 0; i < CONFIG_LEN; i += 4)
		if ((all || memcmp(m->config + i, m->config_first + i, 4)) &&
		    pwrite(t->fd, m->config_first + i, 4, CONFIG + i) != 4)
			return false;
	return true;
}

/**
 * target_settle() - bring a function to where every episode starts
 * @t: the function
 * @all: whatever state it is in, be it as the oracle has it or not
 *
 * Return: 0, or -1 when it cannot be brought there.
 */
int target_settle(struct target *t, bool all)
{
	drop_irqs(t, all);
	if (!restore_config(t, all) || !clear_window(t))
		return -1;
	memset(t->dmb->mem, 0, DMB_LEN);
	target_signals(t);
	trace_clear(&t->trace);
	oracle_settle(&t->model);
	return 0;
}

static int open_memory(struct target *t)
{
	const size_t stride = ROOM + ISM_PAGE;

	t->room = mmap(NULL, SEGMENTS * stride, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->room == MAP_FAILED)
		return -1;
	for (unsigned int i = 0; i < SEGMENTS; i++)
		if (mprotect(t->room + i * stride + ROOM, ISM_PAGE, PROT_NONE))
			return -1;
	return 0;
}

static int open_files(struct target *t)
{
	static const uint8_t bytes[64];

	for (int i = 0; i < EFDS; i++) {
		t->efd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (t->efd[i] < 0)
			return -1;
	}
	t->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (t->null < 0 || pipe2(t->pipe, O_CLOEXEC | O_NONBLOCK) ||
	    write(t->pipe[1], bytes, sizeof(bytes)) != sizeof(bytes))
		return -1;
	return io_uring_queue_init(1, &t->ring, 0);
}

static int open_trace(struct target *t)
{
	char path[128], filter[64], instance[32];
	unsigned int fid;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/function_id",
		 t->name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fscanf(f, "%x", &fid);
	fclose(f);
	if (n != 1)
		return -1;
	snprintf(filter, sizeof(filter), "fid == %u", fid);
	snprintf(instance, sizeof(instance), "fuzz-%x", fid);
	return trace_open(&t->trace, instance, filter);
}

/* Whatever is in config space now stays there until it is written */
static int learn(struct target *t)
{
	const uint16_t cmd = htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	struct vfio_irq_info irq = {
		.argsz = sizeof(irq),
		.index = VFIO_PCI_ERR_IRQ_INDEX,
	};
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct model *m = &t->model;

	drop_irqs(t, true);	/* libism has set up some */
	if (ioctl(t->fd, VFIO_DEVICE_GET_INFO, &info))
		return -1;
	m->info_argsz = info.argsz;
	m->has_err = !ioctl(t->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq);
	m->maxstbl = ism_maxstbl(t->ism);
	m->gid = ism_gid(t->ism);
	m->tok = t->dmb->tok;
	config_init(m);
	if (pwrite(t->fd, &cmd, 2, CONFIG + PCI_COMMAND) != 2 ||
	    pread(t->fd, m->config_first, CONFIG_LEN, CONFIG) != CONFIG_LEN)
		return -1;
	memcpy(m->config, m->config_first, CONFIG_LEN);
	return 0;
}

static int failed(const char *what, struct ism *ism)
{
	fprintf(stderr, "fuzz: %s\n", what ? what : ism_strerror(ism));
	return -1;
}

/**
 * target_open() - open a function, and make it a DMB
 * @t: filled in
 * @name: its PCI name
 * @iommu: interface of vfio to open it by
 * @peer: an open function that the DMB will be of
 * @sba: its status bits, of peer_sba()
 *
 * Return: 0, or -1 after a message.
 */
int target_open(struct target *t, const char *name, enum ism_iommu iommu,
		struct ism *peer, uint8_t *sba)
{
	t->name = name;
	t->sba = sba;
	t->ism = ism_new();
	if (!t->ism)
		return failed("out of memory", NULL);
	if (ism_open(t->ism, name, iommu))
		return failed(NULL, t->ism);
	if (ism_dmb_alloc(peer, DMB_LEN, ism_gid(t->ism), ISM_NO_VLAN, &t->dmb))
		return failed(NULL, peer);
	t->fd = ism_device_fd(t->ism);
	if (open_memory(t) || open_files(t))
		return failed("no user memory, eventfd, pipe or io_uring", NULL);
	if (open_trace(t))
		return failed("no trace events; is tracefs mounted on " TRACEFS "?",
			      NULL);
	if (learn(t))
		return failed("config space cannot be read", NULL);
	return 0;
}

/**
 * target_close() - give a function back
 * @t: the function
 */
void target_close(struct target *t)
{
	io_uring_queue_exit(&t->ring);
	trace_close(&t->trace);
	ism_free(t->ism);
}
