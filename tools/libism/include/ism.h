/* SPDX-License-Identifier: MIT */
/*
 * libism - drive an s390 ISM function from userspace over vfio
 *
 * ISM (Internal Shared Memory) functions of one fabric write into each other's
 * memory.  The receiver registers a piece of memory as a DMB (direct memory
 * buffer) for one remote GID and tells that peer the DMB's token; the peer then
 * moves data to token + offset, and can set a signal bit at the receiver with
 * the last byte of a move.
 *
 * Conventions:
 *  - Functions return 0 (or a count where it says so) or a negative errno;
 *    ism_strerror() then has a sentence about it. Which errors a function has
 *    is in the comment where it is defined, in the source's tools/libism.
 *  - Numbers are in host byte order; lengths and offsets are bytes.
 *  - Every function may be called from any thread at any time, except that
 *    a handle is opened, reset, closed and freed by one thread while no other
 *    uses it or its DMBs; that a DMB is registered, unregistered and freed by
 *    one thread at a time; and that one thread at a time waits for events
 *    (ism_wait()). ism_strerror() and ism_cmd_code() tell the last of all
 *    threads' failures and answers.
 */
#ifndef ISM_H
#define ISM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ISM_PAGE		4096u		/* no store block crosses this */
#define ISM_DMB_MAX		(1u << 20)	/* longest DMB */
#define ISM_DMB_FIRST		32u		/* lowest SBA index of a DMB */
#define ISM_DMB_END		1920u		/* one above the highest */
#define ISM_OFFSET_END		(1u << 23)	/* offsets in a DMB are below */
#define ISM_SIGNALS		16		/* signals per DMB, 0 to 15 */
#define ISM_NO_SIGNAL		(-1)
#define ISM_NO_VLAN		(-1)
#define ISM_VLAN_IDS		64		/* VLAN ids that info can hold */
#define ISM_WINDOW		0x100u		/* longest command or response */

/* Tokens have these bits clear: a protocol may carry its own data in them */
#define ISM_TOKEN_LOW_BITS	28		/* offset, signal flag and number */
#define ISM_TOKEN_BITS		48

/**
 * enum ism_iommu - which interface of vfio a function is opened with
 * @ISM_IOMMU_AUTO: iommufd where the system has it, else the group
 * @ISM_IOMMU_GROUP: group and container (/dev/vfio/N, /dev/vfio/vfio)
 * @ISM_IOMMU_IOMMUFD: the device's own node and /dev/iommu
 */
enum ism_iommu {
	ISM_IOMMU_AUTO,
	ISM_IOMMU_GROUP,
	ISM_IOMMU_IOMMUFD,
};

/* Commands, by their code on the device */
enum ism_command {
	ISM_CMD_REG_SBA		= 0x01,
	ISM_CMD_REG_IEQ		= 0x02,
	ISM_CMD_READ_GID	= 0x03,
	ISM_CMD_ADD_VLAN_ID	= 0x04,
	ISM_CMD_DEL_VLAN_ID	= 0x05,
	ISM_CMD_SET_VLAN	= 0x06,
	ISM_CMD_RESET_VLAN	= 0x07,
	ISM_CMD_QUERY_INFO	= 0x08,
	ISM_CMD_QUERY_RGID	= 0x09,
	ISM_CMD_REG_DMB		= 0x0a,
	ISM_CMD_UNREG_DMB	= 0x0b,
	ISM_CMD_SIGNAL_IEQ	= 0x0e,
	ISM_CMD_UNREG_SBA	= 0x11,
	ISM_CMD_UNREG_IEQ	= 0x12,
};

/*
 * What the device answers to a command. Only 0 is known of the hardware, whose
 * other codes are not public: these are the ones of the QEMU model.
 */
enum ism_code {
	ISM_CODE_DONE			= 0,
	ISM_CODE_NO_SUCH_COMMAND	= 0x0101,
	ISM_CODE_REQUEST_LEN		= 0x0102,
	ISM_CODE_REGISTERED		= 0x0201,
	ISM_CODE_NOT_REGISTERED		= 0x0202,
	ISM_CODE_IN_USE			= 0x0203,
	ISM_CODE_ALIGNMENT		= 0x0301,
	ISM_CODE_SIZE			= 0x0302,
	ISM_CODE_INDEX			= 0x0303,
	ISM_CODE_TOKEN			= 0x0304,
	ISM_CODE_NOT_MAPPED		= 0x0305,
	ISM_CODE_NO_TOKENS		= 0x0306,
	ISM_CODE_UNREACHABLE		= 0x0401,
	ISM_CODE_NOT_LISTENING		= 0x0402,
	ISM_CODE_VLAN_ID		= 0x0501,
	ISM_CODE_NO_VLANS		= 0x0502,
	ISM_CODE_VLAN_REQUIRED		= 0x0503,
	ISM_CODE_NO_ANSWER		= 0xffff,	/* the library's own */
};

