// SPDX-License-Identifier: MIT
/*
 * ismctl info and regs: what a function says about itself, and what vfio says
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <unistd.h>

#include "ismctl.h"

#define MAX_RANGES	16
#define CONFIG_LEN	256

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

static int collect(struct run *run, struct facts *f)
{
	memset(f, 0, sizeof(*f));
	if (ism_cmd_query_info(run->ism, &f->info))
		return run_fail(run, STATUS_FAILED, "%s",
				ism_strerror(run->ism));
	for (size_t i = 0; i < NR_REGIONS; i++)
		ism_get_region(run->ism, regions[i].index, &f->region[i]);
	f->nr_ranges = ism_iova_ranges(run->ism, f->ranges, MAX_RANGES);
	return 0;
}

static void print_vlans(FILE *out, const struct ism_info *info, const char *sep)
{
	for (uint32_t i = 0; i < info->nr_vlans; i++)
		fprintf(out, "%s%u", i ? sep : "", info->vlan[i]);
}

static void json_layout(FILE *out, const struct facts *f)
{
	const char *sep = "";

	fputs(", \"regions\": {", out);
	for (size_t i = 0; i < NR_REGIONS; i++) {
		if (!f->region[i].size)
			continue;
		fprintf(out, "%s\"%s\": {\"offset\": %llu, \"size\": %llu}",
			sep, regions[i].name,
			(unsigned long long)f->region[i].offset,
			(unsigned long long)f->region[i].size);
		sep = ", ";
	}
	fputs("}, \"iova_ranges\": [", out);
	for (unsigned int i = 0; i < f->nr_ranges; i++)
		fprintf(out, "%s[\"%#llx\", \"%#llx\"]", i ? ", " : "",
			(unsigned long long)f->ranges[i].first,
			(unsigned long long)f->ranges[i].last);
	fputs("]", out);
}

static void print_json(const struct run *run, const struct facts *f)
{
	const struct ism_info *info = &f->info;

	fprintf(run->out,
		"{\"function\": \"%s\", \"gid\": \"%#018llx\", \"interface\": \"%s\", \"maxstbl\": %u, \"version\": %u, \"state\": %llu",
		run->function, (unsigned long long)info->gid,
		ism_transport(run->ism), ism_maxstbl(run->ism), info->version,
		(unsigned long long)info->state);
	fprintf(run->out,
		", \"max_command\": %u, \"dmbs_owned\": %u, \"dmbs_used\": %u, \"vlan_required\": %s, \"vlans\": [",
		info->max_len, info->dmbs_owned, info->dmbs_used,
		info->vlan_required ? "true" : "false");
	print_vlans(run->out, info, ", ");
	fputs("]", run->out);
	json_layout(run->out, f);
	fputs("}\n", run->out);
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

static void print_text(const struct run *run, const struct facts *f)
{
	const struct ism_info *info = &f->info;

	fprintf(run->out,
		"function: %s\ngid: %#018llx\ninterface: %s\nmaxstbl: %u\nversion: %u\nstate: %llu\nmax_command: %u\n",
		run->function, (unsigned long long)info->gid,
		ism_transport(run->ism), ism_maxstbl(run->ism), info->version,
		(unsigned long long)info->state, info->max_len);
	fprintf(run->out, "dmbs_owned: %u\ndmbs_used: %u\nvlan_required: %s\nvlans: ",
		info->dmbs_owned, info->dmbs_used,
		info->vlan_required ? "yes" : "no");
	print_vlans(run->out, info, " ");
	fputs(info->nr_vlans ? "\n" : "none\n", run->out);
	text_layout(run->out, f);
}

/**
 * cmd_info() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_info(struct run *run)
{
	struct facts f;
	int ret;

	ret = run_open(run);
	if (!ret)
		ret = collect(run, &f);
	if (!ret && run->json)
		print_json(run, &f);
	else if (!ret)
		print_text(run, &f);
	run_close(run);
	return ret;
}

/* Registers */

