/* SPDX-License-Identifier: MIT */
/* parser.c - see parser.h. */
#include "parser.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/say.h"
#include "common/text.h"

enum {
  FILES = 3, /* parser_file's; after them those that stdout and stderr go to */
  OUT = FILES,
  ERR,
};

static struct {
  FILE *files[ERR + 1];
  int out, err; /* stdout and stderr as they were */
  char *texts[2];
} state;

/* A sanitizer's reports go there. */
#ifdef SANITIZED
extern void __sanitizer_set_report_fd(void *fd);
#else
static void __sanitizer_set_report_fd(void *fd) {
  (void)fd;
}
#endif

/* libFuzzer reports on stderr, which we take away: let it keep a copy. */
static void keep_stderr(int *argc, char ***argv) {
  static char option[] = "-close_fd_mask=3";
  char **words = calloc((size_t)*argc + 2, sizeof *words);
  ALWAYS(words);
  memcpy(words, *argv, (size_t)*argc * sizeof *words);
  words[(*argc)++] = option;
  *argv = words;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  state.out = dup(STDOUT_FILENO);
  state.err = dup(STDERR_FILENO);
  for (size_t i = 0; i <= ERR; i++) {
    state.files[i] = tmpfile();
    ALWAYS(state.files[i]);
  }
  __sanitizer_set_report_fd((void *)(intptr_t)state.err);
  keep_stderr(argc, argv);
  return 0;
}

static void put(const char *text) {
  ssize_t n = write(state.err, text, strlen(text));
  (void)n;
}

static char *contents(FILE *file, size_t *ret_size) {
  off_t size = lseek(fileno(file), 0, SEEK_END);
  char *text = malloc((size_t)size + 1);
  ALWAYS(text && pread(fileno(file), text, (size_t)size, 0) == size);
  text[size] = '\0';
  *ret_size = (size_t)size;
  return text;
}

void parser_fail(const char *condition, const char *file, int line) {
  char text[512];
  size_t size;
  snprintf(text, sizeof text, "%s:%d: not always: %s\n", file, line, condition);
  put(text);
  fflush(stdout);
  for (size_t i = OUT; i <= ERR && state.files[i]; i++) {
    put(i == OUT ? "-- stdout\n" : "-- stderr\n");
    put(contents(state.files[i], &size));
  }
  abort();
}

const char *parser_file(unsigned which, const void *data, size_t size) {
  static char paths[FILES][32];
  int fd = fileno(state.files[which]);
  ALWAYS(which < FILES && ftruncate(fd, 0) == 0);
  ALWAYS(pwrite(fd, data, size, 0) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
  snprintf(paths[which], sizeof paths[which], "/dev/fd/%d", fd);
  return paths[which];
}

/* ---- what is printed ----------------------------------------------------------------------- */

void parser_collect(void) {
  for (int i = OUT; i <= ERR; i++) {
    int fd = fileno(state.files[i]);
    ALWAYS(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    ALWAYS(dup2(fd, i == OUT ? STDOUT_FILENO : STDERR_FILENO) >= 0);
  }
}

struct printed parser_printed(void) {
  struct printed printed;
  ALWAYS(fflush(stdout) == 0);
  free(state.texts[0]);
  free(state.texts[1]);
  printed.out = state.texts[0] = contents(state.files[OUT], &printed.out_size);
  printed.err = state.texts[1] = contents(state.files[ERR], &printed.err_size);
  dup2(state.out, STDOUT_FILENO);
  dup2(state.err, STDERR_FILENO);
  return printed;
}

bool is_harmless(const char *text, size_t size) {
  while (size > 0) {
    uint32_t code;
    size_t length = utf8_decode(text, size, &code);
    if (length == 0 || (code != '\n' && code != '\t' && !utf8_shows(code)))
      return false;
    text += length;
    size -= length;
  }
  return true;
}

bool has_complaints(const struct printed *printed, const char *program, size_t lines) {
  size_t size = strlen(program);
  const char *at = printed->err;
  for (size_t i = 0; i < lines; i++) {
    const char *end = strchr(at, '\n');
    if (!end || strncmp(at, program, size) != 0 || strncmp(at + size, ": ", 2) != 0)
      return false;
    at = end + 1;
  }
  return !*at && is_harmless(printed->err, printed->err_size);
}

/* ---- command lines ------------------------------------------------------------------------- */

struct words words_of(char *program, const uint8_t *data, size_t size) {
  struct words words = {.argv = {program}, .argc = 1, .text = malloc(size + 1)};
  ALWAYS(words.text);
  memcpy(words.text, data, size);
  words.text[size] = '\0';
  for (char *at = size ? words.text : NULL; at && words.argc <= MOST_WORDS;) {
    words.argv[words.argc++] = at;
    at = strchr(at, '\n');
    if (at)
      *at++ = '\0';
  }
  say_begin(program);
  return words;
}

void words_free(struct words *words) {
  free(words->text);
}
