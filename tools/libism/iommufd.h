/* SPDX-License-Identifier: MIT */
#ifndef LIBISM_IOMMUFD_H
#define LIBISM_IOMMUFD_H

#include "transport.h"

extern const struct ism_transport ism_iommufd;

bool ism_iommufd_usable(const struct ism *ism);

#endif /* LIBISM_IOMMUFD_H */
