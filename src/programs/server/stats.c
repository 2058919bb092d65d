/* SPDX-License-Identifier: MIT */
/*
 * stats.c - the server's own figures on stderr: counters, summary, heartbeat, slow callbacks.
 *
 * The line of --stats and the summary use the same words, explained by --help, so that one parser
 * reads both. The counts add up: records printed + kernel_drops == datagrams sent.
 *
 * A worker prints its slow callbacks only. It updates its counters, and its parent adds them up.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/say.h"
#include "server.h"
#include "threads.h"

enum {
  NAME_SIZE = 48,
};

/* ---- the line ------------------------------------------------------------------------- */

void reports_print(const char *title, const struct counts *counts, uint64_t unprinted,
                   const char *more) {
  uint64_t at[COUNTERS];
  for (int i = 0; i < COUNTERS; i++)
    at[i] = counts_get(counts, (enum counter)i);
  say("%s connections=%" PRIu64 " accepted=%" PRIu64 " failed=%" PRIu64 " records=%" PRIu64
      " tcp=%" PRIu64 " udp=%" PRIu64 " bytes=%" PRIu64 " echoed=%" PRIu64 " kernel_drops=%" PRIu64
      " reply_drops=%" PRIu64 " unprinted=%" PRIu64 " iterations=%" PRIu64 " wakeups=%" PRIu64
      " events=%" PRIu64 " spurious=%" PRIu64 " signals=%" PRIu64 " overflows=%" PRIu64
      " starved=%" PRIu64 " rescues=%" PRIu64 " spins=%" PRIu64 " spin_hits=%" PRIu64 "%s",
      title, at[COUNT_ACCEPTED] - at[COUNT_CLOSED], at[COUNT_ACCEPTED], at[COUNT_FAILED],
      at[COUNT_TCP_RECORDS] + at[COUNT_UDP_RECORDS], at[COUNT_TCP_RECORDS], at[COUNT_UDP_RECORDS],
      at[COUNT_BYTES], at[COUNT_ECHOED], at[COUNT_KERNEL_DROPS], at[COUNT_REPLY_DROPS], unprinted,
      at[COUNT_ITERATIONS], at[COUNT_WAKEUPS], at[COUNT_EVENTS], at[COUNT_SPURIOUS],
      at[COUNT_SIGNALS], at[COUNT_OVERFLOWS], at[COUNT_STARVED], at[COUNT_RESCUES], at[COUNT_SPINS],
      at[COUNT_SPIN_HITS], more);
}

void reports_print_summary(const char *backend, uint64_t served_ns, const struct counts *counts,
                           uint64_t unprinted, const char *more) {
  char title[96];
  snprintf(title, sizeof title, "summary: backend=%s seconds=%.3f", backend,
           (double)served_ns / 1e9);
  reports_print(title, counts, unprinted, more);
}

/* ---- collecting the figures ----------------------------------------------------------- */

static void publish_udp(struct server *server) {
  uint64_t kernel_drops = 0, reply_drops = server->udp_refused, sent = 0;
  for (size_t i = 0; i < server->udp_count; i++) {
    struct ioloop_datagram_metrics metrics;
    ioloop_datagram_get_metrics(server->udp[i], &metrics, sizeof metrics);
    kernel_drops += metrics.kernel_drops;
    reply_drops += metrics.send_dropped;
    sent += metrics.sent_bytes;
  }
  uint64_t unsent = server->udp_replied - sent;
  /* Modulo 2^64: it may be less or more than before. Threads count at the same time. */
  counts_add_shared(server->counts, COUNT_ECHOED, server->udp_unsent - unsent);
  server->udp_unsent = unsent;
  counts_set(server->counts, COUNT_KERNEL_DROPS, kernel_drops);
  counts_set(server->counts, COUNT_REPLY_DROPS, reply_drops);
}

static void publish_loop(struct server *server) {
  struct ioloop_metrics metrics;
  ioloop_get_metrics(server->loop, &metrics, sizeof metrics);
  counts_set(server->counts, COUNT_ITERATIONS, metrics.iterations);
  counts_set(server->counts, COUNT_WAKEUPS, metrics.wakeups);
  counts_set(server->counts, COUNT_EVENTS, metrics.events);
  counts_set(server->counts, COUNT_SPURIOUS, metrics.spurious);
  counts_set(server->counts, COUNT_SIGNALS, metrics.signals);
  counts_set(server->counts, COUNT_OVERFLOWS, metrics.overflows);
  counts_set(server->counts, COUNT_STARVED, metrics.starved);
  counts_set(server->counts, COUNT_RESCUES, metrics.rescues);
  counts_set(server->counts, COUNT_SPINS, metrics.spins);
  counts_set(server->counts, COUNT_SPIN_HITS, metrics.spin_hits);
}

