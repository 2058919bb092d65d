/* SPDX-License-Identifier: MIT */
/*
 * record.h - what one read gave, as one line of stdout.
 */
#ifndef SERVER_RECORD_H
#define SERVER_RECORD_H

#include <stddef.h>
#include <time.h>

#include "../programs/address.h"

struct record_format {
  int print; /* enum print_kind */
  bool prefix;
};

/* Local time costs a walk through the time zone's rules; so it is kept for the second. Zero at
 * first, one for each thread. */
struct record_clock {
  time_t second;
  char text[24];
};

/* Room that a record of `size` bytes may need. */
size_t record_room(const struct record_format *format, size_t size);

/* The line, with its newline and no NUL; returns its size. */
size_t record_write(const struct record_format *format, struct record_clock *clock, char *to,
                    const char *protocol, const struct address *peer, const char *data,
                    size_t size);

#endif
