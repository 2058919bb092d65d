/* SPDX-License-Identifier: MIT */
/* options.c - the client's options: one table for parsing, for errors and for --help. */
#include "client.h"

#include "common/cli.h"
#include "common/clock.h"
#include "common/say.h"

enum {
  DEFAULT_PORT = 8888,
};

#define AT(field) offsetof(struct client_options, field)

static const struct cli_option table[] = {
    CLI_FLAG("tcp", AT(tcp), "over TCP (default)"),
    CLI_FLAG("udp", AT(udp), "over UDP: a datagram for each message"),
    CLI_TEXT("host", "ADDR", AT(host), "the server's address (default: localhost)"),
    CLI_NUMBER("port", "N", AT(port), 1, 65535, "the server's port (default: 8888)"),
    CLI_ANY_TEXT("user", "NAME", AT(user), "the sender's name (default: your login name)"),
    CLI_FLAG("raw", AT(raw),
             "send the bytes of MESSAGE themselves, no JSON; lines of stdin with\n"
             "their newline"),
    CLI_FLAG("no-wait", AT(no_wait),
             "send each message on a connection of its own, close at once, and\n"
             "neither wait for an echo nor print one"),
    CLI_NUMBER("count", "N", AT(count), 1, 1000000000, "send each message N times (default: 1)"),
    CLI_NUMBER("concurrency", "N", AT(concurrency), 1, 100000,
               "use up to N connections, or UDP sockets, at once; they stay open until\n"
               "the last echo has arrived (default: 1)"),
    CLI_SECONDS("timeout", "SEC", AT(timeout_ns), NS_PER_MS, 1000000 * NS_PER_SECOND,
                "give up on an echo after SEC seconds (default: 5)"),
    CLI_ANY_TEXT("backend", "NAME", AT(backend),
                 "the I/O model to run on, as server --list-backends names them\n"
                 "(default: $IOLOOP_BACKEND, else the best one here)"),
    CLI_FLAG("help", AT(help), "print this"),
    CLI_FLAG("version", AT(version), "print the version"),
    CLI_END,
};

/* TCP cannot transfer an empty message: there would be no echo to wait for. */
static int refuse_empty(const struct client_options *options) {
  for (size_t i = 0; options->raw && options->tcp && i < options->message_count; i++)
    if (!*options->messages[i])
      return misuse("MESSAGE %zu is empty: with --raw TCP cannot send that; --udp can", i + 1);
  return 0;
}

int options_parse(int argc, char **argv, struct client_options *ret) {
  struct client_options options = {
      .host = "localhost",
      .port = DEFAULT_PORT,
      .count = 1,
      .concurrency = 1,
      .timeout_ns = 5 * NS_PER_SECOND,
      .messages = ret->messages,
  };
  struct cli cli = {
      .options = table, .into = &options, .argument = "MESSAGE", .arguments = options.messages};
  int error = cli_parse(&cli, argc, argv);
  if (error)
    return error;
  if (options.tcp && options.udp)
    return misuse("--tcp --udp: must be one of the two");
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
  return cli_print_help(table, help);
}
