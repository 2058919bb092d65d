/* SPDX-License-Identifier: MIT */
/*
 * html_write.c - HTML in which no text can pass for markup; see html_write.h.
 */
#include "html_write.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
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

static void put_escaped(FILE *to, const char *text) {
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

void html_print(FILE *to, const char *format, ...) {
  va_list more;
  va_start(more, format);
  for (; *format; format++) {
    if (*format != '%') {
      fputc(*format, to);
      continue;
    }
    format++;
    if (*format == 's')
      put_escaped(to, va_arg(more, const char *));
    else if (*format == 'd')
      fprintf(to, "%d", va_arg(more, int));
    else if (*format == 'z' && *++format == 'u')
      fprintf(to, "%zu", va_arg(more, size_t));
    else if (*format == '%')
      fputc('%', to);
    else
      abort(); /* a format that html_write.h does not name */
  }
  va_end(more);
}

void html_attribute(FILE *to, const char *name, const json_t *value) {
  char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  html_print(to, " %s=\"%s\"", name, text ? text : "null");
  free(text);
}
