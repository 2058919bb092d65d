/* SPDX-License-Identifier: MIT */
/*
 * streams_couples.c - coupled streams: two raw sockets that reach each other through a proxy of ours.
 *
 *     raw end 2n  ----  stream 0  <- coupled both ways ->  stream 1  ----  raw end 2n + 1
 *
 * To the model the raw ends are the two ends of one connection (streams_raw.c). What the proxy adds:
 * an end that is not in order ends the other in one way or another, and loses what is under way.
 */
#include <errno.h>
#include <sys/socket.h>

#include "streams.h"

enum {
  PROXIES = 24,
  ONE_READ = 64 * 1024,
  RECEIVED_AHEAD = 4096 * 1024, /* by completion, until the kernel has stopped */
  LOW = 4 * 1024,
  HIGH = 32 * 1024
};

struct proxy {
  int ends; /* the first of two */
  struct ioloop_stream *streams[2];
  unsigned closed[2];
  int errors[2];
  bool cut; /* the program has closed one */
};

static struct proxy proxies[PROXIES];
static int count;

void forget_proxies(void) {
  count = 0;
}

static struct proxy *proxy_of(const struct end *end) {
  for (int i = 0; i < count; i++)
    if (proxies[i].ends == (end->index & ~1))
      return &proxies[i];
  return NULL;
}

/* ---- the model ------------------------------------------------------------------------------ */

/* "Where one of the two fails, or is closed before the end of the source's input, the other is closed
 * by the loop. What is queued to it is lost then." */
void proxied_end_is_gone(struct end *end, enum ending ending) {
  const struct end *peer = peer_of(end);
  const struct proxy *proxy = proxy_of(end);
  bool in_order = ending == END && !(proxy && proxy->cut);
  if (!in_order)
    leave_open(end);
  end_is_gone(end, in_order ? END : EITHER, in_order ? end->put : peer->got, peer->got);
}

bool is_proxied(const struct end *end) {
  return proxy_of(end);
}

bool is_cut(const struct end *end) {
  const struct proxy *proxy = proxy_of(end);
  return proxy && proxy->cut;
}

static void check_error(const struct proxy *proxy, int which) {
  const struct end *ends = &world.ends[proxy->ends];
  int error = proxy->errors[which];
  bool over = (ends[0].shut || ends[0].gone) && (ends[1].shut || ends[1].gone);
  if (error == 0) {
    FUZZ_CHECK(proxy->cut || over, "proxy %d: stream %d ended in order, its peers did not",
               proxy->ends, which);
    return;
  }
  FUZZ_CHECK(error == -ECONNRESET || error == -EPIPE, "proxy %d: stream %d: %d", proxy->ends, which,
             error);
  FUZZ_CHECK(ends[0].gone || ends[1].gone, "proxy %d: stream %d: %d, but its peers are there",
             proxy->ends, which, error);
}

static void on_proxy_close(struct ioloop_stream *stream, int error, void *arg) {
  struct proxy *proxy = arg;
  const char *outer = enter_callback("ioloop_stream_close");
  int which = proxy->streams[1] == stream;
  FUZZ_CHECK(proxy->streams[which] == stream, "proxy %d: a callback after its end", proxy->ends);
  FUZZ_CHECK(proxy->closed[which]++ == 0, "proxy %d: closed twice", proxy->ends);
  proxy->streams[which] = NULL;
  proxy->errors[which] = error;
  check_error(proxy, which);
  if (!world.strict) /* which of the two is first is not specified */
    react(proxy->ends + which, ON_CLOSE);
  leave_callback(outer);
}

/* The streams must have ended when both peers have; a cut one's, in any case. */
static bool must_be_over(const struct proxy *proxy) {
  bool over = true;
  for (int i = 0; i < 2; i++) {
    const struct end *end = &world.ends[proxy->ends + i];
    over &= end->fd < 0 || (end->shut && end->saw_end);
  }
  return over || proxy->cut;
}

static size_t most_pending(void) {
  bool completes = ioloop_backend_features(world.loop) & IOLOOP_F_COMPLETION;
  return HIGH + (completes ? RECEIVED_AHEAD : ONE_READ);
}

