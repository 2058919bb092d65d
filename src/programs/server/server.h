/* SPDX-License-Identifier: MIT */
/*
 * server.h - the echo-print server: a map, and what its files share. In the order of reading:
 *
 *   echo_tcp.c   connections served on the loop: print what was read, write it back
 *   echo_udp.c   the same for datagrams
 *   records.c    one read as one line of stdout, printed by the loop or queued by a thread
 *   reply.c      the reply: the echo, or what sockperf expects
 *   serve.c      the server of one process: puts the parts together, runs, tears down
 *   shutdown.c   SIGINT, SIGTERM and SIGHUP: the orderly shutdown
 *   sockets.c    addresses and ports: one port for TCP and UDP, on each address
 *   stats.c      counters, the summary, the heartbeat, --slow
 *   tracing.c    --trace
 *   main.c       the program: one process, or several; options.c has the command line
 *
 *   blocking.c   another model: a thread for each descriptor, with blocking calls
 *   threads.c    starting and ending these threads
 *   supervision/ --workers: a parent, and several processes that each are such a server
 *
 * Everything but the parent is written against ioloop.h and stream.h and does not know which
 * model it runs under. The exception is the blocking model, which belongs to the server and not to
 * the loop.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/cpus.h"
#include "common/output.h"
#include "ioloop/stream.h"
#include "reply.h"

struct threads;
struct trace;
struct trace_track;

/* ---- options.c ------------------------------------------------------------------------- */

enum handler_kind {
  HANDLER_UNSET = -1,
  HANDLER_INLINE,
  HANDLER_THREAD,
};

enum print_kind {
  PRINT_TEXT,
  PRINT_HEX,
  PRINT_NONE,
};

struct server_options {
  const char *backend; /* NULL: IOLOOP_BACKEND or the best one */
  const char *host;
  uint64_t port; /* 0: any free port */
  bool tcp, udp;
  int handler; /* enum handler_kind */
  bool no_echo;
  int reply; /* enum reply_kind */
  int print; /* enum print_kind */
  bool prefix;
  uint64_t max_connections; /* 0: no limit */
  uint64_t idle_timeout_ns; /* 0: none */
  uint64_t backlog;
  uint64_t spin_us;      /* 0: off */
  uint64_t heartbeat_ns; /* 0: none */
  uint64_t stats_ns;     /* 0: none */
  uint64_t workers;      /* processes; 0: this one */
  uint64_t slow_ns;      /* 0: off */
  const char *trace;     /* NULL: none */
  uint64_t trace_limit;  /* events */
  const char *cpu_list;  /* as given, or NULL */
  struct cpus cpus;      /* empty: any processor */
  bool list_backends, help, version;
};

/* 0, or EXIT_USAGE after printing an error. */
int options_parse(int argc, char **argv, struct server_options *ret);

/* Are the other options compatible with the blocking model? Returns as options_parse does. */
int options_check_blocking(const struct server_options *options);

/* Print --help on stdout. Returns an exit code. */
int options_print_help(void);

/* ---- counters -------------------------------------------------------------------------- */

/*
 * In memory that several threads or processes may share. Counters about the service are updated
 * immediately, in memory that a worker shares with its parent, so they survive a worker that is
 * killed. Counters about the loop are copied here periodically (stats.c). Each counter is atomic by
 * itself: a reader never sees a torn value, but two counters may be from slightly different
 * moments.
 */
enum counter {
  COUNT_ACCEPTED,
  COUNT_CLOSED,
  COUNT_FAILED, /* closed by an error */
  COUNT_TCP_RECORDS,
  COUNT_UDP_RECORDS,
  COUNT_BYTES, /* received */
  COUNT_ECHOED,
  COUNT_REPLY_DROPS,
  COUNT_KERNEL_DROPS,
  COUNT_ITERATIONS, /* the loop's counters, from here on */
  COUNT_WAKEUPS,
  COUNT_EVENTS,
  COUNT_SPURIOUS,
  COUNT_SIGNALS,
  COUNT_OVERFLOWS,
  COUNT_STARVED,
  COUNT_RESCUES,
  COUNT_SPINS,
  COUNT_SPIN_HITS,
  COUNTERS
};

