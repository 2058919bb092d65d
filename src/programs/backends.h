/* SPDX-License-Identifier: MIT */
/*
 * backends.h - choosing the I/O model on a command line, and listing what there is to choose.
 */
#ifndef PROGRAMS_BACKENDS_H
#define PROGRAMS_BACKENDS_H

#include "ioloop.h"

/*
 * `own`, here and below: the name of a model that the program has by itself, beside those of the
 * loop; NULL where it has none. The library lists such a model too, as one that no loop can have.
 */

/* The table of --list-backends on stdout. Returns an exit code. */
int backends_print(const char *own);

struct backend_choice {
  const char *source; /* "--backend" or "IOLOOP_BACKEND" */
  const char *name;
};

/* The model named by `option` (--backend=), else by IOLOOP_BACKEND, else the best one here. */
struct backend_choice backends_choose(const char *option);

/* Can it be had? 0, or an exit code when a line has been said: EXIT_USAGE where there is no such
 * backend, EXIT_TROUBLE where it cannot be had here. */
int backends_check(struct backend_choice choice, const char *own);

/* A loop on it. As backends_check. */
int backends_new_loop(struct backend_choice choice, const char *own, struct ioloop **ret);

#endif
