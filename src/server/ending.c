/* SPDX-License-Identifier: MIT */
/*
 * ending.c - SIGINT, SIGTERM and SIGHUP: an end that loses nothing and does not take for ever.
 *
 *   at once         no new connections, but those in the backlog are served
 *   every 25 ms     UDP queues are drained; when nothing has come over TCP since the last look, a
 *                   connection that has nothing left to be read is closed when its echo is sent;
 *                   threads are told that no input follows
 *   when all is     no connection, no datagram, nothing waiting for stdout: summary, exit 0
 *   after 3 s       what is left is cut off. Records that stdout did not take are counted, and
 *                   the exit status is 1 then
 *   second signal   exit 128 + its number, at once (but with the trace written). One that comes in
 *                   the first 0.25 s is the first again: timeout(1) sends it twice
 *
 * While stdout is stalled the gate is closed, and nothing is drained into a buffer that nobody
 * empties: the peers keep what they have, and learn by the reset that it was not taken.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "../programs/say.h"
#include "../programs/signals.h"
#include "server.h"
#include "threads.h"
#include "tracing.h"

#define MILLISECOND_NS UINT64_C(1000000)

enum {
  LOOK_MS = 25,
  PATIENCE_MS = 3000,
  FORCED_MS = 200, /* for threads that were cut off to come home */
  DRAIN_BATCH = 1024,
};

/* The peer of a connection whose queues were full sends the rest when we have read, which is a
 * moment after we have. */
static bool nothing_came(struct server *server) {
  uint64_t before = server->records_at_look;
  server->records_at_look = counts_get(server->counts, COUNT_TCP_RECORDS);
  return server->records_at_look == before;
}

/* One whose echo is still being sent may have stopped reading for that. */
static void close_if_read(struct iostream *stream, void *arg) {
  struct pollfd entry = {.fd = iostream_fd(stream), .events = POLLIN};
  (void)arg;
  if (iostream_pending(stream) == 0 && poll(&entry, 1, 0) == 0)
    iostream_close_when_sent(stream);
}

/* Its echo, or what it sent, is lost. */
static void close_now(struct iostream *stream, void *arg) {
  const struct server *server = arg;
  counts_add(server->counts, COUNT_FAILED, 1);
  iostream_close(stream);
}

/* True when the queues of all sockets are empty. A batch a turn: a flood must not keep the loop
 * from the second signal. */
static bool drain_udp(struct server *server) {
  bool empty = true;
  for (size_t i = 0; i < server->udp_count; i++)
    if (!iostream_gate_is_open(server->gate) ||
        datagram_drain(server->udp[i], DRAIN_BATCH) == DRAIN_BATCH)
      empty = false;
  return empty;
}

static void on_check(struct ioloop *loop, void *arg) {
  struct server *server = arg;
  server->check_queued = false;
  if (server_connections(server) > 0 || (server->threads && threads_running(server->threads) > 0))
    return;
  bool empty = server->forced || drain_udp(server);
  if (server->forced || (empty && output_pending(server->output) == 0))
    ioloop_stop(loop);
  else if (!empty && iostream_gate_is_open(server->gate))
    server_check_end(server);
}

/* Not at once: the caller may be in the middle of a record. */
void server_check_end(struct server *server) {
  if (!server->ending_signal || server->check_queued)
    return;
  server->check_queued = ioloop_add_callback(server->loop, on_check, server) == 0;
}

static void on_look(struct ioloop *loop, void *arg) {
  struct server *server = arg;
  (void)loop;
  bool reading = iostream_gate_is_open(server->gate); /* and not only since the flush */
  output_flush(server->output);
  if (server->threads)
    threads_finish(server->threads);
  else if (server->tcp && reading && nothing_came(server))
    tcpserver_each(server->tcp, close_if_read, NULL);
  server_check_end(server);
}

static void on_last(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_stop(loop);
}

static void on_time_over(struct ioloop *loop, void *arg) {
  struct server *server = arg;
  server->forced = true;
  if (server->threads)
    threads_abandon(server->threads);
  else if (server->tcp)
    tcpserver_each(server->tcp, close_now, server);
  if (ioloop_call_later(loop, FORCED_MS * MILLISECOND_NS, on_last, server, NULL) < 0)
    ioloop_stop(loop);
  server_check_end(server);
}

void server_begin_end(struct server *server, int signo) {
  struct ioloop *loop = server->loop;
  server->ending_signal = signo;
  server->ending_ns = ioloop_time(loop);
  (void)nothing_came(server); /* since now */
  if (server->control < 0)
    say("stopping: finishing what has arrived, %d s at most (once more ends it at once)",
        PATIENCE_MS / 1000);
  if (server->tcp)
    tcpserver_stop(server->tcp);
  if (server->blocking)
    threads_finish(server->threads);
  int error = ioloop_call_every(loop, LOOK_MS * MILLISECOND_NS, on_look, server, NULL);
  if (!error)
    error = ioloop_call_later(loop, PATIENCE_MS * MILLISECOND_NS, on_time_over, server, NULL);
  if (error)
    ioloop_stop(loop);
  server_check_end(server);
}

/* A worker is told by its parent, and often by the terminal as well: that is one request, and the
 * parent alone knows when there is a second. */
static void on_signal(struct ioloop *loop, int signo, void *arg) {
  struct server *server = arg;
  if (!server->ending_signal) {
    server_begin_end(server, signo);
  } else if (server->control < 0 && !signals_same_request(server->ending_ns, ioloop_time(loop))) {
    output_restore(server->output);
    tracing_write_now(server);
    _exit(128 + signo);
  }
}

int server_watch_signals(struct server *server) {
  return signals_watch_end(server->loop, on_signal, server);
}
