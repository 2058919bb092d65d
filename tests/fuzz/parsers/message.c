/* SPDX-License-Identifier: MIT */
/*
 * message.c - any text as the client's message, which must be JSON that means this text, and as a
 * record of the server. The user's name ends at the input's first NUL, if it has one.
 */
#include "client/message.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "parser.h"

/* What is not UTF-8 has been replaced, so only the rest can be compared. */
static void check_text(const json_t *value, const char *text, size_t size) {
  json_t *expected = json_stringn(text, size);
  ALWAYS(json_is_string(value));
  ALWAYS(!expected || json_equal(value, expected));
  json_decref(expected);
}

static void check_message(const char *user, const char *text, size_t size) {
  struct message message;
  json_error_t error;
  ALWAYS(message_make_json(user, 0, text, size, &message) == 0);
  ALWAYS(is_harmless(message.data, message.size) && !memchr(message.data, '\n', message.size));
  json_t *object =
      json_loadb(message.data, message.size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
  ALWAYS(json_is_object(object) && json_object_size(object) == 3);
  check_text(json_object_get(object, "send_user"), user, strlen(user));
  check_text(json_object_get(object, "send_msg"), text, size);
  json_decref(object);
  message_free(&message);
}

/* One line, from which the bytes can be read back: none is lost. */
static void check_record(const char *text, size_t size) {
  char *line = malloc(ESCAPE_TEXT_ROOM(size)), *end = line;
  ALWAYS(line);
  size_t length = escape_text(line, text, size);
  ALWAYS(length > 0 && length <= ESCAPE_TEXT_ROOM(size) && is_harmless(line, length));
  ALWAYS((end = memchr(line, '\n', length)) == line + length - 1);
  size_t shown = 0;
  for (const char *at = line; at < end; at++, shown++)
    if (*at == '\\' && shown < size && text[shown] != '\\')
      at += at[1] == 'x' ? 3 : 1;
  ALWAYS(shown + (size > 0 && text[size - 1] == '\n') == size);
  free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
  const uint8_t *text = cut ? cut + 1 : data;
  char *user = cut ? strdup((const char *)data) : strdup("user");
  ALWAYS(user);
  check_message(user, (const char *)text, size - (size_t)(text - data));
  check_record((const char *)text, size - (size_t)(text - data));
  free(user);
  return 0;
}
