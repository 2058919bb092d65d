/* SPDX-License-Identifier: MIT */
/*
 * claims.c - judging claims: verdicts on rounds with a clear result.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/claims.h"
#include "results/document_access.h"
#include "tap.h"

enum {
  ROUNDS = 5
};

static const struct claim rising = {"A 1998", "it grows", CLAIM_RISES, {"one", "two"}, {0}};
static const struct claim level = {"B 2001", "it stays", CLAIM_FLAT, {"one", "two"}, {0}};
static const struct claim compared = {
    "C 2004", "one is no faster", CLAIM_NO_FASTER, {"one"}, {"two"}};

/* The baseline's second run at a point, against its first. */
static void add_again(json_t *experiment, const char *point, double low, double high) {
  json_t *again =
      json_pack("{s:s, s:s, s:[], s:{s:f, s:f, s:f, s:b}}", "point", point, "metric", "cpu",
                "values", "ratio", "median", 1.0, "low", low, "high", high, "resolved", 0);
  CHECK(json_array_append_new(json_object_get(experiment, "resolution"), again) == 0);
}

/* An experiment with that claim, points at 0, 100 and 400, and no figures yet. */
static json_t *experiment_with(const struct claim *claim) {
  struct claims claims = {.metric = "cpu", .threshold = 1.15, .at = claim, .count = 1};
  json_t *experiment =
      json_pack("{s:{s:s}, s:[{s:s, s:s, s:i}, {s:s, s:s, s:i}, {s:s, s:s, s:i}], s:[], s:[], s:o}",
                "x_axis", "label", "idle connections", "points", "id", "none", "group", "TCP", "x",
                0, "id", "some", "group", "TCP", "x", 100, "id", "most", "group", "TCP", "x", 400,
                "figures", "resolution", "claims", claims_to_json(&claims));
  CHECK(experiment);
  for (size_t i = 0; i < 3; i++)
    add_again(experiment, (const char *const[]){"none", "some", "most"}[i], 0.98, 1.02);
  return experiment;
}

static void add_rounds(json_t *experiment, const char *contestant, const char *point,
                       const double *values, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++)
    json_array_append_new(list, number_to_json(values[i]));
  json_t *figure = json_pack("{s:s, s:s, s:s, s:o}", "contestant", contestant, "point", point,
                             "metric", "cpu", "values", list);
  CHECK(json_array_append_new(json_object_get(experiment, "figures"), figure) == 0);
}

/* Rounds within 1 % of `typical`. */
static void add(json_t *experiment, const char *contestant, const char *point, double typical) {
  double values[ROUNDS];
  for (size_t i = 0; i < ROUNDS; i++)
    values[i] = typical * (1 + 0.005 * (double)(i % 3));
  add_rounds(experiment, contestant, point, values, ROUNDS);
}

static const json_t *claim_of(const json_t *experiment) {
  return json_array_get(json_object_get(json_object_get(experiment, "claims"), "list"), 0);
}

static const json_t *judged(const json_t *experiment, size_t i) {
  return json_array_get(json_object_get(claim_of(experiment), "judged"), i);
}

static bool is(const json_t *object, const char *key, const char *text) {
  NOTE("%s is %s", key, member_text(object, key));
  return strcmp(member_text(object, key), text) == 0;
}

/* The verdict if a contestant's cost goes from 100 to `most`. */
static void check_verdict(const struct claim *claim, double most, const char *seen,
                          const char *verdict) {
  json_t *experiment = experiment_with(claim);
  add(experiment, "one", "none", 100);
  add(experiment, "one", "most", most);
  CHECK_OK(claims_judge(experiment, false));
  CHECK(is(judged(experiment, 0), "seen", seen));
  CHECK(is(judged(experiment, 0), "verdict", verdict));
  CHECK(is(claim_of(experiment), "verdict", verdict));
  json_decref(experiment);
}

TEST(1, "a cost that rises, stays or falls, and the claims about it") {
  check_verdict(&rising, 300, "rises", "holds");
  check_verdict(&rising, 104, "flat", "does not hold");
  check_verdict(&level, 104, "flat", "holds");
  check_verdict(&level, 90, "flat", "holds");
  check_verdict(&level, 300, "rises", "does not hold");
}

TEST(1, "an interval with the threshold in it resolves nothing") {
  check_verdict(&rising, 115, "not resolved", "not resolved");
  check_verdict(&level, 115, "not resolved", "not resolved");
}

/* The whole range of four is on one side by chance in one of 16 cases. */
TEST(2, "four rounds resolve nothing: it may be chance") {
  json_t *experiment = experiment_with(&rising);
  add_rounds(experiment, "one", "none", (double[]){100, 100, 100, 100}, 4);
  add_rounds(experiment, "one", "most", (double[]){300, 310, 320, 330}, 4);
  CHECK_OK(claims_judge(experiment, false));
  CHECK(is(claim_of(experiment), "verdict", "not resolved"));
  json_decref(experiment);
}

static void check_with_again(const struct claim *claim, double most, double low, double high,
                             bool busy, const char *verdict) {
  json_t *experiment = experiment_with(claim);
  json_array_clear(json_object_get(experiment, "resolution"));
  if (high > 0) {
    add_again(experiment, "none", 1, 1);
    add_again(experiment, "most", low, high);
  }
  add(experiment, "one", "none", 100);
  add(experiment, "one", "most", most);
  CHECK_OK(claims_judge(experiment, busy));
  CHECK(is(claim_of(experiment), "verdict", verdict));
  json_decref(experiment);
}

