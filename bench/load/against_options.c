/* SPDX-License-Identifier: MIT */
/* against_options.c - the command line of `bench against`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "against.h"
#include "common/backends.h"
#include "common/cli.h"
#include "common/clock.h"
#include "common/cpus.h"
#include "common/say.h"

/* The command line. What the generator has in another form is converted afterwards. */
struct words {
  struct against against;
  bool tcp;
  uint64_t connections, idle, size, depth, rate, cpu, server, late_percent;
};

#define ANYWHERE UINT64_MAX

#define AT(field)   offsetof(struct words, field)
#define LOAD(field) AT(against.load.field)

static const struct cli_option table[] = {
    CLI_FLAG("tcp", AT(tcp), "over TCP (default)"),
    CLI_FLAG("udp", LOAD(udp), "over UDP"),
    CLI_NUMBER("connections", "N", AT(connections), 1, 1000000,
               "that send: TCP connections or UDP sockets (default: 1)"),
    CLI_NUMBER("idle", "N", AT(idle), 0, 1000000, "further ones that stay silent (default: 0)"),
    CLI_NUMBER("size", "BYTES", AT(size), GENERATOR_MIN_SIZE, GENERATOR_MAX_SIZE,
               "of a message, over UDP at most 65507 (default: 64)"),
    CLI_NUMBER("depth", "N", AT(depth), 1, 65536,
               "closed loop: requests under way on a connection (default: 1)"),
    CLI_FLAG("churn", LOAD(churn),
             "closed loop: each request on a new connection, and latency from\n"
             "connect() on"),
    CLI_NUMBER("requests", "N", LOAD(requests), 1, UINT64_MAX,
               "closed loop: end after N requests instead of by time"),
    CLI_NUMBER("rate", "N", AT(rate), 1, 100000000,
               "open loop: N requests per second over all connections"),
    CLI_FLAG("poisson", LOAD(poisson),
             "with --rate: at random, as independent clients would (default: one\n"
             "each 1/rate seconds)"),
    CLI_SECONDS("warmup", "SEC", LOAD(warmup_ns), 0, 86400 * NS_PER_SECOND,
                "before the measured part, not recorded (default: 0.5)"),
    CLI_SECONDS("duration", "SEC", LOAD(duration_ns), NS_PER_MS, 86400 * NS_PER_SECOND,
                "of the measured part (default: 5)"),
    CLI_SECONDS("drain", "SEC", LOAD(drain_ns), NS_PER_MS, 3600 * NS_PER_SECOND,
                "an echo that has not arrived SEC seconds after the end is lost; over\n"
                "UDP without --rate also during the run (default: 1)"),
    CLI_SECONDS("late", "SEC", LOAD(late_ns), 1, 3600 * NS_PER_SECOND,
                "with --rate: a request sent SEC seconds after its time is late\n"
                "(default: 0.0001)"),
    CLI_NUMBER("late-percent", "N", AT(late_percent), 1, 100,
               "if more than N % are late, the run is invalid (default: 1)"),
    CLI_NUMBER("seed", "N", LOAD(seed), 0, UINT64_MAX,
               "of the arrivals and of the bytes that are sent (default: 1)"),
    CLI_NUMBER("cpu", "N", AT(cpu), 0, CPUS_MAX - 1, "stay on this processor (default: anywhere)"),
    CLI_FLAG("spin", LOAD(spin),
             "never sleep: no wake-up of ours is in the figures, and --rate sends\n"
             "to the microsecond. Wants a processor of its own"),
    CLI_TEXT("backend", "NAME", LOAD(backend),
             "the I/O model of the generator itself (default: $IOLOOP_BACKEND,\n"
             "else the best one here)"),
    CLI_NUMBER("server", "PID", AT(server), 1, 4194304,
               "measure the CPU time of that process, too"),
    CLI_FLAG("json", AT(against.json), "one object on stdout instead of the table"),
    CLI_TEXT("hgrm", "FILE", AT(against.hgrm),
             "write the latencies (us) in the form that HdrHistogram's plotters\n"
             "read"),
    CLI_FLAG("help", AT(against.help), "print this"),
    CLI_END,
};

/* "127.0.0.1:8888", "[::1]:8888", ":8888" and "8888" (this host). */
static int parse_target(const char *text, struct against *ret) {
  const char *colon = strrchr(text, ':');
  const char *digits = colon ? colon + 1 : text;
  size_t size = colon ? (size_t)(colon - text) : 0;
  char *end;
  errno = 0;
  unsigned long port = strtoul(digits, &end, 10);
  if (*digits < '0' || *digits > '9' || *end || errno || port < 1 || port > UINT16_MAX)
    return misuse("%s: must be HOST:PORT, as 127.0.0.1:8888, with a port from 1 to 65535", text);
  if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
    text++;
    size -= 2;
  }
  if (size >= sizeof ret->host)
    return misuse("'%.64s...': the name of a host has at most 255 characters", text);
  snprintf(ret->host, sizeof ret->host, "%.*s", (int)size, text);
  if (size == 0 || strcmp(ret->host, "localhost") == 0)
    snprintf(ret->host, sizeof ret->host, "127.0.0.1");
  ret->load.host = ret->host;
  ret->load.port = (uint16_t)port;
  return 0;
}

