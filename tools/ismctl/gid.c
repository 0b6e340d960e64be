// SPDX-License-Identifier: MIT
/*
 * ismctl: from what the user calls the peer to its GID
 *
 * Only the function itself knows its GID, and only the process that has it can
 * ask. So that a function of this system can be given by its name while another
 * ismctl uses it, each one leaves its GID in a file.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gid.h"

#define RUN_DIR		"/run/ismctl"
#define RETRY_US	100000
#define PATIENCE_NS	2000000000ll

static void path_of(char *path, size_t len, const char *function)
{
	snprintf(path, len, RUN_DIR "/%s", function);
}

/**
 * gid_publish() - leave a function's GID for other processes
 * @function: PCI name of a function that this process has
 * @gid: its GID
 *
 * Best effort: without the right to, peers have to be given by their GID.
 */
void gid_publish(const char *function, uint64_t gid)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	FILE *f;
	int bad;

	mkdir(RUN_DIR, 0755);
	path_of(path, sizeof(path), function);
	snprintf(tmp, sizeof(tmp), RUN_DIR "/.%d", (int)getpid());
	f = fopen(tmp, "we");
	if (!f)
		return;
	bad = fprintf(f, "%#018llx\n", (unsigned long long)gid) < 0;
	bad |= fclose(f);
	if (bad || rename(tmp, path))
		unlink(tmp);
}

/**
 * gid_unpublish() - undo gid_publish()
 * @function: PCI name
 */
void gid_unpublish(const char *function)
{
	char path[PATH_MAX];

	path_of(path, sizeof(path), function);
	unlink(path);
}

static bool parse_gid(const char *s, uint64_t *gid)
{
	char *end;

	errno = 0;
	*gid = strtoull(s, &end, 16);
	return !errno && end != s && !*end && *gid;
}

static bool published(const char *function, uint64_t *gid)
{
	char path[PATH_MAX], line[32];
	bool found = false;
	FILE *f;

	path_of(path, sizeof(path), function);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		found = parse_gid(line, gid);
	}
	fclose(f);
	return found;
}

/**
 * gid_of() - ask a function of this system for its GID
 * @function: PCI name; a function that is free is reset
 * @iommu: interface of vfio to use
 * @gid: filled in
 * @why: room for a sentence when this fails
 * @len: of @why
 *
 * Return: 0, -EBUSY when another process has the function that is no ismctl or
 * has left no GID yet, or another negative errno.
 */
int gid_of(const char *function, enum ism_iommu iommu, uint64_t *gid,
	   char *why, size_t len)
{
	struct ism *ism = ism_new();
	int ret;

	if (!ism) {
		snprintf(why, len, "out of memory");
		return -ENOMEM;
	}
	ret = ism_open(ism, function, iommu);
	if (!ret)
		*gid = ism_gid(ism);
	else
		snprintf(why, len, "%s", ism_strerror(ism));
	ism_free(ism);
	if (ret == -EBUSY && published(function, gid))
		ret = 0;
	return ret;
}

/*
 * Another ismctl that has the peer leaves its GID in a moment. Whoever else has
 * it does not.
 */
static int ask_function(struct context *ctx, const char *peer, uint64_t *gid)
{
	int64_t begin = now_ns();
	char why[512];
	int ret;

	while ((ret = gid_of(peer, ctx->iommu, gid, why, sizeof(why))) == -EBUSY) {
		if (now_ns() - begin > PATIENCE_NS)
			return fail(ctx, STATUS_FAILED,
				    "%s is in use by another process, so that it cannot be asked for its GID: give the GID itself",
				    peer);
		usleep(RETRY_US);
	}
	return ret ? fail(ctx, STATUS_FAILED, "%s", why) : 0;
}

/**
 * gid_resolve() - find the GID of the peer that the user named
 * @ctx: context whose function is not open yet
 * @peer: as the user named it, NULL if there is none
 * @gid: filled in if there is one
 *
 * Return: 0, also without a peer, or a status after fail().
 */
int gid_resolve(struct context *ctx, const char *peer, uint64_t *gid)
{
	if (!peer)
		return 0;
	if (!strcmp(peer, ctx->function))
		return fail(ctx, STATUS_USAGE, "%s cannot be its own peer",
			    ctx->function);
	if (strchr(peer, ':'))
		return ask_function(ctx, peer, gid);
	if (parse_gid(peer, gid))
		return 0;
	return fail(ctx, STATUS_USAGE,
		    "'%s' is neither a GID like 0x1234 nor a function like 0011:00:00.0",
		    peer);
}
