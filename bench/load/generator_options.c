/* SPDX-License-Identifier: MIT */
/* generator_options.c - defaults, and which options are compatible. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "common/clock.h"
#include "generator_internal.h"

static void fill_defaults(struct generator_options *options) {
  if (!options->host)
    options->host = "127.0.0.1";
  if (options->drain_ns == 0)
    options->drain_ns = NS_PER_SECOND;
  if (options->late_ns == 0)
    options->late_ns = NS_PER_SECOND / 10000;
  if (options->late_share == 0)
    options->late_share = 0.01;
  if (options->depth == 0)
    options->depth = 1;
}

/* NULL: nothing is wrong. */
static const char *find_fault(const struct generator_options *o) {
  if (o->port == 0)
    return "port 0: give the one that the server listens on";
  if (o->connections == 0)
    return "no connections: at least 1 must send";
  if (o->size < GENERATOR_MIN_SIZE || o->size > GENERATOR_MAX_SIZE)
    return "a message has 16 to 1048576 bytes";
  if (o->size > GENERATOR_MAX_DATAGRAM && o->protocol == PROTOCOL_UDP)
    return "a datagram has at most 65507 bytes";
  if (!isfinite(o->rate) || o->rate < 0)
    return "a rate is a number of requests a second, or 0 for a closed loop";
  if (o->rate > 0 && o->requests)
    return "a number of requests ends a closed loop only; an open one ends by its duration";
  if (o->churn && o->protocol == PROTOCOL_UDP)
    return "a connection for each request is TCP's; UDP has none";
  if (o->churn && (o->rate > 0 || o->depth > 1))
    return "a connection for each request is a closed loop of depth 1";
  if (o->duration_ns == 0 && o->requests == 0)
    return "it would not end: give a duration or a number of requests";
  if (!(o->late_share > 0 && o->late_share <= 1))
    return "the share of requests that may be late is above 0 and at most 1";
  return NULL;
}

int generator__check_options(const struct generator_options *options, struct generator_options *ret,
                             struct address *server, char reason[GENERATOR_REASON_SIZE]) {
  struct address_list found;
  *ret = *options;
  fill_defaults(ret);
  const char *fault = find_fault(ret);
  if (fault) {
    snprintf(reason, GENERATOR_REASON_SIZE, "%s", fault);
    return -EINVAL;
  }
  fault = address_resolve(ret->host, ret->port, &found);
  if (fault) {
    snprintf(reason, GENERATOR_REASON_SIZE, "cannot find the address of '%s': %s", ret->host,
             fault);
    return -EINVAL;
  }
  *server = found.at[0];
  address_list_free(&found);
  return 0;
}
