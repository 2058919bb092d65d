/* SPDX-License-Identifier: MIT */
/*
 * json_mutate.c - libFuzzer's mutations for parsers of JSON: most change one value, and leave it
 * JSON. Documents are separated by a NUL; some changes are made in each of them alike.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static unsigned below(unsigned *state, size_t count) {
  *state = *state * 1103515245U + 12345U;
  return (unsigned)((*state >> 8) % count);
}

static json_t *any_value(unsigned *state) {
  static const char *const texts[] = {"null",
                                      "true",
                                      "-1",
                                      "0",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "1e308",
                                      "-1e308",
                                      "1e-320",
                                      "0.5",
                                      "\"\"",
                                      "\"\\u001b[31m<'&\\\"\\n\"",
                                      "[]",
                                      "{}",
                                      "[[]]",
                                      "[null]",
                                      "[1,2,3]",
                                      "\"%s%n\""};
  return json_loads(texts[below(state, sizeof texts / sizeof texts[0])], JSON_DECODE_ANY, NULL);
}

/* A changed number or text, or any value. */
static json_t *changed(const json_t *value, unsigned *state) {
  char text[64];
  if (json_is_integer(value) && below(state, 2))
    return json_integer(json_integer_value(value) ^ (json_int_t)1 << below(state, 63));
  if (json_is_real(value) && below(state, 2))
    return json_real(json_real_value(value) * (below(state, 5) - 2.0));
  if (!json_is_string(value) || json_string_length(value) >= sizeof text || below(state, 2))
    return any_value(state);
  size_t size = json_string_length(value);
  memcpy(text, json_string_value(value), size);
  size = LLVMFuzzerMutate((uint8_t *)text, size, sizeof text);
  json_t *mutated = json_stringn(text, size);
  return mutated ? mutated : any_value(state);
}

static size_t members(const json_t *value) {
  return json_is_object(value) ? json_object_size(value) : json_array_size(value);
}

static void change_member(json_t *parent, size_t index, unsigned *state) {
  unsigned how = below(state, 8);
  if (json_is_array(parent)) {
    json_t *value = json_array_get(parent, index);
    size_t copies = how == 1 ? below(state, 100) : how == 2;
    for (size_t i = 0; i < copies; i++)
      json_array_insert_new(parent, index, json_deep_copy(value));
    if (how == 0)
      json_array_remove(parent, index);
    else if (how > 2)
      json_array_set_new(parent, index, changed(value, state));
    return;
  }
  void *at = json_object_iter(parent);
  while (index-- > 0)
    at = json_object_iter_next(parent, at);
  if (how == 0)
    json_object_del(parent, json_object_iter_key(at));
  else
    json_object_iter_set_new(parent, at, changed(json_object_iter_value(at), state));
}

/* Names are in several places, and must stay the same in all. */
static void rename_all(json_t *value, const json_t *old, json_t *new) {
  const char *key;
  json_t *member;
  size_t i;
  json_object_foreach(value, key, member) {
    if (json_equal(member, old))
      json_object_set(value, key, new);
    else
      rename_all(member, old, new);
  }
  json_array_foreach(value, i, member) {
    if (json_equal(member, old))
      json_array_set(value, i, new);
    else
      rename_all(member, old, new);
  }
}

static void rename_value(json_t *root, json_t *value, unsigned *state) {
  static const char hostile[] = "\x1b[31m<'&,\"\n\\";
  json_t *old = json_incref(value);
  json_t *new = below(state, 2) ? json_string(hostile) : changed(value, state);
  rename_all(root, old, new);
  json_decref(old);
  json_decref(new);
}

static json_t *member_at(json_t *parent, size_t index) {
  if (json_is_array(parent))
    return json_array_get(parent, index);
  void *at = json_object_iter(parent);
  while (index-- > 0)
    at = json_object_iter_next(parent, at);
  return json_object_iter_value(at);
}

/* All values inside of this one, at any depth. */
static size_t count_inner(json_t *value) {
  size_t count = members(value);
  for (size_t i = 0; i < members(value); i++)
    count += count_inner(member_at(value, i));
  return count;
}

/* The one of them that is reached after *left others: its parent, and its index there. */
static json_t *find_inner(json_t *value, size_t *left, size_t *ret_index) {
  json_t *parent = NULL;
  for (size_t i = 0; i < members(value) && !parent; i++) {
    *ret_index = i;
    parent = *left == 0 ? value : NULL;
    if (*left > 0) {
      --*left;
      parent = find_inner(member_at(value, i), left, ret_index);
    }
  }
  return parent;
}

/* One value, each as likely as any other: most are numbers, deep inside. */
static void change(json_t *root, unsigned *state) {
  size_t count = count_inner(root), index;
  if (count == 0)
    return;
  size_t left = below(state, count);
  json_t *parent = find_inner(root, &left, &index);
  json_t *value = member_at(parent, index);
  if (json_is_string(value) && below(state, 3) == 0)
    rename_value(root, value, state);
  else
    change_member(parent, index, state);
}

/* NULL: it is not JSON, or would be too long. */
static char *change_text(const char *text, unsigned seed) {
  json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
  unsigned state = seed, times = 1 + below(&state, 3);
  while (value && times-- > 0)
    change(value, &state);
  char *mutated = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  json_decref(value);
  return mutated;
}

/* The documents of an input, changed. 0: one of them is not JSON, or they would be too long. */
static size_t change_documents(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  unsigned state = seed, unchanged = below(&state, 3); /* 2: none */
  char *whole = calloc(1, size + 1);
  size_t used = 0, at = 0;
  ALWAYS(whole);
  memcpy(whole, data, size);
  bool single = strlen(whole) == size;
  for (unsigned i = 0; i < 2 && at < size; i++) {
    char *text = i == unchanged && !single ? strdup(whole + at) : change_text(whole + at, seed);
    size_t length = text ? strlen(text) + 1 : max_size + 1;
    bool fits = length <= max_size - used;
    if (fits)
      memcpy(data + used, text, length);
    free(text);
    used = fits ? used + length : 0;
    at = fits ? at + strlen(whole + at) + 1 : size;
  }
  free(whole);
  return used > 0 ? used - 1 : 0; /* without the last NUL */
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  uint8_t *changed_data = malloc(max_size);
  ALWAYS(changed_data && size <= max_size);
  memcpy(changed_data, data, size);
  size_t used = seed % 10 ? change_documents(changed_data, size, max_size, seed) : 0;
  if (used > 0)
    memcpy(data, changed_data, used);
  free(changed_data);
  return used > 0 ? used : LLVMFuzzerMutate(data, size, max_size);
}
