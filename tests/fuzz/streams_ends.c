/* SPDX-License-Identifier: MIT */
/* streams_ends.c - the operations of a stream and its callbacks but those of sending, with the model next
 * to each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "streams.h"

enum {
  LONGEST_MS = 3
};

/* ---- callbacks ------------------------------------------------------------------------------ */

const char *enter_callback(const char *allowed) {
  const char *outer = world.inside;
  FUZZ_CHECK(!outer || (allowed && strstr(allowed, outer)), "a callback from inside %s", outer);
  world.inside = NULL;
  world.depth++;
  return outer;
}

void leave_callback(const char *outer) {
  world.depth--;
  world.inside = outer;
}

void check_alive(const struct end *end, const struct ioloop_stream *stream) {
  FUZZ_CHECK(end->stream == stream, "end %d: a callback after its end", end->index);
}

static bool timed_out_reading(const struct end *end) {
  uint64_t waited = ioloop_time(world.loop) - end->waiting_since;
  return end->timeout_ns && waited >= end->timeout_ns && end->reading != NO_READ && !end->saw_end &&
         !end->connecting;
}

/* A stream whose time is over has failed, and is closed in the next turn, whatever is done until then. */
static void note_overdue(struct end *end) {
  end->overdue |= timed_out_reading(end);
}

static void on_limit(struct ioloop_stream *stream, void *arg) {
  struct end *end = arg;
  const char *outer = enter_callback(NULL);
  check_alive(end, stream);
  note_overdue(end);
  FUZZ_CHECK(end->limited, "end %d: a limit callback that is not set", end->index);
  FUZZ_CHECK(may_read_now(end), "end %d: the limit is reported, but it may not read", end->index);
  FUZZ_CHECK(frame_of(end, peer_of(end)->put - end->got) == -EMSGSIZE,
             "end %d: over the limit without a reason", end->index);
  end->reading = NO_READ;
  tell(end, " limit");
  react(end->index, ON_READ);
  leave_callback(outer);
}

void on_connect(struct ioloop_stream *stream, void *arg) {
  struct end *end = arg;
  const char *outer = enter_callback(NULL);
  check_alive(end, stream);
  FUZZ_CHECK(end->connecting, "end %d: connected twice", end->index);
  FUZZ_CHECK(!end->connect_error, "end %d: connected, but nothing listens", end->index);
  end->connecting = false;
  tell(end, " connected");
  react(end->index, ON_CONNECT);
  leave_callback(outer);
}

static enum ending ending_by_close(const struct end *end, int error) {
  const struct end *peer = peer_of(end);
  /* "With unread input, TCP sends the peer a reset; where the backend completes, the input may
   * have left the socket already, and then the peer sees an orderly end." */
  return error || peer->put > end->got ? EITHER : END;
}

void on_close(struct ioloop_stream *stream, int error, void *arg) {
  struct end *end = arg;
  const char *outer = enter_callback("ioloop_stream_close ioloop_tcpserver_close");
  FUZZ_CHECK(end->closed++ == 0, "end %d: closed twice", end->index);
  check_alive(end, stream);
  FUZZ_CHECK(ioloop_stream_fd(stream) == -1, "end %d: a descriptor in the close callback",
             end->index);
  world.inside = outer;
  check_close_error(end, error);
  world.inside = NULL;
  size_t pending = ioloop_stream_pending(stream);
  bool asked =
      outer && strcmp(outer, "ioloop_stream_close") == 0; /* else what is unsent is unknown */
  uint64_t unless_written = asked && end->put > end->unsent ? end->put - end->unsent : 0;
  end_is_gone(end, ending_by_close(end, error), end->put - pending,
              end->tcp ? unless_written : end->put - pending);
  end->stream = NULL;
  if (end->server) {
    end->server->open--;
    end->server = NULL;
  }
  tell(end, " closed %d", error);
  if (end->ending == EITHER)
    leave_open(end);
  react(end->index, ON_CLOSE);
  leave_callback(outer);
}

