// SPDX-License-Identifier: MIT
/*
 * ismctl info: what a function says about itself, and what vfio says
 */
#include <linux/vfio.h>
#include <string.h>

#include "command.h"
#include "output.h"

#define MAX_RANGES	16

static const struct {
	unsigned int index;
	const char *name;
} regions[] = {
	{ VFIO_PCI_BAR0_REGION_INDEX, "bar0" },
	{ VFIO_PCI_BAR1_REGION_INDEX, "bar1" },
	{ VFIO_PCI_BAR2_REGION_INDEX, "bar2" },
	{ VFIO_PCI_BAR3_REGION_INDEX, "bar3" },
	{ VFIO_PCI_BAR4_REGION_INDEX, "bar4" },
	{ VFIO_PCI_BAR5_REGION_INDEX, "bar5" },
	{ VFIO_PCI_ROM_REGION_INDEX, "rom" },
	{ VFIO_PCI_CONFIG_REGION_INDEX, "config" },
};

#define NR_REGIONS	(sizeof(regions) / sizeof(regions[0]))

/**
 * struct facts - all that info prints
 * @info: of the device
 * @region: by the kernel, in the order of regions
 * @ranges: of IOVAs, by the kernel
 * @nr_ranges: entries in @ranges
 */
struct facts {
	struct ism_info info;
	struct ism_region region[NR_REGIONS];
	struct ism_range ranges[MAX_RANGES];
	unsigned int nr_ranges;
};

static int collect(struct context *ctx, struct facts *f)
{
	memset(f, 0, sizeof(*f));
	if (ism_cmd_query_info(ctx->ism, &f->info))
		return fail_ism(ctx, ctx->ism);
	for (size_t i = 0; i < NR_REGIONS; i++)
		ism_get_region(ctx->ism, regions[i].index, &f->region[i]);
	f->nr_ranges = ism_iova_ranges(ctx->ism, f->ranges, MAX_RANGES);
	return 0;
}

static struct json_object *regions_json(const struct facts *f)
{
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < NR_REGIONS; i++) {
		struct json_object *o;

		if (!f->region[i].size)
			continue;
		o = json_object_new_object();
		json_number(o, "offset", f->region[i].offset);
		json_number(o, "size", f->region[i].size);
		json_object_object_add(all, regions[i].name, o);
	}
	return all;
}

static struct json_object *ranges_json(const struct facts *f)
{
	struct json_object *all = json_object_new_array();
	char text[32];

	for (unsigned int i = 0; i < f->nr_ranges; i++) {
		const uint64_t ends[] = { f->ranges[i].first, f->ranges[i].last };
		struct json_object *range = json_object_new_array();

		for (int end = 0; end < 2; end++) {
			snprintf(text, sizeof(text), "0x%llx",
				 (unsigned long long)ends[end]);
			json_object_array_add(range, json_object_new_string(text));
		}
		json_object_array_add(all, range);
	}
	return all;
}

static struct json_object *vlans_json(const struct ism_info *info)
{
	struct json_object *all = json_object_new_array();

	for (uint32_t i = 0; i < info->nr_vlans; i++)
		json_object_array_add(all, json_object_new_int(info->vlan[i]));
	return all;
}

static void print_json(const struct context *ctx, const struct facts *f)
{
	const struct ism_info *info = &f->info;
	struct json_object *o = json_begin(ctx);

	json_text(o, "interface", ism_transport(ctx->ism));
	json_number(o, "maxstbl", ism_maxstbl(ctx->ism));
	json_number(o, "version", info->version);
	json_number(o, "state", info->state);
	json_number(o, "max_command", info->max_len);
	json_number(o, "dmbs_owned", info->dmbs_owned);
	json_number(o, "dmbs_used", info->dmbs_used);
	json_object_object_add(o, "vlan_required",
			       json_object_new_boolean(info->vlan_required != 0));
	json_object_object_add(o, "vlans", vlans_json(info));
	json_object_object_add(o, "regions", regions_json(f));
	json_object_object_add(o, "iova_ranges", ranges_json(f));
	json_end(ctx, o);
}

static void text_layout(FILE *out, const struct facts *f)
{
	for (size_t i = 0; i < NR_REGIONS; i++)
		if (f->region[i].size)
			fprintf(out, "%s: %#llx bytes at offset %#llx\n",
				regions[i].name,
				(unsigned long long)f->region[i].size,
				(unsigned long long)f->region[i].offset);
	for (unsigned int i = 0; i < f->nr_ranges; i++)
		fprintf(out, "iova: %#llx to %#llx\n",
			(unsigned long long)f->ranges[i].first,
			(unsigned long long)f->ranges[i].last);
}

static void print_text(const struct context *ctx, const struct facts *f)
{
	const struct ism_info *info = &f->info;

	fprintf(ctx->out,
		"function: %s\ngid: %#018llx\ninterface: %s\nmaxstbl: %u\nversion: %u\nstate: %llu\nmax_command: %u\n",
		ctx->function, (unsigned long long)info->gid,
		ism_transport(ctx->ism), ism_maxstbl(ctx->ism), info->version,
		(unsigned long long)info->state, info->max_len);
	fprintf(ctx->out, "dmbs_owned: %u\ndmbs_used: %u\nvlan_required: %s\nvlans: ",
		info->dmbs_owned, info->dmbs_used,
		info->vlan_required ? "yes" : "no");
	for (uint32_t i = 0; i < info->nr_vlans; i++)
		fprintf(ctx->out, "%s%u", i ? " " : "", info->vlan[i]);
	fputs(info->nr_vlans ? "\n" : "none\n", ctx->out);
	text_layout(ctx->out, f);
}

static int run(struct context *ctx)
{
	struct facts f;
	int ret;

	ret = context_open(ctx);
	if (!ret)
		ret = collect(ctx, &f);
	if (!ret && ctx->json)
		print_json(ctx, &f);
	else if (!ret)
		print_text(ctx, &f);
	context_close(ctx);
	return ret;
}

const struct command command_info = {
	.name = "info",
	.args = "FUNCTION",
	.summary = "GID, state, limits",
	.help = "Print the GID of FUNCTION, what else it says about itself, and what vfio says about it."
		"\vThe function must not be in use: it is reset.\n",
	.wants = WANTS_FUNCTION,
	.run = run,
};
