/* SPDX-License-Identifier: MIT */
/*
 * options.h - the server's command line.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cpus.h"

enum handler_kind {
  HANDLER_UNSAID = -1,
  HANDLER_INLINE,
  HANDLER_THREAD,
};

enum reply_kind {
  REPLY_ECHO,
  REPLY_SOCKPERF,
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

#endif
