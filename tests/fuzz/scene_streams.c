/* SPDX-License-Identifier: MIT */
/*
 * scene_streams.c - the acts about byte streams. Every byte is checked; and each stream must end: in
 * order, or with a reason in its close callback.
 */
#include <string.h>
#include <unistd.h>

#include "scene.h"

enum {
  BIG = 600 * 1000, /* more than a watermark and the kernel's buffers */
  PIECE = 50 * 1000,
  LINES = 20,
  MS = 1000 * 1000,
};

struct side {
  struct scene *scene;
  struct ioloop_stream *stream; /* NULL: none, or closed */
  struct ioloop_gate *gate;
  size_t sent, received, wanted;
  unsigned lines, closed;
  bool ended, expects_error;
  int error;
};

static char byte_at(size_t i) {
  return (char)(i * 7 + i / 251);
}

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct side *side = arg;
  (void)stream;
  side->stream = NULL;
  side->error = error;
  if (side->closed++)
    scene_broken(side->scene, "two close callbacks");
  if (error && !side->expects_error)
    scene_told(side->scene, TOLD_ENDED, "close callback", error);
}

static void check_bytes(struct side *side, const char *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (data[i] != byte_at(side->received + i))
      scene_broken(side->scene, "byte %zu of %zu sent is wrong: %.8s (byte %zu of %zu that came)",
                   side->received + i, side->sent, &data[i], i, size);
  side->received += size;
}

/* Give up a stream of which a function has said no. */
static void takes_or_closes(struct side *side, int r, const char *call) {
  if (!scene_ok(side->scene, r, call) && side->stream)
    ioloop_stream_close(side->stream);
}

static void end_side(struct side *side) {
  if (side->stream)
    ioloop_stream_close(side->stream);
}

/* ---- connections ------------------------------------------------------------------------ */

static void send_more(struct side *side) {
  static char piece[PIECE];
  for (size_t i = 0; i < sizeof piece; i++)
    piece[i] = byte_at(side->sent + i);
  int r = ioloop_stream_write(side->stream, piece, sizeof piece);
  side->sent += sizeof piece;
  takes_or_closes(side, r, "ioloop_stream_write");
  if (r == 0 && side->sent == side->wanted)
    takes_or_closes(side, ioloop_stream_shutdown(side->stream), "ioloop_stream_shutdown");
}

/* Until some of it waits: the drain callback then comes back. */
static void send_until_full(struct side *side) {
  while (side->stream && side->sent < side->wanted && ioloop_stream_pending(side->stream) < BIG / 4)
    send_more(side);
}

static void on_drained(struct ioloop_stream *stream, void *arg) {
  (void)stream;
  send_until_full(arg);
}

static void on_reply(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct side *side = arg;
  (void)stream;
  check_bytes(side, data, size);
  side->ended |= size == 0;
}

static void on_connect(struct ioloop_stream *stream, void *arg) {
  struct side *side = arg;
  side->stream = stream;
  int r = ioloop_stream_set_drain_callback(stream, on_drained, side);
  if (r == 0)
    r = ioloop_stream_read(stream, on_reply, side);
  takes_or_closes(side, r, "ioloop_stream_read");
  send_until_full(side);
}

static void on_request(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct side *side = arg;
  check_bytes(side, data, size);
  side->ended |= size == 0;
  if (size == 0)
    takes_or_closes(side, ioloop_stream_shutdown(stream), "ioloop_stream_shutdown");
  else
    takes_or_closes(side, ioloop_stream_write(stream, data, size), "ioloop_stream_write");
}

static void on_connection(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct side *side = arg;
  (void)server, (void)peer, (void)peer_size;
  if (side->stream)
    scene_broken(side->scene, "another program connects to this server");
  side->stream = stream;
  ioloop_stream_set_close_callback(stream, on_closed, side);
  (void)ioloop_stream_set_nodelay(stream, false);
  takes_or_closes(side, ioloop_stream_set_watermarks(stream, 32 * 1024, 64 * 1024),
                  "ioloop_stream_set_watermarks");
  if (side->gate)
    ioloop_stream_set_gate(stream, side->gate);
  if (side->stream)
    takes_or_closes(side, ioloop_stream_read(stream, on_request, side), "ioloop_stream_read");
}

static void on_trouble(struct ioloop_tcpserver *server, int error, void *arg) {
  struct side *side = arg;
  (void)server;
  scene_told(side->scene, TOLD_REPORTED, "on_trouble", error);
}

