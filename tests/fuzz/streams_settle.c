/* SPDX-License-Identifier: MIT */
/*
 * streams_settle.c - the loop runs until what the model expects has happened and nothing is left to
 * do.
 */
#include <string.h>

#include "streams.h"

enum {
  FEWEST_TURNS = 3, /* in which what was deferred is done */
  MOST_TURNS = 2000 /* until the loop has nothing to do */
};
#ifndef PATIENCE_NS
#define PATIENCE_NS (UINT64_C(8) * 1000000000)
#endif

void leave_open(struct end *end) {
  end->unclear = peer_of(end)->unclear = true;
  for (size_t i = 0; i < world.action_count; i++)
    if ((world.actions[i].end ^ end->index) <= 1)
      world.unclear = true; /* when, and whether, those are done */
}

/* What is pending although the loop has settled waits for room in the socket; of which there may be
 * more, or less, under another model. */
static void leave_full_open(void) {
  bool completes = ioloop_backend_features(world.loop) & IOLOOP_F_COMPLETION;
  for (int i = 0; i < 2 * world.connections; i++) {
    struct end *end = &world.ends[i];
    bool certain = !completes || end->wants_drain || end->choked || end->closing || end->shut;
    if (end->stream && !end->connecting && certain && ioloop_stream_pending(end->stream) > 0)
      leave_open(end);
  }
  leave_full_proxies_open();
}

int turn(uint64_t timeout_ns) {
  world.turn++;
  world.turn_began = ioloop_time(world.loop);
  int called = ioloop_run_once(world.loop, timeout_ns);
  FUZZ_CHECK(called >= 0, "ioloop_run_once: %d", called);
  fuzz_count(FUZZ_EVENTS, (uint64_t)called);
  return called;
}

void op_turn(const uint32_t *args) {
  if (world.depth)
    return;
  for (uint32_t i = 0; i <= args[0] % 3; i++)
    (void)turn(0);
}

/* For timeouts. */
void op_wait(const uint32_t *args) {
  if (!world.depth)
    (void)turn((1 + args[0] % 4) * 1000000);
}

static bool serve_raw_sockets(void) {
  bool any = false;
  for (int i = 0; i < 2 * world.connections; i++) {
    struct end *end = &world.ends[i];
    if (end->ours || !end->eager || end->fd < 0 || end->saw_end)
      continue;
    raw_receive(end, SIZE_MAX);
    any |= owed_to(end) != NULL;
  }
  return any;
}

/* What is owed, by whichever end; `end` is -1 if it is a server's or a datagram socket's. */
static const char *owed(int *end) {
  for (*end = 0; *end < 2 * world.connections; ++*end) {
    const char *what = owed_to(&world.ends[*end]);
    if (what)
      return what;
  }
  *end = -1;
  const char *what = owed_by_servers();
  what = what ? what : owed_by_proxies();
  return what ? what : owed_by_datagrams();
}

static bool presumes_readiness(void) {
  return strncmp(ioloop_backend_name(world.loop), "nonblocking", 11) == 0;
}

/* An event that is noticed only at the next wait is a failure, so each wait may last until the
 * deadline; unless a raw socket, which the loop does not watch, is what must move. */
void settle(void) {
  uint64_t deadline = fuzz_now() + PATIENCE_NS;
  const char *what;
  int end, quiet = 0;
  if (world.depth)
    return;
  for (;;) {
    bool raw = serve_raw_sockets();
    what = owed(&end);
    if (!what)
      break;
    uint64_t now = fuzz_now();
    FUZZ_CHECK(now < deadline, "%s: not within 8 s (end %d)", what, end);
    (void)turn(raw ? 1000000 : deadline - now);
  }
  for (; turn(0) > 0 || quiet < FEWEST_TURNS; quiet++) {
    (void)serve_raw_sockets();
    if (presumes_readiness() && quiet == FEWEST_TURNS)
      break;
    FUZZ_CHECK(quiet < MOST_TURNS, "the loop spins");
  }
  leave_full_open();
}

void op_settle(const uint32_t *args) {
  (void)args;
  settle();
}