static int refuse_contradictions(const struct words *words) {
  const struct generator_options *load = &words->against.load;
  const char *fault = NULL;
  if (words->tcp && load->udp)
    fault = "--tcp --udp: must be one of the two";
  else if (words->rate && (load->requests || load->churn || words->depth > 1))
    fault = "--rate is an open loop: --requests, --churn and --depth are for a closed one";
  else if (load->poisson && !words->rate)
    fault = "--poisson needs --rate=N";
  else if ((load->late_ns || words->late_percent) && !words->rate)
    fault = "--late and --late-percent need --rate=N: only a planned request can be late";
  else if (load->churn && (load->udp || words->depth > 1))
    fault = "--churn is a TCP connection for each request: neither --udp nor --depth go with it";
  else if (load->udp && words->size > GENERATOR_MAX_DATAGRAM)
    fault = "--size: a datagram has at most 65507 bytes";
  return fault ? misuse("%s", fault) : 0;
}

static void convert(struct words *words) {
  struct generator_options *load = &words->against.load;
  load->connections = (size_t)words->connections;
  load->idle = (size_t)words->idle;
  load->size = (size_t)words->size;
  load->depth = (size_t)words->depth;
  load->rate = (double)words->rate;
  load->late_share = (words->late_percent ? (double)words->late_percent : 1) / 100;
  load->server = (pid_t)words->server;
  load->cpu = words->cpu == ANYWHERE ? -1 : (int)words->cpu;
}

static int take_argument(const struct cli *cli, struct against *ret) {
  if (cli->argument_count != 1)
    return misuse("give one server to measure, HOST:PORT (see --help)");
  return parse_target(cli->arguments[0], ret);
}

int against_parse(int argc, char **argv, struct against *ret) {
  struct words words = {.connections = 1,
                        .size = 64,
                        .depth = 1,
                        .cpu = ANYWHERE,
                        .against.load = {.backend = ioloop_backend_from_env(),
                                         .seed = 1,
                                         .warmup_ns = NS_PER_SECOND / 2,
                                         .duration_ns = 5 * NS_PER_SECOND}};
  const char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
  struct cli cli = {
      .options = table, .into = &words, .argument = "HOST:PORT", .arguments = arguments};
  int error = arguments ? cli_parse(&cli, argc, argv) : complain("out of memory");
  if (!error)
    error = refuse_contradictions(&words);
  convert(&words);
  *ret = words.against;
  if (!error && !ret->help)
    error = take_argument(&cli, ret);
  free(arguments);
  return error;
}

static const char help[] =
    "@ HOST:PORT [OPTION…] - measure an echo server: latency and rate of its echoes\n"
    "\n"
    "EXAMPLES\n"
    "  @ 127.0.0.1:8888                       one connection, request after request: the round "
    "trip\n"
    "  @ :8888 --connections=50               the highest rate of 50 connections: capacity\n"
    "  @ :8888 --connections=50 --rate=20000  latency at a load that does not wait for the server\n"
    "  @ :8888 --connections=10 --idle=5000   the cost of silent connections\n"
    "  @ :8888 --udp --rate=1000 --poisson    datagrams, at random times, losses counted\n"
    "  @ :8888 --churn --connections=10       connections per second\n"
    "\n"
    "WHICH LOOP\n"
    "  Without --rate the loop is closed: a connection sends its next request after its echo. A\n"
    "  server that stalls gets fewer requests during the stall, so that one long wait stands for\n"
    "  all those that real clients would have had (\"coordinated omission\"). A closed loop\n"
    "  measures how fast a round trip is, and how many are possible. With --rate it is open:\n"
    "  requests are sent on a schedule, and latency is measured from the planned time of a\n"
    "  request, not from when it could be sent. An open loop measures how long clients wait at\n"
    "  this load. Read its high percentiles, not the median.\n"
    "\n"
    "OUTPUT\n"
    "  Percentiles of all latencies of the measured part, from a histogram of three digits. Every\n"
    "  echo is compared byte by byte. \"invalid\" means that the generator itself could not keep\n"
    "  the schedule, or that echoes are missing over TCP: then the latencies are not those of the\n"
    "  server. Meaningful figures need at least two processors: --cpu and --spin keep the\n"
    "  generator on one of them, and taskset or --cpu the server on another.\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "EXIT STATUS\n"
    "  0 measured and valid; 1 one line says what went wrong, or why the figures are invalid;\n"
    "  2 wrong command line; 130 interrupted, after printing the figures so far\n";

int against_print_help(void) {
  return cli_print_help(table, help);
}
