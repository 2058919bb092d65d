/* SPDX-License-Identifier: MIT */
/*
 * streams.c - streams against a model (streams.h): the operations, how a script is played, and how
 * it is brought to an end.
 *
 * Half of the scripts are strict: before each operation the loop settles, which means that all that
 * the model expects has happened and nothing is left to do. The same script then gives the same
 * story under each model of I/O, and is played under `poll` first to compare. A story has the
 * results and callbacks of one end, in their order, with the bytes of ioloop_stream_read added up. It
 * ends where the manual, or the kernel, leaves the rest open (struct end, `unclear`).
 */
#include <dirent.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "streams.h"

enum {
  RECENT = 8 /* ends that most operations choose from */
};

struct world world;

/* ---- choosing ------------------------------------------------------------------------------- */

void begin_operation(void) {
  if (world.strict && !world.depth)
    settle();
}

/* Of the newest, so that old ones are left in whatever state they are; sometimes of all. */
static struct end *pick_end(uint32_t arg) {
  begin_operation();
  uint32_t count = 2 * (uint32_t)world.connections;
  if (world.strict && world.reacting) /* the order of two connections' reactions is not specified */
    return &world.ends[(world.reacting->index & ~1) + (int)(arg / 16 % 2)];
  uint32_t among = count < RECENT || arg % 16 == 15 ? count : RECENT;
  return among ? &world.ends[count - 1 - arg / 16 % among] : NULL;
}

struct end *pick_stream(uint32_t arg) {
  struct end *end = pick_end(arg);
  if (end && !end->ours)
    end = peer_of(end);
  return end && end->stream ? end : NULL;
}

struct end *pick_raw(uint32_t arg) {
  struct end *end = pick_end(arg);
  if (end && end->ours)
    end = peer_of(end);
  return end && !end->ours && end->fd >= 0 ? end : NULL;
}

int pick_gate(uint32_t arg) {
  begin_operation();
  return (int)(arg % GATES);
}

struct server *pick_server(uint32_t arg) {
  begin_operation();
  return &world.servers[arg % SERVERS];
}

size_t size_of(uint32_t arg) {
  size_t value = arg / 8;
  switch (arg % 8) {
  case 7:
    return 1 + value * 40;
  case 6:
    return 1 + value;
  case 5:
    return 1 + value % 1000;
  default:
    return 1 + value % 40;
  }
}

/* ---- reactions and stories ------------------------------------------------------------------ */

static void op_on(const uint32_t *args) {
  size_t first, count = fuzz_claim(1 + args[2] % 3, &first);
  bool datagrams = args[1] % EVENTS == ON_DATAGRAM;
  const struct end *end = datagrams ? NULL : pick_end(args[0]);
  if (world.action_count == ACTIONS || (!datagrams && !end))
    return;
  world.actions[world.action_count++] =
      (struct action){.end = datagrams ? (int)(args[0] % 4) : end->index,
                      .event = args[1] % EVENTS,
                      .first = first,
                      .count = count};
  world.unclear |= !datagrams && end->unclear;
}

void react(int end, enum event event) {
  /* When a queue is empty is for the model of I/O to say. */
  if (world.strict && (event == ON_DRAIN || event == ON_LOW || event == ON_DATAGRAM))
    return;
  for (size_t i = 0; i < world.action_count; i++) {
    struct action action = world.actions[i];
    if (action.end != end || action.event != event)
      continue;
    world.action_count--;
    memmove(&world.actions[i], &world.actions[i + 1],
            (world.action_count - i) * sizeof world.actions[0]);
    const struct end *outer = world.reacting;
    world.reacting = event == ON_DATAGRAM ? NULL : &world.ends[end];
    fuzz_execute(world.script, action.first, action.first + action.count);
    world.reacting = outer;
    return;
  }
}

static void append(struct end *end, const char *text) {
  size_t size = strlen(text);
  if (end->story_size + size + 1 > sizeof end->story)
    end->unclear = true;
  if (end->unclear || world.unclear)
    return;
  memcpy(end->story + end->story_size, text, size + 1);
  end->story_size += size;
}

void tell(struct end *end, const char *format, ...) {
  char text[64];
  if (end->chunk) {
    snprintf(text, sizeof text, " %llu", (unsigned long long)end->chunk);
    end->chunk = 0;
    append(end, text);
  }
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fuzz_note("  end %d:%s", end->index, text);
  append(end, text);
}

