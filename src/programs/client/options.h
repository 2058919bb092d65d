/* SPDX-License-Identifier: MIT */
/*
 * options.h - the client's command line.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_options {
  const char *backend; /* NULL: IOLOOP_BACKEND or the best one */
  bool tcp, udp;       /* exactly one is true */
  const char *host;
  uint64_t port;
  const char *user; /* NULL: the user who runs it */
  bool raw, no_wait;
  uint64_t count, concurrency;
  uint64_t timeout_ns;
  const char **messages; /* the caller's array of argc, filled in */
  size_t message_count;  /* 0: the lines of stdin */
  bool help, version;
};

/* 0, or EXIT_USAGE after printing an error. ret->messages must be set. */
int options_parse(int argc, char **argv, struct client_options *ret);

/* Print --help on stdout. Returns an exit code. */
int options_print_help(void);

#endif
