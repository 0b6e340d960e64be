// SPDX-License-Identifier: MIT
/*
 * The arguments and options of a subcommand
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define MAX_OPTIONS	16
#define KEY_JSON	'j'
#define KEY_INTERFACE	'i'

/**
 * struct parse - a command line that is being read
 * @command: the subcommand
 * @ctx: filled in
 * @given: which of its options there were, by their place
 */
struct parse {
	const struct command *command;
	struct context *ctx;
	uint32_t given;
};

static const struct command_option none[] = { { 0 } };

static const struct command_option *options_of(const struct command *command)
{
	return command->options ? command->options : none;
}

static int parse_number(const struct command_option *option, const char *arg)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || *arg == '-' || n < option->min ||
	    n > option->max)
		return EINVAL;
	*option->number = n;
	return 0;
}

static int parse_interface(struct context *ctx, const char *arg)
{
	static const char *const names[] = {
		[ISM_IOMMU_AUTO] = "auto",
		[ISM_IOMMU_GROUP] = "group",
		[ISM_IOMMU_IOMMUFD] = "iommufd",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(arg, names[i]) != 0)
			continue;
		ctx->iommu = (enum ism_iommu)i;
		return 0;
	}
	return EINVAL;
}

static int set(const struct command_option *option, const char *arg)
{
	if (option->number)
		return parse_number(option, arg);
	if (option->text)
		*option->text = arg;
	else
		*option->flag = true;
	return 0;
}

/* One of the subcommand's own options; EINVAL if it does not take this value */
static error_t parse_own(struct parse *parse, int key, const char *arg)
{
	const struct command_option *options = options_of(parse->command);

	for (unsigned int i = 0; options[i].name; i++) {
		if (options[i].key != key)
			continue;
		parse->given |= 1u << i;
		return set(&options[i], arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static void parse_argument(struct parse *parse, char *arg,
			   struct argp_state *state)
{
	const struct command *command = parse->command;

	if (!state->arg_num && command->wants != WANTS_NO_FUNCTION)
		parse->ctx->function = arg;
	else if (state->arg_num == 1 && command->file)
		*command->file = arg;
	else
		argp_error(state, "'%s' is one argument too many", arg);
}

static void check_all(const struct parse *parse, struct argp_state *state)
{
	const struct command_option *options = options_of(parse->command);

	if (!parse->ctx->function && parse->command->wants == WANTS_FUNCTION)
		argp_error(state, "which function? 'ismctl list' names them");
	for (unsigned int i = 0; options[i].name; i++)
		if (options[i].missing && !(parse->given & 1u << i))
			argp_error(state, "%s", options[i].missing);
}

static error_t parse_key(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	error_t ret = 0;

	switch (key) {
	case KEY_JSON:
		parse->ctx->json = true;
		break;
	case KEY_INTERFACE:
		ret = parse_interface(parse->ctx, arg);
		break;
	case ARGP_KEY_ARG:
		parse_argument(parse, arg, state);
		break;
	case ARGP_KEY_END:
		check_all(parse, state);
		break;
	default:
		ret = parse_own(parse, key, arg);
	}
	if (ret == EINVAL)
		argp_error(state, "'%s' is not a value that this option takes",
			   arg);
	return ret;
}

/* The subcommand's options and those that all have, as argp wants them */
static void list_options(const struct command *command,
			 struct argp_option list[MAX_OPTIONS])
{
	static const struct argp_option common[] = {
		{ .name = "json", .key = KEY_JSON, .doc = "Print results as JSON" },
		{ .name = "interface", .key = KEY_INTERFACE, .arg = "NAME",
		  .doc = "Interface of vfio: auto (default), group or iommufd" },
	};
	const struct command_option *option = options_of(command);

	memcpy(list, common, sizeof(common));
	list += sizeof(common) / sizeof(common[0]);
	for (; option->name; option++)
		*list++ = (struct argp_option) {
			.name = option->name,
			.key = option->key,
			.arg = option->value,
			.doc = option->help,
		};
}

/**
 * command_parse() - read the arguments of a subcommand
 * @command: the subcommand; its variables are set
 * @argc: number of arguments
 * @argv: arguments, from the subcommand's name on
 * @ctx: filled in
 *
 * Does not return when the arguments are wrong, or ask for the help.
 */
void command_parse(const struct command *command, int argc, char **argv,
		   struct context *ctx)
{
	struct argp_option options[MAX_OPTIONS] = { 0 };
	struct parse parse = { .command = command, .ctx = ctx };
	const struct argp argp = {
		.options = options,
		.parser = parse_key,
		.args_doc = command->args,
		.doc = command->help,
	};
	char name[32];

	list_options(command, options);
	snprintf(name, sizeof(name), "ismctl %s", command->name);
	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &parse);
}
