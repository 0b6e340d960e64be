/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IBM Internal Shared Memory (ISM), an s390 zPCI function
 *
 * What is written here about the commands, the data window and the structures
 * in guest memory follows the Linux driver (drivers/s390/net/ism.h).  Response
 * codes, statuses and the fault registers are this model's own.
 */

#ifndef HW_S390X_ISM_H
#define HW_S390X_ISM_H

#include "hw/pci/pci_device.h"
#include "qom/object.h"

#define TYPE_ISM "ism"
OBJECT_DECLARE_SIMPLE_TYPE(IsmState, ISM)

#define PCI_DEVICE_ID_IBM_ISM   0x04ed

/* PCI address spaces of the function */
#define ISM_BAR_DATA            0       /* block stores into remote buffers */
#define ISM_BAR_CMD             2       /* command window */
#define ISM_DATA_SIZE           (1ULL << 48)
#define ISM_CMD_SIZE            4096

/*
 * An offset in the data window:
 *   DMB token | mask bit << 24 | signal << 23 | offset in the DMB
 */
#define ISM_TOKEN_SHIFT         32
#define ISM_TOKEN_MAX           0xffffU
#define ISM_STORE_UNUSED        0xf0000000ULL
#define ISM_STORE_IDX(x)        (((x) >> 24) & 0xf)
#define ISM_STORE_SIGNAL        (1ULL << 23)
#define ISM_STORE_OFFSET        (ISM_STORE_SIGNAL - 1)

#define ISM_PAGE_SIZE           4096
#define ISM_MAX_STORE           4096    /* whatever maxstbl says */
#define ISM_MAX_MAXSTBL         8191    /* 13 bits in CLP */
#define ISM_MAX_DMB             (1ULL << 20)
#define ISM_NR_DMBS             1920    /* bits in the SBA */
#define ISM_FIRST_DMB           32      /* the first word is not used */
#define ISM_NR_VLANS            64
#define ISM_VLAN_MAX            4094
#define ISM_VLAN_RESERVED       0x1fff  /* SMC-D version 2: no VLAN needed */
#define ISM_PNETID_LEN          16

/* Signal bits and events area: one page of the guest */
#define ISM_SBA_SIZE            4096
#define ISM_SBA_SUMMARY         0x80    /* in byte 0 */
#define ISM_SBA_EVENT           0x40    /* in byte 0 */
#define ISM_SBA_DMB_BITS        4
#define ISM_SBA_DMBE_MASK       256     /* an u16 for each DMB */

/* Event queue: a header and 15 entries */
#define ISM_IEQ_SIZE            512
#define ISM_IEQ_ENTRIES         15

enum IsmCommandCode {
    ISM_CMD_REG_SBA             = 0x01,
    ISM_CMD_REG_IEQ             = 0x02,
    ISM_CMD_READ_GID            = 0x03,
    ISM_CMD_ADD_VLAN_ID         = 0x04,
    ISM_CMD_DEL_VLAN_ID         = 0x05,
    ISM_CMD_SET_VLAN            = 0x06,
    ISM_CMD_RESET_VLAN          = 0x07,
    ISM_CMD_QUERY_INFO          = 0x08,
    ISM_CMD_QUERY_RGID          = 0x09,
    ISM_CMD_REG_DMB             = 0x0a,
    ISM_CMD_UNREG_DMB           = 0x0b,
    ISM_CMD_SIGNAL_IEQ          = 0x0e,
    ISM_CMD_UNREG_SBA           = 0x11,
    ISM_CMD_UNREG_IEQ           = 0x12,
};

/**
 * enum IsmReturnCode - what a command's response says
 *
 * Only 0 and 0xffff are known: the Linux driver takes 0 for success and keeps
 * 0xffff for a response that it could not load.  The real function's other
 * values are not public; these are invented.
 *
 * @ISM_RET_OK: done
 * @ISM_RET_COMMAND: no such command
 * @ISM_RET_LENGTH: the request's length is not that of the command
 * @ISM_RET_REGISTERED: there is an SBA or IEQ already
 * @ISM_RET_NOT_REGISTERED: there is none
 * @ISM_RET_IN_USE: an IEQ or DMBs still need the SBA, or the DMB index is taken
 * @ISM_RET_ADDRESS: the address is not aligned, or crosses a boundary
 * @ISM_RET_SIZE: the size is 0 or too large
 * @ISM_RET_INDEX: the DMB index is outside 32 to 1919
 * @ISM_RET_TOKEN: no DMB of this function has the token
 * @ISM_RET_RGID: there is no function of that GID on this fabric
 * @ISM_RET_VLAN: not a VLAN id, or not one of the function's
 * @ISM_RET_VLAN_FULL: the function has 64 VLAN ids
 * @ISM_RET_VLAN_REQUIRED: a function requires a VLAN id and none was given
 * @ISM_RET_RESOURCES: all tokens are in use
 * @ISM_RET_DMA: the guest's memory is not mapped for the function
 * @ISM_RET_REMOTE: the remote function takes no events now
 */
