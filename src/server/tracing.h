/* SPDX-License-Identifier: MIT */
/*
 * tracing.h - --trace: the server's side of it.
 */
#ifndef SERVER_TRACING_H
#define SERVER_TRACING_H

#include "server.h"

/* Before anything is served: can the file be written? 0, or an exit code when a line has been
 * said. */
int tracing_check(const struct options *options);

/* When there is a loop, and nothing on it yet; `worker` is NULL in a server of one process. 0, or
 * an exit code when a line has been said. */
int tracing_start(struct server *server, const struct worker *worker);

/* SIGUSR1 has the file written with what there is so far. 0 or -errno. */
int tracing_watch_signal(struct server *server);

/* A thread of the blocking model begins, or with `connection` one that serves it. NULL: no trace.
 */
struct trace_track *tracing_thread(struct server *server, const char *kind, int connection);

/* Write it when something still runs and the process is about to end. */
void tracing_write_now(struct server *server);

/* Write it and free it, when nothing runs any more. The exit code may become one of trouble. */
void tracing_finish(struct server *server);

#endif
