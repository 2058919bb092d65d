/* SPDX-License-Identifier: MIT */
/* faults.h - shared by memory and syscalls: scenes with a plan, each in a process of its own. */
#ifndef FAULTS_H
#define FAULTS_H

#include "scene.h"

struct fault_case {
  const char *backend;
  struct fault_plan plan;
  /* The result. */
  struct scene_report report;
  bool found;         /* something is wrong: report.words, or how the process ended */
  unsigned failed;    /* calls */
  unsigned seen;      /* that the plan is about */
  uintptr_t at;       /* of the first that failed */
  unsigned long made; /* calls of all kinds */
};

/* Memory for cases, shared with the processes that run them. */
struct fault_case *fault_cases(size_t count);

/* Play the scenes, several at a time. `show`: with what they print. */
void fault_run(struct fault_case *cases, size_t count, bool show);

/* Play the scene without a fault, which must go well, and return the places that make calls. */
void fault_rehearse(const char *backend, struct fault_case *ret, struct fault_layer *places);

/* The names of backends that have a loop and run here, their variants included; NULL ends. */
const char *const *fault_backends(void);

/* How the program was informed, in words. */
const char *fault_told(unsigned told);

/* FUZZ_FULL is set: everything, not a share of it. */
bool fault_full(void);

#endif
