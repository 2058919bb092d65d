/* SPDX-License-Identifier: MIT */
/*
 * children.c - conformance 610 to 614: child processes. children_linux.c runs the same scenes where
 * there is no pidfd.
 */
#include "children.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct end {
  unsigned calls;
  pid_t pid;
  int status;
};

static void on_end(struct ioloop *loop, pid_t pid, int status, void *arg) {
  struct end *end = arg;
  (void)loop;
  end->calls++;
  end->pid = pid;
  end->status = status;
}

static void on_no_end(struct ioloop *loop, pid_t pid, int status, void *arg) {
  (void)loop, (void)arg;
  tap_fail(__FILE__, __LINE__, "child %d ended with %#x", (int)pid, (unsigned)status);
}

/* It ends with `code` once the pipe says so, which is closed or written to. */
static pid_t child_of(int gate[2], int code) {
  char byte;
  CHECK_SYS(pipe(gate));
  pid_t pid = fork();
  CHECK_SYS(pid);
  if (pid > 0) {
    CHECK_SYS(close(gate[0]));
    return pid;
  }
  close(gate[1]);
  while (read(gate[0], &byte, 1) < 0)
    ;
  _exit(code);
}

static pid_t ended_child(int code) {
  siginfo_t info;
  int gate[2];
  pid_t pid = child_of(gate, code);
  CHECK_SYS(close(gate[1]));
  CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
  return pid;
}

