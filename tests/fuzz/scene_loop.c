/* SPDX-License-Identifier: MIT */
/* scene_loop.c - the acts about the loop itself: descriptors, timeouts, callbacks, signals, fork. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scene.h"

enum {
  HIGH = 300, /* a number that makes tables grow */
  FLOOD = 1100,
  MANY = 40, /* more than what queues begin with */
  US = 1000,
};

struct seen {
  unsigned bytes, calls, written;
  bool end;
};

static void on_event(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct seen *seen = arg;
  char bytes[64];
  ssize_t n = 0;
  (void)loop;
  seen->calls++;
  seen->written += !!(events & IOLOOP_WRITE);
  while (events & IOLOOP_READ && (n = read(fd, bytes, sizeof bytes)) > 0)
    seen->bytes += (unsigned)n;
  seen->end |= events & IOLOOP_READ && n == 0;
}

static void put(struct scene *scene, int fd) {
  SYSTEM(scene, write(fd, "x", 1));
}

/* What the loop has dropped by itself it has counted. */
static void remove_handler(struct scene *scene, int fd) {
  int r = ioloop_remove_handler(scene->loop, fd);
  if (r != -ENOENT || scene->strict)
    (void)TAKES(scene, r);
}

/* ---- descriptors ------------------------------------------------------------------------ */

static void change_interest(struct scene *scene, const int pair[2], struct seen *seen) {
  if (!TAKES(scene, ioloop_update_handler(scene->loop, pair[0], 0)))
    return;
  put(scene, pair[1]);
  (void)ioloop_run_once(scene->loop, 0);
  if (seen->bytes != 1)
    scene_broken(scene, "a handler that watches nothing was called");
  if (!TAKES(scene, ioloop_update_handler(scene->loop, pair[0], IOLOOP_READ)))
    return;
  RUN_UNTIL(scene, seen->bytes == 2);
}

static void watch_pair(struct scene *scene, int pair[2], bool duplex) {
  struct seen seen = {0};
  int r = ioloop_add_handler(scene->loop, pair[0], IOLOOP_READ, on_event, &seen);
  if (!scene_ok(scene, r, "ioloop_add_handler"))
    return;
  put(scene, pair[1]);
  RUN_UNTIL(scene, seen.bytes == 1);
  if (seen.bytes == 1)
    change_interest(scene, pair, &seen);
  unsigned both = IOLOOP_READ | IOLOOP_WRITE;
  if (duplex && TAKES(scene, ioloop_replace_handler(scene->loop, pair[0], both, on_event, &seen))) {
    RUN_UNTIL(scene, seen.written);
    (void)TAKES(scene, ioloop_update_handler(scene->loop, pair[0], IOLOOP_READ));
  }
  close(pair[1]);
  pair[1] = -1;
  RUN_UNTIL(scene, seen.end);
  remove_handler(scene, pair[0]);
}

static void watch(struct scene *scene, int family, bool high) {
  int pair[2];
  scene_pair(scene, family, pair);
  if (high) {
    int moved = SYSTEM(scene, fcntl(pair[0], F_DUPFD_CLOEXEC, HIGH));
    close(pair[0]);
    pair[0] = moved;
  }
  watch_pair(scene, pair, family != 0);
  close(pair[0]);
  if (pair[1] >= 0)
    close(pair[1]);
}

