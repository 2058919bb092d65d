/* SPDX-License-Identifier: MIT */
/* program.c - see program.h. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "ioloop/ioloop.h"
#include "say.h"

enum {
  LAST_SIGNAL = 128, /* of FreeBSD; with fewer, sigaction rejects the others */
  SAME_REQUEST_MS = 250,
};

/* ---- descriptors ---------------------------------------------------------------------- */

/* /dev/null is opened in the opposite direction: reading from the replacement for stdin, or writing
 * to the one for stdout, fails with EBADF exactly as the closed descriptor would have. */
static void ensure_open(int fd, int flags) {
  if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
    return;
  int opened = open("/dev/null", flags);
  if (opened > fd)
    close(opened);
}

int descriptors_reopen(int fd) {
  char path[32];
  struct stat status;
  if (fstat(fd, &status) < 0)
    return -errno;
  if (!S_ISFIFO(status.st_mode) && !(S_ISCHR(status.st_mode) && isatty(fd)))
    return -EINVAL;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  return own < 0 ? -errno : own;
}

/* It was opened without blocking, because the reader of a pipe may be gone. We opened the file, so
 * we may clear its flag. */
static void make_blocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  int own = flags >= 0 && flags & O_NONBLOCK ? descriptors_reopen(fd) : -1;
  if (own < 0)
    return;
  if (fcntl(own, F_SETFL, fcntl(own, F_GETFL) & ~O_NONBLOCK) == 0)
    dup2(own, fd);
  close(own);
}

unsigned long long descriptors_raise_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return 0;
  struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
    limit = raised;
  return limit.rlim_cur;
}

/* ---- signals -------------------------------------------------------------------------- */

static const int ends[] = {SIGINT, SIGHUP, SIGTERM};
static const size_t end_count = sizeof ends / sizeof ends[0];

/* It asks a program to end or to stop: ignoring it is a decision of the parent. */
static bool is_request(int signo) {
  return signo == SIGHUP || signo == SIGINT || signo == SIGQUIT || signo == SIGTSTP ||
         signo == SIGTTIN || signo == SIGTTOU;
}

/* Ignoring a signal also discards one that is pending because it is blocked. */
static void restore(int signo, const sigset_t *pending) {
  struct sigaction now;
  if (sigaction(signo, NULL, &now) < 0 || is_request(signo))
    return;
  bool stale = signo != SIGTERM && sigismember(pending, signo) == 1;
  if (stale)
    signal(signo, SIG_IGN);
  if (stale || now.sa_handler == SIG_IGN)
    signal(signo, SIG_DFL);
}

static void restore_signals(void) {
  sigset_t pending, none;
  sigpending(&pending);
  for (int signo = 1; signo <= LAST_SIGNAL; signo++)
    restore(signo, &pending);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_survive_writes(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

void signals_hold_end(void) {
  sigset_t requests;
  sigemptyset(&requests);
  for (size_t i = 0; i < end_count; i++)
    sigaddset(&requests, ends[i]);
  sigprocmask(SIG_BLOCK, &requests, NULL);
}

bool signals_same_request(uint64_t first_ns, uint64_t now_ns) {
  return now_ns - first_ns < SAME_REQUEST_MS * NS_PER_MS;
}

bool signals_ignored(int signo) {
  struct sigaction now;
  return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

int signals_watch_end(struct ioloop *loop,
                      void (*on_end)(struct ioloop *loop, int signo, void *arg), void *arg) {
  int error = 0;
  for (size_t i = 0; i < end_count && !error; i++)
    if (!signals_ignored(ends[i]))
      error = ioloop_add_signal(loop, ends[i], on_end, arg);
  return error;
}

/* ---- the start ------------------------------------------------------------------------ */

void program_begin(const char *argv0) {
  ensure_open(STDIN_FILENO, O_WRONLY);
  ensure_open(STDOUT_FILENO, O_RDONLY);
  ensure_open(STDERR_FILENO, O_RDWR);
  make_blocking(STDOUT_FILENO);
  restore_signals();
  say_begin(argv0);
}
