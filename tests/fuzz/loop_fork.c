/* SPDX-License-Identifier: MIT */
/*
 * loop_fork.c - a fork at any moment: in the child each function of an inherited loop returns
 * -ECHILD and changes nothing that the parent uses, which the parent's next iterations show. The
 * child can make a loop of its own.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

static void nothing(struct ioloop *loop, void *arg) {
  (void)loop;
  ++*(unsigned *)arg;
}

static void no_event(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)loop, (void)fd, (void)events, (void)arg;
}

static void no_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo, (void)arg;
}

#define REFUSED_IN_CHILD(call) FUZZ_CHECK((call) == -ECHILD, "in a child: " #call)

static void use_inherited(const struct watched_loop *inherited) {
  struct ioloop *loop = inherited->loop;
  unsigned calls = 0;
  REFUSED_IN_CHILD(ioloop_run_once(loop, IOLOOP_FOREVER));
  REFUSED_IN_CHILD(ioloop_start(loop));
  REFUSED_IN_CHILD(ioloop_set_spin(loop, 0));
  REFUSED_IN_CHILD(ioloop_add_callback(loop, nothing, &calls));
  REFUSED_IN_CHILD(ioloop_add_callback_threadsafe(loop, nothing, &calls));
  REFUSED_IN_CHILD(ioloop_add_callback_from_signal(loop, nothing, &calls));
  REFUSED_IN_CHILD(ioloop_call_later(loop, 0, nothing, &calls, NULL));
  REFUSED_IN_CHILD(ioloop_add_signal(loop, SIGUSR2, no_signal, NULL));
  REFUSED_IN_CHILD(ioloop_remove_signal(loop, SIGUSR2));
  for (size_t i = 0; i < end_count; i++) {
    REFUSED_IN_CHILD(ioloop_add_handler(loop, ends[i].fd, IOLOOP_READ, no_event, NULL));
    REFUSED_IN_CHILD(ioloop_update_handler(loop, ends[i].fd, 0));
    REFUSED_IN_CHILD(ioloop_replace_handler(loop, ends[i].fd, 0, no_event, NULL));
    REFUSED_IN_CHILD(ioloop_remove_handler(loop, ends[i].fd));
  }
  ioloop_stop(loop);
}

static void use_own(void) {
  struct ioloop *loop;
  unsigned calls = 0;
  int result = ioloop_new(backend, &loop);
  FUZZ_CHECK(result == 0, "in a child: ioloop_new returned %d", result);
  FUZZ_CHECK(ioloop_add_callback(loop, nothing, &calls) == 0, "in a child: add_callback");
  result = ioloop_run_once(loop, 0);
  FUZZ_CHECK(result == 1 && calls == 1, "in a child: its own loop's run_once returned %d", result);
  FUZZ_CHECK(ioloop_free(loop) == 0, "in a child: freeing its own loop");
}

/* args: whether it uses the copies, makes a loop, frees the copies */
void fork_child(const uint32_t *args) {
  int status = 0;
  pid_t pid = fork();
  if (pid < 0)
    fuzz_fail("the fuzzer cannot fork");
  if (pid == 0) {
    for (size_t i = 0; i < MAX_LOOPS; i++) {
      if (loops[i].loop && args[0] % 2)
        use_inherited(&loops[i]);
      if (loops[i].loop && args[0] & 4)
        FUZZ_CHECK(ioloop_free(loops[i].loop) == 0, "in a child: freeing a copy");
    }
    if (args[0] & 2 && !scarce)
      use_own();
    _exit(0);
  }
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) /* it has reported what it found */
    _exit(WEXITSTATUS(status));
  FUZZ_CHECK(status == 0, "a child ended by signal %d", WTERMSIG(status));
}
