/* SPDX-License-Identifier: MIT */
/*
 * fuzz_child.c - runs one script in a process of its own. The process may crash, hang, be ended by
 * a sanitizer, or close any descriptor: what it reports is in memory that it shares with its
 * parent, and that it is over is known from its process id.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum {
  EXIT_FINDING = 99,
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWNESS 4
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWNESS 4
#endif
#endif
#ifndef SLOWNESS
#define SLOWNESS 1
#endif

/* What the child leaves to its parent. */
static struct shared {
  atomic_ullong figures[FUZZ_FIGURES];
  atomic_flag failing;
  atomic_long line;
  char kind[128], what[1024];
} * shared;

static bool verbose;
static const struct fuzz_operation *operations;

uint64_t fuzz_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void fuzz_count(enum fuzz_figure figure, uint64_t n) {
  atomic_fetch_add_explicit(&shared->figures[figure], n, memory_order_relaxed);
}

uint64_t fuzz_total(enum fuzz_figure figure) {
  return shared ? atomic_load(&shared->figures[figure]) : 0;
}

void fuzz_note(const char *format, ...) {
  if (!verbose)
    return;
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
}

/* Only the first finding counts: what follows may be its consequence. */
void fuzz_fail(const char *format, ...) {
  if (!atomic_flag_test_and_set(&shared->failing)) {
    va_list args;
    va_start(args, format);
    snprintf(shared->kind, sizeof shared->kind, "%s", format);
    vsnprintf(shared->what, sizeof shared->what, format, args);
    va_end(args);
    _exit(EXIT_FINDING);
  }
  for (;;)
    pause();
}

/* ---- executing ------------------------------------------------------------------------------ */

/* What is being executed: the next line and the end. */
static struct span { size_t next, end; } span;

void fuzz_execute(const struct fuzz_script *script, size_t first, size_t end) {
  struct span outer = span;
  long outer_line = atomic_load_explicit(&shared->line, memory_order_relaxed);
  span = (struct span){first, end < script->count ? end : script->count};
  while (span.next < span.end) {
    const struct fuzz_line *line = &script->lines[span.next++];
    const struct fuzz_operation *operation = &operations[line->operation];
    atomic_store_explicit(&shared->line, (long)span.next, memory_order_relaxed);
    fuzz_count(FUZZ_OPERATIONS, 1);
    fuzz_note("%zu: %s %lu %lu %lu %lu", span.next, operation->name, (unsigned long)line->args[0],
              (unsigned long)line->args[1], (unsigned long)line->args[2],
              (unsigned long)line->args[3]);
    operation->run(line->args);
  }
  span = outer;
  atomic_store_explicit(&shared->line, outer_line, memory_order_relaxed);
}

size_t fuzz_claim(size_t most, size_t *first) {
  size_t count = span.end - span.next < most ? span.end - span.next : most;
  *first = span.next;
  span.next += count;
  return count;
}

/* ---- the child and its watchdog -------------------------------------------------------------- */

static _Noreturn void be_child(const struct fuzz *fuzz, const struct fuzz_script *script,
                               const char *backend, bool show) {
  int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  if (!show)
    dup2(null, STDERR_FILENO);
  close(null);
  operations = fuzz->operations;
  fuzz->run(script, backend);
  atomic_store(&shared->line, 0);
  exit(0); /* what a leak sanitizer finds is a finding */
}

/* SIGCHLD ends the wait; it is blocked outside of it. */
static bool wait_for_child(pid_t pid, uint64_t deadline, int *status) {
  sigset_t chld, before;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  while (waitpid(pid, status, WNOHANG) == 0) {
    uint64_t now = fuzz_now(), left = deadline > now ? deadline - now : 0;
    if (left == 0)
      return false;
    struct timespec timeout = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    sigdelset(&before, SIGCHLD);
    pselect(0, NULL, NULL, NULL, &timeout, &before);
  }
  return true;
}

static void on_child(int signo) {
  (void)signo;
}

static void set_up(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    perror("fuzz: mmap");
    exit(2);
  }
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &chld, NULL);
  sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child}, NULL);
}

static void set_kind(struct fuzz_result *result, const char *kind, const char *what) {
  result->failed = true;
  snprintf(result->kind, sizeof result->kind, "%s", kind);
  snprintf(result->what, sizeof result->what, "%s", what);
}

static void judge(bool ended, int status, unsigned seconds, struct fuzz_result *result) {
  char text[64];
  *result = (struct fuzz_result){.line = atomic_load(&shared->line)};
  if (!ended) {
    snprintf(text, sizeof text, "it did not end within %u s", seconds);
    set_kind(result, "hang", text);
  } else if (WIFSIGNALED(status)) {
    snprintf(text, sizeof text, "signal %d: %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    set_kind(result, text, text);
  } else if (WEXITSTATUS(status) == EXIT_FINDING) {
    set_kind(result, shared->kind, shared->what);
  } else if (WEXITSTATUS(status) != 0) {
    snprintf(text, sizeof text, "exit status %d: see its messages", WEXITSTATUS(status));
    set_kind(result, text, text);
  }
}

void fuzz_try(const struct fuzz *fuzz, const struct fuzz_script *script, const char *backend,
              bool show, bool speak, struct fuzz_result *ret) {
  if (!shared)
    set_up();
  verbose = speak;
  atomic_flag_clear(&shared->failing);
  atomic_store(&shared->line, 0);
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) {
    perror("fuzz: fork");
    exit(2);
  }
  if (pid == 0) {
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    signal(SIGCHLD, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &chld, NULL);
    be_child(fuzz, script, backend, show);
  }
  int status = 0;
  unsigned seconds = fuzz->seconds * SLOWNESS;
  bool ended = wait_for_child(pid, fuzz_now() + seconds * UINT64_C(1000000000), &status);
  if (!ended) {
    kill(pid, SIGABRT); /* a sanitizer may print where it is */
    if (!wait_for_child(pid, fuzz_now() + 2 * UINT64_C(1000000000), &status)) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
    }
  }
  judge(ended, status, seconds, ret);
}
