/* SPDX-License-Identifier: MIT */
/*
 * parser.h - parsers of the programs under libFuzzer, and what their files share.
 *
 * A fuzzer is a function that takes bytes, calls a parser with them, and checks what must hold
 * whatever they are: `run` builds all with clang and runs them. Every build links each with
 * replay.c in place of libFuzzer: a test, which calls the function with the inputs in corpus/.
 * A finding is a sanitizer's report or a check that fails; its input is then kept there.
 */
#ifndef PARSER_H
#define PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Holds for every input. If not, the process is aborted, with this line and what was printed. */
#define ALWAYS(condition) ((condition) ? (void)0 : parser_fail(#condition, __FILE__, __LINE__))
_Noreturn void parser_fail(const char *condition, const char *file, int line);

/* The bytes as the file of this path, until the next call for the same `which`, 0 to 2. */
const char *parser_file(unsigned which, const void *data, size_t size);

/* Collect what is printed on stdout and stderr, up to parser_printed(). */
void parser_collect(void);
struct printed {
  const char *out, *err; /* until the next parser_collect(), followed by a NUL */
  size_t out_size, err_size;
};
struct printed parser_printed(void);

/* What is printed for people is well-formed UTF-8 and controls no terminal. */
bool is_harmless(const char *text, size_t size);

/* Programs print this many lines on stderr, each beginning with the program's name. */
bool has_complaints(const struct printed *printed, const char *program, size_t lines);

/* The command line of an input: its lines are the words after the program's name. */
enum {
  MOST_WORDS = 64
};
struct words {
  int argc;
  char *argv[MOST_WORDS + 2], *text;
};
struct words words_of(char *program, const uint8_t *data, size_t size);
void words_free(struct words *words);

#endif
