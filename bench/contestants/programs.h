/* SPDX-License-Identifier: MIT */
/*
 * programs.h - where the programs are that the lab starts: beside it in the build folder, or where
 * they are installed (ioloop-server beside ioloop-bench, peers in libexec).
 */
#ifndef BENCH_PROGRAMS_H
#define BENCH_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

/* First: from where this program was started. */
void programs_begin(const char *argv0);

/* The path of "server" or "bench-peer-epoll" in `to`. False: it is not there, or cannot be run. */
bool programs_find(const char *name, char *to, size_t room);

/* A tool of the system's, as "strace", in $PATH. */
bool programs_find_tool(const char *name, char *to, size_t room);

#endif
