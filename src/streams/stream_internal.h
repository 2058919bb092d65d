/* SPDX-License-Identifier: MIT */
/*
 * stream_internal.h - the parts of a byte stream, for stream*.c and tcpserver.c.
 *
 * Ten thousand idle connections are ten thousand of these structures and nothing else: no buffer,
 * no timer, no further allocation. State that only some streams need some of the time (a queue of
 * unsent bytes, a read that waits for a delimiter) is behind a pointer.
 *
 *   stream.c       lifetime: making, connecting, deferred work, the end
 *   stream_read.c  the input side: the shared buffer, read_bytes and read_until
 *   stream_write.c the output side: queue, watermarks, half-close
 *   stream_attributes.c  what a program sets on a stream, and asks it
 *   stream_couple.c  a stream that sends what another one receives
 *   stream_timeout.c the read timeout
 *   stream_name.c  connecting to a name: no descriptor before it is connected
 *   transport.c      the system calls
 *   stream_completion.c  replaces them where the backend offers completion
 *
 * The life of a stream (enum stream_life) only moves forwards:
 *
 *    ioloop_stream_connect     ioloop_stream_new, a tcpserver
 *         |                    |
 *         v     connected      v           a send fails
 *     CONNECTING ----------> OPEN ------------------------> BROKEN
 *         |                  |  |                            |  |
 *         | error      error |  | ended in order   input end |  | no read under way
 *         v                  |  |                            |  |
 *      FAILED <--------------+--|----------------------------+  |
 *         |                     |                               |
 *         | no callback         |                               |
 *         | under way           |                               |
 *         v                     v                               v
 *      CLOSED <---------------- + ------------------------------+
 *
 * ioloop_stream_close leads from each state to CLOSED. A stream ended in order (ioloop__stream_is_over) when
 * the program is closing it and all is sent; or when it was half-closed, the end of input was
 * reported, and nothing is left to read. Input and output have an enum each for that.
 *
 * What pauses reading ends nothing and is kept apart: a gate that holds it, `choked` by a full
 * queue, and `settle_due`; after a shortage, `pause` stops sending as well.
 */
#ifndef IOLOOP_STREAM_INTERNAL_H
#define IOLOOP_STREAM_INTERNAL_H

#include "completion.h"
#include "fifo.h"
#include "fork.h"
#include "ioloop/stream.h"
#include "sockets.h"

/* How far the stream as a whole is. It goes only down this list. */
enum stream_life {
  STREAM_CONNECTING,
  STREAM_OPEN,
  STREAM_BROKEN, /* sending failed: what still arrives is read, and then it ends */
  STREAM_FAILED, /* ends as soon as no callback is under way */
  STREAM_CLOSED  /* only its memory is left */
};

enum stream_input {
  INPUT_OPEN,
  INPUT_ENDED,       /* the peer has finished, or input_error ... */
  INPUT_END_REPORTED /* ... and a read callback was given the end */
};

enum stream_output {
  OUTPUT_OPEN,
  OUTPUT_SHUT,   /* ioloop_stream_shutdown: takes no more writes */
  OUTPUT_CLOSING /* ioloop_stream_close_when_sent: no more reads, either */
};

/* The owner, which made the stream and keeps count of it: a tcpserver. */
struct ioloop_stream_owner {
  void (*traffic)(struct ioloop_stream_owner *owner, struct ioloop_stream *stream);
  void (*closed)(struct ioloop_stream_owner *owner, struct ioloop_stream *stream); /* unlink it */
};

/* A read that waits for a certain amount of data, and data beyond the previous one. */
struct ioloop__framing {
  size_t size;    /* read_bytes: exactly this many bytes; read_until: at most */
  size_t scanned; /* read_until: no delimiter begins before this offset */
  struct ioloop__fifo *bytes;
  ioloop_stream_fn *on_limit; /* read_until: size bytes without a delimiter. NULL: close */
  void *limit_arg;
  unsigned char delimiter_size; /* 0: read_bytes */
  char delimiter[16];
};

