/* SPDX-License-Identifier: MIT */
/*
 * lines.h - records on their way from threads to the loop, which owns stdout.
 */
#ifndef SERVER_LINES_H
#define SERVER_LINES_H

#include "server.h"

struct lines;

/* `on_news` is called in the loop after lines_tell, and after lines have been taken. -ENOMEM */
int lines_new(struct server *server, void (*on_news)(struct server *server), struct lines **ret);

/* In any thread: count a record and hand its line over. Blocks while stdout takes no more.
 * -ENOMEM; -ECANCELED: the end's time is over, nobody will take it. */
int lines_put(struct lines *lines, struct record_clock *clock, const char *protocol,
              const struct address *peer, const char *data, size_t size);

/* In any thread: there is something else for the loop to look at. */
void lines_tell(struct lines *lines);

/* ---- in the loop ---------------------------------------------------------------------- */

/* Put what has been handed over into the output. */
void lines_take(struct lines *lines);

/* stdout has more than it can take, or room again. */
void lines_stall(struct lines *lines, bool stalled);

/* Whoever waits in lines_put, or comes there, is sent away. */
void lines_abandon(struct lines *lines);

/* When no thread is left. NULL is fine. */
void lines_free(struct lines *lines);

#endif
