/* SPDX-License-Identifier: MIT */
/*
 * streams_model.c - the oracle of the stream fuzzer.
 *
 * Safety is checked in the callbacks: each may come only if the model allows it. Liveness is
 * checked when the loop has had time: owed_to names what must still come. Where the manual leaves a
 * result open, or the kernel does, the model allows each of them; the sentence is given.
 */
#include <errno.h>
#include <string.h>

#include "streams.h"

/* ---- the bytes ------------------------------------------------------------------------------ */

enum {
  PERIOD = 65521
};
static char pattern[PERIOD];

/* Few letters, so that every delimiter of a few letters occurs, and overlaps itself. */
void make_pattern(void) {
  static const char letters[] = {'a', 'b', '\r', '\n'};
  uint64_t state = 1;
  for (size_t i = 0; i < PERIOD; i++) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    pattern[i] = letters[state >> 62];
  }
}

static size_t place(const struct end *from, uint64_t offset) {
  return (size_t)((offset + (uint64_t)from->index * 4099) % PERIOD);
}

void fill_pattern(const struct end *from, uint64_t offset, char *data, size_t size) {
  for (size_t done = 0; done < size;) {
    size_t at = place(from, offset + done), piece = PERIOD - at;
    if (piece > size - done)
      piece = size - done;
    memcpy(data + done, pattern + at, piece);
    done += piece;
  }
}

void check_bytes(struct end *to, const char *data, size_t size) {
  const struct end *from = peer_of(to);
  FUZZ_CHECK(to->got + size <= from->put, "end %d: %zu bytes after %llu, but the peer sent %llu",
             to->index, size, (unsigned long long)to->got, (unsigned long long)from->put);
  for (size_t done = 0; done < size;) {
    size_t at = place(from, to->got + done), piece = PERIOD - at;
    if (piece > size - done)
      piece = size - done;
    FUZZ_CHECK(memcmp(data + done, pattern + at, piece) == 0,
               "end %d: wrong bytes within %zu of offset %llu", to->index, piece,
               (unsigned long long)(to->got + done));
    done += piece;
  }
  to->got += size;
}

static bool delimiter_at(const struct end *reader, uint64_t offset) {
  const struct end *from = peer_of(reader);
  for (size_t i = 0; i < reader->delimiter_size; i++)
    if (pattern[place(from, offset + i)] != reader->delimiter[i])
      return false;
  return true;
}

/* No delimiter begins before this byte of the input. Megabytes may be under way, and each turn asks
 * for the frame. */
static uint64_t searched[ENDS];

void begin_search(const struct end *end) {
  searched[end->index] = end->got;
}

ptrdiff_t frame_of(const struct end *end, uint64_t size) {
  if (end->reading == NO_READ || size == 0)
    return 0;
  if (end->reading == ANY)
    return 1;
  if (end->reading == BYTES)
    return size < end->size ? 0 : (ptrdiff_t)end->size;
  uint64_t limit = size < end->size ? size : end->size;
  uint64_t *at = &searched[end->index];
  for (; *at - end->got + end->delimiter_size <= limit; ++*at)
    if (delimiter_at(end, *at))
      return (ptrdiff_t)(*at - end->got + end->delimiter_size);
  return size < end->size ? 0 : -EMSGSIZE;
}

/* ---- the state of an end ------------------------------------------------------------------- */

struct end *peer_of(const struct end *end) {
  return &world.ends[end->index ^ 1];
}

uint64_t promised(const struct end *end) {
  return end->gone ? end->surely : end->put;
}

enum ending ending_of(const struct end *end) {
  if (end->gone)
    return end->ending;
  return end->shut ? END : NO_END;
}

/* Promised and not received. */
static uint64_t available(const struct end *end) {
  uint64_t all = promised(peer_of(end));
  return all > end->got ? all - end->got : 0;
}

/* "When more than `high` bytes are pending, the stream stops reading until `low` or fewer are
 * left." Between two looks only writes of the program, after which it is called, can add to it. */
void update_choked(struct end *end) {
  size_t pending = ioloop_stream_pending(end->stream);
  if (pending > end->high) {
    end->low_due |= !end->choked && end->wants_low;
    end->choked = end->was_choked = true;
  } else if (pending <= end->low) {
    end->choked = false;
  }
}

bool may_read_now(struct end *end) {
  update_choked(end);
  bool held = end->gate >= 0 && !ioloop_gate_is_open(world.gates[end->gate]);
  return !held && !end->choked;
}

/* The peer of an end that is gone writes on: TCP answers by a reset, which overtakes. "A failure
 * does not interrupt reading: writes in that time return 0 and their data is discarded." */
void note_write(struct end *end, size_t size) {
  struct end *peer = peer_of(end);
  end->put += size;
  if (!size || !peer->gone)
    return;
  end->discards = true;
  if (!peer->tcp || peer->surely <= peer->unless_written)
    return;
  peer->surely = peer->unless_written;
  leave_open(end); /* how much the reset leaves depends on how much the model receives ahead */
}