/* ---- a script ------------------------------------------------------------------------------- */

static const struct fuzz_operation operations[] = {{"pair", 1, 20, op_pair},
                                                   {"server", 4, 3, op_server},
                                                   {"dial", 2, 14, op_dial},
                                                   {"refused", 1, 1, op_refused},
                                                   {"sstop", 1, 2, op_sstop},
                                                   {"sclose", 1, 1, op_sclose},
                                                   {"each", 1, 4, op_each},
                                                   {"read", 1, 40, op_read},
                                                   {"readn", 2, 24, op_readn},
                                                   {"until", 3, 24, op_until},
                                                   {"limit", 2, 8, op_limit},
                                                   {"stop", 1, 8, op_stop},
                                                   {"write", 2, 60, op_write},
                                                   {"shut", 1, 10, op_shut},
                                                   {"finish", 1, 5, op_finish},
                                                   {"close", 1, 5, op_close},
                                                   {"marks", 3, 6, op_marks},
                                                   {"near", 3, 10, op_near},
                                                   {"drain", 2, 8, op_drain},
                                                   {"nodelay", 2, 2, op_nodelay},
                                                   {"gate", 2, 10, op_gate},
                                                   {"gopen", 1, 12, op_gopen},
                                                   {"gclose", 1, 8, op_gclose},
                                                   {"gfree", 1, 1, op_gfree},
                                                   {"rsend", 2, 40, op_rsend},
                                                   {"rrecv", 2, 12, op_rrecv},
                                                   {"flood", 1, 2, op_flood},
                                                   {"rshut", 1, 6, op_rshut},
                                                   {"rclose", 1, 4, op_rclose},
                                                   {"rreset", 1, 4, op_rreset},
                                                   {"reager", 2, 6, op_eager},
                                                   {"buffers", 2, 10, op_buffers},
                                                   {"dgram", 2, 6, op_dgram},
                                                   {"dsend", 4, 20, op_dsend},
                                                   {"dgate", 2, 3, op_dgate},
                                                   {"ddrain", 2, 2, op_ddrain},
                                                   {"dclose", 1, 1, op_dclose},
                                                   {"on", 3, 40, op_on},
                                                   {"turn", 1, 50, op_turn},
                                                   {"settle", 0, 10, op_settle},
                                                   {"wait", 1, 4, op_wait},
                                                   {"writev", 3, 20, op_writev},
                                                   {"low", 2, 6, op_low},
                                                   {"timeout", 2, 2, op_timeout},
                                                   {"proxy", 1, 6, op_proxy},
                                                   {"cut", 1, 2, op_cut},
                                                   {0}};

static size_t open_descriptors(void) {
  size_t count = 0;
  DIR *folder = opendir("/dev/fd");
  FUZZ_CHECK(folder, "no /dev/fd");
  while (readdir(folder))
    count++;
  closedir(folder);
  return count;
}

/* The server is at its limit. */
static bool in_backlog(const struct end *end) {
  return !end->ours && end->fd < 0 && !end->gone;
}

static bool is_stuck(const struct end *end) {
  if (!end->stream || !end->closing || ioloop_stream_pending(end->stream) == 0)
    return false;
  struct pollfd socket = {.fd = ioloop_stream_fd(end->stream), .events = POLLOUT};
  return poll(&socket, 1, 0) == 0;
}

/* "If the streams at both ends of a connection are closed like this and the sockets cannot hold all
 * that is queued, they wait for each other forever" (stream.h). */
static bool waits_forever(const struct end *end) {
  return is_stuck(end) && is_stuck(peer_of(end));
}

/* No gate, no watermark, everything is read, and each end half-closes. */
static bool finish_end(struct end *end, bool half_close) {
  if (half_close && waits_forever(end))
    do_close(end); /* as a program's timeout does */
  end->eager = true;
  if (!end->ours && half_close)
    raw_finish(end);
  if (!end->stream)
    return true;
  do_watermarks(end, SIZE_MAX, SIZE_MAX);
  if (end->stream && end->reading == NO_READ && !end->closing)
    do_read_any(end);
  if (end->stream && half_close && !end->shut && !end->closing)
    do_shutdown(end);
  return in_backlog(peer_of(end));
}

