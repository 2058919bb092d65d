/* SPDX-License-Identifier: MIT */
/*
 * liburing.c - an echo server as a user of liburing would write it by hand.
 *
 * One multishot accept, and one multishot receive per connection (UDP: one for the socket) into a
 * ring of provided buffers; the buffers are sent from where they are and returned when they are
 * sent. All operations of an iteration are submitted by the call that waits for the next one, and
 * everything received on one connection in an iteration leaves in one send.
 *
 * Sends of one stream that are in flight together may overtake each other if one has to wait, so a
 * connection has one at a time and its other buffers queue. A slow reader would eventually hold all
 * buffers that way: at a limit its receive is cancelled, and started again when everything is sent.
 * A connection that found no buffer waits in a list until one is returned.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum {
  GROUP = 1,
  STREAM_BUFFERS = 256, /* used in turn: with more of them, no cache holds them all */
  STREAM_BUFFER_SIZE = 8192,
  DATAGRAM_BUFFERS = 256,
  DATAGRAM_BUFFER_SIZE = 65536 + 64, /* plus the header and address before the data */
  HELD_AT_MOST = 8,                  /* buffers of one connection */
};

/* In the low bits of user_data; the rest is a pointer or a buffer's number. */
enum kind {
  IGNORE,
  ACCEPT,
  LISTENER_READY,
  RECEIVE,
  SEND,
  KINDS_MASK = 7,
};

struct buffer {
  uint32_t size;
  uint16_t next; /* in the connection's queue */
  struct iovec part;
  struct msghdr header; /* of its sendmsg */
};

struct connection {
  int fd;
  bool receiving, sending, ended, broken, starved, served;
  unsigned held; /* buffers in the queue; the first ones are being sent */
  uint16_t first, last;
  uint32_t sent; /* of the first */
  struct iovec parts[HELD_AT_MOST];
  struct msghdr header; /* of its sendmsg */
  struct connection *next_starved, *next_served;
};

struct server {
  struct io_uring ring;
  struct io_uring_buf_ring *free_buffers;
  struct buffer *buffers;
  char *memory;
  unsigned buffer_count, buffer_size;
  unsigned lent;          /* buffers in use */
  struct msghdr datagram; /* argument of recvmsg */
  struct connection *starved;
  struct connection *served; /* those with data to send at the end of the iteration */
  int fd;
};

static struct io_uring_sqe *new_entry(struct server *server) {
  struct io_uring_sqe *entry = io_uring_get_sqe(&server->ring);
  while (!entry) {
    io_uring_submit(&server->ring);
    entry = io_uring_get_sqe(&server->ring);
  }
  return entry;
}

static void tag(struct io_uring_sqe *entry, enum kind kind, const void *pointer) {
  entry->user_data = (uintptr_t)pointer | (unsigned)kind;
}

static char *data_of(const struct server *server, unsigned id) {
  return server->memory + (size_t)id * server->buffer_size;
}

/* ---- buffers -------------------------------------------------------------------------- */

