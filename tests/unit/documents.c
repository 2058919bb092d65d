/* SPDX-License-Identifier: MIT */
/*
 * documents.c - combining documents, and documents as text: merge, compare, CSV, .hgrm.
 *
 * The documents are small and made here. document_load() and document_save() replace those of the
 * bench program, which check their input; here paths are names of documents in memory.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "common/say.h"
#include "results/document_access.h"
#include "tap.h"

enum {
  DOCUMENTS = 4,
  TEXT_SIZE = 16384
};

/* ---- documents in memory ------------------------------------------------------------ */

static json_t *documents[DOCUMENTS]; /* "0", "1" ... */
static json_t *saved;

json_t *document_load(const char *path) {
  return json_deep_copy(documents[path[0] - '0']);
}

int document_save(const json_t *document, const char *path) {
  CHECK(strcmp(path, "saved") == 0);
  json_decref(saved);
  saved = json_deep_copy(document);
  return EXIT_OK;
}

static void forget(void) {
  for (size_t i = 0; i < DOCUMENTS; i++) {
    json_decref(documents[i]);
    documents[i] = NULL;
  }
  json_decref(saved);
  saved = NULL;
}

/* Single quotes read better in C than escaped double ones. */
static json_t *parsed(const char *text) {
  char *quoted = strdup(text);
  CHECK(quoted);
  for (char *at = quoted; *at; at++)
    if (*at == '\'')
      *at = '"';
  json_error_t error;
  json_t *json = json_loads(quoted, JSON_DECODE_ANY, &error);
  NOTE("%s: %s", error.text, text);
  CHECK(json);
  free(quoted);
  return json;
}

static json_t *member(json_t *object, const char *path) {
  char key[64];
  while (*path) {
    size_t size = strcspn(path, "/");
    snprintf(key, sizeof key, "%.*s", (int)size, path);
    object = json_is_array(object) ? json_array_get(object, (size_t)atoi(key))
                                   : json_object_get(object, key);
    NOTE("%s", path);
    CHECK(object);
    path += size + (path[size] == '/');
  }
  return object;
}

static void set(json_t *object, const char *path, const char *key, const char *json) {
  CHECK(json_object_set_new(member(object, path), key, parsed(json)) == 0);
}

static bool is(json_t *object, const char *path, const char *json) {
  json_t *expected = parsed(json);
  char *text = json_dumps(member(object, path), JSON_ENCODE_ANY);
  NOTE("%s is %s, expected %s", path, text, json);
  free(text);
  bool equal = json_equal(member(object, path), expected);
  json_decref(expected);
  return equal;
}

/* One experiment, two contestants, one point, two metrics; p50 is primary. */
static json_t *new_document(const char *created) {
  json_t *document = parsed(
      "{'format': 'ioloop-bench', 'version': 1, 'command': ['bench', 'latency'], 'seed': 7,"
      " 'interrupted': false,"
      " 'environment': {'kernel': '6.1', 'ioloop': '0.1.0', 'compiler': 'gcc', 'flags': '-O3',"
      "                 'cores': 2, 'libraries': {'libevent': '2.1.12'}},"
      " 'experiments': [{'name': 'latency', 'title': 'Round trips', 'baseline': 'epoll',"
      "  'parameters': {'rounds': 3, 'size': 64, 'duration_ns': 1000},"
      "  'contestants': ['epoll', 'poll'],"
      "  'absent': [{'contestant': 'kqueue', 'reason': 'needs macOS'}],"
      "  'x_axis': {'label': 'connections', 'log': true},"
      "  'points': [{'id': 'tcp-50', 'label': 'TCP, 50', 'group': 'TCP', 'x': 50}],"
      "  'metrics': [{'id': 'p50', 'label': 'median', 'unit': 'ns', 'better': 'lower',"
      "               'primary': true},"
      "              {'id': 'min', 'label': 'least', 'unit': 'ns', 'better': 'lower',"
      "               'primary': false}],"
      "  'figures': ["
      "   {'contestant': 'epoll', 'point': 'tcp-50', 'metric': 'p50', 'median': 101, 'low': 100,"
      "    'high': 102, 'values': [100, 101, 102], 'ratio': null},"
      "   {'contestant': 'poll', 'point': 'tcp-50', 'metric': 'p50', 'median': 202, 'low': 200,"
      "    'high': 204, 'values': [200, 202, 204],"
      "    'ratio': {'median': 2.0, 'low': 2.0, 'high': 2.0, 'resolved': true}}],"
      "  'resolution': [{'point': 'tcp-50', 'metric': 'p50', 'values': [102, 101, 100],"
      "    'ratio': {'median': 1.0, 'low': 0.98, 'high': 1.02, 'resolved': false}}],"
      "  'histograms': [{'contestant': 'epoll', 'point': 'tcp-50', 'histogram':"
      "    {'digits': 3, 'count': 3, 'min': 100, 'max': 102, 'sum': 303, 'sum_squares': 30605,"
      "     'counts': [[100, 1], [101, 1], [102, 1]]}}],"
      "  'failures': []}]}");
  CHECK(json_object_set_new(document, "created", json_string(created)) == 0);
  return document;
}