/* Let the rest arrive; then every stream must end by itself. Each that ends may let a server accept
 * another one. */
static void conclude(void) {
  world.action_count = 0;
  for (int i = 0; i < GATES; i++)
    if (world.gates[i])
      INSIDE("ioloop_gate_open", ioloop_gate_open(world.gates[i]));
  bool done = false;
  for (int round = 0; round < 2 || !done; round++) {
    done = true;
    for (int i = 0; i < 2 * world.connections; i++)
      done &= finish_end(&world.ends[i], round > 0);
    FUZZ_CHECK(round < 4 + CONNECTIONS, "a stream has not ended");
    settle();
  }
}

static void close_all(void) {
  world.action_count = 0;
  close_servers();
  close_proxies();
  for (int i = 0; i < 2 * world.connections; i++) {
    struct end *end = &world.ends[i];
    if (end->stream)
      do_close(end);
    else if (end->fd >= 0)
      raw_close(end);
    FUZZ_CHECK(end->closed == (end->ours ? 1 : 0), "end %d: closed %u times", i, end->closed);
  }
  close_datagrams();
  for (int i = 0; i < GATES; i++)
    ioloop_gate_free(world.gates[i]);
}

/* One in eight ends while everything is under way. */
static void play(const struct fuzz_script *script, const char *backend, bool strict) {
  size_t descriptors = open_descriptors();
  memset(&world, 0, sizeof world);
  forget_proxies();
  world.script = script;
  world.strict = strict;
  for (int i = 0; i < ENDS; i++) {
    world.ends[i].index = i;
    world.ends[i].fd = world.ends[i].gate = -1;
  }
  int r = ioloop_new(backend, &world.loop);
  FUZZ_CHECK(r == 0, "ioloop_new: %d", r);
  fuzz_execute(script, 0, script->count);
  if (script->seed % 8 != 7)
    conclude();
  close_all();
  struct ioloop_metrics metrics;
  ioloop_get_metrics(world.loop, &metrics, sizeof metrics);
  FUZZ_CHECK(metrics.rescues == 0, "%llu rescues", (unsigned long long)metrics.rescues);
  FUZZ_CHECK(metrics.abandoned == 0, "%llu abandoned", (unsigned long long)metrics.abandoned);
  r = ioloop_free(world.loop);
  FUZZ_CHECK(r == 0, "ioloop_free: %d", r);
  FUZZ_CHECK(open_descriptors() == descriptors, "%zu descriptors instead of %zu",
             open_descriptors(), descriptors);
}

/* ---- two models ----------------------------------------------------------------------------- */

static struct world reference;

static void compare(const struct end *here, const struct end *there) {
  size_t size = here->story_size < there->story_size ? here->story_size : there->story_size;
  bool whole = !here->unclear && !there->unclear && !world.unclear && !reference.unclear;
  if (memcmp(here->story, there->story, size) == 0 &&
      (!whole || here->story_size == there->story_size))
    return;
  fuzz_note("here %s\nthere%s", here->story, there->story);
  fuzz_fail("end %d: here '%.400s', under poll '%.400s'", here->index, here->story, there->story);
}

static void run(const struct fuzz_script *script, const char *backend) {
  bool strict = script->seed % 2;
  make_pattern();
  /* Under linux-aio a thread of the kernel reports some changes, and releases a closed file, a moment
   * later: the story depends on time. */
  if (strict && strcmp(backend, "poll") != 0 && strcmp(backend, "linux-aio") != 0) {
    play(script, "poll", true);
    reference = world;
  }
  play(script, backend, strict);
  for (int i = 0; i < 2 * reference.connections; i++)
    compare(&world.ends[i], &reference.ends[i]);
}

int main(int argc, char **argv) {
  static const struct fuzz fuzz = {
      .name = "streams",
      .about =
          "Streams, servers and datagram sockets against a model: every byte, every callback,\n"
          "their order, and what must come before the loop is quiet. Scripts of odd seeds are\n"
          "also compared with the same script under poll.",
      .operations = operations,
      .script_operations = 120,
      .seconds = 40,
      .run = run};
  return fuzz_main(argc, argv, &fuzz);
}
