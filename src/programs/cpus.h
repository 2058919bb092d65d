/* SPDX-License-Identifier: MIT */
/*
 * cpus.h - lists of processors ("0,2-3"), and staying on them.
 */
#ifndef PROGRAMS_CPUS_H
#define PROGRAMS_CPUS_H

#include <stdbool.h>
#include <stddef.h>

enum {
  CPUS_MAX = 1024, /* in a list; their numbers are below that, too */
};

struct cpus {
  unsigned short at[CPUS_MAX]; /* in the order they were given */
  size_t count;
};

/* "0", "0,2-3", "3,1": numbers and ascending ranges between commas. False: not such a list, or one
 * of more than CPUS_MAX; `ret` is untouched then. */
bool cpus_parse(const char *text, struct cpus *ret);

/* Keep this thread, and those that it starts, on the processors of the list; or on the index-th
 * alone, counted round and round. 0, or EXIT_TROUBLE when a line has been said. */
int cpus_stay(const struct cpus *cpus);
int cpus_stay_on(const struct cpus *cpus, size_t index);

/* Could a thread stay on each of them? As cpus_stay. */
int cpus_check(const struct cpus *cpus);

/* ---- what differs between systems: cpus_linux.c, cpus_none.c --------------------------- */

/* 0; -EINVAL: none of them is there and may be used; -ENOSYS: this system cannot do it. */
int cpus_pin(const unsigned short *numbers, size_t count);

/* The same for one processor, and back to where the thread was. */
int cpus_try(unsigned short number);

/* Those that may be used now, as "0-3,8". */
void cpus_describe(char *to, size_t room);

#endif
