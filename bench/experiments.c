/* SPDX-License-Identifier: MIT */
/* experiments.c - the list of experiments, one line per experiment; and which of them use an option. */

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "common/say.h"
#include "options.h"

const struct experiment *const experiments_all[] = {
    &experiment_latency,
    &experiment_load,
    &experiment_idle,
    &experiment_churn,
    &experiment_ring,
    &experiment_cascade,
    &experiment_timers,
    &experiment_handlers,
    &experiment_wake,
    &experiment_overflow,
    &experiment_count,
    &experiment_witness,
    NULL,
};

const struct experiment *const experiments_quick[] = {
    &experiment_latency,
    &experiment_idle,
    &experiment_ring,
    NULL,
};

const struct experiment *experiment_find(const char *name) {
  for (size_t i = 0; experiments_all[i]; i++)
    if (strcmp(experiments_all[i]->name, name) == 0)
      return experiments_all[i];
  return NULL;
}

void experiments_print(void) {
  for (size_t i = 0; experiments_all[i]; i++)
    printf("  %-9s  %s\n", experiments_all[i]->name, experiments_all[i]->title);
}

/* ---- the options that they use ------------------------------------------------------ */

enum {
  LINE = 512
};

/* In the order of their bits. */
static const char *const spellings[] = {
    "--contestants", "--baseline",     "--rounds",
    "--seed",        "--duration",     "--warmup",
    "--size",        "--connections",  "--connections with more than one number",
    "--protocol",    "--protocol=udp", "--idle",
    "--rate",        "--poisson",      "--slo",
    "--port",        "--cpu",          "--json",
    "--csv",         "--html",         "--hgrm",
};

static void add_name(char line[LINE], const char *name) {
  size_t used = strlen(line);
  snprintf(line + used, LINE - used, "%s%s", used ? ", " : "", name);
}

/* The experiments of a list (it ends with NULL) that take it; if all do: 0. */
static void name_takers(const struct experiment *const *experiments, unsigned takes,
                        char line[LINE]) {
  line[0] = '\0';
  for (size_t i = 0; experiments[i]; i++)
    if ((experiments[i]->takes & takes) == takes)
      add_name(line, experiments[i]->name);
}

static int refuse(unsigned given, const char *asked, unsigned taken) {
  char takers[LINE];
  unsigned bit = 0;
  while (!(given & ~taken & 1U << bit))
    bit++;
  name_takers(experiments_all, 1U << bit, takers);
  complain("%s: is not for %s; it is for %s", spellings[bit], asked, takers);
  return EXIT_USAGE;
}

int takes_check(const struct lab_options *options, const struct experiment *const *experiments) {
  unsigned taken = 0;
  char asked[LINE];
  for (size_t i = 0; experiments[i]; i++)
    taken |= experiments[i]->takes;
  name_takers(experiments, 0, asked);
  return options->given & ~taken ? refuse(options->given, asked, taken) : 0;
}

int takes_check_command(const struct lab_options *options, const char *command, unsigned takes) {
  return options->given & ~takes ? refuse(options->given, command, takes) : 0;
}
