// SPDX-License-Identifier: MIT
/*
 * The modules that a transfer needs: which are loaded, and from which files
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

#define MODULES	"/lib/modules"

extern char **environ;

/* ism is the kernel's own driver of ISM, for SMC-D */
static const char *const modules[] = {
	"ism_vfio_pci", "vfio_pci_core", "vfio_iommu_type1", "vfio", "iommufd", "ism",
};

static bool attribute(const char *module, const char *name, char *value, int len)
{
	char path[PATH_MAX];
	bool found;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/%s", module, name);
	f = fopen(path, "re");
	found = f && fgets(value, len, f);
	if (f)
		fclose(f);
	value[found ? strcspn(value, "\n") : 0] = '\0';
	return found && *value;
}

/* Whether a path is of this module: files have - and _, and may be compressed */
static bool is_module(const char *path, const char *module)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (; *module; name++, module++)
		if (*name != *module && !(*name == '-' && *module == '_'))
			return false;
	return !strncmp(name, ".ko", 3);
}

/* The file that modprobe takes, of a list of modules of the kernel */
static bool find_file(const char *release, const char *list, const char *module,
		      char *file, size_t len)
{
	char path[PATH_MAX], line[4 * PATH_MAX];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), MODULES "/%s/%s", release, list);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, ":\n")] = '\0';
		found = is_module(line, module);
	}
	if (f)
		fclose(f);
	if (found)
		snprintf(file, len, "%s%s%s%.*s", line[0] == '/' ? "" : MODULES "/",
			 line[0] == '/' ? "" : release, line[0] == '/' ? "" : "/",
			 PATH_MAX, line);
	return found;
}

/* One line that a program prints; it is run without a shell */
static bool line_from(char *const argv[], char *line, int len)
{
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	bool found = false;
	pid_t pid;
	FILE *f;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	if (!posix_spawn(&pid, argv[0], &actions, NULL, argv, environ))
		status = 0;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	f = fdopen(ends[0], "r");
	if (!status) {
		found = f && fgets(line, len, f);
		waitpid(pid, &status, 0);
	}
	if (f)
		fclose(f);
	if (found)
		line[strcspn(line, "\n")] = '\0';
	return found && !status && *line;
}

/* By kmod, which knows how modules are compressed */
static bool file_srcversion(char *file, char *value, int len)
{
	char program[] = "/sbin/modinfo", field[] = "-F", name[] = "srcversion";
	char *argv[] = { program, field, name, file, NULL };

	return line_from(argv, value, len);
}

static void compare(struct json_object *o, const char *srcversion, char *file)
{
	char of_file[64];

	if (!*srcversion || !file_srcversion(file, of_file, sizeof(of_file)))
		json_text(o, "file_is_loaded", NULL);
	else if (!strcmp(srcversion, of_file))
		json_text(o, "file_is_loaded", "yes, by its srcversion");
	else
		json_text(o, "file_is_loaded",
			  "no, what is loaded has another srcversion");
}

static void loaded(struct json_object *o, const char *module, char *file)
{
	char version[64], srcversion[64], taint[64];

	if (attribute(module, "version", version, sizeof(version)))
		json_text(o, "version", version);
	if (attribute(module, "srcversion", srcversion, sizeof(srcversion)))
		json_text(o, "srcversion", srcversion);
	if (attribute(module, "taint", taint, sizeof(taint)))
		json_text(o, "taint", taint);
	if (file)
		compare(o, srcversion, file);
}

static struct json_object *look_at(const char *release, const char *module)
{
	struct json_object *o = json_object_new_object();
	char file[2 * PATH_MAX], state[32];
	bool has_file = find_file(release, "modules.dep", module, file,
				  sizeof(file));

	if (attribute(module, "initstate", state, sizeof(state))) {
		json_text(o, "state", "loaded");
		if (has_file)
			json_text(o, "file", file);
		loaded(o, module, has_file ? file : NULL);
	} else if (find_file(release, "modules.builtin", module, file,
			     sizeof(file))) {
		json_text(o, "state", "built in");
	} else if (has_file) {
		json_text(o, "state", "not loaded");
		json_text(o, "file", file);
	} else {
		json_text(o, "state", "not there");
	}
	return o;
}

/**
 * report_modules() - find the modules that a transfer needs
 * @release: of the kernel that runs
 *
 * Return: object with a member for each.
 */
struct json_object *report_modules(const char *release)
{
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		json_object_object_add(all, modules[i],
				       look_at(release, modules[i]));
	return all;
}
