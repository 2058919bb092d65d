/* SPDX-License-Identifier: MIT */
/*
 * stream_completion.c - the transport of a byte stream whose loop's backend offers completion
 * (backends/completion.h), in place of transport.c and of the readiness that drives it.
 *
 * There are two operations, each in the stream itself. Receiving continues from the first read to
 * the end of input: data arrives in a buffer of the kernel's ring and goes straight to the read
 * callback. Only one send is under way at a time, or order would not be kept. The data being sent
 * must not move, so data written during a send collects in a second queue, which replaces the first
 * when the send is done. A write is therefore copied, and costs no system call: the send is started
 * at the end of the turn, with everything that the turn has written, and is submitted with the next
 * wait. Queues come from a list of spares. If the socket is full the send ends, and readiness
 * reports when there is room for the rest.
 *
 * When reading stops (a gate, a full queue, the program) the operation is not stopped at once, but
 * only when more data arrives than is wanted. So most pauses, which are short, cost nothing. Data
 * that arrives before the stop takes effect is kept for the next read. The end of input, or an
 * error, can be known while earlier input is unread; it is reported after that input.
 *
 * When a send has failed because of a reset, the operation takes the unread input, but then waits
 * for news of a socket that has none (Linux 6.18: it does not look again after a short receive). It
 * is therefore started again after each, and finds the end.
 *
 * The operations hold the file, so close() alone would neither free it nor notify the peer. They
 * are cancelled first, and have ended when the cancel call returns.
 */
#include <errno.h>

#include "stream_internal.h"

enum {
  RECEIVING = 1 << 0,
  STOPPING = 1 << 1, /* asked to stop receiving, not stopped yet */
  SENDING = 1 << 2,  /* the first queue */
  QUIETLY = 1 << 3,  /* ... and nothing waits for it to be over */
  WAITING = 1 << 4   /* for room in the socket, to send the rest of it */
};

/* ---- receiving ---------------------------------------------------------------------------- */

static void receiving_failed(struct ioloop_stream *stream, int error) {
  if (!ioloop__stream_pause(stream, &stream->receive_failures, error))
    ioloop__stream_input_ended(stream, error);
}

void ioloop__stream_update_receiving(struct ioloop_stream *stream) {
  if (!ioloop__stream_wants_input(stream) || stream->pause || stream->operations & RECEIVING ||
      ioloop__inherited(stream->loop))
    return;
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  int r = completer->table->receive(completer->state, &stream->receiving, stream->fd);
  if (r)
    receiving_failed(stream, r);
  else
    stream->operations |= RECEIVING;
}

/* More came than is wanted. */
static void stop_receiving(struct ioloop_stream *stream) {
  if ((stream->operations & (RECEIVING | STOPPING)) != RECEIVING)
    return;
  stream->operations |= STOPPING;
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  completer->table->stop(completer->state, &stream->receiving);
}

static void received(struct ioloop_stream *stream, const char *data, size_t size) {
  stream->receive_failures = 0;
  ioloop__stream_note_traffic(stream);
  ioloop__stream_note_input(stream);
  if (stream->output == OUTPUT_CLOSING || stream->life == STREAM_FAILED)
    stop_receiving(stream); /* it will never be read */
  else if (!stream->on_read || stream->framed || ioloop__stream_is_choked(stream) ||
           ioloop__stream_buffered(stream) || ioloop__stream_held_by_gate(stream))
    ioloop__stream_keep(stream, data, size);
  else
    stream->on_read(stream, data, size, stream->read_arg);
}

/* No error of the connection: the operation was stopped, or must be started again. */
static bool goes_on(int result) {
  return result == -ECANCELED || result == -ENOBUFS || result == -EINTR;
}