typedef enum IsmReturnCode {
    ISM_RET_OK                  = 0,
    ISM_RET_COMMAND             = 0x0101,
    ISM_RET_LENGTH              = 0x0102,
    ISM_RET_REGISTERED          = 0x0201,
    ISM_RET_NOT_REGISTERED      = 0x0202,
    ISM_RET_IN_USE              = 0x0203,
    ISM_RET_ADDRESS             = 0x0301,
    ISM_RET_SIZE                = 0x0302,
    ISM_RET_INDEX               = 0x0303,
    ISM_RET_TOKEN               = 0x0304,
    ISM_RET_DMA                 = 0x0305,
    ISM_RET_RESOURCES           = 0x0306,
    ISM_RET_RGID                = 0x0401,
    ISM_RET_REMOTE              = 0x0402,
    ISM_RET_VLAN                = 0x0501,
    ISM_RET_VLAN_FULL           = 0x0502,
    ISM_RET_VLAN_REQUIRED       = 0x0503,
} IsmReturnCode;

enum IsmEventType {
    ISM_EVENT_BUF               = 0,    /* the entry's tok is a DMB token */
    ISM_EVENT_DEV               = 1,    /* the entry's tok is a GID */
    ISM_EVENT_SWR               = 2,    /* SIGNAL_IEQ; tok is the sender's */
};

enum IsmEventCode {
    ISM_DEV_GID_ERR_STATE       = 1,
    ISM_BUF_DMB_UNREGISTERED    = 4,
    ISM_DEV_GID_DISABLED        = 7,
};

/*
 * Fault registers, in the command window while property x-faults is on
 *
 *   0x800  faults of store blocks          0x810  faults of loads
 *   0x820  zPCI error event
 *
 * A fault register, big endian:
 *   0  u32 count    so many instructions fail; 0 switches the fault off
 *   4  u32 skip     so many are let through before
 *   8  u8 cc        condition code that they end with: 0 (and nothing was
 *                   done), 1, 2 (busy) or 3
 *   9  u8 status    status, when cc is 1
 *  10  u16 pgm      0, or the program exception that they end with instead:
 *                   6 specification, any other value operand (0x15)
 *  12  u16 spaces   bit 1 << n: count accesses to BAR n; 0: to BAR 0 and BAR 2
 *  14  u16 pec      0, or the PCI event code of a zPCI error event that comes
 *                   along, with the function in error state
 * Error event register:
 *   0  u16 pec      PCI event code, 0x3a for instance
 *   2  u16 flags    1: leave the function's state as it is
 *   4  u32          0
 *   8  u64 gid      the function that it happens to; 0: this one
 *
 * A register takes effect with the store that covers its first 8 bytes, so
 * where maxstbl is 8 the other 8 bytes go first.  A load returns what is left
 * of count and skip.  Accesses to 0x800 and above are not faulted.  A reset or
 * disable of the function leaves the registers alone; a reset of the machine
 * clears them.
 */
#define ISM_FAULT_BASE          0x800
#define ISM_FAULT_STORE         0x800
#define ISM_FAULT_LOAD          0x810
#define ISM_FAULT_ERROR_EVENT   0x820
#define ISM_FAULT_KEEP_STATE    0x0001

/**
 * struct IsmAccess - one load or block store, as the instruction has it
 * @space: PCI address space (BAR number)
 * @len: bytes
 * @offset: in the address space
 * @operand: the guest's address of the data, for checks only
 */
typedef struct IsmAccess {
    uint8_t space;
    uint16_t len;
    uint64_t offset;
    uint64_t operand;
} IsmAccess;

/**
 * struct IsmResult - how the instruction ends
 * @pgm: program interruption code, 0: none, it ends with a condition code
 * @cc: condition code
 * @status: status, valid with condition code 1
 */
typedef struct IsmResult {
    uint16_t pgm;
    uint8_t cc;
    uint8_t status;
} IsmResult;

/**
 * struct IsmFunctionInfo - what CLP says of the function besides the defaults
 * @pchid: physical channel, the fabric that the function is on
 * @maxstbl: longest block store
 * @pnetid: network id in ASCII, at most 16 characters, or %NULL
 */
typedef struct IsmFunctionInfo {
    uint16_t pchid;
    uint16_t maxstbl;
    const char *pnetid;
} IsmFunctionInfo;

/**
 * ism_function_info() - values for CLP query PCI function and group
 * @s: the function
 * @info: filled in
 */
void ism_function_info(IsmState *s, IsmFunctionInfo *info);

/**
 * ism_check_store() - the checks before the operand of a block store is read
 * @s: the function
 * @a: the access
 * @res: filled in when the instruction ends here
 *
 * Returns: true when the instruction goes on with ism_store_block()
 */
bool ism_check_store(IsmState *s, const IsmAccess *a, IsmResult *res);

/**
 * ism_store_block() - one PCI store block
 * @s: the function
 * @a: the access, which has passed ism_check_store()
 * @data: @a->len bytes
 *
 * Returns: how the instruction ends.  Without condition code 0 nothing was
 * stored, but for data whose signal could not be set: the receiver's SBA is no
 * longer mapped.
 */
IsmResult ism_store_block(IsmState *s, const IsmAccess *a, const void *data);

/**
 * ism_load() - one PCI load
 * @s: the function
 * @a: the access
 * @data: set to the value, right aligned
 *
 * Returns: how the instruction ends
 */
IsmResult ism_load(IsmState *s, const IsmAccess *a, uint64_t *data);

/**
 * ism_store() - one PCI store, which no part of this function takes
 * @s: the function
 * @a: the access
 *
 * Returns: how the instruction ends
 */
IsmResult ism_store(IsmState *s, const IsmAccess *a);

/**
 * ism_function_reset() - the function was disabled, or reset through zPCI
 * @s: the function
 *
 * Drops all registrations and tells the functions that shared a DMB.
 */
void ism_function_reset(IsmState *s);

void ism_register_types(void);

#endif /* HW_S390X_ISM_H */
