/* SPDX-License-Identifier: MIT */
/* cli.c - the parser of cli.h. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "ioloop/ioloop.h"
#include "outfile.h"
#include "output.h"
#include "say.h"

/* ---- values --------------------------------------------------------------------------- */

/* Digits only: strtoull would take "-1", " 1" and "0x1". */
static bool parse_digits(const char *text, uint64_t *ret) {
  uint64_t number = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9'; at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (number > (UINT64_MAX - digit) / 10)
      return false;
    number = number * 10 + digit;
  }
  if (at == text || *at)
    return false;
  *ret = number;
  return true;
}

/* Decimal seconds without floating point: 3, 0.25, .5, to nine places. */
static bool parse_seconds(const char *text, uint64_t *ret_ns) {
  char ns[32];
  const char *point = strchr(text, '.'), *places = point ? point + 1 : "";
  size_t whole_size = point ? (size_t)(point - text) : strlen(text), places_size = strlen(places);
  if (whole_size > 15 || places_size > 9 || whole_size + places_size == 0)
    return false;
  snprintf(ns, sizeof ns, "%.*s%s%.*s", (int)whole_size, text, places, 9 - (int)places_size,
           "000000000");
  return parse_digits(ns, ret_ns);
}

static void describe_time(const struct cli_option *option, char *to, size_t room) {
  uint64_t unit = option->kind == CLI_IS_MS ? NS_PER_MS : NS_PER_SECOND;
  double low = (double)option->min / (double)unit, high = (double)option->max / (double)unit;
  snprintf(to, room, "%s from %.10g to %.10g, as 3 or 0.25",
           option->kind == CLI_IS_MS ? "milliseconds" : "seconds", low, high);
}

/* "0 to 65535", "text, hex or none" */
static void describe_allowed(const struct cli_option *option, char *to, size_t room) {
  *to = '\0';
  switch (option->kind) {
  case CLI_IS_NUMBER:
    snprintf(to, room, "a number from %" PRIu64 " to %" PRIu64, option->min, option->max);
    break;
  case CLI_IS_SECONDS:
  case CLI_IS_MS:
    describe_time(option, to, room);
    break;
  case CLI_IS_CHOICE:
    for (size_t i = 0; option->choices[i]; i++) {
      const char *before = i == 0 ? "" : option->choices[i + 1] ? ", " : " or ";
      size_t used = strlen(to);
      snprintf(to + used, room - used, "%s%s", before, option->choices[i]);
    }
    break;
  case CLI_IS_TEXT:
    snprintf(to, room, "%s", option->min ? "at least one character" : "");
    break;
  case CLI_IS_FLAG:
    break;
  }
}

static int refuse(const struct cli_option *option, const char *value) {
  char allowed[256];
  describe_allowed(option, allowed, sizeof allowed);
  return misuse("--%s=%s: must be %s", option->name, value, allowed);
}

static bool take_choice(const struct cli_option *option, const char *value, int *ret) {
  for (int i = 0; option->choices[i]; i++)
    if (strcmp(option->choices[i], value) == 0) {
      *ret = i;
      return true;
    }
  return false;
}

static bool take_number(const struct cli_option *option, const char *value, uint64_t *ret) {
  uint64_t number = 0;
  bool good =
      option->kind == CLI_IS_NUMBER ? parse_digits(value, &number) : parse_seconds(value, &number);
  if (option->kind == CLI_IS_MS)
    number /= NS_PER_SECOND / NS_PER_MS;
  if (!good || number < option->min || number > option->max)
    return false;
  *ret = number;
  return true;
}

static void *field_of(const struct cli *cli, const struct cli_option *option) {
  return (char *)cli->into + option->offset;
}

static int take(const struct cli *cli, const struct cli_option *option, const char *value) {
  void *field = field_of(cli, option);
  bool good = true;
  switch (option->kind) {
  case CLI_IS_FLAG:
    *(bool *)field = true;
    break;
  case CLI_IS_TEXT:
    good = option->min == 0 || *value;
    *(const char **)field = value;
    break;
  case CLI_IS_NUMBER:
  case CLI_IS_SECONDS:
  case CLI_IS_MS:
    good = take_number(option, value, field);
    break;
  case CLI_IS_CHOICE:
    good = take_choice(option, value, field);
    break;
  }
  return good ? 0 : refuse(option, value);
}

/* ---- options -------------------------------------------------------------------------- */

/* "--port=N", "--stats[=SEC]", "--udp" */
static void spell(const struct cli_option *option, char *to, size_t room) {
  const char *format = !option->value ? "--%s" : option->optional ? "--%s[=%s]" : "--%s=%s";
  snprintf(to, room, format, option->name, option->value);
}

enum {
  NAME_SIZE = 32, /* longer ones are similar to nothing */
  FAR = 1000,
};

