// SPDX-License-Identifier: MIT
/*
 * usage: fault FUNCTION COUNT SKIP
 *
 * Has the device model (property x-faults) refuse COUNT stores to DMBs, after
 * SKIP more that it takes. It outlives the function's reset.
 */
#include <endian.h>
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ism.h"

#define STORE_FAULT	0x800	/* in BAR2 */
#define SPACE_DMBS	1	/* BAR0 */

struct fault {
	uint32_t count;
	uint32_t skip;
	uint8_t cc;
	uint8_t status;
	uint16_t exception;
	uint16_t spaces;
	uint16_t reserved;
};

int main(int argc, char **argv)
{
	struct ism *ism = ism_new();
	struct ism_region bar2;
	struct fault fault = {
		.cc = 1,
		.status = 16,
		.spaces = htobe16(SPACE_DMBS),
	};

	if (argc != 4 || !ism)
		return 2;
	fault.count = htobe32((uint32_t)strtoul(argv[2], NULL, 0));
	fault.skip = htobe32((uint32_t)strtoul(argv[3], NULL, 0));
	if (ism_open(ism, argv[1], ISM_IOMMU_AUTO)) {
		fprintf(stderr, "fault: %s\n", ism_strerror(ism));
		return 1;
	}
	if (ism_get_region(ism, VFIO_PCI_BAR2_REGION_INDEX, &bar2) ||
	    pwrite(ism_device_fd(ism), &fault, sizeof(fault),
		   (off_t)bar2.offset + STORE_FAULT) != sizeof(fault)) {
		fprintf(stderr, "fault: the fault registers cannot be written: %s\n",
			strerror(errno));
		return 1;
	}
	ism_free(ism);
	return 0;
}
