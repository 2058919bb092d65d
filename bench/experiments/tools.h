/* SPDX-License-Identifier: MIT */
/*
 * tools.h - counting what a program does, with tools that others wrote: strace (system calls) and
 * valgrind's callgrind (user instructions).
 */
#ifndef EXPERIMENTS_TOOLS_H
#define EXPERIMENTS_TOOLS_H

#include "../contestants/child.h"

enum tool {
  TOOL_STRACE,
  TOOL_CALLGRIND
};

const char *tool_name(enum tool tool);
/* Why nothing can be counted with it here: "not installed"; NULL: it can. */
const char *tool_trouble(enum tool tool);

/* A file for what strace counts; callgrind says it on stderr. 0 or -errno. */
struct tool_run {
  enum tool tool;
  char path[64]; /* "": none */
};
int tool_begin(enum tool tool, struct tool_run *ret);

/* The tool's words in front of `program`'s. 0 or -errno as command_add. */
int tool_command(const struct tool_run *run, const struct command *program, struct command *ret);

/* What was counted until the program's end; `said` is what program and tool said. NaN: the tool
 * says nothing of it. Removes the file. */
double tool_end(struct tool_run *run, const char *said);

#endif
