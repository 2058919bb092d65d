/* SPDX-License-Identifier: MIT */
/* alike.c - see alike.h. */
#include "alike.h"

#include <stdbool.h>
#include <string.h>

#include "document_access.h"

/* Members that define the meaning of an experiment's figures. */
static const char *const meanings[] = {"baseline", "metrics", "x_axis", NULL};

static bool is_among(const char *key, const char *const *names) {
  while (*names && strcmp(*names, key) != 0)
    names++;
  return *names != NULL;
}

/* The first parameter of `first` that is another in `second`, or NULL. */
static const char *other_parameter(const json_t *first, const json_t *second,
                                   const char *const *may_differ) {
  json_t *ours = json_object_get(first, "parameters"), *value;
  const json_t *theirs = json_object_get(second, "parameters");
  const char *key;
  json_object_foreach(ours, key, value) {
    if (!is_among(key, may_differ) && !same_member(ours, theirs, key))
      return key;
  }
  return NULL;
}

static const char *other_point(const json_t *first, const json_t *second) {
  const json_t *ours = json_object_get(first, "points"),
               *theirs = json_object_get(second, "points");
  for (size_t i = 0; i < json_array_size(ours); i++) {
    const json_t *point = json_array_get(ours, i);
    const json_t *same = find_named(theirs, "id", member_text(point, "id"));
    if (same && !json_equal(point, same))
      return member_text(point, "id");
  }
  return NULL;
}

struct difference experiments_differ(const json_t *first, const json_t *second,
                                     const char *const *may_differ) {
  for (const char *const *key = meanings; *key; key++)
    if (!same_member(first, second, *key))
      return (struct difference){"member", *key};
  const char *parameter = other_parameter(first, second, may_differ);
  parameter = parameter ? parameter : other_parameter(second, first, may_differ);
  if (parameter)
    return (struct difference){"parameter", parameter};
  const char *point = other_point(first, second);
  return point ? (struct difference){"point", point} : (struct difference){NULL, NULL};
}
