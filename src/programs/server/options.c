/* SPDX-License-Identifier: MIT */
/*
 * options.c - the server's options: one table for parsing, for errors and for --help.
 */
#include "options.h"

#include <limits.h>

#include "common/cli.h"
#include "common/say.h"

#define SECOND_NS UINT64_C(1000000000)

/* Option values as text, before they are interpreted. */
struct texts {
  const char *cpus;
};

enum {
  OPTION_COUNT = 24,
  DEFAULT_TRACE_LIMIT = 500000,
  DEFAULT_PORT = 8888,
  MAX_WORKERS = 256,
};

static const char *const handler_names[] = {"inline", "thread", NULL};
static const char *const reply_names[] = {"echo", "sockperf", NULL};
static const char *const print_names[] = {"text", "hex", "none", NULL};

static const uint64_t shortest_ns = SECOND_NS / 1000, longest_ns = 1000000 * SECOND_NS;

/* The table points into `options`, so it is filled in rather than constant. */
static void fill_table(struct options *options, struct texts *texts,
                       struct cli_option table[OPTION_COUNT]) {
  const struct cli_option filled[OPTION_COUNT] = {
      {.name = "backend",
       .value = "NAME",
       .kind = CLI_TEXT,
       .target = &options->backend,
       .help = "the I/O model to run on, see --list-backends\n"
               "(default: $IOLOOP_BACKEND, else the best one here)"},
      {.name = "host",
       .value = "ADDR",
       .kind = CLI_TEXT,
       .target = &options->host,
       .min = 1,
       .help = "name or address to listen on, * for all of this machine\n"
               "(default: localhost, which is 127.0.0.1 and ::1)"},
      {.name = "port",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->port,
       .max = 65535,
       .help = "port, the same for TCP and UDP; 0 picks a free one (default: 8888)"},
      {.name = "tcp", .kind = CLI_FLAG, .target = &options->tcp, .help = "TCP only"},
      {.name = "udp",
       .kind = CLI_FLAG,
       .target = &options->udp,
       .help = "UDP only (default: both)"},
      {.name = "handler",
       .value = "HOW",
       .kind = CLI_CHOICE,
       .target = &options->handler,
       .choices = handler_names,
       .help = "inline: connections are served on the loop (default)\n"
               "thread: each gets a thread that reads and writes with blocking calls"},
      {.name = "no-echo",
       .kind = CLI_FLAG,
       .target = &options->no_echo,
       .help = "print what is received but send nothing back"},
      {.name = "reply",
       .value = "HOW",
       .kind = CLI_CHOICE,
       .target = &options->reply,
       .choices = reply_names,
       .help = "echo: send back what was received (default)\n"
               "sockperf: answer the client of sockperf; see SOCKPERF below"},
      {.name = "print",
       .value = "HOW",
       .kind = CLI_CHOICE,
       .target = &options->print,
       .choices = print_names,
       .help = "text, hex or none (default: text); see RECORDS below"},
      {.name = "prefix",
       .kind = CLI_FLAG,
       .target = &options->prefix,
       .help = "print local time, protocol and peer before each record"},
      {.name = "max-connections",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->max_connections,
       .max = 10000000,
       .help = "serve at most N at once, the others wait; 0 is no limit (default: 0)"},
      {.name = "idle-timeout",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .target = &options->idle_timeout_ns,
       .max = longest_ns,
       .help = "close connections that are silent for SEC seconds; 0 is never (default: 0)"},
      {.name = "backlog",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->backlog,
       .min = 1,
       .max = INT_MAX,
       .help = "connections that may wait to be accepted (default: as\n"
               "many as the system allows)"},
      {.name = "spin",
       .value = "USEC",
       .kind = CLI_NUMBER,
       .target = &options->spin_us,
       .max = 1000000,
       .help = "keep polling for USEC microseconds after each burst of work before\n"
               "blocking: lower latency, one busy core; 0 is off (default: 0)"},
      {.name = "workers",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->workers,
       .min = 1,
       .max = MAX_WORKERS,
       .help = "serve with N processes that share the port (default: one, without a parent);\n"
               "limits are each one's; see WORKERS below"},
      {.name = "cpu",
       .value = "LIST",
       .kind = CLI_TEXT,
       .target = &texts->cpus,
       .min = 1,
       .help = "stay on these processors, as 0,2-3; workers get one each, in turn"},
      {.name = "heartbeat",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .target = &options->heartbeat_ns,
       .min = shortest_ns,
       .max = longest_ns,
       .help = "print \"Waiting...\" on stderr every SEC seconds"},
      {.name = "stats",
       .value = "SEC",
       .kind = CLI_SECONDS,
       .optional = true,
       .absent = SECOND_NS,
       .target = &options->stats_ns,
       .min = shortest_ns,
       .max = longest_ns,
       .help = "print counters on stderr every SEC seconds (--stats alone: 1)"},
      {.name = "slow",
       .value = "MS",
       .kind = CLI_NUMBER,
       .target = &options->slow_ms,
       .min = 1,
       .max = 1000000,
       .help = "report each callback of the loop that runs for more than MS milliseconds,\n"
               "in which all others wait, on stderr, and its times at the end"},
      {.name = "trace",
       .value = "FILE",
       .kind = CLI_TEXT,
       .target = &options->trace,
       .min = 1,
       .help = "record calls and handlers in Chrome's trace format; see TRACES below"},
      {.name = "trace-limit",
       .value = "N",
       .kind = CLI_NUMBER,
       .target = &options->trace_limit,
       .min = 1,
       .max = UINT64_C(1000000000),
       .help = "events that the trace may have, up to 48 bytes of memory each\n"
               "(default: 500000)"},
      {.name = "list-backends",
       .kind = CLI_FLAG,
       .target = &options->list_backends,
       .help = "print the I/O models, which of them work here and why not the others"},
      {.name = "help", .kind = CLI_FLAG, .target = &options->help, .help = "print this"},
      {.name = "version",
       .kind = CLI_FLAG,
       .target = &options->version,
       .help = "print the version"},
  };
  for (size_t i = 0; i < OPTION_COUNT; i++)
    table[i] = filled[i];
}