static json_t *experiment_of(json_t *document) {
  return member(document, "experiments/0");
}

static void two_documents(void) {
  documents[0] = new_document("2026-01-01T00:00:00Z");
  documents[1] = new_document("2026-01-02T00:00:00Z");
}

/* ---- captured output --------------------------------------------------------------------- */

static char said[TEXT_SIZE];

static int captured(int descriptor, int (*call)(void)) {
  FILE *file = tmpfile();
  CHECK(file);
  fflush(stdout);
  int kept = SYS(dup(descriptor));
  CHECK_SYS(dup2(fileno(file), descriptor));
  int result = call();
  fflush(stdout);
  CHECK_SYS(dup2(kept, descriptor));
  close(kept);
  rewind(file);
  said[fread(said, 1, sizeof said - 1, file)] = '\0';
  fclose(file);
  NOTE("%s", said);
  return result;
}

/* ---- merge ------------------------------------------------------------------------------- */

static int merge_two(void) {
  return documents_merge((const char *[]){"0", "1"}, 2, "saved");
}

static int merge_three(void) {
  return documents_merge((const char *[]){"0", "1", "2"}, 3, "saved");
}

TEST(1, "merging puts rounds side by side and computes all estimates again") {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "values", "[300, 303, 306]");
  CHECK_IS(captured(STDERR_FILENO, merge_two), ==, EXIT_OK);
  json_t *merged = experiment_of(saved);
  CHECK(is(merged, "figures/0/values", "[100, 101, 102, 100, 101, 102]"));
  CHECK(is(merged, "figures/1/values", "[200, 202, 204, 300, 303, 306]"));
  CHECK(is(merged, "figures/1/median", "252.0"));
  CHECK(is(merged, "figures/1/low", "200.0") && is(merged, "figures/1/high", "306.0"));
  CHECK(is(merged, "figures/0/ratio", "null"));
  CHECK(is(merged, "figures/1/ratio/median", "2.5"));
  CHECK(is(merged, "figures/1/ratio/low", "2.0") && is(merged, "figures/1/ratio/resolved", "true"));
  CHECK(is(merged, "resolution/0/values", "[102, 101, 100, 102, 101, 100]"));
  CHECK(is(merged, "resolution/0/ratio/median", "1.0"));
  CHECK(is(merged, "resolution/0/ratio/resolved", "false"));
  CHECK(is(merged, "parameters/rounds", "6"));
  CHECK(is(saved, "command", "['bench', 'merge', '-o', 'saved', '0', '1']"));
  CHECK(is(saved, "differences", "[]"));
  CHECK_IS(json_array_size(member(saved, "merged")), ==, 2);
  CHECK_IS(strlen(said), ==, 0);
  forget();
}