/* Types and codes of the entries in the event queue */
enum ism_ieq_type {
	ISM_IEQ_BUFFER		= 0,	/* tok is a DMB token */
	ISM_IEQ_DEVICE		= 1,	/* tok is a GID */
	ISM_IEQ_SOFTWARE	= 2,	/* tok is the sender's GID */
};

enum ism_ieq_code {
	ISM_DEV_GID_ERR_STATE		= 0x01,
	ISM_BUF_OWNER_ERR_STATE		= 0x02,
	ISM_BUF_USER_ERR_STATE		= 0x03,
	ISM_BUF_DMB_UNREGISTERED	= 0x04,
	ISM_BUF_VLAN_MISMATCH_OWNER	= 0x05,
	ISM_BUF_VLAN_MISMATCH_USER	= 0x06,
	ISM_DEV_GID_DISABLED		= 0x07,
	ISM_BUF_USER_DISABLED		= 0x08,
};

/**
 * struct ism_info - what QUERY_INFO says about a function
 * @version: of the interface
 * @max_len: longest command that the device takes, in bytes
 * @state: of the function, as the device numbers it
 * @gid: the function's own GID
 * @sba: IOVA of the registered SBA, 0 without
 * @ieq: IOVA of the registered event queue, 0 without
 * @ieq_len: its length
 * @dmbs_owned: DMBs that this function registered
 * @dmbs_used: DMBs of others that this function may write
 * @vlan_required: whether DMBs need a VLAN
 * @nr_vlans: valid entries in @vlan, at most ISM_VLAN_IDS
 * @vlan: VLAN ids that the function is a member of
 */
struct ism_info {
	uint32_t version;
	uint32_t max_len;
	uint64_t state;
	uint64_t gid;
	uint64_t sba;
	uint64_t ieq;
	uint32_t ieq_len;
	uint32_t dmbs_owned;
	uint32_t dmbs_used;
	uint32_t vlan_required;
	uint32_t nr_vlans;
	uint16_t vlan[ISM_VLAN_IDS];
};

/**
 * struct ism_region - a region of the vfio device
 * @offset: in the file of ism_device_fd()
 * @size: in bytes; 0 where the function has none
 * @flags: VFIO_REGION_INFO_FLAG_* of <linux/vfio.h>
 */
struct ism_region {
	uint64_t offset;
	uint64_t size;
	uint32_t flags;
};

/**
 * struct ism_range - IOVAs that the kernel allows
 * @first: the lowest
 * @last: the highest
 */
struct ism_range {
	uint64_t first;
	uint64_t last;
};

/**
 * struct ism_nodes - open files of a function, see ism_nodes_open()
 * @iommu: of /dev/vfio/vfio, or of /dev/iommu
 * @group: of /dev/vfio/N; -1 with iommufd
 * @device: of /dev/vfio/devices/vfioN; -1 with a group
 * @maxstbl: longest store block, which sysfs tells
 */
struct ism_nodes {
	int iommu;
	int group;
	int device;
	unsigned int maxstbl;
};

struct ism;

/**
 * struct ism_dmb - a DMB of this function; made by the library, read-only
 * @mem: its memory, which the peer writes at any time
 * @len: bytes, a multiple of the page size
 * @iova: where the function sees @mem
 * @tok: the token to tell the peer; ism_reset() changes it
 * @rgid: the one GID that may write
 * @vlan: VLAN id or ISM_NO_VLAN
 * @idx: the DMB's number in the SBA
 * @registered: whether @rgid can write it, and @tok, @rgid and @vlan are valid
 * @ism: the function it belongs to
 */
struct ism_dmb {
	void *mem;
	size_t len;
	uint64_t iova;
	uint64_t tok;
	uint64_t rgid;
	int vlan;
	unsigned int idx;
	bool registered;
	struct ism *ism;
};

/**
 * enum ism_event_kind - what happened
 * @ISM_EVENT_SIGNAL: the peer set signal bits of a DMB
 * @ISM_EVENT_IEQ: an entry of the event queue
 * @ISM_EVENT_ERROR: the kernel reports an error of the function: it needs
 *	ism_reset() before it works again
 * @ISM_EVENT_REQUEST: somebody wants the function back (driver unbind or
 *	unplug): close it
 */
enum ism_event_kind {
	ISM_EVENT_SIGNAL,
	ISM_EVENT_IEQ,
	ISM_EVENT_ERROR,
	ISM_EVENT_REQUEST,
};

/**
 * struct ism_event - one event
 * @kind: decides which of the following are set
 * @dmb: SIGNAL: the DMB
 * @mask: SIGNAL: which signals arrived since the last time, see
 *	ism_signal_in()
 * @type: IEQ: enum ism_ieq_type
 * @code: IEQ: enum ism_ieq_code, or the sender's own for a software event
 * @tok: IEQ: DMB token or GID, by @type
 * @time: IEQ: the device's clock
 * @info: IEQ: further data; the sender's own for a software event
 */
