/* SPDX-License-Identifier: MIT */
/*
 * workers.c - the parent of several processes that serve the same port.
 *
 * Processes and not threads, because some of what the models compared here use belongs to a
 * process: the classic SIGIO, the limit of descriptors, a crash.
 *
 * The parent opens all the sockets before the first fork and keeps them open until the end. So a
 * port that is in use is reported once, port 0 gives all workers the same number, and connections
 * and datagrams queued for a killed worker are still there for its successor; only the connections
 * that it had accepted are lost. The parent itself never reads from the sockets.
 *
 * Workers start one after another, each when the previous one serves, so that a reason why they
 * cannot is reported once. Forks happen between two iterations of the parent's loop.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/backends.h"
#include "common/program.h"
#include "common/say.h"
#include "workers.h"

enum {
  KILL_MS = SHUTDOWN_MS + 400, /* for a worker that has not ended by itself */
  LAST_MS = 200,               /* for the kernel to report that they are dead */
};

/* ---- shutdown ------------------------------------------------------------------------- */

static void signal_all(const struct workers *workers, int signo) {
  for (size_t i = 0; i < workers->count; i++)
    if (workers->slots[i].pid > 0)
      kill(workers->slots[i].pid, signo);
}

static bool any_alive(const struct workers *workers) {
  for (size_t i = 0; i < workers->count; i++)
    if (workers->slots[i].pid > 0)
      return true;
  return false;
}

static void check_shutdown(struct workers *workers) {
  bool printed = workers->forced || output_pending(workers->output) == 0;
  if (workers->shutdown_signal && printed && !any_alive(workers))
    workers->done = true;
}

/* It serves no connection any longer, and has closed its control line to report that. It is now
 * writing its trace, which may take long and must not be cut off. */
static bool finished_serving(const struct slot *slot) {
  return slot->pid > 0 && slot->control < 0;
}

static void on_last(struct ioloop *loop, void *arg) {
  struct workers *workers = arg;
  (void)loop;
  for (size_t i = 0; i < workers->count; i++)
    if (finished_serving(&workers->slots[i]))
      return; /* the exit of the last one ends it */
  workers->done = true;
}

static void on_time_over(struct ioloop *loop, void *arg) {
  struct workers *workers = arg;
  workers->forced = true;
  for (size_t i = 0; i < workers->count; i++)
    if (workers->slots[i].pid > 0 && !finished_serving(&workers->slots[i])) {
      workers->status =
          complain("worker %zu has not ended within %.1f s, and is killed", i + 1, KILL_MS / 1e3);
      kill(workers->slots[i].pid, SIGKILL);
    }
  if (ioloop_call_later(loop, LAST_MS * NS_PER_MS, on_last, workers, NULL) < 0)
    workers->done = true;
  check_shutdown(workers);
}

/* Close our copies of the sockets first: new connections must be refused once the workers close
 * theirs. */
static void begin_shutdown(struct workers *workers, int signo) {
  workers->shutdown_signal = signo;
  workers->shutdown_ns = ioloop_time(workers->loop);
  workers->lost_before_shutdown = workers->lost;
  if (workers->began_ns)
    shutdown_announce();
  for (size_t i = 0; i < workers->count; i++)
    sockets_close(&workers->sockets[i]);
  signal_all(workers, signo);
  if (ioloop_call_later(workers->loop, KILL_MS * NS_PER_MS, on_time_over, workers, NULL) < 0)
    on_time_over(workers->loop, workers);
  check_shutdown(workers);
}

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  struct workers *workers = arg;
  if (!workers->shutdown_signal) {
    begin_shutdown(workers, signo);
  } else if (!signals_same_request(workers->shutdown_ns, ioloop_time(loop))) {
    signal_all(workers, SIGKILL);
    output_restore(workers->output);
    _exit(128 + signo);
  }
}

static void on_flush_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop;
  signal_all(arg, signo);
}

/* ---- a worker has exited -------------------------------------------------------------- */

static void describe_exit(int how, char *to, size_t room) {
  if (WIFSIGNALED(how))
    snprintf(to, room, "was ended by signal %d", WTERMSIG(how));
  else
    snprintf(to, room, "exited with status %d", WEXITSTATUS(how));
}

static void on_due(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg; /* the end of this iteration calls start_due */
}

