/* SPDX-License-Identifier: MIT */
/* layer.c - the plan, the sites and the names of layer.h; layer_calls.c has the calls. */
#include "layer.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "layer_calls.h"

enum {
  MOST_ERRORS = 134, /* Linux has no higher ones */
};

struct fault_layer *fault_layer;

/* ---- names ------------------------------------------------------------------------------ */

static const struct {
  const char *name, *errors;
} calls[] = {
#define CALL(name, how, errors) {#name, errors},
    FAULT_CALLS(CALL)
#undef CALL
};

const char *fault_name(enum fault_call call) {
  return calls[call].name;
}

const char *fault_errors(enum fault_call call) {
  return calls[call].errors;
}

bool fault_find_call(const char *name, enum fault_call *ret) {
  for (int call = 0; call < FAULT_COUNT; call++) {
    if (strcmp(calls[call].name, name) == 0) {
      *ret = (enum fault_call)call;
      return true;
    }
  }
  return false;
}

int fault_error_number(const char *name) {
  for (int error = 1; error < MOST_ERRORS; error++) {
    const char *known = strerrorname_np(error);
    if (known && strcmp(known, name) == 0)
      return error;
  }
  return 0;
}

const char *fault_error_name(int error) {
  const char *name = strerrorname_np(error);
  return name ? name : strerror(error);
}

/* ---- the plan --------------------------------------------------------------------------- */

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Where the program is in memory: a site is the same number in each run. */
static uintptr_t base;

static int find_base(struct dl_phdr_info *info, size_t size, void *arg) {
  (void)size, (void)arg;
  base = info->dlpi_addr;
  return 1; /* the first one is the program */
}

static void record(enum fault_call call, uintptr_t at) {
  struct fault_layer *layer = fault_layer;
  for (unsigned i = 0; i < layer->site_count; i++) {
    if (layer->sites[i].call == call && layer->sites[i].at == at) {
      layer->sites[i].count++;
      return;
    }
  }
  if (layer->site_count < FAULT_MOST_SITES)
    layer->sites[layer->site_count++] = (struct fault_site){.call = call, .at = at, .count = 1};
}

/* Once, or all from one on: an allocation for good, another call for a time. */
static bool is_its_turn(struct fault_layer *layer, unsigned number) {
  if (number < layer->plan.skip)
    return false;
  if (!layer->plan.lasting)
    return number == layer->plan.skip;
  return layer->plan.call == FAULT_allocation || !layer->begun_ns ||
         now() - layer->begun_ns < FAULT_LASTING_NS;
}

static bool fails_at(enum fault_call call, uintptr_t at) {
  struct fault_layer *layer = fault_layer;
  __atomic_fetch_add(&layer->calls, 1, __ATOMIC_RELAXED);
  if (layer->recording && layer->plan.on)
    record(call, at);
  const struct fault_plan *plan = &layer->plan;
  if (!plan->on || plan->call != call || (plan->site && plan->site != at))
    return false;
  if (!is_its_turn(layer, __atomic_fetch_add(&layer->seen, 1, __ATOMIC_RELAXED)))
    return false;
  if (!layer->failed++) {
    layer->begun_ns = now();
    layer->failed_at = at;
  }
  errno = plan->error;
  return true;
}

bool fault_fails(enum fault_call call, const void *caller) {
  return fault_layer && fails_at(call, (uintptr_t)caller - base);
}

bool fault_request_fails(enum fault_call call) {
  return fault_layer && fails_at(call, 0);
}

/* ---- allocations ------------------------------------------------------------------------ */

enum {
  MOST_LIVE = 8192
};

static struct {
  void *memory;
  uintptr_t at;
} live[MOST_LIVE];
static size_t live_end;
static atomic_flag live_lock = ATOMIC_FLAG_INIT;

static void replace(void *old, void *new, uintptr_t at) {
  while (atomic_flag_test_and_set(&live_lock))
    continue;
  size_t i = 0;
  while (i < live_end && live[i].memory != old)
    i++;
  if (i < live_end || (!old && i < MOST_LIVE)) {
    live[i].memory = new;
    live[i].at = at;
    live_end += i == live_end;
  }
  atomic_flag_clear(&live_lock);
}

void fault_note_allocated(void *memory, const void *caller) {
  if (fault_layer && memory)
    replace(NULL, memory, (uintptr_t)caller - base);
}

void fault_note_freed(void *memory) {
  if (fault_layer && memory)
    replace(memory, NULL, 0);
}

size_t fault_leaked(void) {
  size_t count = 0;
  for (size_t i = 0; i < live_end; i++)
    count += live[i].memory != NULL;
  return count;
}

void fault_print_leaks(FILE *file) {
  for (size_t i = 0; i < live_end; i++) {
    if (!live[i].memory)
      continue;
    fprintf(file, "# not freed, allocated by ");
    fault_print_site(file, live[i].at);
  }
}

void fault_forget_allocations(void) {
  memset(live, 0, sizeof live);
  live_end = 0;
}

/* ---- the rest --------------------------------------------------------------------------- */

void fault_print_site(FILE *file, uintptr_t at) {
  char command[128], line[512] = "";
  snprintf(command, sizeof command, "addr2line -f -p -e /proc/%ld/exe %#lx 2>/dev/null",
           (long)getpid(), (unsigned long)at - 1); /* in the call, not behind it */
  FILE *from = popen(command, "r");
  if (from && fgets(line, sizeof line, from))
    line[strcspn(line, "\n")] = '\0';
  if (from)
    pclose(from);
  fprintf(file, "%s (%#lx)\n", line, (unsigned long)at);
}

void fault_layer_open(void) {
  void *memory =
      mmap(NULL, sizeof *fault_layer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  dl_iterate_phdr(find_base, NULL);
  fault_take_over_libevent();
  fault_layer = memory;
}
