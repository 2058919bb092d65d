/* SPDX-License-Identifier: MIT */
/*
 * loop_crowd.c - limits. More descriptors are ready than a wait reports at once: each is served, and
 * none twice before all once, next to whatever else the loop watches. RLIMIT_NOFILE is lower than
 * the number of open descriptors: the loop goes on.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "loop.h"

enum {
  MOST = 400,
};

static struct member {
  struct watched_loop *loop;
  int fd;
  unsigned calls;
} members[MOST];
static size_t member_count;
static unsigned fewest; /* calls of any of them */

static void find_fewest(void) {
  fewest = members[0].calls;
  for (size_t i = 1; i < member_count; i++)
    fewest = members[i].calls < fewest ? members[i].calls : fewest;
}

/* A new set for epoll, which got rid of a ghost, has all that is ready in the order of its numbers
 * (epoll.c): what the old one still had to report comes after the first again. What the wait before
 * it has reported is of the old order, and was checked against that. Returns whether there is one.
 */
static bool begin_again(const struct watched_loop *loop) {
  static uint64_t rebuilds;
  uint64_t before = rebuilds;
  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop->loop, &metrics, sizeof metrics);
  rebuilds = metrics.rebuilds;
  if (rebuilds == before)
    return false;
  for (size_t i = 0; i < member_count; i++)
    members[i].calls = 0;
  fewest = 0;
  return true;
}

static void on_member(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct member *member = arg;
  enter_phase(member->loop, loop, HANDLERS);
  FUZZ_CHECK(fd == member->fd && events == IOLOOP_WRITE, "of many, %d was reported as %d (%u)",
             member->fd, fd, events);
  FUZZ_CHECK(member->calls == fewest, "of %zu ready descriptors, one was reported twice before all",
             member_count);
  member->calls++;
  find_fewest();
}

static void add_members(struct watched_loop *loop, int fd, size_t count) {
  for (member_count = 0; member_count < count; member_count++) {
    struct member *member = &members[member_count];
    *member = (struct member){.loop = loop, .fd = dup(fd)};
    if (member->fd < 0)
      return;
    int result = ioloop_add_handler(loop->loop, member->fd, IOLOOP_WRITE, on_member, member);
    FUZZ_CHECK(result == 0, "adding the %zuth of many returned %d", member_count, result);
    fuzz_count(FUZZ_DESCRIPTORS, 1);
  }
}

/* args: loop, how many, in which order they are removed */
void crowd(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  size_t count = args[1] % MOST + 1;
  int pair[2];
  if (!loop || loop->running || checking || pipe(pair) < 0)
    return;
  for (int fd = 0; fd < MAX_FDS; fd++) { /* a dropped registration may have one of their numbers */
    const struct registration *r = registrations[loop->number][fd];
    if (r && r->live && r->dropped)
      count = 0;
  }
  checking = loop;
  add_members(loop, pair[1], count);
  fewest = 0;
  begin_again(loop);
  size_t turns = 0, enough = 2 * (member_count / 200 + 8);
  while (member_count && fewest < 2 && turns++ < enough) {
    run_turn(loop, 0);
    if (begin_again(loop)) /* once per ghost at most: check_metrics */
      turns = 0;
  }
  FUZZ_CHECK(!member_count || fewest >= 2,
             "of %zu ready descriptors, one was reported %u times in "
             "%zu iterations",
             member_count, fewest, turns);
  for (size_t i = 0; i < member_count; i++) {
    const struct member *member = &members[args[2] % 2 ? i : member_count - 1 - i];
    int result = ioloop_remove_handler(loop->loop, member->fd);
    FUZZ_CHECK(result == 0, "removing one of many returned %d", result);
    close(member->fd);
  }
  checking = NULL;
  close(pair[0]);
  close(pair[1]);
}

bool scarce;

/* args: whether to lower the limit, to what */
void limit_descriptors(const uint32_t *args) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max < 1024 ? limit.rlim_max : 1024;
  scarce = args[0] % 2;
  if (scarce)
    limit.rlim_cur = 2 + args[1] % 30;
  setrlimit(RLIMIT_NOFILE, &limit);
}
