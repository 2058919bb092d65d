/* SPDX-License-Identifier: MIT */
/*
 * fdtable.c - unit tests of the registrations, against a backend that only records its calls: which
 * changes reach it, with which masks, tokens and slots, and what happens when it refuses.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"
#include "tap.h"

struct change {
  int fd;
  uint32_t generation;
  unsigned old, now;
};

struct slot {
  uint64_t marks[3]; /* zero when the table gave it out, kept since */
};

static struct change changes[64];
static int change_count, answer;
static uint64_t last_stale;

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  (void)state;
  struct slot *own = slot;
  int fd = (int)(uint32_t)token;
  CHECK(ioloop__slot(loop, fd) == slot);
  CHECK(own->marks[0] == 0 || own->marks[0] == (uint64_t)fd + 1);
  CHECK_IS(own->marks[1], ==, own->marks[0]);
  own->marks[0] = own->marks[1] = (uint64_t)fd + 1;
  CHECK_IS(change_count, <, 64);
  changes[change_count++] =
      (struct change){.fd = fd, .generation = (uint32_t)(token >> 32), .old = old, .now = now};
  return answer;
}

static void stale(struct ioloop *loop, void *state, uint64_t token) {
  (void)loop, (void)state;
  last_stale = token;
}

static struct ioloop_backend recorder = {
    .name = "recorder", .slot_size = sizeof(struct slot), .modify = modify, .stale = stale};

static int fds[4]; /* descriptors to register: the ends of two pipes */

/* A loop with a working table and nothing else. */
static struct ioloop *new_table(unsigned features) {
  CHECK_SYS(pipe(fds));
  CHECK_SYS(pipe(fds + 2));
  struct ioloop *loop = calloc(1, sizeof *loop);
  CHECK(loop);
  recorder.features = features;
  loop->backend = &recorder;
  loop->fork_count = ioloop__fork_count();
  return loop;
}

static void free_table(struct ioloop *loop) {
  ioloop__fdtable_free(loop);
  free(loop);
  for (int i = 0; i < 4; i++)
    CHECK_SYS(close(fds[i]));
}

static void never(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)loop, (void)fd, (void)events, (void)arg;
}

static void check_change(int fd, unsigned old, unsigned now) {
  CHECK_IS(change_count, ==, 1);
  CHECK_IS(changes[0].fd, ==, fd);
  CHECK_IS(changes[0].old, ==, old);
  CHECK_IS(changes[0].now, ==, now);
  change_count = 0;
}

static uint32_t generation_of(const struct ioloop *loop, int fd) {
  return (uint32_t)(ioloop__token(loop, fd) >> 32);
}

enum {
  R = IOLOOP_READ,
  W = IOLOOP_WRITE
};

TEST(1, "add reaches the backend at once, a change at the flush, remove at once") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  check_change(fds[0], 0, R);
  CHECK_OK(ioloop_update_handler(loop, fds[0], R | W));
  CHECK_IS(change_count, ==, 0);
  ioloop__fdtable_flush(loop);
  check_change(fds[0], R, R | W);
  ioloop__fdtable_flush(loop);
  CHECK_IS(change_count, ==, 0);
  CHECK_OK(ioloop_remove_handler(loop, fds[0]));
  check_change(fds[0], R | W, 0);
  free_table(loop);
}

TEST(2, "changes that cancel out cost nothing") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  change_count = 0;
  for (int turn = 0; turn < 10; turn++) {
    CHECK_OK(ioloop_update_handler(loop, fds[0], W));
    CHECK_OK(ioloop_update_handler(loop, fds[0], 0));
    CHECK_OK(ioloop_update_handler(loop, fds[0], R));
  }
  ioloop__fdtable_flush(loop);
  CHECK_IS(change_count, ==, 0);
  CHECK_OK(ioloop_update_handler(loop, fds[0], W));
  CHECK_OK(ioloop_remove_handler(loop, fds[0])); /* the change is listed, but now pointless */
  check_change(fds[0], R, 0);
  ioloop__fdtable_flush(loop);
  CHECK_IS(change_count, ==, 0);
  free_table(loop);
}

TEST(3, "a signal-driven backend is called again for an unchanged mask") {
  struct ioloop *loop = new_table(IOLOOP_F_SIGNAL_DRIVEN);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  change_count = 0;
  CHECK_OK(ioloop_update_handler(loop, fds[0], R));
  ioloop__fdtable_flush(loop);
  check_change(fds[0], R, R);
  free_table(loop);
}

TEST(4, "a mask of nothing is not armed until it becomes something") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], 0, never, NULL));
  ioloop__fdtable_flush(loop);
  CHECK_IS(change_count, ==, 0);
  CHECK_OK(ioloop_update_handler(loop, fds[0], W)); /* if it fails, this call fails */
  check_change(fds[0], 0, W);
  CHECK_OK(ioloop_update_handler(loop, fds[0], 0));
  ioloop__fdtable_flush(loop);
  check_change(fds[0], W, 0);
  CHECK_OK(ioloop_remove_handler(loop, fds[0]));
  CHECK_IS(change_count, ==, 0);
  free_table(loop);
}

TEST(5, "what the backend refuses at add is not registered") {
  struct ioloop *loop = new_table(0);
  answer = -EPERM;
  CHECK_ERROR(ioloop_add_handler(loop, fds[0], R, never, NULL), EPERM);
  CHECK_ERROR(ioloop_remove_handler(loop, fds[0]), ENOENT);
  CHECK_IS(loop->table.registered, ==, 0);
  answer = 0;
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  CHECK_IS(loop->table.registered, ==, 1);
  free_table(loop);
}

