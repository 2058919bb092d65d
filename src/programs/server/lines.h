/* SPDX-License-Identifier: MIT */
/*
 * lines.h - records on their way from threads to the loop, which owns stdout.
 */
#ifndef SERVER_LINES_H
#define SERVER_LINES_H

#include "server.h"

struct lines;

/* `on_news` is called in the loop after lines_notify, and after lines have been taken. -ENOMEM */
int lines_new(struct server *server, void (*on_news)(struct server *server), struct lines **ret);

/* In any thread: count a record and queue its line. Blocks while stdout takes no more. -ENOMEM;
 * -ECANCELED: the time for shutdown is over, and the line would never be taken. */
int lines_put(struct lines *lines, struct record_clock *clock, const char *protocol,
              const struct address *peer, const char *data, size_t size);

/* In any thread: make the loop call `on_news`. */
void lines_notify(struct lines *lines);

/* ---- in the loop ---------------------------------------------------------------------- */

/* Move the queued lines into the output. */
void lines_take(struct lines *lines);

/* stdout is full, or has room again. */
void lines_stall(struct lines *lines, bool stalled);

/* Make every present and future call of lines_put return -ECANCELED. */
void lines_abandon(struct lines *lines);

/* Once no thread is left. NULL is fine. */
void lines_free(struct lines *lines);

#endif
