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
 *   reply.c     what goes back: the echo, or what sockperf expects
 *   blocking.c  connections and more served by a thread each, with calls that block
 *   blocking_udp.c  the thread of a UDP socket
 *   threads.c   the life of these threads            lines.c     their records' way to stdout
 *   record.c    what was read as a line of stdout
 *   stats.c     counters, the summary, the heartbeat
 *   tracing.c   --trace
 *   ending.c    SIGINT, SIGTERM and SIGHUP: the orderly end
 *   workers.c   --workers: the parent of several such processes, with relay.c and backoff.c
 *
 * Below the parent it is written against ioloop.h and iostream.h and does not know what model it
 * runs under; but for the blocking model, which is one of the server and not of the loop.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <signal.h>

#include "../iostream.h"
#include "../programs/address.h"
#include "../programs/output.h"
#include "counts.h"
#include "options.h"
#include "record.h"
#include "reply.h"
#include "sockets.h"

struct threads;
struct trace;

/* What a connection's callbacks are given. */
struct connection {
  struct server *server;
  struct address peer;    /* of the latest where it is shared: only --prefix shows it */
  struct framing framing; /* untouched where it is shared */
};

struct server {
  struct options options;
  struct connection anyone; /* every connection's, unless they must be told apart */
  const char *backend;
  bool blocking; /* --backend=blocking */
  struct ioloop *loop;
  struct output *output;
  struct iostream_gate *gate; /* closed while stdout has more than it can take */
  struct tcpserver *tcp;      /* NULL with --udp, and where threads accept */
  struct threads *threads;    /* NULL unless connections are served by threads */
  struct datagram **udp;      /* room for each socket that there is */
  size_t udp_count;
  uint16_t udp_port;    /* of each of them */
  uint64_t udp_refused; /* seemed to come from ourselves */
  uint64_t udp_replied; /* bytes that datagram_send took */
  uint64_t udp_unsent;  /* of these, not sent when they were last published */
  struct record_format format;
  struct record_clock clock;
  struct counts *counts, own_counts; /* the first points to the second, unless shared */
  int control;                       /* of a worker: the line to its parent; else -1 */
  struct trace *trace;               /* NULL without --trace */
  uint64_t trace_began_ns;
  unsigned long long descriptor_limit;
  uint64_t began_ns;
  _Atomic uint64_t complained_ns; /* when somebody last said that a connection cannot be had */
  int ending_signal;              /* 0: serving */
  uint64_t ending_ns;             /* when it came */
  uint64_t records_at_look;       /* over TCP, when connections were last to be closed */
  bool check_queued;              /* whether the end has come will be looked at */
  bool forced;                    /* the end's time is over */
  int status;                     /* to exit with */
};

/* What a worker process has from its parent. */
struct worker {
  size_t index;
  struct sockets *sockets;
  struct counts *counts; /* shared */
  int control;
};

/* serve.c: serve until the end. `worker` is NULL in a server of one process. An exit code. */
int server_run(const struct options *options, const struct worker *worker);
/* Those that wait until there is a handler for them, and when it is gone again. */
sigset_t server_signals(void);

/* listen.c: serve the sockets, which are taken. 0, or an exit code when a line has been said. */
int server_listen(struct server *server, struct sockets *set);

/* echo_tcp.c */
void server_on_connection(struct tcpserver *tcp, struct iostream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg);
void server_on_trouble(struct tcpserver *tcp, int error, void *arg);

/* echo_udp.c: takes the socket; 0 or -errno. */
int server_add_udp(struct server *server, int fd);

/* record.c: put a record into the output. */
void server_print(struct server *server, const char *protocol, const struct address *peer,
                  const char *data, size_t size);

/* stats.c */
int server_start_reports(struct server *server); /* 0 or -errno */
void server_publish(struct server *server);      /* bring server->counts up to date */
void server_print_summary(struct server *server);
size_t server_connections(const struct server *server);
/* Any thread: may another line about a connection that cannot be had be said? Once a second. */
bool server_may_complain(struct server *server);
void server_complain_of_accept(struct server *server, int error);

/* ending.c: 0 or -errno. */
int server_watch_signals(struct server *server);
void server_begin_end(struct server *server, int signo);
/* Something that the end may have waited for has happened. */
void server_check_end(struct server *server);

#endif
