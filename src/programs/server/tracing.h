/* SPDX-License-Identifier: MIT */
/*
 * tracing.h - --trace: the server's side of it.
 */
#ifndef SERVER_TRACING_H
#define SERVER_TRACING_H

#include "server.h"

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
