/* SPDX-License-Identifier: MIT */
/* stacks.c - see stacks.h. Linux: threads are listed in /proc and can be signalled one by one. */
#include "stacks.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define FRAMES 48

static atomic_int *answered;

#ifdef HAVE_EXECINFO
#include <execinfo.h>

/* The first call loads libgcc, which must not happen in a signal handler. */
static void warm_up(void) {
  void *frames[2];
  backtrace(frames, 2);
}

static void write_stack(int fd) {
  void *frames[FRAMES];
  backtrace_symbols_fd(frames, backtrace(frames, FRAMES), fd);
}

static int can_answer(void) {
  return 1;
}
#else
static void warm_up(void) {}

static void write_stack(int fd) {
  (void)fd;
}

static int can_answer(void) {
  return 0;
}
#endif

static void answer(int signo) {
  int saved = errno;
  (void)signo;
  write_stack(STDERR_FILENO);
  atomic_fetch_add(answered, 1);
  errno = saved;
}

void stacks_prepare(atomic_int *answers) {
  struct sigaction action = {.sa_handler = answer, .sa_flags = SA_RESTART};
  answered = answers;
  warm_up();
  sigaction(SIGQUIT, &action, NULL);
}

static void read_line(const char *format, pid_t pid, pid_t tid, char *line, int size) {
  char path[96];
  line[0] = '\0';
  snprintf(path, sizeof path, format, (int)pid, (int)tid);
  FILE *file = fopen(path, "r");
  if (!file)
    return;
  if (!fgets(line, size, file))
    line[0] = '\0';
  line[strcspn(line, "\n")] = '\0';
  fclose(file);
}

static void pause_shortly(void) {
  nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* io_uring's: they never leave the kernel, so they run no handler and have no stack of the
 * program's; and a gdb that attaches to them may not come back. */
static int is_kernel_worker(const char *name) {
  return strncmp(name, "iou-", 4) == 0;
}

static int ask_thread(pid_t pid, pid_t tid, int fd, atomic_int *answers) {
  char name[64], wait[64];
  read_line("/proc/%d/task/%d/comm", pid, tid, name, sizeof name);
  read_line("/proc/%d/task/%d/syscall", pid, tid, wait, sizeof wait);
  dprintf(fd, "thread %d (%s), system call: %s\n", (int)tid, name, wait);
  if (is_kernel_worker(name))
    return 1;
  if (!can_answer())
    return 0;
  int before = atomic_load(answers);
  syscall(SYS_tgkill, pid, tid, SIGQUIT);
  for (int turn = 0; turn < 200; turn++) {
    if (atomic_load(answers) != before)
      return 1;
    pause_shortly();
  }
  dprintf(fd, "  does not answer\n");
  return 0;
}

/* How many do not answer. */
static int ask_all(pid_t pid, int fd, atomic_int *answers, uint64_t deadline) {
  char path[64];
  int silent = 0;
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  if (!tasks)
    return 1;
  for (struct dirent *task; tap_left(deadline) > 0 && (task = readdir(tasks)) != NULL;)
    if (task->d_name[0] != '.' && !ask_thread(pid, (pid_t)atoi(task->d_name), fd, answers))
      silent++;
  closedir(tasks);
  return silent;
}

/* The runner has SIGCHLD blocked, but gdb needs it to learn that a traced process has stopped. */
static _Noreturn void become_gdb(pid_t pid, int fd) {
  char target[16];
  sigset_t none;
  snprintf(target, sizeof target, "%d", (int)pid);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execlp("gdb", "gdb", "-nx", "-q", "-batch", "-p", target, "-ex", "thread apply all bt",
         (char *)NULL);
  _exit(127);
}

static int ends_until(pid_t pid, uint64_t deadline) {
  while (waitpid(pid, NULL, WNOHANG) == 0) {
    if (tap_left(deadline) == 0)
      return 0;
    pause_shortly();
  }
  return 1;
}

/* Killed, it may still be a while in the kernel, which is not waited for without end either. */
static void ask_gdb(pid_t pid, int fd, uint64_t limit_ns) {
  pid_t gdb = fork();
  if (gdb == 0)
    become_gdb(pid, fd);
  if (gdb < 0 || ends_until(gdb, tap_now() + limit_ns))
    return;
  kill(gdb, SIGKILL);
  dprintf(fd, "gdb did not end in time\n");
  if (!ends_until(gdb, tap_now() + limit_ns))
    dprintf(fd, "gdb did not end when it was killed\n");
}

void stacks_dump(pid_t pid, int fd, atomic_int *answers, uint64_t limit_ns) {
  if (ask_all(pid, fd, answers, tap_now() + limit_ns) > 0)
    ask_gdb(pid, fd, limit_ns);
}
