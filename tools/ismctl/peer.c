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

#include "ismctl.h"

#define RUN_DIR		"/run/ismctl"
#define RETRY_US	100000

static void gid_path(char *path, size_t len, const char *function)
{
	snprintf(path, len, RUN_DIR "/%s", function);
}

/**
 * peer_publish() - leave this function's GID for other processes
 * @run: run with an open function
 *
 * Best effort: without the right to, peers have to be given by their GID.
 */
void peer_publish(struct run *run)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	FILE *f;
	int bad;

	mkdir(RUN_DIR, 0755);
	gid_path(path, sizeof(path), run->function);
	snprintf(tmp, sizeof(tmp), RUN_DIR "/.%d", (int)getpid());
	f = fopen(tmp, "we");
	if (!f)
		return;
	bad = fprintf(f, "%#018llx\n", (unsigned long long)ism_gid(run->ism)) < 0;
	bad |= fclose(f);
	if (bad || rename(tmp, path))
		unlink(tmp);
}

/**
 * peer_unpublish() - undo peer_publish()
 * @run: run with an open function
 */
void peer_unpublish(struct run *run)
{
	char path[PATH_MAX];

	gid_path(path, sizeof(path), run->function);
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

	gid_path(path, sizeof(path), function);
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
 * peer_gid() - ask a function of this system for its GID
 * @function: PCI name; a function that is free is reset
 * @iommu: interface of vfio to use
 * @gid: filled in
 * @why: room for a sentence when this fails
 * @len: of @why
 *
 * Return: 0, -EBUSY when another process has the function that is no ismctl or
 * has left no GID yet, or another negative errno.
 */
int peer_gid(const char *function, enum ism_iommu iommu, uint64_t *gid,
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

/* Busy: with an ismctl that leaves its GID in a moment, or with a stranger */
static int resolve_function(struct run *run)
{
	int64_t begin = now_ns();
	char why[512];
	int ret;

	while ((ret = peer_gid(run->peer_arg, run->iommu, &run->peer, why,
			       sizeof(why))) == -EBUSY) {
		if (now_ns() - begin > 2000000000ll)
			return run_fail(run, STATUS_FAILED,
					"%s is in use by another process, so that it cannot be asked for its GID: give the GID itself",
					run->peer_arg);
		usleep(RETRY_US);
	}
	return ret ? run_fail(run, STATUS_FAILED, "%s", why) : 0;
}

/**
 * peer_resolve() - find the GID of the peer that the user named
 * @run: run whose function is not open yet; the peer's GID is filled in
 *
 * Return: 0, also without a peer, or a status after run_fail().
 */
int peer_resolve(struct run *run)
{
	if (!run->peer_arg)
		return 0;
	if (!strcmp(run->peer_arg, run->function))
		return run_fail(run, STATUS_USAGE,
				"%s cannot be its own peer", run->function);
	if (strchr(run->peer_arg, ':'))
		return resolve_function(run);
	if (parse_gid(run->peer_arg, &run->peer))
		return 0;
	return run_fail(run, STATUS_USAGE,
			"'%s' is neither a GID like 0x1234 nor a function like 0011:00:00.0",
			run->peer_arg);
}
