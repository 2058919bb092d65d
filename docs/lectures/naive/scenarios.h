/* SPDX-License-Identifier: MIT */
/*
 * scenarios.h - everything that can happen to a socket, provoked on live ones.
 */
#ifndef NAIVE_SCENARIOS_H
#define NAIVE_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>

enum {
  STAGE_SOCKETS = 4,
};

/* The sockets of one scenario. `armed` is the one whose signals are shown. */
struct stage {
  int signo; /* for F_SETSIG; 0 leaves the plain SIGIO */
  int armed;
  int opened[STAGE_SOCKETS];
  size_t opened_count;
};

struct scenario {
  const char *cause;
  const char *done;
  bool (*act)(struct stage *stage); /* false: errno says what failed */
};

/* The seven of TCP and the two of UDP, then others for comparison; each list ends with a cause of
 * NULL. */
extern const struct scenario scenario_causes[], scenario_comparisons[];

/* Closes the sockets. Signals that are queued stay so. */
void stage_clear(struct stage *stage);

#endif
