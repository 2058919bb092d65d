/* SPDX-License-Identifier: MIT */
/*
 * lines.c - the queue between threads that serve with blocking calls and the loop that writes.
 *
 *   thread:  recv -> line --(mutex)--> queue --> threadsafe callback --> loop: stdout
 *
 * Only one thread writes, so that a record is never torn and the output of many threads takes few
 * writes. When stdout is slow, the threads block on a condition variable and stop receiving, and
 * the kernel does the rest: TCP closes the window, UDP drops and counts.
 */
#include "lines.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
  QUEUE_LIMIT = 256 * 1024, /* bytes of lines that the loop has not yet taken */
};

struct line {
  struct line *next;
  size_t size;
  char text[];
};

struct lines {
  struct server *server;
  void (*on_news)(struct server *server);

  pthread_mutex_t mutex; /* guards the rest */
  pthread_cond_t may_go_on;
  struct line *first, **last;
  size_t queued;
  bool notified; /* a callback is on its way to the loop */
  bool stalled, abandoned;
};

/* ---- in threads ----------------------------------------------------------------------- */

static void on_notified(struct ioloop *loop, void *arg);

/* With the mutex held. If there is no memory for the callback, the next call tries again; no line
 * is lost. */
static void notify_loop(struct lines *lines) {
  if (!lines->notified)
    lines->notified = ioloop_add_callback_threadsafe(lines->server->loop, on_notified, lines) == 0;
}

void lines_notify(struct lines *lines) {
  pthread_mutex_lock(&lines->mutex);
  notify_loop(lines);
  pthread_mutex_unlock(&lines->mutex);
}

/* -ECANCELED: refused. */
static int append(struct lines *lines, struct line *line) {
  pthread_mutex_lock(&lines->mutex);
  while ((lines->stalled || lines->queued >= QUEUE_LIMIT) && !lines->abandoned)
    pthread_cond_wait(&lines->may_go_on, &lines->mutex);
  bool taken = !lines->abandoned;
  if (taken) {
    *lines->last = line;
    lines->last = &line->next;
    lines->queued += line->size;
    notify_loop(lines);
  }
  pthread_mutex_unlock(&lines->mutex);
  return taken ? 0 : -ECANCELED;
}

static int print(struct lines *lines, struct record_clock *clock, const char *protocol,
                 const struct address *peer, const char *data, size_t size) {
  const struct record_format *format = &lines->server->format;
  struct line *line = malloc(sizeof *line + record_room(format, size));
  if (!line)
    return -ENOMEM;
  line->next = NULL;
  line->size = record_write(format, clock, line->text, protocol, peer, data, size);
  int error = append(lines, line);
  if (error)
    free(line);
  return error;
}

int lines_put(struct lines *lines, struct record_clock *clock, const char *protocol,
              const struct address *peer, const char *data, size_t size) {
  struct server *server = lines->server;
  if (server->format.print != PRINT_NONE) {
    int error = print(lines, clock, protocol, peer, data, size);
    if (error)
      return error;
  }
  enum counter records = *protocol == 't' ? COUNT_TCP_RECORDS : COUNT_UDP_RECORDS;
  counts_add_shared(server->counts, records, 1);
  counts_add_shared(server->counts, COUNT_BYTES, size);
  return 0;
}

/* ---- in the loop ---------------------------------------------------------------------- */

void lines_take(struct lines *lines) {
  pthread_mutex_lock(&lines->mutex);
  struct line *line = lines->first;
  lines->first = NULL;
  lines->last = &lines->first;
  lines->queued = 0;
  pthread_cond_broadcast(&lines->may_go_on);
  pthread_mutex_unlock(&lines->mutex);
  while (line) {
    struct line *next = line->next;
    output_put(lines->server->output, line->text, line->size);
    free(line);
    line = next;
  }
}

static void on_notified(struct ioloop *loop, void *arg) {
  struct lines *lines = arg;
  (void)loop;
  pthread_mutex_lock(&lines->mutex);
  lines->notified = false;
  pthread_mutex_unlock(&lines->mutex);
  lines->on_news(lines->server);
}

void lines_stall(struct lines *lines, bool stalled) {
  pthread_mutex_lock(&lines->mutex);
  lines->stalled = stalled;
  if (!stalled)
    pthread_cond_broadcast(&lines->may_go_on);
  pthread_mutex_unlock(&lines->mutex);
}

void lines_abandon(struct lines *lines) {
  pthread_mutex_lock(&lines->mutex);
  lines->abandoned = true;
  pthread_cond_broadcast(&lines->may_go_on);
  pthread_mutex_unlock(&lines->mutex);
}

/* ---- creating and freeing ------------------------------------------------------------- */

int lines_new(struct server *server, void (*on_news)(struct server *server), struct lines **ret) {
  struct lines *lines = calloc(1, sizeof *lines);
  if (!lines)
    return -ENOMEM;
  lines->server = server;
  lines->on_news = on_news;
  lines->last = &lines->first;
  pthread_mutex_init(&lines->mutex, NULL);
  pthread_cond_init(&lines->may_go_on, NULL);
  *ret = lines;
  return 0;
}

void lines_free(struct lines *lines) {
  if (!lines)
    return;
  for (struct line *line = lines->first; line;) {
    struct line *next = line->next;
    free(line);
    line = next;
  }
  pthread_mutex_destroy(&lines->mutex);
  pthread_cond_destroy(&lines->may_go_on);
  free(lines);
}
