/* SPDX-License-Identifier: MIT */
/*
 * select.c - three bitmaps and a highest number (4.2BSD, 1983; select(2)).
 *
 * select takes one bit a descriptor in a set for reading, one for writing, one for "exceptional
 * conditions" (out-of-band data; we leave it out), and overwrites the sets with the answer. So they
 * are copied for every call, and the call costs O(highest number): twenty descriptors around number
 * 20,000 cost five kilobytes in and five out, and 20,000 bits to look at. Inside the kernel it is
 * poll: ask every file, sleep on all, ask again.
 *
 * The limit of 1024 is the C library's, not the kernel's. FD_SETSIZE is the size of fd_set, and
 * FD_SET(1024, &set) writes behind its end - a classic of remote exploits. Linux takes any n up to
 * the size of the process's descriptor table, so here the sets are arrays of words that grow, and
 * FD_SET and FD_ISSET are not used. FreeBSD's kernel does the same, macOS if the program was
 * compiled with _DARWIN_UNLIMITED_SELECT; elsewhere a number beyond FD_SETSIZE is -ENOSPC at add.
 *
 * Surprises
 *   - One closed descriptor in a set fails the whole call with EBADF, without saying which. We
 *     then ask fcntl(F_GETFD) of each.
 *   - There is no bit for "failed": an error or a hang-up makes a descriptor readable (an error,
 *     writable as well), so ERROR is never reported by this model.
 *   - The result counts bits, not descriptors: one that is ready for both counts twice.
 *   - Linux writes the time left into the timeout, others do not: it is filled in for each call. It
 *     counts microseconds; we round up. (pselect has nanoseconds and a signal mask; a model without
 *     signals needs neither, and valgrind 3.19 fails an interrupted pselect with EFAULT.)
 *   - Part of the cost can be avoided by clever use: the variant select:probing (probing.h).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "pollset.h"
#include "probing.h"

#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
enum {
  FD_LIMIT = INT_MAX - 64
};
#else
enum {
  FD_LIMIT = FD_SETSIZE
};
#endif

enum {
  READ,
  WRITE,
  SET_COUNT,
  WORD_BITS = CHAR_BIT * sizeof(unsigned long),
};

struct state {
  struct ioloop *loop;
  unsigned long *wanted[SET_COUNT];
  unsigned long *found[SET_COUNT]; /* the snapshot; what is handed out is cleared */
  size_t words;                    /* room in each */
  int top;                         /* the highest number plus one */
  int left;                        /* bits set in the snapshot */
  size_t cursor;                   /* its first word that may have one */
  int served;                      /* behind the number that was reported last */
  bool probes;                     /* select:probing */
  struct ioloop__probing probing;
};

static size_t word_of(int fd) {
  return (size_t)fd / WORD_BITS;
}

static unsigned long bit_of(int fd) {
  return 1ul << ((unsigned)fd % WORD_BITS);
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  struct state *s = state;
  s->loop = loop;
  s->probes = variant;
  return 0;
}

static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  free(s->wanted[READ]);
}

/* One block holds the four bitmaps. */
static int reserve(struct state *s, int fd) {
  if (word_of(fd) < s->words)
    return 0;
  size_t words = word_of(fd) + 1 + s->words / 4;
  unsigned long *block = calloc(words * 2 * SET_COUNT, sizeof *block);
  if (!block)
    return -ENOMEM;
  unsigned long *old = s->wanted[READ];
  for (int set = 0; set < SET_COUNT; set++) {
    unsigned long *wanted = block + words * (size_t)set;
    unsigned long *found = block + words * (size_t)(SET_COUNT + set);
    if (s->words) {
      memcpy(wanted, s->wanted[set], s->words * sizeof *wanted);
      memcpy(found, s->found[set], s->words * sizeof *found);
    }
    s->wanted[set] = wanted;
    s->found[set] = found;
  }
  free(old);
  s->words = words;
  return 0;
}

/* Take a descriptor out of the snapshot; returns what it was found ready for. */
static unsigned take(struct state *s, int fd) {
  static const unsigned events[SET_COUNT] = {IOLOOP_READ, IOLOOP_WRITE};
  unsigned taken = 0;
  for (int set = 0; s->left && set < SET_COUNT; set++) {
    if (!(s->found[set][word_of(fd)] & bit_of(fd)))
      continue;
    s->found[set][word_of(fd)] &= ~bit_of(fd);
    s->left--;
    taken |= events[set];
  }
  return taken;
}

