/* SPDX-License-Identifier: MIT */
/* message.c - the message of the lectures as JSON; see message.h. */
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static char short_escape(uint32_t code) {
  switch (code) {
  case '"':
  case '\\':
    return (char)code;
  case '\b':
    return 'b';
  case '\f':
    return 'f';
  case '\n':
    return 'n';
  case '\r':
    return 'r';
  case '\t':
    return 't';
  default:
    return 0;
  }
}

/* One character of `length` bytes. All that do not show are below U+10000: no surrogate pairs. */
static size_t put_character(char *to, const char *data, size_t length, uint32_t code) {
  char letter = short_escape(code);
  if (letter) {
    to[0] = '\\';
    to[1] = letter;
    return 2;
  }
  if (!utf8_shows(code)) {
    char escape[8];
    snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code & 0xffffU);
    memcpy(to, escape, 6);
    return 6;
  }
  memcpy(to, data, length);
  return length;
}

static size_t put_replacement(char *to) {
  memcpy(to, replacement, sizeof replacement - 1);
  return sizeof replacement - 1;
}

size_t json_string(char *to, const char *data, size_t size) {
  char *begin = to;
  *to++ = '"';
  while (size > 0) {
    uint32_t code;
    size_t length = utf8_decode(data, size, &code);
    to += length > 0 ? put_character(to, data, length, code) : put_replacement(to);
    length += length == 0;
    data += length;
    size -= length;
  }
  *to++ = '"';
  return (size_t)(to - begin);
}

static char *put_text(char *to, const char *text) {
  size_t size = strlen(text);
  memcpy(to, text, size);
  return to + size;
}

int message_make_json(const char *user, time_t now, const char *data, size_t size,
                      struct message *ret) {
  static const char user_key[] = "{\"send_user\": ", time_key[] = ", \"send_time\": ",
                    text_key[] = ", \"send_msg\": ";
  char clock[32];
  struct tm local;
  localtime_r(&now, &local);
  strftime(clock, sizeof clock, "\"%Y-%m-%d %H:%M:%S\"", &local);
  size_t user_size = strlen(user);
  if (size > SIZE_MAX / 8 || user_size > SIZE_MAX / 8)
    return -ENOMEM;
  char *text = malloc(sizeof user_key + sizeof time_key + sizeof text_key + sizeof clock +
                      JSON_STRING_ROOM(user_size) + JSON_STRING_ROOM(size));
  if (!text)
    return -ENOMEM;
  char *to = put_text(text, user_key);
  to += json_string(to, user, user_size);
  to = put_text(put_text(put_text(to, time_key), clock), text_key);
  to += json_string(to, data, size);
  *to++ = '}';
  ret->data = text;
  ret->size = (size_t)(to - text);
  return 0;
}

int message_make_raw(const char *data, size_t size, struct message *ret) {
  char *copy = malloc(size + 1); /* never 0 bytes */
  if (!copy)
    return -ENOMEM;
  memcpy(copy, data, size);
  ret->data = copy;
  ret->size = size;
  return 0;
}

void message_free(struct message *message) {
  free(message->data);
  message->data = NULL;
  message->size = 0;
}
