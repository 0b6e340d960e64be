// SPDX-License-Identifier: MIT
/*
 * usage: handover FUNCTION group|iommufd
 *
 * A supervisor opens the nodes and sends them to a process that has neither
 * rights nor files: that one drives the function.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ism.h"

#define NOBODY		65534

static int fail(const char *what)
{
	fprintf(stderr, "handover: %s: %s\n", what, strerror(errno));
	return 1;
}

static int send_nodes(int sock, const struct ism_nodes *nodes)
{
	/* its numbers tell which files come along, and it has maxstbl */
	struct iovec iov = { (void *)nodes, sizeof(*nodes) };
	int fds[2] = { nodes->iommu,
		       nodes->group < 0 ? nodes->device : nodes->group };
	char control[CMSG_SPACE(sizeof(fds))] = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	return sendmsg(sock, &msg, 0) == sizeof(*nodes) ? 0 : -1;
}

static int recv_nodes(int sock, struct ism_nodes *nodes)
{
	struct iovec iov = { nodes, sizeof(*nodes) };
	int fds[2];
	char control[CMSG_SPACE(sizeof(fds))];
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != sizeof(*nodes))
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -1;
	memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
	nodes->iommu = fds[0];
	if (nodes->group < 0)
		nodes->device = fds[1];
	else
		nodes->group = fds[1];
	return 0;
}

/* An empty root without rights: no sysfs, no nodes, nothing to open */
static int give_up_rights(void)
{
	char root[] = "/tmp/handover.XXXXXX";

	if (!mkdtemp(root) || chroot(root) || chdir("/"))
		return -1;
	return setgid(NOBODY) || setuid(NOBODY) ? -1 : 0;
}

static int drive(const char *function, int sock)
{
	static const char message[] = "stored without any right";
	struct ism *ism = ism_new();
	struct ism_nodes nodes;
	struct ism_dmb *dmb;

	if (!ism || recv_nodes(sock, &nodes))
		return fail("no files came");
	if (give_up_rights())
		return fail("rights cannot be given up");
	if (!ism_open(ism, function, ISM_IOMMU_AUTO)) {
		fprintf(stderr, "handover: it opens without rights, so nothing is proved\n");
		return 1;
	}
	if (ism_open_nodes(ism, function, &nodes) ||
	    ism_dmb_alloc(ism, ISM_PAGE, ism_gid(ism), ISM_NO_VLAN, &dmb) ||
	    ism_move(ism, dmb->tok, 0, message, sizeof(message), 0) ||
	    ism_wait(ism, 1000) != 1 || strcmp(dmb->mem, message)) {
		fprintf(stderr, "handover: %s\n", ism_strerror(ism));
		return 1;
	}
	ism_free(ism);
	return 0;
}

int main(int argc, char **argv)
{
	struct ism *ism = ism_new();
	struct ism_nodes nodes;
	int sock[2], status;
	pid_t child;

	if (argc != 3 || !ism)
		return 2;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock))
		return fail("no sockets");
	child = fork();
	if (!child)
		return drive(argv[1], sock[1]);
	if (ism_nodes_open(ism, argv[1], strcmp(argv[2], "group") ?
			   ISM_IOMMU_IOMMUFD : ISM_IOMMU_GROUP, &nodes)) {
		fprintf(stderr, "handover: %s\n", ism_strerror(ism));
		close(sock[0]);
		return 1;
	}
	if (send_nodes(sock[0], &nodes))
		return fail("the files cannot be sent");
	ism_nodes_close(&nodes);
	ism_free(ism);
	if (waitpid(child, &status, 0) != child)
		return fail("no child");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
