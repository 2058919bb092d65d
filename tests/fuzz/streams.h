/* SPDX-License-Identifier: MIT */
/*
 * streams.h - the world of the stream fuzzer: what a script has made, and what must be seen of it.
 *
 * A connection has two ends, 2n and 2n + 1. Each is a stream of ours or a raw socket, which plays
 * the hostile peer. An end counts the bytes that it has put in and got out, in a pattern that the
 * other end can check, and remembers how it ended. The rest of struct end is the model: the state
 * of the stream as the manual (ioloop-stream(3)) defines it, never as the library has it.
 *
 *   streams.c            scripts: made from a seed, played, brought to an end
 *   streams_settle.c     runs the loop
 *   streams_model.c      what may be seen, and what must be seen before the loop is quiet
 *   streams_ends.c       the operations of a stream, and its callbacks
 *   streams_write.c      of these, sending
 *   streams_raw.c        raw sockets
 *   streams_couples.c    coupled streams, between raw sockets
 *   streams_servers.c    tcpserver, and connections made through one
 *   streams_datagrams.c  datagram sockets
 *
 * Each operation does nothing where it does not apply, so that any part of a script is a script. One
 * that is a function of what the script has done, and not of what the loop did, is preferred: the
 * same script must do the same under each model.
 */
#ifndef FUZZ_STREAMS_H
#define FUZZ_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"
#include "ioloop/stream.h"

enum {
  CONNECTIONS = 96,
  ENDS = 2 * CONNECTIONS,
  GATES = 3,
  SERVERS = 4,
  ACTIONS = 200,
  STORY = 3000
};

enum reading {
  NO_READ,
  ANY,
  BYTES,
  UNTIL
};

/* What the peer sees when an end is over. */
enum ending {
  NO_END,
  END,   /* the end of input */
  RESET, /* an error */
  EITHER /* the manual leaves it open: "the peer may see an orderly end" */
};

struct server;

struct end {
  int index;
  bool used, ours, tcp;
  bool eager;                   /* raw: reads whatever comes */
  struct ioloop_stream *stream; /* NULL: raw, or over */
  int fd;                       /* raw; -1: over, or not raw */
  uint64_t put, got;            /* bytes sent and received by the program at this end */
  bool shut, saw_end, gone;
  enum ending ending;      /* once gone */
  uint64_t surely;         /* once gone: of `put`, this much arrives in any case */
  uint64_t unless_written; /* ... and this much if the peer goes on writing, which TCP answers by a
                            * reset */
  uint64_t unsent;         /* by us or the kernel, when ioloop_stream_close was called */
  bool unclear;            /* the rest of its story is left open */

  bool connecting, closing, choked, wants_drain, drain_due, discards, limited;
  bool wants_low, low_due, was_choked, overdue;
  uint64_t timeout_ns, waiting_since; /* of reads, 0: none; no later than the last start of one */
  int connect_error;                  /* 0: it will connect */
  enum reading reading;
  size_t size;    /* of BYTES; at most, of UNTIL */
  size_t largest; /* of all so far */
  char delimiter[16];
  size_t delimiter_size;
  size_t low, high;
  int gate; /* -1: none */
  unsigned closed;
  struct server *server;
  uint64_t idle_since; /* no later than that */

  uint64_t chunk; /* bytes of ANY, not yet in the story */
  size_t story_size;
  char story[STORY];
};

struct server {
  int index;
  struct ioloop_tcpserver *server; /* NULL: none */
  bool tcp, stopped, stops_late;
  int depth;   /* its callbacks under way */
  size_t most; /* connections; 0: no limit */
  uint64_t idle_ns;
  int dials[CONNECTIONS], dial_count; /* connections not accepted yet, in their order */
  size_t open;                        /* accepted, not closed */
  uint64_t accepted;
};

enum event {
  ON_READ,
  ON_END,
  ON_DRAIN,
  ON_LOW,
  ON_CONNECT,
  ON_CLOSE,
  ON_EACH,
  ON_DATAGRAM,
  EVENTS
};

/* "When this happens at this end, do these lines": once. */
struct action {
  int end;
  enum event event;
  size_t first, count; /* of the script */
};

struct world {
  const struct fuzz_script *script;
  struct ioloop *loop;
  bool strict; /* the loop settles after each operation: the stories can be compared */
  struct end ends[ENDS];
  int connections;
  struct ioloop_gate *gates[GATES];
  struct server servers[SERVERS];
  struct action actions[ACTIONS];
  size_t action_count;
  bool unclear; /* no story goes on: one that is left open may change each of them */
  const struct end *reacting;
  uint64_t turn_began;
  const char *inside; /* the library's function under way, if any */
  int depth;          /* callbacks under way */
  unsigned turn;
};

extern struct world world;

/* A call of the library: from inside it no callback may come, with the exceptions of the manual. */
#define INSIDE(name, call)                                                                         \
  do {                                                                                             \
    const char *outer_call = world.inside;                                                         \
    world.inside = (name);                                                                         \
    call;                                                                                          \
    world.inside = outer_call;                                                                     \
  } while (0)

/* ---- streams.c ------------------------------------------------------------------------- */

/* An operation begins with one of these. In a strict script the loop settles first. */
struct end *pick_stream(uint32_t arg); /* NULL: none, or it is over */
struct end *pick_raw(uint32_t arg);
int pick_gate(uint32_t arg);
struct server *pick_server(uint32_t arg);
void begin_operation(void);

