/* SPDX-License-Identifier: MIT */
/* options.c - the lab's options: one table for parsing, for errors and for --help. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cli.h"
#include "common/cpus.h"
#include "common/say.h"
#include "experiments.h"
#include "load/generator.h"
#include "takes.h"

#define SECOND_NS UINT64_C(1000000000)

enum {
  OPTION_COUNT = 22,
  MAX_ROUNDS = 1000,
};

/* Option values as text, before they are interpreted. */
struct texts {
  const char *connections, *idle, *rates, *cpu;
};

static const char *const protocol_names[] = {"tcp", "udp", "both", NULL};

static const uint64_t shortest_ns = SECOND_NS / 100, longest_ns = 3600 * SECOND_NS;

/* The table points into `options`, so it is filled in rather than constant. */
static void fill_table(struct options *options, struct texts *texts,
                       struct cli_option table[OPTION_COUNT]) {
  const struct cli_option filled[OPTION_COUNT] = {
      {.name = "contestants",
       .value = "LIST",
       .kind = CLI_TEXT,
       .target = &options->contestants,
       .min = 1,
       .help = "the contestants: names (see @ list), all, backends, peers;\n"
               "epoll+spin=50 is server --backend=epoll --spin=50 (default: all)"},
      {.name = "baseline",
       .value = "NAME",
       .kind = CLI_TEXT,
       .target = &options->baseline,
       .min = 1,
       .help = "the contestant that ratios are taken against (default: epoll, or the\n"
               "first one; peer:epoll if loops are compared without servers)"},
      {.name = "rounds",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->rounds,
       .min = 1,
       .max = MAX_ROUNDS,
       .help = "measure everything N times (default: 5; quick: 3); with fewer than 3\n"
               "there are no intervals and no resolved differences"},
      {.name = "seed",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->seed,
       .max = INT64_MAX,
       .help = "of the order, arrivals and bootstraps (default: from the clock)"},
      {.name = "duration",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .target = &options->duration_ns,
       .min = shortest_ns,
       .max = longest_ns,
       .help = "of one measurement (default: 1; all: 0.4; quick: 0.15)"},
      {.name = "warmup",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .target = &options->warmup_ns,
       .max = longest_ns,
       .help = "before it, not recorded (default: 0.2; all: 0.1; quick: 0.04)"},
      {.name = "size",
       .value = "BYTES",
       .kind = CLI_NUMBER,
       .target = &options->size,
       .min = GENERATOR_MIN_SIZE,
       .max = GENERATOR_MAX_SIZE,
       .help = "of a message, over UDP at most 65507 (default: 64)"},
      {.name = "connections",
       .value = "LIST",
       .kind = CLI_TEXT,
       .target = &texts->connections,
       .min = 1,
       .help = "active connections, as 1,50: a point for each\n"
               "(default: the experiment's own)"},
      {.name = "protocol",
       .value = "NAME",
       .kind = CLI_CHOICE,
       .target = &options->protocol,
       .choices = protocol_names,
       .help = "tcp, udp or both, if an experiment has both (default: both)"},
      {.name = "idle",
       .value = "LIST",
       .kind = CLI_TEXT,
       .target = &texts->idle,
       .min = 1,
       .help = "idle: numbers of silent connections, as 0,1000 (default: 0 to 15000)"},
      {.name = "rate",
       .value = "LIST",
       .kind = CLI_TEXT,
       .target = &texts->rates,
       .min = 1,
       .help = "load: requests per second, as 1000,20000 (default: 10 to 95 % of capacity)"},
      {.name = "poisson",
       .kind = CLI_FLAG,
       .target = &options->poisson,
       .help = "load: random arrivals (default: at a constant rate)"},
      {.name = "slo",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .target = &options->slo_ns,
       .min = 1000,
       .max = longest_ns,
       .help = "load: find the highest rate with a p99 within SEC (default: 0.001)"},
      {.name = "port",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->port,
       .max = 65535,
       .help = "of the servers; 0 picks a free one each time (default: 0)"},
      {.name = "cpu",
       .value = "S,G",
       .kind = CLI_TEXT,
       .target = &texts->cpu,
       .min = 1,
       .help = "the processors of server and generator (default: the first two available)"},
      {.name = "json",
       .value = "FILE",
       .kind = CLI_TEXT,
       .target = &options->json,
       .min = 1,
       .help = "write the result (docs/bench-schema.md); - is stdout, instead of the table"},
      {.name = "csv",
       .value = "FILE",
       .kind = CLI_TEXT,
       .target = &options->csv,
       .min = 1,
       .help = "write every value of every round; - is stdout, instead of the table"},
      {.name = "html",
       .value = "FILE",
       .kind = CLI_TEXT,
       .target = &options->html,
       .min = 1,
       .help = "write one self-contained page, with plots if gnuplot is installed"},
      {.name = "hgrm",
       .value = "DIR",
       .kind = CLI_TEXT,
       .target = &options->hgrm,
       .min = 1,
       .help = "write each histogram as a .hgrm file that HDR plotters read"},
      {.name = "quiet", .kind = CLI_FLAG, .target = &options->quiet, .help = "print no progress"},
      {.name = "help",
       .kind = CLI_FLAG,
       .target = &options->help,
       .help = "print this; with an experiment's name: its method, and how to read it"},
      {.name = "version",
       .kind = CLI_FLAG,
       .target = &options->version,
       .help = "print the version"},
  };
  for (size_t i = 0; i < OPTION_COUNT; i++)
    table[i] = filled[i];
}

/* ---- lists ------------------------------------------------------------------------- */

struct list_rule {
  const char *option, *allowed;
  double min, max;
  bool whole;
};

static const struct list_rule connections_rule = {"connections", "whole numbers from 1", 1, 1e7,
                                                  true};
