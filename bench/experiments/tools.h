/* SPDX-License-Identifier: MIT */
/*
 * tools.h - counting what a program does, with existing tools: strace (system calls) and valgrind's
 * callgrind (user instructions).
 */
#ifndef EXPERIMENTS_TOOLS_H
#define EXPERIMENTS_TOOLS_H

#include "contestants/child.h"

enum tool {
  TOOL_STRACE,
  TOOL_CALLGRIND
};

const char *tool_name(enum tool tool);
/* Why the tool cannot be used here: "not installed"; NULL: it can. */
const char *tool_trouble(enum tool tool);

/* A file for strace's counts; callgrind prints its count on stderr. 0 or -errno. */
struct tool_run {
  enum tool tool;
  char path[64]; /* "": none */
};
int tool_begin(enum tool tool, struct tool_run *ret);

/* Put the tool's arguments before those of `program`. 0 or -errno as command_add. */
int tool_command(const struct tool_run *run, const struct command *program, struct command *ret);

/* The count at the program's end; `stderr_tail` is the stderr of program and tool. NaN: the tool
 * did not print it. Removes the file. */
double tool_end(struct tool_run *run, const char *stderr_tail);

#endif