const char *owed_by_proxies(void) {
  for (int i = 0; i < count; i++) {
    const struct proxy *proxy = &proxies[i];
    for (int j = 0; j < 2; j++) {
      const struct ioloop_stream *stream = proxy->streams[j];
      FUZZ_CHECK(!stream || ioloop_stream_pending(stream) <= most_pending(),
                 "proxy %d: %zu bytes wait", proxy->ends, ioloop_stream_pending(stream));
    }
    if ((proxy->streams[0] || proxy->streams[1]) && must_be_over(proxy))
      return "the close callback of a coupled stream";
  }
  return NULL;
}

/* What is pending waits for room in the socket; of which there may be more under another model. */
void leave_full_proxies_open(void) {
  for (int i = 0; i < count; i++)
    for (int j = 0; j < 2; j++) {
      const struct ioloop_stream *stream = proxies[i].streams[j];
      if (stream && ioloop_stream_pending(stream) > 0)
        leave_open(&world.ends[proxies[i].ends]);
    }
}

/* ---- operations ----------------------------------------------------------------------------- */

static void couple(struct ioloop_stream *source, struct ioloop_stream *sink) {
  int r, again;
  INSIDE("ioloop_stream_couple", r = ioloop_stream_couple(source, sink));
  FUZZ_CHECK(r == 0, "ioloop_stream_couple: %d", r);
  INSIDE("ioloop_stream_couple", again = ioloop_stream_couple(source, sink));
  FUZZ_CHECK(again == -EALREADY, "ioloop_stream_couple, again: %d", again);
}

static struct ioloop_stream *proxy_end(struct proxy *proxy, struct end *raw, bool tcp, bool eager) {
  int pair[2], r;
  struct ioloop_stream *stream;
  make_pair(tcp, pair);
  adopt_raw(raw, pair[0], eager);
  INSIDE("ioloop_stream_new", r = ioloop_stream_new(world.loop, pair[1], &stream));
  FUZZ_CHECK(r == 0, "ioloop_stream_new: %d", r);
  ioloop_stream_set_close_callback(stream, on_proxy_close, proxy);
  INSIDE("ioloop_stream_set_watermarks", r = ioloop_stream_set_watermarks(stream, LOW, HIGH));
  FUZZ_CHECK(r == 0, "ioloop_stream_set_watermarks: %d", r);
  return stream;
}

void op_proxy(const uint32_t *args) {
  begin_operation();
  if (count == PROXIES)
    return;
  struct end *ends = begin_connection(true); /* a failure overtakes what is under way, as in TCP */
  if (!ends)
    return;
  struct proxy *proxy = &proxies[count++];
  *proxy = (struct proxy){.ends = ends[0].index};
  for (unsigned i = 0; i < 2; i++)
    proxy->streams[i] = proxy_end(proxy, &ends[i], args[0] >> i & 1, args[0] >> (2 + i) & 1);
  couple(proxy->streams[0], proxy->streams[1]);
  couple(proxy->streams[1], proxy->streams[0]);
}

static void cut(struct proxy *proxy, int which) {
  proxy->cut = true;
  for (int i = 0; i < 2; i++)
    proxied_end_is_gone(&world.ends[proxy->ends + i], EITHER);
  INSIDE("ioloop_stream_close", ioloop_stream_close(proxy->streams[which]));
}

void op_cut(const uint32_t *args) {
  begin_operation();
  struct proxy *proxy = count ? &proxies[args[0] / 2 % (uint32_t)count] : NULL;
  if (proxy && proxy->streams[args[0] % 2])
    cut(proxy, (int)(args[0] % 2));
}

/* One of the two first: the other is then the loop's to close, and may be closed by us before that. */
void close_proxies(void) {
  for (int i = 0; i < count; i++)
    for (int j = 0; j < 2; j++) {
      if (proxies[i].streams[j])
        cut(&proxies[i], j);
      FUZZ_CHECK(proxies[i].closed[j] == 1, "proxy %d: stream %d is closed %u times",
                 proxies[i].ends, j, proxies[i].closed[j]);
    }
}
