/* SPDX-License-Identifier: MIT */
/*
 * cli.h - command lines: a table of options in, values out, one clear line for an error.
 *
 * Why not getopt_long: it reports an unknown option in its own words, accepts abbreviations whose
 * meaning changes when options are added, and does not check values. Here the table declares what
 * each option takes; the parser, the error lines and --help all read the same table.
 *
 * Accepted: --name, --name=value, --name value (but not if the value is optional), -h, and "--",
 * after which everything is an argument. Options and arguments may be mixed.
 */
#ifndef PROGRAMS_CLI_H
#define PROGRAMS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_kind {
  CLI_IS_FLAG,    /* field: bool, set to true */
  CLI_IS_TEXT,    /* field: const char *, into argv; with min 1 it must not be empty */
  CLI_IS_NUMBER,  /* field: uint64_t, min to max */
  CLI_IS_SECONDS, /* field: uint64_t of nanoseconds, min to max; written as 3 or 0.25 */
  CLI_IS_MS,      /* the same in milliseconds, for what is written as 20 or 0.5 */
  CLI_IS_CHOICE,  /* field: int, an index into choices */
};

struct cli_option {
  const char *name;  /* without the dashes; NULL ends the table */
  const char *value; /* the name of the value in --help: "N"; NULL for a flag */
  const char *help;  /* may have several lines */
  enum cli_kind kind;
  bool optional; /* the value may be left out; the field then gets `absent` */
  size_t offset; /* of the field in the structure of values, as offsetof(struct options, port) */
  uint64_t min, max, absent;
  const char *const *choices; /* ends with NULL */
};

/* The entries of a table. */
#define CLI_FLAG(name_, offset_, help_)                                                            \
  { .name = name_, .kind = CLI_IS_FLAG, .offset = offset_, .help = help_ }
#define CLI_VALUE(kind_, name_, value_, offset_, help_, ...)                                       \
  { .name = name_, .value = value_, .kind = kind_, .offset = offset_, .help = help_, __VA_ARGS__ }
#define CLI_TEXT(name, value, offset, help)                                                        \
  CLI_VALUE(CLI_IS_TEXT, name, value, offset, help, .min = 1)
#define CLI_ANY_TEXT(name, value, offset, help)                                                    \
  CLI_VALUE(CLI_IS_TEXT, name, value, offset, help, .min = 0)
#define CLI_NUMBER(name, value, offset, low, high, help)                                           \
  CLI_VALUE(CLI_IS_NUMBER, name, value, offset, help, .min = low, .max = high)
#define CLI_SECONDS(name, value, offset, low, high, help)                                          \
  CLI_VALUE(CLI_IS_SECONDS, name, value, offset, help, .min = low, .max = high)
#define CLI_MS(name, value, offset, low, high, help)                                               \
  CLI_VALUE(CLI_IS_MS, name, value, offset, help, .min = low, .max = high)
#define CLI_OPTIONAL_SECONDS(name, value, offset, low, high, absent_, help)                        \
  CLI_VALUE(CLI_IS_SECONDS, name, value, offset, help, .min = low, .max = high, .optional = true,  \
            .absent = absent_)
#define CLI_CHOICE(name, value, offset, names, help)                                               \
  CLI_VALUE(CLI_IS_CHOICE, name, value, offset, help, .choices = names)
#define CLI_END                                                                                    \
  { .name = NULL }

struct cli {
  const struct cli_option *options; /* a table */
  void *into;                       /* the structure of values, with the defaults */
  const char *argument;             /* the name of the arguments in --help; NULL: there are none */
  const char **arguments;           /* out: room for argc, filled in order */
  size_t argument_count;            /* out */
  bool *given;                      /* out: which options were present; may be NULL */
};

/* 0, or EXIT_USAGE after printing one line. */
int cli_parse(struct cli *cli, int argc, char **argv);

/* Print --help on stdout, and return an exit code: `text`, with @ replaced by the program's name (in
 * the options' help too), its headings (lines that begin with a letter) in bold, and the options in
 * place of the line OPTIONS. */
int cli_print_help(const struct cli_option *options, const char *text);

/* Print --version on stdout. Returns an exit code. */
int cli_print_version(void);

/* Colour escapes, or "" unless stdout is a terminal that supports them and NO_COLOR is not set. */
const char *cli_bold(void);
const char *cli_plain(void);

/* Flush stdout: EXIT_OK, or EXIT_TROUBLE after printing the reason. */
int cli_finish_stdout(void);

#endif
