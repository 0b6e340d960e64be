/* SPDX-License-Identifier: MIT */
/*
 * What a subcommand of ismctl is made of: its arguments, its options, its help,
 * and what it does. commands.h lists them all.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "context.h"

struct argp_state;

/**
 * struct command_option - an option, and the subcommand's variable that it sets
 * @name: long name
 * @key: short name
 * @value: what the help calls its value, NULL if it takes none
 * @help: a sentence, with the default
 * @flag: set to true
 * @text: set to the value
 * @number: set to the value, which is from @min to @max
 * @min: smallest number
 * @max: largest number
 * @missing: what to say when the option is not given; NULL if it need not be
 *
 * One of @flag, @text and @number is given.
 */
struct command_option {
	const char *name;
	char key;
	const char *value;
	const char *help;
	bool *flag;
	const char **text;
	uint64_t *number;
	uint64_t min;
	uint64_t max;
	const char *missing;
};

enum wants {
	WANTS_NO_FUNCTION,
	MAY_HAVE_FUNCTION,
	WANTS_FUNCTION,
};

/**
 * struct command - a subcommand
 * @name: its name
 * @args: its arguments, as the help shows them
 * @summary: what it does, in a few words
 * @help: a sentence; behind a vertical tab, what else there is to say
 * @options: that it takes besides the ones that all take; the last has no name
 * @wants: whether it takes the name of a function
 * @file: set to the argument behind the function, NULL if there may be none
 * @run: what it does; returns a status, after fail()
 */
struct command {
	const char *name;
	const char *args;
	const char *summary;
	const char *help;
	const struct command_option *options;
	enum wants wants;
	const char **file;
	int (*run)(struct context *ctx);
};

void command_parse(const struct command *command, int argc, char **argv,
		   struct context *ctx);

/* Options that several have */

#define OPTION_TO(_text) {						\
	.name = "to", .key = 't', .value = "PEER", .text = (_text),	\
	.help = "GID of the peer's function (0x...), or its name if it is in this system", \
	.missing = "--to is missing: who is the peer?",			\
}

#define OPTION_TIMEOUT(_number) {					\
	.name = "timeout", .key = 'T', .value = "SECONDS",		\
	.number = (_number), .max = 1000000,				\
	.help = "How long to wait for the peer to come; 0: for ever (default: 30)", \
}

#define OPTION_QUIET(_flag) {						\
	.name = "quiet", .key = 'q', .flag = (_flag),			\
	.help = "Neither progress nor summary",				\
}

#define EXIT_CODES							\
	"Exit codes: 0 done, and what arrived is what was sent; "	\
	"1 something failed here or at the peer; 2 wrong arguments; "	\
	"3 the peer did not come in time; 4 the peer went away; "	\
	"5 what arrived is not what was sent."

#endif /* COMMAND_H */
