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

#include "ismctl.h"

#define OPEN_NS		2000000000ll	/* for another process to let go */
#define OPEN_RETRY_US	50000

const char *argp_program_version = "ismctl (ism-vfio-pci) 1";

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

static int cmd_info(struct run *run)
{
	struct ism_info info;
	int ret;

	ret = run_open(run);
	if (!ret && ism_cmd_query_info(run->ism, &info))
		ret = run_fail(run, STATUS_FAILED, "%s", ism_strerror(run->ism));
	if (!ret)
		report_info(run, &info);
	run_close(run);
	return ret;
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
};

#define COMMON_OPTIONS							\
	{ "json", OPT_JSON, NULL, 0,					\
	  "Print the result as one line of JSON", 0 },			\
	{ "interface", OPT_INTERFACE, "NAME", 0,			\
	  "Interface of vfio: auto (default), group or iommufd", 0 }

#define TRANSFER_OPTIONS						\
	COMMON_OPTIONS,							\
	{ "timeout", OPT_TIMEOUT, "SECONDS", 0,				\
	  "How long to wait for the peer to come; 0: for ever (default: 30)", 0 }, \
	{ "quiet", OPT_QUIET, NULL, 0,					\
	  "Neither progress nor summary", 0 }

static const struct argp_option send_options[] = {
	{ "to", OPT_TO, "PEER", 0,
	  "GID of the receiving function (0x...), or its name if it is in this system",
	  0 },
	TRANSFER_OPTIONS,
	{ 0 }
};

static const struct argp_option recv_options[] = {
	{ "from", OPT_FROM, "PEER", 0,
	  "Take only this sender: a GID or the name of a function in this system (default: the first that calls)",
	  0 },
	{ "output", OPT_OUTPUT, "FILE", 0,
	  "Write here (default: -, which is stdout; then the summary goes to stderr)",
	  0 },
	{ "dmb", OPT_DMB, "BYTES", 0,
	  "Size of the data DMB, up to 1048576, which is the default", 0 },
	TRANSFER_OPTIONS,
	{ 0 }
};

static const struct argp_option info_options[] = {
	COMMON_OPTIONS,
	{ 0 }
};

#define EXIT_CODES							\
	"Exit codes: 0 done, and both SHA-256 digests are the same; "	\
	"1 something failed here or at the peer; 2 wrong arguments; "	\
	"3 the peer did not come in time; 4 the peer went away; "	\
	"5 what arrived is not what was sent."

static const char send_doc[] =
	"Send FILE, or stdin (-, the default), to the 'ismctl recv' that uses the function with the GID of --to."
	"\vBoth sides may be started in any order. The receiver prints its GID; 'ismctl info' does too.\n\n"
	"  ismctl recv 0012:00:00.0 -o copy &\n"
	"  ismctl send 0011:00:00.0 --to 0012:00:00.0 file\n"
	"  tar c dir | ismctl send 0011:00:00.0 --to 0x1234\n\n" EXIT_CODES;

static const char recv_doc[] =
	"Receive what an 'ismctl send' sends to the GID of FUNCTION."
	"\vThe sender's SHA-256 is compared with the one of what arrived. After a failure the output is incomplete.\n\n"
	"  ismctl recv 0012:00:00.0 -o copy\n"
	"  ismctl recv 0012:00:00.0 --from 0011:00:00.0 | tar x\n\n" EXIT_CODES;

static const char info_doc[] =
	"Print the GID of FUNCTION and what else it says about itself."
	"\vThe function must not be in use.";

static int parse_timeout(struct run *run, const char *arg)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (end == arg || *end || n < 0 || n > 1000000)
		return EINVAL;
	run->timeout_ms = n ? (int)(n * 1000) : -1;
	return 0;
}

/* Each of the slots has at least one byte */
static int parse_dmb(struct run *run, const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 0);

	if (end == arg || *end || n < 1 || n > ISM_DMB_MAX)
		return EINVAL;
	run->dmb_len = n;
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
	switch (key) {
	case OPT_TIMEOUT:
		return parse_timeout(run, arg);
	case OPT_DMB:
		return parse_dmb(run, arg);
	default:
		return parse_interface(run, arg);
	}
}

static error_t parse_argument(struct run *run, char *arg,
			      struct argp_state *state)
{
	if (!state->arg_num)
		run->function = arg;
	else if (state->arg_num == 1 && !strcmp(run->command, "send"))
		run->file = arg;
	else
		argp_error(state, "'%s' is one argument too many", arg);
	return 0;
}

static void check_arguments(const struct run *run, struct argp_state *state)
{
	if (!run->function)
		argp_error(state, "which function? For instance 0011:00:00.0");
	if (!run->peer_arg && !strcmp(run->command, "send"))
		argp_error(state, "--to is missing: who is to receive it?");
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
	case OPT_QUIET:
		run->quiet = true;
		return 0;
	case OPT_JSON:
		run->json = true;
		return 0;
	case OPT_TIMEOUT:
	case OPT_DMB:
	case OPT_INTERFACE:
		if (parse_value(run, key, arg))
			argp_error(state, "'%s' is not a value that this option takes",
				   arg);
		return 0;
	case ARGP_KEY_ARG:
		return parse_argument(run, arg, state);
	case ARGP_KEY_END:
		check_arguments(run, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Subcommands */

struct command {
	const char *name;
	struct argp argp;
	int (*run)(struct run *run);
};

static const struct command commands[] = {
	{
		.name = "info",
		.argp = {
			.options = info_options,
			.parser = parse_option,
			.args_doc = "FUNCTION",
			.doc = info_doc,
		},
		.run = cmd_info,
	},
	{
		.name = "send",
		.argp = {
			.options = send_options,
			.parser = parse_option,
			.args_doc = "FUNCTION --to PEER [FILE]",
			.doc = send_doc,
		},
		.run = cmd_send,
	},
	{
		.name = "recv",
		.argp = {
			.options = recv_options,
			.parser = parse_option,
			.args_doc = "FUNCTION",
			.doc = recv_doc,
		},
		.run = cmd_recv,
	},
};

static const char main_doc[] =
	"Look at s390 ISM functions and move data between them, over vfio."
	"\vCommands ('ismctl COMMAND --help' tells more):\n\n"
	"  info FUNCTION                     print its GID and state\n"
	"  send FUNCTION --to PEER [FILE]    send a file or stdin\n"
	"  recv FUNCTION [-o FILE]           receive into a file or to stdout\n\n"
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
		.timeout_ms = 30000,
		.dmb_len = ISM_DMB_MAX,
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
	if (args.command->run != cmd_info)
		report_end(&run);
	else if (run.status)
		fprintf(stderr, "ismctl: %s\n", run.error);
	ism_free(run.ism);
	return (int)run.status;
}
