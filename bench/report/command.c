/* SPDX-License-Identifier: MIT */
/*
 * command.c - the command that repeats a document's run, to be pasted into a shell; see view.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

static const char HARMLESS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-_=+,.:/@%^";

static void put_word(FILE *to, const char *word) {
  if (*word && word[strspn(word, HARMLESS)] == '\0') {
    fputs(word, to);
    return;
  }
  fputc('\'', to);
  for (; *word; word++)
    *word == '\'' ? fputs("'\\''", to) : fputc(*word, to);
  fputc('\'', to);
}

char *command_of(const json_t *document) {
  char *text = NULL;
  size_t size, i;
  FILE *to = open_memstream(&text, &size);
  if (!to)
    return NULL;
  bool seeded = false;
  json_t *word;
  json_array_foreach(json_object_get(document, "command"), i, word) {
    const char *argument = json_string_value(word);
    if (!argument)
      continue;
    seeded |= strncmp(argument, "--seed", strlen("--seed")) == 0;
    if (i > 0)
      fputc(' ', to);
    put_word(to, argument);
  }
  if (!seeded)
    fprintf(to, " --seed=%" JSON_INTEGER_FORMAT,
            json_integer_value(json_object_get(document, "seed")));
  if (fclose(to) == 0)
    return text;
  free(text);
  return NULL;
}
