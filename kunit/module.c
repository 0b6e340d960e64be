// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of the vfio-pci driver for ISM: module boilerplate
 */
#include <linux/module.h>

/* As MODULE_IMPORT_NS(), whose argument became a string in 6.13 */
MODULE_INFO(import_ns, "EXPORTED_FOR_KUNIT_TESTING");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suites of the vfio-pci driver for ISM");
