// SPDX-License-Identifier: MIT
/*
 * ismctl signal: an event into the queue of a peer, or a signal of its DMB
 */
#include "command.h"
#include "gid.h"

static const char *peer;
static uint64_t code;
static uint64_t info;
static uint64_t token;
static uint64_t number;

static const struct command_option options[] = {
	OPTION_TO(&peer),
	{ .name = "code", .key = 'C', .value = "N", .number = &code,
	  .max = UINT32_MAX, .help = "Code of the event (default: 0)" },
	{ .name = "info", .key = 'I', .value = "N", .number = &info,
	  .max = UINT64_MAX, .help = "Info of the event (default: 0)" },
	{ .name = "token", .key = 'k', .value = "TOKEN", .number = &token,
	  .min = 1, .max = UINT64_MAX,
	  .help = "Store one byte, 0, to the begin of this DMB of the peer's, with a signal, in place of an event" },
	{ .name = "signal", .key = 'g', .value = "N", .number = &number,
	  .max = ISM_SIGNALS - 1,
	  .help = "Number of the signal, 0 to 15 (default: 0)" },
	{ 0 }
};

static int run(struct context *ctx)
{
	uint64_t gid;
	int ret;

	ret = gid_resolve(ctx, peer, &gid);
	if (!ret)
		ret = context_open(ctx);
	if (ret)
		goto close;
	if (token)
		ret = ism_move(ctx->ism, token, 0, "", 1, (int)number);
	else
		ret = ism_cmd_signal_ieq(ctx->ism, gid, true, (uint32_t)code,
					 info);
	if (ret)
		ret = fail_ism(ctx, ctx->ism);
close:
	context_close(ctx);
	return ret;
}

const struct command command_signal = {
	.name = "signal",
	.args = "FUNCTION --to PEER",
	.summary = "send an event or a signal",
	.help = "Put an event into the event queue of a peer, or signal one of its DMBs.",
	.options = options,
	.wants = WANTS_FUNCTION,
	.run = run,
};
