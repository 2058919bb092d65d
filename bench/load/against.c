/* SPDX-License-Identifier: MIT */
/* against.c - `bench against`: parse, run, print. */
#include "against.h"

#include <errno.h>

#include "common/cli.h"
#include "common/say.h"
#include "method/interrupt.h"

enum {
  EXIT_INTERRUPTED = 128 + 2, /* as a shell reports SIGINT */
};

/* In a separate process only if a server's CPU time can be measured from it. */
static void measure(const struct against *against, struct against_result *result) {
  if (against->server)
    result->error = generator_spawn(&against->load, (int)against->server, result->latency,
                                    result->lateness, &result->run, &result->server_cpu_ns);
  else
    result->error = generator_run(&against->load, result->latency, result->lateness, &result->run);
}

/* A run that failed before the measured part has no figures. */
static bool has_figures(const struct against_result *result) {
  return !result->error || (result->error == -EINTR && histogram_count(result->latency) > 0);
}

static int report(const struct against *against, const struct against_result *result) {
  int code = 0;
  if (against->json)
    code = against_print_json(against, result);
  else if (has_figures(result))
    against_print_table(against, result);
  if (!code && against->hgrm && has_figures(result))
    code = against_write_hgrm(against->hgrm, result->latency);
  int flushed = cli_finish_stdout();
  if (!result->run.valid)
    complain("%s", result->run.reason);
  if (code || flushed)
    return code ? code : flushed;
  if (result->error == -EINTR)
    return EXIT_INTERRUPTED;
  return result->run.valid ? EXIT_OK : EXIT_TROUBLE;
}

int against_main(int argc, char **argv) {
  struct against against = {.json = false};
  int error = against_parse(argc, argv, &against);
  if (error)
    return error;
  if (against.help)
    return against_print_help();
  struct against_result result = {.latency = histogram_new(), .lateness = histogram_new()};
  if (result.latency && result.lateness) {
    interrupt_watch(NULL); /* while no loop does, the report is written */
    measure(&against, &result);
    error = report(&against, &result);
  } else {
    complain("no memory");
    error = EXIT_TROUBLE;
  }
  histogram_free(result.latency);
  histogram_free(result.lateness);
  return error;
}
