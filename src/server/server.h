/* SPDX-License-Identifier: MIT */
/*
 * server.h - the echo-print server: what its files share.
 *
 *   main.c      puts the parts together, runs the loop, tears down
 *   options.c   the command line
 *   listen.c    addresses and ports: one port for TCP and UDP, on each address
 *   echo_tcp.c  connections served on the loop       echo_udp.c  datagrams
 *   threads.c   connections served by a thread each (--handler=thread)
 *   record.c    what was read as a line of stdout
 *   stats.c     counters, the summary, the heartbeat
 *   ending.c    SIGINT and SIGTERM: the orderly end
 *
 * It is written against ioloop.h and iostream.h alone and does not know what model it runs under.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "../iostream.h"
#include "../programs/address.h"
#include "../programs/output.h"
#include "options.h"
#include "record.h"

struct threads;

struct counts {
  uint64_t tcp_records, udp_records;
  uint64_t bytes, echoed; /* received, and sent back (by threads: see threads_echoed) */
  uint64_t failed;        /* connections that an error ended */
};

/* What a connection's callbacks are given. */
struct connection {
  struct server *server;
  struct address peer; /* of the latest where it is shared: only --prefix shows it */
};

struct server {
  struct options options;
  struct connection anyone; /* every connection's, unless --prefix tells them apart */
  struct ioloop *loop;
  struct output *output;
  struct iostream_gate *gate; /* closed while stdout has more than it can take */
  struct tcpserver *tcp;      /* NULL with --udp */
  struct threads *threads;    /* NULL unless --handler=thread */
  struct datagram *udp[ADDRESS_LIST_SIZE];
  size_t udp_count;
  struct record_format format;
  struct record_clock clock;
  struct counts counts;
  unsigned long long descriptor_limit;
  uint64_t began_ns, complained_ns; /* times of the start and of the last word on accept() */
  int ending_signal;                /* 0: serving */
  bool check_queued;                /* whether the end has come will be looked at */
  bool forced;                      /* the end's time is over */
  int status;                       /* to exit with */
};

/* listen.c: everything the options ask for. 0, or an exit code when a line has been said. */
int server_listen(struct server *server);
void server_announce(const struct server *server);

/* echo_tcp.c */
void server_on_connection(struct tcpserver *tcp, struct iostream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg);
void server_on_trouble(struct tcpserver *tcp, int error, void *arg);

/* echo_udp.c */
int server_add_udp(struct server *server, const struct address *address);

/* record.c: put a record into the output. */
void server_print(struct server *server, const char *protocol, const struct address *peer,
                  const char *data, size_t size);

/* stats.c: 0 or -errno. */
int server_start_reports(struct server *server);
void server_print_summary(const struct server *server);

/* ending.c: 0 or -errno. */
int server_watch_signals(struct server *server);
/* Something that the end may have waited for has happened. */
void server_check_end(struct server *server);

#endif
