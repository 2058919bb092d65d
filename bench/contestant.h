/* SPDX-License-Identifier: MIT */
/*
 * contestant.h - who is compared, and how one is started and ended.
 *
 * A contestant is an echo server in a process of its own: our server under one backend, or a peer
 * (bench/peers/), written by hand as its library's users would. Every one is started by the same
 * code, pinned to the same processor, with nothing printed, and says on stderr (ours) or stdout
 * (peers) where it listens.
 */
#ifndef BENCH_CONTESTANT_H
#define BENCH_CONTESTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  CONTESTANT_NAME_SIZE = 48,
  CONTESTANT_REASON_SIZE = 192,
};

enum contestant_kind {
  CONTESTANT_BACKEND,
  CONTESTANT_PEER
};

struct contestant {
  char name[CONTESTANT_NAME_SIZE]; /* "epoll", "libevent:poll", "epoll+spin=50", "peer:libuv" */
  enum contestant_kind kind;
  bool tcp, udp;  /* what it serves */
  bool available; /* false: reason says why not */
  char reason[CONTESTANT_REASON_SIZE];
};

struct contestants {
  struct contestant *at;
  size_t count;
};

/* All there are: the backends of server, best first, blocking among them, then the peers, also
 * those that are not here. -ENOMEM. */
int contestants_list(struct contestants *ret);
void contestants_free(struct contestants *contestants);

/*
 * Those named in `names` ("epoll,peer:libuv", "all", "backends", "peers"; a backend's variants and
 * "+OPTION=VALUE" for any option of server are names too: "epoll+spin=50"), in that order. 0, or
 * EXIT_USAGE when a line has been said (an unknown name: with those there are).
 */
int contestants_choose(const char *names, struct contestants *ret);

struct server_process {
  pid_t pid;
  uint16_t port;
  int errors; /* its stderr and stdout: what it says at the end and why it failed */
};

struct server_limits {
  bool sigpending_set;
  uint64_t sigpending; /* RLIMIT_SIGPENDING of the process */
};

/*
 * Start it on `port` (0: a free one) of 127.0.0.1 and wait until it listens. cpu -1: anywhere.
 * limits may be NULL. 0, or -errno, with what it said on stderr (or what is wrong) in `said`.
 */
int server_start(const struct contestant *contestant, bool udp, uint16_t port, int cpu,
                 const struct server_limits *limits, struct server_process *ret, char *said,
                 size_t said_size);

/* Is it still there? False: it died, and `said` has how and its last words. */
bool server_alive(struct server_process *process, char *said, size_t said_size);

/* End it in order and collect its last words (ours: the summary, "… overflows=3 …"). */
void server_stop(struct server_process *process, char *said, size_t said_size);

/* CPU time of a process, all threads, user and system, in ns: clock_getcpuclockid(3). -ESRCH. */
int process_cpu_ns(pid_t pid, uint64_t *ret);

/* A counter of our server's summary in what it said: "overflows". False: not there. */
bool said_counter(const char *said, const char *name, uint64_t *ret);

#endif
