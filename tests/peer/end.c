// SPDX-License-Identifier: MIT
/*
 * The kernel's end and libism's end
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dibs_user.h"
#include "end.h"

/* The kernel's ism driver, by way of dibs_user */

static int call(struct end *e, unsigned long cmd, void *arg)
{
	return ioctl(e->fd, cmd, arg) ? -errno : 0;
}

static int kernel_open(struct end *e)
{
	e->fd = open(e->name, O_RDWR | O_CLOEXEC);
	if (e->fd < 0)
		return -errno;
	e->copy = malloc(ISM_DMB_MAX);
	return e->copy ? call(e, DIBS_USER_GID, &e->gid) : -ENOMEM;
}

static void kernel_close(struct end *e)
{
	if (e->fd > 0)
		close(e->fd);
	free(e->copy);
	e->fd = -1;
	e->copy = NULL;
}

static int kernel_reg(struct end *e, uint64_t rgid, size_t len)
{
	struct dibs_user_dmb dmb = { .rgid = rgid, .len = len };
	int ret;

	ret = call(e, DIBS_USER_REG, &dmb);
	e->tok = dmb.tok;
	return ret;
}

static int kernel_unreg(struct end *e)
{
	return call(e, DIBS_USER_UNREG, NULL);
}

static int kernel_move(struct end *e, uint64_t tok, uint32_t offset,
		       const void *data, size_t len, int signal)
{
	struct dibs_user_data d = {
		.data = (uintptr_t)data,
		.tok = tok,
		.offset = offset,
		.len = len,
		.signal = signal,
	};

	return call(e, DIBS_USER_MOVE, &d);
}

static const void *kernel_look(struct end *e, uint32_t offset, size_t len)
{
	struct dibs_user_data d = {
		.data = (uintptr_t)e->copy,
		.offset = offset,
		.len = len,
	};

	return call(e, DIBS_USER_LOOK, &d) ? NULL : e->copy;
}

static int kernel_send(struct end *e, uint64_t rgid, bool irq, uint32_t code,
		       uint64_t info)
{
	struct dibs_user_send send = {
		.rgid = rgid,
		.info = info,
		.code = code,
		.irq = irq,
	};

	return call(e, DIBS_USER_SEND, &send);
}

/* dibs has numbers of its own for what the device says */
static uint32_t device_code(uint32_t code)
{
	switch (code) {
	case DIBS_USER_UNREGISTERED:
		return ISM_BUF_DMB_UNREGISTERED;
	case DIBS_USER_DISABLED:
		return ISM_DEV_GID_DISABLED;
	case DIBS_USER_ERR_STATE:
		return ISM_DEV_GID_ERR_STATE;
	default:
		return UINT32_MAX;
	}
}

static void translate(const struct dibs_user_event *from, struct ism_event *ev)
{
	*ev = (struct ism_event) {
		.kind = ISM_EVENT_IEQ,
		.type = from->kind,
		.code = device_code(from->code),
		.tok = from->gid,
		.info = from->info,
	};
	switch (from->kind) {
	case DIBS_USER_SIGNAL:
		ev->kind = ISM_EVENT_SIGNAL;
		ev->mask = from->code;
		break;
	case DIBS_USER_BUF:
		ev->tok = from->tok;
		break;
	case DIBS_USER_SW:
		ev->code = from->code;
		break;
	}
}

static int kernel_next(struct end *e, struct ism_event *ev, int timeout_ms)
{
	struct pollfd pfd = { .fd = e->fd, .events = POLLIN };
	struct dibs_user_event from;
	int ready;

	ready = poll(&pfd, 1, timeout_ms);
	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	if (read(e->fd, &from, sizeof(from)) != sizeof(from))
		return -errno;
	translate(&from, ev);
	return 0;
}

const struct end_ops end_kernel = {
	.open = kernel_open,
	.close = kernel_close,
	.reg = kernel_reg,
	.unreg = kernel_unreg,
	.move = kernel_move,
	.look = kernel_look,
	.send = kernel_send,
	.next = kernel_next,
};

/* Our driver, by way of libism */

static int libism_open(struct end *e)
{
	int ret;

	e->ism = ism_new();
	if (!e->ism)
		return -ENOMEM;
	ret = ism_open(e->ism, e->name, ISM_IOMMU_AUTO);
	e->gid = ism_gid(e->ism);
	return ret;
}

static void libism_close(struct end *e)
{
	ism_free(e->ism);
	e->ism = NULL;
	e->dmb = NULL;
}

static int libism_reg(struct end *e, uint64_t rgid, size_t len)
{
	int ret;

	ret = ism_dmb_alloc(e->ism, len, rgid, ISM_NO_VLAN, &e->dmb);
	if (!ret)
		e->tok = e->dmb->tok;
	return ret;
}

static int libism_unreg(struct end *e)
{
	struct ism_dmb *dmb = e->dmb;

	e->dmb = NULL;
	return dmb ? ism_dmb_free(dmb) : -ENOENT;
}

static int libism_move(struct end *e, uint64_t tok, uint32_t offset,
		       const void *data, size_t len, int signal)
{
	return ism_move(e->ism, tok, offset, data, len, signal);
}

static const void *libism_look(struct end *e, uint32_t offset, size_t len)
{
	if (!e->dmb || offset + len > e->dmb->len)
		return NULL;
	return (char *)e->dmb->mem + offset;
}

static int libism_send(struct end *e, uint64_t rgid, bool irq, uint32_t code,
		       uint64_t info)
{
	return ism_cmd_signal_ieq(e->ism, rgid, irq, code, info);
}

static int libism_next(struct end *e, struct ism_event *ev, int timeout_ms)
{
	int ret = ism_wait(e->ism, timeout_ms);

	if (ret <= 0)
		return ret ? ret : -ETIMEDOUT;
	return ism_next_event(e->ism, ev) ? 0 : -EAGAIN;
}

const struct end_ops end_libism = {
	.open = libism_open,
	.close = libism_close,
	.reg = libism_reg,
	.unreg = libism_unreg,
	.move = libism_move,
	.look = libism_look,
	.send = libism_send,
	.next = libism_next,
};
