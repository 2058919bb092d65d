/* SPDX-License-Identifier: MIT */
/* loop_kinds_other.c - systems other than Linux have no further kinds of descriptors. */
#include "loop.h"

const struct kind kinds_of_linux[] = {{0}};

void limit_signals(uint64_t seed) {
  (void)seed;
}
