/* SPDX-License-Identifier: MIT */
/*
 * generator.c - a run of the load generator, from start to end.
 *
 * The phases in between are in generator_phases.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "common/clock.h"
#include "common/cpus.h"
#include "common/program.h"
#include "generator_internal.h"
#include "method/interrupt.h"

enum {
  OWN_DESCRIPTORS = 32, /* stdio, the loop's, the caller's */
};

/* The longest time without an echo while one is awaited. */
static const uint64_t patience_ns = 5 * NS_PER_SECOND;

/* ---- failing ----------------------------------------------------------------------------- */

int generator__fail(struct generator *generator, int error, const char *format, ...) {
  if (generator__is_over(generator))
    return error;
  generator->phase = PHASE_OVER;
  generator->error = error;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(generator->result->reason, GENERATOR_REASON_SIZE, format, arguments);
  va_end(arguments);
  return error;
}

void generator__fail_socket(struct generator *generator, const char *what, int error) {
  char server[ADDRESS_TEXT_SIZE];
  address_text(&generator->server, server);
  if (error == ECONNREFUSED)
    generator__fail(generator, -ECONNREFUSED,
                    "no server listens at %s (%s): start the server first", server,
                    generator->options.udp ? "UDP" : "TCP");
  else if (error == 0 || error == ECONNRESET || error == EPIPE)
    generator__fail(generator, -ECONNRESET,
                    "the server at %s closed %s (%s) after %" PRIu64 " echoes: did it end?", server,
                    what, error ? strerror(error) : "end of file", generator->result->echoed);
  else if (error == EADDRNOTAVAIL)
    generator__fail(generator, -error,
                    "%s: no port is free towards %s: others have them, or had them a minute ago",
                    what, server);
  else
    generator__fail(generator, -error, "%s to %s: %s", what, server, strerror(error));
}

void generator__fail_echo(struct client *client, uint64_t number, size_t offset,
                          const unsigned char *bytes, size_t size) {
  struct generator *generator = client->generator;
  unsigned char expected;
  size_t at = message_difference(generator->pattern, generator__number(client, number), offset,
                                 bytes, size, &expected);
  generator->result->wrong++;
  generator__fail(generator, -EBADMSG,
                  "an echo differs from its request: %s %u, message %" PRIu64
                  ", byte %zu of %zu is 0x%02x, not 0x%02x",
                  generator->options.udp ? "socket" : "connection", client->index, number, at,
                  generator->options.size, bytes[at - offset], expected);
}

/* ---- options: defaults, and which are compatible ------------------------------------------- */

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
  if (o->size > GENERATOR_MAX_DATAGRAM && o->udp)
    return "a datagram has at most 65507 bytes";
  if (!isfinite(o->rate) || o->rate < 0)
    return "a rate is a number of requests a second, or 0 for a closed loop";
  if (o->rate > 0 && o->requests)
    return "a number of requests ends a closed loop only; an open one ends by its duration";
  if (o->churn && o->udp)
    return "a connection for each request is TCP's; UDP has none";
  if (o->churn && (o->rate > 0 || o->depth > 1))
    return "a connection for each request is a closed loop of depth 1";
  if (o->duration_ns == 0 && o->requests == 0)
    return "it would not end: give a duration or a number of requests";
  if (!(o->late_share > 0 && o->late_share <= 1))
    return "the share of requests that may be late is above 0 and at most 1";
  return NULL;
}

static int check_options(struct generator *generator) {
  struct generator_options *options = &generator->options;
  struct address_list found;
  fill_defaults(options);
  const char *fault = find_fault(options);
  if (fault)
    return generator__fail(generator, -EINVAL, "%s", fault);
  fault = address_resolve(options->host, options->port, &found);
  if (fault)
    return generator__fail(generator, -EINVAL, "cannot find the address of '%s': %s", options->host,
                           fault);
  generator->server = found.at[0];
  address_list_free(&found);
  return 0;
}

