/* SPDX-License-Identifier: MIT */
/*
 * say.h - a program's messages on stderr, one line each.
 *
 * Lines may quote data from the network or the command line, so they are escaped like records
 * (text.h): one call prints one line, whatever it contains. A stderr whose reader has stalled
 * must not stall the loop: a line that does not fit within a tenth of a second is dropped.
 */
#ifndef PROGRAMS_SAY_H
#define PROGRAMS_SAY_H

enum {
  EXIT_OK = 0,
  EXIT_TROUBLE = 1, /* an error outside the program; cause and remedy have been printed */
  EXIT_USAGE = 2,   /* bad command line; the allowed values have been printed */
};

/* Set the name that messages begin with: the last part of argv[0]. */
void say_begin(const char *argv0);

const char *say_program(void);

/* Print a line as it is. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "server: ..." Each returns the exit code of such an error: EXIT_TROUBLE, EXIT_USAGE. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
int misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
