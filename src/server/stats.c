/* SPDX-License-Identifier: MIT */
/*
 * stats.c - what the server says about itself on stderr: counters, summary, heartbeat.
 *
 * The line of --stats and the summary have the same words, explained by --help, so that one
 * parser reads both. The books balance: records printed + kernel_drops == datagrams sent.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../programs/say.h"
#include "server.h"
#include "threads.h"

enum {
  LINE_SIZE = 1024,
};

struct udp_totals {
  uint64_t kernel_drops, reply_drops;
};

static struct udp_totals sum_udp(const struct server *server) {
  struct udp_totals totals = {0, 0};
  for (size_t i = 0; i < server->udp_count; i++) {
    struct datagram_metrics metrics;
    datagram_get_metrics(server->udp[i], &metrics);
    totals.kernel_drops += metrics.kernel_drops;
    totals.reply_drops += metrics.send_dropped;
  }
  return totals;
}

static int describe_service(const struct server *server, char *to, size_t room) {
  const struct counts *counts = &server->counts;
  struct udp_totals udp = sum_udp(server);
  uint64_t echoed = counts->echoed + (server->threads ? threads_echoed(server->threads) : 0);
  return snprintf(to, room,
                  "connections=%zu accepted=%" PRIu64 " failed=%" PRIu64 " records=%" PRIu64
                  " tcp=%" PRIu64 " udp=%" PRIu64 " bytes=%" PRIu64 " echoed=%" PRIu64
                  " kernel_drops=%" PRIu64 " reply_drops=%" PRIu64 " unprinted=%zu",
                  server->tcp ? tcpserver_connections(server->tcp) : 0,
                  server->tcp ? tcpserver_accepted_total(server->tcp) : 0, counts->failed,
                  counts->tcp_records + counts->udp_records, counts->tcp_records,
                  counts->udp_records, counts->bytes, echoed, udp.kernel_drops, udp.reply_drops,
                  output_pending_lines(server->output));
}

static void describe(const struct server *server, char line[LINE_SIZE]) {
  struct ioloop_metrics metrics;
  int used = describe_service(server, line, LINE_SIZE);
  ioloop_get_metrics(server->loop, &metrics);
  snprintf(line + used, LINE_SIZE - (size_t)used,
           " iterations=%" PRIu64 " wakeups=%" PRIu64 " events=%" PRIu64 " spurious=%" PRIu64
           " signals=%" PRIu64 " overflows=%" PRIu64 " rescues=%" PRIu64 " spins=%" PRIu64
           " spin_hits=%" PRIu64,
           metrics.iterations, metrics.wakeups, metrics.events, metrics.spurious, metrics.signals,
           metrics.overflows, metrics.rescues, metrics.spins, metrics.spin_hits);
}

static void on_stats(struct ioloop *loop, void *arg) {
  char line[LINE_SIZE];
  (void)loop;
  describe(arg, line);
  say("stats: %s", line);
}

static void on_heartbeat(struct ioloop *loop, void *arg) {
  (void)loop;
  (void)arg;
  say("Waiting...");
}

int server_start_reports(struct server *server) {
  const struct options *options = &server->options;
  int error = 0;
  if (options->stats_ns)
    error = ioloop_call_every(server->loop, options->stats_ns, on_stats, server, NULL);
  if (!error && options->heartbeat_ns)
    error = ioloop_call_every(server->loop, options->heartbeat_ns, on_heartbeat, server, NULL);
  return error;
}

void server_print_summary(const struct server *server) {
  char line[LINE_SIZE];
  uint64_t seconds_ns = ioloop_time(server->loop) - server->began_ns;
  describe(server, line);
  say("summary: backend=%s seconds=%.3f %s", ioloop_backend_name(server->loop),
      (double)seconds_ns / 1e9, line);
}