static const struct {
	const char *name;
	unsigned int at;
	unsigned int len;
} registers[] = {
	{ "vendor", PCI_VENDOR_ID, 2 },
	{ "device", PCI_DEVICE_ID, 2 },
	{ "command", PCI_COMMAND, 2 },
	{ "status", PCI_STATUS, 2 },
	{ "revision", PCI_REVISION_ID, 1 },
	{ "class", PCI_CLASS_PROG, 3 },
	{ "header_type", PCI_HEADER_TYPE, 1 },
	{ "bar0", PCI_BASE_ADDRESS_0, 4 },
	{ "bar1", PCI_BASE_ADDRESS_1, 4 },
	{ "bar2", PCI_BASE_ADDRESS_2, 4 },
	{ "bar3", PCI_BASE_ADDRESS_3, 4 },
	{ "subsystem_vendor", PCI_SUBSYSTEM_VENDOR_ID, 2 },
	{ "subsystem", PCI_SUBSYSTEM_ID, 2 },
	{ "capabilities", PCI_CAPABILITY_LIST, 1 },
	{ "interrupt_pin", PCI_INTERRUPT_PIN, 1 },
};

static int read_region(struct run *run, unsigned int index, uint8_t *buf,
		       size_t len)
{
	struct ism_region region;
	ssize_t n = -1;

	if (!ism_get_region(run->ism, index, &region) && region.size >= len)
		n = pread(ism_device_fd(run->ism), buf, len,
			  (off_t)region.offset);
	if (n == (ssize_t)len)
		return 0;
	return run_fail(run, STATUS_FAILED, "%s: cannot read region %u: %s",
			run->function, index,
			n < 0 ? strerror(errno) : "it ends early");
}

/* PCI is little endian */
static unsigned int value_of(const uint8_t *config, unsigned int at,
			     unsigned int len)
{
	unsigned int value = 0;

	while (len--)
		value = value << 8 | config[at + len];
	return value;
}

static void config_json(FILE *out, const uint8_t *config)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		fprintf(out, "%s\"%s\": \"0x%0*x\"", i ? ", " : "",
			registers[i].name, (int)registers[i].len * 2,
			value_of(config, registers[i].at, registers[i].len));
}

static void config_text(FILE *out, const uint8_t *config)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		fprintf(out, "config %02x  %-16s  %0*x\n", registers[i].at,
			registers[i].name, (int)registers[i].len * 2,
			value_of(config, registers[i].at, registers[i].len));
}

/* Each capability: where, id; the next one's place is in its second byte */
static void capabilities(FILE *out, const uint8_t *config)
{
	unsigned int at = config[PCI_CAPABILITY_LIST];

	/* a list that runs in a circle is cut after as many as there can be */
	for (int i = 0; i < CONFIG_LEN / 4 && at >= 0x40; i++) {
		fprintf(out, "config %02x  capability        %02x%s\n", at,
			config[at],
			config[at] == PCI_CAP_ID_MSI ? "  (MSI)" : "");
		at = config[(at + 1) % CONFIG_LEN] & ~3u;
	}
}

static void window_text(FILE *out, const uint8_t *window)
{
	for (unsigned int at = 0; at < ISM_WINDOW; at += 16) {
		fprintf(out, "bar2 %04x ", at);
		for (unsigned int i = 0; i < 16; i++)
			fprintf(out, "%s%02x", i % 8 ? "" : " ",
				window[at + i]);
		fputc('\n', out);
	}
}

static void window_json(FILE *out, const uint8_t *window)
{
	fputs(", \"window\": \"", out);
	for (unsigned int i = 0; i < ISM_WINDOW; i++)
		fprintf(out, "%02x", window[i]);
	fputs("\"}\n", out);
}

/**
 * cmd_regs() - the subcommand
 * @run: options
 *
 * Return: a status.
 */
int cmd_regs(struct run *run)
{
	uint8_t config[CONFIG_LEN] = { 0 }, window[ISM_WINDOW] = { 0 };
	int ret;

	ret = run_open(run);
	if (!ret)
		ret = read_region(run, VFIO_PCI_CONFIG_REGION_INDEX, config,
				  sizeof(config));
	if (!ret)
		ret = read_region(run, VFIO_PCI_BAR2_REGION_INDEX, window,
				  sizeof(window));
	if (!ret && run->json) {
		fprintf(run->out, "{\"function\": \"%s\", ", run->function);
		config_json(run->out, config);
		window_json(run->out, window);
	} else if (!ret) {
		config_text(run->out, config);
		capabilities(run->out, config);
		window_text(run->out, window);
	}
	run_close(run);
	return ret;
}