TEST(1, "each run keeps its own machine's hiccups, and all together have none") {
  two_documents();
  set(documents[0], "", "hiccups", "[{'role': 'any', 'largest_ns': 1}]");
  set(documents[1], "", "hiccups", "[{'role': 'any', 'largest_ns': 2}]");
  CHECK_IS(merge_two(), ==, EXIT_OK);
  CHECK(!json_object_get(saved, "hiccups"));
  CHECK(is(saved, "merged/0/hiccups/0/largest_ns", "1"));
  CHECK(is(saved, "merged/1/hiccups/0/largest_ns", "2"));
  forget();
}

TEST(1, "merging adds histograms without loss") {
  two_documents();
  CHECK_IS(merge_two(), ==, EXIT_OK);
  json_t *histogram = member(saved, "experiments/0/histograms/0/histogram");
  CHECK(is(histogram, "count", "6"));
  CHECK(is(histogram, "counts", "[[100, 2], [101, 2], [102, 2]]"));
  forget();
}

TEST(2, "a contestant of one run only has null for the rounds of the other") {
  two_documents();
  json_t *second = experiment_of(documents[1]);
  set(second, "", "contestants", "['epoll', 'kqueue']");
  set(second, "", "absent", "[{'contestant': 'rtsig', 'reason': 'needs Linux'}]");
  set(second, "figures/1", "contestant", "'kqueue'");
  CHECK_IS(merge_two(), ==, EXIT_OK);
  json_t *merged = experiment_of(saved);
  CHECK(is(merged, "contestants", "['epoll', 'poll', 'kqueue']"));
  CHECK(is(merged, "absent", "[{'contestant': 'rtsig', 'reason': 'needs Linux'}]"));
  CHECK(is(merged, "figures/1/values", "[200, 202, 204, null, null, null]"));
  CHECK(is(merged, "figures/2/values", "[null, null, null, 200, 202, 204]"));
  CHECK(is(merged, "figures/2/ratio/median", "2.0"));
  forget();
}

TEST(2, "points, experiments and failures of every run are kept, rounds counted on") {
  two_documents();
  json_t *second = experiment_of(documents[1]);
  set(second, "points/0", "id", "'udp-50'");
  set(second, "", "failures",
      "[{'contestant': 'poll', 'point': 'udp-50', 'round': 2, 'reason': 'it died'}]");
  json_t *other = json_deep_copy(second);
  CHECK(json_object_set_new(other, "name", json_string("churn")) == 0);
  CHECK(json_array_append_new(member(documents[1], "experiments"), other) == 0);
  CHECK_IS(merge_two(), ==, EXIT_OK);
  CHECK(is(saved, "experiments/0/points/0/id", "'tcp-50'"));
  CHECK(is(saved, "experiments/0/points/1/id", "'udp-50'"));
  CHECK(is(saved, "experiments/0/failures/0/round", "5"));
  CHECK(is(saved, "experiments/1/name", "'churn'"));
  CHECK(is(saved, "experiments/1/figures/0/values", "[100, 101, 102]"));
  forget();
}

TEST(3, "merging runs of two machines lists where they differ") {
  two_documents();
  set(documents[1], "environment", "kernel", "'6.6'");
  set(documents[1], "environment", "governor", "'performance'");
  CHECK_IS(captured(STDERR_FILENO, merge_two), ==, EXIT_OK);
  CHECK(strstr(said, "the machines differ in kernel: [\"6.1\", \"6.6\"]"));
  CHECK(is(saved, "differences",
           "[{'member': 'kernel', 'values': ['6.1', '6.6']},"
           " {'member': 'governor', 'values': [null, 'performance']}]"));
  CHECK(is(saved, "merged/1/environment/kernel", "'6.6'"));
  forget();
}

static void check_not_merged(const char *path, const char *key, const char *json,
                             const char *reason) {
  two_documents();
  set(documents[1], path, key, json);
  CHECK_IS(captured(STDERR_FILENO, merge_two), ==, EXIT_TROUBLE);
  CHECK(strstr(said, reason));
  CHECK(!saved);
  forget();
}

