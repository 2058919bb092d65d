/* SPDX-License-Identifier: MIT */
/* against.c - `bench against`: run, and print the result as a table, as JSON, as .hgrm. */
#include "against.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/clock.h"
#include "common/outfile.h"
#include "common/say.h"
#include "method/interrupt.h"

enum {
  EXIT_INTERRUPTED = 128 + 2, /* as a shell reports SIGINT */
};

struct against_result {
  struct generator_result run;
  struct histogram *latency, *lateness;
  int error;
};

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  double percent;
} percentiles[] = {
    {"p50", 50},     {"p75", 75},       {"p90", 90},         {"p99", 99},
    {"p99.9", 99.9}, {"p99.99", 99.99}, {"p99.999", 99.999}, {"max", 100},
};

enum {
  PERCENTILE_COUNT = sizeof percentiles / sizeof percentiles[0]
};

static const char *describe_loop(const struct generator_options *load, char *to, size_t room) {
  if (load->rate > 0)
    snprintf(to, room, "open loop, %.0f requests/s, %s", load->rate,
             load->poisson ? "Poisson" : "constant");
  else if (load->churn)
    snprintf(to, room, "closed loop, a connection for each request");
  else
    snprintf(to, room, "closed loop, depth %zu", load->depth);
  return to;
}

static void print_setting(const struct against *against) {
  const struct generator_options *load = &against->load;
  char loop[96];
  printf("%s %s:%u, %zu connections", load->udp ? "UDP" : "TCP", load->host, (unsigned)load->port,
         load->connections);
  if (load->idle)
    printf(" and %zu idle", load->idle);
  printf(", %zu bytes, %s\n", load->size, describe_loop(load, loop, sizeof loop));
}

/* A percentile that the number of values does not resolve equals the maximum: it is omitted. */
static bool is_resolved(size_t index, uint64_t count) {
  return index == PERCENTILE_COUNT - 1 ||
         (100 - percentiles[index].percent) / 100 * (double)count >= 1;
}

static void print_percentiles(const struct against_result *result, bool open_loop) {
  uint64_t count = histogram_count(result->latency);
  printf("%s%-10s %12s%s%s\n", cli_bold(), "percentile", "latency us",
         open_loop ? "  lateness us" : "", cli_plain());
  for (size_t i = 0; i < PERCENTILE_COUNT && count; i++) {
    double percent = percentiles[i].percent;
    if (!is_resolved(i, count))
      continue;
    printf("%-10s %12.1f", percentiles[i].name,
           (double)histogram_percentile(result->latency, percent) / 1e3);
    if (open_loop)
      printf(" %12.1f", (double)histogram_percentile(result->lateness, percent) / 1e3);
    putchar('\n');
  }
}

static void print_cpu(const char *whose, uint64_t cpu_ns, const struct generator_result *run) {
  if (run->elapsed_ns && run->echoed)
    printf("%s CPU: %.1f %% of a processor, %.2f us a request\n", whose,
           100.0 * (double)cpu_ns / (double)run->elapsed_ns,
           (double)cpu_ns / 1e3 / (double)run->echoed);
}

static void print_table(const struct against *against, const struct against_result *result) {
  const struct generator_result *run = &result->run;
  bool open_loop = against->load.rate > 0;
  print_setting(against);
  printf("%" PRIu64 " sent, %" PRIu64 " echoed, %" PRIu64 " lost, %" PRIu64
         " wrong in %.3f s: %.0f echoes/s\n\n",
         run->sent, run->echoed, run->lost, run->wrong, (double)run->elapsed_ns / 1e9, run->rate);
  print_percentiles(result, open_loop);
  putchar('\n');
  if (open_loop)
    printf("generator late: %" PRIu64 " requests, at most by %.1f us\n", run->late,
           (double)run->late_max_ns / 1e3);
  print_cpu("generator", run->generator_cpu_ns, run);
  if (against->load.server)
    print_cpu("server", run->server_cpu_ns, run);
  printf("%s%s\n", run->valid ? "valid" : "invalid: ", run->reason);
}

/* ---- JSON -------------------------------------------------------------------------------- */

