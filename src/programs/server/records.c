/* SPDX-License-Identifier: MIT */
/*
 * records.c - the result of one read as one line of stdout:
 * "2025-01-31 12:00:00.123456 tcp 127.0.0.1:4711 hello": an optional prefix, then the bytes, made
 * harmless by text.h. The time is that of printing, and the clock is read only for a prefix.
 *
 * Threads that serve with blocking calls queue their lines for the loop:
 *
 *   thread:  recv -> line --(mutex)--> queue --> threadsafe callback --> loop: stdout
 *
 * Only one thread writes, so that a record is never torn and the output of many threads takes few
 * writes. When stdout is slow, the threads block on a condition variable and stop receiving, and
 * the kernel does the rest: TCP closes the window, UDP drops and counts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/text.h"
#include "server.h"
#include "threads.h"

enum {
  PREFIX_ROOM = 32 + 8 + ADDRESS_TEXT_SIZE,
  QUEUE_LIMIT = 256 * 1024, /* bytes of lines that the loop has not yet taken */
};

/* ---- the line ------------------------------------------------------------------------- */

/* The room that a record of `size` bytes needs at most. */
static size_t room_of(const struct server_options *options, size_t size) {
  return PREFIX_ROOM +
         (options->print == PRINT_HEX ? ESCAPE_HEX_ROOM(size) : ESCAPE_TEXT_ROOM(size));
}

static size_t write_prefix(struct record_clock *clock, char *to, const char *protocol,
                           const struct address *peer) {
  struct timespec now;
  struct tm local;
  char text[ADDRESS_TEXT_SIZE];
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != clock->second || !clock->text[0]) {
    clock->second = now.tv_sec;
    localtime_r(&now.tv_sec, &local);
    strftime(clock->text, sizeof clock->text, "%Y-%m-%d %H:%M:%S", &local);
  }
  int size = snprintf(to, PREFIX_ROOM, "%s.%06ld %s %s ", clock->text,
                      now.tv_nsec / (long)NS_PER_US, protocol, address_text(peer, text));
  return (size_t)size;
}

/* With its newline and without NUL; returns its size. */
static size_t write_line(const struct server_options *options, struct record_clock *clock, char *to,
                         const char *protocol, const struct address *peer, const char *data,
                         size_t size) {
  size_t used = options->prefix ? write_prefix(clock, to, protocol, peer) : 0;
  if (options->print == PRINT_HEX)
    return used + escape_hex(to + used, data, size);
  return used + escape_text(to + used, data, size);
}

/* ---- in the loop ---------------------------------------------------------------------- */

void server_print(struct server *server, const char *protocol, const struct address *peer,
                  const char *data, size_t size) {
  const struct server_options *options = &server->options;
  if (options->print == PRINT_NONE)
    return;
  char *to = output_reserve(server->output, room_of(options, size));
  if (to)
    output_commit(server->output,
                  write_line(options, &server->clock, to, protocol, peer, data, size));
}

struct line {
  struct line *next;
  size_t size;
  char text[];
};

void threads_take_lines(struct threads *threads) {
  pthread_mutex_lock(&threads->mutex);
  struct line *line = threads->first;
  threads->first = NULL;
  threads->last = &threads->first;
  threads->queued = 0;
  pthread_cond_broadcast(&threads->may_queue);
  pthread_mutex_unlock(&threads->mutex);
  while (line) {
    struct line *next = line->next;
    output_put(threads->server->output, line->text, line->size);
    free(line);
    line = next;
  }
}

/* ---- in threads ----------------------------------------------------------------------- */

/* -ECANCELED: refused. */
static int append(struct threads *threads, struct line *line) {
  pthread_mutex_lock(&threads->mutex);
  while ((threads->stalled || threads->queued >= QUEUE_LIMIT) && !threads->abandoned)
    pthread_cond_wait(&threads->may_queue, &threads->mutex);
  bool taken = !threads->abandoned;
  if (taken) {
    *threads->last = line;
    threads->last = &line->next;
    threads->queued += line->size;
    threads_notify(threads);
  }
  pthread_mutex_unlock(&threads->mutex);
  return taken ? 0 : -ECANCELED;
}

static int queue_line(struct thread *thread, const char *protocol, const struct address *peer,
                      const char *data, size_t size) {
  const struct server_options *options = &thread->server->options;
  struct line *line = malloc(sizeof *line + room_of(options, size));
  if (!line)
    return -ENOMEM;
  line->next = NULL;
  line->size = write_line(options, &thread->clock, line->text, protocol, peer, data, size);
  int error = append(thread->server->threads, line);
  if (error)
    free(line);
  return error;
}

int thread_print(struct thread *thread, const char *protocol, const struct address *peer,
                 const char *data, size_t size) {
  struct server *server = thread->server;
  bool printed = server->options.print != PRINT_NONE;
  int error = printed ? queue_line(thread, protocol, peer, data, size) : 0;
  if (error)
    return error;
  bool tcp = thread->kind == THREAD_CONNECTION;
  counts_add_shared(server->counts, tcp ? COUNT_TCP_RECORDS : COUNT_UDP_RECORDS, 1);
  counts_add_shared(server->counts, COUNT_BYTES, size);
  return 0;
}