static struct ioloop_tcpserver *open_server(struct scene *scene, struct side *side, int family,
                                            struct sockaddr_storage *address, socklen_t *size) {
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_connection = on_connection,
                                             .on_trouble = on_trouble,
                                             .max_connections = 4,
                                             .idle_timeout_ns = UINT64_C(60000) * MS,
                                             .arg = side};
  struct ioloop_tcpserver *server = NULL;
  *address = scene_address(family, false, size);
  if (!TAKES(scene, ioloop_tcpserver_new(scene->loop, &options, &server)))
    return NULL;
  if (TAKES(scene, ioloop_tcpserver_listen(server, (struct sockaddr *)address, *size)) &&
      (family == AF_UNIX || TAKES(scene, ioloop_tcpserver_address(server, 0, address, size))))
    return server;
  ioloop_tcpserver_close(server);
  return NULL;
}

static void open_gate(struct ioloop *loop, void *gate) {
  (void)loop;
  ioloop_gate_open(gate);
}

/* Both ends are ours: 600,000 bytes there and back, then a half-close each. */
static void exchange(struct scene *scene, int family, struct ioloop_gate *gate) {
  struct side near = {.scene = scene, .wanted = BIG}, far = {.scene = scene, .gate = gate};
  struct sockaddr_storage address;
  socklen_t size;
  struct ioloop_tcpserver *server = open_server(scene, &far, family, &address, &size);
  if (!server)
    return;
  ioloop_timeout opening = 0;
  if (gate) {
    ioloop_gate_close(gate);
    if (!TAKES(scene, ioloop_call_later(scene->loop, MS, open_gate, gate, &opening)))
      ioloop_gate_open(gate);
  }
  int r = ioloop_stream_connect(scene->loop, (struct sockaddr *)&address, size, on_connect,
                                on_closed, &near, &near.stream);
  if (scene_ok(scene, r, "ioloop_stream_connect")) {
    RUN_UNTIL(scene, near.closed && (far.closed || !ioloop_tcpserver_accepted_total(server)));
    bool told = near.error || far.error || scene->reports;
    if (!told && (near.received != BIG || !near.ended || far.received != BIG || !far.ended))
      scene_broken(scene, "%zu and %zu bytes, ends %d and %d", near.received, far.received,
                   near.ended, far.ended);
  }
  end_side(&near);
  ioloop_tcpserver_close(server);
  if (gate)
    (void)ioloop_remove_timeout(scene->loop, opening); /* if it was not due yet */
  if (far.stream)
    scene_broken(scene, "a server that is closed leaves a stream");
}

void act_connections(struct scene *scene) {
  struct ioloop_gate *gate = NULL;
  if (TAKES(scene, ioloop_gate_new(&gate)))
    exchange(scene, AF_INET, gate);
  ioloop_gate_free(gate);
  exchange(scene, AF_UNIX, NULL);
}

/* ---- framed reads ----------------------------------------------------------------------- */

static void on_line(struct ioloop_stream *stream, const char *data, size_t size, void *arg);

static void on_number(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct side *side = arg;
  if (size == 0) {
    side->ended = true;
    return;
  }
  if (size != 5 || memcmp(data, "12345", 5) != 0)
    scene_broken(side->scene, "a read of 5 bytes has %zu others", size);
  side->lines++;
  int r = ioloop_stream_read_until(stream, "\r\n", 2, 100, on_line, side);
  takes_or_closes(side, r, "ioloop_stream_read_until");
}

static void on_line(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct side *side = arg;
  if (size == 0) {
    side->ended = true;
    return;
  }
  if (size != 7 || memcmp(data, "hello\r\n", 7) != 0)
    scene_broken(side->scene, "a line has %zu other bytes", size);
  takes_or_closes(side, ioloop_stream_read_bytes(stream, 5, on_number, side),
                  "ioloop_stream_read_bytes");
}

/* The data comes in pieces that no read asks for. */
void act_reads(struct scene *scene) {
  static const char text[] = "hello\r\n12345";
  struct side side = {.scene = scene};
  int pair[2];
  scene_pair(scene, AF_UNIX, pair);
  if (!TAKES(scene, ioloop_stream_new(scene->loop, pair[0], &side.stream))) {
    close(pair[0]);
    close(pair[1]);
    return;
  }
  ioloop_stream_set_close_callback(side.stream, on_closed, &side);
  (void)TAKES(scene, ioloop_stream_set_read_timeout(side.stream, UINT64_C(60000) * MS));
  int r = ioloop_stream_read_until(side.stream, "\r\n", 2, 100, on_line, &side);
  takes_or_closes(&side, r, "ioloop_stream_read_until");
  for (int i = 0; i < LINES; i++) {
    (void)send(pair[1], text, 9, MSG_NOSIGNAL);
    (void)ioloop_run_once(scene->loop, 0);
    (void)send(pair[1], text + 9, sizeof text - 1 - 9, MSG_NOSIGNAL);
    (void)send(pair[1], text, i % 2 ? 0 : sizeof text - 1, MSG_NOSIGNAL);
  }
  close(pair[1]);
  RUN_UNTIL(scene, side.closed || side.ended);
  if (!scene->reports && !side.closed && side.lines != LINES * 3 / 2)
    scene_broken(scene, "%u lines of %u", side.lines, LINES * 3 / 2);
  if (side.stream)
    ioloop_stream_close_when_sent(side.stream);
  RUN_UNTIL(scene, side.closed);
  end_side(&side);
}

