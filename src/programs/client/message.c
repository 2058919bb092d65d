/* SPDX-License-Identifier: MIT */
/* message.c - the message of the lectures as JSON; see message.h. */
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* The letter after a backslash; 0: it has none. */
static char short_escape(uint32_t code) {
  static const char marks[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  const char *at = code > 0 && code < 0x80 ? strchr(marks, (int)code) : NULL;
  return at ? letters[at - marks] : '\0';
}

/* One character of `length` bytes. All that do not show are below U+10000: no surrogate pairs. The
 * NUL of an escape has room: at least the closing quote follows. */
static char *put_character(char *to, const char *data, size_t length, uint32_t code) {
  char letter = short_escape(code);
  if (letter) {
    *to++ = '\\';
    *to++ = letter;
    return to;
  }
  if (!utf8_shows(code))
    return to + snprintf(to, sizeof "\\u0000", "\\u%04x", (unsigned)code & 0xffffU);
  memcpy(to, data, length);
  return to + length;
}

size_t message_json_string(char *to, const char *data, size_t size) {
  char *begin = to;
  *to++ = '"';
  while (size > 0) {
    uint32_t code;
    size_t length = utf8_decode(data, size, &code);
    to = length > 0 ? put_character(to, data, length, code) : stpcpy(to, "\xef\xbf\xbd");
    length += length == 0;
    data += length;
    size -= length;
  }
  *to++ = '"';
  return (size_t)(to - begin);
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
  char *to = stpcpy(text, user_key);
  to += message_json_string(to, user, user_size);
  to = stpcpy(stpcpy(stpcpy(to, time_key), clock), text_key);
  to += message_json_string(to, data, size);
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
