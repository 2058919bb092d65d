/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - the frame that all fuzzers share: scripts made from seeds, each run in a child process
 * under a watchdog, shrunk when it finds something, and printed so that one command replays it.
 *
 * A fuzzer defines a table of operations and a function that runs a script:
 *
 *   static const struct fuzz_operation operations[] = {
 *       {"write", 2, 10, write_some}, // name, arguments, weight, function
 *       {"close", 1, 3, close_one},
 *       {0}};
 *   static void run(const struct fuzz_script *script, const char *backend) {
 *     ... set up ...
 *     fuzz_execute(script, 0, script->count);
 *     ... check what must hold at the end ...
 *   }
 *   int main(int argc, char **argv) {
 *     static const struct fuzz fuzz = {.name = "loop", .operations = operations, .run = run, ...};
 *     return fuzz_main(argc, argv, &fuzz);
 *   }
 *
 * A script is a list of lines, "write 3 200": an operation and its arguments, which are any 32-bit
 * numbers. An operation takes an argument modulo whatever exists when it is executed (FUZZ_PICK),
 * and does nothing where nothing exists. So a script stays valid whatever lines are removed from
 * it, and shrinking needs to know nothing about the operations.
 *
 * A finding is a call of fuzz_fail, a signal, a non-zero exit (a sanitizer's), or a script that
 * does not end in time. `run` may leave everything behind: its process ends. It must not exit.
 *
 * Whether a fuzzer finds anything is tried with known faults: mutants/mutants.py.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  FUZZ_MAX_ARGS = 4,
};

struct fuzz_line {
  unsigned operation; /* index into the table */
  uint32_t args[FUZZ_MAX_ARGS];
};

struct fuzz_script {
  struct fuzz_line *lines;
  size_t count;
  uint64_t seed; /* for data that no argument names; kept when the script is shrunk */
};

struct fuzz_operation {
  const char *name;
  unsigned args;   /* how many */
  unsigned weight; /* how often, relative to the others */
  void (*run)(const uint32_t *args);
};

struct fuzz {
  const char *name;  /* of the program: "loop" */
  const char *about; /* for --help: what it tries, and what it checks; lines of 80 characters */
  const struct fuzz_operation *operations; /* ends with one without a name */
  size_t script_operations;                /* operations of a script, by default */
  unsigned seconds;                        /* the time for a script; with a sanitizer four times */
  /* In the child. */
  void (*run)(const struct fuzz_script *script, const char *backend);
  /* Backends of its own in place of all that have a loop and run here, for example one entry
   * "all" for a fuzzer that compares them; ends with NULL. */
  const char *const *backends;
};

int fuzz_main(int argc, char **argv, const struct fuzz *fuzz);

/* ---- called by a fuzzer in its child ------------------------------------------------------ */

#define FUZZ_PICK(arg, count) ((count) ? (size_t)(arg) % (size_t)(count) : 0)

/* Execute the lines from `first` up to `end`, exclusively. May be nested: an operation that lets
 * a callback execute a later part of the script claims that part by fuzz_claim. */
void fuzz_execute(const struct fuzz_script *script, size_t first, size_t end);

/* For an operation: the next `most` lines, or the rest of what is being executed, are skipped
 * here. Returns how many there are; *first is the first of them. */
size_t fuzz_claim(size_t most, size_t *first);

/* A finding. The script is shrunk as long as the same `format` fails, so let a format be one kind
 * of failure, with its numbers as arguments. Any thread. */
#define FUZZ_PRINTF(text, first) __attribute__((format(printf, text, first)))
_Noreturn void fuzz_fail(const char *format, ...) FUZZ_PRINTF(1, 2);

/* fuzz_fail unless the condition holds. */
#define FUZZ_CHECK(condition, ...)                                                                 \
  do {                                                                                             \
    if (!(condition))                                                                              \
      fuzz_fail(__VA_ARGS__);                                                                      \
  } while (0)

/* A line for --verbose: what happens. */
void fuzz_note(const char *format, ...) FUZZ_PRINTF(1, 2);

/* The figures of the last line. Any thread. */
enum fuzz_figure {
  FUZZ_OPERATIONS, /* counted by fuzz_execute */
  FUZZ_DESCRIPTORS,
  FUZZ_EVENTS,
  FUZZ_FIGURES,
};
void fuzz_count(enum fuzz_figure figure, uint64_t n);

/* ---- numbers ------------------------------------------------------------------------------ */

/* splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): the
 * sequences of consecutive seeds are unrelated. */
uint64_t fuzz_random(uint64_t *state);

/* Now, of CLOCK_MONOTONIC. */
uint64_t fuzz_now(void);

/* ---- between the files of the frame -------------------------------------------------------- */

struct fuzz_result {
  bool failed;
  char kind[128];  /* fuzz_fail's format, or "signal 11" ...: what must stay when shrinking */
  char what[1024]; /* in words */
  long line;       /* of the script, from 1; 0: none */
};

/* Run the script in a child. `show`: its stderr is ours, otherwise discarded. */
void fuzz_try(const struct fuzz *fuzz, const struct fuzz_script *script, const char *backend,
              bool show, bool verbose, struct fuzz_result *ret);
uint64_t fuzz_total(enum fuzz_figure figure);

struct fuzz_script fuzz_script_new(const struct fuzz *fuzz, uint64_t seed, size_t count);
struct fuzz_script fuzz_script_copy(const struct fuzz_script *script);
void fuzz_script_free(struct fuzz_script *script);
/* Errors end the program (2). The lines are as fuzz_script_print prints them; # begins a comment.
 */
struct fuzz_script fuzz_script_read(const struct fuzz *fuzz, const char *path);
void fuzz_script_print(const struct fuzz *fuzz, const struct fuzz_script *script, void *stdio_file);

/* Make the script as short and its arguments as small as possible while it fails in the same way.
 * Returns how many scripts were tried; 0: it did not fail again. Stops at the deadline. */
unsigned fuzz_shrink(const struct fuzz *fuzz, struct fuzz_script *script, const char *backend,
                     struct fuzz_result *result, uint64_t deadline);

#endif
