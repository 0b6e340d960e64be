/* SPDX-License-Identifier: MIT */
/*
 * /dev/dibs-NAME: a device of dibs, for a test in user space
 *
 * The node is there as long as the device. One process at a time opens it and
 * has one DMB. read() takes one event, EAGAIN without; poll() waits for them.
 * Once the device is gone everything is ENODEV, and poll() says POLLHUP.
 */
#ifndef DIBS_USER_H
#define DIBS_USER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dibs_user_dmb - a DMB
 * @rgid: who may write it
 * @tok: its token; set by the call
 * @len: bytes
 * @idx: its number at this device; set by the call
 */
struct dibs_user_dmb {
	__u64 rgid;
	__u64 tok;
	__u32 len;
	__u32 idx;
};

/**
 * struct dibs_user_data - bytes that go somewhere
 * @data: address of the caller's memory
 * @tok: DMB to move them to; not for %DIBS_USER_LOOK
 * @offset: in the DMB
 * @len: bytes
 * @signal: 0 to 15, or -1 for none; not for %DIBS_USER_LOOK
 * @pad: 0
 */
struct dibs_user_data {
	__u64 data;
	__u64 tok;
	__u32 offset;
	__u32 len;
	__s32 signal;
	__u32 pad;
};

/**
 * struct dibs_user_send - an event for another device
 * @rgid: for whom
 * @info: 8 bytes for it
 * @code: 4 more
 * @irq: whether to interrupt it
 */
struct dibs_user_send {
	__u64 rgid;
	__u64 info;
	__u32 code;
	__u32 irq;
};

/* Kinds of events: a signal for the DMB, and dibs' own types */
enum dibs_user_kind {
	DIBS_USER_BUF,
	DIBS_USER_DEV,
	DIBS_USER_SW,
	DIBS_USER_OTHER,
	DIBS_USER_SIGNAL,
};

/* Codes of DIBS_USER_BUF and DIBS_USER_DEV */
enum dibs_user_code {
	DIBS_USER_UNREGISTERED,
	DIBS_USER_DISABLED,
	DIBS_USER_ERR_STATE,
};

/**
 * struct dibs_user_event - what came
 * @kind: enum dibs_user_kind
 * @code: the sender's for %DIBS_USER_SW, the mask for %DIBS_USER_SIGNAL, else
 *	enum dibs_user_code
 * @gid: of whom it tells, for %DIBS_USER_DEV and %DIBS_USER_SW
 * @tok: of which DMB it tells, for %DIBS_USER_BUF
 * @info: the sender's for %DIBS_USER_SW
 */
struct dibs_user_event {
	__u32 kind;
	__u32 code;
	__u64 gid;
	__u64 tok;
	__u64 info;
};

#define DIBS_USER_GID	_IOR('d', 0, __u64)
#define DIBS_USER_QUERY	_IOW('d', 1, __u64)	/* is this GID in reach? */
#define DIBS_USER_REG	_IOWR('d', 2, struct dibs_user_dmb)
#define DIBS_USER_UNREG	_IO('d', 3)
#define DIBS_USER_MOVE	_IOW('d', 4, struct dibs_user_data)
#define DIBS_USER_LOOK	_IOW('d', 5, struct dibs_user_data) /* at our DMB */
#define DIBS_USER_SEND	_IOW('d', 6, struct dibs_user_send)

#endif /* DIBS_USER_H */
