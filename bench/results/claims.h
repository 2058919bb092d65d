/* SPDX-License-Identifier: MIT */
/*
 * claims.h - checks published findings against a run: do they still hold?
 *
 * An experiment states its claims; the result is the member "claims" of its JSON object
 * (docs/bench-schema.md), judged from its figures alone. So a merge, which has more rounds, can
 * judge again, and every report shows the same verdict.
 */
#ifndef BENCH_CLAIMS_H
#define BENCH_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum {
  CLAIM_NAMES = 4
};

/* The observation that a claim predicts. */
#define CLAIM_RISES     "rises"     /* from the point at 0 of the axis to the farthest */
#define CLAIM_FLAT      "flat"      /* does not rise */
#define CLAIM_NO_FASTER "no faster" /* than those in `beside`, at 0 */

struct claim {
  const char *by;                  /* "Provos & Lever 2000"; "" for the project's own */
  const char *found;               /* "poll() pays for connections that are inactive" */
  const char *expected;            /* CLAIM_RISES ... */
  const char *about[CLAIM_NAMES];  /* contestants; it holds if it does for all that took part */
  const char *beside[CLAIM_NAMES]; /* CLAIM_NO_FASTER: the others */
};

struct claims {
  const char *metric; /* its id; a cost: lower is better */
  double threshold;   /* "rises": the ratio's whole interval is above, "flat": below */
  const struct claim *at;
  size_t count;
};

/* For the member "claims", without verdicts. A new reference; NULL: no memory. */
json_t *claims_to_json(const struct claims *claims);

/*
 * Judge an experiment's claims, if it has any, from its figures; earlier verdicts are replaced. A
 * ratio is on one side of the threshold if its whole interval is, if that is not to be expected by
 * chance among as many ratios as there are (significance.h), and if the baseline's second run (A/A)
 * shows that it can be seen: above, the ratio exceeds what the baseline differed from itself; below,
 * that difference is within the threshold. On a `busy` machine nothing is. 0, -ENOMEM.
 */
int claims_judge(json_t *experiment, bool busy);

#endif
