/* SPDX-License-Identifier: MIT */
/*
 * layer.h - the layer between the library and the system: each call of calls.h goes through it, and
 * fails according to a plan. It also counts what the library has allocated and not freed.
 *
 * Its state is in memory that forked processes share: a scene and the processes that it forks count
 * together, and the process that started them can read it after their end.
 */
#ifndef LAYER_H
#define LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "calls.h"

/* Which call fails, and how. */
struct fault_plan {
  bool on;
  bool lasting; /* for FAULT_LASTING_NS instead of once; an allocation as long as the plan is on */
  enum fault_call call;
  int error;
  uintptr_t site; /* where it is called, as an offset into the program; 0: anywhere */
  unsigned skip;  /* the first `skip` succeed */
};

enum {
  FAULT_LASTING_NS = 40 * 1000 * 1000,
  FAULT_MOST_SITES = 512,
};

/* A place that makes a call. */
struct fault_site {
  enum fault_call call;
  uintptr_t at;
  unsigned count;
};

struct fault_layer {
  struct fault_plan plan;
  unsigned seen, failed; /* calls that the plan is about */
  uint64_t begun_ns;     /* of the first failure */
  uintptr_t failed_at;   /* its site */
  unsigned long calls;   /* of all kinds */
  bool recording;        /* sites */
  struct fault_site sites[FAULT_MOST_SITES];
  unsigned site_count;
};

extern struct fault_layer *fault_layer;

/* Map it, once, and take over libevent's allocations as well. */
void fault_layer_open(void);

const char *fault_name(enum fault_call call);
const char *fault_errors(enum fault_call call); /* names, with spaces between */
bool fault_find_call(const char *name, enum fault_call *ret);
int fault_error_number(const char *name); /* 0: unknown */
const char *fault_error_name(int error);

/* The kernel can complete a request with an error of our choice (Linux 6.10). */
bool fault_ring_can_fail(void);

/* Allocations that are not freed; how many, and where they were made. */
size_t fault_leaked(void);
void fault_print_leaks(FILE *file);
void fault_forget_allocations(void);

/* The function, and where addr2line knows it the line. */
void fault_print_site(FILE *file, uintptr_t at);

#endif