static json_t *percentiles_to_json(const struct histogram *histogram) {
  json_t *object = json_object();
  for (size_t i = 0; i < PERCENTILE_COUNT; i++)
    json_object_set_new(
        object, percentiles[i].name,
        json_integer((json_int_t)histogram_percentile(histogram, percentiles[i].percent)));
  return object;
}

static json_t *load_to_json(const struct generator_options *load) {
  return json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:b, s:f, s:b, s:I, s:b}", "protocol",
                   load->udp ? "udp" : "tcp", "host", load->host, "port", (int)load->port,
                   "connections", (json_int_t)load->connections, "idle", (json_int_t)load->idle,
                   "size", (json_int_t)load->size, "depth", (json_int_t)load->depth, "churn",
                   load->churn, "rate", load->rate, "poisson", load->poisson, "seed",
                   (json_int_t)load->seed, "spin", load->spin);
}

static json_t *run_to_json(const struct generator_result *run) {
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:s}", "sent",
                   (json_int_t)run->sent, "echoed", (json_int_t)run->echoed, "lost",
                   (json_int_t)run->lost, "wrong", (json_int_t)run->wrong, "elapsed_ns",
                   (json_int_t)run->elapsed_ns, "late", (json_int_t)run->late, "late_max_ns",
                   (json_int_t)run->late_max_ns, "generator_cpu_ns",
                   (json_int_t)run->generator_cpu_ns, "rate", run->rate, "valid", run->valid,
                   "reason", run->reason);
}

static json_t *to_json(const struct against *against, const struct against_result *result) {
  json_t *document = run_to_json(&result->run);
  if (!document)
    return NULL;
  json_object_set_new(document, "load", load_to_json(&against->load));
  json_object_set_new(document, "percentiles", percentiles_to_json(result->latency));
  json_object_set_new(document, "latency", histogram_to_json(result->latency));
  if (against->load.rate > 0)
    json_object_set_new(document, "lateness", histogram_to_json(result->lateness));
  if (against->load.server)
    json_object_set_new(document, "server_cpu_ns",
                        json_integer((json_int_t)result->run.server_cpu_ns));
  return document;
}

static int print_json(const struct against *against, const struct against_result *result) {
  json_t *document = to_json(against, result);
  char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
  json_decref(document);
  if (!text)
    return complain("out of memory");
  puts(text);
  free(text);
  return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int put_hgrm(FILE *to, const void *histogram) {
  histogram_print_hgrm(histogram, NS_PER_US, to);
  return 0;
}

/* In a separate process only if a server's CPU time can be measured from it. */
static void measure(const struct against *against, struct against_result *result) {
  result->error = (against->load.server ? generator_spawn : generator_run)(
      &against->load, result->latency, result->lateness, &result->run);
}

/* A run that failed before the measured part has no figures. */
static bool has_figures(const struct against_result *result) {
  return !result->error || (result->error == -EINTR && histogram_count(result->latency) > 0);
}

static int report(const struct against *against, const struct against_result *result) {
  int code = 0;
  if (against->json)
    code = print_json(against, result);
  else if (has_figures(result))
    print_table(against, result);
  if (!code && against->hgrm && has_figures(result))
    code = outfile_put(against->hgrm, put_hgrm, result->latency);
  int flushed = cli_finish_stdout();
  if (!result->run.valid)
    complain("%s", result->run.reason);
  if (code || flushed)
    return code ? code : flushed;
  if (result->error == -EINTR)
    return EXIT_INTERRUPTED;
  return result->run.valid ? EXIT_OK : EXIT_TROUBLE;
}

static int check_hgrm(const char *path) {
  int error = path ? outfile_check(path) : 0;
  return error ? outfile_complain(path, error) : 0;
}

int against_main(int argc, char **argv) {
  struct against against = {.json = false};
  int error = against_parse(argc, argv, &against);
  if (!error && against.help)
    return against_print_help();
  if (!error)
    error = check_hgrm(against.hgrm);
  if (error)
    return error;
  struct against_result result = {.latency = histogram_new(), .lateness = histogram_new()};
  if (result.latency && result.lateness) {
    interrupt_watch(NULL); /* while no loop does, the report is written */
    measure(&against, &result);
    error = report(&against, &result);
  } else {
    error = complain("out of memory");
  }
  histogram_free(result.latency);
  histogram_free(result.lateness);
  return error;
}