static void start_later(struct slot *slot, uint64_t delay_ns) {
  struct workers *workers = slot->workers;
  slot->due_ns = ioloop_time(workers->loop) + delay_ns;
  if (delay_ns > 0 && ioloop_call_at(workers->loop, slot->due_ns, on_due, slot, NULL) < 0)
    slot->due_ns = 0; /* no memory for the timer: start it at once */
}

static void restart(struct slot *slot, const char *why) {
  struct workers *workers = slot->workers;
  uint64_t lived_ns = ioloop_time(workers->loop) - slot->started_ns;
  uint64_t delay_ns = backoff_delay(&slot->backoff, lived_ns);
  complain("worker %zu %s; another one starts in %.1f s", slot->index + 1, why,
           (double)delay_ns / 1e9);
  workers->restarts++;
  start_later(slot, delay_ns);
}

/* Before the server has served anything: the next one would fail as well. Once it serves, the reason
 * may pass (a limit, memory), and the other workers go on: restart. */
static void give_up(struct slot *slot, int how, const char *why) {
  struct workers *workers = slot->workers;
  if (WIFSIGNALED(how))
    complain("worker %zu cannot start: it %s", slot->index + 1, why);
  workers->status = EXIT_TROUBLE;
  begin_shutdown(workers, SIGTERM);
}

static void on_worker_exit(struct slot *slot, int how) {
  struct workers *workers = slot->workers;
  char why[64];
  describe_exit(how, why, sizeof why);
  worker_reap(slot);
  bool ended_well = WIFEXITED(how) && WEXITSTATUS(how) == EXIT_OK;
  if (workers->shutdown_signal) {
    if (!ended_well && !workers->forced && !workers->status)
      complain("worker %zu %s while it ended", slot->index + 1, why);
    if (!ended_well)
      workers->status = EXIT_TROUBLE;
    check_shutdown(workers);
  } else if (!workers->began_ns) {
    give_up(slot, how, why);
  } else {
    restart(slot, why);
  }
}

static void on_child(struct ioloop *loop, int signo, void *arg) {
  struct workers *workers = arg;
  int how;
  (void)loop, (void)signo;
  for (size_t i = 0; i < workers->count; i++)
    if (workers->slots[i].pid > 0 && waitpid(workers->slots[i].pid, &how, WNOHANG) > 0)
      on_worker_exit(&workers->slots[i], how);
}

/* ---- starting workers ----------------------------------------------------------------- */

void workers_on_serving(struct workers *workers) {
  bool all = !workers->began_ns && !workers->shutdown_signal;
  for (size_t i = 0; i < workers->count; i++)
    all = all && workers->slots[i].serving;
  if (!all)
    return;
  workers->began_ns = ioloop_time(workers->loop);
  sockets_announce(&workers->sockets[0], workers->backend);
}

/* Retried later: the others continue to serve. */
static void cannot_start(struct slot *slot, int error) {
  struct workers *workers = slot->workers;
  complain("cannot start worker %zu: %s (see the limits of this shell: ulimit -a)", slot->index + 1,
           strerror(-error));
  if (workers->began_ns) {
    start_later(slot, BACKOFF_MOST_NS);
    return;
  }
  workers->status = EXIT_TROUBLE;
  begin_shutdown(workers, SIGTERM);
}

/* No process has the slot, nor has one left anything in the kernel: worker.c. */
static bool is_free(const struct slot *slot) {
  return slot->pid == 0 && slot->control < 0;
}

/* Initially one at a time. */
static void start_due(struct workers *workers) {
  for (size_t i = 0; i < workers->count && !workers->shutdown_signal; i++) {
    struct slot *slot = &workers->slots[i];
    if (is_free(slot) && ioloop_time(workers->loop) >= slot->due_ns) {
      int error = worker_start(slot);
      if (error)
        cannot_start(slot, error);
    }
    if (!workers->began_ns && !slot->serving)
      return;
  }
}

/* ---- stdout --------------------------------------------------------------------------- */

static void on_stalled(void *arg, bool stalled) {
  struct workers *workers = arg;
  workers->stalled = stalled;
  for (size_t i = 0; i < workers->count; i++)
    if (workers->slots[i].relay)
      relay_hold(workers->slots[i].relay, stalled);
}

static void on_emptied(void *arg) {
  check_shutdown(arg);
}

static void on_failed(void *arg, int error) {
  struct workers *workers = arg;
  workers->status = complain_of_stdout(error);
  workers->done = true;
}