struct ism_event {
	enum ism_event_kind kind;
	struct ism_dmb *dmb;
	uint16_t mask;
	uint32_t type;
	uint32_t code;
	uint64_t tok;
	uint64_t time;
	uint64_t info;
};

/**
 * struct ism_stats - what a handle did since it was opened
 * @stores: store blocks to DMBs that the device took
 * @store_bytes: their bytes
 * @signals: those of them that carried a signal
 * @commands: commands given
 * @command_stores: store blocks to the command window
 * @interrupts: interrupts that the eventfd counted
 */
struct ism_stats {
	uint64_t stores;
	uint64_t store_bytes;
	uint64_t signals;
	uint64_t commands;
	uint64_t command_stores;
	uint64_t interrupts;
};

/* A function */
struct ism *ism_new(void);
void ism_free(struct ism *ism);
int ism_open(struct ism *ism, const char *name, enum ism_iommu how);
int ism_nodes_open(struct ism *ism, const char *name, enum ism_iommu how,
		   struct ism_nodes *nodes);
void ism_nodes_close(struct ism_nodes *nodes);
int ism_open_nodes(struct ism *ism, const char *name,
		   const struct ism_nodes *nodes);
void ism_close(struct ism *ism);
int ism_reset(struct ism *ism);
const char *ism_strerror(struct ism *ism);
const char *ism_name(const struct ism *ism);
const char *ism_transport(const struct ism *ism);
int ism_device_fd(const struct ism *ism);
uint64_t ism_gid(const struct ism *ism);
unsigned int ism_maxstbl(const struct ism *ism);
int ism_get_region(const struct ism *ism, unsigned int index,
		   struct ism_region *region);
unsigned int ism_iova_ranges(const struct ism *ism, struct ism_range *ranges,
			     unsigned int max);
void ism_get_stats(struct ism *ism, struct ism_stats *stats);

/* Commands */
int ism_cmd(struct ism *ism, uint32_t cmd, const void *body, size_t len,
	    void *resp, size_t resp_len);
unsigned int ism_cmd_code(struct ism *ism);
const char *ism_cmd_name(uint32_t cmd);
const char *ism_code_name(unsigned int code);
int ism_cmd_reg_sba(struct ism *ism, uint64_t iova);
int ism_cmd_unreg_sba(struct ism *ism);
int ism_cmd_reg_ieq(struct ism *ism, uint64_t iova, uint64_t len);
int ism_cmd_unreg_ieq(struct ism *ism);
int ism_cmd_read_gid(struct ism *ism, uint64_t *gid);
int ism_cmd_query_info(struct ism *ism, struct ism_info *info);
int ism_cmd_query_rgid(struct ism *ism, uint64_t rgid, int vlan);
int ism_cmd_add_vlan_id(struct ism *ism, uint64_t vlan);
int ism_cmd_del_vlan_id(struct ism *ism, uint64_t vlan);
int ism_cmd_set_vlan(struct ism *ism);
int ism_cmd_reset_vlan(struct ism *ism);
int ism_cmd_reg_dmb(struct ism *ism, const struct ism_dmb *dmb, uint64_t *tok);
int ism_cmd_unreg_dmb(struct ism *ism, uint64_t tok);
int ism_cmd_signal_ieq(struct ism *ism, uint64_t rgid, bool irq, uint32_t code,
		       uint64_t info);

/* Memory */
int ism_dmb_alloc(struct ism *ism, size_t len, uint64_t rgid, int vlan,
		  struct ism_dmb **dmb);
int ism_dmb_new(struct ism *ism, void *mem, size_t len, struct ism_dmb **dmb);
int ism_dmb_register(struct ism_dmb *dmb, uint64_t rgid, int vlan);
int ism_dmb_unregister(struct ism_dmb *dmb);
int ism_dmb_free(struct ism_dmb *dmb);
int ism_move(struct ism *ism, uint64_t tok, uint32_t offset, const void *src,
	     size_t len, int signal);

/* Events */
int ism_fd(const struct ism *ism);
int ism_wait(struct ism *ism, int timeout_ms);
int ism_next_event(struct ism *ism, struct ism_event *ev);
const char *ism_ieq_code_name(uint32_t type, uint32_t code);

/**
 * ism_signal_in() - whether a signal's bit is in a mask
 * @mask: of a signal event
 * @signal: 0 to 15, as given to ism_move()
 *
 * Return: whether this signal arrived.
 */
static inline bool ism_signal_in(uint16_t mask, int signal)
{
	return mask & (0x8000u >> signal);
}

#ifdef __cplusplus
}
#endif

#endif /* ISM_H */
