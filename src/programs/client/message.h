/* SPDX-License-Identifier: MIT */
/*
 * message.h - the contents of a message: one JSON object, or bytes as they are.
 *
 * Why no JSON library: one object of three strings is written and none is ever parsed (echoes are
 * compared as bytes). The hard part, which is bytes that are not UTF-8 and characters that must not
 * reach a terminal, is what cJSON leaves to its caller: it copies invalid UTF-8 unchanged. So the
 * dependency would cost every user a package and save us one function.
 */
#ifndef CLIENT_MESSAGE_H
#define CLIENT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct message {
  char *data; /* malloc'ed */
  size_t size;
  uint64_t number; /* counted from 1 */
};

/* The room that a JSON string of `size` bytes needs at most, its quotes included. */
#define JSON_STRING_ROOM(size) (6 * (size) + 2)

/* `data` as a JSON string (RFC 8259), valid UTF-8 whatever the bytes were: each byte that is not
 * part of a well-formed character becomes U+FFFD, and unprintable characters are \u-escaped.
 * Returns the number of bytes written; no terminating NUL. */
size_t message_json_string(char *to, const char *data, size_t size);

/* {"send_user": ..., "send_time": "2025-01-31 12:00:00", "send_msg": ...} with local time. 0 or
 * -ENOMEM; `number` is not set. */
int message_make_json(const char *user, time_t now, const char *data, size_t size,
                      struct message *ret);

/* A copy of the bytes. 0 or -ENOMEM; `number` is not set. */
int message_make_raw(const char *data, size_t size, struct message *ret);

void message_free(struct message *message);

#endif