static void on_read(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct end *end = arg;
  const char *outer = enter_callback(NULL);
  check_alive(end, stream);
  FUZZ_CHECK(end->reading != NO_READ, "end %d: %zu bytes, but no read is under way", end->index,
             size);
  FUZZ_CHECK(!end->connecting, "end %d: %zu bytes before it is connected", end->index, size);
  FUZZ_CHECK(may_read_now(end), "end %d: %zu bytes, but %s", end->index, size,
             end->choked ? "it is over its watermark" : "its gate is closed");
  enum reading reading = end->reading;
  note_overdue(end);
  if (size == 0) {
    check_end_of_input(end);
    end->saw_end = true;
    end->reading = NO_READ;
    tell(end, " end");
  } else if (reading == ANY) {
    check_bytes(end, data, size);
    end->chunk += size;
  } else {
    ptrdiff_t frame = frame_of(end, peer_of(end)->put - end->got);
    FUZZ_CHECK((ptrdiff_t)size == frame, "end %d: %zu bytes instead of %td", end->index, size,
               frame);
    check_bytes(end, data, size);
    end->reading = NO_READ;
    tell(end, " <%zu>", size);
  }
  /* In how many pieces ioloop_stream_read delivers is not specified: no action in a story. */
  if (size == 0)
    react(end->index, ON_END);
  else if (reading != ANY || !world.strict)
    react(end->index, ON_READ);
  leave_callback(outer);
}

/* ---- operations ----------------------------------------------------------------------------- */

void adopt_stream(struct end *end, struct ioloop_stream *stream) {
  end->used = end->ours = true;
  end->stream = stream;
  end->fd = end->gate = -1;
  end->low = 64 * 1024;
  end->high = 256 * 1024;
  end->idle_since = world.turn_began;
  INSIDE("ioloop_stream_set_close_callback",
         ioloop_stream_set_close_callback(stream, on_close, end));
}

static void check_read_result(struct end *end, int result, enum reading reading, bool valid) {
  int expected = !valid ? -EINVAL : end->closing ? -EPIPE : end->reading != NO_READ ? -EALREADY : 0;
  FUZZ_CHECK(result == expected, "end %d: the read returns %d instead of %d", end->index, result,
             expected);
  note_overdue(end);
  if (result == 0) {
    end->reading = reading;
    end->waiting_since = world.turn_began;
  }
  tell(end, " read%d", result);
}

void do_read_any(struct end *end) {
  int r;
  INSIDE("ioloop_stream_read", r = ioloop_stream_read(end->stream, on_read, end));
  check_read_result(end, r, ANY, true);
}

void op_read(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (end)
    do_read_any(end);
}

static void set_size(struct end *end, size_t size) {
  end->size = size;
  end->largest = size > end->largest ? size : end->largest;
}

/* Sometimes what there is to read, one byte less, or one more. */
static size_t size_near(const struct end *end, uint32_t arg) {
  uint64_t unread = peer_of(end)->put - end->got;
  return arg % 8 == 4 && unread > 0 ? (size_t)(unread + arg / 8 % 3) - 1 : size_of(arg);
}

void op_readn(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  size_t size = size_near(end, args[1]);
  int r;
  INSIDE("ioloop_stream_read_bytes", r = ioloop_stream_read_bytes(end->stream, size, on_read, end));
  check_read_result(end, r, BYTES, size > 0);
  if (r == 0)
    set_size(end, size);
}

/* Of the letters of the pattern; mostly a short one, which occurs soon. */
static size_t make_delimiter(uint32_t arg, char *delimiter) {
  static const unsigned char sizes[] = {1, 1, 2, 2, 2, 3, 4, 16};
  size_t size = sizes[arg % 8];
  for (size_t i = 0; i < size; i++)
    delimiter[i] = "ab\r\n"[arg >> (3 + 2 * (i % 5)) & 3];
  return size;
}

void op_until(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  size_t most = size_near(end, args[1]);
  char delimiter[16] = "";
  size_t size = make_delimiter(args[2], delimiter);
  int r;
  INSIDE("ioloop_stream_read_until",
         r = ioloop_stream_read_until(end->stream, delimiter, size, most, on_read, end));
  check_read_result(end, r, UNTIL, size >= 1 && size <= 16 && most >= size);
  if (r)
    return;
  set_size(end, most);
  end->delimiter_size = size;
  memcpy(end->delimiter, delimiter, size);
  begin_search(end);
}

void op_limit(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  int r;
  bool on = args[1] % 4;
  INSIDE("ioloop_stream_set_limit_callback",
         r = ioloop_stream_set_limit_callback(end->stream, on ? on_limit : NULL, end));
  FUZZ_CHECK(r == 0, "end %d: a limit callback: %d", end->index, r);
  end->limited = on;
}

