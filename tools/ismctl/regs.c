// SPDX-License-Identifier: MIT
/*
 * ismctl regs: the PCI registers of a function and its command window
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "output.h"

#define CONFIG_LEN	256

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

static int read_region(struct context *ctx, unsigned int index, uint8_t *buf,
		       size_t len)
{
	struct ism_region region;
	ssize_t n = -1;

	if (!ism_get_region(ctx->ism, index, &region) && region.size >= len)
		n = pread(ism_device_fd(ctx->ism), buf, len,
			  (off_t)region.offset);
	if (n == (ssize_t)len)
		return 0;
	return fail(ctx, STATUS_FAILED, "%s: cannot read region %u: %s",
		    ctx->function, index,
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

static void print_text(FILE *out, const uint8_t *config, const uint8_t *window)
{
	config_text(out, config);
	capabilities(out, config);
	window_text(out, window);
}

static void print_json(const struct context *ctx, const uint8_t *config,
		       const uint8_t *window)
{
	struct json_object *o = json_object_new_object();
	char text[2 * ISM_WINDOW + 1];

	json_text(o, "function", ctx->function);
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		snprintf(text, sizeof(text), "0x%0*x",
			 (int)registers[i].len * 2,
			 value_of(config, registers[i].at, registers[i].len));
		json_text(o, registers[i].name, text);
	}
	for (unsigned int i = 0; i < ISM_WINDOW; i++)
		sprintf(text + 2 * i, "%02x", window[i]);
	json_text(o, "window", text);
	json_end(ctx, o);
}

static int run(struct context *ctx)
{
	uint8_t config[CONFIG_LEN] = { 0 }, window[ISM_WINDOW] = { 0 };
	int ret;

	ret = context_open(ctx);
	if (!ret)
		ret = read_region(ctx, VFIO_PCI_CONFIG_REGION_INDEX, config,
				  sizeof(config));
	if (!ret)
		ret = read_region(ctx, VFIO_PCI_BAR2_REGION_INDEX, window,
				  sizeof(window));
	if (!ret && ctx->json)
		print_json(ctx, config, window);
	else if (!ret)
		print_text(ctx->out, config, window);
	context_close(ctx);
	return ret;
}

const struct command command_regs = {
	.name = "regs",
	.args = "FUNCTION",
	.summary = "PCI registers and command window",
	.help = "Print the PCI registers and the command window of FUNCTION."
		"\vThe window shows the answer to the last command, which is the READ_GID of opening it. BAR0 can only be written.\n",
	.wants = WANTS_FUNCTION,
	.run = run,
};