static void want(struct state *s, int set, int fd, bool on) {
  if (on)
    s->wanted[set][word_of(fd)] |= bit_of(fd);
  else
    s->wanted[set][word_of(fd)] &= ~bit_of(fd);
}

static bool wanted(const struct state *s, int fd) {
  return (s->wanted[READ][word_of(fd)] | s->wanted[WRITE][word_of(fd)]) & bit_of(fd);
}

static void lower_top(struct state *s) {
  while (s->top > 0 && !wanted(s, s->top - 1)) {
    size_t word = word_of(s->top - 1);
    if (s->wanted[READ][word] | s->wanted[WRITE][word])
      s->top--;
    else
      s->top = (int)(word * WORD_BITS);
  }
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  (void)loop, (void)slot;
  struct state *s = state;
  int fd = (int)(uint32_t)token;
  if (!old) {
    int r = ioloop__check_fd(fd);
    if (!r)
      r = fd < FD_LIMIT ? reserve(s, fd) : -ENOSPC;
    if (r)
      return r;
  }
  take(s, fd); /* found by a question that is no longer asked */
  want(s, READ, fd, now & IOLOOP_READ);
  want(s, WRITE, fd, now & IOLOOP_WRITE);
  if (now && fd >= s->top)
    s->top = fd + 1;
  else if (!now)
    lower_top(s);
  return 0;
}

static int call_select(struct ioloop *loop, int top, unsigned long *read, unsigned long *write,
                       uint64_t timeout_ns) {
  uint64_t us = timeout_ns / 1000 + (timeout_ns % 1000 != 0), seconds = us / 1000000;
  struct timeval timeout = {.tv_sec = (time_t)(seconds < INT_MAX ? seconds : INT_MAX),
                            .tv_usec = (suseconds_t)(us % 1000000)};
  uint64_t begun = ioloop__call_begins(loop);
  int n = select(top, (fd_set *)(void *)read, (fd_set *)(void *)write, NULL,
                 timeout_ns == IOLOOP_FOREVER ? NULL : &timeout);
  return ioloop__call_returned(loop, "select", -1, n, begun);
}

/* Ask about the numbers in [from, to). The kernel reads and writes whole words up to that of `to`,
 * and passes over empty ones. */
static int select_between(struct state *s, int from, int to, uint64_t timeout_ns) {
  size_t first = word_of(from), end = word_of(to + (int)WORD_BITS - 1);
  for (int set = 0; end > 0 && set < SET_COUNT; set++) {
    unsigned long *found = s->found[set];
    memset(found, 0, first * sizeof *found);
    memcpy(found + first, s->wanted[set] + first, (end - first) * sizeof *found);
    found[first] &= -bit_of(from); /* its bit and those above */
    if ((unsigned)to % WORD_BITS)
      found[end - 1] &= bit_of(to) - 1;
  }
  int n = call_select(s->loop, to, s->found[READ], s->found[WRITE], timeout_ns);
  s->cursor = first;
  /* The question is still there then, and no answer. */
  for (int set = 0; n < 0 && end > 0 && set < SET_COUNT; set++)
    memset(s->found[set] + first, 0, (end - first) * sizeof *s->found[set]);
  return n;
}

static int select_range(void *state, uint32_t from, uint32_t count, uint64_t timeout_ns) {
  return select_between(state, (int)from, (int)(from + count), timeout_ns);
}

static void drop_closed(struct ioloop *loop, struct state *s) {
  for (int fd = 0; fd < s->top; fd++)
    if (wanted(s, fd) && ioloop__is_closed(fd))
      ioloop__fd_gone(loop, fd);
}

static int find_ready(struct ioloop *loop, struct state *s, uint64_t timeout_ns) {
  int n = s->probes ? ioloop__probing_wait(&s->probing, (uint32_t)s->top, (uint32_t)s->served,
                                           timeout_ns, select_range, s)
                    : select_between(s, 0, s->top, timeout_ns);
  s->left = n > 0 ? n : 0;
  if (n == -EBADF)
    drop_closed(loop, s);
  return n == -EBADF || n > 0 ? 0 : n;
}

