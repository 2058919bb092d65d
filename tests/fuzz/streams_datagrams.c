/* SPDX-License-Identifier: MIT */
/*
 * streams_datagrams.c - datagram sockets: whole datagrams, each at most once, in the order of each
 * sender; and all of them as long as few enough are under way for any kernel to keep them.
 *
 * A datagram carries bytes that depend on its sender and its number. One without bytes is known
 * only by its place in the order.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "streams.h"

enum {
  SOCKETS = 4,
  MOST_LETTERS = 24,      /* under way to one socket: every kernel keeps as many */
  MOST_BYTES = 48 * 1024, /* ... in all */
  LARGEST = 65507
};

struct letter {
  int from;
  unsigned serial;
  size_t size;
  bool queued; /* when its sender was closed, perhaps: it may be dropped */
};

struct mailbox {
  int index;
  bool udp;
  struct ioloop_datagram *socket;
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_un local;
    struct sockaddr_storage storage;
  } address;
  socklen_t address_size;
  int gate;
  unsigned gate_closed_in; /* the turn */
  unsigned serial;
  struct letter letters[MOST_LETTERS]; /* on their way to it */
  size_t letter_count, letter_bytes;
  uint64_t received, received_bytes;
};

static struct mailbox mailboxes[SOCKETS];
static char letter_data[LARGEST];

static struct mailbox *pick_mailbox(uint32_t arg) {
  begin_operation();
  return &mailboxes[arg % SOCKETS];
}

static void write_letter(const struct letter *letter, char *data) {
  for (size_t i = 0; i < letter->size; i++)
    data[i] = (char)(letter->serial * 31u + (unsigned)letter->from * 7u + (unsigned)i);
}

/* ---- receiving ------------------------------------------------------------------------------ */

static int sender_of(const struct sockaddr *peer, socklen_t size) {
  for (int i = 0; i < SOCKETS; i++)
    if (mailboxes[i].address_size == size && memcmp(&mailboxes[i].address, peer, size) == 0)
      return i;
  fuzz_fail("a datagram of an unknown sender");
}

static bool is_letter(const struct letter *letter, const char *data, size_t size) {
  static char expected[LARGEST];
  if (letter->size != size)
    return false;
  write_letter(letter, expected);
  return memcmp(data, expected, size) == 0;
}

/* It must be the oldest of that sender. */
static void take_letter(struct mailbox *box, int from, const char *data, size_t size) {
  for (size_t i = 0; i < box->letter_count; i++) {
    struct letter letter = box->letters[i];
    if (letter.from != from)
      continue;
    if (!is_letter(&letter, data, size)) {
      FUZZ_CHECK(letter.queued, "socket %d: %zu bytes that are not letter %u, of %zu", box->index,
                 size, letter.serial, letter.size);
      continue;
    }
    box->letter_count--;
    box->letter_bytes -= letter.size;
    memmove(&box->letters[i], &box->letters[i + 1],
            (box->letter_count - i) * sizeof box->letters[0]);
    return;
  }
  fuzz_fail("socket %d: a datagram that was not sent", box->index);
}

static bool is_held(const struct mailbox *box) {
  return box->gate >= 0 && world.gates[box->gate] && !ioloop_gate_is_open(world.gates[box->gate]);
}

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct mailbox *box = arg;
  const char *outer = enter_callback("ioloop_datagram_drain");
  FUZZ_CHECK(box->socket == socket, "socket %d: a datagram after its end", box->index);
  /* "Once received, a datagram is delivered": the gate may have been closed in this turn. */
  FUZZ_CHECK(outer || !is_held(box) || box->gate_closed_in == world.turn,
             "socket %d: a datagram, but its gate is closed", box->index);
  take_letter(box, sender_of(peer, peer_size), data, size);
  box->received++;
  box->received_bytes += size;
  react(box->index, ON_DATAGRAM);
  leave_callback(outer);
}

static void on_error(struct ioloop_datagram *socket, int error, void *arg) {
  const struct mailbox *box = arg;
  const char *outer = enter_callback("ioloop_datagram_drain");
  FUZZ_CHECK(box->socket == socket, "socket %d: an error after its end", box->index);
  /* AF_UNIX refuses a datagram to an address that is gone. */
  FUZZ_CHECK(!box->udp && (error == -ECONNREFUSED || error == -ENOENT), "socket %d: error %d",
             box->index, error);
  leave_callback(outer);
}

/* ---- operations ----------------------------------------------------------------------------- */

void op_dgram(const uint32_t *args) {
  struct mailbox *box = pick_mailbox(args[0]);
  if (box->socket || box->address_size)
    return;
  *box = (struct mailbox){.index = (int)(box - mailboxes), .udp = args[1] % 2, .gate = -1};
  socklen_t size = sizeof box->address.v4;
  if (box->udp) {
    box->address.v4 =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  } else {
    box->address.local.sun_family = AF_UNIX;
    int length = snprintf(box->address.local.sun_path + 1, 100, "ioloop-fuzz-%ld-dgram-%d",
                          (long)getpid(), box->index);
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
  }
  int r;
  INSIDE("ioloop_datagram_bind",
         r = ioloop_datagram_bind(world.loop, &box->address.any, size, on_datagram, on_error, box,
                                  &box->socket));
  FUZZ_CHECK(r == 0, "ioloop_datagram_bind: %d", r);
  box->address_size = sizeof box->address;
  FUZZ_CHECK(getsockname(ioloop_datagram_fd(box->socket), &box->address.any, &box->address_size) ==
                 0,
             "%s", strerror(errno));
}

