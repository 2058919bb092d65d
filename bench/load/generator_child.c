/* SPDX-License-Identifier: MIT */
/*
 * generator_child.c - the generator in a process of its own.
 *
 * The child reports through a pipe that it is alive, about once a second, and at the end the result
 * and the histograms. The parent waits for all that, but not forever.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "common/program.h"
#include "generator_internal.h"
#include "method/interrupt.h"

enum {
  PATIENCE_MS = 15000, /* for a sign of life */
};

static const int requests[] = {SIGINT, SIGHUP, SIGTERM}; /* that ask the program to end */
enum {
  REQUESTS = sizeof requests / sizeof requests[0],
};

/* Messages of the child: any number of SIGN_ALIVE, then SIGN_RESULT, a report, two histograms. */
enum {
  SIGN_ALIVE = 'a',
  SIGN_RESULT = 'r',
};

struct report {
  int error;
  struct generator_result result;
};

/* ---- the child ------------------------------------------------------------------------------ */

/* The action of a signal while the loop does not watch it. Not SIG_IGN, which would discard a
 * signal that is pending because it is blocked. */
static void on_nothing(int signo) {
  (void)signo;
}

static void mask_requests(int how, sigset_t *before) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < REQUESTS; i++)
    sigaddset(&set, requests[i]);
  sigprocmask(how, &set, before);
}

void generator__watching(int parent) {
  if (parent >= 0)
    mask_requests(SIG_UNBLOCK, NULL);
}

/* A parent that no longer reads is gone, or will kill us. */
void generator__alive(int parent) {
  const char sign = SIGN_ALIVE;
  if (parent >= 0 && write(parent, &sign, 1) < 0 && errno == EPIPE)
    _exit(EXIT_FAILURE);
}

static _Noreturn void be_child(int parent, const struct generator_options *options) {
  struct report report = {.error = 0};
  const char sign = SIGN_RESULT;
  struct histogram *latency = histogram_new(), *lateness = histogram_new();
  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < REQUESTS; i++)
    if (!signals_ignored(requests[i]))
      signal(requests[i], on_nothing);
  if (!latency || !lateness)
    _exit(EXIT_FAILURE);
  report.error = generator__run(options, parent, latency, lateness, &report.result);
  bool written = pipe_write(parent, &sign, 1) == 0 &&
                 pipe_write(parent, &report, sizeof report) == 0 &&
                 histogram_write(latency, parent) == 0 && histogram_write(lateness, parent) == 0;
  _exit(written ? EXIT_SUCCESS : EXIT_FAILURE); /* stdio's buffers belong to the parent */
}

/* ---- the parent ----------------------------------------------------------------------------- */

/* Requests to end while the child runs: passed on at once, and handled here after it has ended. */
static volatile sig_atomic_t ended_by;
static volatile pid_t running;

static void pass_on(int signo) {
  int error = errno;
  ended_by = signo;
  kill(running, SIGTERM);
  errno = error;
}

static void take_signals(struct sigaction before[REQUESTS]) {
  struct sigaction ours = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
  sigemptyset(&ours.sa_mask);
  for (size_t i = 0; i < REQUESTS; i++) {
    sigaction(requests[i], NULL, &before[i]);
    if (!signals_ignored(requests[i]))
      sigaction(requests[i], &ours, NULL);
  }
}

static void give_signals_back(const struct sigaction before[REQUESTS]) {
  for (size_t i = 0; i < REQUESTS; i++)
    sigaction(requests[i], &before[i], NULL);
  if (ended_by)
    raise(ended_by);
}

/* A report is small enough for the pipe to hold all of it. 0, -ETIMEDOUT, or as pipe_read. */
static int read_patiently(int fd, void *to, size_t size) {
  struct pollfd poller = {.fd = fd, .events = POLLIN};
  int ready;
  while ((ready = poll(&poller, 1, PATIENCE_MS)) < 0 && errno == EINTR)
    continue;
  if (ready <= 0)
    return ready == 0 ? -ETIMEDOUT : -errno;
  return pipe_read(fd, to, size);
}

static int read_into(int fd, struct histogram *to) {
  struct histogram *read = histogram_new();
  int error = read ? histogram_read(read, fd) : -ENOMEM;
  if (!error && to)
    histogram_merge(to, read);
  histogram_free(read);
  return error;
}

static int collect(int fd, struct histogram *latency, struct histogram *lateness,
                   struct report *report) {
  char sign = SIGN_ALIVE;
  int error = 0;
  while (!error && sign == SIGN_ALIVE)
    error = read_patiently(fd, &sign, 1);
  if (!error)
    error = read_patiently(fd, report, sizeof *report);
  if (!error)
    error = read_into(fd, latency);
  if (!error)
    error = read_into(fd, lateness);
  return error;
}

static int report_death(int error, int status, struct generator_result *ret) {
  *ret = (struct generator_result){.valid = false};
  if (error == -ETIMEDOUT)
    snprintf(ret->reason, sizeof ret->reason,
             "the generator gave no sign of life for %d s and was killed: was it stopped?",
             PATIENCE_MS / 1000);
  else if (WIFSIGNALED(status))
    snprintf(ret->reason, sizeof ret->reason, "the generator was killed by signal %d (%s)",
             WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    snprintf(ret->reason, sizeof ret->reason, "the generator's process ended early (exit code %d)",
             WEXITSTATUS(status));
  return -ECHILD;
}

void end_with_parent(pid_t parent) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) /* it died before the call */
    _exit(127);
#else
  (void)parent;
#endif
}

int reap(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

/* No signal can arrive between the fork and the installation of the handlers. One that came before
 * has set the flag of interrupt.h, and the generator would not receive it: -1 with EINTR then. */
static pid_t start(const int pipe_ends[2], const struct generator_options *options,
                   struct sigaction before[REQUESTS]) {
  sigset_t mask;
  pid_t parent = getpid(), child = -1;
  mask_requests(SIG_BLOCK, &mask);
  errno = EINTR;
  if (!interrupt_seen())
    child = fork();
  if (child == 0) {
    end_with_parent(parent);
    close(pipe_ends[0]);
    be_child(pipe_ends[1], options);
  }
  if (child > 0) {
    running = child;
    ended_by = 0;
    take_signals(before);
  }
  sigprocmask(SIG_SETMASK, &mask, NULL);
  return child;
}

int generator_spawn(const struct generator_options *options, struct histogram *latency,
                    struct histogram *lateness, struct generator_result *ret) {
  int pipe_ends[2] = {-1, -1};
  struct sigaction before[REQUESTS];
  struct report report = {.error = 0};
  *ret = (struct generator_result){.valid = false};
  pid_t child = pipe(pipe_ends) < 0 ? -1 : start(pipe_ends, options, before);
  int error = errno;
  close(pipe_ends[1]);
  if (child < 0) {
    close(pipe_ends[0]);
    snprintf(ret->reason, sizeof ret->reason, "no process for the generator: %s", strerror(error));
    return -error;
  }
  error = collect(pipe_ends[0], latency, lateness, &report);
  if (error)
    kill(child, SIGKILL);
  give_signals_back(before); /* while the pid is still the child's */
  int status = reap(child);
  close(pipe_ends[0]);
  if (error)
    return report_death(error, status, ret);
  *ret = report.result;
  return report.error;
}
