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
  CONTESTANT_PEER,
  CONTESTANT_WORKLOAD /* a loop by itself, without sockets of a server: experiments/workload.h */
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

/* The one of that name, variants and options included, or NULL. */
const struct contestant *contestants_find(const struct contestants *among, const char *name);

/* For those who make a list: one more (-ENOMEM); all of "all", "backends", "peers" (-ENOMEM); what
 * is known of a name (false: there is no such contestant). */
int contestants_add(struct contestants *to, const struct contestant *one);
int contestants_add_group(struct contestants *to, const char *group);
bool contestant_fill(struct contestant *to, const char *name);

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

/* Where its program is and what it is called with, for those who run it under a tool (strace,
 * valgrind). Strings belong to `ret`. -ENOENT: the program is not there; -ENAMETOOLONG. */
enum {
  COMMAND_WORDS = 24,
  COMMAND_TEXT_SIZE = 5120
};
struct command {
  char *argv[COMMAND_WORDS + 1]; /* ends with NULL */
  size_t count;
  char text[COMMAND_TEXT_SIZE];
  size_t used;
};
int contestant_command(const struct contestant *contestant, bool udp, uint16_t port,
                       struct command *ret);

/* One more word; the path of a program of ours. 0, -ENAMETOOLONG, -ENOENT. */
int command_add(struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int command_add_program(struct command *command, const char *name);

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

/* The same for any program that says where it listens. */
int server_start_command(const struct command *command, int cpu, const struct server_limits *limits,
                         struct server_process *ret, char *said, size_t said_size);

/* Is it still there? False: it died, and `said` has how and its last words. */
bool server_alive(struct server_process *process, char *said, size_t said_size);

/* The same of one that has closed its connections, as a process does before it is gone: does it die
 * within `patience_ns`? */
bool server_dies(struct server_process *process, uint64_t patience_ns, char *said,
                 size_t said_size);

/* End it in order and collect its last words (ours: the summary, "… overflows=3 …"). */
void server_stop(struct server_process *process, char *said, size_t said_size);

#endif
