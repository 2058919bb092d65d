/* SPDX-License-Identifier: MIT */
/*
 * scenarios.c - each cause of a SIGIO, provoked.
 *
 * A scenario sets up sockets, arms one of them and then does the one thing whose signals are shown.
 * Both ends are in this process, on 127.0.0.1, where the kernel delivers within the call.
 */
#include "scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int keep(struct stage *stage, int fd) {
  if (fd >= 0)
    stage->opened[stage->opened_count++] = fd;
  return fd;
}

/* F_SETSIG and the owner before O_ASYNC: no signal without them. */
static bool arm(struct stage *stage, int fd) {
  int flags = fcntl(fd, F_GETFL);
  stage->armed = fd;
  return flags >= 0 && fcntl(fd, F_SETOWN, getpid()) == 0 &&
         fcntl(fd, F_SETSIG, stage->signo) == 0 &&
         fcntl(fd, F_SETFL, flags | O_ASYNC | O_NONBLOCK) == 0;
}

/* Bound to a free port of 127.0.0.1, whose address is returned. */
static int bound(struct stage *stage, int type, struct sockaddr_in *ret) {
  socklen_t size = sizeof *ret;
  *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = keep(stage, socket(AF_INET, type, 0));
  bool ok = fd >= 0 && bind(fd, (struct sockaddr *)ret, size) == 0 &&
            getsockname(fd, (struct sockaddr *)ret, &size) == 0;
  return ok ? fd : -1;
}

static int listening(struct stage *stage, struct sockaddr_in *ret) {
  int fd = bound(stage, SOCK_STREAM, ret);
  return fd >= 0 && listen(fd, 8) == 0 ? fd : -1;
}

static int connected(struct stage *stage, int type, const struct sockaddr_in *to) {
  int fd = keep(stage, socket(AF_INET, type, 0));
  return fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof *to) == 0 ? fd : -1;
}

/* Our end of a TCP connection, armed, and the peer's. */
static bool connection(struct stage *stage, int *ret_ours, int *ret_peer) {
  struct sockaddr_in address;
  int listener = listening(stage, &address);
  *ret_peer = listener < 0 ? -1 : connected(stage, SOCK_STREAM, &address);
  *ret_ours = *ret_peer < 0 ? -1 : keep(stage, accept(listener, NULL, NULL));
  return *ret_ours >= 0 && arm(stage, *ret_ours);
}

/* Before the stage is cleared: the scenario is the closing itself. */
static bool closes(struct stage *stage, int fd) {
  for (size_t i = 0; i < stage->opened_count; i++)
    if (stage->opened[i] == fd)
      stage->opened[i] = stage->opened[--stage->opened_count];
  return close(fd) == 0;
}

static bool says(int fd, const char *text) {
  return send(fd, text, strlen(text), 0) == (ssize_t)strlen(text);
}

/* ---- the seven of TCP --------------------------------------------------------------- */

static bool request_completed(struct stage *stage) {
  struct sockaddr_in address;
  int listener = listening(stage, &address);
  return listener >= 0 && arm(stage, listener) && connected(stage, SOCK_STREAM, &address) >= 0;
}

static bool disconnect_begun(struct stage *stage) {
  int ours, peer;
  return connection(stage, &ours, &peer) && closes(stage, peer);
}

static bool disconnect_completed(struct stage *stage) {
  int ours, peer;
  return connection(stage, &ours, &peer) && shutdown(ours, SHUT_WR) == 0 && closes(stage, peer);
}

static bool half_closed(struct stage *stage) {
  int ours, peer;
  return connection(stage, &ours, &peer) && shutdown(peer, SHUT_WR) == 0;
}

static bool data_arrived(struct stage *stage) {
  int ours, peer;
  return connection(stage, &ours, &peer) && says(peer, "x");
}

static bool space_available(struct stage *stage) {
  static char bulk[64 * 1024];
  int ours, peer;
  if (!connection(stage, &ours, &peer))
    return false;
  while (send(ours, bulk, sizeof bulk, 0) > 0)
    ;
  if (errno != EAGAIN)
    return false;
  while (recv(peer, bulk, sizeof bulk, MSG_DONTWAIT) > 0)
    ;
  return errno == EAGAIN;
}

