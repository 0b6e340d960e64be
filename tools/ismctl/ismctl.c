// SPDX-License-Identifier: MIT
/*
 * ismctl: look at ISM functions, and move files between them
 *
 * Here a subcommand is found by its name. Each is in the file of its name;
 * commands.h lists them, and says how to add one.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

const char *argp_program_version = "ismctl (ism-vfio-pci) " ISM_VFIO_VERSION;

#define COMMAND(_name)	extern const struct command command_##_name;
#include "commands.h"
#undef COMMAND

#define COMMAND(_name)	&command_##_name,
static const struct command *const commands[] = {
#include "commands.h"
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i];
	return NULL;
}

struct main_args {
	const struct command *command;
	int at;
};

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	struct main_args *args = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		args->command = find(arg);
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

/* The list of commands is put in front of what the help ends with */
static char *complete_help(int key, const char *text, void *input)
{
	char *help = NULL, usage[80];
	size_t len;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	f = open_memstream(&help, &len);
	if (!f)
		return (char *)text;
	fputs("Commands ('ismctl COMMAND --help' tells more):\n\n", f);
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		snprintf(usage, sizeof(usage), "%s %s", commands[i]->name,
			 commands[i]->args);
		fprintf(f, "  %-32s  %s\n", usage, commands[i]->summary);
	}
	fprintf(f, "\n%s", text);
	fclose(f);
	return help;
}

static const struct argp main_argp = {
	.parser = parse_main,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Look at s390 ISM functions and move data between them, over vfio."
	       "\vFUNCTION is the PCI name of an ISM function that is bound to ism_vfio_pci ('ism-vfio bind FUNCTION'), for instance 0011:00:00.0.",
	.help_filter = complete_help,
};

int main(int argc, char **argv)
{
	static struct context ctx;
	struct main_args args = { 0 };

	ctx.out = stdout;
	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&main_argp, argc, argv, ARGP_IN_ORDER, NULL, &args);
	command_parse(args.command, argc - args.at, argv + args.at, &ctx);
	/* a closed stdout is an error like others, to tell the peer about */
	signal(SIGPIPE, SIG_IGN);
	args.command->run(&ctx);
	fflush(ctx.out);
	if (ctx.status)
		fprintf(stderr, "ismctl: %s\n", ctx.error);
	ism_free(ctx.ism);
	return (int)ctx.status;
}
