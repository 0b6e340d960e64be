// SPDX-License-Identifier: MIT
/* gid GROUP FUNCTION: read a function's GID, with nothing but vfio */
#define _DEFAULT_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#define READ_GID	0x03

/* All numbers of the command window are big endian */
struct header {
	uint32_t cmd;
	uint16_t ret;
	uint16_t len;
};

static int open_function(const char *group_node, const char *name)
{
	int container = open("/dev/vfio/vfio", O_RDWR);
	int group = open(group_node, O_RDWR);
	int device;

	if (container < 0 || group < 0)
		err(1, "%s", container < 0 ? "/dev/vfio/vfio" : group_node);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "%s: cannot be given to an IOMMU", group_node);
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (device < 0)
		err(1, "%s", name);

	return device;
}

/* Ask: no offset of a region may be computed */
static uint64_t region_offset(int device, uint32_t index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "region %u", index);
	return info.offset;
}

int main(int argc, char **argv)
{
	uint16_t enable = htole16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	struct header header = { .cmd = htobe32(READ_GID), .len = htobe16(8) };
	uint64_t config, window, gid;
	int device;

	if (argc != 3)
		errx(2, "usage: gid GROUP FUNCTION, as /dev/vfio/0 0011:00:00.0");
	device = open_function(argv[1], argv[2]);
	config = region_offset(device, VFIO_PCI_CONFIG_REGION_INDEX);
	window = region_offset(device, VFIO_PCI_BAR2_REGION_INDEX);

	/* Without memory enabled, every access to a BAR is EIO */
	if (pwrite(device, &enable, 2, config + PCI_COMMAND) != 2)
		err(1, "command register");

	/* The header is the doorbell; the answer is there when write returns */
	if (pwrite(device, &header, 8, window) != 8 ||
	    pread(device, &header, 8, window) != 8)
		err(1, "command window");
	if (header.ret)
		errx(1, "READ_GID: code %#x", be16toh(header.ret));
	if (pread(device, &gid, 8, window + 8) != 8)
		err(1, "command window");

	printf("GID %#018llx\n", (unsigned long long)be64toh(gid));
	return 0;
}