void op_timeout(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  uint64_t timeout_ns = args[1] % 4 ? (1 + args[1] / 4 % LONGEST_MS) * IOLOOP_MILLISECOND : 0;
  int r;
  note_overdue(end);
  end->waiting_since = ioloop_time(world.loop);
  INSIDE("ioloop_stream_set_read_timeout",
         r = ioloop_stream_set_read_timeout(end->stream, timeout_ns));
  FUZZ_CHECK(r == 0, "end %d: a read timeout: %d", end->index, r);
  end->timeout_ns = timeout_ns;
  leave_open(end); /* when it is over is a matter of time */
}

static bool timed_out_idle(const struct end *end) {
  uint64_t idle = ioloop_time(world.loop) - end->idle_since;
  return end->server && end->server->idle_ns && idle >= end->server->idle_ns;
}

void check_timed_out(const struct end *end) {
  FUZZ_CHECK(timed_out_reading(end) || end->overdue || timed_out_idle(end),
             "end %d: timed out without a reason", end->index);
}

const char *owed_for_timeout(const struct end *end) {
  bool waits = end->reading != NO_READ && !end->saw_end && !end->connecting && !end->closing;
  return waits && end->timeout_ns ? "the read timeout" : NULL;
}

void op_stop(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  note_overdue(end);
  INSIDE("ioloop_stream_read_stop", ioloop_stream_read_stop(end->stream));
  end->reading = NO_READ;
  tell(end, " stop");
}

void do_shutdown(struct end *end) {
  int r, expected = end->shut || end->closing ? -EPIPE : 0;
  INSIDE("ioloop_stream_shutdown", r = ioloop_stream_shutdown(end->stream));
  FUZZ_CHECK(r == expected, "end %d: a half-close returns %d instead of %d", end->index, r,
             expected);
  end->shut = end->shut || r == 0;
  tell(end, " shut%d", r);
}

void op_shut(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (end)
    do_shutdown(end);
}

void op_finish(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  note_overdue(end);
  INSIDE("ioloop_stream_close_when_sent", ioloop_stream_close_when_sent(end->stream));
  end->closing = true;
  end->reading = NO_READ;
  tell(end, " finish");
}

void do_close(struct end *end) {
  end->unsent = ioloop_stream_pending(end->stream) +
                (end->tcp ? unsent_in(ioloop_stream_fd(end->stream)) : 0);
  INSIDE("ioloop_stream_close", ioloop_stream_close(end->stream));
  FUZZ_CHECK(!end->stream, "end %d: ioloop_stream_close did not close it", end->index);
}

void op_close(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (end)
    do_close(end);
}

void op_nodelay(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  int r;
  INSIDE("ioloop_stream_set_nodelay", r = ioloop_stream_set_nodelay(end->stream, args[1] % 2));
  FUZZ_CHECK(r == (end->tcp ? 0 : -EOPNOTSUPP), "end %d: nodelay returns %d", end->index, r);
}

void op_gate(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  int gate = args[1] % 4 ? pick_gate(args[1] / 4) : -1;
  if (!end)
    return;
  if (gate >= 0 && !world.gates[gate])
    FUZZ_CHECK(ioloop_gate_new(&world.gates[gate]) == 0, "no gate");
  INSIDE("ioloop_stream_set_gate",
         ioloop_stream_set_gate(end->stream, gate < 0 ? NULL : world.gates[gate]));
  end->gate = gate;
}

void op_gopen(const uint32_t *args) {
  int gate = pick_gate(args[0]);
  if (world.gates[gate])
    INSIDE("ioloop_gate_open", ioloop_gate_open(world.gates[gate]));
}

/* Half of the times it is opened before: what that starts has to be stopped before the loop waits. */
void op_gclose(const uint32_t *args) {
  int gate = pick_gate(args[0]);
  if (world.gates[gate] && args[0] / GATES % 2)
    INSIDE("ioloop_gate_open", ioloop_gate_open(world.gates[gate]));
  if (world.gates[gate])
    INSIDE("ioloop_gate_close", ioloop_gate_close(world.gates[gate]));
  datagram_gate_changed(gate, false);
}

void op_gfree(const uint32_t *args) {
  int gate = pick_gate(args[0]);
  INSIDE("ioloop_gate_free", ioloop_gate_free(world.gates[gate]));
  world.gates[gate] = NULL;
  for (int i = 0; i < ENDS; i++)
    if (world.ends[i].gate == gate)
      world.ends[i].gate = -1;
  datagram_gate_changed(gate, true);
}
