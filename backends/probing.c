/* SPDX-License-Identifier: MIT */
/* probing.c - see probing.h. */
#include "probing.h"

enum {
  PROBE_FROM = 32,   /* members; with fewer a blocking call is cheaper than any second call */
  PIECE = 16,        /* members of the first piece */
  PIECE_COST = 24,   /* of polling a piece, in members: a call costs about eight */
  WHOLE_EVERY = 63,  /* polls in pieces between two that find out how many are ready */
  LONGEST_PAUSE = 31 /* waits */
};

static uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

static int poll_in_pieces(uint32_t count, uint32_t served, ioloop__poll_range *poll_range,
                          void *state) {
  uint32_t from = served < count ? served : 0;
  int n = 0;
  for (uint32_t unseen = count, size = PIECE; n == 0 && unseen; size = 2 * least(size, unseen)) {
    uint32_t piece = least(size, least(unseen, count - from));
    n = poll_range(state, from, piece, 0);
    unseen -= piece;
    from = from + piece < count ? from + piece : 0;
  }
  return n;
}

/* Pieces are cheaper where few members are ready; where many are, each call should find as many as
 * it can. A poll of the whole set finds out which it is. */
static int poll_first(struct ioloop__probing *probing, uint32_t count, uint32_t served,
                      ioloop__poll_range *poll_range, void *state) {
  if (probing->pieces) {
    probing->pieces--;
    return poll_in_pieces(count, served, poll_range, state);
  }
  int n = poll_range(state, 0, count, 0);
  probing->pieces = n > 0 && (uint32_t)n < count / PIECE_COST ? WHOLE_EVERY : 0;
  return n;
}

static bool is_due(struct ioloop__probing *probing, uint32_t count) {
  if (!probing->traffic || count < PROBE_FROM)
    return false;
  if (probing->pause == 0)
    return true;
  probing->pause--;
  return false;
}

int ioloop__probing_wait(struct ioloop__probing *probing, uint32_t count, uint32_t served,
                         uint64_t timeout_ns, ioloop__poll_range *poll_range, void *state) {
  int n = 0;
  if (timeout_ns && is_due(probing, count)) {
    n = poll_first(probing, count, served, poll_range, state);
    probing->next = n ? 0 : (uint8_t)least(2u * probing->next + 1, LONGEST_PAUSE);
    probing->pause = probing->next;
  }
  if (n == 0)
    n = poll_range(state, 0, count, timeout_ns);
  probing->traffic = n > 0;
  return n;
}

const char *const ioloop__probing_variants[] = {"probing", NULL};
