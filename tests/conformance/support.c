/* SPDX-License-Identifier: MIT */
/* support.c - loops and handlers of the conformance tests; see support.h. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- loops ---------------------------------------------------------------------------- */

struct ioloop *test_loop_new(void) {
  struct ioloop *loop = NULL;
  CHECK_OK(ioloop_new(tap_argument, &loop));
  return loop;
}

struct ioloop_metrics metrics_of(const struct ioloop *loop) {
  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
  return metrics;
}

void test_loop_free_abandoned(struct ioloop *loop, uint64_t abandoned) {
  struct ioloop_metrics metrics = metrics_of(loop);
  __atomic_fetch_add(tap_shared_counter(), metrics.rescues, __ATOMIC_RELAXED);
  CHECK_IS(metrics.rescues, ==, 0);
  CHECK_IS(metrics.abandoned, <=, abandoned);
  CHECK_OK(ioloop_free(loop));
}

void test_loop_free(struct ioloop *loop) {
  test_loop_free_abandoned(loop, 0);
}

bool signal_driven(void) {
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  return info.features & IOLOOP_F_SIGNAL_DRIVEN;
}

bool presumes_readiness(void) {
  return strcmp(tap_argument, "nonblocking") == 0;
}

void skip_if_readiness_is_presumed(void) {
  if (presumes_readiness())
    SKIP("the model does not find out what is ready: every handler tries, in every iteration");
}

bool run_turn(struct ioloop *loop, uint64_t deadline, const char *file, int line) {
  int result = ioloop_run_once(loop, tap_left(deadline));
  if (result < 0)
    (void)tap_result(result, "ioloop_run_once", file, line);
  return result > 0 || tap_left(deadline) > 0;
}

void run_turns(struct ioloop *loop, int turns) {
  while (turns-- > 0)
    CHECK_OK(ioloop_run_once(loop, 0));
}

static uint64_t processor_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return SECONDS(now.tv_sec) + (uint64_t)now.tv_nsec;
}

static void watch_sleep(struct ioloop *loop, uint64_t ns, bool silent, const char *file, int line) {
  uint64_t deadline = tap_now() + ns, cpu = processor_time();
  struct ioloop_metrics before = metrics_of(loop);
  while (tap_left(deadline) > 0) {
    int called = ioloop_run_once(loop, tap_left(deadline));
    if (called < 0)
      (void)tap_result(called, "ioloop_run_once", file, line);
    if (called > 0 && silent && !presumes_readiness())
      tap_fail(file, line, "%d calls where nothing should happen", called);
  }
  if (presumes_readiness())
    return;
  struct ioloop_metrics after = metrics_of(loop);
  cpu = processor_time() - cpu;
  if (after.iterations - before.iterations > 50)
    tap_fail(file, line, "the loop spins: %llu turns in %llu ms",
             (unsigned long long)(after.iterations - before.iterations),
             (unsigned long long)(ns / MS(1)));
  if (tap_scale() == 1 && ns >= MS(20) && cpu > ns / 2 + MS(5))
    tap_fail(file, line, "the loop spins: %llu ms of processor time in %llu ms",
             (unsigned long long)(cpu / MS(1)), (unsigned long long)(ns / MS(1)));
}

void check_quiet(struct ioloop *loop, uint64_t ns, const char *file, int line) {
  watch_sleep(loop, ns, true, file, line);
}

void check_no_spin(struct ioloop *loop, uint64_t ns, const char *file, int line) {
  watch_sleep(loop, ns, false, file, line);
}

/* ---- handlers that record --------------------------------------------------------------- */

void on_event(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct record *record = arg;
  (void)loop;
  record->calls++;
  record->events = events;
  record->seen |= events;
  record->fd = fd;
}

static bool read_some(int fd, struct record *record, size_t size) {
  static _Thread_local char buffer[65536];
  ssize_t got = read(fd, buffer, size);
  if (got > 0)
    record->bytes += (size_t)got;
  else if (got == 0)
    record->end = true;
  else if (errno != EAGAIN)
    record->error = errno;
  return got > 0;
}

