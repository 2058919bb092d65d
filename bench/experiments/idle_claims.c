/* SPDX-License-Identifier: MIT */
/*
 * idle_claims.c - see idle_claims.h.
 *
 * The papers measured Web servers on the kernels of their time, mostly by replies a second and
 * latency; here the same claims are checked with the CPU time per request. A claim about a system
 * call is checked against all contestants that wait in it, also through a library, but not against
 * poll:probing and select:probing, which examine a part of their descriptors at a time: that is not
 * a property of the call.
 */
#include "idle_claims.h"

/* Two costs count as different from 15 % on. That is more than the difference between two
 * measurements of the same server on a busy machine, and little compared with the cost of a scan of
 * thousands. */
#define THRESHOLD 1.15

#define SELECT                                                                                     \
  { "select", "libevent:select" }
#define POLL                                                                                       \
  { "poll", "libevent:poll" }
#define EPOLL                                                                                      \
  { "epoll", "epoll-et", "peer:epoll" }

static const char banga[] = "Banga & Mogul 1998; Banga, Mogul & Druschel 1999",
                  provos[] = "Provos & Lever 2000", chandra[] = "Chandra & Mosberger 2001",
                  gammo[] = "Gammo, Brecht, Shukla & Pariag 2004";

static const struct claim all[] = {
    {banga,
     "the cost of select() grows with the number of open connections, not of ready ones",
     CLAIM_RISES,
     SELECT,
     {0}},
    {provos, "poll() pays for connections that are inactive", CLAIM_RISES, POLL, {0}},
    {provos,
     "/dev/poll, which keeps the set of interests in the kernel, does not (its heir here: epoll)",
     CLAIM_FLAT,
     EPOLL,
     {0}},
    {chandra,
     "the cost of real-time signals does not depend on the number of idle connections (theirs: "
     "one signal a descriptor)",
     CLAIM_FLAT,
     {"rtsig"},
     {0}},
    {chandra,
     "that of select() and poll() does",
     CLAIM_RISES,
     {"select", "libevent:select", "poll", "libevent:poll"},
     {0}},
    {gammo, "idle connections do not affect epoll", CLAIM_FLAT, EPOLL, {0}},
    {gammo,
     "they do affect select and poll",
     CLAIM_RISES,
     {"select", "libevent:select", "poll", "libevent:poll"},
     {0}},
    {gammo,
     "without idle connections epoll is no faster than select and poll",
     CLAIM_NO_FASTER,
     {"epoll"},
     {"select", "poll"}},
    {"",
     "SIGIO does not report which descriptor is ready, so its cost grows with the open ones",
     CLAIM_RISES,
     {"sigio"},
     {0}},
    {"",
     "io_uring completes the operations submitted, whatever else is open",
     CLAIM_FLAT,
     {"io_uring", "peer:liburing"},
     {0}},
};

const struct claims idle_claims = {
    .metric = "cpu",
    .threshold = THRESHOLD,
    .at = all,
    .count = sizeof all / sizeof *all,
};
