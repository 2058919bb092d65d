/* SPDX-License-Identifier: MIT */
/*
 * generator.h - the load generator: clients of an echo server, on one ioloop, in one process.
 *
 * closed loop  Every connection keeps `depth` requests under way and sends the next when an echo is
 *              complete: best-case round trips, and capacity. A server that stalls is asked less
 *              while it does, so a closed loop hides stalls ("coordinated omission", Gil Tene).
 * open loop    Requests leave by a schedule made beforehand (constant or Poisson arrivals at
 *              `rate`), whether or not earlier ones were answered, round robin over the
 *              connections. Latency counts from the *planned* time, as in wrk2.
 * churn        A closed loop in which each request has a TCP connection of its own: connect,
 *              request, echo, close. Latency counts from connect().
 *
 * Lateness is the generator's own: how long after its planned time it came to a request. Late for
 * more than `late_share` of them, and the run is invalid, for its latencies tell of the generator.
 * A request that then has to wait because the socket is full is not late: the server is slow, and
 * its latency shows it.
 *
 * Every echo is compared with what was sent, byte by byte. Over UDP a request is found again by its
 * number, in any order; one without an echo `drain_ns` after the end (in a closed loop: `drain_ns`
 * after it was sent, when another one takes its place) is lost, and counted.
 *
 * TCP connections are opened 64 at a time, and with more than 64 one in 64 exchanges a message of
 * 16 bytes meanwhile: its echo proves that the server has accepted all before it, so that no
 * listen queue of 128 or more overflows into SYN retries of a second. The idle ones come first.
 */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../results/histogram.h"

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
  GENERATOR_MAX_SIZE = 1 << 20,
  GENERATOR_MAX_DATAGRAM = 65507,
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
  bool churn;         /* each request on a new connection, `connections` of them at once; TCP,
                         closed loop, depth 1 */
  double rate;        /* requests a second over all connections; 0: closed loop */
  enum arrivals arrivals;
  uint64_t seed;
  uint64_t warmup_ns, duration_ns; /* what is sent during the warm-up is not recorded */
  uint64_t drain_ns;               /* wait so long for the last echoes; 0: a second */
  uint64_t requests; /* closed loop: end after so many instead of by time; 0: by time */
  uint64_t late_ns;  /* open loop: a send later than that is late; 0: 100 us */
  double late_share; /* and so many may be; 0: 0.01 */
  int cpu;           /* stay on this processor, afterwards too; -1: anywhere */
  bool spin;         /* never sleep: no wake-up of the generator is in the figures, and an open
                        loop sends to the microsecond. Wants a processor of its own */
};

struct generator_result {
  /* Of the measured part. Open loop: `sent` are those that were planned in it and that the
   * generator came to. lost: sent and not echoed. wrong: echoes with other bytes. */
  uint64_t sent, echoed, lost, wrong;
  uint64_t elapsed_ns; /* of the measured part */
  uint64_t late;       /* sends later than late_ns, and planned ones that it never came to */
  uint64_t late_max_ns;
  uint64_t generator_cpu_ns;          /* of the generator's process, measured part */
  double rate;                        /* echoes a second */
  bool valid;                         /* false: `reason` says why the latencies must not be used */
  char reason[GENERATOR_REASON_SIZE]; /* also where the run failed */
};

/*
 * Run it here, in this process and thread. Latencies (ns) of the measured part are added to
 * `latency`, how late sends were to `lateness` (NULL is fine; open loop only). Raises the soft
 * limit of descriptors; SIGINT and SIGTERM are watched and SIGPIPE is ignored while it runs.
 *
 * 0 (look at ret->valid then), or -errno with the reason in words in ret->reason:
 *   -EINVAL        options that make no sense together, or no such backend or processor
 *   -EMFILE        more connections than descriptors: says how many there may be
 *   -ECONNREFUSED  nobody listens
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
 * The same in a child process, which ends with this one on Linux. `server` is the pid whose CPU
 * time is measured over the same part (threads included); 0: none, *server_cpu_ns is untouched then
 * (and may be NULL). SIGINT and SIGTERM end the child, and reach this process's own handlers when
 * it has ended. Not for two threads at once. 0 or -errno as above; -ESRCH: there is no process
 * `server`; -ECHILD with the reason: the child died, or gave no sign of life for 15 s and was
 * killed.
 */
int generator_spawn(const struct generator_options *options, int server, struct histogram *latency,
                    struct histogram *lateness, struct generator_result *ret,
                    uint64_t *server_cpu_ns);

#endif
