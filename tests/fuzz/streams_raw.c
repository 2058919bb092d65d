/* SPDX-License-Identifier: MIT */
/*
 * streams_raw.c - raw sockets: the peer that is silent, slow, floods, half-closes or resets.
 *
 * An eager one is read whenever the loop pauses; every other one only by the script.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "streams.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum {
  FLOODS = 40
};

static char buffer[256 * 1024];

/* ---- pairs ---------------------------------------------------------------------------------- */

static void set_nonblocking(int fd) {
  FUZZ_CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0, "fcntl: %s",
             strerror(errno));
}

static void connect_pair(int pair[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  FUZZ_CHECK(listener >= 0 && pair[0] >= 0 && bind(listener, (void *)&address, size) == 0 &&
                 listen(listener, 1) == 0 && getsockname(listener, (void *)&address, &size) == 0 &&
                 connect(pair[0], (void *)&address, size) == 0,
             "no TCP connection: %s", strerror(errno));
  pair[1] = accept(listener, NULL, NULL);
  FUZZ_CHECK(pair[1] >= 0, "accept: %s", strerror(errno));
  close(listener);
}

struct end *begin_connection(bool tcp) {
  if (world.connections == CONNECTIONS)
    return NULL;
  struct end *ends = &world.ends[2 * world.connections++];
  for (int i = 0; i < 2; i++) {
    ends[i].used = true;
    ends[i].tcp = tcp;
    ends[i].fd = ends[i].gate = -1;
  }
  return ends;
}

void adopt_raw(struct end *end, int fd, bool eager) {
  set_nonblocking(fd);
  end->used = true;
  end->fd = fd;
  end->eager = eager;
}

void make_pair(bool tcp, int pair[2]) {
  if (tcp)
    connect_pair(pair);
  else
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair: %s", strerror(errno));
}

void op_pair(const uint32_t *args) {
  int pair[2];
  bool tcp = args[0] % 2, ours = args[0] / 2 % 2, eager = args[0] / 4 % 2;
  begin_operation();
  struct end *ends = begin_connection(tcp);
  if (!ends)
    return;
  make_pair(tcp, pair);
  for (int i = 0; i < 2; i++) {
    struct ioloop_stream *stream;
    if (i == 1 && !ours) {
      adopt_raw(&ends[i], pair[i], eager);
      continue;
    }
    int r;
    INSIDE("ioloop_stream_new", r = ioloop_stream_new(world.loop, pair[i], &stream));
    FUZZ_CHECK(r == 0, "ioloop_stream_new: %d", r);
    adopt_stream(&ends[i], stream);
  }
}

/* ---- what a raw socket does ----------------------------------------------------------------- */

uint64_t unsent_in(int fd) {
#ifdef SIOCOUTQNSD
  int size = 0;
  if (ioctl(fd, SIOCOUTQNSD, &size) == 0)
    return (uint64_t)size;
#endif
  (void)fd;
  return 0;
}

static size_t unread_in(int fd) {
  int size = 0;
  return ioctl(fd, FIONREAD, &size) == 0 ? (size_t)size : 0;
}

/* What the other end has sent must come; an error only after it, and only if that end is gone. */
static void received(struct end *end, ssize_t size) {
  enum ending ending = ending_of(peer_of(end));
  if (size > 0) {
    check_bytes(end, buffer, (size_t)size);
    end->chunk += (uint64_t)size;
    return;
  }
  int error = size < 0 ? errno : 0;
  if (error == EAGAIN || error == EINTR)
    return;
  FUZZ_CHECK(ending != NO_END, "end %d: the stream ended by itself (%d)", end->index, error);
  FUZZ_CHECK(error == 0 ? ending != RESET : error == ECONNRESET || error == EPIPE,
             "end %d: the wrong end (%d)", end->index, error);
  FUZZ_CHECK(end->discards || end->got >= promised(peer_of(end)),
             "end %d: the end (%d) after %llu of %llu bytes", end->index, error,
             (unsigned long long)end->got, (unsigned long long)promised(peer_of(end)));
  FUZZ_CHECK(error == 0 || ending != END || end->discards, "end %d: a reset (%d) instead of an end",
             end->index, error);
  end->saw_end = true;
  tell(end, ending == EITHER ? " over" : " end");
}

void raw_receive(struct end *end, size_t most) {
  while (most > 0 && end->fd >= 0 && !end->saw_end) {
    size_t size = most < sizeof buffer ? most : sizeof buffer;
    ssize_t got = recv(end->fd, buffer, size, 0);
    received(end, got);
    if (got <= 0)
      return;
    most -= (size_t)got;
  }
}

void op_rrecv(const uint32_t *args) {
  struct end *end = pick_raw(args[0]);
  if (end)
    raw_receive(end, size_of(args[1]));
}

static void raw_send(struct end *end, size_t left) {
  while (left > 0) {
    size_t size = left < sizeof buffer ? left : sizeof buffer;
    fill_pattern(end, end->put, buffer, size);
    ssize_t sent = send(end->fd, buffer, size, MSG_NOSIGNAL);
    if (sent <= 0) {
      bool full = errno == EAGAIN;
      FUZZ_CHECK(full || peer_of(end)->gone || is_cut(end), "end %d: send: %s", end->index,
                 strerror(errno));
      /* How much fits depends on how much the model receives ahead. */
      leave_open(end);
      return;
    }
    note_write(end, (size_t)sent);
    left -= (size_t)sent;
  }
}

void op_rsend(const uint32_t *args) {
  struct end *end = pick_raw(args[0]);
  if (end && !end->shut)
    raw_send(end, size_of(args[1]));
}

/* What a stream has received and not delivered: no more than its reads asked for and one receive;
 * by completion, as many as were under way until the kernel stopped them. */
static void check_held(const struct end *sender, const struct end *reader) {
  bool completes = ioloop_backend_features(world.loop) & IOLOOP_F_COMPLETION;
  uint64_t limit = reader->largest + (completes ? 4096 : 64) * UINT64_C(1024), outside = 0;
#ifdef SIOCOUTQ
  int unsent = 0;
  if (sender->tcp && ioctl(sender->fd, SIOCOUTQ, &unsent) == 0)
    outside = (uint64_t)unsent;
#endif
  outside += unread_in(ioloop_stream_fd(reader->stream));
  FUZZ_CHECK(sender->put - reader->got <= outside + limit, "end %d holds %llu bytes", reader->index,
             (unsigned long long)(sender->put - reader->got - outside));
}

/* Without a pause, whatever the other side does. */
void op_flood(const uint32_t *args) {
  struct end *end = pick_raw(args[0]);
  if (!end || world.depth || world.strict)
    return;
  for (int round = 0; round < FLOODS && end->fd >= 0 && !end->shut; round++) {
    raw_send(end, sizeof buffer);
    (void)turn(0);
    if (end->fd >= 0 && peer_of(end)->stream)
      check_held(end, peer_of(end));
  }
}

void raw_finish(struct end *end) {
  if (end->fd < 0 || end->shut)
    return;
  (void)shutdown(end->fd, SHUT_WR); /* ENOTCONN: reset by the peer */
  end->shut = true;
}

void op_rshut(const uint32_t *args) {
  struct end *end = pick_raw(args[0]);
  if (end)
    raw_finish(end);
}

static void raw_is_gone(struct end *end, bool reset) {
  uint64_t unsent = end->tcp ? unsent_in(end->fd) : 0;
  bool unread = peer_of(end)->put > end->got;
  enum ending ending = reset || unread_in(end->fd) ? RESET : unread ? EITHER : END;
  if (end->shut && ending != END)
    ending =
        EITHER; /* whether the end or the error is seen first depends on when the model reads */
  /* "Where the backend completes, all writes of one iteration leave with the next wait." */
  const struct ioloop_stream *writer = peer_of(end)->stream;
  bool lost = ending != END && unsent > 0;
  if (ending == EITHER || lost || (world.depth && writer && ioloop_stream_pending(writer) > 0))
    leave_open(end);
  close(end->fd);
  end->fd = -1;
  if (is_proxied(end)) {
    proxied_end_is_gone(end, ending);
    tell(end, " gone");
    return;
  }
  end_is_gone(end, ending, reset ? end->put - unsent : end->put, end->put - unsent);
  tell(end, " gone");
}

void raw_close(struct end *end) {
  raw_is_gone(end, false);
}

void op_rclose(const uint32_t *args) {
  struct end *end = pick_raw(args[0]);
  if (end)
    raw_is_gone(end, false);
}

void op_rreset(const uint32_t *args) {
  struct end *end = pick_raw(args[0]);
  const struct linger linger = {.l_onoff = 1, .l_linger = 0};
  if (!end)
    return;
  if (end->tcp)
    FUZZ_CHECK(setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0,
               "SO_LINGER");
  raw_is_gone(end, end->tcp);
}

void op_eager(const uint32_t *args) {
  struct end *end = pick_raw(args[0]);
  if (end)
    end->eager = args[1] % 2;
}

/* Small buffers: they are full soon. Not so small that TCP waits for its timers. */
void op_buffers(const uint32_t *args) {
  struct end *end = args[0] % 2 ? pick_raw(args[0] / 2) : pick_stream(args[0] / 2);
  /* A receive buffer made smaller than what is in it keeps Linux from taking acknowledgements. */
  if (!end || end->put + peer_of(end)->put > 0)
    return;
  int fd = end->stream ? ioloop_stream_fd(end->stream) : end->fd;
  int size = (int)((end->tcp ? 32 * 1024 : 2048) + args[1] % 8 * 2048);
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}
