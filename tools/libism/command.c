// SPDX-License-Identifier: MIT
/*
 * libism: the command window
 */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "error.h"
#include "transport.h"

#define HEADER_LEN	8

struct request_header {
	uint32_t cmd;
	uint16_t reserved;
	uint16_t len;
};

struct response_header {
	uint32_t cmd;
	uint16_t ret;
	uint16_t len;
};

struct be_info {
	uint32_t version;
	uint32_t max_len;
	uint64_t state;
	uint64_t gid;
	uint64_t sba;
	uint64_t ieq;
	uint32_t ieq_len;
	uint32_t reserved;
	uint32_t dmbs_owned;
	uint32_t dmbs_used;
	uint32_t vlan_required;
	uint32_t nr_vlans;
	uint16_t vlan[ISM_VLAN_IDS];
};

struct be_reg_dmb {
	uint64_t iova;
	uint32_t len;
	uint32_t idx;
	uint32_t vlan_valid;
	uint32_t vlan;
	uint64_t rgid;
};

struct be_rgid {
	uint64_t rgid;
	uint32_t vlan_valid;
	uint32_t vlan;
};

struct be_signal {
	uint64_t rgid;
	uint32_t irq;
	uint32_t code;
	uint64_t info;
};

_Static_assert(sizeof(struct be_info) == 200 - HEADER_LEN, "QUERY_INFO layout");
_Static_assert(sizeof(struct be_reg_dmb) == 40 - HEADER_LEN, "REG_DMB layout");
_Static_assert(sizeof(struct be_rgid) == 24 - HEADER_LEN, "QUERY_RGID layout");
_Static_assert(sizeof(struct be_signal) == 32 - HEADER_LEN, "SIGNAL_IEQ layout");

static const struct {
	enum ism_command cmd;
	const char *name;
} commands[] = {
	{ ISM_CMD_REG_SBA, "REG_SBA" },
	{ ISM_CMD_REG_IEQ, "REG_IEQ" },
	{ ISM_CMD_READ_GID, "READ_GID" },
	{ ISM_CMD_ADD_VLAN_ID, "ADD_VLAN_ID" },
	{ ISM_CMD_DEL_VLAN_ID, "DEL_VLAN_ID" },
	{ ISM_CMD_SET_VLAN, "SET_VLAN" },
	{ ISM_CMD_RESET_VLAN, "RESET_VLAN" },
	{ ISM_CMD_QUERY_INFO, "QUERY_INFO" },
	{ ISM_CMD_QUERY_RGID, "QUERY_RGID" },
	{ ISM_CMD_REG_DMB, "REG_DMB" },
	{ ISM_CMD_UNREG_DMB, "UNREG_DMB" },
	{ ISM_CMD_SIGNAL_IEQ, "SIGNAL_IEQ" },
	{ ISM_CMD_UNREG_SBA, "UNREG_SBA" },
	{ ISM_CMD_UNREG_IEQ, "UNREG_IEQ" },
};

/* Words and errno for a device's answer */
static const struct {
	enum ism_code code;
	int err;
	const char *name;
} codes[] = {
	{ ISM_CODE_NO_SUCH_COMMAND, ENOTSUP, "no such command" },
	{ ISM_CODE_REQUEST_LEN, EINVAL, "wrong request length" },
	{ ISM_CODE_REGISTERED, EALREADY, "already registered" },
	{ ISM_CODE_NOT_REGISTERED, ENOTCONN, "not registered" },
	{ ISM_CODE_IN_USE, EBUSY, "still in use" },
	{ ISM_CODE_ALIGNMENT, EINVAL, "address not aligned, or across a boundary" },
	{ ISM_CODE_SIZE, EINVAL, "size is 0 or too large" },
	{ ISM_CODE_INDEX, EINVAL, "DMB index outside 32 to 1919" },
	{ ISM_CODE_TOKEN, ENOENT, "no DMB of this function has the token" },
	{ ISM_CODE_NOT_MAPPED, EFAULT, "memory not mapped for the function" },
	{ ISM_CODE_NO_TOKENS, ENOSPC, "out of tokens" },
	{ ISM_CODE_UNREACHABLE, EHOSTUNREACH, "no function of that GID on this fabric" },
	{ ISM_CODE_NOT_LISTENING, EAGAIN, "the remote function takes no events now" },
	{ ISM_CODE_VLAN_ID, EINVAL, "not a VLAN id, or not one of the function's" },
	{ ISM_CODE_NO_VLANS, ENOSPC, "the function has all the VLAN ids it can have" },
	{ ISM_CODE_VLAN_REQUIRED, EINVAL, "a VLAN id is required" },
};

