// SPDX-License-Identifier: MIT
/*
 * ismctl: look at ISM functions, and move files between them
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "link.h"

#define OPEN_NS		5000000000ll	/* for another process to let go */
#define OPEN_RETRY_US	50000

const char *argp_program_version = "ismctl (ism-vfio-pci) " ISM_VFIO_VERSION;

/**
 * run_fail() - note how a run ends
 * @run: run
 * @status: exit code
 * @fmt: sentence for the user; the first failure is the one that is kept
 *
 * Return: the status that was noted first.
 */
int run_fail(struct run *run, enum status status, const char *fmt, ...)
{
	va_list ap;

	if (run->status)
		return (int)run->status;
	va_start(ap, fmt);
	vsnprintf(run->error, sizeof(run->error), fmt, ap);
	va_end(ap);
	run->status = status;
	return (int)status;
}

/**
 * now_ns() - read the monotonic clock
 *
 * Return: nanoseconds.
 */
int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/**
 * run_open() - open the function of a run
 * @run: run
 *
 * A function is busy for a moment after its process was killed, and while
 * another ismctl asks it for its GID.
 *
 * Return: 0 or a status after run_fail().
 */
int run_open(struct run *run)
{
	int64_t begin = now_ns();
	int ret;

	run->ism = ism_new();
	if (!run->ism)
		return run_fail(run, STATUS_FAILED, "out of memory");
	while ((ret = ism_open(run->ism, run->function, run->iommu)) == -EBUSY &&
	       now_ns() - begin < OPEN_NS)
		usleep(OPEN_RETRY_US);
	if (ret)
		return run_fail(run, STATUS_FAILED, "%s",
				ism_strerror(run->ism));
	peer_publish(run);
	return 0;
}

/**
 * run_close() - give the function back and keep its counters
 * @run: run, with or without an open function; its handle stays for the report
 */
void run_close(struct run *run)
{
	if (!run->ism)
		return;
	ism_get_stats(run->ism, &run->stats);
	if (ism_fd(run->ism) >= 0)
		peer_unpublish(run);
	ism_close(run->ism);
}

/* Options */

enum option_key {
	OPT_TO = 't',
	OPT_FROM = 'f',
	OPT_OUTPUT = 'o',
	OPT_QUIET = 'q',
	OPT_JSON = 'j',
	OPT_TIMEOUT = 'T',
	OPT_DMB = 'd',
	OPT_INTERFACE = 'i',
	OPT_COUNT = 'c',
	OPT_SIZE = 's',
	OPT_SVG = 'S',
	OPT_SECONDS = 'n',
	OPT_CODE = 'C',
	OPT_INFO = 'I',
	OPT_TOKEN = 'k',
	OPT_SIGNAL = 'g',
};

#define OPTION(name, key, arg, doc)	{ name, key, arg, 0, doc, 0 }

#define COMMON_OPTIONS							\
	OPTION("json", OPT_JSON, NULL, "Print results as JSON"),	\
	OPTION("interface", OPT_INTERFACE, "NAME",			\
	       "Interface of vfio: auto (default), group or iommufd")

#define LINK_OPTIONS							\
	COMMON_OPTIONS,							\
	OPTION("timeout", OPT_TIMEOUT, "SECONDS",			\
	       "How long to wait for the peer to come; 0: for ever (default: 30)")

#define QUIET_OPTION							\
	OPTION("quiet", OPT_QUIET, NULL, "Neither progress nor summary")

#define TO_OPTION							\
	OPTION("to", OPT_TO, "PEER",					\
	       "GID of the peer's function (0x...), or its name if it is in this system")

static const struct argp_option common_options[] = {
	COMMON_OPTIONS,
	{ 0 }
};

static const struct argp_option watch_options[] = {
	OPTION("from", OPT_FROM, "PEER",
	       "Make a DMB that this one may write and signal: a GID, or the name of a function in this system"),
	OPTION("dmb", OPT_DMB, "BYTES", "Size of that DMB (default: 1048576)"),
	OPTION("count", OPT_COUNT, "N", "End after N events (default: never)"),
	COMMON_OPTIONS,
	{ 0 }
};

