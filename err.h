/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Error events of a function, where vfio-pci-core does not tell the user of them
 */
#ifndef ISM_VFIO_ERR_H
#define ISM_VFIO_ERR_H

struct pci_error_handlers;
struct vfio_device;

extern const struct pci_error_handlers ism_vfio_err_handlers;

/* As vfio_pci_core_ioctl() and vfio_pci_core_close_device() */
long ism_vfio_err_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			unsigned long arg);
void ism_vfio_err_close_device(struct vfio_device *core_vdev);

#endif /* ISM_VFIO_ERR_H */
