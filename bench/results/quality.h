/* SPDX-License-Identifier: MIT */
/*
 * quality.h - judges a run before anything is concluded from it: was the machine quiet enough?
 *
 * The limits are stated here, in --help, in docs/bench-schema.md and on every page. Beyond one of
 * them the run is `busy`: its figures are shown, but no timed difference is resolved and no claim
 * holds or fails. Counted figures (system calls, instructions) do not depend on it.
 */
#ifndef BENCH_QUALITY_H
#define BENCH_QUALITY_H

#include <jansson.h>

/* Of messages at a steady rate, the share that would wait longer than 1 ms for a processor that did
 * nothing but look at the clock (machine/hiccups.c). */
#define LIMIT_HICCUPS 0.01
/* Share of the processors' time that the host gave to other guests while the run lasted. */
#define LIMIT_STEAL 0.02
/* Processors that other programs used while the run lasted. */
#define LIMIT_OTHERS 0.25
/* How far the ratio of the baseline to itself (A/A) is from 1 at half of the points, for timed primary
 * figures. */
#define LIMIT_AGAIN 0.1

/*
 * {busy, reasons, differs}: `reasons` are sentences, one for each limit that was exceeded. `differs`
 * is the factor that nine of ten A/A intervals of timed primary figures stay within, null if there
 * are none. Of a merged document, each run's machine is judged. A new reference; NULL: no memory.
 */
json_t *quality_judge(const json_t *document);

#endif
