/* SPDX-License-Identifier: MIT */
/*
 * generator.h - the load generator: clients of an echo server, on one ioloop, in one process.
 *
 * closed loop   every connection keeps `depth` requests under way and sends the next when an echo
 * is complete: best-case round trips, and capacity. A server that stalls is asked less while it
 * does, so a closed loop hides stalls ("coordinated omission", Gil Tene). open loop     requests
 * leave by a schedule made beforehand (constant or Poisson arrivals at `rate`), whether or not
 * earlier ones were answered, round robin over the connections; latency counts from the *planned*
 * time. What the generator itself sends late is measured too, and makes the run invalid when it is
 * more than `late_share` of the requests.
 *
 * Every echo is compared with what was sent, byte by byte. Over UDP a request is found again by its
 * number; one without an echo `drain_ns` after the end is lost, and counted.
 */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum protocol {
  PROTOCOL_TCP,
  PROTOCOL_UDP
};
enum arrivals {
  ARRIVALS_CONSTANT,
  ARRIVALS_POISSON
};

enum {
  GENERATOR_MIN_SIZE = 16, /* of a message: it carries its number */
  GENERATOR_MAX_SIZE = 65507,
  GENERATOR_REASON_SIZE = 256,
};

struct generator_options {
  const char *backend; /* of the generator's own loop; NULL: the best one here */
  const char *host;    /* NULL: 127.0.0.1. A numeric address */
  uint16_t port;
  enum protocol protocol;
  size_t connections; /* active ones, 1 or more; over UDP: client sockets */
  size_t idle;        /* further TCP connections (UDP: connected sockets) that stay silent */
  size_t size;        /* of a message, bytes */
  size_t depth;       /* closed loop: requests under way on a connection, 1 or more */
  double rate;        /* requests a second over all connections; 0: closed loop */
  enum arrivals arrivals;
  uint64_t seed;
  uint64_t warmup_ns, duration_ns; /* what is sent during the warm-up is not recorded */
  uint64_t drain_ns;               /* wait so long for the last echoes; 0: a second */
  uint64_t requests; /* closed loop: end after so many instead of by time; 0: by time */
  uint64_t late_ns;  /* open loop: a send later than that is late; 0: 100 us */
  double late_share; /* and so many may be; 0: 0.01 */
  int cpu;           /* stay on this processor; -1: anywhere */
  bool spin;         /* never sleep: no wake-up of the generator is in the figures */
};

struct generator_result {
  uint64_t sent, echoed, lost, wrong; /* of the measured part; wrong: echoes with other bytes */
  uint64_t elapsed_ns;                /* of the measured part */
  uint64_t late;                      /* sends later than late_ns */
  uint64_t late_max_ns;
  uint64_t generator_cpu_ns;          /* of the generator's process, measured part */
  double rate;                        /* echoes a second */
  bool valid;                         /* false: `reason` says why the latencies must not be used */
  char reason[GENERATOR_REASON_SIZE]; /* also where the run failed */
};

/*
 * Run it here, in this process and thread. Latencies (ns) of the measured part go to `latency`, how
 * late sends were to `lateness` (NULL is fine; open loop only).
 * 0, or -errno with the reason in words in ret->reason: -ECONNREFUSED, -ECONNRESET (the server went
 * away), -EMFILE (more connections than descriptors: says how many there may be), -EBADMSG (an echo
 * was wrong), -ETIMEDOUT (no echo for 5 s), -EINTR (SIGINT or SIGTERM).
 */
int generator_run(const struct generator_options *options, struct histogram *latency,
                  struct histogram *lateness, struct generator_result *ret);

/*
 * The same in a child process. `server` is the pid whose CPU time is measured over the same part
 * (threads included); 0: none. *server_cpu_ns is untouched then. 0 or -errno as above; a child that
 * died gives -ECHILD with the reason.
 */
int generator_spawn(const struct generator_options *options, int server, struct histogram *latency,
                    struct histogram *lateness, struct generator_result *ret,
                    uint64_t *server_cpu_ns);

#endif
