/* SPDX-License-Identifier: MIT */
/*
 * peer.h - what the peers share, none of which is of any library: command line, socket, port line.
 *
 *   bench-peer-NAME tcp|udp PORT     (0: any)
 *
 * listens on 127.0.0.1, says "listening PORT" on stdout and serves until SIGTERM or SIGINT, which
 * end it with 0. A peer has nothing to save, so those end the process in the signal handler and
 * cost none of the libraries a watcher.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct peer {
  bool udp;
  uint16_t port; /* the socket's, also where any was asked for */
  int fd;        /* bound, non-blocking; TCP: listening */
};

/* What the command line asks for. Exits where that cannot be had, having said why: with 2 where
 * the command line is wrong, else with 1. */
struct peer peer_begin(int argc, char **argv);

/* It serves from now on: print the line that whoever started it waits for. */
void peer_announce(const struct peer *peer);

/* "NAME: what: why" from errno; exits with 1. */
_Noreturn void peer_fail(const char *what);

/* A TCP connection, non-blocking, or -1: there is none. Where we have no descriptor left for it,
 * one client is turned away, so that a level-triggered loop does not spin on the listener. */
int peer_accept(int listener);

/* Turn away one client that waits: a descriptor kept in reserve takes it and is closed (libev's
 * manual, "The special problem of accept()ing when you can't"). */
void peer_turn_away(int listener);

#endif