/* ---- reports -------------------------------------------------------------------------- */

static const char *own_figures(const struct workers *workers, char to[64]) {
  snprintf(to, 64, " workers=%zu restarts=%" PRIu64, workers->count, workers->restarts);
  return to;
}

static void on_stats(struct ioloop *loop, void *arg) {
  const struct workers *workers = arg;
  const struct counts sum = workers_sum(workers);
  char figures[64];
  (void)loop;
  reports_print("stats:", &sum, workers_unprinted(workers), own_figures(workers, figures));
}

/* ---- creating and running ------------------------------------------------------------- */

static int watch_signals(struct workers *workers) {
  int error = signals_watch_end(workers->loop, on_signal, workers);
  if (!error && workers->options->trace)
    error = ioloop_add_signal(workers->loop, SIGUSR1, on_flush_signal, workers);
  return error ? error : ioloop_add_signal(workers->loop, SIGCHLD, on_child, workers);
}

/* The slots last: they exist only if everything else does. */
static int make_slots(struct workers *workers) {
  size_t size = workers->count * sizeof *workers->shared;
  void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return -errno;
  workers->shared = shared;
  workers->sockets = calloc(workers->count, sizeof *workers->sockets);
  if (workers->sockets)
    workers->slots = calloc(workers->count, sizeof *workers->slots);
  if (!workers->slots)
    return -ENOMEM;
  for (size_t i = 0; i < workers->count; i++)
    workers->slots[i] = (struct slot){.workers = workers,
                                      .index = i,
                                      .control = -1,
                                      .sockets = &workers->sockets[i],
                                      .counts = &workers->shared[i].counts};
  return 0;
}

/* The parent's loop has two descriptors per worker: any backend will do. */
static int make_parts(struct workers *workers) {
  const struct output_events events = {
      .stalled = on_stalled, .emptied = on_emptied, .failed = on_failed, .arg = workers};
  int error = make_slots(workers);
  if (!error)
    error = ioloop_new("poll", &workers->loop);
  if (!error)
    error = output_new(workers->loop, STDOUT_FILENO, &events, &workers->output);
  if (!error)
    error = watch_signals(workers);
  if (!error)
    error = reports_start(workers->loop, workers->options, on_stats, workers);
  return error ? complain_of_start(error)
               : sockets_open(workers->options, workers->sockets, workers->count);
}

static void free_parts(struct workers *workers) {
  const sigset_t held = server_signals(); /* nothing must interrupt the shutdown */
  pthread_sigmask(SIG_BLOCK, &held, NULL);
  for (size_t i = 0; workers->slots && i < workers->count; i++) {
    struct slot *slot = &workers->slots[i];
    if (slot->pid > 0) {
      kill(slot->pid, SIGKILL);
      waitpid(slot->pid, NULL, 0);
      worker_reap(slot);
    }
    worker_close_control(slot);
    sockets_close(slot->sockets);
  }
  output_free(workers->output);
  ioloop_free(workers->loop);
  if (workers->shared)
    munmap(workers->shared, workers->count * sizeof *workers->shared);
  free(workers->sockets);
  free(workers->slots);
}

static void finish(struct workers *workers) {
  const struct counts sum = workers_sum(workers);
  uint64_t unprinted = workers_unprinted(workers);
  char figures[64];
  if (!workers->began_ns || !workers->shutdown_signal)
    return;
  reports_print_summary(workers->backend, ioloop_time(workers->loop) - workers->began_ns, &sum,
                        unprinted, own_figures(workers, figures));
  int status = complain_of_lost(unprinted - workers->lost_before_shutdown);
  workers->status = status ? status : workers->status;
}

static void run(struct workers *workers) {
  start_due(workers);
  while (!workers->done) {
    int error = ioloop_run_once(workers->loop, IOLOOP_FOREVER);
    if (error < 0) {
      workers->status = complain("the parent's loop failed: %s", strerror(-error));
      return;
    }
    start_due(workers);
  }
  finish(workers);
}

int workers_run(const struct server_options *options) {
  struct workers workers = {.options = options,
                            .backend = backends_choose(options->backend).name,
                            .count = (size_t)options->workers};
  signals_survive_writes();
  (void)descriptors_raise_limit();
  workers.status = make_parts(&workers);
  if (!workers.status)
    run(&workers);
  free_parts(&workers);
  return workers.status;
}