TEST(6, "a report for a removed descriptor is stale, and passed to the backend") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  uint64_t token = ioloop__token(loop, fds[0]);
  CHECK_OK(ioloop_remove_handler(loop, fds[0]));
  ioloop__fdtable_unwanted(loop, token);
  CHECK_IS(loop->metrics.stale, ==, 1);
  CHECK(last_stale == token);
  last_stale = 0;
  change_count = 0;
  free_table(loop);
}

TEST(7, "watched descriptors enter a new set, with their tokens") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  CHECK_OK(ioloop_add_handler(loop, fds[1], R | W, never, NULL));
  CHECK_OK(ioloop_add_handler(loop, fds[2], 0, never, NULL));
  CHECK_OK(ioloop_remove_handler(loop, fds[0]));
  uint32_t generation = generation_of(loop, fds[1]);
  change_count = 0;
  ioloop__add_again(loop);
  CHECK_IS(changes[0].generation, ==, generation);
  check_change(fds[1], 0, R | W);
  free_table(loop);
}

TEST(8, "a new set takes a change that waits for the flush, and a refused one is retried") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  CHECK_OK(ioloop_add_handler(loop, fds[1], R, never, NULL));
  CHECK_OK(ioloop_update_handler(loop, fds[0], W));
  CHECK_OK(ioloop_update_handler(loop, fds[1], 0));
  change_count = 0;
  answer = -ENOMEM;
  ioloop__add_again(loop);
  check_change(fds[0], 0, W);
  answer = 0;
  ioloop__fdtable_flush(loop);
  check_change(fds[0], 0, W);
  ioloop__fdtable_flush(loop);
  CHECK_IS(change_count, ==, 0);
  CHECK_IS(loop->table.dirty, ==, 0);
  free_table(loop);
}

TEST(9, "a report for an earlier owner of the number is stale; one for an unwanted event is not") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  uint64_t old = ioloop__token(loop, fds[0]);
  CHECK_OK(ioloop_remove_handler(loop, fds[0]));
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  ioloop__fdtable_unwanted(loop, old);
  CHECK_IS(loop->metrics.stale, ==, 1);
  CHECK(last_stale == old);
  last_stale = 0;
  change_count = 0;
  ioloop__fdtable_unwanted(loop, ioloop__token(loop, fds[0]));
  CHECK_IS(loop->metrics.stale, ==, 1);
  CHECK_IS(loop->metrics.spurious, ==, 1);
  CHECK(last_stale == 0);
  free_table(loop);
}

TEST(10, "an entry that the kernel has lost is added again by the flush") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  CHECK_OK(ioloop_update_handler(loop, fds[0], W));
  change_count = 0;
  answer = -ENOENT;
  ioloop__fdtable_flush(loop); /* refused as a change, and here as an addition too */
  CHECK_IS(change_count, ==, 2);
  CHECK_IS(changes[1].old, ==, 0);
  CHECK_IS(changes[1].now, ==, W);
  answer = change_count = 0;
  free_table(loop);
}

TEST(11, "a descriptor whose change is refused for good is dropped and counted") {
  const int refusals[] = {-EBADF, -EPERM, -EINVAL, -EIO};
  struct ioloop *loop = new_table(0);
  for (int i = 0; i < 4; i++) {
    answer = 0;
    CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
    CHECK_OK(ioloop_update_handler(loop, fds[0], W));
    answer = refusals[i];
    ioloop__fdtable_flush(loop);
    CHECK_IS(loop->metrics.abandoned, ==, i + 1);
    CHECK_IS(loop->table.dirty, ==, 0);
    CHECK_ERROR(ioloop_remove_handler(loop, fds[0]), ENOENT);
    CHECK_IS(loop->table.registered, ==, 0);
  }
  answer = change_count = 0;
  free_table(loop);
}

TEST(12, "a change for which there is no memory is tried again") {
  struct ioloop *loop = new_table(0);
  CHECK_OK(ioloop_add_handler(loop, fds[0], R, never, NULL));
  CHECK_OK(ioloop_update_handler(loop, fds[0], W));
  answer = -ENOMEM;
  change_count = 0;
  ioloop__fdtable_flush(loop);
  CHECK_IS(change_count, ==, 2); /* an event no longer wanted must not wake the loop */
  CHECK_IS(changes[1].now, ==, 0);
  CHECK_IS(loop->table.dirty, ==, 1); /* then the loop does not wait for long */
  answer = change_count = 0;
  ioloop__fdtable_flush(loop);
  check_change(fds[0], 0, W);
  CHECK_IS(loop->table.dirty, ==, 0);
  free_table(loop);
}

TEST(13, "growing keeps registrations and slots, and clears new ones") {
  struct ioloop *loop = new_table(0);
  int arguments[200], numbers[200], count = 0;
  for (int number = 20; number < 900; number += 5) {
    numbers[count] = SYS(dup2(fds[0], number));
    CHECK_OK(ioloop_add_handler(loop, number, R, never, &arguments[count]));
    change_count = 0; /* modify() itself checks the slots */
    count++;
  }
  CHECK_IS(loop->table.registered, ==, count);
  for (int i = 0; i < count; i++) {
    CHECK(loop->table.fds[numbers[i]].arg == &arguments[i]);
    CHECK_OK(ioloop_update_handler(loop, numbers[i], W));
    ioloop__fdtable_flush(loop);
    check_change(numbers[i], R, W);
    CHECK_OK(ioloop_remove_handler(loop, numbers[i]));
    change_count = 0;
    CHECK_SYS(close(numbers[i]));
  }
  CHECK_IS(loop->table.registered, ==, 0);
  free_table(loop);
}

TEST(14, "a registration takes 32 bytes") {
  CHECK_IS(sizeof(struct ioloop__fd), <=, 32);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
