/* SPDX-License-Identifier: MIT */
/*
 * programs.h - the paths of the programs that the lab starts: next to it in the build folder, or as
 * installed (ioloop-server next to ioloop-bench, peers in libexec).
 */
#ifndef BENCH_PROGRAMS_H
#define BENCH_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

/* To be called first: remember where this program was started from. */
void programs_begin(const char *argv0);

/* The path of "server" or "bench-peer-epoll" in `to`. False: it does not exist or cannot be run. */
bool programs_find(const char *name, char *to, size_t room);

/* A tool of the system, such as "strace", in $PATH. */
bool programs_find_tool(const char *name, char *to, size_t room);

#endif
