/* SPDX-License-Identifier: MIT */
/* markup.c - see markup.h. */
#include "markup.h"

#include <stdbool.h>
#include <string.h>

#include "utf8.h"

static const char *entity(uint32_t code) {
  switch (code) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return NULL;
  }
}

void markup_put(FILE *to, const char *text) {
  for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
    uint32_t code;
    size = utf8_decode(text, left, &code);
    bool shows = size > 0 && (code == '\n' || code == '\t' || utf8_shows(code));
    size = size > 0 ? size : 1;
    if (!shows)
      fputs("\xef\xbf\xbd", to);
    else if (entity(code))
      fputs(entity(code), to);
    else
      fwrite(text, 1, size, to);
  }
}
