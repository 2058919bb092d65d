/* SPDX-License-Identifier: MIT */
/*
 * loop.c - the loop against an oracle: random operations on loops, descriptors of every kind,
 * timeouts, callbacks and signals, outside and inside of calls. loop.h has a map.
 */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum {
  MOST_INSIDE = 64, /* parts of the script that wait for a call */
  DEEPEST = 4,
};

struct watched_loop loops[MAX_LOOPS];
struct watched_loop *checking;
const char *backend;
unsigned traits;
static const struct fuzz_script *script;

/* ---- iterations --------------------------------------------------------------------------- */

struct watched_loop *pick_loop(uint32_t arg) {
  struct watched_loop *found[MAX_LOOPS];
  size_t count = 0;
  for (size_t i = 0; i < MAX_LOOPS; i++)
    if (loops[i].loop)
      found[count++] = &loops[i];
  return count ? found[FUZZ_PICK(arg, count)] : NULL;
}

uint64_t turn_of(const struct watched_loop *loop) {
  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop->loop, &metrics, sizeof metrics);
  bool before_wait = loop->phase > OUTSIDE && loop->phase < HANDLERS;
  return metrics.iterations + before_wait;
}

/* "callbacks -> timeouts -> flush changed masks -> wait -> handlers" (ioloop.h); signals "after the
 * callbacks". */
uint64_t enter_phase(struct watched_loop *loop, struct ioloop *called_with, enum phase phase) {
  static const char *const names[] = {"nothing", "callback", "signal", "timeout", "handler"};
  FUZZ_CHECK(loop->loop == called_with, "a call of a loop that was freed, or of another loop");
  FUZZ_CHECK(loop->running, "a %s was called while its loop does not run", names[phase]);
  enum phase before = loop->phase;
  loop->phase = phase;
  uint64_t turn = turn_of(loop);
  FUZZ_CHECK(turn > loop->phase_turn || phase >= before,
             "a %s was called after a %s of the same iteration", names[phase], names[before]);
  loop->phase_turn = turn;
  loop->calls++;
  return turn;
}

int run_turn(struct watched_loop *loop, uint64_t timeout_ns) {
  uint64_t begun = fuzz_now(), calls = loop->calls;
  loop->running = true;
  int result = ioloop_run_once(loop->loop, timeout_ns);
  loop->running = false;
  loop->phase = OUTSIDE;
  loop->stop_pending = loop->stop_certain = false;
  FUZZ_CHECK(result >= 0, "ioloop_run_once returned %d", result);
  FUZZ_CHECK((uint64_t)result == loop->calls - calls,
             "ioloop_run_once returned %d after %llu calls", result,
             (unsigned long long)(loop->calls - calls));
  timeouts_check(loop, begun);
  calls_check(loop);
  return result;
}

/* args: loop, time to wait, how many times */
static void run_loop(const uint32_t *args) {
  static const uint64_t timeouts[] = {0, 0, 1, 100000, 1000000, 2000000, IOLOOP_FOREVER, 0};
  struct watched_loop *loop = pick_loop(args[0]);
  if (!loop)
    return;
  if (loop->running) {
    int result = ioloop_run_once(loop->loop, 0);
    FUZZ_CHECK(result == -EBUSY, "running a loop that runs returned %d", result);
    return;
  }
  for (unsigned i = 0; i <= args[2] % 4 && loop->loop; i++) {
    uint64_t timeout_ns = timeouts[args[1] % 8];
    if (timeout_ns == IOLOOP_FOREVER && !timeout_is_near(loop, 10000000))
      timeout_ns = 0;
    run_turn(loop, timeout_ns);
  }
}

static bool elsewhere;

static void *run_in_thread(void *args) {
  run_loop(args);
  return NULL;
}

/* The same in a thread that ends after it: the loop changes threads, and those that are run inside
 * its calls. Under io_uring that takes a descriptor for a moment. */
static void run_elsewhere(const uint32_t *args) {
  uint32_t copy[3] = {args[0], args[1], args[2]};
  pthread_t thread;
  if (scarce || elsewhere)
    return;
  elsewhere = true;
  FUZZ_CHECK(pthread_create(&thread, NULL, run_in_thread, copy) == 0, "pthread_create");
  FUZZ_CHECK(pthread_join(thread, NULL) == 0, "pthread_join");
  elsewhere = false;
}

/* args: whether to lower the limit, to what */
static void limit(const uint32_t *args) {
  if (elsewhere)
    return;
  for (size_t i = 0; i < MAX_LOOPS; i++) /* they come back while there are descriptors */
    if (loops[i].loop && !loops[i].running && args[0] % 2 && !scarce)
      run_turn(&loops[i], 0);
  limit_descriptors(args);
}

static void stop_loop(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  if (!loop)
    return;
  ioloop_stop(loop->loop);
  loop->stop_pending = loop->stop_certain = !loop->running;
}

static void spin_loop(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  if (loop)
    FUZZ_CHECK(ioloop_set_spin(loop->loop, args[1] % 3 * 30000) == 0, "ioloop_set_spin");
}

/* ---- making and freeing ------------------------------------------------------------------- */

static void new_loop(const uint32_t *args) {
  struct watched_loop *loop = &loops[args[0] % MAX_LOOPS];
  struct ioloop *made = NULL;
  if (loop->loop || scarce)
    return;
  int result = ioloop_new(backend, &made);
  fuzz_note("   a new loop: %d", result);
  FUZZ_CHECK(result == 0, "ioloop_new returned %d", result);
  *loop = (struct watched_loop){.loop = made, .number = (unsigned)(loop - loops)};
}