/* ---- resources of a run -------------------------------------------------------------------- */

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop;
  generator__break_off(arg);
  generator__fail(arg, -EINTR, "interrupted (%s)",
                  signo == SIGINT   ? "SIGINT"
                  : signo == SIGHUP ? "SIGHUP"
                                    : "SIGTERM");
}

static int make_loop(struct generator *generator) {
  const char *name = generator->options.backend;
  struct ioloop_backend_info info = {.reason = ""};
  int error = name ? ioloop_backend_probe(name, &info, sizeof info) : 0;
  if (!error)
    error = ioloop_new(name, &generator->loop);
  if (!error)
    error = signals_watch_end(generator->loop, on_signal, generator);
  if (error)
    return generator__fail(generator, error, "the generator cannot have a loop on %s: %s",
                           name ? name : "the default backend",
                           *info.reason ? info.reason : strerror(-error));
  if (interrupt_seen()) /* before the loop could watch for it */
    return generator__fail(generator, -EINTR, "interrupted");
  generator__watching(generator->parent);
  return 0;
}

static int make_clients(struct generator *generator) {
  size_t count = generator__client_count(generator);
  generator->clients = calloc(count, sizeof *generator->clients);
  if (!generator->clients)
    return -ENOMEM;
  generator->active = generator->clients + generator->options.idle;
  for (size_t i = 0; i < count; i++)
    generator->clients[i] = (struct client){.generator = generator, .fd = -1, .index = (uint32_t)i};
  for (size_t i = 0; i < generator->options.connections; i++)
    if (flight_init(&generator->active[i].flight, 2 * generator->options.depth) < 0)
      return -ENOMEM;
  return 0;
}

static int make_memory(struct generator *generator) {
  generator->pattern = malloc(sizeof *generator->pattern);
  generator->in = malloc(GENERATOR_IN_SIZE);
  generator->out = malloc(GENERATOR_OUT_SIZE);
  int error =
      generator->pattern && generator->in && generator->out ? make_clients(generator) : -ENOMEM;
  if (error)
    return generator__fail(generator, error, "no memory");
  message_pattern_make(generator->pattern, generator->options.seed);
  return 0;
}

static int check_descriptors(struct generator *generator) {
  unsigned long long limit = descriptors_raise_limit();
  unsigned long long most = limit > OWN_DESCRIPTORS ? limit - OWN_DESCRIPTORS : 0;
  if (generator__client_count(generator) <= most)
    return 0;
  return generator__fail(
      generator, -EMFILE,
      "%zu connections do not fit into %llu descriptors: %llu would (or raise the hard "
      "limit, ulimit -Hn)",
      generator__client_count(generator), limit, most);
}

static int stay(struct generator *generator) {
  char allowed[128];
  unsigned short number = (unsigned short)generator->options.cpu;
  int error = generator->options.cpu < 0 ? 0 : cpus_pin(&number, 1);
  if (!error)
    return 0;
  cpus_describe(allowed, sizeof allowed);
  return generator__fail(generator, error, "cannot stay on processor %d: %s (there are %s)",
                         generator->options.cpu, strerror(-error), allowed);
}

/* The clock of the CPU time that a process has used. 0 or -errno. */
static int cpu_clock(pid_t process, clockid_t *ret) {
#ifdef __linux__
  return -clock_getcpuclockid(process, ret);
#else /* macOS lacks it */
  (void)process, (void)ret;
  return -ENOSYS;
#endif
}

static int find_server(struct generator *generator) {
  pid_t server = generator->options.server;
  int error = server ? cpu_clock(server, &generator->server_clock) : 0;
  return error ? generator__fail(generator, error,
                                 "the CPU time of process %d cannot be measured: %s", (int)server,
                                 strerror(-error))
               : 0;
}

/* The loop goes first: that removes all descriptors at once. */
static void release(struct generator *generator) {
  ioloop_free(generator->loop);
  for (size_t i = 0; generator->clients && i < generator__client_count(generator); i++) {
    if (generator->clients[i].fd >= 0)
      close(generator->clients[i].fd);
    flight_free(&generator->clients[i].flight);
  }
  free(generator->clients);
  free(generator->pattern);
  free(generator->in);
  free(generator->out);
}

