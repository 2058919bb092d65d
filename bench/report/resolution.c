/* SPDX-License-Identifier: MIT */
/*
 * resolution.c - the differences that the machine can resolve, from measuring the same contestant
 * twice; see view.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "results/statistics.h"
#include "view.h"

struct distances {
  double *at;
  size_t count, spanning, counted;
  double expected;
};

static bool is_primary(const json_t *metric) {
  return json_is_true(json_object_get(metric, "primary"));
}

static int add_experiment(struct distances *distances, const json_t *experiment) {
  const json_t *all = json_object_get(experiment, "resolution");
  size_t room = distances->count + json_array_size(all) + 1;
  double *at = realloc(distances->at, room * sizeof *at);
  if (!at)
    return -ENOMEM;
  distances->at = at;

  size_t i;
  json_t *again;
  json_array_foreach(all, i, again) {
    const json_t *ratio = json_object_get(again, "ratio");
    double low = member_number(ratio, "low"), high = member_number(ratio, "high");
    const json_t *metric = metric_of(experiment, again);
    if (!isfinite(low) || !isfinite(high) || !is_primary(metric))
      continue;
    if (metric_counted(metric)) { /* its interval is a point, on any machine */
      distances->counted++;
      continue;
    }
    at[distances->count++] = fmax(fabs(1 - low), fabs(high - 1));
    distances->spanning += low <= 1 && high >= 1;
    distances->expected += estimate_coverage(values_present(again));
  }
  return 0;
}

int resolution_of(const json_t *document, const json_t *experiment, struct resolution *ret) {
  struct distances distances = {0};
  int r = experiment ? add_experiment(&distances, experiment) : 0;
  size_t i;
  json_t *each;
  if (!experiment) {
    json_array_foreach(json_object_get(document, "experiments"), i, each) {
      if (r == 0)
        r = add_experiment(&distances, each);
    }
  }
  if (r == 0) {
    *ret = (struct resolution){
        .count = distances.count,
        .spanning = distances.spanning,
        .counted = distances.counted,
        .expected = distances.expected,
    };
    ret->typical = median_of(distances.at, distances.count);
    ret->worst = distances.count ? 0 : NAN;
    for (size_t k = 0; k < distances.count; k++)
      ret->worst = fmax(ret->worst, distances.at[k]);
  }
  free(distances.at);
  return r;
}
