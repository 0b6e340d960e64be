// SPDX-License-Identifier: MIT
/*
 * What bench measured, as a picture: gnuplot draws it. What to draw goes into it
 * through a pipe, and the picture comes out into a file that is opened here, so
 * that what the file is called does not have to be quoted.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "picture.h"

extern char **environ;

/* Start gnuplot: what to draw comes from @in, the picture goes to @out */
static int start(int in, int out, pid_t *pid)
{
	char name[] = "gnuplot", *argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	int err;

	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return err;
	err = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, out,
						       STDOUT_FILENO);
	if (!err)
		err = posix_spawnp(pid, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

static int finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return status ? ECHILD : 0;
}

/**
 * picture_check() - look whether there is a gnuplot, before anything is measured
 * @ctx: context
 *
 * Return: 0 or a status after fail().
 */
int picture_check(struct context *ctx)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;
	int err;

	err = null < 0 ? errno : start(null, null, &pid);
	if (!err)
		err = finish(pid);
	if (null >= 0)
		close(null);
	if (!err)
		return 0;
	return fail(ctx, STATUS_FAILED,
		    "--svg needs gnuplot, which does not run here: install it (Debian: gnuplot-nox), or leave --svg away");
}

/* Sizes are powers of two: 1 to 512 of a unit */
static void write_sizes(FILE *f, const struct point *points, unsigned int n)
{
	static const char *const units[] = { "B", "KiB", "MiB" };

	fputs("set xtics rotate by -45 (", f);
	for (unsigned int i = 0; i < n; i++) {
		size_t size = points[i].size;
		unsigned int unit = 0;

		for (; size >= 1024 && unit < 2; unit++)
			size /= 1024;
		fprintf(f, "%s\"%zu %s\" %zu", i ? ", " : "", size, units[unit],
			points[i].size);
	}
	fputs(")\n", f);
}

static void write_plot(FILE *f, const char *title, const struct point *points,
		       unsigned int n)
{
	fputs("set terminal svg noenhanced size 640,400 dynamic background 'white'\n"
	      "set logscale xy 2\n"
	      "set format y '%.0b %BB/s'\n"
	      "set grid\n"
	      "set rmargin 6\n"
	      "unset key\n", f);
	write_sizes(f, points, n);
	fprintf(f, "set title \"%s\"\n", title);
	fputs("plot '-' with linespoints pointtype 7 pointsize 0.5\n", f);
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "%zu %.0f\n", points[i].size,
			(double)points[i].size * (double)points[i].ops * 1e9 /
			(double)points[i].ns);
	fputs("e\n", f);
}

static int draw(int out, const char *title, const struct point *points,
		unsigned int n)
{
	int pipe[2];
	pid_t pid;
	FILE *f;
	int err;

	if (pipe2(pipe, O_CLOEXEC))
		return errno;
	err = start(pipe[0], out, &pid);
	close(pipe[0]);
	f = err ? NULL : fdopen(pipe[1], "w");
	if (f) {
		write_plot(f, title, points, n);
		fclose(f);
	} else {
		close(pipe[1]);
	}
	return err ? err : finish(pid);
}

/**
 * picture_draw() - draw bytes per second over the size, in powers of two
 * @ctx: context
 * @file: where to
 * @title: above it, in characters that gnuplot takes as they are
 * @points: what was measured, by size
 * @n: how many, at least one
 *
 * Return: 0 or a status after fail().
 */
int picture_draw(struct context *ctx, const char *file, const char *title,
		 const struct point *points, unsigned int n)
{
	int out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int err = out < 0 ? errno : draw(out, title, points, n);

	if (out >= 0 && close(out) && !err)
		err = errno;
	if (err == ECHILD)
		return fail(ctx, STATUS_FAILED, "%s: gnuplot could not draw it",
			    file);
	return err ? fail(ctx, STATUS_FAILED, "%s: %s", file, strerror(err)) : 0;
}