TEST(4, "different measurements are not merged") {
  check_not_merged("environment", "ioloop", "'0.2.0'", "different programs (ioloop)");
  check_not_merged("environment/libraries", "libevent", "'2.2'", "(libraries)");
  check_not_merged("experiments/0", "baseline", "'poll'", "baseline of experiment latency");
  check_not_merged("experiments/0/parameters", "size", "1024", "parameter size");
  check_not_merged("experiments/0/parameters", "depth", "4", "parameter depth");
  check_not_merged("experiments/0/metrics/0", "unit", "'us'", "metrics");
  check_not_merged("experiments/0/points/0", "x", "51", "point tcp-50");
  check_not_merged("experiments/0/histograms/0/histogram", "count", "4", "do not add up");
}

TEST(4, "more rounds are no obstacle") {
  two_documents();
  set(documents[1], "experiments/0/parameters", "rounds", "9");
  CHECK_IS(merge_two(), ==, EXIT_OK);
  forget();
}

TEST(4, "a run is not merged with itself, not even out of a merged document") {
  two_documents();
  documents[2] = json_deep_copy(documents[0]);
  CHECK_IS(captured(STDERR_FILENO, merge_three), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "the run of 2026-01-01T00:00:00Z is in these documents twice"));

  CHECK_IS(merge_two(), ==, EXIT_OK);
  json_decref(documents[1]);
  documents[1] = json_deep_copy(saved);
  CHECK_IS(captured(STDERR_FILENO, merge_two), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "twice"));
  forget();
}

TEST(4, "merging step by step is merging at once") {
  two_documents();
  documents[2] = new_document("2026-01-03T00:00:00Z");
  set(documents[2], "experiments/0/figures/1", "values", "[210, 230, null]");
  CHECK_IS(merge_three(), ==, EXIT_OK);
  json_t *at_once = json_deep_copy(experiment_of(saved));
  CHECK_IS(merge_two(), ==, EXIT_OK);
  json_decref(documents[0]);
  documents[0] = json_deep_copy(saved);
  json_decref(documents[1]);
  documents[1] = json_deep_copy(documents[2]);
  CHECK_IS(merge_two(), ==, EXIT_OK);
  CHECK(json_equal(at_once, experiment_of(saved)));
  CHECK_IS(json_array_size(member(saved, "merged")), ==, 3);
  json_decref(at_once);
  forget();
}

TEST(1, "a merge judges claims again, with the rounds of both") {
  two_documents();
  for (size_t i = 0; i < 2; i++) {
    json_t *experiment = experiment_of(documents[i]);
    set(experiment, "points/0", "x", "0");
    set(experiment, "", "claims",
        "{'metric': 'p50', 'threshold': 1.15, 'list': [{'by': 'A', 'found': 'B', 'about': "
        "['epoll'],"
        " 'expected': 'no faster', 'beside': ['poll'], 'verdict': 'holds'}]}");
    json_array_append_new(member(experiment, "points"),
                          parsed("{'id': 'x', 'x': 9, 'group': 'TCP'}"));
  }
  CHECK_IS(captured(STDERR_FILENO, merge_two), ==, EXIT_OK);
  json_t *claim = member(experiment_of(saved), "claims/list/0");
  CHECK(is(claim, "verdict", "'does not hold'"));
  CHECK(is(claim, "judged/0/ratio/median", "2.0"));
  forget();
}

/* ---- compare ----------------------------------------------------------------------------- */

static int compare_two(void) {
  return documents_compare("0", "1");
}

static int compared(void) {
  return captured(STDOUT_FILENO, compare_two);
}

TEST(5, "two runs alike: no difference is resolved") {
  two_documents();
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "0 regressions, 0 improvements, 2 without a resolved difference"));
  CHECK(!strstr(said, "environments differ"));
  forget();
}

TEST(5, "a difference beyond the A/A resolution is a regression, and sets the exit code") {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "values", "[220, 222, 224]");
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "1 regression, 0 improvements, 1 without"));
  CHECK(strstr(said, "202.0        222.0  1.099 [1.078, 1.120]     regression"));
  forget();
}