static int refuse(const char *line) {
  complain("%s", line);
  return EXIT_USAGE;
}

/* Errors that no single option causes. */
static int check_combination(const struct options *options) {
  if (options->handler == HANDLER_THREAD && !options->tcp)
    return refuse("--handler=thread: serves connections, and --udp alone has none; leave out one "
                  "of the two");
  if (!options->tcp && (options->max_connections || options->idle_timeout_ns || options->backlog))
    return refuse("--max-connections, --idle-timeout and --backlog: are for connections, and --udp "
                  "alone has none; leave out one of the two");
  if (options->prefix && options->print == PRINT_NONE)
    return refuse("--prefix: is printed before records, and --print=none prints none; leave out "
                  "one of the two");
  if (options->no_echo && options->reply == REPLY_SOCKPERF)
    return refuse("--no-echo: sends nothing back, but --reply=sockperf replies; leave out one of "
                  "the two");
  if (options->trace_limit && !options->trace)
    return refuse("--trace-limit: limits --trace=FILE, which is not there; give both, or neither");
  if (options->slow_ms && options->trace)
    return refuse("--slow: is not for use with --trace, which records how long each callback runs; "
                  "leave out one of the two");
  return 0;
}

int options_check_blocking(const struct options *options) {
  if (options->handler == HANDLER_INLINE)
    return refuse("--handler=inline: the blocking model has no loop to serve connections on; leave "
                  "it out, or choose another --backend");
  if (options->spin_us)
    return refuse(
        "--spin: the blocking model has no loop that could look for more; leave it out, or "
        "choose another --backend");
  if (options->slow_ms)
    return refuse("--slow: the blocking model has no loop whose callbacks could be slow; leave it "
                  "out, or choose another --backend");
  return 0;
}

int options_parse(int argc, char **argv, struct options *ret) {
  struct cli_option table[OPTION_COUNT];
  struct texts texts = {.cpus = NULL};
  struct options options = {.host = "localhost", .port = DEFAULT_PORT, .handler = HANDLER_UNSAID};
  fill_table(&options, &texts, table);
  struct cli cli = {.options = table, .option_count = OPTION_COUNT};
  int error = cli_parse(&cli, argc, argv);
  if (error)
    return error;
  if (!options.tcp && !options.udp)
    options.tcp = options.udp = true;
  if (texts.cpus && !cpus_parse(texts.cpus, &options.cpus)) {
    complain("--cpu=%s: must be numbers of processors below %d, and ranges, as 0 or 0,2-3",
             texts.cpus, CPUS_MAX);
    return EXIT_USAGE;
  }
  error = check_combination(&options);
  if (!options.trace_limit)
    options.trace_limit = DEFAULT_TRACE_LIMIT;
  if (!error)
    *ret = options;
  return error;
}

