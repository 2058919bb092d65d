/* SPDX-License-Identifier: MIT */
/*
 * mistakes.c - programs that break the rule to remove before they close, at random: descriptors are
 * closed, replaced by dup2 and kept alive by dups while they are registered. Whatever they do, the
 * loop sleeps when nothing happens, and works for those that keep the rule.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

enum {
  PLACES = 8,
  STEPS = 40
};

struct place {
  int fd, peer, duplicate; /* -1: none */
};

/* Reads the available data; unregisters reading after an end. Wants to write only once. */
static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  char buffer[4096];
  ssize_t n = 1;
  (void)arg;
  if (events & IOLOOP_READ) {
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
      continue;
    if (n == 0 || errno != EAGAIN) {
      ioloop_remove_handler(loop, fd);
      return;
    }
  }
  if (events & IOLOOP_WRITE)
    ioloop_update_handler(loop, fd, IOLOOP_READ);
}

static void shut(int *fd) {
  if (*fd >= 0)
    close(*fd); /* may belong to another place by now, which closes it as well */
  *fd = -1;
}

static unsigned some_mask(void) {
  static const unsigned masks[] = {0, IOLOOP_READ, IOLOOP_WRITE, IOLOOP_READ | IOLOOP_WRITE};
  return masks[tap_random_below(4)];
}

static void open_place(struct ioloop *loop, struct place *place) {
  int pair[2];
  make_pair((enum kind)tap_random_below(KINDS), pair);
  *place = (struct place){.fd = pair[0], .peer = pair[1], .duplicate = -1};
  int r = ioloop_add_handler(loop, place->fd, some_mask(), on_ready, NULL);
  if (r == -EEXIST) { /* of an earlier file of this number */
    CHECK_OK(ioloop_remove_handler(loop, place->fd));
    r = ioloop_add_handler(loop, place->fd, some_mask(), on_ready, NULL);
  }
  CHECK_OK(r);
}

static void replace_place(struct place *place) {
  int pair[2];
  if (tap_random_below(4) == 0) {
    int file = SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK_SYS(dup2(file, place->fd));
    CHECK_SYS(close(file));
    return;
  }
  make_pair(UNIX_STREAM, pair);
  CHECK_SYS(dup2(pair[0], place->fd));
  CHECK_SYS(close(pair[0]));
  shut(&place->peer);
  place->peer = pair[1];
}

/* The number stays in use by the place until it is closed: another place cannot get it. */
static void disturb(struct ioloop *loop, struct place *place) {
  if (place->fd < 0) {
    shut(&place->peer);
    shut(&place->duplicate);
    open_place(loop, place);
    return;
  }
  switch (tap_random_below(8)) {
  case 0:
    shut(&place->fd); /* and stays registered */
    break;
  case 1:
    ioloop_remove_handler(loop, place->fd);
    shut(&place->fd);
    break;
  case 2: {
    int number = place->fd;
    shut(&place->fd);
    ioloop_remove_handler(loop, number);
    break;
  }
  case 3:
    if (place->duplicate < 0)
      place->duplicate = SYS(dup(place->fd));
    break;
  case 4:
    replace_place(place);
    break;
  case 5:
    ioloop_update_handler(loop, place->fd, some_mask());
    break;
  case 6:
    shut(&place->peer);
    break;
  default:
    if (place->peer >= 0)
      (void)!send(place->peer, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

/* A descriptor that keeps the rule is served throughout. */
static void check_alive(struct ioloop *loop, const struct record *record, int peer) {
  size_t before = record->bytes;
  put(peer, 1);
  RUN_UNTIL(loop, record->bytes == before + 1);
}

TEST(132, "closes without remove, dups and dup2, at random: no spin, and others are served") {
  skip_if_readiness_is_presumed();
  for (size_t round = 0; round < tap_count(25); round++) {
    struct ioloop *loop = test_loop_new();
    struct place places[PLACES];
    struct record record = {0};
    int alive[2];
    make_pair(UNIX_STREAM, alive);
    CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &record));
    for (int i = 0; i < PLACES; i++)
      open_place(loop, &places[i]);
    for (int step = 0; step < STEPS; step++) {
      disturb(loop, &places[tap_random_below(PLACES)]);
      if (tap_random_below(3) == 0)
        run_turns(loop, 1);
    }
    check_alive(loop, &record, alive[1]);
    run_turns(loop, 256 * PLACES); /* the rest that was still to be read or noticed */
    CHECK_NO_SPIN(loop, MS(20));
    check_alive(loop, &record, alive[1]);
    CHECK_OK(ioloop_free(loop));
    for (int i = 0; i < PLACES; i++) {
      shut(&places[i].fd);
      shut(&places[i].peer);
      shut(&places[i].duplicate);
    }
    close_pair(alive);
  }
}
