/* SPDX-License-Identifier: MIT */
/* text.c - see text.h. */
#include "text.h"

#include <string.h>

/* ---- UTF-8 ------------------------------------------------------------------------------ */

/*
 * The table of RFC 3629, section 4. The narrower range of the second byte after E0, ED, F0 and F4
 * is what excludes overlong forms, surrogates and codes above U+10FFFF, so no check of the decoded
 * value is needed.
 */
struct lead {
  unsigned char first, last; /* lead bytes that this row covers */
  unsigned char second_min, second_max;
  unsigned char length;
  unsigned char bits; /* of the code, in the lead byte */
};

static const struct lead leads[] = {
    {0x00, 0x7f, 0x00, 0x00, 1, 0x7f}, {0xc2, 0xdf, 0x80, 0xbf, 2, 0x1f},
    {0xe0, 0xe0, 0xa0, 0xbf, 3, 0x0f}, {0xe1, 0xec, 0x80, 0xbf, 3, 0x0f},
    {0xed, 0xed, 0x80, 0x9f, 3, 0x0f}, {0xee, 0xef, 0x80, 0xbf, 3, 0x0f},
    {0xf0, 0xf0, 0x90, 0xbf, 4, 0x07}, {0xf1, 0xf3, 0x80, 0xbf, 4, 0x07},
    {0xf4, 0xf4, 0x80, 0x8f, 4, 0x07},
};

static const struct lead *find_lead(unsigned char byte) {
  for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++)
    if (byte >= leads[i].first && byte <= leads[i].last)
      return &leads[i];
  return NULL;
}

size_t utf8_decode(const char *data, size_t size, uint32_t *ret) {
  const unsigned char *bytes = (const unsigned char *)data;
  const struct lead *lead = size > 0 ? find_lead(bytes[0]) : NULL;
  if (!lead || lead->length > size)
    return 0;
  uint32_t code = bytes[0] & lead->bits;
  for (size_t i = 1; i < lead->length; i++) {
    unsigned char low = i == 1 ? lead->second_min : 0x80;
    unsigned char high = i == 1 ? lead->second_max : 0xbf;
    if (bytes[i] < low || bytes[i] > high)
      return 0;
    code = code << 6 | (bytes[i] & 0x3f);
  }
  *ret = code;
  return lead->length;
}

bool utf8_shows(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
    return false;
  bool separator = code == 0x2028 || code == 0x2029;
  bool bidi = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !separator && !bidi && code != 0xfffe && code != 0xffff;
}

/* ---- a record as one line --------------------------------------------------------------- */

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

/* Runs of plain ASCII, which is nearly everything, are copied whole. */
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

/* ---- inside another format -------------------------------------------------------------- */

void text_put(FILE *to, const char *text, const char *(*special)(uint32_t code),
              const char *blank) {
  for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
    uint32_t code;
    size = utf8_decode(text, left, &code);
    const char *instead = size > 0 ? special(code) : blank;
    if (!instead && !utf8_shows(code))
      instead = blank;
    size = size > 0 ? size : 1;
    if (instead)
      fputs(instead, to);
    else
      fwrite(text, 1, size, to);
  }
}

static const char *entity(uint32_t code) {
  static const char marks[] = "&<>\"'\n\t";
  static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "\n", "\t"};
  const char *at = code > 0 && code < 0x80 ? strchr(marks, (int)code) : NULL;
  return at ? entities[at - marks] : NULL;
}

void markup_put(FILE *to, const char *text) {
  text_put(to, text, entity, "\xef\xbf\xbd");
}