/* What few streams have. */
struct ioloop__stream_extras {
  ioloop_stream_fn *on_drain; /* NULL: none */
  void *drain_arg;
  ioloop_stream_fn *on_low; /* NULL: none */
  void *low_arg;
  struct ioloop_stream *sink,
      *source; /* coupled: it sends what this one receives, and vice versa */
  struct ioloop__stream_naming *naming; /* stream_name.c; NULL: it has a descriptor */
  uint64_t read_timeout_ns;
  uint64_t input_ns;         /* when something was last received, or it began to wait */
  ioloop_timeout read_timer; /* 0: none */
  bool read_overdue;         /* the time was over when the timer fired last */
  bool low_due;              /* the low-water callback is to be called */
};

struct ioloop_stream {
  struct ioloop *loop;
  void *data; /* the program's */
  int fd;
  uint8_t life : 3;               /* enum stream_life */
  uint8_t input : 2;              /* enum stream_input */
  uint8_t output : 2;             /* enum stream_output */
  bool fin_due : 1;               /* shut, and the peer does not know yet: the queue goes first */
  bool choked : 1;                /* went over the high watermark: does not read */
  bool settle_due : 1;            /* ioloop__stream_settle is: reads nothing before that */
  bool framed : 1;                /* the read under way is read_bytes or read_until */
  bool registered : 1;            /* the loop knows the descriptor */
  bool completing : 1;            /* its transport is stream_completion.c */
  bool timed : 1;                 /* its owner is notified of traffic */
  bool coupled : 1;               /* it has a sink: extras */
  bool read_timed : 1;            /* it has a read timeout: extras */
  uint8_t mask;                   /* events asked of the loop */
  uint8_t depth;                  /* callbacks under way: the memory must stay */
  ioloop_stream_read_fn *on_read; /* NULL: no read under way */
  void *read_arg;
  struct ioloop__fifo *queue; /* unsent; NULL or not empty. Its next: by completion */
  struct ioloop__gate_member gate;
  struct ioloop__framing *framing; /* NULL until the first read_bytes, read_until or on_limit */
  struct ioloop__stream_extras *extras; /* NULL until something needs it */
  ioloop_stream_close_fn *on_close;
  void *close_arg;
  union {
    struct { /* until the connection is there */
      ioloop_stream_fn *on_connect;
      void *connect_arg;
    };
    struct { /* by completion, from then on */
      struct ioloop__op receiving, sending;
      struct ioloop__list unsent; /* to be sent when the turn is over; next NULL: nothing is */
    };
  };
  uint32_t low, high; /* watermarks */
  struct ioloop_stream_owner *owner;
  ioloop_timeout timeout; /* of deferred work; 0: none */
  ioloop_timeout pause;   /* of ioloop__stream_pause; 0: none */
  int16_t error;          /* the close callback's: see reason_of */
  int16_t input_error;    /* unless INPUT_OPEN: why, behind all that was received; 0: in order */
  uint8_t send_failures,
      receive_failures; /* in a row, for lack of something: ioloop__stream_pause */
  uint8_t operations;   /* stream_completion.c: what is under way */
  bool not_socket : 1;  /* transport.c: pipe or pty, read and write instead of recv and send */
  bool write_only : 1;  /* ... opened for only one of them: an end of a pipe */
  bool read_only : 1;
  uint8_t vain : 5; /* wake-ups that found nothing; wraps */
};

/* ---- stream.c ------------------------------------------------------------------------ */

/* Fill in a stream over a descriptor that ioloop__accept or ioloop__socket made. The descriptor is
 * registered with the loop when the first event is wanted. */
void ioloop__stream_init(struct ioloop_stream *stream, struct ioloop *loop, int fd);

static inline void ioloop__stream_note_traffic(struct ioloop_stream *stream) {
  if (stream->timed)
    stream->owner->traffic(stream->owner, stream);
}

static inline bool ioloop__stream_has_drain(const struct ioloop_stream *stream) {
  return stream->extras && stream->extras->on_drain;
}

static inline bool ioloop__stream_low_due(const struct ioloop_stream *stream) {
  return stream->extras && stream->extras->low_due;
}

/* Something was received, or the stream begins to wait for it. */
static inline void ioloop__stream_note_input(struct ioloop_stream *stream) {
  if (stream->read_timed)
    stream->extras->input_ns = ioloop_time(stream->loop);
}

