/* SPDX-License-Identifier: MIT */
/*
 * hiccups.h - what the machine does to everybody: pauses of a processor that has nothing to do but
 * to look at the clock (the hiccups of Tene's jHiccup). A host that runs another guest, a timer's
 * interrupt or a slow firmware makes them, no contestant can do anything about them, and they are
 * in all tails.
 */
#ifndef BENCH_HICCUPS_H
#define BENCH_HICCUPS_H

#include <jansson.h>

#include "bench.h"

/*
 * Watch the server's and the generator's processor, both at once, for a second, or less where
 * measurements are short. An array of objects as docs/bench-schema.md says; empty where no thread
 * could be started or Ctrl-C came; NULL: no memory.
 */
json_t *hiccups_watch(const struct bench *bench);

#endif
