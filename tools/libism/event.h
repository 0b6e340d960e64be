/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_EVENT_H
#define LIBISM_EVENT_H

#include "state.h"

#define ISM_IEQ_LEN	512

/* Status bits and event queue, as the device sees them (big endian) */
struct ism_sba {
	uint32_t flags;
	uint32_t dmb_bits[ISM_DMB_END / 32];
	uint32_t reserved[3];
	uint16_t dmbe_mask[ISM_DMB_END];
};

struct ism_ieq_entry {
	uint32_t type;
	uint32_t code;
	uint64_t tok;
	uint64_t time;
	uint64_t info;
};

struct ism_ieq {
	uint64_t idx;
	uint64_t len;
	uint64_t entry_len;
	uint64_t reserved;
	struct ism_ieq_entry entry[15];
};

_Static_assert(sizeof(struct ism_sba) == ISM_PAGE, "SBA layout");
_Static_assert(sizeof(struct ism_ieq) == ISM_IEQ_LEN, "IEQ layout");

int ism_events_open(struct ism *ism);
void ism_events_close(struct ism *ism);
int ism_events_register(struct ism *ism);
void ism_events_unregister(struct ism *ism);

#endif /* LIBISM_EVENT_H */
