/* SPDX-License-Identifier: MIT */
/* child.c - a program in a process (child.h): fork, exec, a pipe, and the end. And an echo server in
 * one (contestant.h). */
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

static const uint64_t start_patience_ns = 20 * NS_PER_SECOND; /* valgrind is slow to start */
static const uint64_t stop_patience_ns = 5 * NS_PER_SECOND;

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
static _Noreturn void run_program(char *const argv[], int cpu, const struct server_limits *limits,
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
    run_program(argv, cpu, limits, output[1], trouble[1], parent);
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

/* ---- an echo server: its port ------------------------------------------------------ */

/* "listening tcp 127.0.0.1:4711 backend=poll" of ours, "listening 4711" of a peer: the digits
 * before the line's end or the next word. */
static uint16_t port_in(const struct text *text) {
  const char *line = text->at ? strstr(text->at, "listening ") : NULL;
  if (!line || !strchr(line, '\n'))
    return 0;
  const char *colon = strchr(line, ':'), *end = strchr(line, '\n');
  const char *digits = colon && colon < end ? colon + 1 : line + strlen("listening ");
  unsigned long port = strtoul(digits, NULL, 10);
  return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static bool listens(const struct text *text) {
  return port_in(text) != 0;
}

static int refuse_start(struct child *child, struct text *text, int error, char *stderr_tail,
                        size_t room) {
  char how[96], line[160];
  int status = child_end(child, error == -EPIPE ? 0 : SIGKILL, text, NS_PER_SECOND);
  child_describe_end(status, how, sizeof how);
  stderr_keep_end(text->at, stderr_tail, room);
  if (error == -EPIPE)
    snprintf(line, sizeof line, "(ended before it listened: %s)", how);
  else
    snprintf(line, sizeof line, "(did not listen: %s)", strerror(-error));
  stderr_add_line(stderr_tail, room, line);
  return error == -EPIPE ? -ECHILD : error;
}

int server_start_command(const struct command *command, int cpu, const struct server_limits *limits,
                         struct server_process *ret, char *stderr_tail, size_t tail_size) {
  struct child child;
  struct text text = {.at = NULL};
  *stderr_tail = '\0';
  int error = child_start(command->argv, cpu, limits, &child);
  if (error) {
    snprintf(stderr_tail, tail_size, "cannot start %s: %s", command->argv[0], strerror(-error));
    return error;
  }
  error = child_read_until(&child, &text, listens, start_patience_ns);
  if (error)
    error = refuse_start(&child, &text, error, stderr_tail, tail_size);
  else
    *ret =
        (struct server_process){.pid = child.pid, .port = port_in(&text), .errors = child.output};
  free(text.at);
  return error;
}

int server_start(const struct contestant *contestant, bool udp, uint16_t port, int cpu,
                 const struct server_limits *limits, struct server_process *ret, char *stderr_tail,
                 size_t tail_size) {
  struct command command;
  int error = contestant_command(contestant, udp, port, &command);
  if (error) {
    snprintf(stderr_tail, tail_size, "cannot start %s: %s", contestant->name, strerror(-error));
    return error;
  }
  return server_start_command(&command, cpu, limits, ret, stderr_tail, tail_size);
}

/* ---- an echo server: its end ------------------------------------------------------- */

static int end_server(struct server_process *process, int signo, char *stderr_tail, size_t room) {
  struct child child = {.pid = process->pid, .output = process->errors};
  struct text text = {.at = NULL};
  int status = child_end(&child, signo, &text, stop_patience_ns);
  stderr_keep_end(text.at, stderr_tail, room);
  free(text.at);
  process->pid = -1;
  return status;
}

bool server_alive(struct server_process *process, char *stderr_tail, size_t tail_size) {
  char how[96], line[128];
  siginfo_t info = {.si_pid = 0};
  if (process->pid <= 0)
    return false;
  if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
    return true;
  child_describe_end(end_server(process, 0, stderr_tail, tail_size), how, sizeof how);
  snprintf(line, sizeof line, "(%s)", how);
  stderr_add_line(stderr_tail, tail_size, line);
  return false;
}

bool server_ends(struct server_process *process, uint64_t patience_ns, char *stderr_tail,
                 size_t tail_size) {
  const struct timespec moment = {.tv_nsec = NS_PER_MS};
  uint64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + patience_ns;
  while (server_alive(process, stderr_tail, tail_size)) {
    if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns || interrupt_seen())
      return false;
    nanosleep(&moment, NULL);
  }
  return true;
}

void server_stop(struct server_process *process, char *stderr_tail, size_t tail_size) {
  *stderr_tail = '\0';
  if (process->pid > 0)
    end_server(process, SIGTERM, stderr_tail, tail_size);
}