/**
 * ism_cmd_name() - the name of a command
 * @cmd: its code
 *
 * Return: a constant string, never NULL.
 */
const char *ism_cmd_name(uint32_t cmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].cmd == cmd)
			return commands[i].name;
	return "unknown command";
}

/**
 * ism_code_name() - words for a device's answer to a command
 * @code: enum ism_code, from ism_cmd_code()
 *
 * Return: a constant string, or NULL for a code that is not known.
 */
const char *ism_code_name(unsigned int code)
{
	if (!code)
		return "done";
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return codes[i].name;
	return NULL;
}

static int code_errno(unsigned int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return codes[i].err;
	return EREMOTEIO;
}

static int store_window(struct ism *ism, uint64_t offset, const void *buf,
			size_t len)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	ssize_t n;

	n = ism->transport->store(ism, ISM_BAR_CMD, offset, &iov, 1);
	if (n < 0)
		return (int)n;
	ism_count(&ism->stats.command_stores, 1);
	return (size_t)n == len ? 0 : -EIO;
}

/* The body may come in pieces: the device looks at it when the header comes */
static int store_body(struct ism *ism, const char *body, size_t len)
{
	uint64_t offset = HEADER_LEN;
	int ret = 0;

	while (len && !ret) {
		size_t n = len < ism->maxstbl ? len : ism->maxstbl;

		ret = store_window(ism, offset, body, n);
		body += n;
		offset += n;
		len -= n;
	}
	return ret;
}

static int store_request(struct ism *ism, uint32_t cmd,
			 const void *body, size_t len)
{
	struct request_header h = {
		.cmd = htobe32(cmd),
		.len = htobe16((uint16_t)(HEADER_LEN + len)),
	};
	int ret;

	ret = store_body(ism, body, len);
	if (!ret)
		ret = store_window(ism, 0, &h, sizeof(h));
	return ret;
}

/* Read at most what the caller has room for, and zero the rest of it */
static int load_response(struct ism *ism, const struct response_header *h,
			 void *resp, size_t resp_len)
{
	size_t len = be16toh(h->len);

	if (len < HEADER_LEN || len > ISM_WINDOW)
		return -EPROTO;
	len -= HEADER_LEN;
	if (len > resp_len)
		len = resp_len;
	if (resp_len)
		memset((char *)resp + len, 0, resp_len - len);
	if (!len)
		return 0;
	return ism->transport->load(ism, ISM_BAR_CMD, HEADER_LEN, resp, len);
}

static int transact(struct ism *ism, uint32_t cmd, const void *body,
		    size_t len, void *resp, size_t resp_len)
{
	/* until the device's was read */
	struct response_header h = { .ret = htobe16(ISM_CODE_NO_ANSWER) };
	int ret;

	ism->cmd_code = ISM_CODE_NO_ANSWER;
	ret = store_request(ism, cmd, body, len);
	if (!ret)
		ret = ism->transport->load(ism, ISM_BAR_CMD, 0, &h, sizeof(h));
	if (ret)
		return ret;
	ism->cmd_code = be16toh(h.ret);
	if (ism->cmd_code)
		return 0;
	return load_response(ism, &h, resp, resp_len);
}

static int command_failed(struct ism *ism, uint32_t cmd, int ret,
			  unsigned int code)
{
	const char *name = ism_code_name(code);

	if (ret)
		return ism_fail(ism, -ret,
				"command %s got no answer: %s (an error state is left by a reset)",
				ism_cmd_name(cmd), strerror(-ret));
	if (name)
		return ism_fail(ism, code_errno(code), "command %s: %s (%#06x)",
				ism_cmd_name(cmd), name, code);
	return ism_fail(ism, EREMOTEIO, "command %s: the device answered %#06x",
			ism_cmd_name(cmd), code);
}

/**
 * ism_cmd() - give a command; the typed functions below are the usual way
 * @ism: open handle
 * @cmd: enum ism_command, or a code that the library does not know
 * @body: request after the header, big endian
 * @len: bytes of @body, a multiple of 8
 * @resp: filled with the response after the header, big endian; what the
 *	device did not send is zeroed
 * @resp_len: room in @resp, a multiple of 8
 *
 * One command at a time; others wait.
 *
 * Return: 0; an errno that stands for the device's answer, see ism_cmd_code();
 * -EIO, -ENXIO or -EPROTO when there was no proper answer.
 */
