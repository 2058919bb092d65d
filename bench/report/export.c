/* SPDX-License-Identifier: MIT */
/*
 * export.c - a document for other programs. The figures for spreadsheets and data frames as CSV: one
 * row each, RFC 4180 (lines end with CR LF; a field with a comma, a quote or a line break is
 * quoted), a missing value is empty. The histograms for the plotters around HdrHistogram, one file
 * each: EXPERIMENT-CONTESTANT-POINT.hgrm, in microseconds.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench.h"
#include "common/cli.h"
#include "common/outfile.h"
#include "common/say.h"
#include "results/document_access.h"

/* ---- figures -------------------------------------------------------------------------------- */

static const char header[] = "experiment,contestant,point,group,x,metric,unit,median,low,high,"
                             "ratio,ratio_low,ratio_high,resolved,rounds\r\n";

static void put_text(FILE *to, const char *text) {
  if (!text[strcspn(text, ",\"\r\n")]) {
    fputs(text, to);
    return;
  }
  putc('"', to);
  for (; *text; text++) {
    if (*text == '"')
      putc('"', to);
    putc(*text, to);
  }
  putc('"', to);
}

/* With every significant digit and no more: 0.1, not 0.10000000000000001. */
static void put_number(FILE *to, double value) {
  char text[32];
  if (!isfinite(value))
    return;
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value)
      break;
  }
  fputs(text, to);
}

static void put_texts(FILE *to, const char *const *texts, size_t count) {
  for (size_t i = 0; i < count; i++) {
    put_text(to, texts[i]);
    putc(',', to);
  }
}

static void put_numbers(FILE *to, const double *numbers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    put_number(to, numbers[i]);
    putc(',', to);
  }
}

static void put_figure(FILE *to, const json_t *experiment, const json_t *figure) {
  const json_t *point =
      find_named(json_object_get(experiment, "points"), "id", member_text(figure, "point"));
  const json_t *metric = metric_of(experiment, figure);
  const json_t *ratio = json_object_get(figure, "ratio");
  const json_t *resolved = json_object_get(ratio, "resolved");

  put_texts(to,
            (const char *[]){member_text(experiment, "name"), member_text(figure, "contestant"),
                             member_text(figure, "point"), member_text(point, "group")},
            4);
  put_number(to, json_is_object(json_object_get(experiment, "x_axis")) ? member_number(point, "x")
                                                                       : NAN);
  putc(',', to);
  put_texts(to, (const char *[]){member_text(figure, "metric"), member_text(metric, "unit")}, 2);
  put_numbers(to,
              (const double[]){member_number(figure, "median"), member_number(figure, "low"),
                               member_number(figure, "high"), member_number(ratio, "median"),
                               member_number(ratio, "low"), member_number(ratio, "high")},
              6);
  fprintf(to, "%s,%zu\r\n",
          json_is_true(resolved)    ? "true"
          : json_is_false(resolved) ? "false"
                                    : "",
          values_present(figure));
}

static void put_document(FILE *to, const json_t *document) {
  const json_t *experiments = json_object_get(document, "experiments");
  fputs(header, to);
  for (size_t i = 0; i < json_array_size(experiments); i++) {
    const json_t *experiment = json_array_get(experiments, i);
    const json_t *figures = json_object_get(experiment, "figures");
    for (size_t k = 0; k < json_array_size(figures); k++)
      put_figure(to, experiment, json_array_get(figures, k));
  }
}

int report_csv(const json_t *document, const char *path) {
  if (strcmp(path, "-") == 0) {
    put_document(stdout, document);
    return cli_finish_stdout();
  }
  struct outfile out;
  int error = outfile_open(path, &out);
  if (!error) {
    put_document(out.file, document);
    error = outfile_close(&out, true);
  }
  if (!error)
    return EXIT_OK;
  complain("cannot write %s: %s: choose a file that can be written (--csv)", path,
           strerror(-error));
  return EXIT_TROUBLE;
}

/* ---- histograms ----------------------------------------------------------------------------- */

#define MICROSECOND 1000.0

enum {
  NAME_SIZE = 256
};

/* Contestants' names ("libevent:poll", "peer:libuv", "epoll+spin=50") may contain characters that
 * are special to file systems or shells: those become '_'. */
static void file_name(char to[NAME_SIZE], const json_t *experiment, const json_t *entry) {
  static const char allowed[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+=";
  snprintf(to, NAME_SIZE - sizeof ".hgrm", "%s-%s-%s", member_text(experiment, "name"),
           member_text(entry, "contestant"), member_text(entry, "point"));
  for (char *at = to; *at; at++)
    if (!strchr(allowed, *at))
      *at = '_';
  strcat(to, ".hgrm");
}

static int cannot_write(const char *path, int error) {
  complain("cannot write %s: %s: choose a directory that can be written (--hgrm)", path,
           strerror(-error));
  return EXIT_TROUBLE;
}

static int write_histogram(const struct histogram *histogram, const char *path) {
  struct outfile out;
  int error = outfile_open(path, &out);
  if (!error) {
    histogram_print_hgrm(histogram, MICROSECOND, out.file);
    error = outfile_close(&out, true);
  }
  return error ? cannot_write(path, error) : EXIT_OK;
}

static int report_entry(const json_t *experiment, const json_t *entry, const char *directory) {
  char name[NAME_SIZE];
  file_name(name, experiment, entry);
  const char *why;
  struct histogram *histogram = histogram_from_json(json_object_get(entry, "histogram"), &why);
  if (!histogram) {
    complain("cannot write %s: the histogram in the document cannot be read: %s", name, why);
    return EXIT_TROUBLE;
  }
  size_t size = strlen(directory) + sizeof name + 2;
  char *path = malloc(size);
  int failed = EXIT_TROUBLE;
  if (path) {
    snprintf(path, size, "%s/%s", directory, name);
    failed = write_histogram(histogram, path);
  } else {
    complain("cannot write %s: no memory", name);
  }
  free(path);
  histogram_free(histogram);
  return failed;
}

static int report_experiment(const json_t *experiment, const char *directory) {
  const json_t *histograms = json_object_get(experiment, "histograms");
  for (size_t i = 0; i < json_array_size(histograms); i++) {
    int failed = report_entry(experiment, json_array_get(histograms, i), directory);
    if (failed)
      return failed;
  }
  return EXIT_OK;
}

int report_hgrm(const json_t *document, const char *directory) {
  if (mkdir(directory, 0777) < 0 && errno != EEXIST)
    return cannot_write(directory, -errno);
  const json_t *experiments = json_object_get(document, "experiments");
  for (size_t i = 0; i < json_array_size(experiments); i++) {
    int failed = report_experiment(json_array_get(experiments, i), directory);
    if (failed)
      return failed;
  }
  return EXIT_OK;
}
