// SPDX-License-Identifier: MIT
/*
 * ismctl bench --svg: bytes per second over the size of a move, both in powers
 * of two
 */
#include <errno.h>
#include <string.h>

#include "ismctl.h"

#define WIDTH		640
#define HEIGHT		400
#define LEFT		90
#define TOP		50
#define PLOT_WIDTH	(WIDTH - LEFT - 30)
#define PLOT_HEIGHT	(HEIGHT - TOP - 60)

/**
 * struct scale - from bytes per second to a place, in powers of two
 * @low: at the bottom
 * @high: at the top
 */
struct scale {
	int low;
	int high;
};

static double rate(const struct point *p)
{
	return (double)p->size * (double)p->ops * 1e9 / (double)p->ns;
}

/* The logarithm to base 2; exact at its powers and straight between them */
static double log_2(double x)
{
	int n = 0;

	while (x >= 2) {
		x /= 2;
		n++;
	}
	while (x < 1) {
		x *= 2;
		n--;
	}
	return n + x - 1;
}

static struct scale find_scale(const struct point *points, unsigned int n)
{
	struct scale scale = { .low = 62, .high = 0 };

	for (unsigned int i = 0; i < n; i++) {
		int at = (int)log_2(rate(&points[i]));

		if (at < scale.low)
			scale.low = at;
		if (at + 1 > scale.high)
			scale.high = at + 1;
	}
	return scale;
}

static double x_of(const struct point *points, unsigned int n, unsigned int i)
{
	double all = log_2((double)points[n - 1].size);

	return LEFT + (all > 0 ? log_2((double)points[i].size) / all : 0) *
	       PLOT_WIDTH;
}

static double y_of(const struct scale *scale, double log_rate)
{
	return TOP + PLOT_HEIGHT - (log_rate - scale->low) /
	       (scale->high - scale->low) * PLOT_HEIGHT;
}

/* 2 to the power of n as 1, 2, 4 to 512 with a unit */
static void power(char *text, size_t len, int n)
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
	};

	snprintf(text, len, "%d %s", 1 << n % 10, units[n / 10]);
}

static void draw_axes(FILE *f, const struct scale *scale,
		      const struct point *points, unsigned int n)
{
	char text[16];

	for (int at = scale->low; at <= scale->high; at++) {
		double y = y_of(scale, at);

		power(text, sizeof(text), at);
		fprintf(f, "<path class=\"grid\" d=\"M%d %.1fh%d\"/><text class=\"y\" x=\"%d\" y=\"%.1f\">%s/s</text>\n",
			LEFT, y, PLOT_WIDTH, LEFT - 8, y + 4, text);
	}
	for (unsigned int i = 0; i < n; i++) {
		power(text, sizeof(text), (int)log_2((double)points[i].size));
		fprintf(f, "<text class=\"x\" x=\"%.1f\" y=\"%d\">%s</text>\n",
			x_of(points, n, i), TOP + PLOT_HEIGHT + 20, text);
	}
}

static void draw_curve(FILE *f, const struct scale *scale,
		       const struct point *points, unsigned int n)
{
	fputs("<path class=\"curve\" d=\"", f);
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "%c%.1f %.1f", i ? 'L' : 'M', x_of(points, n, i),
			y_of(scale, log_2(rate(&points[i]))));
	fputs("\"/>\n", f);
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%zu bytes: %.0f bytes/s</title></circle>\n",
			x_of(points, n, i),
			y_of(scale, log_2(rate(&points[i]))), points[i].size,
			rate(&points[i]));
}

static void draw(FILE *f, const struct run *run, const struct point *points,
		 unsigned int n)
{
	struct scale scale = find_scale(points, n);

	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">\n",
		WIDTH, HEIGHT);
	fputs("<style>text{font:11px sans-serif}.x{text-anchor:middle}.y{text-anchor:end}.grid{stroke:#ddd}.curve{fill:none;stroke:#069;stroke-width:2}circle{fill:#069}</style>\n",
	      f);
	fprintf(f, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH,
		HEIGHT);
	fprintf(f, "<text x=\"%d\" y=\"24\">%s to GID %#018llx: bytes per second by size of a move</text>\n",
		LEFT, run->function, (unsigned long long)run->peer);
	draw_axes(f, &scale, points, n);
	draw_curve(f, &scale, points, n);
	fputs("</svg>\n", f);
}

/**
 * plot_svg() - write the plot of a bench
 * @run: run with the file's name
 * @points: what was measured, by size
 * @n: how many, at least one
 *
 * Return: 0 or a status after run_fail().
 */
int plot_svg(struct run *run, const struct point *points, unsigned int n)
{
	FILE *f = fopen(run->svg, "we");
	int bad;

	if (f) {
		draw(f, run, points, n);
		bad = ferror(f);
		if (!fclose(f) && !bad)
			return 0;
	}
	return run_fail(run, STATUS_FAILED, "%s: %s", run->svg,
			strerror(errno));
}
