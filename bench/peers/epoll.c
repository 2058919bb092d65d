/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - an echo server as a programmer would write it directly on epoll.
 *
 * TCP: level-triggered, one recv and one send per event, the connection itself in the event's 64
 * bits. UDP: a batch of datagrams per recvmmsg and sendmmsg.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum {
  EVENTS = 256,
  BATCH = 64,
};

/* ---- TCP ------------------------------------------------------------------------------ */

struct connection {
  int fd;
  struct rest rest;
};

static void drop(struct connection *connection) {
  close(connection->fd);
  free(connection->rest.memory);
  free(connection);
}

static int watch(int set, int operation, struct connection *connection, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  return epoll_ctl(set, operation, connection->fd, &event);
}

static void accept_one(int set, int listener) {
  int fd = peer_accept(listener);
  if (fd < 0)
    return;
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection)
    connection->fd = fd;
  if (!connection || watch(set, EPOLL_CTL_ADD, connection, EPOLLIN) < 0) {
    close(fd);
    free(connection);
  }
}

static void serve_one(int set, struct connection *connection) {
  struct rest *rest = &connection->rest;
  enum echo next = (rest->size ? echo_rest : echo_input)(connection->fd, rest);
  if (next == ECHO_GO_ON)
    return;
  uint32_t events = rest->size ? EPOLLOUT : EPOLLIN;
  if (next == ECHO_OVER || watch(set, EPOLL_CTL_MOD, connection, events) < 0)
    drop(connection);
}

static void serve_tcp(int set, int listener) {
  struct epoll_event events[EVENTS];
  int count;
  while ((count = epoll_wait(set, events, EVENTS, -1)) >= 0 || errno == EINTR)
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection->fd == listener)
        accept_one(set, listener);
      else
        serve_one(set, connection);
    }
}

/* ---- UDP ------------------------------------------------------------------------------ */

struct batch {
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  struct sockaddr_in from[BATCH];
  char data[BATCH][ECHO_BUFFER_SIZE];
};

static void prepare(struct batch *batch, int count) {
  for (int i = 0; i < count; i++) {
    batch->parts[i] = (struct iovec){batch->data[i], ECHO_BUFFER_SIZE};
    batch->messages[i].msg_hdr = (struct msghdr){.msg_name = &batch->from[i],
                                                 .msg_namelen = sizeof batch->from[i],
                                                 .msg_iov = &batch->parts[i],
                                                 .msg_iovlen = 1};
  }
}

/* Returns the number of datagrams: if it is less than a batch, the socket is empty. */
static int echo_batch(int fd, struct batch *batch) {
  int count = recvmmsg(fd, batch->messages, BATCH, 0, NULL);
  for (int i = 0; i < count; i++)
    batch->parts[i].iov_len = batch->messages[i].msg_len;
  /* A datagram that cannot be sent is lost, as datagrams may be, and the next one is tried. */
  for (int done = 0, sent; done < count; done += (sent > 0 ? sent : 1))
    sent = sendmmsg(fd, batch->messages + done, (unsigned)(count - done), 0);
  prepare(batch, count);
  return count;
}

static void serve_udp(int set, int fd) {
  static struct batch batch;
  struct epoll_event event;
  prepare(&batch, BATCH);
  while (epoll_wait(set, &event, 1, -1) >= 0 || errno == EINTR)
    while (echo_batch(fd, &batch) == BATCH)
      ;
}

int main(int argc, char **argv) {
  struct peer peer = peer_begin(argc, argv);
  struct connection listening = {.fd = peer.fd};
  int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0 || watch(set, EPOLL_CTL_ADD, &listening, EPOLLIN) < 0)
    peer_fail("epoll");
  peer_announce(&peer);
  (peer.udp ? serve_udp : serve_tcp)(set, peer.fd);
  peer_fail("epoll_wait");
}