int ism_cmd(struct ism *ism, uint32_t cmd, const void *body, size_t len,
	    void *resp, size_t resp_len)
{
	unsigned int code;
	int ret;

	if (len > ISM_WINDOW - HEADER_LEN)
		return ism_fail(ism, EINVAL, "command %s: body too long",
				ism_cmd_name(cmd));
	pthread_mutex_lock(&ism->cmd_lock);
	ret = transact(ism, cmd, body, len, resp, resp_len);
	code = ism->cmd_code;
	pthread_mutex_unlock(&ism->cmd_lock);
	ism_count(&ism->stats.commands, 1);
	if (ret || code)
		return command_failed(ism, cmd, ret, code);
	return 0;
}

/**
 * ism_cmd_code() - the device's answer to the last command
 * @ism: open handle
 *
 * Return: the device's code, or ISM_CODE_NO_ANSWER when there was none.
 */
unsigned int ism_cmd_code(struct ism *ism)
{
	unsigned int code;

	pthread_mutex_lock(&ism->cmd_lock);
	code = ism->cmd_code;
	pthread_mutex_unlock(&ism->cmd_lock);
	return code;
}

static int simple(struct ism *ism, enum ism_command cmd)
{
	return ism_cmd(ism, cmd, NULL, 0, NULL, 0);
}

static int with_u64(struct ism *ism, enum ism_command cmd, uint64_t value)
{
	value = htobe64(value);
	return ism_cmd(ism, cmd, &value, sizeof(value), NULL, 0);
}

/**
 * ism_cmd_reg_sba() - register the status bits; ism_open() does it
 * @ism: open handle
 * @iova: page that the function can reach
 *
 * Return: as ism_cmd().
 */
int ism_cmd_reg_sba(struct ism *ism, uint64_t iova)
{
	return with_u64(ism, ISM_CMD_REG_SBA, iova);
}

/**
 * ism_cmd_unreg_sba() - unregister the status bits; ism_close() does it
 * @ism: open handle
 *
 * Return: as ism_cmd().
 */
int ism_cmd_unreg_sba(struct ism *ism)
{
	return simple(ism, ISM_CMD_UNREG_SBA);
}

/**
 * ism_cmd_reg_ieq() - register the event queue; ism_open() does it
 * @ism: open handle
 * @iova: where, in one page that the function can reach
 * @len: bytes, 512
 *
 * Return: as ism_cmd().
 */
int ism_cmd_reg_ieq(struct ism *ism, uint64_t iova, uint64_t len)
{
	uint64_t body[] = { htobe64(iova), htobe64(len) };

	return ism_cmd(ism, ISM_CMD_REG_IEQ, body, sizeof(body), NULL, 0);
}

/**
 * ism_cmd_unreg_ieq() - unregister the event queue; ism_close() does it
 * @ism: open handle
 *
 * Return: as ism_cmd().
 */
int ism_cmd_unreg_ieq(struct ism *ism)
{
	return simple(ism, ISM_CMD_UNREG_IEQ);
}

/**
 * ism_cmd_read_gid() - ask for the function's GID
 * @ism: open handle
 * @gid: filled in
 *
 * Return: as ism_cmd().
 */
int ism_cmd_read_gid(struct ism *ism, uint64_t *gid)
{
	uint64_t be = 0;
	int ret;

	ret = ism_cmd(ism, ISM_CMD_READ_GID, NULL, 0, &be, sizeof(be));
	if (!ret)
		*gid = be64toh(be);
	return ret;
}

static void decode_info(const struct be_info *be, struct ism_info *info)
{
	info->version = be32toh(be->version);
	info->max_len = be32toh(be->max_len);
	info->state = be64toh(be->state);
	info->gid = be64toh(be->gid);
	info->sba = be64toh(be->sba);
	info->ieq = be64toh(be->ieq);
	info->ieq_len = be32toh(be->ieq_len);
	info->dmbs_owned = be32toh(be->dmbs_owned);
	info->dmbs_used = be32toh(be->dmbs_used);
	info->vlan_required = be32toh(be->vlan_required);
	info->nr_vlans = be32toh(be->nr_vlans);
	if (info->nr_vlans > ISM_VLAN_IDS)
		info->nr_vlans = ISM_VLAN_IDS;
	for (int i = 0; i < ISM_VLAN_IDS; i++)
		info->vlan[i] = be16toh(be->vlan[i]);
}

/**
 * ism_cmd_query_info() - ask for the function's state
 * @ism: open handle
 * @info: filled in
 *
 * Return: as ism_cmd().
 */
int ism_cmd_query_info(struct ism *ism, struct ism_info *info)
{
	struct be_info be = { 0 };
	int ret;

	ret = ism_cmd(ism, ISM_CMD_QUERY_INFO, NULL, 0, &be, sizeof(be));
	if (!ret)
		decode_info(&be, info);
	return ret;
}

