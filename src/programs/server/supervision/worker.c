/* SPDX-License-Identifier: MIT */
/*
 * worker.c - one worker process, as its parent sees it, and the sums of all workers' counters.
 *
 *              +- pipe: its stdout (relay.c)
 *   parent ----+- control line: a byte when it serves; end of file when it has finished serving
 *              +- memory: its counters (server.h)
 *              +- its sockets, which the parent opened
 *
 * The control line may outlive the process. The kernel takes the ring of a killed process apart
 * later (backends/io_uring.c), and until then the ring's pending accept would take connections from
 * the next worker. But the ring also polls the control line and so keeps it open: end of file shows
 * that the ring is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workers.h"

/* ---- in the child --------------------------------------------------------------------- */

/* Nothing of the parent's stays open here: otherwise a pipe would never report end of file. */
static void forget_parent(struct workers *workers, const struct slot *own) {
  for (size_t i = 0; i < workers->count; i++) {
    struct slot *slot = &workers->slots[i];
    if (slot->control >= 0)
      close(slot->control);
    if (slot->relay)
      relay_forget(slot->relay);
    if (slot != own)
      sockets_close(slot->sockets);
  }
  output_forget(workers->output);
  ioloop_free(workers->loop); /* the copy; signals have their previous dispositions again */
}

static _Noreturn void run_as_worker(struct slot *slot, int control, int out) {
  struct workers *workers = slot->workers;
  const struct server_options *options = workers->options;
  const struct worker worker = {
      .index = slot->index, .sockets = slot->sockets, .counts = slot->counts, .control = control};
  forget_parent(workers, slot);
  dup2(out, STDOUT_FILENO);
  close(out);
  int status = options->cpus.count > 0 ? cpus_stay_on(&options->cpus, slot->index) : 0;
  if (!status)
    status = server_run(options, &worker);
  exit(status);
}

/* ---- the sums of their counters --------------------------------------------------------- */

/* A record is a line, so a record that a worker counted and that did not come out of its relay is
 * either on its way or was lost with the worker. The counts add up whichever worker dies. */
static uint64_t missing(const struct slot *slot) {
  uint64_t lines = slot->relay ? relay_lines(slot->relay) : 0;
  uint64_t records =
      counts_get(slot->counts, COUNT_TCP_RECORDS) + counts_get(slot->counts, COUNT_UDP_RECORDS);
  bool printed = slot->workers->options->print != PRINT_NONE;
  return printed && records > lines ? records - lines : 0;
}

uint64_t workers_unprinted(const struct workers *workers) {
  uint64_t sum = workers->lost + output_pending_lines(workers->output);
  for (size_t i = 0; i < workers->count; i++)
    sum += missing(&workers->slots[i]);
  return sum;
}

static void add_counts(struct counts *sum, const struct counts *more) {
  for (int i = 0; i < COUNTERS; i++)
    counts_add(sum, (enum counter)i, counts_get(more, (enum counter)i));
}

struct counts workers_sum(const struct workers *workers) {
  struct counts sum = {.at = {0}};
  add_counts(&sum, &workers->exited);
  for (size_t i = 0; i < workers->count; i++)
    add_counts(&sum, workers->slots[i].counts);
  return sum;
}

/* Add the counters of an exited worker to those of its predecessors, before its relay is freed. Its
 * connections ended with it. The kernel's drops belong to the socket, which remains open: the next
 * worker will report them. */
static void add_exited(struct slot *slot) {
  struct counts *counts = slot->counts;
  uint64_t drops = counts_get(counts, COUNT_KERNEL_DROPS);
  slot->workers->lost += missing(slot);
  counts_set(counts, COUNT_CLOSED, counts_get(counts, COUNT_ACCEPTED));
  counts_set(counts, COUNT_KERNEL_DROPS, 0);
  add_counts(&slot->workers->exited, counts);
  for (int i = 0; i < COUNTERS; i++)
    counts_set(counts, (enum counter)i, 0);
  counts_set(counts, COUNT_KERNEL_DROPS, drops);
}

/* ---- in the parent -------------------------------------------------------------------- */

void worker_close_control(struct slot *slot) {
  if (slot->control < 0)
    return;
  ioloop_remove_handler(slot->workers->loop, slot->control);
  close(slot->control);
  slot->control = -1;
}

static void read_control(struct slot *slot) {
  char byte;
  ssize_t n = 1;
  while (slot->control >= 0 && n > 0) {
    n = read(slot->control, &byte, 1);
    if (n > 0)
      slot->serving = true;
    else if (n == 0)
      worker_close_control(slot);
  }
}

static void on_control(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct slot *slot = arg;
  (void)loop, (void)fd, (void)events;
  read_control(slot);
  workers_on_serving(slot->workers);
}

static void close_pair(const int pair[2]) {
  close(pair[0]);
  close(pair[1]);
}

static int open_lines(int control[2], int out[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, control) < 0)
    return -errno;
  if (pipe(out) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0 &&
      fcntl(control[0], F_SETFL, O_NONBLOCK) == 0)
    return 0;
  int error = -errno;
  close_pair(control);
  return error;
}

/* Signals are blocked until the child can handle them: serve.c. */
static pid_t fork_held(void) {
  sigset_t held = server_signals(), before;
  pthread_sigmask(SIG_BLOCK, &held, &before);
  pid_t pid = fork();
  int error = errno;
  if (pid != 0)
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid < 0 ? -error : pid;
}

static int watch(struct slot *slot, int control, int out) {
  struct workers *workers = slot->workers;
  int error = relay_new(workers->loop, out, workers->output, &slot->relay);
  if (error) {
    close(out);
    close(control);
    return error;
  }
  relay_hold(slot->relay, workers->stalled);
  slot->control = control;
  return ioloop_add_handler(workers->loop, control, IOLOOP_READ, on_control, slot);
}

int worker_start(struct slot *slot) {
  int control[2], out[2];
  int error = open_lines(control, out);
  if (error)
    return error;
  pid_t pid = fork_held();
  if (pid == 0) {
    close(control[0]);
    close(out[0]);
    run_as_worker(slot, control[1], out[1]);
  }
  close(control[1]);
  close(out[1]);
  if (pid < 0) {
    close(control[0]);
    close(out[0]);
    return (int)pid;
  }
  slot->pid = pid;
  slot->serving = false;
  slot->started_ns = ioloop_time(slot->workers->loop);
  return watch(slot, control[0], out[0]);
}

void worker_reap(struct slot *slot) {
  slot->pid = 0;
  read_control(slot); /* it may have reported that it serves, and died before that was read */
  if (slot->relay)
    relay_finish(slot->relay);
  add_exited(slot);
  relay_free(slot->relay);
  slot->relay = NULL;
}
