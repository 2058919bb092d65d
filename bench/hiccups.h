/* SPDX-License-Identifier: MIT */
/*
 * hiccups.h - pauses of the machine itself: of a processor that does nothing but read the clock
 * (the hiccups of Tene's jHiccup). They are caused by a host that runs another guest, a timer
 * interrupt or slow firmware. No contestant can avoid them, and they are in all tails.
 */
#ifndef BENCH_HICCUPS_H
#define BENCH_HICCUPS_H

#include <jansson.h>

#include "bench.h"

/*
 * Watch the processors of the server and the generator, both at once, for a second, or less if
 * measurements are short. An array of objects as in docs/bench-schema.md; empty if no thread could
 * be started or after Ctrl-C; NULL: no memory.
 */
json_t *hiccups_watch(const struct bench *bench);

#endif
