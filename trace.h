/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events: one for each instruction that reaches a function
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ism_vfio

#if !defined(ISM_VFIO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ISM_VFIO_TRACE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

/* @req is the function handle, the BAR and the length: see ZPCI_CREATE_REQ() */
DECLARE_EVENT_CLASS(ism_vfio_insn,
		    TP_PROTO(const struct zpci_dev *zdev, u64 req, u64 offset,
			     int result),
		    TP_ARGS(zdev, req, offset, result),
		    TP_STRUCT__entry(__field(u32, fid)
				     __field(unsigned int, bar)
				     __field(u64, offset)
				     __field(unsigned int, len)
				     __field(int, result)),
		    TP_fast_assign(__entry->fid = zdev->fid;
				   __entry->bar = req >> 16 & 0xff;
				   __entry->offset = offset;
				   __entry->len = req & 0xffff;
				   __entry->result = result;),
		    TP_printk("fid=%08x bar=%u offset=0x%llx len=%u result=%d",
			      __entry->fid, __entry->bar, __entry->offset,
			      __entry->len, __entry->result)
);

/* PCILG */
DEFINE_EVENT(ism_vfio_insn, ism_vfio_load,
	     TP_PROTO(const struct zpci_dev *zdev, u64 req, u64 offset,
		      int result),
	     TP_ARGS(zdev, req, offset, result)
);

/* PCISTB */
DEFINE_EVENT(ism_vfio_insn, ism_vfio_store_block,
	     TP_PROTO(const struct zpci_dev *zdev, u64 req, u64 offset,
		      int result),
	     TP_ARGS(zdev, req, offset, result)
);

#endif /* ISM_VFIO_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>
