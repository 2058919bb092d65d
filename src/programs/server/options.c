/* SPDX-License-Identifier: MIT */
/* options.c - the server's options: one table for parsing, for errors and for --help. */
#include "server.h"

#include <limits.h>

#include "common/cli.h"
#include "common/say.h"

enum {
  DEFAULT_TRACE_LIMIT = 500000,
  DEFAULT_PORT = 8888,
  MAX_WORKERS = 256,
};

static const char *const handler_names[] = {"inline", "thread", NULL};
static const char *const reply_names[] = {"echo", "sockperf", NULL};
static const char *const print_names[] = {"text", "hex", "none", NULL};

#define SHORTEST_NS NS_PER_MS
#define LONGEST_NS  (1000000 * NS_PER_SECOND)

#define AT(field) offsetof(struct server_options, field)

static const struct cli_option table[] = {
    CLI_ANY_TEXT("backend", "NAME", AT(backend),
                 "the I/O model to run on, see --list-backends\n"
                 "(default: $IOLOOP_BACKEND, else the best one here)"),
    CLI_TEXT("host", "ADDR", AT(host),
             "name or address to listen on, * for all of this machine\n"
             "(default: localhost, which is 127.0.0.1 and ::1)"),
    CLI_NUMBER("port", "N", AT(port), 0, 65535,
               "port, the same for TCP and UDP; 0 picks a free one (default: 8888)"),
    CLI_FLAG("tcp", AT(tcp), "TCP only"),
    CLI_FLAG("udp", AT(udp), "UDP only (default: both)"),
    CLI_CHOICE("handler", "HOW", AT(handler), handler_names,
               "inline: connections are served on the loop (default)\n"
               "thread: each gets a thread that reads and writes with blocking calls"),
    CLI_FLAG("no-echo", AT(no_echo), "print what is received but send nothing back"),
    CLI_CHOICE("reply", "HOW", AT(reply), reply_names,
               "echo: send back what was received (default)\n"
               "sockperf: answer the client of sockperf; see SOCKPERF below"),
    CLI_CHOICE("print", "HOW", AT(print), print_names,
               "text, hex or none (default: text); see RECORDS below"),
    CLI_FLAG("prefix", AT(prefix), "print local time, protocol and peer before each record"),
    CLI_NUMBER("max-connections", "N", AT(max_connections), 0, 10000000,
               "serve at most N at once, the others wait; 0 is no limit (default: 0)"),
    CLI_SECONDS("idle-timeout", "SEC", AT(idle_timeout_ns), 0, LONGEST_NS,
                "close connections that are silent for SEC seconds; 0 is never (default: 0)"),
    CLI_NUMBER("backlog", "N", AT(backlog), 1, INT_MAX,
               "connections that may wait to be accepted (default: as\n"
               "many as the system allows)"),
    CLI_NUMBER("spin", "USEC", AT(spin_us), 0, 1000000,
               "keep polling for USEC microseconds after each burst of work before\n"
               "blocking: lower latency, one busy core; 0 is off (default: 0)"),
    CLI_NUMBER("workers", "N", AT(workers), 1, MAX_WORKERS,
               "serve with N processes that share the port (default: one, without a parent);\n"
               "limits are each one's; see WORKERS below"),
    CLI_TEXT("cpu", "LIST", AT(cpu_list),
             "stay on these processors, as 0,2-3; workers get one each, in turn"),
    CLI_SECONDS("heartbeat", "SEC", AT(heartbeat_ns), SHORTEST_NS, LONGEST_NS,
                "print \"Waiting...\" on stderr every SEC seconds"),
    CLI_OPTIONAL_SECONDS("stats", "SEC", AT(stats_ns), SHORTEST_NS, LONGEST_NS, NS_PER_SECOND,
                         "print counters on stderr every SEC seconds (--stats alone: 1)"),
    CLI_MS("slow", "MS", AT(slow_ns), NS_PER_US, 1000000 * NS_PER_MS,
           "report each callback of the loop that runs for more than MS milliseconds (20, 0.5),\n"
           "in which all others wait, on stderr, and its times at the end"),
    CLI_TEXT("trace", "FILE", AT(trace),
             "record calls and handlers in Chrome's trace format; see TRACES below"),
    CLI_NUMBER("trace-limit", "N", AT(trace_limit), 1, UINT64_C(1000000000),
               "events that the trace may have, up to 48 bytes of memory each\n"
               "(default: 500000)"),
    CLI_FLAG("list-backends", AT(list_backends),
             "print the I/O models, which of them work here and why not the others"),
    CLI_FLAG("help", AT(help), "print this"),
    CLI_FLAG("version", AT(version), "print the version"),
    CLI_END,
};

/* Errors that no single option causes. */
static int check_combination(const struct server_options *options) {
  if (options->handler == HANDLER_THREAD && !options->tcp)
    return misuse("--handler=thread: serves connections, and --udp alone has none; leave out one "
                  "of the two");
  if (!options->tcp && (options->max_connections || options->idle_timeout_ns || options->backlog))
    return misuse("--max-connections, --idle-timeout and --backlog: are for connections, and --udp "
                  "alone has none; leave out one of the two");
  if (options->prefix && options->print == PRINT_NONE)
    return misuse("--prefix: is printed before records, and --print=none prints none; leave out "
                  "one of the two");
  if (options->no_echo && options->reply == REPLY_SOCKPERF)
    return misuse("--no-echo: sends nothing back, but --reply=sockperf replies; leave out one of "
                  "the two");
  if (options->trace_limit && !options->trace)
    return misuse("--trace-limit: limits --trace=FILE, which is not there; give both, or neither");
  if (options->slow_ns && options->trace)
    return misuse("--slow: is not for use with --trace, which records how long each callback runs; "
                  "leave out one of the two");
  return 0;
}

int options_check_blocking(const struct server_options *options) {
  if (options->handler == HANDLER_INLINE)
    return misuse("--handler=inline: the blocking model has no loop to serve connections on; leave "
                  "it out, or choose another --backend");
  if (options->spin_us)
    return misuse("--spin: the blocking model has no loop that could look for more; leave it out, "
                  "or choose another --backend");
  if (options->slow_ns)
    return misuse("--slow: the blocking model has no loop whose callbacks could be slow; leave it "
                  "out, or choose another --backend");
  return 0;
}

int options_parse(int argc, char **argv, struct server_options *ret) {
  struct server_options options = {
      .host = "localhost", .port = DEFAULT_PORT, .handler = HANDLER_UNSET};
  struct cli cli = {.options = table, .into = &options};
  int error = cli_parse(&cli, argc, argv);
  if (error)
    return error;
  if (!options.tcp && !options.udp)
    options.tcp = options.udp = true;
  if (options.cpu_list && !cpus_parse(options.cpu_list, &options.cpus))
    return misuse("--cpu=%s: must be numbers of processors below %d, and ranges, as 0 or 0,2-3",
                  options.cpu_list, CPUS_MAX);
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
  return cli_print_help(table, help);
}
