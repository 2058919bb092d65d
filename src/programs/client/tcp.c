/* SPDX-License-Identifier: MIT */
/*
 * tcp.c - a worker that sends over a connection.
 *
 * The connection is made for the worker's first message and reused for the later ones. A long
 * message is written in pieces while its echo is read. If it were queued whole, the stream's high
 * watermark would stop our reading, the server's would stop its own, and both would wait forever.
 *
 * --no-wait uses a connection for each message and closes it at once, as the client of the lectures
 * does. For a message of one segment that is safe: the segment and the FIN are already on their
 * way, and a reset, caused by an echo that arrives at our closed socket, comes after them. A longer
 * message is different: its first piece is echoed while the rest is still to be sent, and that
 * reset would discard the rest. So only our direction is closed, and the echo is discarded until
 * the server has finished.
 */
#include <errno.h>
#include <string.h>

#include "client.h"

enum {
  PIECE_SIZE = 64 * 1024, /* well under the stream's high watermark */
  ONE_SEGMENT = 1024,
};

static void send_more(struct worker *worker);

static void on_drain(struct ioloop_stream *stream, void *arg) {
  (void)stream;
  send_more(arg);
}

static void after_sending(struct worker *worker) {
  if (!worker->client->options.no_wait)
    return;
  if (worker->message.size <= ONE_SEGMENT)
    ioloop_stream_close_when_sent(worker->answered->stream);
  else
    (void)ioloop_stream_shutdown(worker->answered->stream);
}

static void send_more(struct worker *worker) {
  const struct message *message = &worker->message;
  if (!worker->busy || worker->sent == message->size)
    return;
  while (worker->sent < message->size && ioloop_stream_pending(worker->answered->stream) == 0) {
    size_t left = message->size - worker->sent;
    size_t piece = left < PIECE_SIZE ? left : PIECE_SIZE;
    int error = ioloop_stream_write(worker->answered->stream, message->data + worker->sent, piece);
    if (error == -EPIPE)
      return; /* the close callback reports why */
    if (error) {
      client_failed(worker, "not sent: %s", strerror(-error));
      return;
    }
    worker->sent += piece;
  }
  if (worker->sent == message->size)
    after_sending(worker);
}

/* ---- receiving ------------------------------------------------------------------------ */

static void on_end(struct worker *worker) {
  const struct message *message = &worker->message;
  if (worker->busy && !worker->client->options.no_wait)
    client_failed(worker, "missing: the server closed the connection after %zu of %zu bytes",
                  worker->received, message->size);
  ioloop_stream_close(worker->answered->stream);
}

static void on_read(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct worker *worker = arg;
  if (size == 0) {
    on_end(worker);
    return;
  }
  if (worker->client->options.no_wait)
    return;
  if (!worker->busy) {
    client_trouble(worker->client, "an echo is different: %zu more bytes than were sent", size);
    ioloop_stream_close(stream);
    client_pump(worker->client);
    return;
  }
  if (!client_compare(worker, data, size))
    ioloop_stream_close(stream);
  else if (worker->received == worker->message.size)
    client_done(worker);
}

static void on_connect(struct ioloop_stream *stream, void *arg) {
  struct attempt *attempt = arg;
  struct worker *worker = attempt->worker;
  race_won(attempt);
  int error = ioloop_stream_set_drain_callback(stream, on_drain, worker);
  if (!error)
    error = ioloop_stream_read(stream, on_read, worker);
  if (error) {
    client_failed(worker, "not sent: %s", strerror(-error));
    ioloop_stream_close(stream);
    return;
  }
  send_more(worker);
}

/* The connection in use has ended. */
static void connection_ended(struct worker *worker, int error) {
  race_end(worker);
  if (!worker->busy)
    return;
  if (!worker->client->options.no_wait)
    client_failed(worker, "missing: %s after %zu of %zu bytes", strerror(-error), worker->received,
                  worker->message.size);
  else if (error)
    client_failed(worker, "not awaited, but the message may not have arrived: %s",
                  strerror(-error));
  else
    client_done(worker);
}

static void on_close(struct ioloop_stream *stream, int error, void *arg) {
  struct attempt *attempt = arg;
  (void)stream;
  attempt->stream = NULL;
  if (attempt == attempt->worker->answered)
    connection_ended(attempt->worker, error);
  else
    race_lost(attempt, error ? error : -ECONNABORTED);
}

/* ---- the transport -------------------------------------------------------------------- */

static int open_stream(struct attempt *attempt, const struct address *address) {
  return ioloop_stream_connect(attempt->worker->client->loop, &address->any, address_size(address),
                               on_connect, on_close, attempt, &attempt->stream);
}

/* Without the close callback, which is for ends that we did not cause. */
static void close_stream(struct attempt *attempt) {
  struct ioloop_stream *stream = attempt->stream;
  attempt->stream = NULL;
  if (!stream)
    return;
  ioloop_stream_set_close_callback(stream, NULL, NULL);
  ioloop_stream_close(stream);
}

static void time_out(struct worker *worker) {
  double seconds = (double)worker->client->options.timeout_ns / 1e9;
  if (!worker->answered) {
    client_unreachable(worker);
    return;
  }
  if (worker->client->options.no_wait)
    client_failed(worker, "not awaited, but the server took %zu of %zu bytes within %g s",
                  worker->sent - ioloop_stream_pending(worker->answered->stream),
                  worker->message.size, seconds);
  else
    client_failed(worker, "late: %zu of %zu bytes came within %g s", worker->received,
                  worker->message.size, seconds);
  race_end(worker);
}

const struct transport transport_tcp = {.name = "tcp",
                                        .open = open_stream,
                                        .send = send_more,
                                        .time_out = time_out,
                                        .close = close_stream};
