/* SPDX-License-Identifier: MIT */
/*
 * generator.h - the load generator: clients of an echo server, on one ioloop, in one process.
 *
 * closed loop  Every connection keeps `depth` requests under way and sends the next when an echo is
 *              complete: best-case round trips, and capacity. A server that stalls gets fewer
 *              requests, so a closed loop hides stalls ("coordinated omission", Gil Tene).
 * open loop    Requests are sent on a schedule made in advance (constant or Poisson arrivals at
 *              `rate`), whether or not earlier ones were answered, round robin over the
 *              connections. Latency is measured from the *planned* time, as in wrk2.
 * churn        A closed loop in which each request has its own TCP connection: connect, request,
 *              echo, close. Latency is measured from connect().
 *
 * Lateness is the generator's own delay: how long after its planned time it handled a request. If
 * more than `late_share` of the requests are late, the run is invalid, because its latencies are
 * those of the generator. A request that then has to wait because the socket is full is not late:
 * the server is slow, and its latency shows that.
 *
 * Every echo is compared with its request, byte by byte. Over UDP an echo is matched to its request
 * by its number, in any order. A request without an echo `drain_ns` after the end (in a closed
 * loop: `drain_ns` after it was sent, when another one takes its place) is lost, and counted.
 */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "results/histogram.h"

enum {
  GENERATOR_MIN_SIZE = 16, /* of a message: it contains its number */
  GENERATOR_MAX_SIZE = 1 << 20,
  GENERATOR_MAX_DATAGRAM = 65507,
  GENERATOR_REASON_SIZE = 256,
};

struct generator_options {
  const char *backend; /* of the generator's own loop; NULL: the best one */
  const char *host;    /* NULL: 127.0.0.1. Of a name the first address, IPv4 before IPv6 */
  uint16_t port;
  bool udp;           /* datagrams; else TCP */
  size_t connections; /* active ones, at least 1; for UDP: client sockets */
  size_t idle;        /* additional TCP connections (UDP: connected sockets) that stay silent */
  size_t size;        /* of a message, bytes */
  size_t depth;       /* closed loop: requests under way per connection, at least 1 */
  /* Each request on a new connection, `connections` of them at once; only for TCP, closed loop,
   * depth 1. */
  bool churn;
  double rate;  /* requests per second over all connections; 0: closed loop */
  bool poisson; /* open loop: at random times, as independent clients; else at constant intervals */
  uint64_t seed;
  uint64_t warmup_ns, duration_ns; /* requests of the warm-up are not recorded */
  uint64_t drain_ns;               /* time to wait for the last echoes; 0: a second */
  uint64_t requests;               /* closed loop: end after this many; 0: end by time */
  uint64_t late_ns;                /* open loop: a send later than this is late; 0: 100 us */
  double late_share;               /* the share of sends that may be late; 0: 0.01 */
  pid_t server;                    /* measure the CPU time of this process, too; 0: none */
  int cpu;                         /* stay on this processor, also after the run; -1: anywhere */
  /* Never sleep: no wake-up of the generator is in the figures, and an open loop sends on the
   * microsecond. Needs a processor of its own. */
  bool spin;
};

struct generator_result {
  /* Of the measured part. Open loop: `sent` are those planned in it that the generator handled.
   * lost: sent and not echoed. wrong: echoes with different bytes. */
  uint64_t sent, echoed, lost, wrong;
  uint64_t elapsed_ns; /* of the measured part */
  uint64_t late;       /* sends later than late_ns, and planned ones that were never sent */
  uint64_t late_max_ns;
  uint64_t generator_cpu_ns;          /* CPU time of the generator's process, measured part */
  uint64_t server_cpu_ns;             /* the same of options.server, with all its threads */
  double rate;                        /* echoes per second */
  bool valid;                         /* false: the latencies must not be used, see `reason` */
  char reason[GENERATOR_REASON_SIZE]; /* also set if the run failed */
};

/*
 * Run it here, in this process and thread. Latencies (ns) of the measured part are added to
 * `latency`, and the lateness of sends to `lateness` (may be NULL; open loop only). Raises the soft
 * limit of descriptors; during the run SIGINT and SIGTERM are watched and SIGPIPE is ignored. 0
 * (check ret->valid then), or -errno with the reason as text in ret->reason:
 *   -EINVAL        options that contradict each other, or no such backend or processor
 *   -EMFILE        more connections than descriptors; the reason has the possible number
 *   -ESRCH         there is no process options.server, or it has ended
 *   -ECONNREFUSED  no server listens there
 *   -ECONNRESET    the server went away
 *   -EBADMSG       an echo was wrong
 *   -ETIMEDOUT     no echo for 5 s (and ten intervals of a slow schedule), or none at all
 *   -ENOBUFS       open loop: four million requests wait for their echo, the rate is far too high
 *   -EINTR         SIGINT or SIGTERM
 *   others of the system, -ENOMEM
 */
int generator_run(const struct generator_options *options, struct histogram *latency,
                  struct histogram *lateness, struct generator_result *ret);

/*
 * The same in a child process, which on Linux ends when this process ends. SIGINT and SIGTERM end
 * the child, and call this process's own handlers after it has ended. Not to be called from two
 * threads at once. 0 or -errno as above; -ECHILD with the reason: the child died, or gave no sign of
 * life for 15 s and was killed.
 */
int generator_spawn(const struct generator_options *options, struct histogram *latency,
                    struct histogram *lateness, struct generator_result *ret);

/*
 * No process that the lab starts outlives it, even if the lab is killed: in a child of `parent`, get
 * killed when the parent ends, also across exec. On a system without such a call (not Linux) a child
 * notices only when it writes to its parent.
 */
void end_with_parent(pid_t parent);

/* Wait until a child has ended: the status of waitpid(2). */
int reap(pid_t child);

#endif
