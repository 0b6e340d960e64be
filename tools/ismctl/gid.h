/* SPDX-License-Identifier: MIT */
/*
 * From what the user calls the peer to its GID
 */
#ifndef GID_H
#define GID_H

#include "context.h"

int gid_of(const char *function, enum ism_iommu iommu, uint64_t *gid,
	   char *why, size_t len);
int gid_resolve(struct context *ctx, const char *peer, uint64_t *gid);
void gid_publish(const char *function, uint64_t gid);
void gid_unpublish(const char *function);

#endif /* GID_H */
