/* SPDX-License-Identifier: MIT */
/*
 * options.c - the client's options: one table for parsing, for errors and for --help.
 */
#include "options.h"

#include "common/cli.h"
#include "common/say.h"

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
       .help = "the server's address (default: localhost)"},
      {.name = "port",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->port,
       .min = 1,
       .max = 65535,
       .help = "the server's port (default: 8888)"},
      {.name = "user",
       .value = "NAME",
       .kind = CLI_TEXT,
       .target = &options->user,
       .help = "the sender's name (default: your login name)"},
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
       .help = "use up to N connections, or UDP sockets, at once; they stay open until\n"
               "the last echo has arrived (default: 1)"},
      {.name = "timeout",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .target = &options->timeout_ns,
       .min = SECOND_NS / 1000,
       .max = 1000000 * SECOND_NS,
       .help = "give up on an echo after SEC seconds (default: 5)"},
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

/* TCP cannot transfer an empty message: there would be no echo to wait for. */
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
    "@ [OPTION…] [MESSAGE…] - send messages to an echo server and compare the echoes\n"
    "\n"
    "EXAMPLES\n"
    "  @ hello                            one message to localhost:8888 over TCP\n"
    "  @ --udp hello                      the same in a datagram\n"
    "  @ --raw < access.log               each line, one after another\n"
    "  @ --count=10000 --concurrency=50 x a small load\n"
    "  @ --no-wait --count=100 --concurrency=100 x    100 connections that close at once\n"
    "\n"
    "MESSAGES\n"
    "  Each MESSAGE, or if there is none each line of standard input, is sent as\n"
    "    {\"send_user\": \"anna\", \"send_time\": \"2025-01-31 12:00:00\", \"send_msg\": "
    "\"hello\"}\n"
    "  A connection sends its next message after the echo of the previous one. Correct echoes\n"
    "  are printed, one per line, with control characters as \\n, \\r or \\xHH.\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "EXIT STATUS\n"
    "  0 every echo was the same as its message (--no-wait: everything was sent); 1 one line\n"
    "  says which was missing, late or different, or what else went wrong; nothing new is sent\n"
    "  after that; 2 wrong command line; 130 interrupted, after printing how far it came\n";

int options_print_help(void) {
  struct cli_option table[OPTION_COUNT];
  struct options options;
  fill_table(&options, table);
  const struct cli cli = {.options = table, .option_count = OPTION_COUNT};
  cli_print_help(&cli, help);
  return cli_finish_stdout();
}
