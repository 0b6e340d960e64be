/* SPDX-License-Identifier: MIT */
/*
 * The subcommands, in the order in which the help lists them.
 *
 * To add one: write NAME.c, which defines "const struct command command_NAME"
 * (command.h; regs.c is a short example), and give it a line here. The build, the
 * help and the completion take it from here; "tests/lint/lint documents" says what
 * the manual page, ismctl.1, lacks then.
 */
COMMAND(list)
COMMAND(info)
COMMAND(regs)
COMMAND(watch)
COMMAND(signal)
COMMAND(send)
COMMAND(recv)
COMMAND(ping)
COMMAND(bench)
COMMAND(selftest)
COMMAND(report)
