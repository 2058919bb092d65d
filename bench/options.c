/* SPDX-License-Identifier: MIT */
/* options.c - the lab's options: one table for parsing, for errors and for --help. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cpus.h"
#include "common/outfile.h"
#include "common/say.h"
#include "load/generator.h"

enum {
  MAX_ROUNDS = 1000,
};

static const char *const protocol_names[] = {"tcp", "udp", "both", NULL};

#define SHORTEST_NS (10 * NS_PER_MS)
#define LONGEST_NS  (3600 * NS_PER_SECOND)

#define AT(field) offsetof(struct lab_options, field)

const struct cli_option options_table[] = {
    CLI_TEXT("contestants", "LIST", AT(contestants),
             "the contestants: names (see @ list), all (backends, peers), tornado;\n"
             "epoll+spin=50 is server --backend=epoll --spin=50; alias:two=epoll is\n"
             "epoll by another name (default: all; quick: one of each kind)"),
    CLI_TEXT("baseline", "NAME", AT(bench.baseline),
             "the contestant that ratios are taken against (default: epoll, or the\n"
             "first one; peer:epoll if loops are compared without servers)"),
    CLI_NUMBER("rounds", "N", AT(bench.rounds), 1, MAX_ROUNDS,
               "measure everything N times (default: 5; quick: 6); with fewer than 4\n"
               "no difference is resolved"),
    CLI_NUMBER("seed", "N", AT(bench.seed), 0, INT64_MAX,
               "of the order, arrivals and bootstraps (default: from the clock)"),
    CLI_SECONDS("duration", "SEC", AT(bench.duration_ns), SHORTEST_NS, LONGEST_NS,
                "of one measurement (default: 1; all: 0.4; quick: 0.15)"),
    CLI_SECONDS("warmup", "SEC", AT(bench.warmup_ns), 0, LONGEST_NS,
                "before it, not recorded (default: 0.2; all: 0.1; quick: 0.04)"),
    CLI_NUMBER("size", "BYTES", AT(bench.message_size), GENERATOR_MIN_SIZE, GENERATOR_MAX_SIZE,
               "of a message, over UDP at most 65507 (default: 64)"),
    CLI_TEXT("connections", "LIST", AT(words.connections),
             "active connections, as 1,50: a point for each\n"
             "(default: the experiment's own)"),
    CLI_CHOICE("protocol", "NAME", AT(protocol), protocol_names,
               "tcp, udp or both, if an experiment has both (default: both)"),
    CLI_TEXT("idle", "LIST", AT(words.idle),
             "idle: numbers of silent connections, as 0,1000 (default: 0 to 15000)"),
    CLI_TEXT("rate", "LIST", AT(words.rates),
             "load: requests per second, as 1000,20000 (default: 10 to 95 % of capacity)"),
    CLI_FLAG("poisson", AT(bench.poisson), "load: random arrivals (default: at a constant rate)"),
    CLI_SECONDS("slo", "SEC", AT(bench.slo_ns), 1000, LONGEST_NS,
                "load: find the highest rate with a p99 within SEC (default: 0.001)"),
    CLI_NUMBER("port", "N", AT(bench.port), 0, 65535,
               "of the servers; 0 picks a free one each time (default: 0)"),
    CLI_TEXT("cpu", "S,G", AT(words.cpu),
             "the processors of server and generator (default: the first two available)"),
    CLI_TEXT("json", "FILE", AT(json),
             "write the result (docs/bench-schema.md); - is stdout, instead of the table"),
    CLI_TEXT("csv", "FILE", AT(csv),
             "write every value of every round; - is stdout, instead of the table"),
    CLI_TEXT("html", "FILE", AT(html),
             "write one self-contained page, with plots if gnuplot is installed"),
    CLI_TEXT("hgrm", "DIR", AT(hgrm),
             "write each histogram as a .hgrm file that HDR plotters read"),
    CLI_FLAG("require-quiet", AT(require_quiet),
             "exit status 3 if the machine was too busy for conclusions (see METHOD)"),
    CLI_FLAG("quiet", AT(quiet), "print no progress"),
    CLI_FLAG("help", AT(help),
             "print this; with an experiment's name: its method, and how to read it"),
    CLI_FLAG("version", AT(version), "print the version"),
    CLI_END,
};

/* ---- lists ------------------------------------------------------------------------- */

