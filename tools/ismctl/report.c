// SPDX-License-Identifier: MIT
/*
 * ismctl report: what whoever looks at a bug report has to know of the system
 *
 * Nothing is in there that says whose system it is: no name of a host or a user,
 * no address, no serial number.
 */
#include <linux/vfio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "command.h"
#include "list.h"
#include "report.h"
#include "selftest.h"

#define MAX_RANGES	16

static bool with_selftest;

static const struct command_option options[] = {
	{ .name = "selftest", .key = 's', .flag = &with_selftest,
	  .help = "Check FUNCTION too, as 'ismctl selftest' does" },
	{ 0 }
};

/* The first line of a file that begins with @begin, or its first line at all */
static bool line_of(const char *path, const char *begin, char *line, int len)
{
	FILE *f = fopen(path, "re");
	bool found = false;

	while (f && !found && fgets(line, len, f))
		found = !strncmp(line, begin, strlen(begin));
	if (f)
		fclose(f);
	line[found ? strcspn(line, "\n") : 0] = '\0';
	return found;
}

static const char *distribution(char *line, int len)
{
	static const char key[] = "PRETTY_NAME=";
	char *name;

	if (!line_of("/etc/os-release", key, line, len) &&
	    !line_of("/usr/lib/os-release", key, line, len))
		return NULL;
	name = line + strlen(key);
	if (*name == '"') {
		name++;
		name[strcspn(name, "\"")] = '\0';
	}
	return name;
}

static struct json_object *versions(void)
{
	struct json_object *o = json_object_new_object();

	/* it is linked into ismctl, and has no number of its own */
	json_text(o, "ismctl", ISM_VFIO_VERSION);
	json_text(o, "libism", ISM_VFIO_VERSION);
	return o;
}

static struct json_object *system_of(const struct utsname *u)
{
	struct json_object *o = json_object_new_object();
	char line[256];

	json_text(o, "kernel", u->release);
	json_text(o, "kernel_version", u->version);
	json_text(o, "machine", u->machine);
	json_text(o, "distribution", distribution(line, sizeof(line)));
	json_text(o, "kernel_tainted",
		  line_of("/proc/sys/kernel/tainted", "", line, sizeof(line)) ?
		  line : NULL);
	return o;
}

static void memory_limit(struct json_object *o)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		json_text(o, "locked_memory", "unlimited");
	else
		json_number(o, "locked_memory", limit.rlim_cur);
}

static struct json_object *ranges_of(const struct ism *ism)
{
	struct json_object *all = json_object_new_array();
	struct ism_range ranges[MAX_RANGES];
	unsigned int n = ism_iova_ranges(ism, ranges, MAX_RANGES);
	char text[64];

	for (unsigned int i = 0; i < n && i < MAX_RANGES; i++) {
		snprintf(text, sizeof(text), "0x%llx to 0x%llx",
			 (unsigned long long)ranges[i].first,
			 (unsigned long long)ranges[i].last);
		json_object_array_add(all, json_object_new_string(text));
	}
	return all;
}

/* What a function that can be opened allows; another has said why it cannot */
static void function_limits(const struct context *ctx, struct json_object *function)
{
	const char *name = json_object_get_string(
		json_object_object_get(function, "function"));
	struct ism *ism = ism_new();

	if (ism && !ism_open(ism, name, ctx->iommu)) {
		json_text(function, "interface", ism_transport(ism));
		json_object_object_add(function, "iova_ranges", ranges_of(ism));
	}
	ism_free(ism);
}

static struct json_object *functions(struct context *ctx)
{
	struct json_object *all = list_functions(ctx);

	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *function = json_object_array_get_idx(all, i);

		if (json_object_object_get_ex(function, "maxstbl", NULL))
			function_limits(ctx, function);
	}
	return all;
}

static struct json_object *limits(void)
{
	struct json_object *o = json_object_new_object();
	char line[64];

	memory_limit(o);
	if (line_of("/sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
		    "", line, sizeof(line)))
		json_text(o, "vfio_mappings", line);
	json_object_object_add(o, "root", json_object_new_boolean(!geteuid()));
	return o;
}

static struct json_object *report(struct context *ctx)
{
	struct json_object *o = json_object_new_object();
	struct utsname u;

	uname(&u);
	json_object_object_add(o, "versions", versions());
	json_object_object_add(o, "system", system_of(&u));
	json_object_object_add(o, "limits", limits());
	json_object_object_add(o, "functions", functions(ctx));
	/* now that the functions were asked, what that needs is loaded */
	json_object_object_add(o, "modules", report_modules(u.release));
	json_object_object_add(o, "kernel_log", report_log());
	return o;
}

static void print_tree(FILE *out, struct json_object *o, int depth);

static void print_member(FILE *out, const char *name, struct json_object *o,
			 int depth)
{
	fprintf(out, "%*s%s:", 2 * depth, "", name);
	if (json_object_is_type(o, json_type_object) ||
	    json_object_is_type(o, json_type_array)) {
		fputc('\n', out);
		print_tree(out, o, depth + 1);
	} else {
		fprintf(out, " %s\n", o ? json_object_get_string(o) : "unknown");
	}
}

/* The report as text: names and values, a level further in by two blanks */
static void print_tree(FILE *out, struct json_object *o, int depth)
{
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, value)
			print_member(out, name, value, depth);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		struct json_object *item = json_object_array_get_idx(o, i);

		if (json_object_is_type(item, json_type_object))
			print_tree(out, item, depth);
		else
			fprintf(out, "%*s%s\n", 2 * depth, "",
				json_object_get_string(item));
	}
}

static int run(struct context *ctx)
{
	struct json_object *o;

	if (with_selftest && !ctx->function)
		return fail(ctx, STATUS_USAGE,
			    "--selftest of which function? 'ismctl list' names them");
	o = report(ctx);
	if (ctx->json) {
		json_end(ctx, o);
	} else {
		print_tree(ctx->out, o, 0);
		json_object_put(o);
	}
	if (!with_selftest)
		return (int)ctx->status;
	if (!ctx->json)
		fputs("selftest:\n", ctx->out);
	return selftest(ctx);
}

const struct command command_report = {
	.name = "report",
	.args = "[FUNCTION]",
	.summary = "what to put into a bug report",
	.help = "Print what a bug report should have: versions, modules and the files that they were loaded from, functions, limits, and what the kernel logged about them."
		"\vFunctions that are bound to ism_vfio_pci and free are asked, which resets them. Nothing is printed that says whose system it is. With --selftest FUNCTION is checked step by step as well.\n\n"
		"  sudo ismctl report 0011:00:00.0 --selftest >report.txt\n",
	.options = options,
	.wants = MAY_HAVE_FUNCTION,
	.run = run,
};