static bool reset(struct stage *stage) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  int ours, peer;
  return connection(stage, &ours, &peer) &&
         setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0 &&
         closes(stage, peer);
}

/* ---- the two of UDP ------------------------------------------------------------------- */

/* A receiver, armed, and one that sends to it. */
static bool datagrams(struct stage *stage, int *ret_peer) {
  struct sockaddr_in address;
  int ours = bound(stage, SOCK_DGRAM, &address);
  *ret_peer = ours < 0 ? -1 : connected(stage, SOCK_DGRAM, &address);
  return *ret_peer >= 0 && arm(stage, ours);
}

static bool datagram_arrived(struct stage *stage) {
  int peer;
  return datagrams(stage, &peer) && says(peer, "x");
}

static bool port_unreachable(struct stage *stage) {
  struct sockaddr_in address;
  int peer = bound(stage, SOCK_DGRAM, &address);
  int ours = peer < 0 ? -1 : connected(stage, SOCK_DGRAM, &address);
  return ours >= 0 && arm(stage, ours) && closes(stage, peer) && says(ours, "x");
}

/* ---- for comparison ---------------------------------------------------------------------- */

static bool own_shutdown(struct stage *stage) {
  int ours, peer;
  return connection(stage, &ours, &peer) && shutdown(ours, SHUT_WR) == 0;
}

static bool own_send(struct stage *stage) {
  int ours, peer;
  return connection(stage, &ours, &peer) && says(ours, "x");
}

static bool connect_completed(struct stage *stage) {
  struct sockaddr_in address;
  int listener = listening(stage, &address);
  int ours = listener < 0 ? -1 : keep(stage, socket(AF_INET, SOCK_STREAM, 0));
  return ours >= 0 && arm(stage, ours) &&
         (connect(ours, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS);
}

static bool partly_read(struct stage *stage) {
  char byte;
  int ours, peer;
  return connection(stage, &ours, &peer) && says(peer, "two") && recv(ours, &byte, 1, 0) == 1;
}

static bool five_datagrams(struct stage *stage) {
  int peer;
  bool ok = datagrams(stage, &peer);
  for (int i = 0; ok && i < 5; i++)
    ok = says(peer, "x");
  return ok;
}

/* A signal is queued, the descriptor is closed, and the next socket gets its number. */
static bool stale(struct stage *stage) {
  struct sockaddr_in address;
  int ours, peer;
  if (!connection(stage, &ours, &peer) || !says(peer, "x") || !closes(stage, ours))
    return false;
  int next = bound(stage, SOCK_DGRAM, &address);
  stage->armed = next;
  return next == ours;
}

const struct scenario scenario_causes[] = {
    {"TCP 1  connection request done", "a peer connects to our listener", request_completed},
    {"TCP 2  disconnect begun", "the peer closes", disconnect_begun},
    {"TCP 3  disconnect completed", "we shut down, the peer closes", disconnect_completed},
    {"TCP 4  half-closed", "the peer shuts down for writing", half_closed},
    {"TCP 5  data arrived", "the peer sends a byte", data_arrived},
    {"TCP 6  data left, there is space", "we send until EAGAIN, peer reads", space_available},
    {"TCP 7  asynchronous error", "the peer resets", reset},
    {"UDP 1  datagram arrived", "a peer sends a datagram", datagram_arrived},
    {"UDP 2  asynchronous error", "we send to a closed port", port_unreachable},
    {NULL, NULL, NULL},
};

const struct scenario scenario_comparisons[] = {
    {"TCP    we shut down", "shutdown(SHUT_WR) on our side", own_shutdown},
    {"TCP    we send", "a byte, which the peer acknowledges", own_send},
    {"TCP    our connect() completes", "a non-blocking connect()", connect_completed},
    {"TCP    three bytes, one is read", "the peer sends once, we read once", partly_read},
    {"UDP    five datagrams", "before any is read", five_datagrams},
    {"UDP    nothing, on a new socket", "it has the fd of one closed unread", stale},
    {NULL, NULL, NULL},
};

void stage_clear(struct stage *stage) {
  for (size_t i = 0; i < stage->opened_count; i++)
    close(stage->opened[i]);
  *stage = (struct stage){0};
}
