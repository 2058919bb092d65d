/* SPDX-License-Identifier: MIT */
/*
 * record.h - the result of one read as one line of stdout.
 */
#ifndef SERVER_RECORD_H
#define SERVER_RECORD_H

#include <stddef.h>
#include <time.h>

#include "common/address.h"

struct record_format {
  int print; /* enum print_kind */
  bool prefix;
};

/* Converting to local time walks through the time zone's rules, so the result is kept for one
 * second. Initially zero; one for each thread. */
struct record_clock {
  time_t second;
  char text[24];
};

/* The room that a record of `size` bytes needs at most. */
size_t record_room(const struct record_format *format, size_t size);

/* Write the line, with its newline and without NUL; returns its size. */
size_t record_write(const struct record_format *format, struct record_clock *clock, char *to,
                    const char *protocol, const struct address *peer, const char *data,
                    size_t size);

#endif
