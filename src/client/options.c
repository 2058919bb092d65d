/* SPDX-License-Identifier: MIT */
/*
 * options.c - the client's options: one table that is parsed, refused and explained from.
 */
#include "options.h"

#include "../programs/cli.h"
#include "../programs/say.h"

#define SECOND_NS UINT64_C(1000000000)

enum {
  OPTION_COUNT = 13,
  DEFAULT_PORT = 8888,
};

static void fill_table(struct options *options, struct cli_option table[OPTION_COUNT]) {
  const struct cli_option filled[OPTION_COUNT] = {
      {.name = "tcp", .kind = CLI_FLAG, .target = &options->tcp, .help = "over TCP (default)"},
      {.name = "udp",
       .kind = CLI_FLAG,
       .target = &options->udp,
       .help = "over UDP: a datagram for each message"},
      {.name = "host",
       .value = "ADDR",
       .kind = CLI_TEXT,
       .min = 1,
       .target = &options->host,
       .help = "where the server is (default: localhost)"},
      {.name = "port",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->port,
       .min = 1,
       .max = 65535,
       .help = "and its port (default: 8888)"},
      {.name = "user",
       .value = "NAME",
       .kind = CLI_TEXT,
       .target = &options->user,
       .help = "who sends (default: who runs this)"},
      {.name = "raw",
       .kind = CLI_FLAG,
       .target = &options->raw,
       .help = "send the bytes of MESSAGE themselves, no JSON; lines of stdin with\n"
               "their newline"},
      {.name = "no-wait",
       .kind = CLI_FLAG,
       .target = &options->no_wait,
       .help = "send each message on a connection of its own, close at once, and\n"
               "neither wait for an echo nor print one"},
      {.name = "count",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->count,
       .min = 1,
       .max = 1000000000,
       .help = "send each message N times (default: 1)"},
      {.name = "concurrency",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->concurrency,
       .min = 1,
       .max = 100000,
       .help = "over up to N connections, or UDP sockets, at the same time; they stay\n"
               "open until the last echo has come (default: 1)"},
      {.name = "timeout",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .target = &options->timeout_ns,
       .min = SECOND_NS / 1000,
       .max = 1000000 * SECOND_NS,
       .help = "an echo that takes longer is late (default: 5)"},
      {.name = "backend",
       .value = "NAME",
       .kind = CLI_TEXT,
       .target = &options->backend,
       .help = "the I/O model to run on, as server --list-backends names them\n"
               "(default: $IOLOOP_BACKEND, else the best one here)"},
      {.name = "help", .kind = CLI_FLAG, .target = &options->help, .help = "print this"},
      {.name = "version",
       .kind = CLI_FLAG,
       .target = &options->version,
       .help = "print the version"},
  };
  for (size_t i = 0; i < OPTION_COUNT; i++)
    table[i] = filled[i];
}

/* TCP has no way to say "nothing": there would be no echo to wait for. */
static int refuse_empty(const struct options *options) {
  for (size_t i = 0; options->raw && options->tcp && i < options->message_count; i++)
    if (!*options->messages[i]) {
      complain("MESSAGE %zu is empty: with --raw TCP cannot send that; --udp can", i + 1);
      return EXIT_USAGE;
    }
  return 0;
}

int options_parse(int argc, char **argv, struct options *ret) {
  struct cli_option table[OPTION_COUNT];
  struct options options = {
      .host = "localhost",
      .port = DEFAULT_PORT,
      .count = 1,
      .concurrency = 1,
      .timeout_ns = 5 * SECOND_NS,
      .messages = ret->messages,
  };
  fill_table(&options, table);
  struct cli cli = {.options = table,
                    .option_count = OPTION_COUNT,
                    .argument = "MESSAGE",
                    .arguments = options.messages};
  int error = cli_parse(&cli, argc, argv);
  if (error)
    return error;
  if (options.tcp && options.udp) {
    complain("--tcp --udp: must be one of the two");
    return EXIT_USAGE;
  }
  options.tcp = !options.udp;
  options.message_count = cli.argument_count;
  *ret = options;
  return refuse_empty(ret);
}

static const char help[] =
    "@ [OPTION…] [MESSAGE…] - send messages to an echo server and compare what comes back\n"
    "\n"
    "EXAMPLES\n"
    "  @ hello                            one message to localhost:8888 over TCP\n"
    "  @ --udp hello                      the same in a datagram\n"
    "  @ --raw < access.log               each line, one after the other\n"
    "  @ --count=10000 --concurrency=50 x a small load\n"
    "  @ --no-wait --count=100 --concurrency=100 x    100 connections that close at once\n"
    "\n"
    "MESSAGES\n"
    "  Each MESSAGE, or where there is none each line of standard input, is sent as\n"
    "    {\"send_user\": \"anna\", \"send_time\": \"2025-01-31 12:00:00\", \"send_msg\": "
    "\"hello\"}\n"
    "  A connection sends its next message when the echo of the last has come. An echo that is\n"
    "  right is printed, a line each, with control characters as \\n, \\r or \\xHH.\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "EXIT STATUS\n"
    "  0 every echo came back as it was sent (--no-wait: everything was sent); 1 one line says\n"
    "  which was missing, late or different, or what else was wrong; nothing new is sent after\n"
    "  that; 2 wrong command line; 130 interrupted, after saying how far it came\n";

int options_print_help(void) {
  struct cli_option table[OPTION_COUNT];
  struct options options;
  fill_table(&options, table);
  const struct cli cli = {.options = table, .option_count = OPTION_COUNT};
  cli_print_help(&cli, help);
  return cli_finish_stdout();
}