static const struct argp_option signal_options[] = {
	TO_OPTION,
	OPTION("code", OPT_CODE, "N", "Code of the event (default: 0)"),
	OPTION("info", OPT_INFO, "N", "Info of the event (default: 0)"),
	OPTION("token", OPT_TOKEN, "TOKEN",
	       "Store one byte, 0, to the begin of this DMB of the peer's, with a signal, in place of an event"),
	OPTION("signal", OPT_SIGNAL, "N", "Number of the signal, 0 to 15 (default: 0)"),
	COMMON_OPTIONS,
	{ 0 }
};

static const struct argp_option send_options[] = {
	TO_OPTION,
	LINK_OPTIONS,
	QUIET_OPTION,
	{ 0 }
};

static const struct argp_option recv_options[] = {
	OPTION("from", OPT_FROM, "PEER",
	       "Take only this sender: a GID or the name of a function in this system (default: the first that calls)"),
	OPTION("output", OPT_OUTPUT, "FILE",
	       "Write here (default: -, which is stdout; then the summary goes to stderr)"),
	OPTION("dmb", OPT_DMB, "BYTES",
	       "Size of the data DMB, up to 1048576, which is the default"),
	LINK_OPTIONS,
	QUIET_OPTION,
	{ 0 }
};

static const struct argp_option ping_options[] = {
	TO_OPTION,
	OPTION("count", OPT_COUNT, "N", "Round trips (default: 1000)"),
	OPTION("size", OPT_SIZE, "BYTES", "Bytes of each (default: 64)"),
	LINK_OPTIONS,
	{ 0 }
};

static const struct argp_option bench_options[] = {
	TO_OPTION,
	OPTION("seconds", OPT_SECONDS, "N", "Time for each size (default: 1)"),
	OPTION("svg", OPT_SVG, "FILE", "Plot the bytes per second here"),
	LINK_OPTIONS,
	{ 0 }
};

static const struct argp_option selftest_options[] = {
	OPTION("to", OPT_TO, "PEER",
	       "Store into this function of this system, which must be free (default: into the function itself)"),
	COMMON_OPTIONS,
	{ 0 }
};

#define EXIT_CODES							\
	"Exit codes: 0 done, and what arrived is what was sent; "	\
	"1 something failed here or at the peer; 2 wrong arguments; "	\
	"3 the peer did not come in time; 4 the peer went away; "	\
	"5 what arrived is not what was sent."

static const char list_doc[] =
	"List the ISM functions of this system: driver, IOMMU group, longest store block, GID."
	"\vOnly the function knows its GID: it is asked where it is bound to ism_vfio_pci and free.\n";

static const char info_doc[] =
	"Print the GID of FUNCTION, what else it says about itself, and what vfio says about it."
	"\vThe function must not be in use: it is reset.\n";

static const char regs_doc[] =
	"Print the PCI registers and the command window of FUNCTION."
	"\vThe window shows the answer to the last command, which is the READ_GID of opening it. BAR0 can only be written.\n";

static const char watch_doc[] =
	"Print the events of FUNCTION as they come, and the signals of a DMB."
	"\vEnd it with Ctrl-C.\n\n"
	"  ismctl watch 0012:00:00.0 --from 0011:00:00.0 &    # prints a token\n"
	"  ismctl signal 0011:00:00.0 --to 0012:00:00.0 --code 7 --info 42\n"
	"  ismctl signal 0011:00:00.0 --to 0012:00:00.0 --token 0x... --signal 3\n";

static const char signal_doc[] =
	"Put an event into the event queue of a peer, or signal one of its DMBs.";

static const char send_doc[] =
	"Send FILE, or stdin (-, the default), to the 'ismctl recv' that uses the function with the GID of --to."
	"\vBoth sides may be started in any order. The receiver prints its GID; 'ismctl list' does too.\n\n"
	"  ismctl recv 0012:00:00.0 -o copy &\n"
	"  ismctl send 0011:00:00.0 --to 0012:00:00.0 file\n"
	"  tar c dir | ismctl send 0011:00:00.0 --to 0x1234\n\n" EXIT_CODES;

static const char recv_doc[] =
	"Receive what an 'ismctl send' sends to the GID of FUNCTION."
	"\vThe sender's SHA-256 is compared with the one of what arrived. After a failure the output is incomplete.\n\n"
	"  ismctl recv 0012:00:00.0 -o copy\n"
	"  ismctl recv 0012:00:00.0 --from 0011:00:00.0 | tar x\n\n" EXIT_CODES;