static size_t least(size_t a, size_t b, size_t c) {
  size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Levenshtein's edit distance: letters to insert, delete or replace. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size) {
  size_t row[NAME_SIZE + 1];
  if (a_size > NAME_SIZE || b_size > NAME_SIZE)
    return FAR;
  for (size_t j = 0; j <= b_size; j++)
    row[j] = j;
  for (size_t i = 1; i <= a_size; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      size_t above = row[j];
      row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[b_size];
}

/* The option that was probably meant, if two typing errors or fewer explain it: --port for
 * --prot. */
static const struct cli_option *nearest(const struct cli *cli, const char *name, size_t size) {
  const struct cli_option *best = NULL;
  size_t best_distance = size > 3 ? 3 : 2;
  for (const struct cli_option *option = cli->options; option->name; option++) {
    size_t d = distance(name, size, option->name, strlen(option->name));
    if (d < best_distance) {
      best = option;
      best_distance = d;
    }
  }
  return best;
}

static int refuse_unknown(const struct cli *cli, const char *argument, const char *name,
                          size_t size) {
  char allowed[1024] = "", hint[96] = "";
  for (const struct cli_option *option = cli->options; option->name; option++) {
    char one[64];
    spell(option, one, sizeof one);
    size_t used = strlen(allowed);
    snprintf(allowed + used, sizeof allowed - used, " %s", one);
  }
  const struct cli_option *near = nearest(cli, name, size);
  if (near)
    snprintf(hint, sizeof hint, " (did you mean --%s?)", near->name);
  return misuse("unknown option %.64s%s; allowed are%s", argument, hint, allowed);
}

static const struct cli_option *find_option(const struct cli *cli, const char *name, size_t size) {
  for (const struct cli_option *option = cli->options; option->name; option++)
    if (strlen(option->name) == size && memcmp(option->name, name, size) == 0)
      return option;
  return NULL;
}

static int refuse_missing(const struct cli_option *option) {
  char spelling[64], allowed[256];
  spell(option, spelling, sizeof spelling);
  describe_allowed(option, allowed, sizeof allowed);
  return misuse("--%s: a value is missing: %s%s%s", option->name, spelling, *allowed ? ", " : "",
                allowed);
}

/* `value`: the text after '=', or NULL; `next`: the next word of the command line, or NULL. */
static int take_option(const struct cli *cli, const struct cli_option *option, const char *value,
                       const char *next, bool *ret_took_next) {
  if (option->kind == CLI_IS_FLAG && value)
    return misuse("--%s=%.64s: takes no value", option->name, value);
  if (option->kind == CLI_IS_FLAG)
    return take(cli, option, NULL);
  if (!value && option->optional) {
    *(uint64_t *)field_of(cli, option) = option->absent;
    return 0;
  }
  if (!value && !next)
    return refuse_missing(option);
  *ret_took_next = !value;
  return take(cli, option, value ? value : next);
}

static int parse_word(struct cli *cli, const char *word, const char *next, bool *ret_took_next) {
  if (strcmp(word, "-h") == 0)
    word = "--help";
  const char *name = word + 2, *equals = strchr(word, '=');
  bool is_long = strncmp(word, "--", 2) == 0;
  size_t size = !is_long ? 0 : equals ? (size_t)(equals - name) : strlen(name);
  const struct cli_option *option = is_long ? find_option(cli, name, size) : NULL;
  if (!option)
    return refuse_unknown(cli, word, is_long ? name : "", size);
  if (cli->given)
    cli->given[option - cli->options] = true;
  return take_option(cli, option, equals ? equals + 1 : NULL, next, ret_took_next);
}

static int take_argument(struct cli *cli, const char *word) {
  if (!cli->argument)
    return misuse("unexpected argument %.64s: only options are allowed, as in --port=8888", word);
  cli->arguments[cli->argument_count++] = word;
  return 0;
}

int cli_parse(struct cli *cli, int argc, char **argv) {
  bool only_arguments = false;
  cli->argument_count = 0;
  for (int i = 1; i < argc; i++) {
    bool took_next = false;
    int error;
    if (!only_arguments && strcmp(argv[i], "--") == 0) {
      only_arguments = true;
      continue;
    }
    /* By convention a lone "-" is an argument. */
    if (only_arguments || argv[i][0] != '-' || !argv[i][1])
      error = take_argument(cli, argv[i]);
    else
      error = parse_word(cli, argv[i], argv[i + 1], &took_next);
    if (error)
      return error;
    i += took_next;
  }
  return 0;
}

/* ---- printing ------------------------------------------------------------------------- */

enum {
  HELP_COLUMN = 26,
};

/* '@' prints the program's name. */
static void print_text(const char *text, size_t size, int indent) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '@')
      fputs(say_program(), stdout);
    else
      putchar(text[i]);
    if (text[i] == '\n')
      printf("%*s", indent, "");
  }
}

static void print_options(const struct cli_option *option) {
  for (; option->name; option++) {
    char spelling[64];
    spell(option, spelling, sizeof spelling);
    printf("  %-*s", HELP_COLUMN - 2, spelling);
    print_text(option->help, strlen(option->help), HELP_COLUMN);
    putchar('\n');
  }
}

static bool colour(void) {
  const char *off = getenv("NO_COLOR"), *term = getenv("TERM");
  return isatty(STDOUT_FILENO) && !(off && *off) && term && strcmp(term, "dumb") != 0;
}

const char *cli_bold(void) {
  return colour() ? "\x1b[1m" : "";
}

const char *cli_plain(void) {
  return colour() ? "\x1b[0m" : "";
}

static void print_line(const char *line, size_t size) {
  bool heading = size > 0 && line[0] >= 'A' && line[0] <= 'Z';
  fputs(heading ? cli_bold() : "", stdout);
  print_text(line, size, 0);
  fputs(heading ? cli_plain() : "", stdout);
  putchar('\n');
}

int cli_finish_stdout(void) {
  int error = outfile_flush(stdout);
  if (!error)
    return EXIT_OK;
  return complain("cannot write to stdout: %s (%s)", strerror(-error), output_remedy(error));
}

int cli_print_help(const struct cli_option *options, const char *text) {
  for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
    size_t size = (size_t)(end - text);
    print_line(text, size);
    if (size == 7 && memcmp(text, "OPTIONS", 7) == 0)
      print_options(options);
  }
  return cli_finish_stdout();
}

int cli_print_version(void) {
  printf("%s (ioloop) %s\n", say_program(), IOLOOP_VERSION);
  return cli_finish_stdout();
}
