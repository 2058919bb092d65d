/* SPDX-License-Identifier: MIT */
/* main.c - the echo-print server, in one process or several. */
#include <signal.h>
#include <string.h>

#include "common/backends.h"
#include "common/cli.h"
#include "common/program.h"
#include "common/say.h"
#include "ioloop/ioloop.h"
#include "server.h"
#include "supervision/workers.h"

static int check(const struct server_options *options) {
  struct backend_choice choice = backends_choose(options->backend);
  int error = backends_check(choice, BLOCKING_MODEL);
  if (!error && strcmp(choice.name, BLOCKING_MODEL) == 0)
    error = options_check_blocking(options);
  if (!error)
    error = cpus_check(&options->cpus);
  return error ? error : tracing_check(options);
}

/* By default they would end it, and its workers. SIGUSR1 has a use with --trace: tracing.c. */
static void ignore_unused_signals(void) {
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
}

static int serve(const struct server_options *options) {
  int error = check(options);
  ignore_unused_signals();
  if (!error && options->workers > 0)
    return workers_run(options);
  if (!error && options->cpus.count > 0)
    error = cpus_stay(&options->cpus);
  return error ? error : server_run(options, NULL);
}

int main(int argc, char **argv) {
  struct server_options options;
  program_begin(argv[0]);
  int error = options_parse(argc, argv, &options);
  if (error)
    return error;
  if (options.help)
    return options_print_help();
  if (options.list_backends)
    return backends_print(BLOCKING_MODEL);
  if (options.version)
    return cli_print_version();
  return serve(&options);
}
