// SPDX-License-Identifier: MIT
/*
 * AF_SMC over the kernel's ism driver: both ends of a connection are here, on
 * the loopback interface, and the functions are below
 *
 *   smc -f two_functions   two functions that reach each other, and neither
 *                          itself
 *   smc -f two_fabrics     two functions that reach nothing
 */
#include <arpa/inet.h>
#include <linux/smc_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "smc-netlink.h"

#define TRANSFER	(64ul << 20)	/* bytes */
#define CHUNK		(32u << 10)	/* words sent by one call */
#define CONNECTIONS	10
#define SMCPROTO_SMC	0		/* over IPv4; no header has it */

/* ---- a connection -------------------------------------------------------- */

struct connection {
	int listener;
	int client;
	int server;
};

/* SMC shakes hands for the listener, before accept() */
static int open_connection(struct connection *c)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);

	c->server = -1;
	c->listener = socket(AF_SMC, SOCK_STREAM, SMCPROTO_SMC);
	c->client = socket(AF_SMC, SOCK_STREAM, SMCPROTO_SMC);
	if (c->listener < 0 || c->client < 0 ||
	    bind(c->listener, (struct sockaddr *)&addr, len) ||
	    getsockname(c->listener, (struct sockaddr *)&addr, &len) ||
	    listen(c->listener, 1) ||
	    connect(c->client, (struct sockaddr *)&addr, len))
		return -errno;
	c->server = accept(c->listener, NULL, NULL);
	return c->server < 0 ? -errno : 0;
}

static void close_connection(struct connection *c)
{
	close(c->server);
	close(c->client);
	close(c->listener);
}

/* ---- a transfer ---------------------------------------------------------- */

/**
 * struct transfer - bytes from one socket to the other
 * @from: who sends
 * @to: who receives
 * @seed: other words each time, so that no old ones are taken for new
 * @error: of the sender, 0 or an errno
 */
struct transfer {
	int from;
	int to;
	uint64_t seed;
	int error;
};

/* The word at that place: each is another */
static uint64_t word(const struct transfer *t, size_t place)
{
	return t->seed + place * 0x9e3779b97f4a7c15ull;
}

static bool send_all(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static void *sender(void *arg)
{
	struct transfer *t = arg;
	uint64_t chunk[CHUNK];

	for (size_t done = 0; done < TRANSFER / sizeof(*chunk); done += CHUNK) {
		for (size_t i = 0; i < CHUNK; i++)
			chunk[i] = word(t, done + i);
		if (!send_all(t->from, chunk, sizeof(chunk))) {
			t->error = errno;
			break;
		}
	}
	shutdown(t->from, SHUT_WR);
	return NULL;
}

/* Up to the end of what is sent; empty, or what was wrong; so do others below */
static const char *receiver(const struct transfer *t)
{
	uint64_t chunk[CHUNK];
	size_t done = 0;
	ssize_t n;

	while ((n = recv(t->to, chunk, sizeof(chunk), MSG_WAITALL)) > 0) {
		for (size_t i = 0; i < n / sizeof(*chunk); i++)
			if (chunk[i] != word(t, done / sizeof(*chunk) + i))
				return "other bytes came than were sent";
		done += n;
	}
	if (n < 0)
		return strerror(errno);
	return done == TRANSFER ? "" : "not as many bytes came as were sent";
}

static const char *transfer(int from, int to, uint64_t seed)
{
	struct transfer t = { .from = from, .to = to, .seed = seed };
	const char *wrong;
	pthread_t thread;

	if (pthread_create(&thread, NULL, sender, &t))
		return "no thread";
	wrong = receiver(&t);
	/* it may still be sending to one that gave up */
	if (*wrong)
		shutdown(to, SHUT_RDWR);
	pthread_join(thread, NULL);
	return t.error ? strerror(t.error) : wrong;
}

/* ---- over SMC-D ---------------------------------------------------------- */

FIXTURE(two_functions)
{
	struct connection c;
};

FIXTURE_SETUP(two_functions)
{
	ASSERT_EQ(0, open_connection(&self->c)) TH_LOG("%m");
}

FIXTURE_TEARDOWN(two_functions)
{
	close_connection(&self->c);
}

static const char *smcd_of_two(const struct connection *c)
{
	struct smc_link client, server;

	if (smc_get_link(c->client, &client) || smc_get_link(c->server, &server))
		return "smc_diag does not say";
	if (client.mode != SMC_DIAG_MODE_SMCD || server.mode != SMC_DIAG_MODE_SMCD)
		return "not SMC-D";
	if (client.my_gid != server.peer_gid || server.my_gid != client.peer_gid)
		return "the two ends do not agree on their GIDs";
	if (client.my_gid == client.peer_gid)
		return "one function talks to itself";
	return "";
}

TEST_F(two_functions, both_sockets_are_smcd_with_the_gids_of_two_functions)
{
	ASSERT_STREQ("", smcd_of_two(&self->c));
}

TEST_F_TIMEOUT(two_functions,
	       each_byte_of_64_mib_arrives_on_each_of_ten_connections, 300)
{
	struct smc_stats before, after;

	ASSERT_EQ(0, smc_get_stats(&before));
	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		struct connection c;

		ASSERT_EQ(0, open_connection(&c)) TH_LOG("%m");
		ASSERT_STREQ("", smcd_of_two(&c));
		ASSERT_STREQ("", i % 2 ? transfer(c.client, c.server, i) :
					 transfer(c.server, c.client, i));
		close_connection(&c);
	}
	ASSERT_EQ(0, smc_get_stats(&after));
	EXPECT_EQ(2 * CONNECTIONS, after.smcd - before.smcd);
	EXPECT_EQ(CONNECTIONS * TRANSFER, after.sent - before.sent);
	EXPECT_EQ(CONNECTIONS * TRANSFER, after.received - before.received);
	EXPECT_EQ(0, after.smcr);
	EXPECT_EQ(0, after.fallbacks);
}

/* ---- where there is no way ----------------------------------------------- */

FIXTURE(two_fabrics)
{
	struct connection c;
};

FIXTURE_SETUP(two_fabrics)
{
	ASSERT_EQ(0, open_connection(&self->c)) TH_LOG("%m");
}

FIXTURE_TEARDOWN(two_fabrics)
{
	close_connection(&self->c);
}

TEST_F_TIMEOUT(two_fabrics,
	       both_sockets_fall_back_to_tcp_and_each_byte_of_64_mib_arrives, 120)
{
	struct smc_link client, server;
	struct smc_stats stats;

	ASSERT_EQ(0, smc_get_link(self->c.client, &client));
	ASSERT_EQ(0, smc_get_link(self->c.server, &server));
	EXPECT_EQ(SMC_DIAG_MODE_FALLBACK_TCP, client.mode);
	EXPECT_EQ(SMC_DIAG_MODE_FALLBACK_TCP, server.mode);
	ASSERT_STREQ("", transfer(self->c.client, self->c.server, 1));

	ASSERT_EQ(0, smc_get_stats(&stats));
	EXPECT_EQ(2, stats.fallbacks);
	EXPECT_EQ(0, stats.smcd);
	EXPECT_EQ(0, stats.sent);
}

TEST_HARNESS_MAIN
