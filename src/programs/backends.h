/* SPDX-License-Identifier: MIT */
/*
 * backends.h - choosing the I/O model on a command line, and listing what there is to choose.
 */
#ifndef PROGRAMS_BACKENDS_H
#define PROGRAMS_BACKENDS_H

#include "ioloop.h"

/* The table of --list-backends on stdout. Returns an exit code. */
int backends_print(void);

/* A loop on the backend named by `option` (--backend=), else by IOLOOP_BACKEND, else the best one
 * here. 0, or an exit code when a line has been said: EXIT_USAGE where there is no such backend,
 * EXIT_TROUBLE where it cannot be had here. */
int backends_new_loop(const char *option, struct ioloop **ret);

#endif
