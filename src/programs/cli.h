/* SPDX-License-Identifier: MIT */
/*
 * cli.h - command lines: a table of options in, values out, one clear line when they are wrong.
 *
 * Why not getopt_long: it reports an unknown option in its own words, accepts abbreviations that
 * change their meaning when options are added, and knows nothing of values. Here the table says
 * what each option takes; the parser, the error lines and --help all read the same table.
 *
 * Accepted: --name, --name=value, --name value (but not where the value is optional), -h, and
 * "--" after which everything is an argument. Options and arguments may be mixed.
 */
#ifndef PROGRAMS_CLI_H
#define PROGRAMS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_kind {
  CLI_FLAG,    /* target: bool, set to true */
  CLI_TEXT,    /* target: const char *, into argv; with min 1 it must not be empty */
  CLI_NUMBER,  /* target: uint64_t, min to max */
  CLI_SECONDS, /* target: uint64_t of nanoseconds, min to max; written as 3 or 0.25 */
  CLI_CHOICE,  /* target: int, an index into choices */
};

struct cli_option {
  const char *name;  /* without the dashes */
  const char *value; /* what --help calls the value: "N"; NULL for a flag */
  const char *help;  /* may have several lines */
  enum cli_kind kind;
  bool optional; /* the value may be left out; the target then gets `absent` */
  void *target;
  uint64_t min, max, absent;
  const char *const *choices; /* ends with NULL */
};

struct cli {
  const struct cli_option *options;
  size_t option_count;
  const char *argument;   /* what --help calls the arguments, or NULL: there are none */
  const char **arguments; /* out: room for argc, filled in order */
  size_t argument_count;  /* out */
  bool *given;            /* out: which of the options there were; may be NULL */
};

/* 0, or EXIT_USAGE when one line has been said. */
int cli_parse(struct cli *cli, int argc, char **argv);

/* One value of `option`, from the command line or elsewhere; as cli_parse. */
int cli_take(const struct cli_option *option, const char *value);

/* --help on stdout: `text` with @ as the program's name (there and in the options' help), its
 * headings (lines that begin with a
 * letter) in bold, and the options where a line says OPTIONS. */
void cli_print_help(const struct cli *cli, const char *text);

/* Colour only where a person looks: stdout is a terminal that can, and NO_COLOR is not set. These
 * are "" otherwise. */
const char *cli_bold(void);
const char *cli_plain(void);

/* Flush stdout: EXIT_OK, or EXIT_TROUBLE with the line said that explains why not. */
int cli_finish_stdout(void);

#endif
