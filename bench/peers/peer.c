/* SPDX-License-Identifier: MIT */
/* peer.c - the common start of every peer, and the echo; see peer.h. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/program.h"
#include "common/say.h"

static const char help_text[] = "Usage: @ tcp|udp PORT\n"
                                "\n"
                                "An echo server on 127.0.0.1:PORT (0: any), for comparison with "
                                "others. Prints\n"
                                "\"listening PORT\" on stdout; SIGTERM ends it.\n"
                                "\n"
                                "OPTIONS\n";

enum {
  MOST_WORDS = 8, /* of a command line; with more, it has too many arguments anyway */
};

static int reserve = -1;

static void end(int signo) {
  (void)signo;
  _exit(EXIT_OK);
}

void peer_fail(const char *what) {
  exit(complain("%s: %s", what, strerror(errno)));
}

static uint16_t port_of(const char *text) {
  char *after;
  errno = 0;
  unsigned long port = strtoul(text, &after, 10);
  if (*text < '0' || *text > '9' || *after || errno || port > UINT16_MAX)
    exit(misuse("%s: the port must be a number from 0 to 65535 (0: any)", text));
  return (uint16_t)port;
}

static struct peer parse(int argc, char **argv) {
  bool help = false;
  static const struct cli_option options[] = {CLI_FLAG("help", 0, "print this"), CLI_END};
  const char *arguments[MOST_WORDS] = {0};
  struct cli cli = {
      .options = options, .into = &help, .argument = "tcp|udp PORT", .arguments = arguments};
  if (argc <= MOST_WORDS && cli_parse(&cli, argc, argv))
    exit(EXIT_USAGE);
  if (help)
    exit(cli_print_help(options, help_text));
  bool udp = cli.argument_count == 2 && strcmp(arguments[0], "udp") == 0;
  if (cli.argument_count != 2 || (!udp && strcmp(arguments[0], "tcp") != 0))
    exit(misuse("expected a protocol and a port: %s tcp|udp PORT", say_program()));
  return (struct peer){.udp = udp, .port = port_of(arguments[1])};
}

static void fail_to_listen(const struct peer *peer) {
  int error = errno;
  const char *remedy = error == EADDRINUSE ? "; choose another port, or 0 for any" : "";
  exit(complain("cannot listen on 127.0.0.1:%u (%s): %s%s", peer->port, peer->udp ? "udp" : "tcp",
                strerror(error), remedy));
}

static void open_socket(struct peer *peer) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(peer->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr *any = (struct sockaddr *)&address;
  socklen_t size = sizeof address;
  int one = 1;
  peer->fd = socket(AF_INET, peer->udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  if (peer->fd < 0 || fcntl(peer->fd, F_SETFD, FD_CLOEXEC) < 0 ||
      fcntl(peer->fd, F_SETFL, O_NONBLOCK) < 0)
    peer_fail("socket");
  /* For UDP it would let two servers share a port. */
  if (!peer->udp)
    setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  /* Connections inherit it. Without it the second part of an answer waits for the acknowledgement
   * of the first, which the other end delays by 40 ms. */
  if (!peer->udp)
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(peer->fd, any, size) < 0 || (!peer->udp && listen(peer->fd, INT_MAX) < 0) ||
      getsockname(peer->fd, any, &size) < 0)
    fail_to_listen(peer);
  peer->port = ntohs(address.sin_port);
}

static void open_reserve(void) {
  reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

struct peer peer_begin(int argc, char **argv) {
  program_begin(argv[0]);
  struct peer peer = parse(argc, argv);
  struct sigaction ending = {.sa_handler = end}, ignoring = {.sa_handler = SIG_IGN};
  sigaction(SIGTERM, &ending, NULL);
  if (!signals_ignored(SIGINT))
    sigaction(SIGINT, &ending, NULL);
  sigaction(SIGPIPE, &ignoring, NULL);
  descriptors_raise_limit();
  open_reserve();
  open_socket(&peer);
  return peer;
}

void peer_announce(const struct peer *peer) {
  printf("listening %u\n", peer->port);
  if (cli_finish_stdout())
    exit(EXIT_TROUBLE);
}

void peer_turn_away(int listener) {
  if (reserve >= 0)
    close(reserve);
  int fd = accept(listener, NULL, NULL);
  if (fd >= 0)
    close(fd);
  open_reserve();
}

int peer_accept(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE))
    peer_turn_away(listener);
  return fd;
}

/* ---- the echo -------------------------------------------------------------------------- */

static enum echo keep_rest(struct rest *rest, const char *data, size_t size) {
  rest->memory = rest->at = malloc(size);
  if (!rest->memory)
    return ECHO_OVER;
  memcpy(rest->memory, data, size);
  rest->size = size;
  return ECHO_TURN;
}

enum echo echo_input(int fd, struct rest *rest) {
  static char buffer[ECHO_BUFFER_SIZE];
  ssize_t size = recv(fd, buffer, sizeof buffer, 0);
  if (size <= 0)
    return size < 0 && errno == EAGAIN ? ECHO_GO_ON : ECHO_OVER;
  ssize_t sent = send(fd, buffer, (size_t)size, MSG_NOSIGNAL);
  if (sent == size)
    return ECHO_GO_ON;
  if (sent < 0 && errno != EAGAIN)
    return ECHO_OVER;
  size_t done = sent < 0 ? 0 : (size_t)sent;
  return keep_rest(rest, buffer + done, (size_t)size - done);
}

enum echo echo_rest(int fd, struct rest *rest) {
  ssize_t sent = send(fd, rest->at, rest->size, MSG_NOSIGNAL);
  if (sent < 0)
    return errno == EAGAIN ? ECHO_GO_ON : ECHO_OVER;
  rest->at += sent;
  rest->size -= (size_t)sent;
  if (rest->size)
    return ECHO_GO_ON;
  free(rest->memory);
  rest->memory = NULL;
  return ECHO_TURN;
}

void echo_datagrams(int fd) {
  static char buffer[ECHO_BUFFER_SIZE];
  struct sockaddr_in from;
  struct sockaddr *any = (struct sockaddr *)&from;
  socklen_t length = sizeof from;
  ssize_t size;
  while ((size = recvfrom(fd, buffer, sizeof buffer, 0, any, &length)) >= 0) {
    sendto(fd, buffer, (size_t)size, 0, any, length);
    length = sizeof from;
  }
}
