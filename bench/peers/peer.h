/* SPDX-License-Identifier: MIT */
/*
 * peer.h - the part of the peers that does not depend on a library: command line, socket, port
 * line.
 *
 *   bench-peer-NAME tcp|udp PORT     (0: any)
 *
 * listens on 127.0.0.1, prints "listening PORT" on stdout and serves until SIGTERM or SIGINT, which
 * end it with 0. A peer has nothing to save, so the signal handler ends the process, and no library
 * needs a watcher for signals.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
  bool udp;
  uint16_t port; /* the socket's, even if any was requested */
  int fd;        /* bound, non-blocking; TCP: listening */
};

/* The socket for the command line's arguments. Exits after printing an error if that fails: with 2
 * for a wrong command line, else with 1. */
struct peer peer_begin(int argc, char **argv);

/* It serves from now on: print the line that its parent waits for. */
void peer_announce(const struct peer *peer);

/* "NAME: what: why" from errno; exits with 1. */
_Noreturn void peer_fail(const char *what);

/* A TCP connection, non-blocking, or -1: there is none. If no descriptor is left, one client is
 * turned away, so that a level-triggered loop does not spin on the listener. */
int peer_accept(int listener);

/* Turn away one waiting client: a descriptor kept in reserve accepts it and is closed (libev's
 * manual, "The special problem of accept()ing when you can't"). */
void peer_turn_away(int listener);

/*
 * ---- the echo itself, for those that are notified when a socket is ready ------------------
 *
 * One recv and one send per event. Data that a slow reader does not take is kept, and nothing more
 * is read from it until that data is sent. So there is never more than one rest, and end of input
 * comes last.
 */

enum {
  ECHO_BUFFER_SIZE = 65536,
};

enum echo {
  ECHO_OVER,  /* end of input, or an error: close it */
  ECHO_GO_ON, /* watch it as before */
  ECHO_TURN,  /* watch it for writing instead of reading, or vice versa */
};

/* Data still to be sent; size 0: none, and `memory` is NULL. */
struct rest {
  char *memory, *at;
  size_t size;
};

/* It is readable; it is writable. */
enum echo echo_input(int fd, struct rest *rest);
enum echo echo_rest(int fd, struct rest *rest);

/* Read datagrams until there are no more. One that cannot be sent is lost, as datagrams may be. */
void echo_datagrams(int fd);

#endif
