/* SPDX-License-Identifier: MIT */
/*
 * ladder.h - ioladder: a trace as a picture of two columns, application and kernel, with time
 * running downwards, as in Stevens, UNIX Network Programming 1, figures 6.1 to 6.6.
 *
 *   main.c   the command line
 *   read.c   a trace file as events
 *   steps.c  the excerpt: which events are drawn
 *   rows.c   the text of each
 *   text.c   drawn for a terminal
 *   svg.c    drawn for a slide
 *
 * Nothing is drawn that the trace does not have: each arrow names its event by its index.
 */
#ifndef LADDER_LADDER_H
#define LADDER_LADDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- read.c ------------------------------------------------------------------------------- */

/* The texts belong to the document. */
struct event {
  char phase; /* 'B', 'E', 'i' */
  double at_us;
  int tid;
  const char *name, *category;
  const json_t *args;
};

struct events {
  json_t *document;
  const char *backend, *model;
  struct event *at; /* by index in traceEvents; phase 0: not used here */
  size_t count;
};

/* 0, or an exit code after printing an error. */
int events_read(const char *path, struct events *ret);
void events_free(struct events *events);

/* A number among the event's arguments, or `otherwise`. */
int64_t event_number(const struct event *event, const char *name, int64_t otherwise);
const char *event_text(const struct event *event, const char *name, const char *otherwise);
bool event_says(const struct event *event, const char *name); /* true; it may be missing */

/* ---- steps.c ------------------------------------------------------------------------------ */

struct excerpt {
  uint64_t connection; /* 0: everything the thread does */
  uint64_t request;    /* of the connection; 0: all */
  double from_us, to_us;
  uint64_t max_steps;
};

enum step_kind {
  STEP_CALL,
  STEP_SIGNAL,
  STEP_SUBMIT,
  STEP_COMPLETE,
  STEP_LEFT_OUT, /* iterations */
  STEP_REMARK,   /* overflow, rescue, limit */
};

struct step {
  enum step_kind kind;
  size_t begin, end; /* indices of events; equal for a moment */
};

struct steps {
  struct step *at;
  size_t count, capacity;
};

/* Calls that wait for any descriptor, or for a signal. */
bool is_wait(const char *name);
bool is_receive(const char *name);
bool is_send(const char *name);

/* The steps of the excerpt; false: no memory. */
bool steps_choose(const struct events *events, const struct excerpt *excerpt, struct steps *ret);

/* ---- rows.c ------------------------------------------------------------------------------- */

enum direction {
  TO_KERNEL,
  TO_APPLICATION,
  NO_ARROW, /* a remark in the middle */
};

enum tone {
  TONE_CALL,
  TONE_NOTHING, /* EAGAIN, nothing ready */
  TONE_DATA,    /* bytes are copied */
  TONE_SIGNAL,
  TONE_OPERATION, /* of the completion model */
  TONE_ERROR,
  TONES
};

/* A row of the picture. */
struct row {
  double at_us;
  size_t event;
  enum direction direction;
  enum tone tone;
  bool waits; /* the application is in a call that may sleep, from here to the next row */
  double duration_us;
  char label[72];  /* text at the arrow */
  char kernel[72]; /* what the kernel does, or its result */
};

struct rows {
  struct row *at;
  size_t count;
  size_t left_out; /* steps after the last one, for max_steps */
};

/* 0, or an exit code after printing an error: the excerpt is empty. `path` is for that message. */
int rows_choose(const struct events *events, const struct excerpt *excerpt, const char *path,
                struct rows *ret);
void rows_free(struct rows *rows);

/* ---- drawing ------------------------------------------------------------------------------ */

struct ladder {
  const char *path;
  struct events events;
  struct rows rows;
};

struct figure {
  const char *title; /* NULL: none */
  const struct excerpt *excerpt;
  const struct ladder *ladders;
  size_t count;
  size_t columns; /* panels side by side, in a picture */
};

/* "connection 1, request 3": describes the excerpt. Returns `to`. */
const char *figure_caption(const struct figure *figure, char *to, size_t size);

void draw_text(const struct figure *figure, FILE *file);
void draw_svg(const struct figure *figure, FILE *file);

#endif
