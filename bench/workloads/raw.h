/* SPDX-License-Identifier: MIT */
/*
 * raw.h - shared by the loops written by hand: an eventfd to wake them; they have no timers.
 */
#ifndef WORKLOADS_RAW_H
#define WORKLOADS_RAW_H

#include <stdbool.h>

#include "loop.h"

/* Set by raw_begin; read by the adapter's dispatch. */
extern loop_callback *raw_readable;
extern bool raw_stopped;

/* Checks that `method` is "-" or `name`; same results as loop_open. */
int raw_begin(const char *name, const char *method, loop_callback *readable);
int raw_trouble(const char *what);

#endif
