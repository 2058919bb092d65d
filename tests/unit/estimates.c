/* SPDX-License-Identifier: MIT */
/*
 * estimates.c - what may be concluded from a document: simulated runs of programs that are all the
 * same, and of programs that differ; and which machines are too busy to conclude anything.
 */
#include "results/estimates.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "results/document_access.h"
#include "results/quality.h"
#include "results/significance.h"
#include "results/statistics.h"
#include "tap.h"

enum {
  CONTESTANTS = 23,
  POINTS = 4,
  METRICS = 2,
  RUNS = 20
};

/* ---- simulated runs ----------------------------------------------------------------------------- */

struct simulation {
  struct random random;
  size_t rounds;
  double noise;  /* of a measurement */
  double factor; /* by which every second contestant is slower */
};

/* Latencies as on a machine with other guests: skewed noise, and now and then a stall. */
static double measured(struct simulation *of, double typical) {
  double value = typical * (1 + random_exponential(&of->random, of->noise));
  return random_below(&of->random, 50) == 0 ? value * 3 : value;
}

static json_t *rounds(struct simulation *of, double typical) {
  json_t *values = json_array();
  for (size_t i = 0; i < of->rounds; i++)
    json_array_append_new(values, json_real(measured(of, typical)));
  return values;
}

static void add_point(struct simulation *of, json_t *experiment, const char *point,
                      const char *metric) {
  json_t *figures = json_object_get(experiment, "figures");
  for (size_t i = 0; i < CONTESTANTS; i++) {
    char name[8];
    snprintf(name, sizeof name, "c%zu", i);
    double typical = i % 2 ? 100 * of->factor : 100;
    json_array_append_new(figures,
                          json_pack("{s:s, s:s, s:s, s:o}", "contestant", name, "point", point,
                                    "metric", metric, "values", rounds(of, typical)));
  }
  json_array_append_new(
      json_object_get(experiment, "resolution"),
      json_pack("{s:s, s:s, s:o}", "point", point, "metric", metric, "values", rounds(of, 100)));
}

static json_t *simulated(struct simulation *of) {
  json_t *experiment = json_pack("{s:s, s:[], s:[], s:[], s:[]}", "baseline", "c0", "figures",
                                 "resolution", "points", "metrics");
  for (size_t m = 0; m < METRICS; m++) {
    char metric[8];
    snprintf(metric, sizeof metric, "m%zu", m);
    json_array_append_new(json_object_get(experiment, "metrics"),
                          json_pack("{s:s, s:b, s:b}", "id", metric, "counted", 0, "primary", 1));
    for (size_t p = 0; p < POINTS; p++) {
      char point[8];
      snprintf(point, sizeof point, "p%zu", p);
      add_point(of, experiment, point, metric);
    }
  }
  json_t *document = json_pack("{s:[o]}", "experiments", experiment);
  CHECK(document);
  return document;
}

static bool resolved(const json_t *figure) {
  return json_is_true(json_object_get(json_object_get(figure, "ratio"), "resolved"));
}

static const json_t *figures_of(const json_t *document) {
  return json_object_get(json_array_get(json_object_get(document, "experiments"), 0), "figures");
}

/* The share of the comparisons with equal contestants, or with slower ones, that are resolved. */
static double share_resolved(struct simulation *of, bool slower) {
  size_t found = 0, all = 0;
  for (size_t run = 0; run < RUNS; run++) {
    json_t *document = simulated(of);
    CHECK_OK(document_judge(document));
    const json_t *figures = figures_of(document);
    for (size_t i = 0; i < json_array_size(figures); i++) {
      const json_t *figure = json_array_get(figures, i);
      size_t contestant = i % CONTESTANTS;
      if (contestant == 0 || (contestant % 2 == 1) != slower)
        continue;
      all++;
      found += resolved(figure);
    }
    json_decref(document);
  }
  NOTE("%zu of %zu resolved", found, all);
  return (double)found / (double)all;
}

TEST(1,
     "the null experiment: of 23 programs that are the same, at most 1 % of ratios are resolved") {
  const size_t lengths[] = {3, 5, 6, 9, 15};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    struct simulation of = {.rounds = lengths[i], .noise = 0.05, .factor = 1};
    random_seed(&of.random, lengths[i]);
    CHECK(share_resolved(&of, false) <= 0.01);
    CHECK(share_resolved(&of, true) <= 0.01);
  }
}

TEST(1, "among real differences at most 1 % of equal programs are called different") {
  struct simulation of = {.rounds = 9, .noise = 0.05, .factor = 2};
  random_seed(&of.random, 1);
  CHECK(share_resolved(&of, false) <= 0.01);
}

TEST(1, "a difference far beyond the noise is resolved from six rounds on, never with three") {
  struct simulation of = {.rounds = 6, .noise = 0.02, .factor = 4};
  random_seed(&of.random, 1);
  CHECK(share_resolved(&of, true) >= 0.7);
  of.rounds = 15;
  of.factor = 1.3;
  CHECK(share_resolved(&of, true) >= 0.9);
  of.rounds = 3;
  of.factor = 10;
  CHECK(share_resolved(&of, true) <= 0);
}

/* ---- significance ------------------------------------------------------------------------------- */

static bool near(double value, double expected) {
  NOTE("%g, expected %g", value, expected);
  return fabs(value - expected) <= 1e-9 + 1e-6 * expected;
}

