// SPDX-License-Identifier: MIT
/*
 * What the kernel logged last about ISM and vfio
 */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "report.h"

#define READ_ALL	3	/* SYSLOG_ACTION_READ_ALL */
#define SIZE_BUFFER	10	/* SYSLOG_ACTION_SIZE_BUFFER */
#define LINES		30

/* A driver's name, and not the end of another word: not of "mechanism" */
#define ABOUT	"(^|[^a-z])(ism|vfio|iommufd)"

/*
 * Only what the kernel itself says: what programs put into its log has a priority
 * of 8 and more, and may have any name in it. So may the command line.
 */
static bool is_about(const regex_t *about, const char *line)
{
	return line[0] == '<' && strtoul(line + 1, NULL, 10) < 8 &&
	       !strstr(line, "ommand line") &&
	       !regexec(about, line, 0, NULL, 0);
}

/* Without its priority */
static const char *message(const char *line)
{
	const char *end = strchr(line, '>');

	return end ? end + 1 : line;
}

static void add(struct json_object *lines, const char *line)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "line", message(line));
	json_object_array_add(lines,
			      json_object_get(json_object_object_get(o, "line")));
	json_object_put(o);
}

static void last_lines(struct json_object *lines, char *log)
{
	const char *kept[LINES] = { NULL };
	size_t n = 0;
	regex_t about;
	char *rest;

	if (regcomp(&about, ABOUT, REG_EXTENDED | REG_ICASE | REG_NOSUB))
		return;
	for (char *line = strtok_r(log, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		if (is_about(&about, line))
			kept[n++ % LINES] = line;
	for (size_t i = n > LINES ? n - LINES : 0; i < n; i++)
		add(lines, kept[i % LINES]);
	regfree(&about);
}

/**
 * report_log() - find what the kernel logged last about ISM and vfio
 *
 * Return: array of lines, or a sentence if the log cannot be read.
 */
struct json_object *report_log(void)
{
	struct json_object *lines;
	int size = klogctl(SIZE_BUFFER, NULL, 0);
	char *log = size > 0 ? malloc((size_t)size + 1) : NULL;
	int n = log ? klogctl(READ_ALL, log, size) : -1;

	if (n < 0) {
		free(log);
		return json_object_new_string("may not be read: run this as root");
	}
	log[n] = '\0';
	lines = json_object_new_array();
	last_lines(lines, log);
	free(log);
	return lines;
}