static void on_received(struct ioloop *loop, struct ioloop__op *op, int result, void *data,
                        bool more) {
  struct ioloop_stream *stream = IOLOOP__LIST_ENTRY(op, struct ioloop_stream, receiving);
  (void)loop;
  if (!more)
    stream->operations &= (uint8_t) ~(RECEIVING | STOPPING);
  if (stream->life == STREAM_CLOSED) {
    if (result < 0 && !goes_on(result))
      stream->input_error = (int16_t)result;
    return;
  }
  ioloop__stream_enter(stream);
  if (result > 0)
    received(stream, data, (size_t)result);
  else if (!goes_on(result))
    receiving_failed(stream, result);
  if (!more)
    ioloop__stream_update_receiving(stream);
  else if (!ioloop__stream_wants_input(stream) || stream->pause || stream->life == STREAM_BROKEN)
    stop_receiving(stream);
  ioloop__stream_leave(stream);
}

/* ---- sending ------------------------------------------------------------------------------ */

enum {
  QUIET_SIZE = 16 * 1024 /* more may well find the socket full */
};

/* Does anything happen when the queue is empty? */
static bool waits_for_sent(const struct ioloop_stream *stream) {
  return ioloop__stream_has_drain(stream) || stream->choked || stream->output != OUTPUT_OPEN ||
         stream->input != INPUT_OPEN;
}

static void send_queue(struct ioloop_stream *stream, bool quiet) {
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  size_t size = ioloop__fifo_size(stream->queue);
  quiet = quiet && size <= QUIET_SIZE && !waits_for_sent(stream);
  int r = completer->table->send(completer->state, &stream->sending, stream->fd,
                                 ioloop__fifo_data(stream->queue), size, quiet);
  if (r) {
    ioloop__stream_sending_failed(stream, r);
    return;
  }
  stream->operations &= (uint8_t)~WAITING;
  stream->operations |= quiet ? SENDING | QUIETLY : SENDING;
  if (!completer->running)
    completer->table->submit(completer->state);
  if (quiet) /* its completion may be reported late */
    ioloop__stream_note_traffic(stream);
}

static void start_sending(struct ioloop__list *link) {
  struct ioloop_stream *stream = IOLOOP__LIST_ENTRY(link, struct ioloop_stream, unsent);
  if (stream->queue && !(stream->operations & SENDING) && !stream->pause)
    send_queue(stream, true);
}

void ioloop__stream_begin_sending(struct ioloop_stream *stream) {
  if (stream->operations & SENDING || stream->unsent.next || stream->pause)
    return;
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  if (completer->running && !(stream->operations & WAITING))
    ioloop__list_insert(completer->deferred->list.prev, &stream->unsent);
  else
    start_sending(&stream->unsent);
}

void ioloop__stream_await_sent(struct ioloop_stream *stream) {
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  if (stream->operations & QUIETLY)
    completer->table->flush_quiet(completer->state);
}

bool ioloop__stream_is_sending(struct ioloop_stream *stream) {
  if (!stream->completing || !(stream->operations & SENDING || stream->unsent.next))
    return false;
  ioloop__stream_await_sent(stream);
  return true;
}

bool ioloop__stream_waits_for_room(const struct ioloop_stream *stream) {
  return stream->operations & WAITING && stream->queue && !stream->pause &&
         stream->life < STREAM_FAILED;
}

static void wait_for_room(struct ioloop_stream *stream) {
  stream->operations |= WAITING;
  ioloop__stream_update_interest(stream);
}

/* A part of the first queue was sent; nothing if the socket was full. */
static void sent(struct ioloop_stream *stream, size_t size, bool quietly) {
  if (!quietly)
    ioloop__stream_note_traffic(stream);
  stream->send_failures = 0;
  ioloop__fifo_consume(stream->queue, size);
  bool all = !ioloop__fifo_size(stream->queue);
  struct ioloop__fifo *next = stream->queue->next;
  if (all && next) {
    ioloop__fifo_recycle(ioloop__spares(stream->loop), stream->queue);
    stream->queue = next;
  }
  if (!all)
    wait_for_room(stream);
  else if (ioloop__fifo_size(stream->queue))
    ioloop__stream_begin_sending(stream);
  else
    ioloop__stream_drained(stream);
  if (stream->choked && stream->life != STREAM_CLOSED)
    ioloop__stream_apply_watermarks(stream);
}

