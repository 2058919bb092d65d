/* SPDX-License-Identifier: MIT */
/* read.c - reads a Chrome trace, checks it, and returns an array of events. */
#include <stdlib.h>
#include <string.h>

#include "common/outfile.h"
#include "common/say.h"
#include "ladder.h"

static int refuse(const char *path, const char *why) {
  return complain("%s: is not a trace of the server: %s (make one with server --trace=FILE)", path,
                  why);
}

int64_t event_number(const struct event *event, const char *name, int64_t otherwise) {
  const json_t *value = json_object_get(event->args, name);
  return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

const char *event_text(const struct event *event, const char *name, const char *otherwise) {
  const json_t *value = json_object_get(event->args, name);
  return json_is_string(value) ? json_string_value(value) : otherwise;
}

bool event_says(const struct event *event, const char *name) {
  return json_is_true(json_object_get(event->args, name));
}

static bool read_event(const json_t *value, struct event *ret) {
  const char *phase = json_string_value(json_object_get(value, "ph"));
  const char *name = json_string_value(json_object_get(value, "name"));
  const json_t *at = json_object_get(value, "ts"), *tid = json_object_get(value, "tid");
  const char *category = json_string_value(json_object_get(value, "cat"));
  if (!phase || !name || !json_is_number(at) || !json_is_integer(tid))
    return false;
  *ret = (struct event){
      .phase = strchr("BEi", phase[0]) ? phase[0] : '\0',
      .at_us = json_number_value(at),
      .tid = (int)json_integer_value(tid),
      .name = name,
      .category = category ? category : "",
      .args = json_object_get(value, "args"),
  };
  return true;
}

static int read_events(const char *path, const json_t *array, struct events *events) {
  events->count = json_array_size(array);
  events->at = calloc(events->count ? events->count : 1, sizeof *events->at);
  if (!events->at)
    return refuse(path, "it is larger than memory");
  for (size_t i = 0; i < events->count; i++)
    if (!read_event(json_array_get(array, i), &events->at[i]))
      return refuse(path, "an event in it lacks its phase, name, time or thread");
  return 0;
}

/* An entry of our "otherData", which names the model. */
static const char *other(const json_t *document, const char *name) {
  const json_t *value = json_object_get(json_object_get(document, "otherData"), name);
  return json_is_string(value) ? json_string_value(value) : "";
}

int events_read(const char *path, struct events *ret) {
  json_error_t error;
  int failed;
  FILE *file = outfile_read(path, &failed);
  if (!file)
    return complain("cannot read %s: %s", path, strerror(-failed));
  struct events events = {.document = json_loadf(file, 0, &error)};
  fclose(file);
  if (!events.document)
    return complain("%s: is not JSON: %s, line %d (make a trace with server --trace=FILE)", path,
                    error.text, error.line);
  const json_t *array = json_object_get(events.document, "traceEvents");
  int status = json_is_array(array) ? read_events(path, array, &events)
                                    : refuse(path, "it has no array traceEvents");
  if (status) {
    events_free(&events);
    return status;
  }
  events.backend = other(events.document, "backend");
  events.model = other(events.document, "model");
  *ret = events;
  return 0;
}

void events_free(struct events *events) {
  free(events->at);
  json_decref(events->document);
  *events = (struct events){.count = 0};
}