static const char help[] =
    "@ - print what comes over TCP and UDP, and echo it, under any I/O model\n"
    "\n"
    "EXAMPLES\n"
    "  @                           serve 127.0.0.1:8888 and [::1]:8888 until Ctrl-C\n"
    "  @ --backend=sigio           the same, driven by signals\n"
    "  @ --prefix --stats          time and sender of each record; counters every second\n"
    "  @ --backend=blocking        the same, with a thread for each connection and no loop\n"
    "  @ --workers=2 --cpu=0-1     two processes, each on a processor of its own\n"
    "  @ --trace=trace.json        every call with its time and result; see TRACES below\n"
    "  @ --host=* --port=0         all addresses of this machine, any free port\n"
    "  echo hello | nc -N localhost 8888        send it a line; or use the client\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "RECORDS\n"
    "  Only received data goes to stdout: one line for each read of a connection and for each\n"
    "  datagram. A newline at its end is kept, and added if missing. With --print=text other\n"
    "  control characters and bytes that are not UTF-8 are printed as \\n, \\r or \\xHH, so that\n"
    "  no peer can control your terminal or make one record look like two; tabs and backslashes\n"
    "  stay as they are. --print=hex prints every byte as two digits. When the reader of stdout\n"
    "  stalls, TCP peers are held back, and datagrams wait in the kernel, which drops and counts\n"
    "  those that it has no room for.\n"
    "\n"
    "WORKERS\n"
    "  Each has its own loop and sockets; the kernel distributes connections and peers among\n"
    "  them. One that dies is started again, at once the first time, then after 0.1 to 5 s; its\n"
    "  new connections and datagrams wait until then. The records of all are on stdout, each\n"
    "  whole; counters are sums (those of loops up to one --stats interval old). With --trace\n"
    "  SIGUSR1 is passed on.\n"
    "\n"
    "SOCKPERF\n"
    "  Another benchmark's client, to measure this server and to judge our own figures by:\n"
    "    @ --reply=sockperf --print=none\n"
    "    sockperf ping-pong -i 127.0.0.1 -p 8888 --tcp -t 2\n"
    "  A message that wants a reply is sent back with the client bit of its header cleared; a\n"
    "  warm-up message or one that wants none gets no reply. A connection that sends anything\n"
    "  else is closed and counted as failed; such a datagram gets no reply.\n"
    "\n"
    "TRACES\n"
    "  --trace=FILE records each wait, system call with its result and duration, signal,\n"
    "  operation of io_uring, handler and timer, in memory; FILE is written at the end, and\n"
    "  on every SIGUSR1 (kill -USR1 PID). It is complete at any time. Open it in\n"
    "  https://ui.perfetto.dev or chrome://tracing, or draw it with ioladder. With --workers each\n"
    "  has its own, with its number before the suffix: trace.1.json, trace.2.json and so on.\n"
    "  Recording stops at the limit; the trace and a line on stderr report that.\n"
    "\n"
    "COUNTERS (of --stats and of the summary at the end; totals since the start)\n"
    "  connections   open now               accepted      in total\n"
    "  failed        ended by an error      records       printed, tcp + udp\n"
    "  bytes         received               echoed        bytes sent back\n"
    "  iterations    turns of the loop      wakeups       waits that returned events\n"
    "  events        returned by them       spurious      of these, with nothing to do\n"
    "  signals       taken by sigio, rtsig  overflows     of the signal queue or io_uring's ring\n"
    "  rescues       by the safety net: 0   starved       io_uring: waits for a buffer\n"
    "  spins         polls of --spin        spin_hits     those that found an event\n"
    "  reply_drops   echoes given up        kernel_drops  datagrams lost before we could read:\n"
    "  unprinted     records that stdout                  udp + kernel_drops == sent\n"
    "                did not take before the end\n"
    "  The blocking model has no loop: its counters of the loop stay 0.\n"
    "\n"
    "ENDING\n"
    "  SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal is closed; not under nohup): data that\n"
    "  has arrived is served, stdout flushed and a summary printed, within 3 seconds. A second\n"
    "  signal ends it at once, unless it arrives within 0.25 s: timeout(1) sends each twice.\n"
    "  SIGUSR2, and SIGUSR1 without --trace, are ignored.\n"
    "  Exit status: 0 orderly end, 1 error (one line says why), 2 wrong command line.\n";

int options_print_help(void) {
  struct cli_option table[OPTION_COUNT];
  struct options options;
  struct texts texts;
  fill_table(&options, &texts, table);
  const struct cli cli = {.options = table, .option_count = OPTION_COUNT};
  cli_print_help(&cli, help);
  return cli_finish_stdout();
}
