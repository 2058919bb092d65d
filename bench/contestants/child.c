/* SPDX-License-Identifier: MIT */
/* child.c - fork, exec, a pipe, and the end; see child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cpus.h"
#include "load/generator.h"
#include "machine/machine.h"
#include "method/interrupt.h"

enum {
  CHUNK = 4096,
  TEXT_MOST = 1 << 22,
  SLICE_MS = 100 /* a Ctrl-C between the check and the wait is noticed after this time */
};

/* ---- starting ---------------------------------------------------------------------- */

static void close_on_exec(int fd) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* -errno of a step that failed. */
static int prepare(int cpu, const struct server_limits *limits, int output, pid_t parent) {
  int null = open("/dev/null", O_RDONLY);
  unsigned short number = (unsigned short)cpu;
  end_with_parent(parent);
  setpgid(0, 0);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
      dup2(output, STDERR_FILENO) < 0)
    return -errno;
  if (null > STDERR_FILENO)
    close(null);
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  int error = cpu < 0 ? 0 : cpus_pin(&number, 1);
  if (!error && limits && limits->sigpending_set)
    error = system_limit_signals(limits->sigpending);
  return error;
}

/* Errors before and in exec are reported through `trouble`, which a successful exec closes. */
static _Noreturn void become(char *const argv[], int cpu, const struct server_limits *limits,
                             int output, int trouble, pid_t parent) {
  int error = prepare(cpu, limits, output, parent);
  if (!error) {
    execv(argv[0], argv);
    error = -errno;
  }
  ssize_t n = write(trouble, &error, sizeof error);
  _exit(n == sizeof error ? 126 : 127);
}

static int exec_error(int trouble) {
  int error = 0;
  ssize_t n;
  do
    n = read(trouble, &error, sizeof error);
  while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

static int reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

static int make_pipes(int output[2], int trouble[2]) {
  if (pipe(output) < 0)
    return -errno;
  if (pipe(trouble) < 0) {
    int error = -errno;
    close(output[0]);
    close(output[1]);
    return error;
  }
  for (int i = 0; i < 2; i++) {
    close_on_exec(output[i]);
    close_on_exec(trouble[i]);
  }
  return 0;
}

int child_start(char *const argv[], int cpu, const struct server_limits *limits,
                struct child *ret) {
  int output[2], trouble[2];
  int error = make_pipes(output, trouble);
  if (error)
    return error;
  pid_t parent = getpid(), pid = fork();
  if (pid == 0)
    become(argv, cpu, limits, output[1], trouble[1], parent);
  error = pid < 0 ? -errno : 0;
  close(output[1]);
  close(trouble[1]);
  if (!error)
    error = exec_error(trouble[0]);
  close(trouble[0]);
  if (error) {
    if (pid > 0)
      reap(pid);
    close(output[0]);
    return error;
  }
  fcntl(output[0], F_SETFL, O_NONBLOCK);
  *ret = (struct child){.pid = pid, .output = output[0]};
  return 0;
}

/* ---- reading its output ------------------------------------------------------------ */

/* Endless output must not fill our memory. The later half is kept, because it shows how the program
 * ended. */
static void forget_beginning(struct text *text) {
  if (text->size < TEXT_MOST)
    return;
  memmove(text->at, text->at + TEXT_MOST / 2, text->size - TEXT_MOST / 2);
  text->size -= TEXT_MOST / 2;
}

/* 1: data was read; 0: the end; -EAGAIN: nothing now; -ENOMEM. */
static int read_some(struct child *child, struct text *text) {
  forget_beginning(text);
  char *grown = realloc(text->at, text->size + CHUNK + 1);
  if (!grown)
    return -ENOMEM;
  text->at = grown;
  ssize_t n;
  do
    n = read(child->output, text->at + text->size, CHUNK);
  while (n < 0 && errno == EINTR && !interrupt_seen());
  text->size += n > 0 ? (size_t)n : 0;
  text->at[text->size] = '\0';
  if (n < 0)
    return errno == EINTR ? -EAGAIN : -errno;
  return n > 0;
}

void child_read_ready(struct child *child, struct text *text) {
  while (read_some(child, text) > 0)
    continue;
}

/* Returns when there is something to read, or after a slice of time. */
static void wait_readable(struct child *child, uint64_t deadline_ns) {
  uint64_t now = clock_ns(CLOCK_MONOTONIC);
  uint64_t left_ms = deadline_ns > now ? (deadline_ns - now) / NS_PER_MS + 1 : 0;
  struct pollfd pipe_end = {.fd = child->output, .events = POLLIN};
  poll(&pipe_end, 1, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS);
}

int child_read_until(struct child *child, struct text *text, bool (*found)(const struct text *text),
                     uint64_t patience_ns) {
  uint64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + patience_ns;
  for (;;) {
    int got = read_some(child, text);
    if (got == 0)
      return -EPIPE;
    if (got < 0 && got != -EAGAIN)
      return got;
    if (got > 0 && found && found(text))
      return 0;
    if (interrupt_seen())
      return -EINTR;
    if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns)
      return -ETIMEDOUT;
    if (got < 0)
      wait_readable(child, deadline_ns);
  }
}

int child_read(struct child *child, struct text *text, uint64_t patience_ns) {
  int error = child_read_until(child, text, NULL, patience_ns);
  return error == -EPIPE ? 0 : error;
}

/* ---- the end ----------------------------------------------------------------------- */

/* A program may close its output and keep running, so the patience applies here too. */
static int reap_by(pid_t pid, uint64_t deadline_ns) {
  const struct timespec moment = {.tv_nsec = 500000};
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns) {
      kill(-pid, SIGKILL);
      return reap(pid);
    }
    nanosleep(&moment, NULL);
  }
  return status;
}

int child_end(struct child *child, int signo, struct text *text, uint64_t patience_ns) {
  uint64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + patience_ns;
  if (signo)
    kill(child->pid, signo);
  int got;
  while ((got = read_some(child, text)) != 0 && clock_ns(CLOCK_MONOTONIC) < deadline_ns)
    if (got == -EAGAIN)
      wait_readable(child, deadline_ns);
    else if (got < 0)
      break;
  int status = reap_by(child->pid, deadline_ns);
  close(child->output);
  *child = (struct child){.pid = -1, .output = -1};
  return status;
}

void child_describe_end(int status, char *to, size_t room) {
  if (WIFSIGNALED(status))
    snprintf(to, room, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    snprintf(to, room, "exit code %d", WEXITSTATUS(status));
}
