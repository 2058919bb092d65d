/* SPDX-License-Identifier: MIT */
/*
 * wake.c - another thread adds a callback to the loop, and waits until it has run: the time from
 * before the call until the callback runs, one at a time.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/say.h"
#include "results/histogram.h"
#include "workload.h"

static struct {
  size_t left;
  uint64_t asked_ns;
  struct histogram *histogram;
  pthread_mutex_t lock; /* for `called`; no sem_t, which macOS has in name only */
  pthread_cond_t changed;
  bool called;
} wake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_called(void) {
  histogram_record(wake.histogram, clock_ns(CLOCK_MONOTONIC) - wake.asked_ns);
  if (--wake.left == 0)
    loop_stop();
  pthread_mutex_lock(&wake.lock);
  wake.called = true;
  pthread_cond_signal(&wake.changed);
  pthread_mutex_unlock(&wake.lock);
}

static void *ask(void *arg) {
  for (size_t i = *(const size_t *)arg; i > 0; i--) {
    wake.asked_ns = clock_ns(CLOCK_MONOTONIC);
    loop_wake();
    pthread_mutex_lock(&wake.lock);
    while (!wake.called)
      pthread_cond_wait(&wake.changed, &wake.lock);
    wake.called = false;
    pthread_mutex_unlock(&wake.lock);
  }
  return NULL;
}

static int run(size_t times) {
  pthread_t thread;
  measure_begin();
  int error = pthread_create(&thread, NULL, ask, &times);
  if (error)
    return complain("cannot start a thread: %s", strerror(error));
  loop_run();
  measure_end(times);
  pthread_join(thread, NULL);
  return 0;
}

static int print(void) {
  json_t *json = histogram_to_json(wake.histogram);
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  if (!text)
    return complain("cannot write the histogram: %s", strerror(ENOMEM));
  measure_print();
  puts(text);
  free(text);
  return 0;
}

int workload_wake(const char *method, const char *const *rest, size_t count) {
  (void)count;
  size_t times = wake.left = workload_number(rest[0], MOST);
  if (!times)
    return EXIT_USAGE;
  wake.histogram = histogram_new();
  if (!wake.histogram)
    return loop_trouble("memory");
  loop_woken = on_called;
  int error = loop_open(method, 64);
  if (!error)
    error = loop_wake_open();
  if (!error)
    error = run(times);
  if (!error)
    error = print();
  loop_close();
  histogram_free(wake.histogram);
  return error;
}