static void on_sent(struct ioloop *loop, struct ioloop__op *op, int result, void *data, bool more) {
  struct ioloop_stream *stream = IOLOOP__LIST_ENTRY(op, struct ioloop_stream, sending);
  (void)loop, (void)data, (void)more;
  bool quietly = stream->operations & QUIETLY;
  stream->operations &= (uint8_t) ~(SENDING | QUIETLY);
  if (stream->life == STREAM_CLOSED) {
    ioloop__fifo_consume(stream->queue, result > 0 ? (size_t)result : 0);
    return;
  }
  ioloop__stream_enter(stream);
  if (result >= 0 || ioloop__would_block(result))
    sent(stream, result > 0 ? (size_t)result : 0, quietly);
  else
    ioloop__stream_sending_failed(stream, result);
  if (stream->input != INPUT_OPEN) /* which waits for this: ioloop__stream_is_sending */
    ioloop__stream_defer(stream);
  ioloop__stream_leave(stream);
}

int ioloop__stream_queue_write(struct ioloop_stream *stream, const struct iovec *pieces,
                               int count) {
  struct ioloop__fifo *first = stream->queue;
  bool busy = first && (stream->operations & (SENDING | WAITING) || first->next);
  struct ioloop__fifo **queue = busy ? &first->next : &stream->queue;
  if (!*queue)
    *queue = ioloop__fifo_reuse(ioloop__spares(stream->loop));
  if (ioloop__fifo_gather(queue, pieces, count, 0) < 0) {
    ioloop__fifo_free_if_empty(queue);
    return -ENOMEM;
  }
  if (!busy && stream->life != STREAM_CONNECTING)
    ioloop__stream_begin_sending(stream);
  if (ioloop_stream_pending(stream) > stream->high)
    ioloop__stream_apply_watermarks(stream);
  if (busy || stream->choked) /* something waits for the first queue */
    ioloop__stream_await_sent(stream);
  return 0;
}

/* ---- beginning and end -------------------------------------------------------------------- */

static int fd_of_receiving(const struct ioloop__op *op) {
  return IOLOOP__LIST_ENTRY(op, const struct ioloop_stream, receiving)->fd;
}

static int fd_of_sending(const struct ioloop__op *op) {
  return IOLOOP__LIST_ENTRY(op, const struct ioloop_stream, sending)->fd;
}

static const struct ioloop__op_kind receiving = {
    .name = "recv", .fd = fd_of_receiving, .done = on_received};
static const struct ioloop__op_kind sending = {
    .name = "send", .fd = fd_of_sending, .done = on_sent};

void ioloop__stream_use_completion(struct ioloop_stream *stream) {
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  if (!completer)
    return;
  stream->receiving.kind = &receiving;
  stream->sending.kind = &sending;
  stream->unsent.next = NULL;
  stream->completing = true;
  completer->deferred->start = start_sending;
}

/* Start it, and end it at once. */
static void try_sending(struct ioloop_stream *stream, struct ioloop__fifo *queue) {
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  size_t size = ioloop__fifo_size(queue);
  if (size && !completer->table->send(completer->state, &stream->sending, stream->fd,
                                      ioloop__fifo_data(queue), size, false))
    completer->table->cancel(stream->loop, completer->state, &stream->sending);
}

/* Queued data is lost, except data that only waits for the end of this iteration, or for a send
 * that was started in the previous one: by readiness it would have been sent already. */
static void end_sending(struct ioloop_stream *stream) {
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  if (stream->operations & SENDING) {
    completer->table->cancel(stream->loop, completer->state, &stream->sending);
    if (!ioloop__fifo_size(stream->queue))
      try_sending(stream, stream->queue->next);
  } else if (stream->unsent.next && !stream->pause) {
    try_sending(stream, stream->queue);
  }
  if (stream->unsent.next)
    ioloop__list_remove(&stream->unsent);
}

void ioloop__stream_cancel_operations(struct ioloop_stream *stream) {
  const struct ioloop__completer *completer = ioloop__completer(stream->loop);
  if (stream->operations & RECEIVING)
    completer->table->cancel(stream->loop, completer->state, &stream->receiving);
  end_sending(stream);
}
