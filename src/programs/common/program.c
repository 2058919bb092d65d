/* SPDX-License-Identifier: MIT */
/* program.c - see program.h. */
#include "program.h"

#include "descriptors.h"
#include "say.h"
#include "signals.h"

void program_begin(const char *argv0) {
  descriptors_begin();
  signals_begin();
  say_begin(argv0);
}