static const char ping_doc[] =
	"Measure round trips to an 'ismctl recv': bytes and a signal into its DMB, an answer and a signal into ours."
	"\v  ismctl recv 0012:00:00.0 -o /dev/null &\n"
	"  ismctl ping 0011:00:00.0 --to 0012:00:00.0\n\n" EXIT_CODES;

static const char bench_doc[] =
	"Measure moves of 1 byte to 1 MiB into the DMB of an 'ismctl recv'."
	"\v  ismctl recv 0012:00:00.0 -o /dev/null &\n"
	"  ismctl bench 0011:00:00.0 --to 0012:00:00.0 --svg moves.svg\n\n" EXIT_CODES;

static const char selftest_doc[] =
	"Check FUNCTION step by step: commands, every length of a store, signals, events, reset."
	"\vNo other function is touched. The report is for pasting into a bug report. Exit code 1 when a step failed.\n";

/* What options take a number, and which */
static const struct number {
	int key;
	uint64_t min;
	uint64_t max;
	size_t offset;
} numbers[] = {
	{ OPT_TIMEOUT, 0, 1000000, offsetof(struct run, timeout) },
	/* each of the slots has at least one byte */
	{ OPT_DMB, 1, ISM_DMB_MAX, offsetof(struct run, dmb_len) },
	{ OPT_COUNT, 1, 100000000, offsetof(struct run, count) },
	{ OPT_SIZE, 1, ISM_DMB_MAX / LINK_SLOTS, offsetof(struct run, size) },
	{ OPT_SECONDS, 1, 3600, offsetof(struct run, seconds) },
	{ OPT_CODE, 0, UINT32_MAX, offsetof(struct run, code) },
	{ OPT_INFO, 0, UINT64_MAX, offsetof(struct run, info) },
	{ OPT_TOKEN, 1, UINT64_MAX, offsetof(struct run, token) },
	{ OPT_SIGNAL, 0, ISM_SIGNALS - 1, offsetof(struct run, signal) },
};

static int parse_number(struct run *run, const struct number *number,
			const char *arg)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || *arg == '-' ||
	    n < number->min || n > number->max)
		return EINVAL;
	*(uint64_t *)((char *)run + number->offset) = n;
	return 0;
}

static int parse_interface(struct run *run, const char *arg)
{
	static const char *const names[] = {
		[ISM_IOMMU_AUTO] = "auto",
		[ISM_IOMMU_GROUP] = "group",
		[ISM_IOMMU_IOMMUFD] = "iommufd",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(arg, names[i]) != 0)
			continue;
		run->iommu = (enum ism_iommu)i;
		return 0;
	}
	return EINVAL;
}

static int parse_value(struct run *run, int key, const char *arg)
{
	if (key == OPT_INTERFACE)
		return parse_interface(run, arg);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].key == key)
			return parse_number(run, &numbers[i], arg);
	return EINVAL;
}

static error_t parse_argument(struct run *run, char *arg,
			      struct argp_state *state)
{
	if (!state->arg_num && strcmp(run->command, "list") != 0)
		run->function = arg;
	else if (state->arg_num == 1 && !strcmp(run->command, "send"))
		run->file = arg;
	else
		argp_error(state, "'%s' is one argument too many", arg);
	return 0;
}

/* The peers that the others name are theirs to choose */
static bool needs_peer(const struct run *run)
{
	static const char *const commands[] = {
		"send", "ping", "bench", "signal"
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(run->command, commands[i]))
			return true;
	return false;
}

static void check_arguments(struct run *run, struct argp_state *state)
{
	if (!run->function && strcmp(run->command, "list") != 0)
		argp_error(state, "which function? 'ismctl list' names them");
	if (!run->peer_arg && needs_peer(run))
		argp_error(state, "--to is missing: who is the peer?");
	run->timeout_ms = run->timeout ? (int)run->timeout * 1000 : -1;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run *run = state->input;

	switch (key) {
	case OPT_TO:
	case OPT_FROM:
		run->peer_arg = arg;
		return 0;
	case OPT_OUTPUT:
		run->file = arg;
		return 0;
	case OPT_SVG:
		run->svg = arg;
		return 0;
	case OPT_QUIET:
		run->quiet = true;
		return 0;
	case OPT_JSON:
		run->json = true;
		return 0;
	case ARGP_KEY_ARG:
		return parse_argument(run, arg, state);
	case ARGP_KEY_END:
		check_arguments(run, state);
		return 0;
	default:
		if (!arg || key <= 0 || key > 255)
			return ARGP_ERR_UNKNOWN;
		if (parse_value(run, key, arg))
			argp_error(state, "'%s' is not a value that this option takes",
				   arg);
		return 0;
	}
}