/* ---- couples ---------------------------------------------------------------------------- */

static void on_low(struct ioloop_stream *stream, void *arg) {
  struct side *side = arg;
  (void)stream;
  side->lines++;
}

static bool open_side(struct scene *scene, struct side *side, int *peer) {
  int pair[2];
  *side = (struct side){.scene = scene};
  scene_pair(scene, AF_UNIX, pair);
  *peer = pair[1];
  if (TAKES(scene, ioloop_stream_new(scene->loop, pair[0], &side->stream))) {
    ioloop_stream_set_close_callback(side->stream, on_closed, side);
    return true;
  }
  close(pair[0]);
  return false;
}

static size_t take_bytes(int fd) {
  char bytes[4096];
  ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  return n > 0 ? (size_t)n : 0;
}

/* What one peer sends reaches the other, through a queue that fills; then it ends. */
static void pass_on(struct scene *scene, struct side sides[2], const int peers[2]) {
  static const char piece[PIECE];
  size_t passed = 0;
  takes_or_closes(&sides[1], ioloop_stream_set_low_callback(sides[1].stream, on_low, &sides[1]),
                  "ioloop_stream_set_low_callback");
  if (sides[1].stream)
    takes_or_closes(&sides[1], ioloop_stream_set_limit_callback(sides[1].stream, on_low, &sides[1]),
                    "ioloop_stream_set_limit_callback");
  if (!sides[1].stream ||
      !TAKES(scene, ioloop_stream_set_watermarks(sides[1].stream, 1000, 2000)) ||
      !TAKES(scene, ioloop_stream_couple(sides[0].stream, sides[1].stream)))
    return;
  ssize_t sent = SYSTEM(scene, send(peers[0], piece, sizeof piece, MSG_DONTWAIT));
  SYSTEM(scene, shutdown(peers[0], SHUT_WR));
  RUN_UNTIL(scene, (passed += take_bytes(peers[1])) == (size_t)sent || sides[1].closed);
  for (size_t size; (size = take_bytes(peers[1])) > 0;) /* it was closed when all was sent */
    passed += size;
  if (!scene->reports && passed != (size_t)sent)
    scene_broken(scene, "%zu bytes of %zd passed on", passed, sent);
  if (sides[1].stream)
    ioloop_stream_close(sides[1].stream);
  if (sides[0].stream)
    ioloop_stream_close_when_sent(sides[0].stream);
  RUN_UNTIL(scene, sides[0].closed);
}

void act_couples(struct scene *scene) {
  struct side sides[2];
  int peers[2];
  bool first = open_side(scene, &sides[0], &peers[0]);
  bool second = open_side(scene, &sides[1], &peers[1]);
  if (first && second)
    pass_on(scene, sides, peers);
  for (int i = 0; i < 2; i++) {
    end_side(&sides[i]);
    close(peers[i]);
  }
}

/* ---- pipes ------------------------------------------------------------------------------ */

/* Bytes through a pipe; then its reader is gone, which a write must find out without a signal. */
void act_pipes(struct scene *scene) {
  struct side in = {.scene = scene}, out = {.scene = scene, .wanted = BIG};
  int pair[2];
  scene_pair(scene, 0, pair);
  bool reads = TAKES(scene, ioloop_stream_new(scene->loop, pair[0], &in.stream));
  bool writes = TAKES(scene, ioloop_stream_new(scene->loop, pair[1], &out.stream));
  if (!reads)
    close(pair[0]);
  if (!writes)
    close(pair[1]);
  if (reads)
    ioloop_stream_set_close_callback(in.stream, on_closed, &in);
  if (writes)
    ioloop_stream_set_close_callback(out.stream, on_closed, &out);
  if (reads && writes) {
    takes_or_closes(&in, ioloop_stream_read(in.stream, on_reply, &in), "ioloop_stream_read");
    send_more(&out);
    RUN_UNTIL(scene, in.closed || out.closed || in.ended || in.received == PIECE);
    if (in.ended) /* EIO is a pty's way to say so */
      scene_told(scene, TOLD_ENDED, "end of input", 0);
    end_side(&in);
    out.expects_error = true;
    if (out.stream)
      send_more(&out);
    RUN_UNTIL(scene, out.closed);
  }
  end_side(&in);
  end_side(&out);
}
