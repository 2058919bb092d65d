/* SPDX-License-Identifier: MIT */
/*
 * server.h - the echo-print server: what its files share.
 *
 *   main.c      the program: one process, or several
 *   options.c   the command line
 *   sockets.c   addresses and ports: one port for TCP and UDP, on each address
 *   serve.c     the server of one process: puts the parts together, runs, tears down
 *   listen.c    gives the sockets to the loop or to threads
 *   echo_tcp.c  connections served on the loop       echo_udp.c  datagrams
 *   reply.c     the reply: the echo, or what sockperf expects
 *   blocking.c  a thread for each descriptor, with blocking calls
 *   blocking_udp.c  the thread of a UDP socket
 *   threads.c   starting and ending these threads    lines.c   their path to stdout
 *   record.c    one read as one line of stdout
 *   stats.c     counters, the summary, the heartbeat
 *   tracing.c   --trace
 *   slow.c      --slow
 *   shutdown.c  SIGINT, SIGTERM and SIGHUP: the orderly shutdown
 *   workers.c   --workers: the parent of several such processes, with relay.c and backoff.c
 *
 * Everything but the parent is written against ioloop.h and iostream.h and does not know which
 * model it runs under. The exception is the blocking model, which belongs to the server and not to
 * the loop.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <signal.h>

#include "common/address.h"
#include "common/output.h"
#include "counts.h"
#include "iostream.h"
#include "options.h"
#include "record.h"
#include "reply.h"
#include "sockets.h"

struct threads;
struct trace;

/* The argument of a connection's callbacks. */
struct connection {
  struct server *server;
  struct address peer;    /* of the most recent peer if shared: only --prefix prints it */
  struct framing framing; /* unused if shared */
};

struct server {
  struct server_options options;
  struct connection anyone; /* shared by all connections, unless they need their own */
  const char *backend;
  bool blocking; /* --backend=blocking */
  struct ioloop *loop;
  struct output *output;
  struct iostream_gate *gate; /* closed while stdout is full */
  struct tcpserver *tcp;      /* NULL with --udp, and if threads accept */
  struct threads *threads;    /* NULL unless connections are served by threads */
  struct datagram **udp;      /* room for every socket */
  size_t udp_count;
  uint16_t udp_port;    /* of each of them */
  uint64_t udp_refused; /* seemed to come from ourselves */
  uint64_t udp_replied; /* bytes that datagram_send took */
  uint64_t udp_unsent;  /* of these, not sent when they were last published */
  struct record_format format;
  struct record_clock clock;
  struct counts *counts, own_counts; /* the first points to the second, unless shared */
  int control;                       /* a worker's control line to its parent; else -1 */
  size_t worker_index;               /* a worker's, from 0 */
  struct trace *trace;               /* NULL without --trace */
  uint64_t trace_began_ns;
  unsigned long long descriptor_limit;
  uint64_t began_ns;
  _Atomic uint64_t complained_ns; /* time of the last message about a connection that failed */
  int ending_signal;              /* 0: serving */
  uint64_t ending_ns;             /* when it arrived */
  uint64_t records_at_look;       /* over TCP, at the last check for idle connections */
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

/* listen.c: serve the sockets, and take ownership of them. 0, or an exit code after printing an
 * error. */
int server_listen(struct server *server, struct sockets *set);

/* echo_tcp.c */
void server_on_connection(struct tcpserver *tcp, struct iostream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg);
void server_on_trouble(struct tcpserver *tcp, int error, void *arg);

/* echo_udp.c: takes ownership of the socket; 0 or -errno. */
int server_add_udp(struct server *server, int fd);

/* record.c: put a record into the output. */
void server_print(struct server *server, const char *protocol, const struct address *peer,
                  const char *data, size_t size);

/* stats.c */
int server_start_reports(struct server *server); /* 0 or -errno */
void server_publish(struct server *server);      /* update server->counts */
void server_print_summary(struct server *server);
size_t server_connections(const struct server *server);
/* Any thread: may another line about a failed connection be printed? True once a second. */
bool server_may_complain(struct server *server);
void server_complain_of_accept(struct server *server, int error);

/* slow.c: both do nothing without --slow. */
void slow_watch(struct server *server);
void slow_summarize(const struct server *server); /* when the loop has ended */

/* shutdown.c: 0 or -errno. */
int server_watch_signals(struct server *server);
void server_begin_shutdown(struct server *server, int signo);
/* Something that shutdown may be waiting for has happened. */
void server_check_shutdown(struct server *server);

#endif
