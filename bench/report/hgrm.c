/* SPDX-License-Identifier: MIT */
/*
 * hgrm.c - a document's histograms as files for the plotters around HdrHistogram, one file each:
 * EXPERIMENT-CONTESTANT-POINT.hgrm, in microseconds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench.h"
#include "common/outfile.h"
#include "common/say.h"
#include "results/document_access.h"

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