static void send_letter(struct mailbox *from, struct mailbox *to, size_t size) {
  if (to->socket && (to->letter_count == MOST_LETTERS || to->letter_bytes + size > MOST_BYTES))
    return;
  struct letter letter = {.from = from->index, .serial = from->serial++, .size = size};
  write_letter(&letter, letter_data);
  int r;
  INSIDE("ioloop_datagram_send", r = ioloop_datagram_send(from->socket, letter_data, size,
                                                          &to->address.any, to->address_size));
  FUZZ_CHECK(r == 0, "socket %d: ioloop_datagram_send returns %d", from->index, r);
  if (!to->socket)
    return;
  to->letters[to->letter_count++] = letter;
  to->letter_bytes += size;
}

/* Half of the times one that a gate holds back, if there is one. */
static struct mailbox *pick_addressee(uint32_t arg) {
  for (int i = 0; i < SOCKETS && arg / SOCKETS % 2; i++)
    if (mailboxes[i].socket && is_held(&mailboxes[i]))
      return &mailboxes[i];
  return &mailboxes[arg % SOCKETS];
}

/* From, to, size, how many. */
void op_dsend(const uint32_t *args) {
  struct mailbox *from = pick_mailbox(args[0]), *to = pick_addressee(args[1]);
  size_t size = size_of(args[2]) - 1;
  if (to->udp != from->udp)
    to = from;
  if (!to->socket && size > 100) /* the sender's queue has room for 256 KiB */
    size = 100;
  if (!from->socket || !to->address_size)
    return;
  if (size > LARGEST && from->udp) {
    static const char large[LARGEST + 1];
    int r =
        ioloop_datagram_send(from->socket, large, sizeof large, &to->address.any, to->address_size);
    FUZZ_CHECK(r == -EMSGSIZE, "socket %d: %d for a datagram too large", from->index, r);
    return;
  }
  for (uint32_t i = 0; i <= args[3] % 24 && from->socket; i++)
    send_letter(from, to, size < LARGEST ? size : LARGEST);
}

void op_dgate(const uint32_t *args) {
  struct mailbox *box = pick_mailbox(args[0]);
  int gate = args[1] % 4 ? pick_gate(args[1] / 4) : -1;
  if (!box->socket)
    return;
  if (gate >= 0 && !world.gates[gate])
    FUZZ_CHECK(ioloop_gate_new(&world.gates[gate]) == 0, "no gate");
  INSIDE("ioloop_datagram_set_gate",
         ioloop_datagram_set_gate(box->socket, gate < 0 ? NULL : world.gates[gate]));
  box->gate = gate;
  box->gate_closed_in = world.turn;
}

void datagram_gate_changed(int gate, bool freed) {
  for (int i = 0; i < SOCKETS; i++) {
    if (mailboxes[i].gate != gate || !mailboxes[i].socket)
      continue;
    mailboxes[i].gate_closed_in = world.turn;
    if (freed)
      mailboxes[i].gate = -1;
  }
}

/* "Deliver datagrams, even if the gate is closed, until the queue is empty or `max`
 * were delivered". */
void op_ddrain(const uint32_t *args) {
  struct mailbox *box = pick_mailbox(args[0]);
  uint64_t before = box->received;
  size_t most = args[1] % 20, count;
  if (!box->socket || world.depth)
    return;
  INSIDE("ioloop_datagram_drain", count = ioloop_datagram_drain(box->socket, most));
  FUZZ_CHECK(count <= most, "socket %d: %zu of at most %zu", box->index, count, most);
  FUZZ_CHECK(count == box->received - before, "socket %d: %zu, but %llu callbacks", box->index,
             count, (unsigned long long)(box->received - before));
}

static void close_mailbox(struct mailbox *box) {
  struct ioloop_datagram *socket = box->socket;
  struct ioloop_datagram_metrics metrics;
  ioloop_datagram_get_metrics(socket, &metrics, sizeof metrics);
  FUZZ_CHECK(metrics.received == box->received && metrics.received_bytes == box->received_bytes,
             "socket %d: it counts %llu datagrams, not %llu", box->index,
             (unsigned long long)metrics.received, (unsigned long long)box->received);
  FUZZ_CHECK(!metrics.truncated && !metrics.kernel_drops, "socket %d: truncated or dropped",
             box->index);
  box->socket = NULL;
  /* "Queued datagrams that can be sent at once are sent, the rest count as dropped." */
  for (int i = 0; i < SOCKETS; i++)
    for (size_t j = 0; j < mailboxes[i].letter_count; j++)
      mailboxes[i].letters[j].queued |= mailboxes[i].letters[j].from == box->index;
  box->letter_count = box->letter_bytes = 0;
  INSIDE("ioloop_datagram_close", ioloop_datagram_close(socket));
}

void op_dclose(const uint32_t *args) {
  struct mailbox *box = pick_mailbox(args[0]);
  if (box->socket)
    close_mailbox(box);
}

/* ---- what must be seen ---------------------------------------------------------------------- */

/* One to a socket that does not read, AF_UNIX, may hold up those behind it in its sender's queue. */
static bool may_wait(const struct letter *letter) {
  for (int i = 0; i < SOCKETS; i++)
    for (size_t j = 0; j < mailboxes[i].letter_count && is_held(&mailboxes[i]); j++)
      if (mailboxes[i].letters[j].from == letter->from)
        return true;
  return letter->queued;
}

const char *owed_by_datagrams(void) {
  for (int i = 0; i < SOCKETS; i++) {
    const struct mailbox *box = &mailboxes[i];
    for (size_t j = 0; box->socket && j < box->letter_count && !is_held(box); j++)
      if (!may_wait(&box->letters[j]))
        return "a datagram";
  }
  return NULL;
}

void close_datagrams(void) {
  for (int i = 0; i < SOCKETS; i++)
    if (mailboxes[i].socket)
      close_mailbox(&mailboxes[i]);
  memset(mailboxes, 0, sizeof mailboxes);
}