TEST(5, "for a counted figure one round is enough to detect a regression") {
  two_documents();
  for (size_t i = 0; i < 2; i++) {
    set(documents[i], "experiments/0/metrics/0", "counted", "true");
    set(documents[i], "experiments/0/figures/0", "values", "[100]");
    set(documents[i], "experiments/0/figures/1", "values", i ? "[220]" : "[200]");
  }
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "1 regression, 0 improvements, 1 without"));
  for (size_t i = 0; i < 2; i++)
    set(documents[i], "experiments/0/metrics/0", "counted", "false");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "0 regressions, 0 improvements, 2 without"));
  forget();
}

TEST(5, "a faster figure is an improvement") {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "values", "[180, 182, 184]");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "0 regressions, 1 improvement, 1 without"));
  forget();
}

TEST(5, "where more is better, less is a regression") {
  two_documents();
  for (size_t i = 0; i < 2; i++)
    set(documents[i], "experiments/0/metrics/0", "better", "'higher'");
  set(documents[1], "experiments/0/figures/1", "values", "[180, 182, 184]");
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  forget();
}

static void check_within_resolution(size_t coarse) {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "values", "[220, 222, 224]");
  set(documents[coarse], "experiments/0/resolution/0", "ratio",
      "{'median': 0.95, 'low': 0.9, 'high': 1.0, 'resolved': false}");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "no difference resolved (within the A/A resolution, 11.1 %)"));
  forget();
}

TEST(6, "a change within the A/A resolution of either document does not count") {
  check_within_resolution(0);
  check_within_resolution(1);
}

TEST(6, "a change whose interval spans 1 does not count") {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "values", "[190, 400, 500]");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "0 regressions"));
  forget();
}

TEST(6, "without an A/A check nothing is resolved, and that is reported") {
  two_documents();
  set(documents[0], "experiments/0", "resolution", "[]");
  set(documents[1], "experiments/0/figures/1", "values", "[220, 222, 224]");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "no A/A to compare it with"));
  forget();
}

TEST(6, "what cost nothing and now costs something is a regression, though it has no ratio") {
  two_documents();
  set(documents[0], "experiments/0/figures/1", "values", "[0, 0, 0]");
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "1 regression"));
  forget();
}

TEST(6, "metrics that are not primary or only describe are not judged") {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "values", "[220, 222, 224]");
  for (size_t i = 0; i < 2; i++)
    set(documents[i], "experiments/0/figures/1", "metric", "'min'");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "0 regressions, 0 improvements, 1 without"));
  for (size_t i = 0; i < 2; i++)
    set(documents[i], "experiments/0/metrics/0", "better", "''");
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "0 regressions, 0 improvements, 0 without"));
  forget();
}

TEST(7, "an entry in only one document is listed") {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "contestant", "'select'");
  json_t *other = json_deep_copy(experiment_of(documents[1]));
  CHECK(json_object_set_new(other, "name", json_string("churn")) == 0);
  CHECK(json_array_append_new(member(documents[1], "experiments"), other) == 0);
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "poll                 p50            only in OLD"));
  CHECK(strstr(said, "select               p50            only in NEW"));
  CHECK(strstr(said, "experiment churn: only in NEW"));
  forget();
}

TEST(7, "a contestant that now fails is a regression; an invalid run is not") {
  two_documents();
  set(documents[1], "experiments/0/figures/1", "values", "[null, null, null]");
  set(documents[1], "experiments/0", "failures",
      "[{'contestant': 'poll', 'point': 'tcp-50', 'round': 0, 'reason': 'it died',"
      " 'invalid': false}]");
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "fails in NEW: it died"));
  CHECK(strstr(said, "1 regression,"));
  set(documents[1], "experiments/0/failures/0", "invalid", "true");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "only in OLD"));
  forget();
}

TEST(7, "environments that differ are listed first") {
  two_documents();
  set(documents[1], "environment/libraries", "libevent", "'2.1.13'");
  set(documents[1], "environment", "cores", "4");
  CHECK_IS(compared(), ==, EXIT_OK);
  CHECK(strstr(said, "The environments differ") == said);
  CHECK(strstr(said, "  cores: 2, now 4\n  libraries.libevent: 2.1.12, now 2.1.13\n"));
  forget();
}

