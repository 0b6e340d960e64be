// SPDX-License-Identifier: MIT
/*
 * libism: what a command sends, and what is made of the answer, byte by byte
 */
#include <errno.h>
#include <string.h>

#include "fixture.h"

TEST_F(libism, encodes_commands)
{
	const struct mock *m = self->m;

	ASSERT_EQ(0, ism_cmd_query_rgid(self->ism, PEER, ISM_NO_VLAN));
	EXPECT_EQ(0x09, last(m)->code);
	EXPECT_EQ(24, last(m)->len);
	EXPECT_EQ(PEER, get(last(m)->body, 8));
	EXPECT_EQ(0, get(last(m)->body + 8, 8));
	ASSERT_EQ(0, ism_cmd_query_rgid(self->ism, PEER, 0x123));
	EXPECT_EQ(0x100000123, get(last(m)->body + 8, 8));
	ASSERT_EQ(0, ism_cmd_signal_ieq(self->ism, PEER, true, 0xaabbccdd, 42));
	EXPECT_EQ(0x0e, last(m)->code);
	EXPECT_EQ(32, last(m)->len);
	EXPECT_EQ(PEER, get(last(m)->body, 8));
	EXPECT_EQ(0xaabbccdd, get(last(m)->body + 12, 4));
	EXPECT_EQ(42, get(last(m)->body + 16, 8));
	ASSERT_EQ(0, ism_cmd_add_vlan_id(self->ism, 0x1fff));
	EXPECT_EQ(0x04, last(m)->code);
	EXPECT_EQ(0x1fff, get(last(m)->body, 8));
	ASSERT_EQ(0, ism_cmd_del_vlan_id(self->ism, 7));
	EXPECT_EQ(0x05, last(m)->code);
	EXPECT_EQ(7, get(last(m)->body, 8));
	ASSERT_EQ(0, ism_cmd_set_vlan(self->ism));
	EXPECT_EQ(0x06, last(m)->code);
	ASSERT_EQ(0, ism_cmd_reset_vlan(self->ism));
	EXPECT_EQ(0x07, last(m)->code);
	EXPECT_EQ(8, last(m)->len);
}

TEST_F(libism, decodes_info)
{
	uint8_t *resp = self->m->resp;
	struct ism_info info;

	self->m->resp_len = 200;
	put(resp, 4, 2);
	put(resp + 4, 4, 0x100);
	put(resp + 8, 8, 0x3333);
	put(resp + 16, 8, GID);
	put(resp + 24, 8, 0x1000);
	put(resp + 32, 8, 0x2000);
	put(resp + 40, 4, 512);
	put(resp + 48, 4, 11);
	put(resp + 52, 4, 12);
	put(resp + 56, 4, 1);
	put(resp + 60, 4, 1000);
	for (unsigned int i = 0; i < ISM_VLAN_IDS; i++)
		put(resp + 64 + 2 * i, 2, 0x100 + i);
	ASSERT_EQ(0, ism_cmd_query_info(self->ism, &info));
	EXPECT_EQ(2, info.version);
	EXPECT_EQ(0x100, info.max_len);
	EXPECT_EQ(0x3333, info.state);
	EXPECT_EQ(GID, info.gid);
	EXPECT_EQ(0x1000, info.sba);
	EXPECT_EQ(0x2000, info.ieq);
	EXPECT_EQ(512, info.ieq_len);
	EXPECT_EQ(11, info.dmbs_owned);
	EXPECT_EQ(12, info.dmbs_used);
	EXPECT_EQ(1, info.vlan_required);
	EXPECT_EQ(ISM_VLAN_IDS, info.nr_vlans);
	EXPECT_EQ(0x100, info.vlan[0]);
	EXPECT_EQ(0x13f, info.vlan[63]);
}

TEST_F(libism, zeroes_what_was_not_sent)
{
	struct ism_info info;

	memset(self->m->resp, 0xff, sizeof(self->m->resp));
	self->m->resp_len = 8 + 8;
	ASSERT_EQ(0, ism_cmd_query_info(self->ism, &info));
	EXPECT_EQ(0xffffffff, info.max_len);
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, info.nr_vlans);
	EXPECT_EQ(0, info.vlan[63]);
}

TEST_F(libism, keeps_out_what_has_no_room)
{
	uint64_t resp[2] = { 1, 2 };

	memset(self->m->resp, 0xff, sizeof(self->m->resp));
	self->m->resp_len = WINDOW;
	ASSERT_EQ(0, ism_cmd(self->ism, ISM_CMD_READ_GID, NULL, 0, resp, 8));
	EXPECT_EQ(UINT64_MAX, resp[0]);
	EXPECT_EQ(2, resp[1]);
}

TEST_F(libism, takes_no_response_of_impossible_length)
{
	uint64_t gid;

	self->m->resp_len = 7;
	EXPECT_EQ(-EPROTO, ism_cmd_read_gid(self->ism, &gid));
	self->m->resp_len = WINDOW + 1;
	EXPECT_EQ(-EPROTO, ism_cmd_read_gid(self->ism, &gid));
}

TEST_F(libism, sends_the_longest_body_only)
{
	uint8_t body[WINDOW];

	memset(body, 0xab, sizeof(body));
	ASSERT_EQ(0, ism_cmd(self->ism, 0x77, body, WINDOW - 8, NULL, 0));
	EXPECT_EQ(WINDOW, last(self->m)->len);
	EXPECT_EQ(0, memcmp(last(self->m)->body, body, WINDOW - 8));
	EXPECT_EQ(-EINVAL, ism_cmd(self->ism, 0x77, body, WINDOW, NULL, 0));
}

TEST_F(libism, turns_codes_into_errors)
{
	self->m->code = 0x0401;
	EXPECT_EQ(-EHOSTUNREACH, ism_cmd_query_rgid(self->ism, PEER, -1));
	EXPECT_EQ(0x0401, ism_cmd_code(self->ism));
	EXPECT_NE(NULL, strstr(ism_strerror(self->ism), "0011:00:00.0: "));
	EXPECT_NE(NULL, strstr(ism_strerror(self->ism), "QUERY_RGID"));
	self->m->code = 0xabcd;
	EXPECT_EQ(-EREMOTEIO, ism_cmd_set_vlan(self->ism));
	EXPECT_EQ(0xabcd, ism_cmd_code(self->ism));
	self->m->load_ret = -EIO;
	EXPECT_EQ(-EIO, ism_cmd_set_vlan(self->ism));
	EXPECT_EQ(0xffff, ism_cmd_code(self->ism));
	self->m->load_ret = 0;
}

TEST_HARNESS_MAIN