void on_drain(struct ioloop *loop, int fd, unsigned events, void *arg) {
  on_event(loop, fd, events, arg);
  if (events & IOLOOP_READ)
    while (read_some(fd, arg, 65536))
      continue;
}

void on_read_one(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct record *record = arg;
  on_event(loop, fd, events, arg);
  if (events & IOLOOP_READ)
    read_some(fd, record, record->limit ? (size_t)record->limit : 1);
}

void on_never(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)loop, (void)arg;
  tap_fail(__FILE__, __LINE__, "a handler was called that must not be: descriptor %d, events %#x",
           fd, events);
}

void on_count(struct ioloop *loop, void *counter) {
  (void)loop;
  ++*(unsigned *)counter;
}

void on_stop(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_stop(loop);
}

void on_never_called(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
  tap_fail(__FILE__, __LINE__, "a callback was called that must not be");
}

/* ---- something that happens while the loop waits ----------------------------------------- */

void need_prompt_signals(const struct ioloop *loop) {
  bool raw = ioloop_backend_features(loop) & IOLOOP_F_COMPLETION ||
             strcmp(ioloop_backend_name(loop), "linux-aio") == 0;
  if (tap_in_thread_sanitizer() && raw) /* the C library has no functions for these calls */
    SKIP("ThreadSanitizer keeps signals back that come just before a wait");
}

static void *run_later(void *arg) {
  struct later *later = arg;
  struct timespec delay = {.tv_sec = (time_t)(later->delay_ns / SECONDS(1)),
                           .tv_nsec = (long)(later->delay_ns % SECONDS(1))};
  nanosleep(&delay, NULL);
  later->fn(later->arg);
  return NULL;
}

void later(struct later *later, uint64_t delay_ns, void (*fn)(void *arg), void *arg) {
  *later = (struct later){.delay_ns = delay_ns, .fn = fn, .arg = arg};
  CHECK_THREAD(pthread_create(&later->thread, NULL, run_later, later));
}

void later_join(struct later *later) {
  CHECK_THREAD(pthread_join(later->thread, NULL));
}

void write_byte(void *fd) {
  put(*(int *)fd, 1);
}

void close_fd(void *fd) {
  CHECK_SYS(close(*(int *)fd));
}

void barrier_init(struct barrier *barrier, unsigned count) {
  *barrier = (struct barrier){.count = count, .missing = count};
  CHECK_THREAD(pthread_mutex_init(&barrier->lock, NULL));
  CHECK_THREAD(pthread_cond_init(&barrier->all_here, NULL));
}

void barrier_wait(struct barrier *barrier) {
  pthread_mutex_lock(&barrier->lock);
  unsigned round = barrier->round;
  if (--barrier->missing == 0) {
    barrier->missing = barrier->count;
    barrier->round++;
    pthread_cond_broadcast(&barrier->all_here);
  }
  while (barrier->round == round)
    pthread_cond_wait(&barrier->all_here, &barrier->lock);
  pthread_mutex_unlock(&barrier->lock);
}

void barrier_destroy(struct barrier *barrier) {
  CHECK_THREAD(pthread_cond_destroy(&barrier->all_here));
  CHECK_THREAD(pthread_mutex_destroy(&barrier->lock));
}

pid_t fork_child(void (*fn)(void *arg), void *arg) {
  pid_t child = fork();
  CHECK_SYS(child);
  if (child == 0) {
    fn(arg);
    _exit(0);
  }
  return child;
}

void wait_child(pid_t child) {
  int status = 0;
  pid_t ended;
  do
    ended = waitpid(child, &status, 0);
  while (ended < 0 && errno == EINTR);
  CHECK_IS(ended, ==, child);
  CHECK_IS(status, ==, 0);
}
