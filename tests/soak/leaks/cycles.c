// SPDX-License-Identifier: MIT
/*
 * usage: cycles ROUNDS FUNCTION PEER
 *
 * So often: binds both functions, opens them, transfers, closes and unbinds. Each
 * time FUNCTION has to find that nothing of the last time is mapped for it any
 * more. Group and iommufd take turns, where the kernel has both.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ism.h"

#define DRIVER	"/sys/bus/pci/drivers/ism_vfio_pci/"
#define LEN	(3 * ISM_PAGE + 100)
#define SIGNAL	1
#define TIMEOUT	60000	/* ms; nothing that arrives takes as long */

static uint8_t message[LEN];

/* @action: bind or unbind */
static int driver(const char *action, const char *function)
{
	char path[64];
	ssize_t len = strlen(function), n;
	int fd;

	snprintf(path, sizeof(path), DRIVER "%s", action);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		n = -1;
	else
		n = write(fd, function, len);
	if (n != len)
		fprintf(stderr, "cycles: %s: cannot %s: %s\n", function, action,
			strerror(errno));
	close(fd);
	return n == len ? 0 : -1;
}

static int failed(struct ism *ism)
{
	fprintf(stderr, "cycles: %s: %s\n", ism_name(ism), ism_strerror(ism));
	return -1;
}

/* Where a DMB was the last time nothing is, and the device knows */
static int nothing_is_mapped(struct ism *ism, uint64_t iova)
{
	const struct ism_dmb old = {
		.ism = ism,
		.iova = iova,
		.len = ISM_PAGE,
		.rgid = ism_gid(ism),
		.vlan = ISM_NO_VLAN,
		.idx = ISM_DMB_FIRST,
	};
	uint64_t tok;

	if (ism_cmd_reg_dmb(ism, &old, &tok) &&
	    ism_cmd_code(ism) == ISM_CODE_NOT_MAPPED)
		return 0;
	fprintf(stderr, "cycles: %s: memory of its last user is mapped still at %#llx\n",
		ism_name(ism), (unsigned long long)iova);
	return -1;
}

static int receive(struct ism *ism, const struct ism_dmb *dmb)
{
	struct ism_event ev;

	while (ism_wait(ism, TIMEOUT) > 0) {
		while (ism_next_event(ism, &ev)) {
			if (ev.kind != ISM_EVENT_SIGNAL)
				continue;
			if (!memcmp(dmb->mem, message, LEN))
				return 0;
			fprintf(stderr, "cycles: other bytes arrived than were sent\n");
			return -1;
		}
	}
	fprintf(stderr, "cycles: no signal\n");
	return -1;
}

static int transfer(struct ism *ism, struct ism *peer, uint64_t *iova)
{
	struct ism_info info;
	struct ism_dmb *dmb;

	if (*iova && nothing_is_mapped(ism, *iova))
		return -1;
	if (ism_dmb_alloc(ism, 4 * ISM_PAGE, ism_gid(peer), ISM_NO_VLAN, &dmb) ||
	    ism_cmd_query_info(ism, &info))
		return failed(ism);
	*iova = dmb->iova;
	if (ism_move(peer, dmb->tok, 0, message, LEN, SIGNAL))
		return failed(peer);
	return receive(ism, dmb);
}

static int use(char **name, enum ism_iommu how, uint64_t *iova)
{
	struct ism *ism = ism_new(), *peer = ism_new();
	int ret;

	if (!ism || !peer)
		ret = -1;
	else if (ism_open(ism, name[0], how))
		ret = failed(ism);
	else if (ism_open(peer, name[1], how))
		ret = failed(peer);
	else
		ret = transfer(ism, peer, iova);
	ism_free(ism);
	ism_free(peer);
	return ret;
}

static int cycle(char **name, enum ism_iommu how, uint64_t *iova)
{
	int ret = -1;

	if (driver("bind", name[0]))
		return -1;
	if (!driver("bind", name[1])) {
		ret = use(name, how, iova);
		ret |= driver("unbind", name[1]);
	}
	return ret | driver("unbind", name[0]);
}

int main(int argc, char **argv)
{
	enum ism_iommu how = ISM_IOMMU_GROUP;
	unsigned long rounds;
	uint64_t iova = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: cycles ROUNDS FUNCTION PEER\n");
		return 2;
	}
	rounds = strtoul(argv[1], NULL, 0);
	for (unsigned int i = 0; i < LEN; i++)
		message[i] = i + i / 256;
	for (unsigned long i = 0; i < rounds; i++) {
		if (cycle(argv + 2, how, &iova))
			return 1;
		if (!access("/dev/iommu", F_OK))
			how = how == ISM_IOMMU_GROUP ? ISM_IOMMU_IOMMUFD :
						       ISM_IOMMU_GROUP;
	}
	return 0;
}
