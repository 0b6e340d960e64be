/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_SYSFS_H
#define LIBISM_SYSFS_H

#include "state.h"

#define ISM_SYSFS "/sys/bus/pci/devices"

int ism_sysfs_path(const struct ism *ism, const char *name, char *path,
		   size_t len);
int ism_sysfs_link(const struct ism *ism, const char *name, char *buf,
		   size_t len);
int ism_sysfs_maxstbl(struct ism *ism, unsigned int *maxstbl);

#endif /* LIBISM_SYSFS_H */