struct list_rule {
  const char *option, *kind;
  double min, max;
  const char *hint;
  bool whole;
};

static const struct list_rule connections_rule = {"connections", "whole numbers", 1, 1e7, "", true};
static const struct list_rule idle_rule = {"idle", "whole numbers", 0, 1e7, "", true};
static const struct list_rule rate_rule = {
    "rate", "requests per second", 1e-3, 1e9, " (a rate of 0 would send nothing)", false};

/* strtod alone would take " 1", "0x10", "nan" and "inf". */
static bool parse_one(const char **at, const struct list_rule *rule, double *ret) {
  char *end;
  if (strspn(*at, "0123456789.") == 0)
    return false;
  *ret = strtod(*at, &end);
  bool shaped = strspn(*at, "0123456789.") == (size_t)(end - *at);
  *at = end;
  return shaped && *ret >= rule->min && *ret <= rule->max && !(rule->whole && *ret != floor(*ret));
}

static bool parse_list(const char *text, const struct list_rule *rule, struct number_list *ret) {
  for (const char *at = text;; at++) {
    if (ret->count == NUMBERS_MAX || !parse_one(&at, rule, &ret->at[ret->count++]))
      return false;
    if (!*at)
      return true;
    if (*at != ',')
      return false;
  }
}

static int take_list(const char *text, const struct list_rule *rule, struct number_list *ret) {
  if (!text || parse_list(text, rule, ret))
    return 0;
  return misuse("--%s=%s: must be %s from %.10g to %.10g%s, at most %d of them between commas",
                rule->option, text, rule->kind, rule->min, rule->max, rule->hint, NUMBERS_MAX);
}

static int take_processors(const char *text, struct lab_options *options) {
  struct cpus cpus;
  if (!text)
    return 0;
  if (!cpus_parse(text, &cpus) || cpus.count != 2)
    return misuse(
        "--cpu=%s: must be two numbers of processors, the server's and the generator's, as 0,1",
        text);
  options->bench.server_cpu = cpus.at[0];
  options->bench.generator_cpu = cpus.at[1];
  return cpus_check(&cpus);
}

/* ---- checking and parsing ---------------------------------------------------------- */

/* The options of enum takes, in the order of its bits; the others (--quiet, --help) are accepted
 * everywhere. */
static const char *const spellings[] = {
    "--contestants",   "--baseline",     "--rounds",
    "--seed",          "--duration",     "--warmup",
    "--size",          "--connections",  "--connections with more than one number",
    "--protocol",      "--protocol=udp", "--idle",
    "--rate",          "--poisson",      "--slo",
    "--port",          "--cpu",          "--json",
    "--csv",           "--html",         "--hgrm",
    "--require-quiet",
};

static unsigned meaning_of(const char *option) {
  for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
    if (strcmp(spellings[i] + strlen("--"), option) == 0)
      return 1U << i;
  return 0;
}

static unsigned what_was_given(const struct lab_options *options, const bool *given) {
  unsigned takes = 0;
  for (size_t i = 0; options_table[i].name; i++)
    if (given[i])
      takes |= meaning_of(options_table[i].name);
  if (options->bench.connections.count > 1)
    takes ^= TAKES_CONNECTIONS | TAKES_CONNECTION_LIST;
  if (options->protocol == CHOICE_UDP)
    takes ^= TAKES_TCP | TAKES_UDP;
  return takes;
}

static bool is_one_output(const char *path, const char *other) {
  return path && other && (strcmp(path, other) == 0 || outfile_same(path, other));
}

