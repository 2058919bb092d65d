/* SPDX-License-Identifier: MIT */
/*
 * libuv.c - an echo server on libuv. TCP: all reads go into one buffer, as libuv allows (the
 * callback follows at once), and uv_write sends a copy, which its callback frees. While a slow
 * reader has not taken everything, reading is stopped. (64 KiB of memory for each read, as in many
 * examples, makes malloc return memory to the kernel and allocate it again: that took 5 times the
 * CPU time at 50 connections.) UDP: uv_udp with its recvmmsg, answered by uv_udp_try_send, since
 * the batch's memory is ours only during the callback.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/say.h"
#include "peer.h"

enum {
  BUFFER_SIZE = 65536,
  BATCH = 20, /* libuv's own limit */
};

static void check(int error, const char *what) {
  if (error)
    exit(complain("%s: %s", what, uv_strerror(error)));
}

/* ---- TCP ------------------------------------------------------------------------------ */

struct connection {
  uv_tcp_t tcp;
  bool paused;
};

struct message {
  uv_write_t request;
  char data[];
};

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

static void drop(uv_stream_t *stream) {
  if (!uv_is_closing((uv_handle_t *)stream))
    uv_close((uv_handle_t *)stream, on_closed);
}

static void on_shut_down(uv_shutdown_t *request, int status) {
  (void)status;
  drop(request->handle);
  free(request);
}

/* End of input: uv_shutdown waits until everything is written. */
static void finish(uv_stream_t *stream) {
  uv_shutdown_t *request = malloc(sizeof *request);
  if (request && uv_shutdown(request, stream, on_shut_down) == 0)
    return;
  free(request);
  drop(stream);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  static char shared[BUFFER_SIZE];
  (void)handle, (void)suggested;
  *buffer = uv_buf_init(shared, sizeof shared);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status) {
  uv_stream_t *stream = request->handle;
  struct connection *connection = (struct connection *)(void *)stream;
  free(request); /* the message's first member */
  if (status < 0) {
    drop(stream);
  } else if (connection->paused) {
    connection->paused = false;
    uv_read_start(stream, lend_buffer, on_read);
  }
}

static void answer(uv_stream_t *stream, const char *read, size_t size) {
  struct connection *connection = (struct connection *)(void *)stream;
  struct message *message = malloc(sizeof *message + size);
  if (!message) {
    drop(stream);
    return;
  }
  memcpy(message->data, read, size);
  uv_buf_t data = uv_buf_init(message->data, (unsigned)size);
  if (uv_write(&message->request, stream, &data, 1, on_written) != 0) {
    free(message);
    drop(stream);
  } else if (uv_stream_get_write_queue_size(stream) > 0) {
    connection->paused = true;
    uv_read_stop(stream);
  }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
  if (size > 0)
    answer(stream, buffer->base, (size_t)size);
  else if (size == UV_EOF)
    finish(stream);
  else if (size < 0)
    drop(stream);
}

static void on_connection(uv_stream_t *listener, int status) {
  struct connection *connection = status == 0 ? calloc(1, sizeof *connection) : NULL;
  if (!connection || uv_tcp_init(listener->loop, &connection->tcp) != 0) {
    free(connection);
    return;
  }
  uv_stream_t *stream = (uv_stream_t *)connection;
  if (uv_accept(listener, stream) != 0 || uv_read_start(stream, lend_buffer, on_read) != 0)
    drop(stream);
}

/* ---- UDP ------------------------------------------------------------------------------ */

static void lend_batch(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  static char batch[BATCH * BUFFER_SIZE];
  (void)handle, (void)suggested;
  *buffer = uv_buf_init(batch, sizeof batch);
}

/* Without an address it reports an event of the buffer, not a datagram. A datagram that cannot be
 * sent is lost, as datagrams may be. */
static void on_datagram(uv_udp_t *socket, ssize_t size, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags) {
  (void)flags;
  if (size < 0 || !from)
    return;
  uv_buf_t data = uv_buf_init(buffer->base, (unsigned)size);
  uv_udp_try_send(socket, &data, 1, from);
}

int main(int argc, char **argv) {
  static uv_tcp_t listener;
  static uv_udp_t socket;
  struct peer peer = peer_begin(argc, argv);
  uv_loop_t *loop = uv_default_loop();
  if (peer.udp) {
    check(uv_udp_init_ex(loop, &socket, AF_UNSPEC | UV_UDP_RECVMMSG), "uv_udp_init_ex");
    check(uv_udp_open(&socket, peer.fd), "uv_udp_open");
    check(uv_udp_recv_start(&socket, lend_batch, on_datagram), "uv_udp_recv_start");
  } else {
    check(uv_tcp_init(loop, &listener), "uv_tcp_init");
    check(uv_tcp_open(&listener, peer.fd), "uv_tcp_open");
    check(uv_listen((uv_stream_t *)&listener, SOMAXCONN, on_connection), "uv_listen");
  }
  peer_announce(&peer);
  check(uv_run(loop, UV_RUN_DEFAULT), "uv_run");
  return EXIT_TROUBLE;
}