struct counts {
  _Atomic uint64_t at[COUNTERS];
};

static inline uint64_t counts_get(const struct counts *counts, enum counter which) {
  return atomic_load_explicit(&counts->at[which], memory_order_relaxed);
}

static inline void counts_set(struct counts *counts, enum counter which, uint64_t value) {
  atomic_store_explicit(&counts->at[which], value, memory_order_relaxed);
}

/* For a counter that only one thread writes: a plain addition, without the locked bus cycle of the
 * other. */
static inline void counts_add(struct counts *counts, enum counter which, uint64_t more) {
  counts_set(counts, which, counts_get(counts, which) + more);
}

/* For a counter that several threads write. */
static inline void counts_add_shared(struct counts *counts, enum counter which, uint64_t more) {
  atomic_fetch_add_explicit(&counts->at[which], more, memory_order_relaxed);
}

/* ---- sockets.c ------------------------------------------------------------------------- */

/* Bound and listening, but not served yet. */
struct bound_socket {
  int fd; /* -1: taken over by the loop or a thread, or closed */
  bool tcp;
  struct address address;
};

/* Initially zero. */
struct sockets {
  struct bound_socket *at;
  size_t count;
};

/*
 * Open `count` sets (at least 1) of the same addresses and ports. With more than one, or --workers,
 * the kernel distributes new connections and datagrams among them. 0, or an exit code after
 * printing an error; then none is open.
 */
int sockets_open(const struct server_options *options, struct sockets *sets, size_t count);
/* Close those that were not taken over, and free the list. */
void sockets_close(struct sockets *set);
/* Print "listening tcp 127.0.0.1:8888 backend=epoll" for each. */
void sockets_announce(const struct sockets *set, const char *backend);

/* ---- the server ------------------------------------------------------------------------ */

/* The argument of a connection's callbacks. */
struct connection {
  struct server *server;
  struct address peer;    /* of the most recent peer if shared: only --prefix prints it */
  struct framing framing; /* unused if shared */
  bool malformed;         /* it sent what cannot be parsed, and is closing */
};

/* The second of a record's time, and its text: converting to local time walks through the time
 * zone's rules. Initially zero; one for each thread. */
struct record_clock {
  time_t second;
  char text[24];
};

struct server {
  struct server_options options;
  struct connection anyone; /* shared by all connections, unless they need their own */
  const char *backend;
  bool blocking; /* --backend=blocking */
  struct ioloop *loop;
  struct output *output;
  struct ioloop_gate *gate;     /* closed while stdout is full */
  struct ioloop_tcpserver *tcp; /* NULL with --udp, and if threads accept */
  struct threads *threads;      /* NULL unless connections are served by threads */
  struct ioloop_datagram **udp; /* room for every socket */
  size_t udp_count;
  uint16_t udp_port;    /* of each of them */
  uint64_t udp_refused; /* seemed to come from ourselves */
  uint64_t udp_replied; /* bytes that ioloop_datagram_send took */
  uint64_t udp_unsent;  /* of these, not sent when they were last published */
  struct record_clock clock;
  struct counts *counts, own_counts; /* the first points to the second, unless shared */
  int control;                       /* a worker's control line to its parent; else -1 */
  size_t worker_index;               /* a worker's, from 0 */
  struct trace *trace;               /* NULL without --trace */
  uint64_t trace_began_ns;
  unsigned long long descriptor_limit;
  uint64_t began_ns;
  _Atomic uint64_t complained_ns; /* time of the last message about a connection that failed */
  int shutdown_signal;            /* 0: serving */
  uint64_t shutdown_ns;           /* when it arrived */
  uint64_t records_at_check;      /* over TCP, at the last check for idle connections */
  bool check_queued;              /* server_check_shutdown has scheduled a check */
  bool forced;                    /* the time for shutdown is over */
  int status;                     /* exit status */
};