static int check_outputs(const struct lab_options *options) {
  const struct {
    const char *option, *path;
  } outputs[] = {{"json", options->json}, {"csv", options->csv}, {"html", options->html}};
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < i; j++)
      if (is_one_output(outputs[i].path, outputs[j].path))
        return misuse("--%s=%s and --%s=%s: two forms in one file; give each its own output",
                      outputs[j].option, outputs[j].path, outputs[i].option, outputs[i].path);
  return 0;
}

static int check_size(const struct lab_options *options) {
  if (options->protocol != CHOICE_UDP || options->bench.message_size <= GENERATOR_MAX_DATAGRAM)
    return 0;
  return misuse("--size=%" PRIu64 ": a datagram has at most %d bytes (--protocol=udp)",
                options->bench.message_size, (int)GENERATOR_MAX_DATAGRAM);
}

/* --rate: measure at these rates; --slo: find the highest one. */
static int check_together(unsigned given) {
  if (!(given & TAKES_RATE && given & TAKES_SLO))
    return 0;
  return misuse("--rate and --slo: at given rates nothing is searched for; leave one of them out");
}

int options_parse(int argc, char **argv, const char **arguments, struct lab_options *ret) {
  bool given[sizeof options_table / sizeof options_table[0]] = {false};
  struct lab_options options = {.arguments = arguments,
                                .protocol = CHOICE_BOTH,
                                .bench = {.seed = clock_ns(CLOCK_REALTIME) % NS_PER_SECOND,
                                          .duration_ns = DURATION_UNSET,
                                          .warmup_ns = DURATION_UNSET,
                                          .slo_ns = NS_PER_MS,
                                          .server_cpu = PROCESSOR_UNSET,
                                          .generator_cpu = PROCESSOR_UNSET}};
  struct cli cli = {.options = options_table,
                    .into = &options,
                    .given = given,
                    .argument = "NAME",
                    .arguments = arguments};
  int error = cli_parse(&cli, argc, argv);
  options.argument_count = cli.argument_count;
  if (!error)
    error = take_list(options.words.connections, &connections_rule, &options.bench.connections);
  if (!error)
    error = take_list(options.words.idle, &idle_rule, &options.bench.idle);
  if (!error)
    error = take_list(options.words.rates, &rate_rule, &options.bench.rates);
  if (!error)
    error = take_processors(options.words.cpu, &options);
  options.bench.tcp = options.protocol != CHOICE_UDP;
  options.bench.udp = options.protocol != CHOICE_TCP;
  options.bench.sized = options.bench.message_size != 0;
  options.given = what_was_given(&options, given);
  if (!error)
    error = check_together(options.given);
  if (!error)
    error = check_outputs(&options);
  if (!error)
    error = check_size(&options);
  if (!error)
    *ret = options;
  return error;
}

/* ---- which experiments use them ----------------------------------------------------- */

static int refuse(unsigned given, const char *asked, unsigned taken) {
  char takers[EXPERIMENT_NAMES_SIZE];
  unsigned bit = 0;
  while (!(given & ~taken & 1U << bit))
    bit++;
  setup_names(experiments_all, 1U << bit, takers);
  for (const struct command_line *command = commands; command->name; command++)
    if (command->takes & 1U << bit) {
      size_t used = strlen(takers);
      snprintf(takers + used, sizeof takers - used, ", %s", command->name);
    }
  return misuse("%s: is not for %s; it is for %s", spellings[bit], asked, takers);
}

int options_check(const struct lab_options *options, const struct experiment *const *experiments) {
  const char *first = options->arguments[0];
  bool choice = strcmp(first, "quick") == 0 || strcmp(first, "all") == 0;
  unsigned taken = 0;
  for (size_t i = 0; experiments[i]; i++)
    taken |= experiments[i]->takes;
  if (options->given & ~taken && choice)
    return refuse(options->given, first, taken);
  for (size_t i = 0; !choice && experiments[i]; i++)
    if (options->given & ~experiments[i]->takes)
      return refuse(options->given, experiments[i]->name, experiments[i]->takes);
  return 0;
}

int options_check_command(const struct lab_options *options, const char *command, unsigned takes) {
  return options->given & ~takes ? refuse(options->given, command, takes) : 0;
}
