/* SPDX-License-Identifier: MIT */
/*
 * say.h - what a program tells its user, on stderr, a line at a time.
 *
 * Lines may quote what came from the network or the command line, so they are escaped like
 * records (escape.h): one call is one line, whatever is in it. A stderr whose reader has stalled
 * must not stall the loop: a line that does not fit within a tenth of a second is dropped.
 */
#ifndef PROGRAMS_SAY_H
#define PROGRAMS_SAY_H

enum {
  EXIT_OK = 0,
  EXIT_TROUBLE = 1, /* the world is not as needed: cause and remedy were said */
  EXIT_USAGE = 2,   /* the command line is wrong: it was said what is allowed */
};

/* The name that complaints begin with: the last part of argv[0]. */
void say_begin(const char *argv0);

const char *say_program(void);

/* A line as it is. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "server: ..." */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
