// SPDX-License-Identifier: MIT
/*
 * Operations on a function, as they are
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fuzz.h"

#define CONFIG		((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << SHIFT)
#define WINDOW		((uint64_t)VFIO_PCI_BAR2_REGION_INDEX << SHIFT)
#define UNTOUCHED	0xee

enum { EFD_MSI, EFD_REQ };

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
	unsigned int n = 0;

	for (unsigned int i = 0; i < op->nr_segments; i++) {
		uint8_t *p = place(t, op, i);

		for (unsigned int j = 0; j < op->segment[i].good; j++)
			p[j] = op->kind == OP_READ ? UNTOUCHED :
			       op_byte(op, n + j);
		n += op->segment[i].len;
	}
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
		if (op->segment[i].good < op->segment[i].len)
			continue;
		for (; n < op->segment[i].good; n++)
			if (p[n] != UNTOUCHED)
				o->ret = -ENOTRECOVERABLE;
	}
}

static void transfer(const struct target *t, const struct op *op,
		     struct outcome *o)
{
	struct iovec iov[SEGMENTS];
	unsigned int n = op->nr_segments;
	bool in = op->kind == OP_READ;
	off_t pos = (off_t)op->pos;

	fill(t, op);
	for (unsigned int i = 0; i < n; i++)
		iov[i] = (struct iovec) { place(t, op, i), op->segment[i].len };
	if (op->vector)
		o->ret = in ? preadv(t->fd, iov, n, pos) :
			 pwritev(t->fd, iov, n, pos);
	else
		o->ret = in ? pread(t->fd, iov->iov_base, iov->iov_len, pos) :
			 pwrite(t->fd, iov->iov_base, iov->iov_len, pos);
	o->ret = or_errno(o->ret);
	if (in && o->ret >= 0)
		collect(t, op, o);
}

/* ---- the others ------------------------------------------------------------ */

static void region_info(const struct target *t, const struct op *op,
			struct outcome *o)
{
	struct vfio_region_info info = {
		.argsz = op->argsz,
		.index = op->index,
	};

	o->ret = or_errno(ioctl(t->fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	if (!o->ret) {
		o->len = sizeof(info);
		memcpy(o->data, &info, sizeof(info));
	}
}

static uint64_t counted(int efd)
{
	uint64_t n;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static long set_irqs(const struct target *t, const struct op *op)
{
	union {
		struct vfio_irq_set set;
		uint8_t bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} u = {
		.set = {
			.argsz = sizeof(u.bytes),
			.flags = op->flags,
			.index = op->index,
			.start = op->start,
			.count = op->count,
		},
	};
	int32_t efd = t->efd[op->index == VFIO_PCI_REQ_IRQ_INDEX ? EFD_REQ : EFD_MSI];
	uint8_t *data = u.bytes + offsetof(struct vfio_irq_set, data);

	*data = op->data;
	if (op->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		if (op->data == -1)
			efd = -1;
		memcpy(data, &efd, sizeof(efd));
	}
	return or_errno(ioctl(t->fd, VFIO_DEVICE_SET_IRQS, &u));
}

static long map(const struct target *t, const struct op *op)
{
	void *p = mmap(NULL, ISM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd,
		       (off_t)op->pos);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, ISM_PAGE);
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

static long other_ioctl(const struct target *t, const struct op *op)
{
	struct vfio_device_ioeventfd io = {
		.argsz = sizeof(io),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = WINDOW,
		.fd = t->efd[EFD_MSI],
	};

	return or_errno(ioctl(t->fd, op->request, &io));
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
	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		transfer(t, op, o);
		break;
	case OP_REGION_INFO:
		region_info(t, op, o);
		break;
	case OP_IRQ:
		o->ret = set_irqs(t, op);
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
	o->msi = counted(t->efd[EFD_MSI]);
	o->req = counted(t->efd[EFD_REQ]);
}

/* ---- from the start of a run to its end ------------------------------------ */

static void drop_irq(const struct target *t, unsigned int index)
{
	const struct op op = {
		.index = index,
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
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
	return be16toh(__atomic_exchange_n(&t->peer->sba->dmbe_mask[t->dmb->idx],
					   0, __ATOMIC_SEQ_CST));
}

/**
 * target_settle() - bring a function to where every episode starts
 * @t: the function
 *
 * Return: 0, or -1 when it cannot be brought there.
 */
int target_settle(struct target *t)
{
	uint16_t cmd = htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	uint8_t line = 0;

	drop_irq(t, VFIO_PCI_MSI_IRQ_INDEX);
	drop_irq(t, VFIO_PCI_REQ_IRQ_INDEX);
	counted(t->efd[EFD_MSI]);
	counted(t->efd[EFD_REQ]);
	if (pwrite(t->fd, &cmd, 2, CONFIG + PCI_COMMAND) != 2 ||
	    pwrite(t->fd, &line, 1, CONFIG + PCI_INTERRUPT_LINE) != 1 ||
	    !clear_window(t))
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
	t->efd[EFD_MSI] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->efd[EFD_REQ] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return t->efd[EFD_MSI] < 0 || t->efd[EFD_REQ] < 0 ? -1 : 0;
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

/* Whatever is in config space now stays there, but for these */
static int learn(struct target *t)
{
	struct vfio_irq_info info = { .argsz = sizeof(info) };
	struct model *m = &t->model;

	for (info.index = 0; info.index < VFIO_PCI_NUM_IRQS; info.index++)
		if (!ioctl(t->fd, VFIO_DEVICE_GET_IRQ_INFO, &info))
			m->irq_count[info.index] = info.count;
	m->maxstbl = ism_maxstbl(t->ism);
	m->gid = ism_gid(t->ism);
	m->tok = t->dmb->tok;
	memset(m->config_known, 0xff, CONFIG_LEN);
	memset(m->config_known + PCI_COMMAND, 0, 4);
	m->config_known[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	m->config_writable[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	m->config_writable[PCI_INTERRUPT_LINE] = 0xff;
	return pread(t->fd, m->config, CONFIG_LEN, CONFIG) == CONFIG_LEN ? 0 : -1;
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
 * @peer: an open function that the DMB will be of
 *
 * Return: 0, or -1 after a message.
 */
int target_open(struct target *t, const char *name, struct ism *peer)
{
	t->name = name;
	t->peer = peer;
	t->ism = ism_new();
	if (!t->ism)
		return failed("out of memory", NULL);
	if (ism_open(t->ism, name, ISM_IOMMU_AUTO))
		return failed(NULL, t->ism);
	if (ism_dmb_alloc(peer, DMB_LEN, ism_gid(t->ism), ISM_NO_VLAN, &t->dmb))
		return failed(NULL, peer);
	t->fd = ism_device_fd(t->ism);
	if (open_memory(t))
		return failed("no user memory or eventfd", NULL);
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
	trace_close(&t->trace);
	ism_free(t->ism);
}
