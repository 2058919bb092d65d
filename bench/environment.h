/* SPDX-License-Identifier: MIT */
/*
 * environment.h - facts about the machine that need system-dependent code: environment_linux.c,
 * environment_none.c. Unknown ones are omitted or null.
 */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include <jansson.h>
#include <stdbool.h>

json_t *system_cpu(void);         /* "AMD EPYC 7B13", or null */
json_t *system_mitigations(void); /* {"spectre_v2": "Mitigation: ..."} */
json_t *system_governor(void);    /* "performance", or null */
bool system_hypervisor(void);     /* is this a virtual machine? */
json_t *system_sigpending(void);  /* RLIMIT_SIGPENDING, or null: none, unlimited */

/* The first two processors that we may use; -1 for each if there are not two. */
void system_two_processors(int *first, int *second);

#endif
