// SPDX-License-Identifier: MIT
/* hello FROM TO: one message between two functions, one interrupt */
#include <stdio.h>
#include <stdlib.h>

#include "ism.h"

#define SIGNAL	3

/* Libism's errors are sentences */
static void check(struct ism *ism, int ret)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "%s\n", ism_strerror(ism));
	exit(1);
}

int main(int argc, char **argv)
{
	static const char message[] = "Hello, shared memory!";
	struct ism *from = ism_new(), *to = ism_new();
	struct ism_event ev;
	struct ism_dmb *dmb;

	if (argc != 3 || !from || !to) {
		fprintf(stderr, "usage: hello FROM TO\n");
		return 2;
	}
	check(from, ism_open(from, argv[1], ISM_IOMMU_AUTO));
	check(to, ism_open(to, argv[2], ISM_IOMMU_AUTO));

	/* The receiver makes a DMB for this sender; its token is the address */
	check(to, ism_dmb_alloc(to, ISM_PAGE, ism_gid(from), ISM_NO_VLAN, &dmb));

	/* The sender stores into it; the last byte brings the signal along */
	check(from, ism_move(from, dmb->tok, 0, message, sizeof(message), SIGNAL));

	/* The receiver sleeps until the interrupt, and then has the bytes */
	do
		check(to, ism_wait(to, -1));
	while (!ism_next_event(to, &ev) || ev.kind != ISM_EVENT_SIGNAL);
	printf("signal %d: %s\n",
	       ism_signal_in(ev.mask, SIGNAL) ? SIGNAL : -1, (char *)ev.dmb->mem);

	ism_free(from);
	ism_free(to);
	return 0;
}
