/* SPDX-License-Identifier: MIT */
/* steps.h - the interface between choosing events (steps.c) and describing them (rows.c). */
#ifndef LADDER_STEPS_H
#define LADDER_STEPS_H

#include "ladder.h"

enum step_kind {
  STEP_CALL,
  STEP_SIGNAL,
  STEP_SUBMIT,
  STEP_COMPLETE,
  STEP_LEFT_OUT, /* iterations */
  STEP_REMARK,   /* overflow, rescue, limit */
};

struct step {
  enum step_kind kind;
  size_t begin, end; /* indices of events; equal for a moment */
};

struct steps {
  struct step *at;
  size_t count, capacity;
};

/* Calls that wait for any descriptor, or for a signal. */
bool is_wait(const char *name);
bool is_receive(const char *name);
bool is_send(const char *name);

/* The steps of the excerpt; false: no memory. */
bool steps_choose(const struct events *events, const struct excerpt *excerpt, struct steps *ret);

#endif
