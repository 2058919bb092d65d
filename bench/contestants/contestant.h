/* SPDX-License-Identifier: MIT */
/*
 * contestant.h - the programs that are compared, and how one is started and stopped.
 *
 * A contestant is an echo server in a process of its own: our server under one backend, or a peer
 * (bench/peers/), written as a user of its library would write it. All are started by the same
 * code, pinned to the same processor, with printing off, and report their port on stderr (ours) or
 * stdout (peers).
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
  CONTESTANT_WORKLOAD /* a loop alone, without a server's sockets: experiments/workload.h */
};

struct contestant {
  char name[CONTESTANT_NAME_SIZE]; /* "epoll+spin=50", "peer:libuv", "peer:tornado@epoll" */
  char runs[CONTESTANT_NAME_SIZE]; /* the same, or what an alias stands for: what is started */
  enum contestant_kind kind;
  bool tcp, udp;  /* the protocols it serves */
  bool available; /* false: see `reason` */
  char reason[CONTESTANT_REASON_SIZE];
};

struct contestants {
  struct contestant *at;
  size_t count;
};

/* All contestants: the backends of server, best first, with blocking among them, then the peers,
 * and Tornado on each loop, including those that are unavailable. -ENOMEM. */
int contestants_list(struct contestants *ret);
void contestants_free(struct contestants *contestants);

/* The one of that name, including variants and options, or NULL. */
const struct contestant *contestants_find(const struct contestants *among, const char *name);

/* For code that builds a list: add one unless it is there (-ENOMEM); the contestant of a name
 * (false: there is none). */
int contestants_add(struct contestants *to, const struct contestant *one);
bool contestant_fill(struct contestant *to, const char *name);

/*
 * Those named in `names` ("epoll,peer:libuv", "all", "backends", "peers", "tornado", which is not in
 * "all"; also a backend's variants, "+OPTION=VALUE" for any option of server: "epoll+spin=50", and
 * "alias:NAME=CONTESTANT", the same program under another name), in that order. 0, or
 * EXIT_USAGE after printing an error (an unknown name: with a list of the known ones).
 */
int contestants_choose(const char *names, struct contestants *ret);

struct server_process {
  pid_t pid;
  uint16_t port;
  int errors; /* its stderr and stdout: its last lines, and why it failed */
};

/* A command line that is being put together. */
enum {
  COMMAND_WORDS = 24,
  COMMAND_TEXT_SIZE = 5120
};
struct command {
  char *argv[COMMAND_WORDS + 1]; /* ends with NULL */
  size_t count;
  char text[COMMAND_TEXT_SIZE];
  size_t used;
  int error; /* the first one: nothing is appended after it */
};

/* The path of its program and its arguments, for running it under a tool (strace, valgrind).
 * Strings belong to `ret`. -ENOENT: there is no such program; -ENAMETOOLONG. */
int contestant_command(const struct contestant *contestant, bool udp, uint16_t port,
                       struct command *ret);

/* Append an argument; the path of one of our programs. Returns command->error: 0, -ENAMETOOLONG,
 * -ENOENT. */
int command_add(struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int command_add_program(struct command *command, const char *name);

struct server_limits {
  bool sigpending_set;
  uint64_t sigpending; /* RLIMIT_SIGPENDING of the process */
};

/*
 * Start it on `port` (0: a free one) of 127.0.0.1 and wait until it listens. cpu -1: anywhere.
 * limits may be NULL. 0, or -errno, with its stderr (or the error) in `stderr_tail`.
 */
int server_start(const struct contestant *contestant, bool udp, uint16_t port, int cpu,
                 const struct server_limits *limits, struct server_process *ret, char *stderr_tail,
                 size_t tail_size);

/* The same for any program that reports its port. */
int server_start_command(const struct command *command, int cpu, const struct server_limits *limits,
                         struct server_process *ret, char *stderr_tail, size_t tail_size);

/* Is it still running? False: it died, and `stderr_tail` has the reason and its last lines. */
bool server_alive(struct server_process *process, char *stderr_tail, size_t tail_size);

/* The same for a server that has closed its connections, as a process does before it ends: does it
 * end within `patience_ns`? */
bool server_ends(struct server_process *process, uint64_t patience_ns, char *stderr_tail,
                 size_t tail_size);

/* Stop it in order and collect its last lines (ours: the summary, "… overflows=3 …"). */
void server_stop(struct server_process *process, char *stderr_tail, size_t tail_size);

#endif
