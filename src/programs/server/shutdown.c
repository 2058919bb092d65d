/* SPDX-License-Identifier: MIT */
/*
 * shutdown.c - SIGINT, SIGTERM and SIGHUP: an orderly shutdown that loses nothing and takes a
 * bounded time.
 *
 *   at once         no new connections, but those in the backlog are served
 *   every 25 ms     UDP queues are drained; if nothing arrived over TCP since the last check, each
 *                   connection that has nothing left to read is closed after its echo is sent;
 *                   threads learn that no more input follows
 *   when done       no connection, no datagram, no output left for stdout: summary, exit 0
 *   after 3 s       the rest is cut off. Records that stdout did not take are counted, and the
 *                   exit status is 1
 *   second signal   exit at once with 128 + its number (but with the trace written). A signal
 *                   within 0.25 s counts as the first one: timeout(1) sends it twice
 *
 * While stdout is stalled the gate is closed, and nothing is read into a buffer that would never be
 * emptied: unread data stays with the kernel, and the reset at the end shows the peers that it was
 * not taken.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "common/program.h"
#include "common/say.h"
#include "server.h"
#include "threads.h"

enum {
  CHECK_MS = 25,
  FORCED_MS = 200, /* for threads that were cut off to end */
  DRAIN_BATCH = 1024,
};

/* A peer whose send queue was full sends the rest shortly after we have read. */
static bool nothing_came(struct server *server) {
  uint64_t before = server->records_at_check;
  server->records_at_check = counts_get(server->counts, COUNT_TCP_RECORDS);
  return server->records_at_check == before;
}

/* If the echo is still being sent, reading may be paused for that reason only. */
static bool is_idle(struct ioloop_stream *stream) {
  struct pollfd entry = {.fd = ioloop_stream_fd(stream), .events = POLLIN};
  return ioloop_stream_pending(stream) == 0 && poll(&entry, 1, 0) == 0;
}

static void close_if_read(struct ioloop_stream *stream, void *arg) {
  (void)arg;
  if (is_idle(stream))
    ioloop_stream_close_when_sent(stream);
}

/* Its echo, or data that it sent, is lost. On a machine that stalls for seconds the time is over
 * before an idle connection was closed: that one loses nothing. */
static void close_now(struct ioloop_stream *stream, void *arg) {
  const struct server *server = arg;
  if (is_idle(stream))
    ioloop_stream_close_when_sent(stream);
  else {
    counts_add(server->counts, COUNT_FAILED, 1);
    ioloop_stream_close(stream);
  }
}

/* True when the queues of all sockets are empty. One batch per iteration: a flood must not delay
 * the second signal. */
static bool drain_udp(struct server *server) {
  bool empty = true;
  for (size_t i = 0; i < server->udp_count; i++)
    if (!ioloop_gate_is_open(server->gate) ||
        ioloop_datagram_drain(server->udp[i], DRAIN_BATCH) == DRAIN_BATCH)
      empty = false;
  return empty;
}

static void on_check(struct ioloop *loop, void *arg) {
  struct server *server = arg;
  server->check_queued = false;
  if (server_connections(server) > 0 || threads_running(server->threads) > 0)
    return;
  bool empty = server->forced || drain_udp(server);
  if (server->forced || (empty && output_pending(server->output) == 0))
    ioloop_stop(loop);
  else if (!empty && ioloop_gate_is_open(server->gate))
    server_check_shutdown(server);
}

/* Deferred: the caller may be in the middle of a record. */
void server_check_shutdown(struct server *server) {
  if (!server->shutdown_signal || server->check_queued)
    return;
  server->check_queued = ioloop_add_callback(server->loop, on_check, server) == 0;
}

static void on_check_time(struct ioloop *loop, void *arg) {
  struct server *server = arg;
  (void)loop;
  bool reading = ioloop_gate_is_open(server->gate); /* and not only since the flush */
  output_flush(server->output);
  if (server->threads)
    threads_end(server->threads, SHUT_RD);
  else if (server->tcp && reading && nothing_came(server))
    ioloop_tcpserver_each(server->tcp, close_if_read, NULL);
  server_check_shutdown(server);
}

static void on_last(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_stop(loop);
}

static void on_time_over(struct ioloop *loop, void *arg) {
  struct server *server = arg;
  server->forced = true;
  if (server->threads)
    threads_end(server->threads, SHUT_RDWR);
  else if (server->tcp)
    ioloop_tcpserver_each(server->tcp, close_now, server);
  if (ioloop_call_later(loop, FORCED_MS * NS_PER_MS, on_last, server, NULL) < 0)
    ioloop_stop(loop);
  server_check_shutdown(server);
}

void shutdown_announce(void) {
  say("stopping: finishing what has arrived, %d s at most (a second signal ends it at once)",
      SHUTDOWN_MS / 1000);
}

void server_begin_shutdown(struct server *server, int signo) {
  struct ioloop *loop = server->loop;
  server->shutdown_signal = signo;
  server->shutdown_ns = ioloop_time(loop);
  (void)nothing_came(server); /* start a new interval */
  if (server->control < 0)
    shutdown_announce();
  if (server->tcp)
    ioloop_tcpserver_stop(server->tcp);
  if (server->blocking)
    threads_end(server->threads, SHUT_RD);
  int error = ioloop_call_every(loop, CHECK_MS * NS_PER_MS, on_check_time, server, NULL);
  if (!error)
    error = ioloop_call_later(loop, SHUTDOWN_MS * NS_PER_MS, on_time_over, server, NULL);
  if (error)
    ioloop_stop(loop);
  server_check_shutdown(server);
}

/* A worker gets the signal from its parent, and often from the terminal too. For a worker that
 * counts as one request; only its parent knows when there is a second. */
static void on_signal(struct ioloop *loop, int signo, void *arg) {
  struct server *server = arg;
  if (!server->shutdown_signal) {
    server_begin_shutdown(server, signo);
  } else if (server->control < 0 && !signals_same_request(server->shutdown_ns, ioloop_time(loop))) {
    output_restore(server->output);
    tracing_write_now(server);
    _exit(128 + signo);
  }
}

int server_watch_signals(struct server *server) {
  return signals_watch_end(server->loop, on_signal, server);
}
