/* SPDX-License-Identifier: MIT */
/* stderr_text.c - the end of a program's output; see child.h. */
#include "child.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *stderr_last_line(const char *text, size_t *ret_size) {
  size_t size = strlen(text);
  while (size > 0 && text[size - 1] == '\n')
    size--;
  const char *line = text + size;
  while (line > text && line[-1] != '\n')
    line--;
  *ret_size = (size_t)(text + size - line);
  return line;
}

void stderr_keep_end(const char *text, char *to, size_t room) {
  const char *from = text ? text : "";
  size_t size = strlen(from);
  if (size >= room) {
    from += size - (room - 1);
    const char *line = strchr(from, '\n');
    if (line && line[1])
      from = line + 1;
  }
  snprintf(to, room, "%s", from);
}

void stderr_add_line(char *stderr_tail, size_t room, const char *line) {
  size_t used = strlen(stderr_tail), more = strlen(line) + 1; /* a newline before it */
  if (used + more >= room) {
    size_t excess = used + more + 1 - room, dropped = excess < used ? excess : used;
    memmove(stderr_tail, stderr_tail + dropped, used - dropped + 1);
    used -= dropped;
  }
  const char *before = used && stderr_tail[used - 1] != '\n' ? "\n" : "";
  snprintf(stderr_tail + used, room - used, "%s%s", before, line);
}

bool stderr_counter(const char *stderr_tail, const char *name, uint64_t *ret) {
  char wanted[64];
  snprintf(wanted, sizeof wanted, " %s=", name);
  const char *summary = strstr(stderr_tail, "summary");
  const char *at = summary ? strstr(summary, wanted) : NULL;
  return at && sscanf(at + strlen(wanted), "%" SCNu64, ret) == 1;
}
