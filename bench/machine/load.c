/* SPDX-License-Identifier: MIT */
/*
 * load.c - what else the machine did while a run lasted: the time that the host gave to other guests
 * (steal), and the processors that other programs used.
 *
 * /proc/stat counts the time of all processors, rusage that of this process and of the children that
 * it has waited for; the difference is that of others. Interrupts are left out on both sides, as
 * ours cannot be separated from those of others. Without /proc/stat nothing is known, which is null.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "machine/machine.h"

static double seconds(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double own_time(void) {
  struct rusage self, children;
  if (getrusage(RUSAGE_SELF, &self) < 0 || getrusage(RUSAGE_CHILDREN, &children) < 0)
    return NAN;
  return seconds(self.ru_utime) + seconds(self.ru_stime) + seconds(children.ru_utime) +
         seconds(children.ru_stime);
}

static void read_processors(struct load_watch *to) {
  unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
  double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
  FILE *file = fopen("/proc/stat", "r");
  to->total = to->busy = to->steal = NAN;
  if (!file)
    return;
  if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
             &iowait, &irq, &softirq, &steal) == 8) {
    to->busy = tick * (double)(user + nice + system);
    to->steal = tick * (double)steal;
    to->total = tick * (double)(user + nice + system + idle + iowait + irq + softirq + steal);
  }
  fclose(file);
}

static double load_average(void) {
  double average;
  return getloadavg(&average, 1) == 1 ? average : NAN;
}

struct load_watch load_begin(void) {
  struct load_watch watch = {.began_ns = clock_ns(CLOCK_MONOTONIC)};
  read_processors(&watch);
  watch.own = own_time();
  watch.average = load_average();
  return watch;
}

static json_t *known(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *load_end(const struct load_watch *watch) {
  struct load_watch now = load_begin();
  double elapsed = (double)(now.began_ns - watch->began_ns) / 1e9;
  double others = ((now.busy - watch->busy) - (now.own - watch->own)) / elapsed;
  double steal = (now.steal - watch->steal) / (now.total - watch->total);
  return json_pack("{s:I, s:o, s:o, s:o, s:o}", "elapsed_ns",
                   (json_int_t)(now.began_ns - watch->began_ns), "steal", known(steal), "others",
                   known(isfinite(others) && others < 0 ? 0 : others), "average_before",
                   known(watch->average), "average_after", known(now.average));
}