/* What a worker process gets from its parent. */
struct worker {
  size_t index;
  struct sockets *sockets;
  struct counts *counts; /* shared */
  int control;
};

/* serve.c: serve until shutdown. `worker` is NULL in a server of one process. Returns an exit
 * code. */
int server_run(const struct server_options *options, const struct worker *worker);
/* The signals that are blocked until they have a handler, and again once it is removed. */
sigset_t server_signals(void);

/* echo_tcp.c */
void server_on_connection(struct ioloop_tcpserver *tcp, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg);

/* echo_udp.c: takes ownership of the socket; 0 or -errno. */
int server_add_udp(struct server *server, int fd);

/* records.c: put a record into the output; in the loop. */
void server_print(struct server *server, const char *protocol, const struct address *peer,
                  const char *data, size_t size);

/* ---- blocking.c ------------------------------------------------------------------------ */

#define BLOCKING_MODEL "blocking"

/* --backend=blocking: start a thread for each of the sockets, and give it the socket. 0 or
 * -errno. */
int blocking_start(struct server *server, struct sockets *set);
/* --handler=thread: a ioloop_tcpserver_accepted_fn with the server as arg. */
void blocking_on_accepted(struct ioloop_tcpserver *tcp, int fd, const struct sockaddr *peer,
                          socklen_t peer_size, void *arg);

/* ---- stats.c: the same for a parent of workers ------------------------------------------ */

/* Call `on_stats` for --stats, and print --heartbeat. 0 or -errno. */
int reports_start(struct ioloop *loop, const struct server_options *options,
                  ioloop_callback_fn *on_stats, void *arg);
/* Print "TITLE connections=1 accepted=3 ...", then `more`. `unprinted`: records that stdout has not
 * taken yet. */
void reports_print(const char *title, const struct counts *counts, uint64_t unprinted,
                   const char *more);
/* Print a title "summary: backend=... seconds=..." of this server with the counts. */
void reports_print_summary(const char *backend, uint64_t served_ns, const struct counts *counts,
                           uint64_t unprinted, const char *more);
/* Each prints an error and returns the exit code for it: records that shutdown left unprinted (0 if
 * none), an error that makes serving impossible, and one of stdout. */
int complain_of_lost(uint64_t records);
int complain_of_start(int error);
int complain_of_stdout(int error);

/* The server's: */
void server_on_stats(struct ioloop *loop, void *server);
void server_publish(struct server *server); /* update server->counts */
size_t server_connections(const struct server *server);
/* Any thread: may another line about a failed connection be printed? True once a second. */
bool server_may_complain(struct server *server);
void server_complain_of_accept(struct server *server, int error);
/* Both do nothing without --slow. */
void slow_watch(struct server *server);
void slow_summarize(const struct server *server); /* when the loop has ended */

/* ---- shutdown.c ------------------------------------------------------------------------ */

enum {
  SHUTDOWN_MS = 3000, /* what has arrived must be finished by then */
};

void shutdown_announce(void);
int server_watch_signals(struct server *server); /* 0 or -errno */
void server_begin_shutdown(struct server *server, int signo);
/* Something that shutdown may be waiting for has happened. */
void server_check_shutdown(struct server *server);

/* ---- tracing.c: --trace ----------------------------------------------------------------- */

/* Before serving begins: can the file be written? 0, or an exit code after printing an error. */
int tracing_check(const struct server_options *options);
/* Once there is a loop, and before anything is added to it; `worker` is NULL in a server of one
 * process. 0, or an exit code after printing an error. */
int tracing_start(struct server *server, const struct worker *worker);
/* SIGUSR1 writes the file with what has been recorded so far. 0 or -errno. */
int tracing_watch_signal(struct server *server);
/* A thread of the blocking model begins; with `connection`, one that serves it. NULL: no trace. */
struct trace_track *tracing_thread(struct server *server, const char *kind, int connection);
/* Write it while something still runs and the process is about to exit. */
void tracing_write_now(struct server *server);
/* Write it and free it, once nothing runs any longer. May change the exit code to EXIT_TROUBLE. */
void tracing_finish(struct server *server);

#endif