/* Around every call of the program that is given the stream: it may close it. */
static inline void ioloop__stream_enter(struct ioloop_stream *stream) {
  stream->depth++;
}
void ioloop__stream_settle(struct ioloop_stream *stream);
static inline void ioloop__stream_leave(struct ioloop_stream *stream) {
  if (--stream->depth == 0 && (stream->settle_due || stream->life == STREAM_CLOSED))
    ioloop__stream_settle(stream);
}

/* The same inside a function that the program called: the loop settles it. */
void ioloop__stream_leave_call(struct ioloop_stream *stream);

/* Arrange for ioloop__stream_settle to be called when no callback is under way, and never from inside a
 * function that the program called. -ENOMEM: it will be called, but only when the descriptor is
 * ready. */
int ioloop__stream_defer(struct ioloop_stream *stream);

/* A call failed with `error`, `failures` times before in a row. true: it is for lack of memory or
 * buffers, and everything is to be tried again after a pause. false: the error is final. */
bool ioloop__stream_pause(struct ioloop_stream *stream, uint8_t *failures, int error);

/* The descriptor is reported again and again, without progress: do not watch it for a moment. */
void ioloop__stream_rest(struct ioloop_stream *stream);

/* End it soon. The first error is the one that counts. */
void ioloop__stream_fail(struct ioloop_stream *stream, int error);

/* End it now: the close callback is called from inside. */
void ioloop__stream_finish(struct ioloop_stream *stream, int error);

/* The connection is there. */
void ioloop__stream_connected(struct ioloop_stream *stream);

/* Ask the loop for the events that the state of the stream calls for. */
void ioloop__stream_update_interest(struct ioloop_stream *stream);

/* Does anything remain that this stream can do? */
bool ioloop__stream_is_over(const struct ioloop_stream *stream);

/* ---- stream_read.c ------------------------------------------------------------------- */

void ioloop__stream_ready_to_read(struct ioloop_stream *stream);

/* Hand buffered input and the end of input to the read under way, and to those that its callbacks
 * start. true: there is more to hand over, in another iteration. */
bool ioloop__stream_deliver(struct ioloop_stream *stream);

/* Reading may go on after a gate or a full queue stopped it. */
void ioloop__stream_resume_reading(struct ioloop_stream *stream);

/* A full queue stops it: its own, or that of the stream that sends what this one receives. */
static inline bool ioloop__stream_is_choked(const struct ioloop_stream *stream) {
  return stream->coupled ? stream->extras->sink->choked : stream->choked;
}

/* A read is under way, its end has not come, and neither gate nor queue stops it. */
static inline bool ioloop__stream_wants_input(const struct ioloop_stream *stream) {
  return stream->on_read && stream->input == INPUT_OPEN && stream->life < STREAM_FAILED &&
         !ioloop__gate_holds(&stream->gate) && !ioloop__stream_is_choked(stream);
}

/* Input that no read has taken yet. */
static inline size_t ioloop__stream_buffered(const struct ioloop_stream *stream) {
  return stream->framing ? ioloop__fifo_size(stream->framing->bytes) : 0;
}

/* No more will come: the peer has finished (0), or the connection failed. To be reported when what
 * came before has been read. */
void ioloop__stream_input_ended(struct ioloop_stream *stream, int error);

/* Append to the buffered input. */
void ioloop__stream_keep(struct ioloop_stream *stream, const char *data, size_t size);

/* Stop reading if the gate says so. */
bool ioloop__stream_held_by_gate(struct ioloop_stream *stream);

/* ---- stream_write.c ------------------------------------------------------------------ */

void ioloop__stream_ready_to_write(struct ioloop_stream *stream);

/* A send failed. What was not sent stays queued, unless the error is final. */
void ioloop__stream_sending_failed(struct ioloop_stream *stream, int error);

/* The queue is empty: report it, and do what waited for it. */
void ioloop__stream_drained(struct ioloop_stream *stream);

/* Stop or resume reading by what is pending. */
void ioloop__stream_apply_watermarks(struct ioloop_stream *stream);

/* ---- stream_couple.c ----------------------------------------------------------------- */

/* Whether a callback or a limit of it may be set: 0, -ECHILD or -EPIPE. */
int ioloop__stream_may_set(const struct ioloop_stream *stream);