TEST(7, "an experiment that was set otherwise is not compared") {
  two_documents();
  set(documents[1], "experiments/0/parameters", "duration_ns", "9000");
  CHECK(compared() == EXIT_OK && !strstr(said, "not compared"));
  set(documents[0], "experiments/0/points/0", "x", "51");
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "not compared: measured with another point tcp-50"));
  set(documents[1], "experiments/0/parameters", "size", "1024");
  CHECK_IS(compared(), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "not compared: measured with another parameter size"));
  forget();
}

/* ---- CSV and .hgrm ----------------------------------------------------------------------- */

static int print_csv(void) {
  return report_csv(documents[0], "-");
}

#define CSV_HEADER                                                                                 \
  "experiment,contestant,point,group,x,metric,unit,median,low,high,ratio,ratio_low,ratio_high,"    \
  "resolved,rounds\r\n"

TEST(8, "CSV has a row for each figure, and nothing for null") {
  two_documents();
  set(documents[0], "experiments/0/figures/1", "values", "[200, null, 204]");
  set(documents[0], "experiments/0/figures/1", "low", "0.1");
  set(documents[0], "experiments/0/figures/1", "high", "null");
  CHECK_IS(captured(STDOUT_FILENO, print_csv), ==, EXIT_OK);
  CHECK(strcmp(said,
               CSV_HEADER "latency,epoll,tcp-50,TCP,50,p50,ns,101,100,102,,,,,3\r\n"
                          "latency,poll,tcp-50,TCP,50,p50,ns,202,0.1,,2,2,2,true,2\r\n") == 0);
  forget();
}

TEST(8, "CSV quotes what needs it") {
  two_documents();
  CHECK(json_object_set_new(member(documents[0], "experiments/0/points/0"), "group",
                            json_string("TCP, \"big\"")) == 0);
  set(documents[0], "experiments/0", "x_axis", "null");
  CHECK_IS(captured(STDOUT_FILENO, print_csv), ==, EXIT_OK);
  CHECK(strstr(said, "\r\nlatency,epoll,tcp-50,\"TCP, \"\"big\"\"\",,p50,"));
  forget();
}

static int csv_nowhere(void) {
  return report_csv(documents[0], "/nonexistent/figures.csv");
}

static int hgrm_nowhere(void) {
  return report_hgrm(documents[0], "/nonexistent/histograms");
}

TEST(8, "if nothing can be written, a line reports it") {
  two_documents();
  CHECK_IS(captured(STDERR_FILENO, csv_nowhere), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "cannot write /nonexistent/figures.csv: No such file"));
  CHECK_IS(captured(STDERR_FILENO, hgrm_nowhere), ==, EXIT_TROUBLE);
  CHECK(strstr(said, "cannot write /nonexistent/histograms: No such file"));
  forget();
}

TEST(9, "each histogram is a file of its own, in microseconds") {
  two_documents();
  set(documents[0], "experiments/0/histograms/0", "contestant", "'libevent:poll'");
  char directory[] = "/tmp/hgrm-XXXXXX", path[128], line[128];
  CHECK(mkdtemp(directory));
  CHECK_IS(report_hgrm(documents[0], directory), ==, EXIT_OK);
  snprintf(path, sizeof path, "%s/latency-libevent_poll-tcp-50.hgrm", directory);
  FILE *file = fopen(path, "r");
  CHECK(file);
  double value = 0, percentile = 0;
  while (fgets(line, sizeof line, file) && line[0] != '#')
    sscanf(line, "%lf %lf", &value, &percentile);
  fclose(file);
  CHECK(fabs(value - 0.102) < 1e-9 && percentile == 1);
  CHECK_SYS(unlink(path));
  CHECK_SYS(rmdir(directory));
  forget();
}

int main(int argc, char **argv) {
  say_begin("bench");
  return tap_main(argc, argv, false);
}
