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
#include <unistd.h>

#include "bench.h"
#include "common/outfile.h"
#include "common/say.h"
#include "line.h"
#include "results/document_access.h"
#include "results/histogram.h"

/* ---- figures -------------------------------------------------------------------------------- */

static const char header[] = "experiment,contestant,point,group,x,metric,unit,median,low,high,"
                             "ratio,ratio_low,ratio_high,resolved,rounds\r\n";

/* Each field ends with its comma. A file is exact; a terminal would obey escape sequences. */
static void put_text(FILE *to, const char *text) {
  char *safe = to == stdout && isatty(STDOUT_FILENO) ? harmless(text) : NULL;
  text = safe ? safe : text;
  bool quoted = text[strcspn(text, ",\"\r\n")];
  fputs(quoted ? "\"" : "", to);
  for (; *text; text++) {
    if (*text == '"')
      putc('"', to);
    putc(*text, to);
  }
  fputs(quoted ? "\"," : ",", to);
  free(safe);
}

/* With every significant digit and no more: 0.1, not 0.10000000000000001. */
static void put_number(FILE *to, double value) {
  char text[32] = "";
  for (int digits = 6; isfinite(value) && digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value)
      break;
  }
  fprintf(to, "%s,", text);
}

static void put_interval(FILE *to, const json_t *of) {
  put_number(to, member_number(of, "median"));
  put_number(to, member_number(of, "low"));
  put_number(to, member_number(of, "high"));
}

static void put_figure(FILE *to, const json_t *experiment, const json_t *figure) {
  const json_t *point = point_of(experiment, figure);
  const json_t *ratio = json_object_get(figure, "ratio");
  const json_t *resolved = json_object_get(ratio, "resolved");
  bool axis = json_is_object(json_object_get(experiment, "x_axis"));
  put_text(to, member_text(experiment, "name"));
  put_text(to, member_text(figure, "contestant"));
  put_text(to, member_text(figure, "point"));
  put_text(to, member_text(point, "group"));
  put_number(to, axis ? member_number(point, "x") : NAN);
  put_text(to, member_text(figure, "metric"));
  put_text(to, member_text(metric_of(experiment, figure), "unit"));
  put_interval(to, figure);
  put_interval(to, ratio);
  fputs(json_is_true(resolved) ? "true" : json_is_false(resolved) ? "false" : "", to);
  fprintf(to, ",%zu\r\n", values_present(figure));
}

static int put_document(FILE *to, const void *document) {
  size_t i, k;
  json_t *experiment, *figure;
  fputs(header, to);
  json_array_foreach(json_object_get(document, "experiments"), i, experiment) {
    json_array_foreach(json_object_get(experiment, "figures"), k, figure) {
      put_figure(to, experiment, figure);
    }
  }
  return 0;
}

int report_csv(const json_t *document, const char *path) {
  return outfile_put(path, put_document, document);
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

static int put_hgrm(FILE *to, const void *histogram) {
  histogram_print_hgrm(histogram, MICROSECOND, to);
  return 0;
}

static int report_entry(const json_t *experiment, const json_t *entry, const char *directory) {
  char name[NAME_SIZE];
  file_name(name, experiment, entry);
  const char *why;
  struct histogram *histogram = histogram_from_json(json_object_get(entry, "histogram"), &why);
  if (!histogram)
    return complain("cannot write %s: the histogram in the document cannot be read: %s", name, why);
  char *path;
  int failed;
  if (asprintf(&path, "%s/%s", directory, name) < 0) {
    failed = complain("cannot write %s: no memory", name);
  } else {
    failed = outfile_put(path, put_hgrm, histogram);
    free(path);
  }
  histogram_free(histogram);
  return failed;
}

int report_hgrm(const json_t *document, const char *directory) {
  size_t i, k;
  json_t *experiment, *entry;
  int failed = EXIT_OK;
  int error = outfile_folder(directory);
  if (error)
    return outfile_complain(directory, error);
  json_array_foreach(json_object_get(document, "experiments"), i, experiment) {
    json_array_foreach(json_object_get(experiment, "histograms"), k, entry) {
      failed = failed ? failed : report_entry(experiment, entry, directory);
    }
  }
  return failed;
}
