/* SPDX-License-Identifier: MIT */
/* cpus.h - lists of processors ("0,2-3"), and pinning threads to them. */
#ifndef PROGRAMS_CPUS_H
#define PROGRAMS_CPUS_H

#include <stdbool.h>
#include <stddef.h>

enum {
  CPUS_MAX = 1024, /* in a list; their numbers are below that, too */
};

struct cpus {
  unsigned short at[CPUS_MAX]; /* in the given order */
  size_t count;
};

/* "0", "0,2-3", "3,1": numbers and ascending ranges, separated by commas. False: not such a list,
 * or one of more than CPUS_MAX; `ret` is then unchanged. */
bool cpus_parse(const char *text, struct cpus *ret);

/* Keep this thread, and those that it starts, on the processors of the list; or on the single one
 * at `index`, modulo the length of the list. 0, or EXIT_TROUBLE after printing an error. */
int cpus_stay(const struct cpus *cpus);
int cpus_stay_on(const struct cpus *cpus, size_t index);

/* Could a thread run on each of them? Returns as cpus_stay does. */
int cpus_check(const struct cpus *cpus);

/* ---- system-dependent: cpus_linux.c, cpus_none.c --------------------------------------- */

/* 0; -EINVAL: none of them exists and may be used; -ENOSYS: this system cannot do it. */
int cpus_pin(const unsigned short *numbers, size_t count);

/* The same for one processor, then restore the thread's previous mask. */
int cpus_try(unsigned short number);

/* Those that may be used now, as "0-3,8". */
void cpus_describe(char *to, size_t room);

#endif
