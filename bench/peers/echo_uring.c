/* SPDX-License-Identifier: MIT */
/*
 * echo_uring.c - a TCP echo server as a user of liburing would write it by hand: the peer that our
 * own server is measured against under --backend=io_uring.
 *
 * One multishot accept, one multishot receive a connection into a ring of provided buffers, and
 * each buffer is sent back from where it is and given back when it is sent. All that a turn brought
 * is submitted by the call that waits for the next. No error handling to speak of: it is a bound,
 * not a server.
 *
 *   echo_uring PORT    (0: any; says which on stdout)
 */
#include <liburing.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BUFFERS = 256,
  BUFFER_SIZE = 8192,
  GROUP = 1,
};

enum kind {
  ACCEPT,
  RECEIVE,
  SEND
};

struct server {
  struct io_uring ring;
  struct io_uring_buf_ring *buffers;
  char *memory;
  int listener;
};

static uint64_t tag(enum kind kind, int fd, unsigned buffer) {
  return (uint64_t)kind << 56 | (uint64_t)buffer << 32 | (uint32_t)fd;
}

static void give_buffer(struct server *server, unsigned id) {
  io_uring_buf_ring_add(server->buffers, server->memory + (size_t)id * BUFFER_SIZE, BUFFER_SIZE,
                        (unsigned short)id, io_uring_buf_ring_mask(BUFFERS), 0);
  io_uring_buf_ring_advance(server->buffers, 1);
}

static struct io_uring_sqe *new_entry(struct server *server) {
  struct io_uring_sqe *entry = io_uring_get_sqe(&server->ring);
  if (!entry) {
    io_uring_submit(&server->ring);
    entry = io_uring_get_sqe(&server->ring);
  }
  return entry;
}

static void begin_accept(struct server *server) {
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_multishot_accept(entry, server->listener, NULL, NULL, 0);
  entry->user_data = tag(ACCEPT, 0, 0);
}

static void begin_receive(struct server *server, int fd) {
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = GROUP;
  entry->user_data = tag(RECEIVE, fd, 0);
}

static void begin_send(struct server *server, int fd, unsigned buffer, int size) {
  struct io_uring_sqe *entry = new_entry(server);
  io_uring_prep_send(entry, fd, server->memory + (size_t)buffer * BUFFER_SIZE, (size_t)size,
                     MSG_NOSIGNAL | MSG_WAITALL);
  entry->user_data = tag(SEND, fd, buffer);
}

static void on_received(struct server *server, int fd, const struct io_uring_cqe *cqe) {
  if (cqe->res > 0)
    begin_send(server, fd, cqe->flags >> IORING_CQE_BUFFER_SHIFT, cqe->res);
  else if (cqe->res != -ENOBUFS)
    close(fd);
  if (!(cqe->flags & IORING_CQE_F_MORE) && (cqe->res > 0 || cqe->res == -ENOBUFS))
    begin_receive(server, fd);
}

static void on_completed(struct server *server, const struct io_uring_cqe *cqe) {
  int fd = (int)(uint32_t)cqe->user_data;
  switch ((enum kind)(cqe->user_data >> 56)) {
  case ACCEPT:
    if (cqe->res >= 0)
      begin_receive(server, cqe->res);
    if (!(cqe->flags & IORING_CQE_F_MORE))
      begin_accept(server);
    break;
  case RECEIVE:
    on_received(server, fd, cqe);
    break;
  case SEND:
    give_buffer(server, cqe->user_data >> 32 & 0xffff);
    break;
  }
}

static void serve(struct server *server) {
  for (;;) {
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    int r = io_uring_submit_and_wait(&server->ring, 1);
    if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY)
      return;
    io_uring_for_each_cqe(&server->ring, head, cqe) {
      on_completed(server, cqe);
      count++;
    }
    io_uring_cq_advance(&server->ring, count);
  }
}

static int listen_on(uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) < 0)
    return -1;
  printf("%u\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static int make_buffers(struct server *server) {
  struct io_uring_buf_reg registration = {.ring_entries = BUFFERS, .bgid = GROUP};
  void *ring = NULL;
  server->memory = malloc((size_t)BUFFERS * BUFFER_SIZE);
  if (!server->memory || posix_memalign(&ring, 4096, BUFFERS * sizeof(struct io_uring_buf)))
    return -1;
  registration.ring_addr = (uint64_t)(uintptr_t)ring;
  if (io_uring_register_buf_ring(&server->ring, &registration, 0) < 0)
    return -1;
  server->buffers = ring;
  io_uring_buf_ring_init(server->buffers);
  for (unsigned i = 0; i < BUFFERS; i++)
    give_buffer(server, i);
  return 0;
}

int main(int argc, char **argv) {
  static struct server server;
  struct io_uring_params params = {.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
                                            IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                   .cq_entries = 8192};
  if (argc != 2 || io_uring_queue_init_params(1024, &server.ring, &params) < 0 ||
      make_buffers(&server) < 0)
    return 1;
  io_uring_register_ring_fd(&server.ring);
  server.listener = listen_on((uint16_t)atoi(argv[1]));
  if (server.listener < 0)
    return 1;
  begin_accept(&server);
  serve(&server);
  return 1;
}
