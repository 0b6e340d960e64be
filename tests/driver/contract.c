// SPDX-License-Identifier: MIT
/*
 * The contract of ism-vfio-pci, point by point, against two ISM functions
 *
 * The functions are named in ISM_A and ISM_B, 0011:00:00.0 and 0012:00:00.0
 * without them. ISM_A's vfio device file is used raw, ISM_B receives in a DMB.
 * What reaches the device is counted with the driver's trace events, so this
 * needs root and tracefs. Tests that make the device fail need its fault
 * registers (the device model's property x-faults).
 */
#include "contract-fixture.h"

/* The harness runs the tests of one source file */
#include "contract-access.c"
#include "contract-device.c"
#include "contract-reset.c"
#include "contract-offers.c"

TEST_HARNESS_MAIN