/* Subcommands */

struct command {
	const char *name;
	int (*run)(struct run *run);
	bool transfers;
	struct argp argp;
};

#define COMMAND(_name, _transfers, _options, _args) {			\
	.name = #_name,							\
	.run = cmd_##_name,						\
	.transfers = (_transfers),					\
	.argp = {							\
		.options = (_options),					\
		.parser = parse_option,					\
		.args_doc = (_args),					\
		.doc = _name##_doc,					\
	},								\
}

static const struct command commands[] = {
	COMMAND(list, false, common_options, ""),
	COMMAND(info, false, common_options, "FUNCTION"),
	COMMAND(regs, false, common_options, "FUNCTION"),
	COMMAND(watch, false, watch_options, "FUNCTION"),
	COMMAND(signal, false, signal_options, "FUNCTION --to PEER"),
	COMMAND(send, true, send_options, "FUNCTION --to PEER [FILE]"),
	COMMAND(recv, true, recv_options, "FUNCTION"),
	COMMAND(ping, false, ping_options, "FUNCTION --to PEER"),
	COMMAND(bench, false, bench_options, "FUNCTION --to PEER"),
	COMMAND(selftest, false, selftest_options, "FUNCTION"),
};

static const char main_doc[] =
	"Look at s390 ISM functions and move data between them, over vfio."
	"\vCommands ('ismctl COMMAND --help' tells more):\n\n"
	"  list                              the ISM functions of this system\n"
	"  info FUNCTION                     GID, state, limits\n"
	"  regs FUNCTION                     PCI registers and command window\n"
	"  watch FUNCTION [--from PEER]      events and signals as they come\n"
	"  signal FUNCTION --to PEER         send an event or a signal\n"
	"  send FUNCTION --to PEER [FILE]    send a file or stdin\n"
	"  recv FUNCTION [-o FILE]           receive into a file or to stdout\n"
	"  ping FUNCTION --to PEER           time of round trips\n"
	"  bench FUNCTION --to PEER          bytes per second by size\n"
	"  selftest FUNCTION                 check a function step by step\n\n"
	"FUNCTION is the PCI name of an ISM function that is bound to ism_vfio_pci ('ism-vfio bind FUNCTION'), for instance 0011:00:00.0.";

struct main_args {
	const struct command *command;
	int at;
};

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	struct main_args *args = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (strcmp(arg, commands[i].name) == 0)
				args->command = &commands[i];
		if (!args->command)
			argp_error(state, "there is no command '%s'", arg);
		/* the rest is the command's */
		args->at = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp main_argp = {
	.parser = parse_main,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = main_doc,
};

/* Where there is no room for data to be mixed with words */
static FILE *report_stream(const struct run *run)
{
	return !strcmp(run->command, "recv") && !strcmp(run->file, "-") ?
	       stderr : stdout;
}

static void parse_command(const struct command *command, int argc, char **argv,
			  struct run *run)
{
	char name[32];

	*run = (struct run) {
		.command = command->name,
		.file = "-",
		.timeout = 30,
		.dmb_len = ISM_DMB_MAX,
		.count = strcmp(command->name, "ping") ? 0 : 1000,
		.size = 64,
		.seconds = 1,
	};
	snprintf(name, sizeof(name), "ismctl %s", command->name);
	argv[0] = name;
	argp_parse(&command->argp, argc, argv, 0, NULL, run);
	run->out = report_stream(run);
}

int main(int argc, char **argv)
{
	struct main_args args = { 0 };
	static struct run run;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&main_argp, argc, argv, ARGP_IN_ORDER, NULL, &args);
	parse_command(args.command, argc - args.at, argv + args.at, &run);
	/* a closed stdout is an error like others, to tell the peer about */
	signal(SIGPIPE, SIG_IGN);
	args.command->run(&run);
	if (args.command->transfers)
		report_end(&run);
	else if (run.status)
		fprintf(stderr, "ismctl: %s\n", run.error);
	ism_free(run.ism);
	return (int)run.status;
}
