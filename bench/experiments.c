/* SPDX-License-Identifier: MIT */
/* experiments.c - the list of experiments, one line per experiment. */
#include "experiments.h"

#include <stdio.h>
#include <string.h>

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
