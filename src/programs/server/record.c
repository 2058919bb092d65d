/* SPDX-License-Identifier: MIT */
/*
 * record.c - formats "2025-01-31 12:00:00.123456 tcp 127.0.0.1:4711 hello": an optional prefix,
 * then the bytes, made harmless by escape.h.
 *
 * The time is that of printing, and the clock is read only for a prefix.
 */
#include "record.h"

#include <stdio.h>

#include "common/escape.h"
#include "server.h"

enum {
  PREFIX_ROOM = 32 + 8 + ADDRESS_TEXT_SIZE,
};

size_t record_room(const struct record_format *format, size_t size) {
  size_t body = format->print == PRINT_HEX ? ESCAPE_HEX_ROOM(size) : ESCAPE_TEXT_ROOM(size);
  return PREFIX_ROOM + body;
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
  int size = snprintf(to, PREFIX_ROOM, "%s.%06ld %s %s ", clock->text, now.tv_nsec / 1000, protocol,
                      address_text(peer, text));
  return (size_t)size;
}

size_t record_write(const struct record_format *format, struct record_clock *clock, char *to,
                    const char *protocol, const struct address *peer, const char *data,
                    size_t size) {
  size_t used = format->prefix ? write_prefix(clock, to, protocol, peer) : 0;
  if (format->print == PRINT_HEX)
    return used + escape_hex(to + used, data, size);
  return used + escape_text(to + used, data, size);
}

void server_print(struct server *server, const char *protocol, const struct address *peer,
                  const char *data, size_t size) {
  if (server->format.print == PRINT_NONE)
    return;
  char *to = output_reserve(server->output, record_room(&server->format, size));
  if (to)
    output_commit(server->output,
                  record_write(&server->format, &server->clock, to, protocol, peer, data, size));
}