TEST(2, "a rise that the baseline has by itself is none, and one that it hides is not excluded") {
  check_with_again(&rising, 300, 0.99, 1.2, false, "holds");
  check_with_again(&rising, 300, 0.99, 3.5, false, "not resolved");
  check_with_again(&rising, 300, 0.3, 1, false, "not resolved");
  check_with_again(&level, 100, 0.99, 1.1, false, "holds");
  check_with_again(&level, 100, 0.99, 1.2, false, "not resolved");
  check_with_again(&rising, 300, 0, 0, false, "not resolved");
}

TEST(2, "on a machine that was too busy no claim holds or fails") {
  check_with_again(&rising, 300, 1, 1, true, "not resolved");
  check_with_again(&level, 300, 1, 1, true, "not resolved");
}

TEST(2, "fewer than three rounds in pairs resolve nothing, however far apart") {
  json_t *experiment = experiment_with(&rising);
  add_rounds(experiment, "one", "none", (double[]){100, 100, 0}, 3);
  add_rounds(experiment, "one", "most", (double[]){900, 900, 900}, 3);
  CHECK_OK(claims_judge(experiment, false));
  CHECK(is(claim_of(experiment), "verdict", "not resolved"));
  json_decref(experiment);
}

TEST(2, "pairs are of one round: what slows a whole round does not blur the ratio") {
  json_t *experiment = experiment_with(&rising);
  add_rounds(experiment, "one", "none", (double[]){100, 300, 50, 120, 500}, ROUNDS);
  add_rounds(experiment, "one", "most", (double[]){130, 390, 65, 156, 650}, ROUNDS);
  CHECK_OK(claims_judge(experiment, false));
  CHECK(is(claim_of(experiment), "verdict", "holds"));
  json_decref(experiment);
}

TEST(3, "a claim holds where it does for all it is about, and those alone") {
  json_t *experiment = experiment_with(&rising);
  add(experiment, "one", "none", 100);
  add(experiment, "one", "most", 300);
  add(experiment, "three", "none", 100);
  add(experiment, "three", "most", 100);
  CHECK_OK(claims_judge(experiment, false));
  CHECK(is(claim_of(experiment), "verdict", "holds"));
  add(experiment, "two", "none", 100);
  add(experiment, "two", "most", 100);
  CHECK_OK(claims_judge(experiment, false));
  CHECK_IS(json_array_size(json_object_get(claim_of(experiment), "judged")), ==, 2);
  CHECK(is(judged(experiment, 0), "verdict", "holds"));
  CHECK(is(claim_of(experiment), "verdict", "does not hold"));
  json_decref(experiment);
}

TEST(3, "a contestant that cannot have the most connections is judged at its own maximum") {
  json_t *experiment = experiment_with(&rising);
  add(experiment, "one", "none", 100);
  add(experiment, "one", "some", 200);
  CHECK_OK(claims_judge(experiment, false));
  CHECK(is(judged(experiment, 0), "point", "some"));
  CHECK(is(claim_of(experiment), "verdict", "holds"));
  json_decref(experiment);
}

TEST(3, "a claim about contestants that were not measured is not resolved") {
  json_t *experiment = experiment_with(&rising);
  CHECK_OK(claims_judge(experiment, false));
  CHECK_IS(json_array_size(json_object_get(claim_of(experiment), "judged")), ==, 0);
  CHECK(is(claim_of(experiment), "verdict", "not resolved"));
  json_decref(experiment);
}

static void check_compared(double other, const char *seen, const char *verdict) {
  json_t *experiment = experiment_with(&compared);
  add(experiment, "one", "none", 100);
  add(experiment, "two", "none", other);
  CHECK_OK(claims_judge(experiment, false));
  CHECK(is(judged(experiment, 0), "beside", "two") && is(judged(experiment, 0), "point", "none"));
  CHECK(is(judged(experiment, 0), "seen", seen));
  CHECK(is(claim_of(experiment), "verdict", verdict));
  json_decref(experiment);
}

TEST(4, "no faster: the cost of the others is not above the threshold") {
  check_compared(102, "no faster", "holds");
  check_compared(80, "no faster", "holds");
  check_compared(140, "faster", "does not hold");
  check_compared(115, "not resolved", "not resolved");
}

TEST(5, "without a point at 0, or with it alone, nothing is judged, and that is reported") {
  for (size_t gone = 0; gone < 2; gone++) {
    json_t *experiment = experiment_with(&rising), *points = json_object_get(experiment, "points");
    add(experiment, "one", "none", 100);
    add(experiment, "one", "most", 300);
    CHECK_OK(claims_judge(experiment, false));
    CHECK(is(claim_of(experiment), "verdict", "holds"));
    while (json_array_size(points) > (gone == 0 ? 2 : 1))
      CHECK(json_array_remove(points, gone) == 0);
    CHECK_OK(claims_judge(experiment, false));
    CHECK(!json_object_get(claim_of(experiment), "verdict"));
    CHECK(
        strstr(member_text(json_object_get(experiment, "claims"), "unjudged"), "idle connections"));
    json_decref(experiment);
  }
}

TEST(5, "an experiment without claims stays without") {
  json_t *experiment = json_object();
  CHECK_OK(claims_judge(experiment, false));
  CHECK_IS(json_object_size(experiment), ==, 0);
  json_decref(experiment);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