/* Made when it is first needed. NULL: no memory. */
struct ioloop__stream_extras *ioloop__stream_extras(struct ioloop_stream *stream);

/* Its queue is over the high watermark, or not more than the low one again. */
void ioloop__stream_set_choked(struct ioloop_stream *stream, bool choked);

/* Call the low-water callback, from where callbacks may be called. */
void ioloop__stream_report_low(struct ioloop_stream *stream);

/* It is read by its couple no longer. */
void ioloop__stream_uncouple_source(struct ioloop_stream *stream);

/* It takes no more writes: its source, if any, is not read any further. */
void ioloop__stream_stop_source(struct ioloop_stream *stream);

/* It has ended with `error`: so does the other stream of its couples, unless this was an end in
 * order. Only if it has extras. */
void ioloop__stream_uncouple_closed(struct ioloop_stream *stream, int error);

/* ---- stream_timeout.c ---------------------------------------------------------------- */

void ioloop__stream_stop_read_timer(struct ioloop_stream *stream);

/* The end of a function that connects: clean up after an error, or pass the stream to the program. */
int ioloop__stream_hand_over(struct ioloop_stream *stream, int error, ioloop_stream_fn *on_connect,
                             ioloop_stream_close_fn *on_close, void *arg,
                             struct ioloop_stream **ret);

/* ---- stream_name.c ------------------------------------------------------------------- */

/* End the lookup and all attempts. */
void ioloop__stream_stop_naming(struct ioloop_stream *stream);

/* ---- transport.c ----------------------------------------------------------------------- */

/* As recv and send, but -errno; never raising SIGPIPE, also on pipes. End of input is 0. */
ptrdiff_t ioloop__stream_receive(struct ioloop_stream *stream, void *data, size_t size);
ptrdiff_t ioloop__stream_send(struct ioloop_stream *stream, const void *data, size_t size);
/* Several pieces in one call, as sendmsg and writev. */
ptrdiff_t ioloop__stream_send_pieces(struct ioloop_stream *stream, const struct iovec *pieces,
                                     int count);
/* As shutdown. SHUT_RD: what has arrived can be received, and then it ends. */
void ioloop__stream_shut_down(struct ioloop_stream *stream, int how);
/* TCP_NODELAY. -EOPNOTSUPP: it is not TCP. */
int ioloop__stream_nodelay(int fd, bool on);
/* It is TCP, and not set. */
bool ioloop__stream_lacks_nodelay(int fd);
/* A wake-up found nothing to receive, or no room to send. Some models do not report that a socket
 * has failed, so every 32nd of these wake-ups checks its error queue, and whether the cause is a
 * hang-up that leaves no room for the data to be sent. */
void ioloop__stream_woken_in_vain(struct ioloop_stream *stream);
/* The socket's own error, -errno, which is not reported again. 0: none. */
int ioloop__stream_take_error(int fd);
/* Has the connection been made? 0, -EINPROGRESS, or why not: -ECONNREFUSED also if it is one with
 * itself. */
int ioloop__stream_connect_result(int fd);

/* ---- stream_completion.c ------------------------------------------------------------- */

/* If the loop's backend offers it. The descriptor must be a socket. */
void ioloop__stream_use_completion(struct ioloop_stream *stream);

/* Receive if input is wanted. */
void ioloop__stream_update_receiving(struct ioloop_stream *stream);

/* Send the queue, unless that is under way. */
void ioloop__stream_begin_sending(struct ioloop_stream *stream);

/* ioloop_stream_writev, the queue taking all of it. */
int ioloop__stream_queue_write(struct ioloop_stream *stream, const struct iovec *pieces, int count);

/* By completion: what was written before the end of input came has not been tried yet, as it would
 * have been by readiness. It will be, and may fail. */
bool ioloop__stream_is_sending(struct ioloop_stream *stream);

/* The socket was full: writability is to be waited for. */
bool ioloop__stream_waits_for_room(const struct ioloop_stream *stream);

/* Something is to be done when all is sent. */
void ioloop__stream_await_sent(struct ioloop_stream *stream);

/* For close: nothing of it is under way when this returns. */
void ioloop__stream_cancel_operations(struct ioloop_stream *stream);

#endif
