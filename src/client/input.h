/* SPDX-License-Identifier: MIT */
/*
 * input.h - where the texts of messages come from: the command line, or the lines of stdin.
 */
#ifndef CLIENT_INPUT_H
#define CLIENT_INPUT_H

#include "../ioloop.h"

struct input;

enum input_result {
  INPUT_TEXT,  /* there is one */
  INPUT_LATER, /* not yet: on_more will be called */
  INPUT_END,   /* and there will not be */
};

struct input_options {
  const char *const *arguments; /* the caller's */
  size_t argument_count;        /* 0: lines of stdin */
  bool keep_newline;            /* lines with their newline */
  uint64_t repeat;              /* each text so often */
  void (*on_more)(void *arg);   /* there may be one now */
  /* stdin cannot be read: -errno, or -ENOMEM for a line too long. INPUT_END follows. */
  void (*on_error)(void *arg, int error);
  void *arg;
};

/* -errno of watching stdin; -ENOMEM. */
int input_new(struct ioloop *loop, const struct input_options *options, struct input **ret);

/* The next text; valid until the next call. */
enum input_result input_next(struct input *input, const char **ret_text, size_t *ret_size);

/* How many there are altogether; 0: not known. */
uint64_t input_total(const struct input *input);

void input_free(struct input *input);

#endif