/**
 * ism_cmd_query_rgid() - ask whether a GID can be reached
 * @ism: open handle
 * @rgid: the remote GID
 * @vlan: through this VLAN, or ISM_NO_VLAN
 *
 * Return: 0 if it can; else as ism_cmd(), -EHOSTUNREACH where the device's
 * answer is known.
 */
int ism_cmd_query_rgid(struct ism *ism, uint64_t rgid, int vlan)
{
	struct be_rgid body = { .rgid = htobe64(rgid) };

	if (vlan >= 0) {
		body.vlan_valid = htobe32(1);
		body.vlan = htobe32((uint32_t)vlan);
	}
	return ism_cmd(ism, ISM_CMD_QUERY_RGID, &body, sizeof(body), NULL, 0);
}

/**
 * ism_cmd_add_vlan_id() - make the function a member of a VLAN
 * @ism: open handle
 * @vlan: id
 *
 * Return: as ism_cmd().
 */
int ism_cmd_add_vlan_id(struct ism *ism, uint64_t vlan)
{
	return with_u64(ism, ISM_CMD_ADD_VLAN_ID, vlan);
}

/**
 * ism_cmd_del_vlan_id() - end the function's membership of a VLAN
 * @ism: open handle
 * @vlan: id
 *
 * Return: as ism_cmd().
 */
int ism_cmd_del_vlan_id(struct ism *ism, uint64_t vlan)
{
	return with_u64(ism, ISM_CMD_DEL_VLAN_ID, vlan);
}

/**
 * ism_cmd_set_vlan() - have the function require VLANs
 * @ism: open handle
 *
 * Return: as ism_cmd().
 */
int ism_cmd_set_vlan(struct ism *ism)
{
	return simple(ism, ISM_CMD_SET_VLAN);
}

/**
 * ism_cmd_reset_vlan() - end what ism_cmd_set_vlan() began
 * @ism: open handle
 *
 * Return: as ism_cmd().
 */
int ism_cmd_reset_vlan(struct ism *ism)
{
	return simple(ism, ISM_CMD_RESET_VLAN);
}

/**
 * ism_cmd_reg_dmb() - register a DMB; ism_dmb_alloc() does it and more
 * @ism: open handle
 * @dmb: its iova, len, idx, vlan and rgid
 * @tok: filled in: the token for the peer
 *
 * Return: as ism_cmd().
 */
int ism_cmd_reg_dmb(struct ism *ism, const struct ism_dmb *dmb, uint64_t *tok)
{
	struct be_reg_dmb body = {
		.iova = htobe64(dmb->iova),
		.len = htobe32((uint32_t)dmb->len),
		.idx = htobe32(dmb->idx),
		.rgid = htobe64(dmb->rgid),
	};
	uint64_t be = 0;
	int ret;

	if (dmb->vlan >= 0) {
		body.vlan_valid = htobe32(1);
		body.vlan = htobe32((uint32_t)dmb->vlan);
	}
	ret = ism_cmd(ism, ISM_CMD_REG_DMB, &body, sizeof(body), &be,
		      sizeof(be));
	if (!ret)
		*tok = be64toh(be);
	return ret;
}

/**
 * ism_cmd_unreg_dmb() - unregister a DMB; ism_dmb_free() does it
 * @ism: open handle
 * @tok: its token
 *
 * Return: as ism_cmd().
 */
int ism_cmd_unreg_dmb(struct ism *ism, uint64_t tok)
{
	return with_u64(ism, ISM_CMD_UNREG_DMB, tok);
}

/**
 * ism_cmd_signal_ieq() - put a software event into a peer's event queue
 * @ism: open handle
 * @rgid: the peer
 * @irq: interrupt the peer; else it finds the event with its next interrupt
 * @code: for the peer, as you like
 * @info: for the peer, as you like
 *
 * The queue has 15 entries, and by its index a full one looks empty: it holds 14
 * events that the peer has not taken yet, and what is beyond may be lost. A
 * protocol needs answers and repetition.
 *
 * Return: as ism_cmd(); where the device's answers are known -EHOSTUNREACH
 * when there is no such GID and -EAGAIN when nobody uses it now.
 */
int ism_cmd_signal_ieq(struct ism *ism, uint64_t rgid, bool irq, uint32_t code,
		       uint64_t info)
{
	struct be_signal body = {
		.rgid = htobe64(rgid),
		.irq = htobe32(irq),
		.code = htobe32(code),
		.info = htobe64(info),
	};

	return ism_cmd(ism, ISM_CMD_SIGNAL_IEQ, &body, sizeof(body), NULL, 0);
}
