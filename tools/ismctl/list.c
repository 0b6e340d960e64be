// SPDX-License-Identifier: MIT
/*
 * ismctl list: the ISM functions of this system, with what sysfs knows and,
 * where they can be asked, their GIDs
 */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "gid.h"
#include "list.h"

#define DEVICES		"/sys/bus/pci/devices"
#define VENDOR_IBM	0x1014
#define DEVICE_ISM	0x04ed

/**
 * struct entry - a function
 * @name: PCI name
 * @driver: its driver's name, "-" without
 * @group: its IOMMU group, "-" without
 * @maxstbl: longest store block, 0 where only our driver would tell
 * @gid: 0 if it could not be asked
 * @why: then a sentence
 */
struct entry {
	const char *name;
	char driver[64];
	char group[32];
	unsigned int maxstbl;
	uint64_t gid;
	char why[512];
};

static bool read_number(const char *path, const char *format, void *value)
{
	FILE *f = fopen(path, "re");
	bool found;

	if (!f)
		return false;
	found = fscanf(f, format, value) == 1;
	fclose(f);
	return found;
}

static bool is_ism(const char *function)
{
	unsigned int vendor, device;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s/vendor", function);
	if (!read_number(path, "%x", &vendor))
		return false;
	snprintf(path, sizeof(path), DEVICES "/%s/device", function);
	return read_number(path, "%x", &device) && vendor == VENDOR_IBM &&
	       device == DEVICE_ISM;
}

static void link_name(const char *function, const char *link, char *name,
		      size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", function, link);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, len, "%.*s", (int)len - 1, slash ? slash + 1 : "-");
}

/* The kernel's own users of ISM leave the GID in sysfs since 6.18 */
static bool kernel_gid(const char *function, uint64_t *gid)
{
	char pattern[PATH_MAX];
	bool found = false;
	glob_t paths;

	snprintf(pattern, sizeof(pattern), DEVICES "/%s/dibs/*/gid", function);
	if (glob(pattern, 0, NULL, &paths))
		return false;
	/* a UUID, of which the first half is the GID */
	if (paths.gl_pathc) {
		FILE *f = fopen(paths.gl_pathv[0], "re");
		unsigned int a, b, c;

		found = f && fscanf(f, "%8x-%4x-%4x", &a, &b, &c) == 3;
		if (found)
			*gid = (uint64_t)a << 32 | b << 16 | c;
		if (f)
			fclose(f);
	}
	globfree(&paths);
	return found;
}

static void look_at(struct entry *e, enum ism_iommu iommu)
{
	char path[PATH_MAX];

	link_name(e->name, "driver", e->driver, sizeof(e->driver));
	link_name(e->name, "iommu_group", e->group, sizeof(e->group));
	snprintf(path, sizeof(path), DEVICES "/%s/ism_vfio/maxstbl", e->name);
	if (read_number(path, "%u", &e->maxstbl))
		gid_of(e->name, iommu, &e->gid, e->why, sizeof(e->why));
	else if (!kernel_gid(e->name, &e->gid))
		snprintf(e->why, sizeof(e->why),
			 "%s: not bound to ism_vfio_pci", e->name);
}

static struct json_object *to_json(const struct entry *e)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "function", e->name);
	json_text(o, "driver", e->driver);
	json_text(o, "group", e->group);
	if (e->maxstbl)
		json_number(o, "maxstbl", e->maxstbl);
	if (e->gid)
		json_hex(o, "gid", e->gid, GID_DIGITS);
	else
		json_text(o, "error", e->why);
	return o;
}

static void print_text(const struct context *ctx, const struct entry *e)
{
	char maxstbl[16] = "-", gid[32] = "-";

	if (e->maxstbl)
		snprintf(maxstbl, sizeof(maxstbl), "%u", e->maxstbl);
	if (e->gid)
		snprintf(gid, sizeof(gid), "%#018llx",
			 (unsigned long long)e->gid);
	fprintf(ctx->out, "%-12s  %-14s  %5s  %7s  %s\n", e->name, e->driver,
		e->group, maxstbl, gid);
	if (!e->gid && e->maxstbl)
		fprintf(stderr, "ismctl: %s\n", e->why);
}

static int only_ism(const struct dirent *d)
{
	return is_ism(d->d_name);
}

static void print(const struct context *ctx, const struct entry *e)
{
	if (ctx->json)
		json_end(ctx, to_json(e));
	else
		print_text(ctx, e);
}

/* The names of the ISM functions, in their order; negative if there is no PCI */
static int find_all(struct context *ctx, struct dirent ***names)
{
	int n = scandir(DEVICES, names, only_ism, alphasort);

	if (n < 0)
		fail(ctx, STATUS_FAILED, DEVICES ": %s", strerror(errno));
	return n;
}

/**
 * list_functions() - list the ISM functions of this system
 * @ctx: context
 *
 * Return: array of what list prints as JSON, empty after fail().
 */
struct json_object *list_functions(struct context *ctx)
{
	struct json_object *all = json_object_new_array();
	struct dirent **names = NULL;
	int n = find_all(ctx, &names);

	for (int i = 0; i < n; i++) {
		struct entry e = { .name = names[i]->d_name };

		look_at(&e, ctx->iommu);
		json_object_array_add(all, to_json(&e));
		free(names[i]);
	}
	free(names);
	return all;
}

static int run(struct context *ctx)
{
	struct dirent **names = NULL;
	int n = find_all(ctx, &names);

	if (n < 0)
		return (int)ctx->status;
	if (!ctx->json)
		fprintf(ctx->out, "%-12s  %-14s  %5s  %7s  %s\n", "FUNCTION",
			"DRIVER", "GROUP", "MAXSTBL", "GID");
	for (int i = 0; i < n; i++) {
		struct entry e = { .name = names[i]->d_name };

		look_at(&e, ctx->iommu);
		print(ctx, &e);
		free(names[i]);
	}
	free(names);
	if (!n && !ctx->json)
		fprintf(stderr, "ismctl: there is no ISM function in this system\n");
	return 0;
}

const struct command command_list = {
	.name = "list",
	.args = "",
	.summary = "the ISM functions of this system",
	.help = "List the ISM functions of this system: driver, IOMMU group, longest store block, GID."
		"\vOnly the function knows its GID: it is asked where it is bound to ism_vfio_pci and free.\n",
	.wants = WANTS_NO_FUNCTION,
	.run = run,
};
