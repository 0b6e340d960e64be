// SPDX-License-Identifier: MIT
/*
 * libism: what a transport tells about itself
 */
#include "transport.h"

/**
 * ism_transport() - how a function was opened
 * @ism: open handle
 *
 * Return: "group" or "iommufd".
 */
const char *ism_transport(const struct ism *ism)
{
	return ism->transport ? ism->transport->name : "closed";
}

/**
 * ism_device_fd() - the vfio device file of a function
 * @ism: handle
 *
 * For what the library does not wrap: configuration space, further regions,
 * ioctls of vfio. It stays the handle's: do not close it, and do not use it
 * after ism_close().
 *
 * Return: file descriptor, -1 while the handle is not open.
 */
int ism_device_fd(const struct ism *ism)
{
	return ism->transport ? ism->transport->fd(ism) : -1;
}
