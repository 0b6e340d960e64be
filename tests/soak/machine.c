// SPDX-License-Identifier: MIT
/*
 * QMP from within the guest
 */
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define LINE_LEN	4096

static FILE *port;
static char answer[LINE_LEN];

static bool is_ours(const char *path)
{
	char name[16] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = 0;
	fclose(f);
	return !strcmp(name, "qmp\n");
}

/* /sys/class/virtio-ports/vport0p4/name belongs to /dev/vport0p4 */
static FILE *open_port(void)
{
	char path[64];
	FILE *f = NULL;
	glob_t g;

	if (glob("/sys/class/virtio-ports/*/name", 0, NULL, &g))
		return NULL;
	for (size_t i = 0; i < g.gl_pathc && !f; i++) {
		if (!is_ours(g.gl_pathv[i]))
			continue;
		*strrchr(g.gl_pathv[i], '/') = 0;
		snprintf(path, sizeof(path), "/dev/%s",
			 strrchr(g.gl_pathv[i], '/') + 1);
		f = fopen(path, "r+e");
	}
	globfree(&g);
	return f;
}

/* What was left of an earlier user, and events, have another id or none */
static int wait_for_answer(const char *id)
{
	while (fgets(answer, sizeof(answer), port)) {
		if (!strstr(answer, id))
			continue;
		return strstr(answer, "\"error\"") ? -1 : 0;
	}
	snprintf(answer, sizeof(answer), "QEMU does not answer\n");
	return -1;
}

/**
 * machine_do() - give QEMU a command
 * @command: of QMP
 * @arguments: a format for the command's arguments, in JSON, without the braces
 *
 * Return: 0; -1 when QEMU refuses it.
 */
int machine_do(const char *command, const char *arguments, ...)
{
	static unsigned int serial;
	char id[32], list[512];
	va_list ap;

	va_start(ap, arguments);
	vsnprintf(list, sizeof(list), arguments, ap);
	va_end(ap);
	snprintf(id, sizeof(id), "\"%d-%u\"", getpid(), serial++);
	/* the port is no file: nothing to seek between writing and reading */
	dprintf(fileno(port), "{\"execute\": \"%s\", \"id\": %s, \"arguments\": {%s}}\n",
		command, id, list);
	return wait_for_answer(id);
}

/**
 * machine_open() - get hold of the machine; one process at a time can
 *
 * Return: 0; -1 when it has no such port, or does not answer.
 */
int machine_open(void)
{
	port = open_port();
	if (!port)
		return -1;
	/* only the first one in the life of the machine has to say so */
	machine_do("qmp_capabilities", " ");
	return machine_do("query-status", " ");
}

void machine_close(void)
{
	if (port)
		fclose(port);
	port = NULL;
}

bool machine_has(const char *device)
{
	return !machine_do("qom-get",
			   "\"path\": \"/machine/peripheral/%s\", \"property\": \"type\"",
			   device);
}

int machine_get(const char *device, const char *property, uint64_t *value)
{
	const char *number;
	unsigned long long n;

	if (machine_do("qom-get",
		       "\"path\": \"/machine/peripheral/%s\", \"property\": \"%s\"",
		       device, property))
		return -1;
	number = strstr(answer, "\"return\": ");
	if (!number || sscanf(number, "\"return\": %llu", &n) != 1)
		return -1;
	*value = n;
	return 0;
}

int machine_set(const char *device, const char *property, uint64_t value)
{
	return machine_do("qom-set",
			  "\"path\": \"/machine/peripheral/%s\", \"property\": \"%s\", \"value\": %llu",
			  device, property, (unsigned long long)value);
}
