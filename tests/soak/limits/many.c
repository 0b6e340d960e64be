// SPDX-License-Identifier: MIT
/*
 * usage: many FUNCTION...
 *
 * Opens all of these functions at once. Each has a DMB for the next one, which
 * stores a message there, with a signal; all of them arrive, and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ism.h"

#define LEN	(2 * ISM_PAGE)
#define SIGNAL	5
#define TIMEOUT	60000	/* ms; nothing that arrives takes as long */

struct function {
	struct ism *ism;
	struct ism_dmb *dmb;
};

static int failed(struct ism *ism)
{
	fprintf(stderr, "many: %s: %s\n", ism_name(ism), ism_strerror(ism));
	return -1;
}

/* What function @nr says, the same through all of the DMB */
static void compose(uint8_t *message, unsigned int nr)
{
	for (unsigned int i = 0; i < LEN; i++)
		message[i] = nr + 1 + i / 256;
}

static int open_all(struct function *f, char **name, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		f[i].ism = ism_new();
		if (!f[i].ism)
			return -1;
		if (ism_open(f[i].ism, name[i], ISM_IOMMU_AUTO))
			return failed(f[i].ism);
	}
	for (unsigned int i = 0; i < n; i++)
		if (ism_dmb_alloc(f[i].ism, LEN, ism_gid(f[(i + 1) % n].ism),
				  ISM_NO_VLAN, &f[i].dmb))
			return failed(f[i].ism);
	return 0;
}

static int store_all(struct function *f, unsigned int n)
{
	uint8_t message[LEN];

	for (unsigned int i = 0; i < n; i++) {
		compose(message, i);
		if (ism_move(f[i].ism, f[(i + n - 1) % n].dmb->tok, 0, message,
			     LEN, SIGNAL))
			return failed(f[i].ism);
	}
	return 0;
}

static int signalled(struct function *f)
{
	struct ism_event ev;

	while (ism_wait(f->ism, TIMEOUT) > 0)
		while (ism_next_event(f->ism, &ev))
			if (ev.kind == ISM_EVENT_SIGNAL && ev.dmb == f->dmb &&
			    ism_signal_in(ev.mask, SIGNAL))
				return 0;
	fprintf(stderr, "many: %s: no signal\n", ism_name(f->ism));
	return -1;
}

static int receive_all(struct function *f, unsigned int n)
{
	uint8_t message[LEN];

	for (unsigned int i = 0; i < n; i++) {
		compose(message, (i + 1) % n);
		if (signalled(&f[i]))
			return -1;
		if (memcmp(f[i].dmb->mem, message, LEN)) {
			fprintf(stderr, "many: %s: not what its neighbour stored\n",
				ism_name(f[i].ism));
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int n = argc - 1;
	struct function *f = calloc(argc, sizeof(*f));

	if (argc < 2 || !f) {
		fprintf(stderr, "usage: many FUNCTION...\n");
		return 2;
	}
	if (open_all(f, argv + 1, n) || store_all(f, n) || receive_all(f, n))
		return 1;
	for (unsigned int i = 0; i < n; i++)
		ism_free(f[i].ism);
	free(f);
	return 0;
}