/* Kinds that a model can or cannot watch; an eventfd sends no signal. */
static void watch_others(struct scene *scene) {
  struct seen seen = {0};
  int file = SYSTEM(scene, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (ioloop_add_handler(scene->loop, file, IOLOOP_READ, on_event, &seen) >= 0) {
    scene_told(scene, TOLD_REPORTED, "a regular file is watched", 0);
    remove_handler(scene, file);
  }
  close(file);
  int event = SYSTEM(scene, eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  if (TAKES(scene, ioloop_add_handler(scene->loop, event, IOLOOP_READ, on_event, &seen))) {
    RUN_UNTIL(scene, seen.bytes == 8);
    remove_handler(scene, event);
  }
  close(event);
}

/* More changes at once than a submission ring holds. */
static void watch_many(struct scene *scene) {
  struct seen seen = {0};
  int pair[2], fds[FLOOD], count = 0;
  scene_pair(scene, 0, pair);
  for (; count < FLOOD; count++) {
    fds[count] = SYSTEM(scene, fcntl(pair[0], F_DUPFD_CLOEXEC, HIGH));
    if (!TAKES(scene, ioloop_add_handler(scene->loop, fds[count], IOLOOP_READ, on_event, &seen)))
      break;
  }
  if (count < FLOOD)
    close(fds[count]);
  put(scene, pair[1]);
  if (count)
    RUN_UNTIL(scene, seen.bytes);
  while (count-- > 0) {
    remove_handler(scene, fds[count]);
    close(fds[count]);
  }
  close(pair[0]);
  close(pair[1]);
}

void act_descriptors(struct scene *scene) {
  watch(scene, 0, false);
  watch(scene, AF_UNIX, false);
  watch(scene, AF_UNIX, true);
  watch_others(scene);
  if (ioloop_backend_features(scene->loop) & IOLOOP_F_COMPLETION)
    watch_many(scene);
}

/* Closed without remove, while a dup keeps the file open and readable; then the number is used
 * again. */
void act_ghost(struct scene *scene) {
  struct seen ghost = {0}, next = {0};
  int pair[2], other[2];
  scene_pair(scene, AF_UNIX, pair);
  int held = SYSTEM(scene, fcntl(pair[0], F_DUPFD_CLOEXEC, HIGH));
  bool added =
      TAKES(scene, ioloop_add_handler(scene->loop, pair[0], IOLOOP_READ, on_event, &ghost));
  (void)ioloop_run_once(scene->loop, 0);
  close(pair[0]);
  if (added)
    (void)ioloop_remove_handler(scene->loop, pair[0]);
  unsigned calls = ghost.calls;
  put(scene, pair[1]);
  scene_pair(scene, AF_UNIX, other);
  if (TAKES(scene, ioloop_add_handler(scene->loop, other[0], IOLOOP_READ, on_event, &next))) {
    put(scene, other[1]);
    RUN_UNTIL(scene, next.bytes == 1);
    remove_handler(scene, other[0]);
  }
  for (int turn = 0; turn < 40; turn++)
    (void)ioloop_run_once(scene->loop, 0);
  if (ghost.calls != calls)
    scene_broken(scene, "a handler was called that had been removed");
  struct ioloop_metrics metrics;
  ioloop_get_metrics(scene->loop, &metrics, sizeof metrics);
  scene->abandoned = metrics.abandoned;
  close(held);
  close(pair[1]);
  close(other[0]);
  close(other[1]);
}

/* ---- calls ------------------------------------------------------------------------------ */

static void on_call(struct ioloop *loop, void *arg) {
  (void)loop;
  ++*(unsigned *)arg;
}

void act_timeouts(struct scene *scene) {
  unsigned called = 0, wanted = 0, ticks = 0, never = 0;
  ioloop_timeout tick = 0, moved = 0, removed = 0;
  for (unsigned i = 0; i < MANY; i++)
    wanted +=
        TAKES(scene, ioloop_call_later(scene->loop, i % 7 * 100 * US, on_call, &called, NULL));
  bool ticking = TAKES(scene, ioloop_call_every(scene->loop, 200 * US, on_call, &ticks, &tick));
  if (TAKES(scene, ioloop_call_later(scene->loop, IOLOOP_FOREVER, on_call, &called, &moved))) {
    wanted++;
    (void)TAKES(scene, ioloop_update_timeout(scene->loop, moved, ioloop_time(scene->loop)));
  }
  if (TAKES(scene, ioloop_call_later(scene->loop, 0, on_call, &never, &removed)))
    (void)TAKES(scene, ioloop_remove_timeout(scene->loop, removed));
  RUN_UNTIL(scene, called == wanted && (!ticking || ticks > 1));
  if (called > wanted || never)
    scene_broken(scene, "timeouts: %u of %u, and %u removed ones", called, wanted, never);
  if (ticking)
    (void)TAKES(scene, ioloop_remove_timeout(scene->loop, tick));
}

struct stopping {
  struct ioloop *loop;
  atomic_bool stopped;
};

struct poster {
  struct scene *scene;
  unsigned posted, called;
  int error;
};

/* A wake-up for which the kernel has no memory is made up for by the next. */
static bool nudged(struct scene *scene, unsigned *from_signal) {
  if (!scene->strict && fault_layer->failed)
    (void)ioloop_add_callback_from_signal(scene->loop, on_call, from_signal);
  return false;
}

static void *post(void *arg) {
  struct poster *poster = arg;
  for (int i = 0; i < MANY; i++) {
    int r = ioloop_add_callback_threadsafe(poster->scene->loop, on_call, &poster->called);
    poster->posted += r == 0;
    poster->error = r ? r : poster->error;
  }
  return NULL;
}

void act_callbacks(struct scene *scene) {
  struct poster poster = {.scene = scene};
  pthread_t thread;
  unsigned called = 0, wanted = 0, from_signal = 0;
  for (int i = 0; i < MANY; i++)
    wanted += TAKES(scene, ioloop_add_callback(scene->loop, on_call, &called));
  SYSTEM(scene, -pthread_create(&thread, NULL, post, &poster));
  SYSTEM(scene, -pthread_join(thread, NULL)); /* so that the order of calls is that of each run */
  if (poster.error)
    (void)scene_ok(scene, poster.error, "ioloop_add_callback_threadsafe");
  (void)TAKES(scene, ioloop_add_callback_from_signal(scene->loop, on_call, &from_signal));
  static unsigned nudges;
  RUN_UNTIL(scene, (called == wanted && poster.called == poster.posted && from_signal) ||
                       nudged(scene, &nudges));
  if (called > wanted || poster.called > poster.posted || from_signal > 1)
    scene_broken(scene, "callbacks are called more often than they were added");
}

/* From another thread, until the run has ended: a stop whose wake-up fails is
 * made up for. */
static void *stop_again(void *arg) {
  struct stopping *stopping = arg;
  do {
    ioloop_stop(stopping->loop);
    usleep(500);
  } while (!atomic_load(&stopping->stopped));
  return NULL;
}

void act_start(struct scene *scene) {
  struct stopping stopping = {.loop = scene->loop};
  pthread_t thread;
  SYSTEM(scene, -pthread_create(&thread, NULL, stop_again, &stopping));
  (void)ioloop_run_once(scene->loop, IOLOOP_FOREVER);
  int r = ioloop_start(scene->loop);
  atomic_store(&stopping.stopped, true);
  SYSTEM(scene, -pthread_join(thread, NULL));
  if (r < 0)
    scene_told(scene, TOLD_ENDED, "ioloop_start", r);
}

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

void act_signals(struct scene *scene) {
  static unsigned nudges;
  unsigned called = 0;
  if (!TAKES(scene, ioloop_add_signal(scene->loop, SIGUSR1, on_signal, &called)))
    return;
  SYSTEM(scene, raise(SIGUSR1));
  RUN_UNTIL(scene, called == 1 || nudged(scene, &nudges));
  (void)TAKES(scene, ioloop_remove_signal(scene->loop, SIGUSR1));
}

/* ---- probes and fork -------------------------------------------------------------------- */

void act_probes(struct scene *scene) {
  struct ioloop_backend_info info;
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0; i++) {
    if (info.error && !info.reason[0])
      scene_broken(scene, "%s is not available, for no reason", info.name);
    bool ours = strncmp(info.name, scene->backend, strlen(info.name)) == 0;
    if (ours)
      (void)scene_ok(scene, info.error, "ioloop_backend_at");
  }
  if (!ioloop_backend_default())
    scene_broken(scene, "there is no default backend");
}

static bool is_libevent(const struct scene *scene) {
  return strncmp(scene->backend, "libevent", strlen("libevent")) == 0;
}

/* The child releases what it inherited, and has a loop of its own. */
static void live_as_child(struct scene *scene) {
  struct seen seen = {0};
  int pair[2];
  scene_pair(scene, AF_UNIX, pair);
  if (ioloop_run_once(scene->loop, 0) != -ECHILD)
    scene_broken(scene, "an inherited loop runs");
  ioloop_tcpserver_close(scene->server);
  ioloop_datagram_close(scene->datagram);
  (void)TAKES(scene, ioloop_free(scene->loop));
  if (!TAKES(scene, ioloop_new(scene->backend, &scene->loop)))
    return;
  scene->abandoned = 0;
  if (TAKES(scene, ioloop_add_handler(scene->loop, pair[0], IOLOOP_READ, on_event, &seen))) {
    put(scene, pair[1]);
    RUN_UNTIL(scene, seen.bytes == 1);
    remove_handler(scene, pair[0]);
  }
  (void)TAKES(scene, ioloop_free(scene->loop));
  if (!fault_leaked() || (is_libevent(scene) && fault_layer->failed))
    return; /* without memory libevent's base is left as it is, until exec or exit */
  fault_print_leaks(stderr);
  scene_broken(scene, "%zu allocations are not freed in the child", fault_leaked());
}

void act_fork(struct scene *scene) {
  int status = 0;
  pid_t child = (pid_t)SYSTEM(scene, fork());
  if (child == 0) {
    alarm(15);
    live_as_child(scene);
    _exit(0);
  }
  SYSTEM(scene, waitpid(child, &status, 0));
  /* libevent's event_reinit ends a process that has not enough memory for it; that there is enough
   * was tried out a moment before, which helps if it is for longer. */
  if (is_libevent(scene) && status == 1 << 8 && !scene->report->broken && !scene->strict &&
      fault_layer->failed == 1 && fault_layer->plan.call == FAULT_allocation)
    scene_told(scene, TOLD_ENDED, "event_reinit", -ENOMEM);
  else if (status)
    scene_broken(scene, "the child ended with status %#x", (unsigned)status);
}

/* ---- child processes -------------------------------------------------------------------- */

static void on_child(struct ioloop *loop, pid_t pid, int status, void *arg) {
  struct scene *scene = arg;
  (void)loop, (void)pid;
  scene->child_status = status;
  scene->children++;
}

/* A status of -1: waitpid failed, and the child is still to be reaped. */
void act_children(struct scene *scene) {
  pid_t child = (pid_t)SYSTEM(scene, fork());
  if (child == 0)
    _exit(3);
  scene->children = 0;
  if (TAKES(scene, ioloop_add_child(scene->loop, child, on_child, scene))) {
    RUN_UNTIL(scene, scene->children == 1);
    if (scene->children != 1)
      (void)TAKES(scene, ioloop_remove_child(scene->loop, child));
    else if (scene->child_status == -1)
      scene_told(scene, TOLD_REPORTED, "status", -ECHILD);
    else if (scene->child_status != 3 << 8)
      scene_broken(scene, "the child's status is %#x", (unsigned)scene->child_status);
  }
  (void)waitpid(child, NULL, 0);
}