/* ---- the verdict --------------------------------------------------------------------------- */

static void say_late(struct generator *generator) {
  struct generator_result *result = generator->result;
  snprintf(result->reason, GENERATOR_REASON_SIZE,
           "the generator was late (by more than %.3g us) with %" PRIu64 " of %" PRIu64
           " requests, at most by %.3g ms: %s",
           (double)generator->options.late_ns / 1e3, result->late, result->sent + generator->missed,
           (double)result->late_max_ns / 1e6,
           generator->options.spin ? "lower the rate, or keep others off its processor"
                                   : "lower the rate, or let it spin on a processor of its own");
}

static bool is_too_late(const struct generator *generator) {
  uint64_t planned = generator->result->sent + generator->missed;
  return (double)generator->result->late > generator->options.late_share * (double)planned;
}

/* Of a run that was not interrupted. */
static void judge(struct generator *generator) {
  struct generator_result *result = generator->result;
  if (result->sent + generator->missed == 0)
    snprintf(result->reason, GENERATOR_REASON_SIZE,
             generator->options.rate > 0
                 ? "no request was due: measure longer, or at a higher rate"
                 : "no echo came in that time, so no request was sent: measure longer, "
                   "or does the server hang?");
  else if (is_too_late(generator))
    say_late(generator);
  else if (result->echoed == 0) {
    generator->error = -ETIMEDOUT;
    snprintf(result->reason, GENERATOR_REASON_SIZE,
             "not one of %" PRIu64 " requests had an echo: does the server hang?", result->sent);
  } else if (result->lost > 0 && !generator->options.udp)
    snprintf(result->reason, GENERATOR_REASON_SIZE,
             "%" PRIu64 " of %" PRIu64
             " requests had no echo %.3g s after the end: the server is too slow for this",
             result->lost, result->sent, (double)generator->options.drain_ns / 1e9);
  else
    result->valid = true;
}

static void sum_up(struct generator *generator) {
  struct generator_result *result = generator->result;
  result->lost = result->sent - result->echoed;
  if (result->elapsed_ns)
    result->rate = (double)result->echoed * 1e9 / (double)result->elapsed_ns;
  if (!generator->error)
    judge(generator);
}

/* ---- the whole run -------------------------------------------------------------------------- */

/* Make this thread's sleeps end as exactly as the kernel can. Returns the value that restores the
 * previous setting. Elsewhere than on Linux sleeps have no slack to set. */
static unsigned long exact_sleep(unsigned long slack_ns) {
#ifdef __linux__
  int before = prctl(PR_GET_TIMERSLACK);
  prctl(PR_SET_TIMERSLACK, slack_ns);
  return before > 0 ? (unsigned long)before : 0; /* 0: the thread's default */
#else
  return slack_ns;
#endif
}

static void run_prepared(struct generator *generator) {
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  sigaction(SIGPIPE, &ignore, &before);
  unsigned long slack_ns = exact_sleep(1);
  if (!find_server(generator) && !check_descriptors(generator) && !make_memory(generator) &&
      !stay(generator) && !make_loop(generator))
    generator__drive(generator);
  release(generator);
  exact_sleep(slack_ns);
  sigaction(SIGPIPE, &before, NULL);
}

int generator__run(const struct generator_options *options, int parent, struct histogram *latency,
                   struct histogram *lateness, struct generator_result *ret) {
  struct generator generator = {.options = *options,
                                .parent = parent,
                                .latency = latency,
                                .lateness = lateness,
                                .result = ret};
  *ret = (struct generator_result){.valid = false};
  int error = check_options(&generator);
  if (error)
    return error;
  generator.patience_ns = patience_ns;
  if (generator__is_open_loop(&generator))
    generator.patience_ns += (uint64_t)(fmin(10 / generator.options.rate, 1e6) * 1e9);
  run_prepared(&generator);
  sum_up(&generator);
  return generator.error;
}

int generator_run(const struct generator_options *options, struct histogram *latency,
                  struct histogram *lateness, struct generator_result *ret) {
  return generator__run(options, -1, latency, lateness, ret);
}
