// SPDX-License-Identifier: MIT
/*
 * What the subcommands of ismctl share
 */
#include <errno.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "context.h"
#include "gid.h"

#define OPEN_NS		5000000000ll	/* for another process to let go */
#define OPEN_RETRY_US	50000

/**
 * fail() - note how a run ends
 * @ctx: context
 * @status: exit code
 * @fmt: sentence for the user; the first failure is the one that is kept
 *
 * Return: the status that was noted first.
 */
int fail(struct context *ctx, enum status status, const char *fmt, ...)
{
	va_list ap;

	if (ctx->status)
		return (int)ctx->status;
	va_start(ap, fmt);
	vsnprintf(ctx->error, sizeof(ctx->error), fmt, ap);
	va_end(ap);
	ctx->status = status;
	return (int)status;
}

/**
 * fail_ism() - note that the library failed
 * @ctx: context
 * @ism: handle that has the sentence
 *
 * Return: the status that was noted first.
 */
int fail_ism(struct context *ctx, struct ism *ism)
{
	return fail(ctx, STATUS_FAILED, "%s", ism_strerror(ism));
}

/**
 * now_ns() - read the monotonic clock
 *
 * Return: nanoseconds.
 */
int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/**
 * context_open() - open the function
 * @ctx: context
 *
 * A function is busy for a moment after its process was killed, and while
 * another ismctl asks it for its GID.
 *
 * Return: 0 or a status after fail().
 */
int context_open(struct context *ctx)
{
	int64_t begin = now_ns();
	int ret;

	ctx->ism = ism_new();
	if (!ctx->ism)
		return fail(ctx, STATUS_FAILED, "out of memory");
	while ((ret = ism_open(ctx->ism, ctx->function, ctx->iommu)) == -EBUSY &&
	       now_ns() - begin < OPEN_NS)
		usleep(OPEN_RETRY_US);
	if (ret)
		return fail_ism(ctx, ctx->ism);
	gid_publish(ctx->function, ism_gid(ctx->ism));
	return 0;
}

/**
 * context_close() - give the function back and keep its counters
 * @ctx: context, with or without an open function; its handle stays, for the
 *	GID that a summary shows
 */
void context_close(struct context *ctx)
{
	if (!ctx->ism)
		return;
	ism_get_stats(ctx->ism, &ctx->stats);
	if (ism_fd(ctx->ism) >= 0)
		gid_unpublish(ctx->function);
	ism_close(ctx->ism);
}
