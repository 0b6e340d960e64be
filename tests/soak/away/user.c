// SPDX-License-Identifier: MIT
/*
 * A process that uses a function until it is asked to go
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "part.h"
#include "user.h"

#define SCRATCH		0x100		/* in BAR2, behind any command */
#define REACTION_US	30000

/* What a process needs of a function besides its file */
struct offsets {
	uint64_t dmb;
	uint64_t scratch;
	int fd;
};

static struct offsets a;
static struct user *self;

static void fail(const char *what, const char *why)
{
	snprintf(self->shared->why, sizeof(self->shared->why), "%s: %s", what,
		 why);
	_exit(1);
}

static void done(const char *what, bool well)
{
	if (well) {
		__atomic_add_fetch(&self->shared->accesses, 1, __ATOMIC_RELAXED);
		return;
	}
	if (__atomic_load_n(&self->shared->leaving, __ATOMIC_ACQUIRE))
		return;
	self->shared->failed++;
	snprintf(self->shared->why, sizeof(self->shared->why), "%s: %s", what,
		 strerror(errno));
}

static void *store_on(void *arg)
{
	uint8_t data[ISM_PAGE];

	(void)arg;
	part_fill(data, sizeof(data));
	for (;;) {
		size_t len = 1 + part_chance(sizeof(data));

		done("a store", pwrite(a.fd, data, len, (off_t)a.dmb) ==
				(ssize_t)len);
	}
	return NULL;
}

static void *load_on(void *arg)
{
	uint8_t data[64];

	(void)arg;
	for (;;)
		done("a load", pread(a.fd, data, sizeof(data), (off_t)a.scratch) ==
			       sizeof(data));
	return NULL;
}

/* The kernel asks by an eventfd, which is the process's own */
static int request_eventfd(void)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} u = {
		.set = {
			.argsz = sizeof(u.bytes),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_REQ_IRQ_INDEX,
			.count = 1,
		},
	};
	int32_t efd = eventfd(0, EFD_CLOEXEC);

	memcpy(u.bytes + offsetof(struct vfio_irq_set, data), &efd, sizeof(efd));
	if (efd < 0 || ioctl(a.fd, VFIO_DEVICE_SET_IRQS, &u))
		fail("no eventfd for the request to go", strerror(errno));
	return efd;
}

static void use_until_asked(bool stores)
{
	int efd = request_eventfd();
	pthread_t thread;
	uint64_t n;

	if (stores && pthread_create(&thread, NULL, store_on, NULL))
		fail("no thread", strerror(errno));
	if (pthread_create(&thread, NULL, load_on, NULL))
		fail("no thread", strerror(errno));
	while (!__atomic_load_n(&self->shared->accesses, __ATOMIC_RELAXED))
		usleep(100);
	__atomic_store_n(&self->shared->ready, true, __ATOMIC_RELEASE);
	if (read(efd, &n, sizeof(n)) != sizeof(n))
		fail("waiting to be asked", strerror(errno));
	usleep(part_chance(REACTION_US));
	__atomic_store_n(&self->shared->leaving, true, __ATOMIC_SEQ_CST);
	/* in the midst of it all, and not always by itself */
	if (part_chance(2))
		kill(getpid(), SIGKILL);
	_exit(0);
}

static struct ism *open_it(uint64_t token)
{
	struct ism *ism = ism_new();
	struct ism_region bar0, bar2;

	if (!ism || ism_open(ism, FUNCTION_A, part_interface()))
		fail("it does not open", ism_strerror(ism));
	if (ism_get_region(ism, VFIO_PCI_BAR0_REGION_INDEX, &bar0) ||
	    ism_get_region(ism, VFIO_PCI_BAR2_REGION_INDEX, &bar2))
		fail("no regions", strerror(errno));
	a.fd = ism_device_fd(ism);
	a.dmb = bar0.offset + token;
	a.scratch = bar2.offset + SCRATCH;
	return ism;
}

/* The offsets, and the file along with them */
static struct msghdr message(struct iovec *iov, char *control, size_t len)
{
	*iov = (struct iovec){ &a, sizeof(a) };
	return (struct msghdr){
		.msg_iov = iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = len,
	};
}

static void open_and_send(int sock, uint64_t token)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov;
	struct msghdr msg = message(&iov, control, sizeof(control));
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	open_it(token);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &a.fd, sizeof(a.fd));
	if (sendmsg(sock, &msg, 0) != sizeof(a))
		fail("the file cannot be sent", strerror(errno));
	pause();
}

static void get_sent(uint64_t token)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov;
	struct msghdr msg = message(&iov, control, sizeof(control));
	int sock[2];
	pid_t opener;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		fail("no sockets", strerror(errno));
	opener = fork();
	if (!opener) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(sock[0]);
		open_and_send(sock[1], token);
	}
	close(sock[1]);
	/* without it, the other process has said why */
	if (recvmsg(sock[0], &msg, 0) != sizeof(a) || !CMSG_FIRSTHDR(&msg))
		_exit(1);
	memcpy(&a.fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(a.fd));
	kill(opener, SIGKILL);
	waitpid(opener, NULL, 0);
	close(sock[0]);
}

static void run(enum user_kind kind, uint64_t token)
{
	if (kind == USER_WAS_SENT)
		get_sent(token);
	else
		open_it(token);
	if (kind == USER_FORKED && fork())
		_exit(0);
	self->shared->pid = getpid();
	use_until_asked(token != 0);
}

/**
 * user_start() - have a process use function A
 * @u: filled in
 * @kind: how it gets the function
 * @token: of a DMB that it may store to, or 0
 *
 * Return: 0 once it does; -1 with a reason in @u->shared->why.
 */
int user_start(struct user *u, enum user_kind kind, uint64_t token)
{
	pid_t child;
	int status;

	u->shared = mmap(NULL, sizeof(*u->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (u->shared == MAP_FAILED)
		return -1;
	/* who is left without a parent is ours to wait for */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child = fork();
	if (!child) {
		if (kind != USER_FORKED)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		self = u;
		run(kind, token);
	}
	if (kind == USER_FORKED && (waitpid(child, &status, 0) != child || status))
		return -1;
	while (!__atomic_load_n(&u->shared->ready, __ATOMIC_ACQUIRE)) {
		if (u->shared->why[0] || waitpid(child, &status, WNOHANG) == child)
			return -1;
		usleep(1000);
	}
	return 0;
}

/**
 * user_wait() - wait for its end, and forget it
 * @u: that was started
 *
 * Return: what failed before it left, empty if nothing did.
 */
const char *user_wait(struct user *u)
{
	static char why[sizeof(u->shared->why)];

	why[0] = 0;
	if (waitpid(u->shared->pid, NULL, 0) != u->shared->pid)
		snprintf(why, sizeof(why), "it is nobody's child");
	else if (u->shared->failed)
		memcpy(why, u->shared->why, sizeof(why));
	munmap(u->shared, sizeof(*u->shared));
	return why;
}
