/* SPDX-License-Identifier: MIT */
/* returns.c - conformance 110: a callback forks, and the child returns from it into the loop. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "support.h"

/* Four descriptors, all ready; callbacks, timeouts and a signal, all due: the first one called
 * forks, and the child must see none of the others. */
struct scene {
  pid_t parent, child;
  unsigned calls;       /* in this process, since the fork */
  bool frees;           /* the child frees its copy before it returns */
  bool makes_own;       /* and makes a loop of its own, runs and frees it */
  struct record record; /* and creates a loop of its own, runs and frees it */
};

static struct scene scene;

static void build_own(void) {
  struct ioloop *own = NULL;
  unsigned count = 0;
  CHECK_OK(ioloop_new(tap_argument, &own));
  CHECK_OK(ioloop_add_callback(own, on_count, &count));
  CHECK_IS(ioloop_run_once(own, 0), ==, 1);
  CHECK_OK(ioloop_free(own));
}

static void fork_here(struct ioloop *loop) {
  scene.calls++;
  if (getpid() != scene.parent || scene.child)
    return;
  scene.child = fork();
  CHECK_SYS(scene.child);
  if (scene.child)
    return;
  scene.calls = 0;
  if (scene.frees)
    CHECK_OK(ioloop_free(loop));
  if (scene.makes_own)
    build_own();
}

static void on_callback(struct ioloop *loop, void *arg) {
  (void)arg;
  fork_here(loop);
}

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)signo, (void)arg;
  fork_here(loop);
}

static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  if (getpid() == scene.parent)
    on_drain(loop, fd, events, arg);
  fork_here(loop);
}

enum place {
  CALLBACK,
  POSTED,
  FROM_SIGNAL,
  SIGNAL,
  TIMEOUT,
  HANDLER,
  PLACES
};

static void put_in_place(struct ioloop *loop, enum place place) {
  if (place == CALLBACK)
    CHECK_OK(ioloop_add_callback(loop, on_callback, NULL));
  if (place == POSTED)
    CHECK_OK(ioloop_add_callback_threadsafe(loop, on_callback, NULL));
  if (place == FROM_SIGNAL)
    CHECK_OK(ioloop_add_callback_from_signal(loop, on_callback, NULL));
  if (place == SIGNAL)
    CHECK_SYS(raise(SIGUSR1));
  if (place == TIMEOUT)
    CHECK_OK(ioloop_call_every(loop, MS(1), on_callback, NULL, NULL));
}

/* Fork in it, with all the others after it. */
static void run_scene(enum place place, bool start) {
  struct ioloop *loop = test_loop_new();
  int pairs[4][2];
  unsigned after = 0;
  scene.parent = getpid();
  scene.child = 0;
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, NULL));
  for (int i = 0; i < 4; i++) {
    make_pair(TCP, pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_ready, &scene.record));
    put(pairs[i][1], 3);
  }
  put_in_place(loop, place);
  put_in_place(loop, place);
  CHECK_OK(ioloop_call_later(loop, MS(20), on_stop, NULL, NULL));
  int r = 0;
  uint64_t deadline = tap_deadline(SECONDS(10));
  while (!r && !scene.child && getpid() == scene.parent)
    if (start)
      r = ioloop_start(loop);
    else if ((r = ioloop_run_once(loop, tap_left(deadline))) > 0)
      r = 0;
  if (getpid() != scene.parent) {
    CHECK_IS(r, ==, -ECHILD);
    CHECK_IS(scene.calls, ==, 0);
    if (!scene.frees)
      CHECK_OK(ioloop_free(loop));
    _exit(0);
  }
  wait_child(scene.child);
  /* The parent continues with everything it had. */
  RUN_UNTIL(loop, scene.record.bytes == 12);
  CHECK_OK(ioloop_add_callback(loop, on_count, &after));
  RUN_UNTIL(loop, after == 1);
  for (int i = 0; i < 4; i++)
    close_pair(pairs[i]);
  test_loop_free_abandoned(loop, 4);
}

#define SCENES(title, ...)                                                                         \
  TEST(110, title) {                                                                               \
    for (int place = 0; place < PLACES; place++) {                                                 \
      scene = (struct scene){__VA_ARGS__};                                                         \
      run_scene((enum place)place, true);                                                          \
      scene = (struct scene){__VA_ARGS__};                                                         \
      run_scene((enum place)place, false);                                                         \
    }                                                                                              \
  }

SCENES("fork in any callback: the child that returns is called no more, and gets -ECHILD", 0)
SCENES("fork in any callback: the child frees its copy and returns", .frees = true)
SCENES("fork in any callback: the child frees its copy, runs a loop of its own, and returns",
       .frees = true, .makes_own = true)
