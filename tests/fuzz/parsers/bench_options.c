/* SPDX-License-Identifier: MIT */
/* bench_options.c - the lab's command line, up to the experiments and their points, and that of
 * `bench against`. The words of an input are its lines. */
#include "parser.h"

#include <string.h>

#include "common/cpus.h"
#include "common/say.h"
#include "load/against.h"
#include "options.h"

/* What --help lists. An experiment may remark what it leaves out. */
static void check_points(struct bench *bench, const struct experiment *const *experiments) {
  static struct point points[POINTS_MAX];
  bench->describe = true;
  setup_defaults(bench);
  parser_collect();
  for (size_t i = 0; experiments[i]; i++) {
    size_t count = experiments[i]->points(bench, points);
    ALWAYS(count <= POINTS_MAX);
    for (size_t k = 0; k < count; k++)
      ALWAYS(*points[k].id && memchr(points[k].label, 0, sizeof points[k].label));
  }
  struct printed printed = parser_printed();
  ALWAYS(printed.out_size == 0 && is_harmless(printed.err, printed.err_size));
}

/* NULL in `ret`: it is a command. */
static int setup(struct lab_options *options, const struct experiment *const **ret) {
  for (const struct command_line *command = commands; command->name; command++)
    if (options->argument_count && strcmp(command->name, options->arguments[0]) == 0)
      return options_check_command(options, command->name, command->takes);
  int error = setup_experiments(options, ret);
  return error ? error : options_check(options, *ret);
}

static void check_numbers(const struct number_list *list, double least, double most) {
  ALWAYS(list->count <= NUMBERS_MAX);
  for (size_t i = 0; i < list->count; i++)
    ALWAYS(list->at[i] >= least && list->at[i] <= most);
}

static void check_values(const struct lab_options *options) {
  const struct bench *bench = &options->bench;
  ALWAYS(bench->rounds <= 1000 && bench->port <= 65535 && bench->seed <= INT64_MAX);
  ALWAYS(bench->message_size <= GENERATOR_MAX_SIZE && (bench->tcp || bench->udp));
  ALWAYS(bench->slo_ns >= 1000);
  check_numbers(&bench->connections, 1, 1e7);
  check_numbers(&bench->idle, 0, 1e7);
  check_numbers(&bench->rates, 1e-3, 1e9);
}

/* It is what stands before the port, unless that is this host. */
static bool is_given(const char *host, const struct words *words) {
  for (int i = 1; i < words->argc; i++) {
    const char *at = strstr(words->argv[i], host);
    if (at && at[strlen(host)] && strchr(":]", at[strlen(host)]))
      return true;
  }
  return strcmp(host, "127.0.0.1") == 0;
}

static int parse_against(struct words *words) {
  struct against against = {.json = false};
  int error = against_parse(words->argc - 1, words->argv + 1, &against);
  const struct generator_options *load = &against.load;
  if (error || against.help)
    return error;
  ALWAYS(load->port >= 1 && is_given(against.host, words) && load->connections >= 1 &&
         load->depth >= 1);
  ALWAYS(load->size >= GENERATOR_MIN_SIZE && load->size <= GENERATOR_MAX_SIZE);
  ALWAYS(!load->udp || load->size <= GENERATOR_MAX_DATAGRAM);
  ALWAYS(load->late_share >= 0.01 && load->late_share <= 1 && load->cpu < CPUS_MAX);
  return 0;
}

static int parse_lab(struct words *words, struct lab_options *options,
                     const struct experiment *const **ret) {
  static const char *arguments[MOST_WORDS + 2];
  int error = options_parse(words->argc, words->argv, arguments, options);
  if (!error)
    check_values(options);
  return error ? error : setup(options, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char program[] = "bench";
  struct words words = words_of(program, data, size);
  struct lab_options options;
  const struct experiment *const *experiments = NULL;
  bool is_against = words.argc > 1 && strcmp(words.argv[1], "against") == 0;
  parser_collect();
  int error = is_against ? parse_against(&words) : parse_lab(&words, &options, &experiments);
  struct printed printed = parser_printed();
  ALWAYS(error >= 0 && error <= EXIT_USAGE); /* EXIT_TROUBLE: this machine lacks a processor */
  ALWAYS(printed.out_size == 0 && has_complaints(&printed, program, error ? 1 : 0));
  if (!error && experiments)
    check_points(&options.bench, experiments);
  words_free(&words);
  return 0;
}