static void free_it(struct watched_loop *loop) {
  int result = ioloop_free(loop->loop);
  FUZZ_CHECK(result == (loop->running ? -EBUSY : 0), "ioloop_free of a loop that %s returned %d",
             loop->running ? "runs" : "does not run", result);
  if (result)
    return;
  registrations_end(loop);
  calls_end(loop);
  timeouts_end(loop);
  loop->loop = NULL;
}

static void free_loop(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  if (loop)
    free_it(loop);
}

/* ---- inside of calls ---------------------------------------------------------------------- */

static struct part { size_t first, count; } parts[HANDLERS + 1][MOST_INSIDE];
static unsigned parts_made[HANDLERS + 1], parts_taken[HANDLERS + 1];

/* args: in which call, how many lines */
static void inside(const uint32_t *args) {
  static const enum phase phases[] = {CALLBACKS, TIMEOUTS, HANDLERS, HANDLERS};
  enum phase phase = phases[args[0] % 4];
  struct part part;
  part.count = fuzz_claim(args[1] % 6 + 1, &part.first);
  if (parts_made[phase] - parts_taken[phase] < MOST_INSIDE)
    parts[phase][parts_made[phase]++ % MOST_INSIDE] = part;
}

void run_inside(enum phase phase) {
  static unsigned depth;
  if (parts_made[phase] == parts_taken[phase] || depth == DEEPEST)
    return;
  struct part part = parts[phase][parts_taken[phase]++ % MOST_INSIDE];
  depth++;
  fuzz_execute(script, part.first, part.first + part.count);
  depth--;
}

/* ---- the script --------------------------------------------------------------------------- */

static unsigned traits_of(const char *name) {
  struct ioloop_backend_info info = {0};
  unsigned found = 0;
  ioloop_backend_probe(name, &info, sizeof info);
  if (info.features & IOLOOP_F_SIGNAL_DRIVEN)
    found |= SIGNAL_DRIVEN;
  if (strncmp(name, "select", 6) == 0 || strcmp(name, "libevent:select") == 0)
    found |= SELECT;
  if (strncmp(name, "epoll", 5) == 0 || strcmp(name, "io_uring") == 0 ||
      strcmp(name, "libevent") == 0 || strcmp(name, "libevent:epoll") == 0)
    found |= WAKE_UPS;
  if (strcmp(name, "nonblocking") == 0)
    found |= PRESUMES;
  if (strcmp(name, "linux-aio") == 0)
    found |= AIO;
  return found;
}

static void run(const struct fuzz_script *of, const char *name) {
  backend = name;
  traits = traits_of(name);
  script = of;
  calls_set_up();
  limit_signals(of->seed);
  new_loop((uint32_t[]){0});
  fuzz_execute(script, 0, script->count);
  limit_descriptors((uint32_t[]){0, 0});
  for (size_t i = 0; i < MAX_LOOPS; i++) {
    check_loop(&loops[i]);
    if (loops[i].loop)
      free_it(&loops[i]);
  }
}

/* name, arguments, weight */
static const struct fuzz_operation operations[] = {
    {"open", 1, 14, open_end},
    {"add", 4, 22, add_handler},
    {"update", 3, 10, update_handler},
    {"replace", 4, 5, replace_handler},
    {"remove", 2, 5, remove_handler},
    {"write", 2, 16, write_end},
    {"fill", 2, 3, fill_end},
    {"read", 2, 6, read_end},
    {"drain", 1, 6, drain_end},
    {"close", 1, 6, close_end},
    {"drop", 1, 2, drop_end},
    {"reset", 1, 2, reset_end},
    {"shutdown", 2, 3, shut_end},
    {"urgent", 1, 1, urgent_end},
    {"dup", 1, 3, dup_end},
    {"dup2", 3, 2, dup2_end},
    {"recycle", 4, 5, recycle_end},
    {"timeout", 3, 12, add_timeout},
    {"move", 2, 6, move_timeout},
    {"cancel", 1, 4, remove_timeout},
    {"callback", 2, 8, add_callback},
    {"threads", 4, 4, add_from_threads},
    {"from-signal", 2, 2, add_from_signal},
    {"watch", 2, 2, watch_signal},
    {"unwatch", 2, 1, unwatch_signal},
    {"raise", 1, 3, raise_signal},
    {"run", 3, 26, run_loop},
    {"elsewhere", 3, 4, run_elsewhere},
    {"start", 3, 2, start_and_stop},
    {"stop", 1, 1, stop_loop},
    {"spin", 2, 1, spin_loop},
    {"observe", 3, 2, observe},
    {"new", 1, 2, new_loop},
    {"free", 1, 1, free_loop},
    {"fork", 1, 1, fork_child},
    {"crowd", 3, 1, crowd},
    {"limit", 2, 2, limit},
    {"inside", 2, 24, inside},
    {"check", 1, 7, check_one},
    {"exchange", 3, 6, exchange},
    {0},
};

int main(int argc, char **argv) {
  static const struct fuzz fuzz = {
      .name = "loop",
      .about =
          "Random operations on loops, on descriptors of every kind, on timeouts, callbacks and\n"
          "signals, outside and inside of calls. poll(2) says what is ready: it must be reported\n"
          "within a few iterations, and nothing else may be reported for long. Nothing is called\n"
          "after its removal or with an old argument; timeouts are never early and come in order;\n"
          "callbacks come exactly once and in order; no iteration ends without a reason.\n",
      .operations = operations,
      .script_operations = 200,
      .seconds = 20,
      .run = run};
  return fuzz_main(argc, argv, &fuzz);
}