/* The loop of a blocking server is not part of the comparison: its counters stay 0. */
void server_publish(struct server *server) {
  if (server->blocking) {
    counts_set(server->counts, COUNT_KERNEL_DROPS, threads_kernel_drops(server->threads));
  } else {
    publish_udp(server);
    publish_loop(server);
  }
}

size_t server_connections(const struct server *server) {
  return (size_t)(counts_get(server->counts, COUNT_ACCEPTED) -
                  counts_get(server->counts, COUNT_CLOSED));
}

/* ---- reporting ------------------------------------------------------------------------ */

void server_on_stats(struct ioloop *loop, void *arg) {
  struct server *server = arg;
  (void)loop;
  server_publish(server);
  if (server->control < 0)
    reports_print("stats:", server->counts, output_pending_lines(server->output), "");
}

static void on_heartbeat(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
  say("Waiting...");
}

int reports_start(struct ioloop *loop, const struct server_options *options,
                  ioloop_callback_fn *on_stats, void *arg) {
  int error = 0;
  if (options->stats_ns)
    error = ioloop_call_every(loop, options->stats_ns, on_stats, arg, NULL);
  if (!error && options->heartbeat_ns)
    error = ioloop_call_every(loop, options->heartbeat_ns, on_heartbeat, NULL, NULL);
  return error;
}

/* ---- --slow=MS ------------------------------------------------------------------------ */

/* A line for each callback that made all others wait for long, as in Tornado's debug mode, and the
 * loop's times at the end. */

static const char *name_worker(const struct server *server, char name[NAME_SIZE]) {
  name[0] = '\0';
  if (server->control >= 0)
    snprintf(name, NAME_SIZE, "worker %zu, ", server->worker_index + 1);
  return name;
}

static const char *name_call(enum ioloop_call what, int fd, char name[NAME_SIZE]) {
  if (what == IOLOOP_CALL_HANDLER)
    snprintf(name, NAME_SIZE, "handler of descriptor %d", fd);
  else if (what == IOLOOP_CALL_SIGNAL)
    snprintf(name, NAME_SIZE, "watcher of signal %d", fd);
  else
    snprintf(name, NAME_SIZE, "%s", what == IOLOOP_CALL_TIMEOUT ? "timeout" : "callback");
  return name;
}

static void on_slow(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns) {
  char who[NAME_SIZE], call[NAME_SIZE];
  say("slow: %s%s ran for %.3f ms", name_worker(arg, who), name_call(what, fd, call),
      (double)duration_ns / 1e6);
}

void slow_watch(struct server *server) {
  const struct ioloop_observer hooks = {
      .size = sizeof hooks, .slow = on_slow, .slow_ns = server->options.slow_ns};
  if (!server->options.slow_ns)
    return;
  ioloop_set_observer(server->loop, &hooks, server);
  ioloop_set_timing(server->loop, true);
}

void slow_summarize(const struct server *server) {
  struct ioloop_metrics metrics;
  char who[NAME_SIZE];
  if (!server->options.slow_ns)
    return;
  ioloop_get_metrics(server->loop, &metrics, sizeof metrics);
  say("slow: %slongest %.3f ms; the loop worked for %.3f s and waited for %.3f s",
      name_worker(server, who), (double)metrics.longest_handler_ns / 1e6,
      (double)metrics.busy_ns / 1e9, (double)metrics.idle_ns / 1e9);
}

/* ---- errors --------------------------------------------------------------------------- */

int complain_of_lost(uint64_t records) {
  if (records == 0)
    return EXIT_OK;
  return complain("%" PRIu64
                  " records were not printed: the reader of stdout took nothing for %d s",
                  records, SHUTDOWN_MS / 1000);
}

int complain_of_start(int error) {
  return complain("cannot start: %s (see the limits of this shell: ulimit -a)", strerror(-error));
}

int complain_of_stdout(int error) {
  return complain("cannot write to stdout: %s (%s; or print nothing: --print=none)",
                  strerror(-error), output_remedy(error));
}

bool server_may_complain(struct server *server) {
  uint64_t now = ioloop_time(server->loop), last = atomic_load(&server->complained_ns);
  return (!last || now - last >= NS_PER_SECOND) &&
         atomic_compare_exchange_strong(&server->complained_ns, &last, now);
}

/* Accepting pauses and is retried. The user should see why, but not ten times a second. */
void server_complain_of_accept(struct server *server, int error) {
  if (server_may_complain(server))
    complain("cannot accept more: %s; %zu connections are open, new ones wait until some close "
             "(raise the limit of %llu descriptors: ulimit -n)",
             strerror(-error), server_connections(server), server->descriptor_limit);
}