static void begin_receive(struct server *server, struct connection *connection) {
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_recv_multishot(entry, connection->fd, NULL, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = GROUP;
  tag(entry, RECEIVE, connection);
  connection->receiving = true;
}

static void give_buffer(struct server *server, unsigned id) {
  io_uring_buf_ring_add(server->free_buffers, data_of(server, id), server->buffer_size,
                        (unsigned short)id, io_uring_buf_ring_mask(server->buffer_count), 0);
  io_uring_buf_ring_advance(server->free_buffers, 1);
  server->lent--;
  struct connection *starved = server->starved;
  if (!starved)
    return;
  server->starved = starved->next_starved;
  starved->starved = false;
  begin_receive(server, starved);
}

/* The connection found no buffer. If all have been returned by now, no return will wake it. */
static void starve(struct server *server, struct connection *connection) {
  if (server->lent == 0)
    return;
  connection->starved = true;
  connection->next_starved = server->starved;
  server->starved = connection;
}

static void make_buffers(struct server *server, unsigned count, unsigned size) {
  struct io_uring_buf_reg registration = {.ring_entries = count, .bgid = GROUP};
  void *ring = NULL;
  server->buffer_count = count;
  server->buffer_size = size;
  server->memory = malloc((size_t)count * size);
  server->buffers = calloc(count, sizeof *server->buffers);
  if (!server->memory || !server->buffers ||
      posix_memalign(&ring, 4096, count * sizeof(struct io_uring_buf)))
    peer_fail("memory");
  registration.ring_addr = (uint64_t)(uintptr_t)ring;
  errno = -io_uring_register_buf_ring(&server->ring, &registration, 0);
  if (errno)
    peer_fail("io_uring_register_buf_ring");
  server->free_buffers = ring;
  io_uring_buf_ring_init(server->free_buffers);
  server->lent = count;
  for (unsigned i = 0; i < count; i++)
    give_buffer(server, i);
}

/* ---- TCP ------------------------------------------------------------------------------ */

static void begin_accept(struct server *server) {
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_multishot_accept(entry, server->fd, NULL, NULL, SOCK_CLOEXEC);
  tag(entry, ACCEPT, NULL);
}

/* Without a free descriptor accept fails even before it checks for a connection. */
static void await_client(struct server *server) {
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_poll_add(entry, server->fd, POLLIN);
  tag(entry, LISTENER_READY, NULL);
}

static void begin_send(struct server *server, struct connection *connection) {
  unsigned id = connection->first, count = 0;
  uint32_t skip = connection->sent;
  for (; count < connection->held && count < HELD_AT_MOST; skip = 0, count++) {
    const struct buffer *buffer = &server->buffers[id];
    connection->parts[count] = (struct iovec){data_of(server, id) + skip, buffer->size - skip};
    id = buffer->next;
  }
  connection->header = (struct msghdr){.msg_iov = connection->parts, .msg_iovlen = count};
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_sendmsg(entry, connection->fd, &connection->header, MSG_NOSIGNAL | MSG_WAITALL);
  tag(entry, SEND, connection);
  connection->sending = true;
}

static void send_later(struct server *server, struct connection *connection) {
  if (connection->served)
    return;
  connection->served = true;
  connection->next_served = server->served;
  server->served = connection;
}

static void cancel_receive(struct server *server, struct connection *connection) {
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_cancel64(entry, (uintptr_t)connection | RECEIVE, 0);
  tag(entry, IGNORE, NULL);
}

static void enqueue(struct server *server, struct connection *connection, unsigned id, int size) {
  server->buffers[id].size = (uint32_t)size;
  server->lent++;
  if (connection->held++ == 0)
    connection->first = (uint16_t)id;
  else
    server->buffers[connection->last].next = (uint16_t)id;
  connection->last = (uint16_t)id;
}

static void dequeue(struct server *server, struct connection *connection) {
  unsigned id = connection->first;
  connection->first = server->buffers[id].next;
  connection->held--;
  give_buffer(server, id);
}

/* Start a connection's next operation; called when one of its operations has ended. */
static void settle(struct server *server, struct connection *connection) {
  if (connection->broken)
    while (connection->held && !connection->sending)
      dequeue(server, connection);
  if (connection->held && !connection->sending)
    send_later(server, connection);
  if (connection->receiving || connection->sending || connection->starved || connection->served)
    return;
  if (connection->ended || connection->broken) {
    close(connection->fd);
    free(connection);
  } else if (connection->held == 0) {
    begin_receive(server, connection);
  }
}

static void on_received(struct server *server, struct connection *connection,
                        const struct io_uring_cqe *cqe) {
  connection->receiving = cqe->flags & IORING_CQE_F_MORE;
  if (cqe->res > 0) {
    enqueue(server, connection, cqe->flags >> IORING_CQE_BUFFER_SHIFT, cqe->res);
    if (connection->held == HELD_AT_MOST && connection->receiving)
      cancel_receive(server, connection);
  } else if (cqe->res == 0) {
    connection->ended = true;
  } else if (cqe->res == -ENOBUFS) {
    if (connection->held == 0)
      starve(server, connection);
  } else if (cqe->res != -ECANCELED) {
    connection->broken = true;
  }
  settle(server, connection);
}

static void on_sent(struct server *server, struct connection *connection, int result) {
  connection->sending = false;
  if (result < 0) {
    connection->broken = true;
    shutdown(connection->fd, SHUT_RDWR); /* ends its receive */
  } else {
    connection->sent += (unsigned)result;
    for (uint32_t size; connection->held; connection->sent -= size) {
      size = server->buffers[connection->first].size;
      if (connection->sent < size)
        break;
      dequeue(server, connection);
    }
  }
  settle(server, connection);
}

/* At the end of an iteration. */
static void send_all(struct server *server) {
  while (server->served) {
    struct connection *connection = server->served;
    server->served = connection->next_served;
    connection->served = false;
    if (connection->held && !connection->sending)
      begin_send(server, connection);
    else
      settle(server, connection);
  }
}

static void begin_connection(struct server *server, int fd) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (!connection) {
    close(fd);
    return;
  }
  connection->fd = fd;
  begin_receive(server, connection);
}

