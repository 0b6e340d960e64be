// SPDX-License-Identifier: MIT
/*
 * smc_diag and SMC's statistics, over netlink
 */
#include <errno.h>
#include <linux/smc.h>
#include <linux/smc_diag.h>
#include <linux/sock_diag.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "smc-netlink.h"

/* Have the answer, all of its messages, go to @parse */
static int receive(struct nl_sock *nl, nl_recvmsg_msg_cb_t parse, void *arg)
{
	nl_socket_modify_cb(nl, NL_CB_VALID, NL_CB_CUSTOM, parse, arg);
	return nl_recvmsgs_default(nl) < 0 ? -EPROTO : 0;
}

/* smc_diag */

struct wanted {
	ino_t inode;
	struct smc_link *link;
	bool found;
};

static int parse_link(struct nl_msg *msg, void *arg)
{
	const struct smc_diag_msg *diag = nlmsg_data(nlmsg_hdr(msg));
	const struct smcd_diag_dmbinfo *dmb;
	struct wanted *w = arg;
	struct nlattr *attr;

	if (diag->diag_inode != w->inode)
		return NL_OK;
	w->found = true;
	*w->link = (struct smc_link) { .mode = diag->diag_mode };
	attr = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(*diag), SMC_DIAG_DMBINFO);
	if (attr) {
		dmb = nla_data(attr);
		w->link->my_gid = dmb->my_gid;
		w->link->peer_gid = dmb->peer_gid;
	}
	return NL_OK;
}

int smc_get_link(int socket, struct smc_link *link)
{
	struct smc_diag_req req = {
		.diag_family = AF_SMC,
		.diag_ext = 1 << (SMC_DIAG_DMBINFO - 1),
	};
	struct wanted w = { .link = link };
	struct nl_sock *nl;
	struct stat st;
	int ret = -EPROTO;

	if (fstat(socket, &st))
		return -errno;
	w.inode = st.st_ino;
	nl = nl_socket_alloc();
	if (!nl)
		return -ENOMEM;
	if (!nl_connect(nl, NETLINK_SOCK_DIAG) &&
	    nl_send_simple(nl, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &req,
			   sizeof(req)) >= 0)
		ret = receive(nl, parse_link, &w);
	nl_socket_free(nl);
	if (!ret && !w.found)
		ret = -ENOENT;
	return ret;
}

/* Statistics */

static struct nlattr *top(struct nl_msg *msg, int type)
{
	struct genlmsghdr *genl = nlmsg_data(nlmsg_hdr(msg));

	return nla_find(genlmsg_attrdata(genl, 0), genlmsg_attrlen(genl, 0),
			type);
}

static struct nlattr *in(struct nlattr *nest, int type)
{
	return nest ? nla_find(nla_data(nest), nla_len(nest), type) : NULL;
}

static uint64_t number(struct nlattr *nest, int type)
{
	struct nlattr *attr = in(nest, type);

	return attr ? nla_get_u64(attr) : 0;
}

static uint64_t connections(struct nlattr *tech)
{
	return number(tech, SMC_NLA_STATS_T_CLNT_V1_SUCC) +
	       number(tech, SMC_NLA_STATS_T_CLNT_V2_SUCC) +
	       number(tech, SMC_NLA_STATS_T_SRV_V1_SUCC) +
	       number(tech, SMC_NLA_STATS_T_SRV_V2_SUCC);
}

static int parse_stats(struct nl_msg *msg, void *arg)
{
	struct nlattr *all = top(msg, SMC_GEN_STATS);
	struct nlattr *smcd = in(all, SMC_NLA_STATS_SMCD_TECH);
	struct smc_stats *stats = arg;

	stats->smcd = connections(smcd);
	stats->smcr = connections(in(all, SMC_NLA_STATS_SMCR_TECH));
	stats->sent = number(smcd, SMC_NLA_STATS_T_TX_BYTES);
	stats->received = number(smcd, SMC_NLA_STATS_T_RX_BYTES);
	return NL_OK;
}

/* An entry for each reason; the first has the sums */
static int parse_fallbacks(struct nl_msg *msg, void *arg)
{
	struct nlattr *entry = top(msg, SMC_GEN_FBACK_STATS);
	struct smc_stats *stats = arg;

	stats->fallbacks += number(entry, SMC_NLA_FBACK_STATS_SRV_CNT) +
			    number(entry, SMC_NLA_FBACK_STATS_CLNT_CNT);
	return NL_OK;
}

static int dump(struct nl_sock *nl, int family, int cmd,
		nl_recvmsg_msg_cb_t parse, void *arg)
{
	if (genl_send_simple(nl, family, cmd, SMC_GENL_FAMILY_VERSION,
			     NLM_F_DUMP) < 0)
		return -EPROTO;
	return receive(nl, parse, arg);
}

int smc_get_stats(struct smc_stats *stats)
{
	struct nl_sock *nl = nl_socket_alloc();
	int family, ret = -EPROTO;

	if (!nl)
		return -ENOMEM;
	memset(stats, 0, sizeof(*stats));
	family = genl_connect(nl) ? -1 :
		 genl_ctrl_resolve(nl, SMC_GENL_FAMILY_NAME);
	if (family >= 0)
		ret = dump(nl, family, SMC_NETLINK_GET_STATS, parse_stats,
			   stats);
	if (!ret)
		ret = dump(nl, family, SMC_NETLINK_GET_FBACK_STATS,
			   parse_fallbacks, stats);
	nl_socket_free(nl);
	return ret;
}
