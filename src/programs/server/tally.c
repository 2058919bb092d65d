/* SPDX-License-Identifier: MIT */
/*
 * tally.c - the counters of all workers, including those that have exited, added up.
 *
 * The counts add up whichever worker dies: a record is a line, so a record that a worker counted
 * and that did not come out of its relay is either on its way or was lost with the worker.
 */
#include <inttypes.h>

#include "common/output.h"
#include "common/say.h"
#include "stats.h"
#include "workers.h"

static uint64_t records(const struct counts *counts) {
  return counts_get(counts, COUNT_TCP_RECORDS) + counts_get(counts, COUNT_UDP_RECORDS);
}

/* A record is a line: those that a worker counted and that did not come out of its relay. */
static uint64_t missing(const struct slot *slot) {
  uint64_t lines = slot->relay ? relay_lines(slot->relay) : 0, all = records(slot->counts);
  bool printed = slot->workers->options->print != PRINT_NONE;
  return printed && all > lines ? all - lines : 0;
}

uint64_t tally_unprinted(const struct workers *workers) {
  uint64_t sum = workers->lost + output_pending_lines(workers->output);
  for (size_t i = 0; i < workers->count; i++)
    sum += missing(&workers->slots[i]);
  return sum;
}

static void add_counts(struct counts *sum, const struct counts *more) {
  for (int i = 0; i < COUNTERS; i++)
    counts_add(sum, (enum counter)i, counts_get(more, (enum counter)i));
}

/* Its connections ended with it. The kernel's drops belong to the socket, which remains open: the
 * next worker will report them. */
void tally_add_exited(struct slot *slot) {
  struct counts *counts = slot->counts;
  uint64_t drops = counts_get(counts, COUNT_KERNEL_DROPS);
  slot->workers->lost += missing(slot);
  counts_set(counts, COUNT_CLOSED, counts_get(counts, COUNT_ACCEPTED));
  counts_set(counts, COUNT_KERNEL_DROPS, 0);
  add_counts(&slot->workers->exited, counts);
  for (int i = 0; i < COUNTERS; i++)
    counts_set(counts, (enum counter)i, 0);
  counts_set(counts, COUNT_KERNEL_DROPS, drops);
}

void tally_say(const struct workers *workers, const char *title) {
  char line[STATS_LINE_SIZE];
  struct counts sum = {.at = {0}};
  add_counts(&sum, &workers->exited);
  for (size_t i = 0; i < workers->count; i++)
    add_counts(&sum, workers->slots[i].counts);
  stats_line(&sum, tally_unprinted(workers), line);
  say("%s %s workers=%zu restarts=%" PRIu64, title, line, workers->count, workers->restarts);
}
