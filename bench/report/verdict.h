/* SPDX-License-Identifier: MIT */
/*
 * verdict.h - what a run found, in a few sentences at the top of every report.
 *
 * They are made from resolved figures only. Counted figures come first, because they are the same on
 * any machine. A model's difference is set next to the same thing written by hand on the same kernel
 * interface: if that differs in the same direction, the difference is the kernel's and not ours.
 */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include <jansson.h>

enum {
  VERDICT_SENTENCES = 7 /* at most */
};

/* An array of strings; empty if nothing is resolved. A new reference; NULL: no memory. */
json_t *verdict_sentences(const json_t *document);

#endif
