/* SPDX-License-Identifier: MIT */
/* callbacks.c - unit tests of the three queues of functions to call. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "internal.h"
#include "tap.h"

static void never(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
}

static void *number(uint64_t n) {
  return (void *)(uintptr_t)n;
}

TEST(1, "first in, first out, across growth and wrap-around") {
  struct ioloop__queue queue = {0};
  uint64_t in = 0, out = 0;
  for (int round = 0; round < 300; round++) {
    for (uint64_t n = tap_random_below(40); n > 0; n--, in++)
      CHECK_OK(ioloop__queue_push(&queue, never, number(in)));
    for (uint64_t n = tap_random_below(38); n > 0 && queue.count > 0; n--, out++) {
      struct ioloop__call call = ioloop__queue_pop(&queue);
      CHECK(call.fn == never && call.arg == number(out));
    }
    CHECK_IS(queue.count, ==, in - out);
  }
  while (queue.count > 0)
    CHECK(ioloop__queue_pop(&queue).arg == number(out++));
  CHECK_IS(in, ==, out);
  free(queue.calls);
}

TEST(2, "the head may pass the end of its counter") {
  struct ioloop__queue queue = {0};
  CHECK_OK(ioloop__queue_reserve(&queue, 16));
  queue.head = UINT32_MAX - 3;
  for (uint64_t n = 0; n < 10; n++)
    CHECK_OK(ioloop__queue_push(&queue, never, number(n)));
  for (uint64_t n = 0; n < 5; n++)
    CHECK(ioloop__queue_pop(&queue).arg == number(n));
  for (uint64_t n = 10; n < 40; n++) /* grows while wrapped */
    CHECK_OK(ioloop__queue_push(&queue, never, number(n)));
  for (uint64_t n = 5; n < 40; n++)
    CHECK(ioloop__queue_pop(&queue).arg == number(n));
  free(queue.calls);
}

TEST(3, "reserved room does not move") {
  struct ioloop__queue queue = {0};
  CHECK_OK(ioloop__queue_push(&queue, never, NULL));
  CHECK_OK(ioloop__queue_reserve(&queue, 1000));
  const struct ioloop__call *place = queue.calls;
  for (uint64_t n = 0; n < 1000; n++)
    CHECK_OK(ioloop__queue_push(&queue, never, number(n)));
  CHECK(queue.calls == place);
  CHECK_ERROR(ioloop__queue_reserve(&queue, UINT32_MAX), ENOMEM);
  CHECK_IS(queue.count, ==, 1001);
  free(queue.calls);
}

/* ---- with a loop ------------------------------------------------------------------------ */

struct sequence {
  uint64_t calls[64];
  int count;
};

static struct sequence sequence;

static void note(struct ioloop *loop, void *arg) {
  (void)loop;
  CHECK_IS(sequence.count, <, 64);
  sequence.calls[sequence.count++] = (uint64_t)(uintptr_t)arg;
}

static struct ioloop *new_loop(void) {
  struct ioloop *loop;
  CHECK_OK(ioloop_new("poll", &loop));
  return loop;
}

static void run_until_idle(struct ioloop *loop) {
  for (int turn = 0; turn < 10; turn++)
    CHECK_OK(ioloop_run_once(loop, 0));
}

TEST(4, "each source keeps its order, and nothing is called twice") {
  struct ioloop *loop = new_loop();
  for (uint64_t n = 0; n < 10; n++) {
    CHECK_OK(ioloop_add_callback(loop, note, number(100 + n)));
    CHECK_OK(ioloop_add_callback_threadsafe(loop, note, number(200 + n)));
    CHECK_OK(ioloop_add_callback_from_signal(loop, note, number(300 + n)));
  }
  run_until_idle(loop);
  CHECK_IS(sequence.count, ==, 30);
  uint64_t last[4] = {0};
  for (int i = 0; i < 30; i++) {
    uint64_t source = sequence.calls[i] / 100;
    CHECK_IS(sequence.calls[i], >, last[source]);
    last[source] = sequence.calls[i];
  }
  CHECK_OK(ioloop_free(loop));
}

static void note_and_add(struct ioloop *loop, void *arg) {
  note(loop, arg);
  CHECK_OK(ioloop_add_callback(loop, note, number((uint64_t)(uintptr_t)arg + 100)));
}

