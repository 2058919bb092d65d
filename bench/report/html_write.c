/* SPDX-License-Identifier: MIT */
/*
 * html_write.c - writing HTML in which no text can be mistaken for markup; see page.h.
 */
#include "page.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/markup.h"

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
      markup_put(to, va_arg(more, const char *));
    else if (*format == 'd')
      fprintf(to, "%d", va_arg(more, int));
    else if (*format == 'z' && *++format == 'u')
      fprintf(to, "%zu", va_arg(more, size_t));
    else if (*format == '%')
      fputc('%', to);
    else
      abort(); /* a conversion that page.h does not list */
  }
  va_end(more);
}

void html_attribute(FILE *to, const char *name, const json_t *value) {
  char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  html_print(to, " %s=\"%s\"", name, text ? text : "null");
  free(text);
}
