/* SPDX-License-Identifier: MIT */
/*
 * document.c - report, compare and merge with results of any content. Two documents are separated
 * by a NUL; one alone is compared with itself.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench.h"
#include "common/say.h"
#include "parser.h"
#include "report/page.h"

/* In place of the program: no text ends a string of the script. */
int gnuplot_run(char *const argv[], FILE *in, FILE *out, FILE *err) {
  char *line = NULL;
  size_t room = 0, quotes;
  (void)err;
  if (in == out)
    return 0; /* --version */
  ALWAYS(strcmp(argv[0], "gnuplot") == 0);
  for (ssize_t size; (size = getline(&line, &room, in)) > 0;) {
    quotes = 0;
    for (ssize_t i = 0; i < size; i++)
      quotes += line[i] == '\'';
    ALWAYS(quotes % 2 == 0 && is_harmless(line, (size_t)size));
  }
  free(line);
  fputs("<svg>\n<g id=\"gnuplot_canvas\"></g>\n</svg>\n", out);
  return 0;
}

/* ---- what must hold ------------------------------------------------------------------------- */

/* A figure that is none is "-" or left out, never a word of printf's. */
static bool has_word(const char *text) {
  for (; *text; text++)
    if (strncasecmp(text, "nan", 3) == 0 || strncasecmp(text, "inf", 3) == 0)
      return true;
  return false;
}

/* All lines end with CR LF and have as many fields as the first. */
static void check_csv(const char *text) {
  size_t fields = 0, expected = 0;
  bool quoted = false;
  for (; *text; text++) {
    if (*text == '"')
      quoted = !quoted;
    fields += !quoted && (*text == ',' || *text == '\n');
    if (quoted || *text != '\n')
      continue;
    ALWAYS(text[-1] == '\r' && (!expected || fields == expected));
    expected = fields;
    fields = 0;
  }
  ALWAYS(!quoted && fields == 0);
}

struct checks {
  bool numbers;  /* the input has no such word itself */
  bool is_table; /* for people */
};

/* "the machines differ in" are lines of their own. */
static struct printed check_printed(int code, const struct checks *checks) {
  struct printed printed = parser_printed();
  const char *line = printed.err;
  ALWAYS(code == EXIT_OK || code == EXIT_TROUBLE);
  while (strncmp(line, "the machines differ in ", 23) == 0)
    line = strchr(line, '\n') + 1;
  struct printed rest = {.err = line, .err_size = strlen(line)};
  ALWAYS(has_complaints(&rest, "bench", *line ? 1 : 0));
  ALWAYS(strncmp(line, "bench: cannot ", 14) != 0); /* there is memory */
  if (checks->is_table)
    ALWAYS(is_harmless(printed.out, printed.out_size));
  if (checks->numbers)
    ALWAYS(!has_word(printed.out));
  return printed;
}

/* ---- the commands --------------------------------------------------------------------------- */

static void print_histograms(const json_t *document) {
  size_t i, k;
  json_t *experiment, *entry;
  const char *why;
  json_array_foreach(json_object_get(document, "experiments"), i, experiment) {
    json_array_foreach(json_object_get(experiment, "histograms"), k, entry) {
      struct histogram *histogram = histogram_from_json(json_object_get(entry, "histogram"), &why);
      ALWAYS(histogram || *why);
      if (histogram)
        histogram_print_hgrm(histogram, 1000, stdout);
      histogram_free(histogram);
    }
  }
}

static void report(const char *path, bool numbers) {
  const struct checks table = {numbers, true}, file = {numbers, false}, any = {false, false};
  parser_collect();
  json_t *document = document_load(path);
  ALWAYS(!document == (check_printed(document ? EXIT_OK : EXIT_TROUBLE, &any).err_size > 0));
  if (!document)
    return;
  parser_collect();
  report_table(document, stdout);
  ALWAYS(check_printed(EXIT_OK, &table).out_size > 0);
  parser_collect();
  int code = report_csv(document, "-");
  check_csv(check_printed(code, &file).out);
  parser_collect();
  code = report_html(document, "-");
  struct printed page = check_printed(code, &any);
  ALWAYS(is_harmless(page.out, page.out_size));
  parser_collect();
  print_histograms(document); /* their last line has an "inf" */
  check_printed(EXIT_OK, &any);
  json_decref(document);
}

static void compare(const char *old, const char *new, bool numbers) {
  const struct checks table = {numbers, true};
  parser_collect();
  check_printed(documents_compare(old, new), &table);
}

/* What it writes can be read again. */
static void merge(const char *old, const char *new) {
  const struct checks any = {false, false};
  const char *paths[] = {old, new};
  parser_collect();
  int code = documents_merge(paths, 2, "-");
  struct printed merged = check_printed(code, &any);
  ALWAYS((code == EXIT_OK) == (merged.out_size > 0));
  if (code == EXIT_OK)
    report(parser_file(2, merged.out, merged.out_size), false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  ALWAYS(text);
  memcpy(text, data, size);
  text[size] = '\0';
  size_t first = strlen(text), second = first < size ? first + 1 : 0;
  bool numbers = !has_word(text) && !has_word(text + second);
  const char *old = parser_file(0, text, first);
  const char *new = parser_file(1, text + second, size - second);
  say_begin("bench");
  report(old, numbers);
  compare(old, new, numbers);
  merge(old, new);
  free(text);
  return 0;
}
