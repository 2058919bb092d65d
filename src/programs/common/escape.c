/* SPDX-License-Identifier: MIT */
/*
 * escape.c - see escape.h. Runs of plain ASCII, which is nearly everything, are copied whole.
 */
#include "escape.h"

#include <string.h>

#include "utf8.h"

static const char digits[] = "0123456789abcdef";

static char *put_hex(char *to, char byte) {
  *to++ = digits[(unsigned char)byte >> 4];
  *to++ = digits[byte & 0xf];
  return to;
}

static char *put_escaped(char *to, char byte) {
  *to++ = '\\';
  if (byte == '\n' || byte == '\r') {
    *to++ = byte == '\n' ? 'n' : 'r';
    return to;
  }
  *to++ = 'x';
  return put_hex(to, byte);
}

static size_t plain_run(const char *data, size_t size) {
  size_t n = 0;
  while (n < size && ((data[n] >= 0x20 && data[n] < 0x7f) || data[n] == '\t'))
    n++;
  return n;
}

/* How many bytes from the start may be printed as they are. */
static size_t shown(const char *data, size_t size) {
  size_t n = plain_run(data, size);
  if (n > 0)
    return n;
  uint32_t code;
  n = utf8_decode(data, size, &code);
  return n > 0 && utf8_shows(code) ? n : 0;
}

size_t escape_text(char *to, const char *data, size_t size) {
  char *begin = to;
  if (size > 0 && data[size - 1] == '\n')
    size--;
  while (size > 0) {
    size_t n = shown(data, size);
    if (n > 0) {
      memcpy(to, data, n);
      to += n;
    } else {
      to = put_escaped(to, *data);
      n = 1;
    }
    data += n;
    size -= n;
  }
  *to++ = '\n';
  return (size_t)(to - begin);
}

size_t escape_hex(char *to, const char *data, size_t size) {
  char *begin = to;
  for (size_t i = 0; i < size; i++)
    to = put_hex(to, data[i]);
  *to++ = '\n';
  return (size_t)(to - begin);
}
