/* SPDX-License-Identifier: MIT */
/* fuzz_script.c - scripts: generated, read, printed, copied, and executed. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

uint64_t fuzz_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static void out_of_memory(void) {
  fputs("fuzz: out of memory\n", stderr);
  exit(2);
}

static void append(struct fuzz_script *script, const struct fuzz_line *line) {
  if ((script->count & (script->count - 1)) == 0) { /* a power of two: full */
    size_t room = script->count ? script->count * 2 : 1;
    script->lines = realloc(script->lines, room * sizeof *line);
    if (!script->lines)
      out_of_memory();
  }
  script->lines[script->count++] = *line;
}

static unsigned choose_operation(const struct fuzz *fuzz, uint64_t *state) {
  unsigned total = 0, i = 0;
  for (const struct fuzz_operation *o = fuzz->operations; o->name; o++)
    total += o->weight;
  unsigned at = (unsigned)(fuzz_random(state) % total);
  while (at >= fuzz->operations[i].weight)
    at -= fuzz->operations[i++].weight;
  return i;
}

struct fuzz_script fuzz_script_new(const struct fuzz *fuzz, uint64_t seed, size_t count) {
  struct fuzz_script script = {.seed = seed};
  uint64_t state = seed;
  fuzz_random(&state);
  while (script.count < count) {
    struct fuzz_line line = {.operation = choose_operation(fuzz, &state)};
    for (unsigned i = 0; i < fuzz->operations[line.operation].args; i++)
      line.args[i] = (uint32_t)(fuzz_random(&state) >> 48); /* short lines; enough to pick from */
    append(&script, &line);
  }
  return script;
}

struct fuzz_script fuzz_script_copy(const struct fuzz_script *script) {
  struct fuzz_script copy = {.seed = script->seed};
  for (size_t i = 0; i < script->count; i++)
    append(&copy, &script->lines[i]);
  return copy;
}

void fuzz_script_free(struct fuzz_script *script) {
  free(script->lines);
  *script = (struct fuzz_script){0};
}

/* ---- as text -------------------------------------------------------------------------------- */

void fuzz_script_print(const struct fuzz *fuzz, const struct fuzz_script *script,
                       void *stdio_file) {
  FILE *file = stdio_file;
  fprintf(file, "seed %llu\n", (unsigned long long)script->seed);
  for (size_t i = 0; i < script->count; i++) {
    const struct fuzz_line *line = &script->lines[i];
    const struct fuzz_operation *operation = &fuzz->operations[line->operation];
    fputs(operation->name, file);
    for (unsigned j = 0; j < operation->args; j++)
      fprintf(file, " %lu", (unsigned long)line->args[j]);
    fputc('\n', file);
  }
}

static _Noreturn void bad_line(const char *path, unsigned number, const char *why) {
  fprintf(stderr, "%s:%u: %s\n", path, number, why);
  exit(2);
}

static bool read_number(char **at, uint64_t *ret) {
  while (isspace((unsigned char)**at))
    ++*at;
  if (!isdigit((unsigned char)**at))
    return false;
  *ret = strtoull(*at, at, 10);
  return true;
}

static void read_line(const struct fuzz *fuzz, struct fuzz_script *script, char *text,
                      const char *path, unsigned number) {
  text[strcspn(text, "#\r\n")] = 0;
  char *name = text + strspn(text, " \t");
  char *at = name + strcspn(name, " \t");
  if (*at)
    *at++ = 0;
  if (!*name)
    return;
  if (strcmp(name, "seed") == 0) {
    if (!read_number(&at, &script->seed))
      bad_line(path, number, "a number is missing: seed NUMBER");
    return;
  }
  struct fuzz_line line = {0};
  while (fuzz->operations[line.operation].name &&
         strcmp(fuzz->operations[line.operation].name, name) != 0)
    line.operation++;
  if (!fuzz->operations[line.operation].name)
    bad_line(path, number, "there is no such operation; --help lists them");
  for (unsigned i = 0; i < fuzz->operations[line.operation].args; i++) {
    uint64_t value;
    if (!read_number(&at, &value))
      bad_line(path, number, "an argument is missing; --help lists the operations");
    line.args[i] = (uint32_t)value;
  }
  append(script, &line);
}

struct fuzz_script fuzz_script_read(const struct fuzz *fuzz, const char *path) {
  struct fuzz_script script = {0};
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
  if (!file) {
    perror(path);
    exit(2);
  }
  char text[256];
  for (unsigned number = 1; fgets(text, sizeof text, file); number++)
    read_line(fuzz, &script, text, path, number);
  if (file != stdin)
    fclose(file);
  return script;
}