static const struct list_rule idle_rule = {"idle", "whole numbers from 0", 0, 1e7, true};
static const struct list_rule rate_rule = {
    "rate", "requests per second, more than 0 (a rate of 0 would send nothing)", 1e-3, 1e9, false};

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
  complain("--%s=%s: must be %s, at most %d of them between commas", rule->option, text,
           rule->allowed, NUMBERS_MAX);
  return EXIT_USAGE;
}

static int take_processors(const char *text, struct options *options) {
  struct cpus cpus;
  if (!text)
    return 0;
  if (!cpus_parse(text, &cpus) || cpus.count != 2) {
    complain("--cpu=%s: must be two numbers of processors, the server's and the generator's, as "
             "0,1",
             text);
    return EXIT_USAGE;
  }
  options->server_cpu = cpus.at[0];
  options->generator_cpu = cpus.at[1];
  return cpus_check(&cpus);
}

/* ---- checking and parsing ---------------------------------------------------------- */

static uint64_t seed_from_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return ((uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec) % 1000000000;
}

/* The options that takes.h knows; the others (--quiet, --help) are accepted everywhere. */
static const struct {
  const char *option;
  unsigned takes;
} meanings[] = {
    {"contestants", TAKES_CONTESTANTS},
    {"baseline", TAKES_BASELINE},
    {"rounds", TAKES_ROUNDS},
    {"seed", TAKES_SEED},
    {"duration", TAKES_DURATION},
    {"warmup", TAKES_WARMUP},
    {"size", TAKES_SIZE},
    {"connections", TAKES_CONNECTIONS},
    {"protocol", TAKES_TCP},
    {"idle", TAKES_IDLE},
    {"rate", TAKES_RATE},
    {"poisson", TAKES_POISSON},
    {"slo", TAKES_SLO},
    {"port", TAKES_PORT},
    {"cpu", TAKES_CPU},
    {"json", TAKES_JSON},
    {"csv", TAKES_CSV},
    {"html", TAKES_HTML},
    {"hgrm", TAKES_HGRM},
};

static unsigned meaning_of(const char *option) {
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
    if (strcmp(meanings[i].option, option) == 0)
      return meanings[i].takes;
  return 0;
}

static unsigned what_was_given(const struct options *options,
                               const struct cli_option table[OPTION_COUNT],
                               const bool given[OPTION_COUNT]) {
  unsigned takes = 0;
  for (size_t i = 0; i < OPTION_COUNT; i++)
    if (given[i])
      takes |= meaning_of(table[i].name);
  if (options->connections.count > 1)
    takes ^= TAKES_CONNECTIONS | TAKES_CONNECTION_LIST;
  if (options->protocol == CHOICE_UDP)
    takes ^= TAKES_TCP | TAKES_UDP;
  return takes;
}

static int check_outputs(const struct options *options) {
  const struct {
    const char *option, *path;
  } outputs[] = {{"json", options->json}, {"csv", options->csv}, {"html", options->html}};
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < i; j++)
      if (outputs[i].path && outputs[j].path && strcmp(outputs[i].path, outputs[j].path) == 0) {
        complain("--%s=%s and --%s=%s: two forms in one file; give each its own output",
                 outputs[j].option, outputs[j].path, outputs[i].option, outputs[i].path);
        return EXIT_USAGE;
      }
  return 0;
}

static int check_size(const struct options *options) {
  if (options->protocol != CHOICE_UDP || options->size <= GENERATOR_MAX_DATAGRAM)
    return 0;
  complain("--size=%" PRIu64 ": a datagram has at most %d bytes (--protocol=udp)", options->size,
           (int)GENERATOR_MAX_DATAGRAM);
  return EXIT_USAGE;
}

/* --rate: measure at these rates; --slo: find the highest one. */
static int check_together(unsigned given) {
  if (!(given & TAKES_RATE && given & TAKES_SLO))
    return 0;
  complain("--rate and --slo: at given rates nothing is searched for; leave one of them out");
  return EXIT_USAGE;
}

int options_parse(int argc, char **argv, const char **arguments, struct options *ret) {
  struct cli_option table[OPTION_COUNT];
  bool given[OPTION_COUNT] = {false};
  struct texts texts = {.cpu = NULL};
  struct options options = {.arguments = arguments,
                            .seed = seed_from_clock(),
                            .duration_ns = UINT64_MAX,
                            .warmup_ns = UINT64_MAX,
                            .slo_ns = SECOND_NS / 1000,
                            .protocol = CHOICE_BOTH,
                            .server_cpu = PROCESSOR_UNSET,
                            .generator_cpu = PROCESSOR_UNSET};
  fill_table(&options, &texts, table);
  struct cli cli = {.options = table,
                    .option_count = OPTION_COUNT,
                    .given = given,
                    .argument = "NAME",
                    .arguments = arguments};
  int error = cli_parse(&cli, argc, argv);
  options.argument_count = cli.argument_count;
  if (!error)
    error = take_list(texts.connections, &connections_rule, &options.connections);
  if (!error)
    error = take_list(texts.idle, &idle_rule, &options.idle);
  if (!error)
    error = take_list(texts.rates, &rate_rule, &options.rates);
  if (!error)
    error = take_processors(texts.cpu, &options);
  options.given = what_was_given(&options, table, given);
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

int options_print_help(void) {
  struct cli_option table[OPTION_COUNT];
  struct options options;
  struct texts texts;
  fill_table(&options, &texts, table);
  const struct cli cli = {.options = table, .option_count = OPTION_COUNT};
  cli_print_help(&cli, help_before_experiments);
  experiments_print();
  cli_print_help(&cli, help_after_experiments);
  return cli_finish_stdout();
}