TEST(2, "beyond both runs of the baseline in every round: 2 / 3^rounds") {
  const double base[] = {1, 2, 3, 4, 5, 6}, again[] = {2, 1, 4, 3, 6, 5};
  const double above[] = {9, 9, 9, 9, 9, 9}, below[] = {0, 0, 0, 0, 0, 0};
  const double between[] = {1.5, 1.5, 3.5, 3.5, 5.5, 5.5};
  CHECK(near(beyond_baseline(above, base, again, 3), 2.0 / 27));
  CHECK(near(beyond_baseline(above, base, again, 6), 2.0 / 729));
  CHECK(near(beyond_baseline(below, base, again, 6), 2.0 / 729));
  CHECK(near(beyond_baseline(between, base, again, 6), 1));
  CHECK(near(beyond_baseline(above, base, again, 0), 1));
}

TEST(2, "a round in which one of the three is missing does not count") {
  const double base[] = {1, NAN, 1, 1}, again[] = {1, 1, NAN, 1}, values[] = {2, 2, 2, NAN};
  CHECK(near(beyond_baseline(values, base, again, 4), 2.0 / 3));
}

TEST(2, "the normal approximation for many rounds goes on where the exact sum ends") {
  double base[400], again[400], values[400];
  for (size_t i = 0; i < 400; i++) {
    base[i] = 1;
    again[i] = 2;
    values[i] = i % 8 == 0 ? 3 : 1.5;
  }
  double exact = beyond_baseline(values, base, again, 200);
  double normal = beyond_baseline(values, base, again, 208);
  CHECK(normal > 0 && normal < exact * 1.5 && normal > exact / 2);
}

TEST(2, "the sign test is that of a coin") {
  CHECK(near(sign_test(5, 5), 1.0 / 32));
  CHECK(near(sign_test(4, 5), 6.0 / 32));
  CHECK(near(sign_test(0, 5), 1));
}

/* Benjamini & Hochberg 1995, the example of section 3.2: of 15, the first four at 5 %. */
TEST(2, "many comparisons are corrected for as in Benjamini and Hochberg's example") {
  double p[] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000, NAN};
  CHECK_OK(adjust_for_many(p, 16));
  for (size_t i = 0; i < 15; i++)
    CHECK((p[i] <= FALSE_SHARE) == (i < 4));
  CHECK(near(p[0], 0.0015) && near(p[3], 0.035625) && isnan(p[15]));
}

/* ---- the machine -------------------------------------------------------------------------------- */

/* A difference that is resolved on a quiet machine, with these members in the document. */
static void check_machine(const char *key, const char *text, bool busy, const char *reason) {
  struct simulation of = {.rounds = 9, .noise = 0.01, .factor = 8};
  random_seed(&of.random, 3);
  json_t *document = simulated(&of);
  if (key)
    CHECK(json_object_set_new(document, key, json_loads(text, 0, NULL)) == 0);
  CHECK_OK(document_judge(document));
  const json_t *judgement = json_object_get(document, "judgement");
  const json_t *reasons = json_object_get(judgement, "reasons");
  CHECK(json_is_true(json_object_get(judgement, "busy")) == busy);
  CHECK_IS(json_array_size(reasons), ==, busy ? 1 : 0);
  CHECK(!busy || strstr(json_string_value(json_array_get(reasons, 0)), reason));
  CHECK(resolved(json_array_get(figures_of(document), 1)) == !busy);
  json_decref(document);
}

TEST(3, "a machine that is too busy, and by what: no timed difference is resolved") {
  check_machine(NULL, NULL, false, "");
  check_machine("hiccups", "[{\"role\": \"server\", \"late_1ms\": 0.009}]", false, "");
  check_machine("hiccups", "[{\"role\": \"server\", \"late_1ms\": 0.77}]", true,
                "the server's processor would have kept 77 % of messages");
  check_machine("load", "{\"steal\": 0.05, \"others\": 0.1}", true, "other guests");
  check_machine("load", "{\"steal\": null, \"others\": 3}", true, "other programs used 3");
  check_machine("merged", "[{}, {\"load\": {\"steal\": 0, \"others\": 1}}]", true, "used 1 ");
}

TEST(3, "a baseline that differs from itself by half makes a run too busy") {
  struct simulation of = {.rounds = 6, .noise = 2, .factor = 1};
  random_seed(&of.random, 3);
  json_t *document = simulated(&of);
  CHECK_OK(document_judge(document));
  const json_t *judgement = json_object_get(document, "judgement");
  CHECK(json_is_true(json_object_get(judgement, "busy")));
  CHECK(member_number(judgement, "differs") > 1.5);
  json_decref(document);
}

TEST(3, "counted figures do not depend on the machine") {
  json_t *document = json_loads(
      "{\"load\": {\"others\": 3}, \"experiments\": [{\"baseline\": \"a\", \"points\": [], "
      "\"metrics\": [{\"id\": \"calls\", \"counted\": true, \"primary\": true}], \"figures\": ["
      "{\"contestant\": \"a\", \"point\": \"p\", \"metric\": \"calls\", \"values\": [3]},"
      "{\"contestant\": \"b\", \"point\": \"p\", \"metric\": \"calls\", \"values\": [2]},"
      "{\"contestant\": \"c\", \"point\": \"p\", \"metric\": \"calls\", \"values\": [3.02]}], "
      "\"resolution\": [{\"point\": \"p\", \"metric\": \"calls\", \"values\": [3.03]}]}]}",
      0, NULL);
  CHECK(document);
  CHECK_OK(document_judge(document));
  CHECK(json_is_true(json_object_get(json_object_get(document, "judgement"), "busy")));
  CHECK(resolved(json_array_get(figures_of(document), 1)));
  CHECK(!resolved(json_array_get(figures_of(document), 2))); /* within the A/A */
  json_decref(document);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