static void on_accepted(struct server *server, const struct io_uring_cqe *cqe) {
  if (cqe->res >= 0)
    begin_connection(server, cqe->res);
  if (cqe->flags & IORING_CQE_F_MORE)
    return;
  if (cqe->res == -EMFILE || cqe->res == -ENFILE)
    await_client(server);
  else
    begin_accept(server);
}

/* Descriptors may have been freed while no connection was pending. */
static void on_listener_ready(struct server *server) {
  int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd >= 0)
    begin_connection(server, fd);
  else
    peer_turn_away(server->fd);
  begin_accept(server);
}

static void on_stream_event(struct server *server, const struct io_uring_cqe *cqe) {
  void *pointer = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)KINDS_MASK);
  enum kind kind = (enum kind)(cqe->user_data & KINDS_MASK);
  if (kind == ACCEPT)
    on_accepted(server, cqe);
  else if (kind == LISTENER_READY)
    on_listener_ready(server);
  else if (kind == RECEIVE)
    on_received(server, pointer, cqe);
  else if (kind == SEND)
    on_sent(server, pointer, cqe->res);
}

/* ---- UDP ------------------------------------------------------------------------------ */

static void begin_receive_datagrams(struct server *server) {
  struct io_uring_sqe *entry = new_entry(server);
  server->datagram = (struct msghdr){.msg_namelen = sizeof(struct sockaddr_in)};
  io_uring_prep_recvmsg_multishot(entry, server->fd, &server->datagram, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = GROUP;
  tag(entry, RECEIVE, NULL);
}

static void answer(struct server *server, unsigned id, int size) {
  struct buffer *buffer = &server->buffers[id];
  server->lent++;
  struct msghdr *asked = &server->datagram;
  struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(data_of(server, id), size, asked);
  if (!out) {
    give_buffer(server, id);
    return;
  }
  buffer->part = (struct iovec){io_uring_recvmsg_payload(out, asked),
                                io_uring_recvmsg_payload_length(out, size, asked)};
  buffer->header = (struct msghdr){.msg_name = io_uring_recvmsg_name(out),
                                   .msg_namelen = out->namelen,
                                   .msg_iov = &buffer->part,
                                   .msg_iovlen = 1};
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_sendmsg(entry, server->fd, &buffer->header, 0);
  entry->user_data = (uint64_t)id << 3 | SEND;
}

/* A datagram that cannot be sent is lost, as datagrams may be. */
static void on_datagram_event(struct server *server, const struct io_uring_cqe *cqe) {
  if ((cqe->user_data & KINDS_MASK) == SEND) {
    give_buffer(server, (unsigned)(cqe->user_data >> 3));
    return;
  }
  if (cqe->flags & IORING_CQE_F_BUFFER)
    answer(server, cqe->flags >> IORING_CQE_BUFFER_SHIFT, cqe->res);
  if (!(cqe->flags & IORING_CQE_F_MORE))
    begin_receive_datagrams(server);
}

/* ---- both ----------------------------------------------------------------------------- */

typedef void on_event(struct server *server, const struct io_uring_cqe *cqe);

static void serve(struct server *server, on_event *handle) {
  for (;;) {
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    int r = io_uring_submit_and_wait(&server->ring, 1);
    if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
      errno = -r;
      return;
    }
    io_uring_for_each_cqe(&server->ring, head, cqe) {
      handle(server, cqe);
      count++;
    }
    io_uring_cq_advance(&server->ring, count);
    send_all(server);
  }
}

static void open_ring(struct server *server) {
  struct io_uring_params params = {.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
                                            IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                   .cq_entries = 8192};
  errno = -io_uring_queue_init_params(1024, &server->ring, &params);
  if (errno)
    peer_fail("io_uring_setup");
  io_uring_register_ring_fd(&server->ring);
}

int main(int argc, char **argv) {
  static struct server server;
  struct peer peer = peer_begin(argc, argv);
  server.fd = peer.fd;
  /* For a non-blocking socket the ring returns EAGAIN instead of waiting. */
  if (fcntl(peer.fd, F_SETFL, 0) < 0)
    peer_fail("fcntl");
  open_ring(&server);
  if (peer.udp) {
    make_buffers(&server, DATAGRAM_BUFFERS, DATAGRAM_BUFFER_SIZE);
    begin_receive_datagrams(&server);
  } else {
    make_buffers(&server, STREAM_BUFFERS, STREAM_BUFFER_SIZE);
    begin_accept(&server);
  }
  peer_announce(&peer);
  serve(&server, peer.udp ? on_datagram_event : on_stream_event);
  peer_fail("io_uring_enter");
}
