// SPDX-License-Identifier: MIT
/*
 * libism: what sysfs knows about a function that is not open yet
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "sysfs.h"

/**
 * ism_sysfs_path() - where a file of a function lies
 * @ism: handle with a name
 * @name: of the file
 * @path: filled in
 * @len: room in @path
 *
 * Return: 0 or -ENAMETOOLONG.
 */
int ism_sysfs_path(const struct ism *ism, const char *name, char *path,
		   size_t len)
{
	int n = snprintf(path, len, ISM_SYSFS "/%s/%s", ism->name, name);

	return n < 0 || (size_t)n >= len ? -ENAMETOOLONG : 0;
}

/**
 * ism_sysfs_link() - the last part of a link's target
 * @ism: handle with a name
 * @name: of the link, for instance to the driver or to the group
 * @buf: filled in
 * @len: room in @buf
 *
 * Return: 0 or a negative errno.
 */
int ism_sysfs_link(const struct ism *ism, const char *name, char *buf,
		   size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t n;

	if (ism_sysfs_path(ism, name, path, sizeof(path)))
		return -ENAMETOOLONG;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) >= len)
		return -ENAMETOOLONG;
	strcpy(buf, base);
	return 0;
}

static int number(const struct ism *ism, const char *name, unsigned int *value)
{
	char path[PATH_MAX];
	FILE *f;
	int n;

	if (ism_sysfs_path(ism, name, path, sizeof(path)))
		return -ENAMETOOLONG;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	n = fscanf(f, "%u", value);
	fclose(f);
	return n == 1 ? 0 : -EINVAL;
}

/**
 * ism_sysfs_maxstbl() - the longest store block, which ism_vfio_pci alone tells
 * @ism: handle with a name
 * @maxstbl: filled in
 *
 * Return: 0, or -ENODEV with a sentence about what is missing.
 */
int ism_sysfs_maxstbl(struct ism *ism, unsigned int *maxstbl)
{
	char driver[64], path[PATH_MAX];
	int ret;

	ret = ism_sysfs_path(ism, "", path, sizeof(path));
	if (ret || access(path, F_OK))
		return ism_fail(ism, ENODEV,
				"no such PCI function; see " ISM_SYSFS);
	if (ism_sysfs_link(ism, "driver", driver, sizeof(driver)))
		return ism_fail(ism, ENODEV,
				"no driver is bound to it; 'ism-vfio bind %s' binds ism_vfio_pci",
				ism->name);
	ret = number(ism, "ism_vfio/maxstbl", maxstbl);
	if (ret)
		return ism_fail(ism, ENODEV,
				"it is bound to %s; 'ism-vfio bind %s' binds ism_vfio_pci",
				driver, ism->name);
	return 0;
}
