/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two instructions, PCILG and PCISTB, with their trace events. KUnit puts
 * functions of its own in the place of the kernel's.
 *
 * A request @req is made by ZPCI_CREATE_REQ().
 */
#ifndef ISM_VFIO_INSN_H
#define ISM_VFIO_INSN_H

#include <linux/pci.h>

#include <asm/pci_insn.h>

#include <kunit/static_stub.h>

#include "ism_vfio.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static inline int ism_vfio_pcilg(u64 *data, u64 req, u64 offset)
{
	KUNIT_STATIC_STUB_REDIRECT(__zpci_load, data, req, offset);
	return __zpci_load(data, req, offset);
}

static inline int ism_vfio_pcistb(const u64 *data, u64 req, u64 offset)
{
	KUNIT_STATIC_STUB_REDIRECT(__zpci_store_block, data, req, offset);
	return __zpci_store_block(data, req, offset);
}

/* Trace events are out of line: most of the time nobody looks at them */
static noinline int ism_vfio_trace_load(struct ism_vfio_device *ism, u64 req,
					u64 offset, int result)
{
	trace_ism_vfio_load(ism->zdev, req, offset, result);
	return result;
}

static noinline int ism_vfio_trace_store_block(struct ism_vfio_device *ism,
					       u64 req, u64 offset, int result)
{
	trace_ism_vfio_store_block(ism->zdev, req, offset, result);
	return result;
}

static __always_inline int ism_vfio_load(struct ism_vfio_device *ism, u64 *data,
					 u64 req, u64 offset)
{
	int ret = ism_vfio_pcilg(data, req, offset);

	if (trace_ism_vfio_load_enabled())
		return ism_vfio_trace_load(ism, req, offset, ret);
	return ret;
}

static __always_inline int ism_vfio_store(struct ism_vfio_device *ism,
					  const u64 *data, u64 req, u64 offset)
{
	int ret = ism_vfio_pcistb(data, req, offset);

	if (trace_ism_vfio_store_block_enabled())
		return ism_vfio_trace_store_block(ism, req, offset, ret);
	return ret;
}

#endif /* ISM_VFIO_INSN_H */