static bool is_reaped(pid_t pid) {
  siginfo_t info;
  return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

/* ---- 610: the status ----------------------------------------------------------------------- */

void report_each_end(void) {
  struct ioloop *loop = test_loop_new();
  struct end end = {0};
  int gate[2];
  pid_t pid = child_of(gate, 7);
  CHECK_OK(ioloop_add_child(loop, pid, on_end, &end));
  run_turns(loop, 3);
  CHECK_QUIET(loop, MS(10));
  CHECK_IS(end.calls, ==, 0);
  CHECK_SYS(close(gate[1]));
  RUN_UNTIL(loop, end.calls);
  CHECK_IS(end.pid, ==, pid);
  CHECK(WIFEXITED(end.status));
  CHECK_IS(WEXITSTATUS(end.status), ==, 7);
  CHECK(is_reaped(pid));

  pid = child_of(gate, 0);
  CHECK_OK(ioloop_add_child(loop, pid, on_end, &end));
  CHECK_SYS(kill(pid, SIGSTOP)); /* which is no end */
  CHECK_SYS(waitpid(pid, NULL, WUNTRACED));
  run_turns(loop, 3);
  CHECK_IS(end.calls, ==, 1);
  CHECK_SYS(kill(pid, SIGKILL));
  RUN_UNTIL(loop, end.calls == 2);
  CHECK(WIFSIGNALED(end.status));
  CHECK_IS(WTERMSIG(end.status), ==, SIGKILL);
  CHECK_SYS(close(gate[1]));

  CHECK_OK(ioloop_add_child(loop, ended_child(9), on_end, &end)); /* before it was added */
  RUN_UNTIL(loop, end.calls == 3);
  CHECK_IS(WEXITSTATUS(end.status), ==, 9);
  CHECK_QUIET(loop, MS(10));
  CHECK_IS(end.calls, ==, 3);
  test_loop_free(loop);
}

TEST(610, "a child's end is reported once, with its status, and the child is reaped") {
  report_each_end();
}

/* ---- 611: many ------------------------------------------------------------------------------ */

enum {
  MANY = 30
};

static unsigned sum_of_calls(const struct end *ends) {
  unsigned calls = 0;
  for (int i = 0; i < MANY; i++)
    calls += ends[i].calls;
  return calls;
}

void report_many_ends(void) {
  struct ioloop *loop = test_loop_new();
  struct end ends[MANY] = {{0}};
  int gates[MANY][2];
  pid_t pids[MANY];
  for (int i = 0; i < MANY; i++) {
    pids[i] = child_of(gates[i], i);
    CHECK_OK(ioloop_add_child(loop, pids[i], on_end, &ends[i]));
  }
  for (int i = 0; i < MANY; i++) /* later children have the earlier ones' pipes */
    CHECK_IS(write(gates[i][1], "x", 1), ==, 1);
  RUN_UNTIL(loop, sum_of_calls(ends) == MANY);
  run_turns(loop, 3);
  for (int i = 0; i < MANY; i++) {
    CHECK_IS(ends[i].calls, ==, 1);
    CHECK_IS(ends[i].pid, ==, pids[i]);
    CHECK_IS(WEXITSTATUS(ends[i].status), ==, i);
    CHECK_SYS(close(gates[i][1]));
  }
  test_loop_free(loop);
}

TEST(611, "of many children that end at the same time each is reported once") {
  report_many_ends();
}

/* ---- 612: removing, and mistakes ------------------------------------------------------------- */

void leave_children_alone(void) {
  struct ioloop *loop = test_loop_new();
  struct end end = {0};
  int gate[2], status;
  pid_t pid = child_of(gate, 3), other = ended_child(4);
  CHECK_ERROR(ioloop_add_child(loop, pid, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_child(loop, 0, on_end, &end), EINVAL);
  CHECK_ERROR(ioloop_add_child(loop, -pid, on_end, &end), EINVAL);
  CHECK_ERROR(ioloop_add_child(loop, getpid(), on_end, &end), ESRCH);
  CHECK_ERROR(ioloop_add_child(loop, getppid(), on_end, &end), ESRCH);
  CHECK_ERROR(ioloop_remove_child(loop, pid), ENOENT);
  CHECK_OK(ioloop_add_child(loop, pid, on_no_end, NULL));
  CHECK_ERROR(ioloop_add_child(loop, pid, on_end, &end), EEXIST);
  CHECK_OK(ioloop_remove_child(loop, pid));
  CHECK_ERROR(ioloop_remove_child(loop, pid), ENOENT);
  CHECK_OK(ioloop_add_child(loop, pid, on_end, &end)); /* once more, and this counts */
  CHECK_SYS(close(gate[1]));
  RUN_UNTIL(loop, end.calls == 1);
  CHECK_IS(WEXITSTATUS(end.status), ==, 3);
  CHECK_ERROR(ioloop_remove_child(loop, pid), ENOENT);

  /* One that was not added, or was removed, is the program's to reap. */
  CHECK_OK(ioloop_add_child(loop, other, on_no_end, NULL));
  CHECK_OK(ioloop_remove_child(loop, other));
  run_turns(loop, 3);
  CHECK_IS(waitpid(other, &status, WNOHANG), ==, other);
  CHECK_IS(WEXITSTATUS(status), ==, 4);

  pid = ended_child(5);
  CHECK_OK(ioloop_add_child(loop, pid, on_no_end, NULL));
  test_loop_free(loop); /* with a child that has not been reported */
  CHECK_IS(waitpid(pid, &status, WNOHANG), ==, pid);
}

TEST(612, "a child that is not added, or removed, is not reaped; each mistake has an error") {
  leave_children_alone();
}

/* ---- 613: the function may do anything -------------------------------------------------------- */

struct chain {
  pid_t others[3];
  unsigned calls;
};

static void remove_others(struct ioloop *loop, pid_t pid, int status, void *arg) {
  struct chain *chain = arg;
  (void)status;
  for (int i = 0; i < 3; i++)
    CHECK_IS(ioloop_remove_child(loop, chain->others[i]), ==,
             chain->others[i] == pid ? -ENOENT : 0);
  chain->calls++;
}

static void add_another(struct ioloop *loop, pid_t pid, int status, void *arg) {
  struct chain *chain = arg;
  (void)pid, (void)status;
  if (++chain->calls < 5)
    CHECK_OK(ioloop_add_child(loop, ended_child(0), add_another, chain));
  else
    ioloop_stop(loop);
}

void change_children_inside(void) {
  struct ioloop *loop = test_loop_new();
  struct chain chain = {.calls = 0};
  CHECK_OK(ioloop_add_child(loop, ended_child(0), add_another, &chain));
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(chain.calls, ==, 5);

  chain.calls = 0;
  for (int i = 0; i < 3; i++)
    chain.others[i] = ended_child(0);
  for (int i = 0; i < 3; i++)
    CHECK_OK(ioloop_add_child(loop, chain.others[i], remove_others, &chain));
  RUN_UNTIL(loop, chain.calls);
  run_turns(loop, 3);
  CHECK_IS(chain.calls, ==, 1); /* though all three had ended */
  test_loop_free(loop);
}

TEST(613, "the function of a child may add children, remove others and stop the loop") {
  change_children_inside();
}

/* ---- 614: others ----------------------------------------------------------------------------- */

static void on_sigchld(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

void share_children(void) {
  struct ioloop *loop = test_loop_new();
  struct end end = {0};
  unsigned signals = 0;
  int gate[2];
  pid_t pid = child_of(gate, 0);
  CHECK_OK(ioloop_add_child(loop, pid, on_end, &end));
  CHECK_OK(ioloop_add_signal(loop, SIGCHLD, on_sigchld, &signals));
  CHECK_SYS(close(gate[1]));
  RUN_UNTIL(loop, end.calls == 1 && signals > 0);
  pid = child_of(gate, 0);
  CHECK_OK(ioloop_add_child(loop, pid, on_end, &end));
  CHECK_OK(ioloop_remove_signal(loop, SIGCHLD)); /* the child's end is noticed all the same */
  CHECK_SYS(close(gate[1]));
  RUN_UNTIL(loop, end.calls == 2);
  CHECK_OK(ioloop_add_signal(loop, SIGCHLD, on_sigchld, &signals));
  signals = 0;
  pid = ended_child(0); /* and a handler does not need children */
  RUN_UNTIL(loop, signals > 0);
  CHECK_SYS(waitpid(pid, NULL, 0));

  pid = ended_child(6);
  CHECK_OK(ioloop_add_child(loop, pid, on_end, &end));
  CHECK_SYS(waitpid(pid, NULL, 0)); /* too soon */
  RUN_UNTIL(loop, end.calls == 3);
  CHECK_IS(end.status, ==, -1);
  test_loop_free(loop);
}

TEST(614, "children, with a handler of SIGCHLD; one that is reaped elsewhere has the status -1") {
  share_children();
}

TEST(614, "a forked child that frees its copy of the loop takes nothing from the parent") {
  struct ioloop *loop = test_loop_new();
  struct end end = {0};
  int gate[2];
  pid_t pid = child_of(gate, 8);
  CHECK_OK(ioloop_add_child(loop, pid, on_end, &end));
  pid_t copy = fork();
  CHECK_SYS(copy);
  if (copy == 0) {
    CHECK_ERROR(ioloop_remove_child(loop, pid), ECHILD);
    CHECK_OK(ioloop_free(loop));
    _exit(0);
  }
  wait_child(copy);
  CHECK_SYS(close(gate[1]));
  RUN_UNTIL(loop, end.calls == 1);
  CHECK_IS(WEXITSTATUS(end.status), ==, 8);
  test_loop_free(loop);
}
