/* SPDX-License-Identifier: MIT */
/* sides.h - a stream of a couple, and the socket at the other end of its connection, which is the
 * test's. */
#ifndef SIDES_H
#define SIDES_H

#include <unistd.h>

#include "ioloop/stream.h"
#include "support.h"

struct side {
  struct ioloop_stream *stream; /* NULL: closed */
  int peer;
  unsigned low, closed;
  size_t reads;            /* bytes, or calls */
  uint64_t written, limit; /* by on_low */
  uint64_t sent, received; /* by the peer */
  bool ended;              /* the peer saw the end */
  bool inside;
  int error;
};

static inline void on_side_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct side *side = arg;
  CHECK(stream == side->stream);
  CHECK(!side->inside);
  side->stream = NULL;
  side->closed++;
  side->error = error;
}

static inline void side_make(struct side *side, struct ioloop *loop, int fd, int peer) {
  *side = (struct side){.peer = peer};
  CHECK_OK(ioloop_stream_new(loop, fd, &side->stream));
  ioloop_stream_set_close_callback(side->stream, on_side_closed, side);
}

static inline void side_close(struct side *side) {
  if (side->stream)
    ioloop_stream_close(side->stream);
  CHECK_IS(side->closed, ==, 1);
  if (side->peer >= 0)
    CHECK_SYS(close(side->peer));
}

#endif
