/* SPDX-License-Identifier: MIT */
/*
 * environment.h - what only the system at hand can tell of itself: environment_linux.c,
 * environment_none.c. What it cannot is left out or null.
 */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include <jansson.h>
#include <stdbool.h>

json_t *system_cpu(void);         /* "AMD EPYC 7B13", or null */
json_t *system_mitigations(void); /* {"spectre_v2": "Mitigation: ..."} */
json_t *system_governor(void);    /* "performance", or null */
bool system_hypervisor(void);     /* are we a guest? */
json_t *system_sigpending(void);  /* RLIMIT_SIGPENDING, or null: none, unlimited */

/* The first two processors that we may use; -1 each where there are not two. */
void system_two_processors(int *first, int *second);

#endif