/* Mostly few bytes, sometimes very many. */
size_t size_of(uint32_t arg);

/* Do the first action that waits for this event; in the same callback. */
void react(int end, enum event event);
void tell(struct end *end, const char *format, ...) FUZZ_PRINTF(2, 3);
/* ---- streams_settle.c ------------------------------------------------------------------ */

void op_turn(const uint32_t *args);
void op_wait(const uint32_t *args);
void op_settle(const uint32_t *args);
/* What both ends see from now on depends on the model: on how much of a write the kernel takes, which
 * by completion is known later, or on what the manual leaves open. */
void leave_open(struct end *end);
void settle(void);
int turn(uint64_t timeout_ns);

/* ---- streams_model.c ------------------------------------------------------------------- */

void make_pattern(void);
void fill_pattern(const struct end *from, uint64_t offset, char *data, size_t size);
/* Bytes that `to` has received: those that its peer has put, in order, each once. */
void check_bytes(struct end *to, const char *data, size_t size);

struct end *peer_of(const struct end *end);
uint64_t promised(const struct end *end); /* of what it put: must arrive if the peer reads */
enum ending ending_of(const struct end *end);
/* What the read under way takes of `size` bytes: 0: it waits; -EMSGSIZE. */
ptrdiff_t frame_of(const struct end *end, uint64_t size);
void begin_search(const struct end *end); /* a read up to a delimiter begins */
bool may_read_now(struct end *end);       /* neither gate nor watermark stops it */
void update_choked(struct end *end);
void check_end_of_input(const struct end *end);
void check_close_error(const struct end *end, int error);
void end_is_gone(struct end *end, enum ending ending, uint64_t surely, uint64_t unless_written);
void note_write(struct end *end, size_t size);
/* What the stream owes to the program. NULL: nothing. */
const char *owed_to(struct end *end);

/* ---- streams_ends.c -------------------------------------------------------------------- */

void op_read(const uint32_t *args);
void op_readn(const uint32_t *args);
void op_until(const uint32_t *args);
void op_limit(const uint32_t *args);
void op_timeout(const uint32_t *args);
void op_stop(const uint32_t *args);
void op_shut(const uint32_t *args);
void op_finish(const uint32_t *args);
void op_close(const uint32_t *args);
void op_nodelay(const uint32_t *args);
void op_gate(const uint32_t *args);
void op_gopen(const uint32_t *args);
void op_gclose(const uint32_t *args);
void op_gfree(const uint32_t *args);
void adopt_stream(struct end *end, struct ioloop_stream *stream);
void on_connect(struct ioloop_stream *stream, void *arg);
void on_close(struct ioloop_stream *stream, int error, void *arg);
const char *enter_callback(const char *allowed);
void leave_callback(const char *outer);
void do_read_any(struct end *end);
void do_close(struct end *end);
void do_shutdown(struct end *end);
void check_alive(const struct end *end, const struct ioloop_stream *stream);
void check_timed_out(const struct end *end);
const char *owed_for_timeout(const struct end *end); /* of one that may read, and has nothing to */

/* ---- streams_write.c ------------------------------------------------------------------- */

void op_write(const uint32_t *args);
void op_writev(const uint32_t *args);
void op_marks(const uint32_t *args);
void op_near(const uint32_t *args);
void op_low(const uint32_t *args);
void op_drain(const uint32_t *args);
void do_watermarks(struct end *end, size_t low, size_t high);
const char *owed_for_low(struct end *end);

/* ---- streams_raw.c --------------------------------------------------------------------- */

void op_pair(const uint32_t *args);
void op_flood(const uint32_t *args);
void op_rrecv(const uint32_t *args);
void op_rsend(const uint32_t *args);
void op_rshut(const uint32_t *args);
void op_rclose(const uint32_t *args);
void op_rreset(const uint32_t *args);
void op_eager(const uint32_t *args);
void op_buffers(const uint32_t *args);
void make_pair(bool tcp, int pair[2]);
/* The next connection's two ends. NULL: there are as many as there can be. */
struct end *begin_connection(bool tcp);
void adopt_raw(struct end *end, int fd, bool eager);
void raw_receive(struct end *end, size_t most);
void raw_finish(struct end *end);
void raw_close(struct end *end);
uint64_t unsent_in(int fd);

/* ---- streams_couples.c ----------------------------------------------------------------- */

void op_proxy(const uint32_t *args);
void op_cut(const uint32_t *args);
bool is_proxied(const struct end *end);
bool is_cut(const struct end *end);
void proxied_end_is_gone(struct end *end, enum ending ending);
const char *owed_by_proxies(void);
void leave_full_proxies_open(void);
void close_proxies(void);
void forget_proxies(void);

/* ---- streams_servers.c ----------------------------------------------------------------- */

void op_server(const uint32_t *args);
void op_dial(const uint32_t *args);
void op_refused(const uint32_t *args);
void op_sstop(const uint32_t *args);
void op_sclose(const uint32_t *args);
void op_each(const uint32_t *args);
const char *owed_by_servers(void);
void close_servers(void);

/* ---- streams_datagrams.c --------------------------------------------------------------- */

void op_dgram(const uint32_t *args);
void op_dsend(const uint32_t *args);
void op_dgate(const uint32_t *args);
void op_ddrain(const uint32_t *args);
void op_dclose(const uint32_t *args);
const char *owed_by_datagrams(void);
/* It was opened or closed, or is gone. */
void datagram_gate_changed(int gate, bool freed);
void close_datagrams(void);

#endif