TEST(5, "a callback added by a callback runs in the next iteration") {
  struct ioloop *loop = new_loop();
  CHECK_OK(ioloop_add_callback(loop, note_and_add, number(1)));
  CHECK_OK(ioloop_add_callback(loop, note, number(2)));
  CHECK_IS(ioloop_run_once(loop, 0), ==, 2);
  CHECK_IS(sequence.count, ==, 2);
  CHECK_IS(ioloop_run_once(loop, SECONDS(10)), ==, 1); /* and that one does not wait */
  CHECK_IS(sequence.calls[2], ==, 101);
  CHECK_OK(ioloop_free(loop));
}

TEST(6, "of calls from signal handlers 256 wait, and each that ran makes room for one") {
  struct ioloop *loop = new_loop();
  unsigned turn = 0;
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < IOLOOP__SIGNAL_CALLS; i++, turn++)
      CHECK_OK(ioloop_add_callback_from_signal(loop, never, number(turn)));
    CHECK_ERROR(ioloop_add_callback_from_signal(loop, never, NULL), EAGAIN);
    struct ioloop__call call;
    for (unsigned i = turn - IOLOOP__SIGNAL_CALLS; i < turn; i++)
      CHECK(ioloop__signal_queue_pop(&loop->callbacks.from_signals, turn, &call) &&
            call.arg == number(i));
    CHECK(!ioloop__signal_queue_pop(&loop->callbacks.from_signals, turn, &call));
  }
  run_until_idle(loop);
  CHECK_OK(ioloop_free(loop));
}

TEST(7, "any number of calls between two wake-ups costs one write") {
  struct ioloop *loop = new_loop();
  for (int i = 0; i < 1000; i++)
    CHECK_OK(ioloop_add_callback_threadsafe(loop, never, NULL));
  CHECK(atomic_load(&loop->callbacks.wake_pending));
  run_until_idle(loop);
  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
  CHECK_IS(metrics.callbacks, ==, 1000);
  CHECK_IS(metrics.wakeups, ==, 1);
  CHECK(!atomic_load(&loop->callbacks.wake_pending));
  CHECK_OK(ioloop_free(loop));
}

/* Writers of every kind at once: threads that push as signal handlers do, and handlers that
 * interrupt them in the middle. */
#define WRITERS 3

static struct ioloop *contended;
static atomic_uint pushed, ran, finished;

static void count_run(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
  atomic_fetch_add(&ran, 1);
}

static void push_one(int signo) {
  (void)signo;
  if (ioloop_add_callback_from_signal(contended, count_run, NULL) == 0)
    atomic_fetch_add(&pushed, 1);
}

/* Interrupts the consumer, as the consumer does the writers. */
static void *push_many(void *consumer) {
  size_t count = tap_count(30000);
  for (size_t i = 0; i < count; i++) {
    push_one(0);
    if (i % 16 == 0)
      CHECK_THREAD(pthread_kill(*(pthread_t *)consumer, SIGALRM));
  }
  atomic_fetch_add(&finished, 1);
  return NULL;
}

TEST(8, "threads and signal handlers push at once: each call that was accepted runs once") {
  struct sigaction action = {.sa_handler = push_one, .sa_flags = SA_RESTART};
  pthread_t threads[WRITERS], consumer = pthread_self();
  contended = new_loop();
  CHECK_SYS(sigaction(SIGALRM, &action, NULL));
  for (int i = 0; i < WRITERS; i++)
    CHECK_THREAD(pthread_create(&threads[i], NULL, push_many, &consumer));
  while (finished < WRITERS) {
    CHECK_OK(ioloop_run_once(contended, 0));
    for (int i = 0; i < WRITERS && finished == 0; i++) /* all of them are there */
      CHECK_THREAD(pthread_kill(threads[i], SIGALRM));
  }
  for (int i = 0; i < WRITERS; i++)
    CHECK_THREAD(pthread_join(threads[i], NULL));
  run_until_idle(contended);
  CHECK_IS(ran, >, 0);
  CHECK_IS(ran, ==, pushed);
  CHECK_OK(ioloop_free(contended));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
