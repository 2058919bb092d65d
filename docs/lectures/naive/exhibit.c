/* SPDX-License-Identifier: MIT */
/*
 * exhibit.c - the code that the naive servers share.
 */
#include "exhibit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/program.h"
#include "common/say.h"

enum {
  BACKLOG = 1024, /* long enough that no connection is refused: the server itself loses them */
  NAP_S = 3,
};

static volatile sig_atomic_t stopping;

static const char help[] =
    "@ [OPTION…] - an exhibit: a server that answers one SIGIO with one read\n"
    "\n"
    "It listens on 127.0.0.1, prints what it reads, and prints its counters when it is ended by\n"
    "Ctrl-C or SIGTERM. It loses messages on purpose; docs/lectures shows how and why. The same "
    "on\n"
    "the same signal without the loss is server --backend=sigio.\n"
    "\n"
    "OPTIONS\n";

static void on_stop(int signo) {
  (void)signo;
  stopping = 1;
}

struct words {
  uint64_t port;
  bool waiting, inherit, stamp, help;
};

#define AT(field) offsetof(struct words, field)

/* Returns 0, or main's exit code. */
static int take_options(struct exhibit *exhibit, int argc, char **argv, uint16_t *ret_port) {
  struct words words = {.port = 8888};
  struct cli_option options[6] = {
      CLI_NUMBER("port", "N", AT(port), 0, 65535, "port; 0 picks a free one (default: 8888)"),
      CLI_FLAG("waiting", AT(waiting), "say \"Waiting...\" after each nap of three seconds"),
      CLI_FLAG("help", AT(help), "print this"),
  };
  size_t count = 3;
  if (exhibit->can_inherit)
    options[count++] = (struct cli_option)CLI_FLAG(
        "inherit", AT(inherit),
        "accepted sockets are non-blocking and signal too, as if accept()\n"
        "handed that on, which it does on BSD and macOS");
  if (exhibit->can_stamp)
    options[count] = (struct cli_option)CLI_FLAG(
        "stamp", AT(stamp), "the handler and a main line that never rests both work out the time");
  struct cli cli = {.options = options, .into = &words};
  int error = cli_parse(&cli, argc, argv);
  exhibit->waiting = words.waiting;
  exhibit->inherit = words.inherit;
  exhibit->stamp = words.stamp;
  *ret_port = (uint16_t)words.port;
  if (!error && words.help) {
    cli_print_help(options, help);
    exit(cli_finish_stdout());
  }
  return error;
}

bool exhibit_arm(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETOWN, getpid()) == 0 &&
         fcntl(fd, F_SETFL, flags | O_NONBLOCK | O_ASYNC) == 0;
}

/* Returns the port, or -1 after printing an error. */
static int listen_on(struct exhibit *exhibit, uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int on = 1;
  exhibit->fd = socket(AF_INET, exhibit->udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  if (exhibit->fd < 0 ||
      (!exhibit->udp && setsockopt(exhibit->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) ||
      bind(exhibit->fd, (struct sockaddr *)&address, size) < 0 ||
      (!exhibit->udp && listen(exhibit->fd, BACKLOG) < 0) || !exhibit_arm(exhibit->fd) ||
      getsockname(exhibit->fd, (struct sockaddr *)&address, &size) < 0) {
    complain("127.0.0.1 port %u: %s; another --port may be free", (unsigned)port, strerror(errno));
    return -1;
  }
  return ntohs(address.sin_port);
}

/* Before the socket is armed: the default action of SIGIO is the end of the process. No SA_RESTART,
 * so that SIGTERM ends a recv() that waits. */
static void handle(int signo, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  sigemptyset(&action.sa_mask);
  sigaction(signo, &action, NULL);
}

static void nap(bool say_so) {
  for (unsigned left = NAP_S; left && !stopping;)
    left = sleep(left);
  if (say_so && !stopping)
    say("Waiting...");
}

/* Never sleeps, and is inside localtime() most of the time. */
static void work_out_the_time(void) {
  const time_t now = time(NULL);
  (void)localtime(&now);
}

static void summarise(const struct exhibit *exhibit) {
  say("summary: signals=%d accepted=%d messages=%d would-block=%d failed=%d", exhibit->signals,
      exhibit->accepted, exhibit->messages, exhibit->would_block, exhibit->failed);
}

void exhibit_take(struct exhibit *exhibit, const char *data, long size) {
  if (size > 0) {
    atomic_fetch_add(&exhibit->messages, 1);
    if (exhibit->stamp) {
      const time_t now = time(NULL);
      char text[16];
      strftime(text, sizeof text, "%H:%M:%S ", localtime(&now));
      fputs(text, stdout);
    }
    printf("%.*s\n", (int)size, data);
    fflush(stdout);
  } else if (size < 0) {
    const bool empty = errno == EAGAIN || errno == EWOULDBLOCK;
    atomic_fetch_add(empty ? &exhibit->would_block : &exhibit->failed, 1);
  }
}

int exhibit_main(struct exhibit *exhibit, int argc, char **argv) {
  uint16_t port;
  program_begin(argv[0]);
  int error = take_options(exhibit, argc, argv, &port);
  if (error)
    return error;
  handle(SIGIO, exhibit->on_sigio);
  handle(SIGTERM, on_stop);
  handle(SIGINT, on_stop);
  int got = listen_on(exhibit, port);
  if (got < 0)
    return EXIT_TROUBLE;
  say("exhibit, loses messages on purpose: %s", exhibit->what);
  say("listening %s 127.0.0.1:%d", exhibit->udp ? "udp" : "tcp", got);
  while (!stopping) {
    if (exhibit->stamp)
      work_out_the_time();
    else
      nap(exhibit->waiting);
  }
  summarise(exhibit);
  return cli_finish_stdout();
}
