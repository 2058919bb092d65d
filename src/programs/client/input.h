/* SPDX-License-Identifier: MIT */
/*
 * input.h - the source of the messages' texts: the command line, or the lines of stdin.
 */
#ifndef CLIENT_INPUT_H
#define CLIENT_INPUT_H

#include "ioloop.h"

struct input;

enum input_result {
  INPUT_TEXT,  /* there is one */
  INPUT_LATER, /* not yet: on_more will be called */
  INPUT_END,   /* there are no more */
};

struct input_options {
  const char *const *arguments; /* owned by the caller */
  size_t argument_count;        /* 0: lines of stdin */
  bool keep_newline;            /* keep the newline of each line */
  uint64_t repeat;              /* return each text N times */
  void (*on_more)(void *arg);   /* a text may be available */
  /* stdin cannot be read: -errno, or -ENOMEM for a line that is too long. INPUT_END follows. */
  void (*on_error)(void *arg, int error);
  void *arg;
};

/* -errno of watching stdin; -ENOMEM. */
int input_new(struct ioloop *loop, const struct input_options *options, struct input **ret);

/* The next text; valid until the next call. */
enum input_result input_next(struct input *input, const char **ret_text, size_t *ret_size);

/* The total number of texts; 0: not known. */
uint64_t input_total(const struct input *input);

void input_free(struct input *input);

#endif
