/* SPDX-License-Identifier: MIT */
/* server_options.c - the server's command line: its values are in their ranges, or one line says
 * what is wrong. The words of an input are its lines. */
#include "parser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/say.h"
#include "server/server.h"

static bool in_range(uint64_t value, uint64_t least, uint64_t most) {
  return value == 0 || (value >= least && value <= most);
}

static void check_cpus(const struct server_options *options) {
  ALWAYS(!options->cpu_list || (options->cpus.count > 0 && options->cpus.count <= CPUS_MAX));
  for (size_t i = 0; options->cpu_list && i < options->cpus.count; i++)
    ALWAYS(options->cpus.at[i] < CPUS_MAX);
}

/* That of the man page. */
static void check_values(const struct server_options *options) {
  ALWAYS(options->port <= 65535 && *options->host && options->handler <= HANDLER_THREAD);
  ALWAYS(options->reply <= REPLY_SOCKPERF && options->print <= PRINT_NONE);
  ALWAYS(options->tcp || options->udp);
  ALWAYS(options->max_connections <= 10000000 && options->spin_us <= 1000000);
  ALWAYS(options->idle_timeout_ns <= 1000000 * NS_PER_SECOND);
  ALWAYS(in_range(options->backlog, 1, INT32_MAX) && in_range(options->workers, 1, 256));
  ALWAYS(in_range(options->heartbeat_ns, NS_PER_MS, 1000000 * NS_PER_SECOND));
  ALWAYS(in_range(options->stats_ns, NS_PER_MS, 1000000 * NS_PER_SECOND));
  ALWAYS(in_range(options->slow_ns, NS_PER_US, 1000000 * NS_PER_MS));
  ALWAYS(options->trace_limit >= 1 && options->trace_limit <= 1000000000);
  ALWAYS(!(options->no_echo && options->reply == REPLY_SOCKPERF));
  ALWAYS(options->tcp || (!options->max_connections && !options->backlog));
  check_cpus(options);
}

/* The only word, if it is an option with a number: another parser of numbers agrees. */
static void check_number(const char *word, const struct server_options *options) {
  const struct {
    const char *name;
    uint64_t value;
    double unit;
  } numbers[] = {{"--port=", options->port, 1},
                 {"--max-connections=", options->max_connections, 1},
                 {"--idle-timeout=", options->idle_timeout_ns, 1e9},
                 {"--stats=", options->stats_ns, 1e9},
                 {"--slow=", options->slow_ns, 1e6}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    size_t size = strlen(numbers[i].name);
    if (strncmp(word, numbers[i].name, size) != 0)
      continue;
    double given = strtod(word + size, NULL) * numbers[i].unit;
    ALWAYS(fabs((double)numbers[i].value - given) <= 1 + given / 1e12);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char program[] = "server";
  struct words words = words_of(program, data, size);
  struct server_options options;
  parser_collect();
  int error = options_parse(words.argc, words.argv, &options);
  bool parsed = !error;
  if (parsed)
    error = options_check_blocking(&options);
  struct printed printed = parser_printed();
  ALWAYS(error == 0 || error == EXIT_USAGE);
  ALWAYS(printed.out_size == 0 && has_complaints(&printed, program, error ? 1 : 0));
  if (parsed)
    check_values(&options);
  if (parsed && words.argc == 2)
    check_number(words.argv[1], &options);
  words_free(&words);
  return 0;
}