void end_is_gone(struct end *end, enum ending ending, uint64_t surely, uint64_t unless_written) {
  const struct end *peer = peer_of(end);
  bool unread = peer->put > end->got;
  end->gone = true;
  end->ending = ending;
  end->unless_written = unless_written > peer->got ? unless_written : peer->got;
  end->surely = end->tcp && unread ? end->unless_written : surely;
}

/* ---- what may be seen ----------------------------------------------------------------------- */

/* "The end of input is reported to the read in progress, and to each later one", "after all earlier
 * input that satisfies a read". */
void check_end_of_input(const struct end *end) {
  enum ending ending = ending_of(peer_of(end));
  FUZZ_CHECK(ending == END || ending == EITHER,
             "end %d: the end of input, but the peer did not end", end->index);
  FUZZ_CHECK(frame_of(end, available(end)) <= 0, "end %d: the end of input before %llu bytes of it",
             end->index, (unsigned long long)available(end));
}

static bool ended_in_order(const struct end *end) {
  const struct end *peer = peer_of(end);
  if (ioloop_stream_pending(end->stream) > 0)
    return false;
  if (end->closing)
    return true;
  return end->shut && end->saw_end && end->reading == NO_READ && available(end) == 0 &&
         ending_of(peer) != NO_END;
}

void check_close_error(const struct end *end, int error) {
  const struct end *peer = peer_of(end);
  if (world.inside || error == 0) {
    FUZZ_CHECK(error == 0, "end %d: closed with %d by %s", end->index, error, world.inside);
    FUZZ_CHECK(world.inside || ended_in_order(end), "end %d: closed with 0, but has not ended",
               end->index);
    return;
  }
  if (end->connecting && error == end->connect_error)
    return;
  if (error == -EMSGSIZE) {
    FUZZ_CHECK(!end->limited && frame_of(end, peer->put - end->got) == -EMSGSIZE,
               "end %d: EMSGSIZE without a reason", end->index);
    return;
  }
  if (error == -ETIMEDOUT) {
    check_timed_out(end);
    return;
  }
  FUZZ_CHECK(error == -ECONNRESET || error == -EPIPE, "end %d: closed with %d", end->index, error);
  FUZZ_CHECK(peer->gone, "end %d: closed with %d, but its peer is there", end->index, error);
  FUZZ_CHECK(frame_of(end, available(end)) <= 0,
             "end %d: closed with %d before %llu bytes of input", end->index, error,
             (unsigned long long)available(end));
}

/* ---- what must be seen ---------------------------------------------------------------------- */

static bool consumes(struct end *end) {
  if (!end->ours)
    return end->fd >= 0 && end->eager;
  return end->stream && end->reading == ANY && !end->connecting && may_read_now(end);
}

static const char *owed_to_reader(const struct end *end) {
  ptrdiff_t frame = frame_of(end, available(end));
  if (frame > 0)
    return "input";
  if (frame < 0)
    return end->limited ? "the limit callback" : "a close for EMSGSIZE";
  switch (ending_of(peer_of(end))) {
  case END:
    return "the end of input";
  case NO_END:
    return owed_for_timeout(end);
  default:
    return "the peer's end, or an error";
  }
}

/* An error is "noticed by reading or writing: a stream that does neither is not watched". */
static const char *owed_to_stream(struct end *end) {
  struct end *peer = peer_of(end);
  size_t pending = ioloop_stream_pending(end->stream);
  if (end->connecting)
    return "a connection, or an error";
  if (end->wants_drain && end->drain_due && pending == 0 && !peer->gone)
    return "the drain callback";
  if (owed_for_low(end))
    return owed_for_low(end);
  /* Where the backend completes, the end of a send for which nothing waits is noticed late, and
   * until then its bytes count as pending. */
  if (pending > 0 && (end->wants_drain || end->choked || end->closing) && consumes(peer))
    return "pending bytes on their way";
  bool completes = ioloop_backend_features(world.loop) & IOLOOP_F_COMPLETION;
  if (pending > 0 && peer->gone && end->reading == NO_READ && !completes)
    return "the close callback, as nothing can be sent";
  if (end->closing)
    return pending == 0 || peer->gone ? "the close callback, after all was sent" : NULL;
  if (end->reading != NO_READ)
    return may_read_now(end) ? owed_to_reader(end) : NULL;
  if (ended_in_order(end) && peer->put == end->got)
    return "the close callback, in order";
  return NULL;
}

static const char *owed_to_raw(const struct end *end) {
  if (!end->eager || end->saw_end)
    return NULL;
  if (available(end) > 0)
    return "bytes at a raw socket";
  return ending_of(peer_of(end)) != NO_END ? "the end at a raw socket" : NULL;
}

const char *owed_to(struct end *end) {
  if (end->stream)
    return owed_to_stream(end);
  return end->fd >= 0 && peer_of(end)->used ? owed_to_raw(end) : NULL;
}
