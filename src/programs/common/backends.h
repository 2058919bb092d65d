/* SPDX-License-Identifier: MIT */
/* backends.h - choosing the I/O model on a command line, and listing the choices. */
#ifndef PROGRAMS_BACKENDS_H
#define PROGRAMS_BACKENDS_H

#include "ioloop/ioloop.h"

/*
 * `own`, here and below: the name of a model that the program implements itself, in addition to
 * those of the loop; NULL if it has none. The library lists such a model too, as one that no loop
 * can use.
 */

/* The table of --list-backends on stdout. Returns an exit code. */
int backends_print(const char *own);

struct backend_choice {
  const char *source; /* "--backend" or "IOLOOP_BACKEND" */
  const char *name;
};

/* The model named by `option` (--backend=), else by IOLOOP_BACKEND, else the best one here. */
struct backend_choice backends_choose(const char *option);

/* Is it available? 0, or an exit code after printing an error: EXIT_USAGE if there is no such
 * backend, EXIT_TROUBLE if it is unavailable here. */
int backends_check(struct backend_choice choice, const char *own);

/* Create a loop with it. Returns as backends_check does. */
int backends_new_loop(struct backend_choice choice, const char *own, struct ioloop **ret);

#endif