static int hand_out(struct ioloop *loop, struct state *s, struct ioloop_ready *ready,
                    int capacity) {
  int count = 0;
  while (s->left && count < capacity) {
    unsigned long word = s->found[READ][s->cursor] | s->found[WRITE][s->cursor];
    if (!word) {
      s->cursor++;
      continue;
    }
    int fd = (int)(s->cursor * WORD_BITS) + __builtin_ctzl(word);
    unsigned events = take(s, fd);
    s->served = fd + 1;
    ready[count++] = (struct ioloop_ready){.token = ioloop__token(loop, fd), .events = events};
  }
  return count;
}

static int wait_ready(struct ioloop *loop, void *state, uint64_t timeout_ns,
                      struct ioloop_ready *ready, int capacity) {
  struct state *s = state;
  int r = s->left ? 0 : find_ready(loop, s, timeout_ns);
  return r ? r : hand_out(loop, s, ready, capacity);
}

const struct ioloop_backend ioloop__select = {
    .name = "select",
    .state_size = sizeof(struct state),
    .variants = ioloop__probing_variants,
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = wait_ready,
    .after_fork = fini, /* nothing but memory */
};

/*
 * ---- in poll's place ----------------------------------------------------------------------
 *
 * A program may open all that it needs and then lower its soft RLIMIT_NOFILE, to zero even, as
 * sandboxes do. Its descriptors work on, but poll(2) fails with EINVAL for more entries than the
 * limit, whatever their numbers. select has no such limit on Linux, the BSDs and macOS: it takes
 * numbers up to the size of the descriptor table. So it answers for as long as the limit is low, at
 * the price of two bitmaps per call.
 */

static int top_of(const struct pollfd *fds, uint32_t count) {
  int top = 0;
  for (uint32_t i = 0; i < count; i++)
    if (fds[i].fd >= top)
      top = fds[i].fd + 1;
  return top;
}

/* What is wanted of each, as bits. Negative numbers are not polled, nor are those found closed. */
static void fill_sets(const struct pollfd *fds, uint32_t count, unsigned long *read,
                      unsigned long *write) {
  for (uint32_t i = 0; i < count; i++) {
    int fd = fds[i].revents ? -1 : fds[i].fd;
    if (fd >= 0 && fds[i].events & POLLIN)
      read[word_of(fd)] |= bit_of(fd);
    if (fd >= 0 && fds[i].events & POLLOUT)
      write[word_of(fd)] |= bit_of(fd);
  }
}

static short found_for(int fd, const unsigned long *read, const unsigned long *write) {
  bool readable = fd >= 0 && read[word_of(fd)] & bit_of(fd);
  bool writable = fd >= 0 && write[word_of(fd)] & bit_of(fd);
  return (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
}

static void find_closed(struct pollfd *fds, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (fds[i].fd >= 0 && ioloop__is_closed(fds[i].fd))
      fds[i].revents = POLLNVAL;
}

int ioloop__poll_by_select(struct ioloop *loop, struct pollfd *fds, uint32_t count,
                           uint64_t timeout_ns) {
  int top = top_of(fds, count), ready = 0;
  size_t words = word_of(top) + 1;
  unsigned long *read = calloc(2 * words, sizeof *read);
  if (!read)
    return -ENOMEM;
  unsigned long *write = read + words;
  for (uint32_t i = 0; i < count; i++)
    fds[i].revents = 0;
  fill_sets(fds, count, read, write);
  int n = call_select(loop, top, read, write, timeout_ns);
  while (n == -EBADF) { /* one of them is closed, and select does not say which: poll the others */
    find_closed(fds, count);
    memset(read, 0, 2 * words * sizeof *read);
    fill_sets(fds, count, read, write);
    n = call_select(loop, top, read, write, 0);
  }
  for (uint32_t i = 0; n >= 0 && i < count; i++) {
    if (!fds[i].revents)
      fds[i].revents = found_for(fds[i].fd, read, write);
    ready += fds[i].revents != 0;
  }
  free(read);
  return n < 0 ? n : ready;
}
