/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says about sockets of AF_SMC
 */
#ifndef SMC_NETLINK_H
#define SMC_NETLINK_H

#include <stdint.h>
#include <sys/types.h>

/**
 * struct smc_link - how a socket is connected
 * @mode: SMC_DIAG_MODE_SMCD or another of linux/smc_diag.h
 * @my_gid: of the function on this side; 0 unless it is SMC-D
 * @peer_gid: of the one on the other side
 */
struct smc_link {
	unsigned int mode;
	uint64_t my_gid;
	uint64_t peer_gid;
};

/**
 * struct smc_stats - counters of this network namespace
 * @smcd: connections over SMC-D, counted at both sides
 * @smcr: connections over SMC-R, likewise
 * @sent: bytes over SMC-D
 * @received: bytes over SMC-D
 * @fallbacks: connections that went on as TCP, counted at both sides
 */
struct smc_stats {
	uint64_t smcd;
	uint64_t smcr;
	uint64_t sent;
	uint64_t received;
	uint64_t fallbacks;
};

/**
 * smc_get_link() - ask smc_diag about a socket
 * @socket: of AF_SMC
 * @link: filled in
 *
 * Return: 0, -ENOENT when smc_diag does not know it, or another negative errno.
 */
int smc_get_link(int socket, struct smc_link *link);

/**
 * smc_get_stats() - ask SMC for its statistics
 * @stats: filled in
 *
 * Return: 0 or a negative errno.
 */
int smc_get_stats(struct smc_stats *stats);

#endif /* SMC_NETLINK_H */
