/* SPDX-License-Identifier: MIT */
/*
 * loop_watch.c - handlers: add, update, replace, remove, and their fate when the number
 * is closed, duplicated, or taken by another file.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

struct registration *registrations[MAX_LOOPS][MAX_FDS];
static struct registration *every; /* old ones too: a late call of one must be recognised */

static const char *word(unsigned events) {
  static const char *const words[] = {"nothing", "READ", "WRITE", "READ and WRITE"};
  return words[(events & IOLOOP_READ ? 1 : 0) + (events & IOLOOP_WRITE ? 2 : 0)];
}

static unsigned events_from(uint32_t arg) {
  static const unsigned events[] = {IOLOOP_READ, IOLOOP_WRITE, IOLOOP_READ | IOLOOP_WRITE,
                                    IOLOOP_READ, 0};
  return events[arg % 5];
}

/* ---- the handler -------------------------------------------------------------------------- */

/* A dropped registration that is reported, possibly for another file: the program notices its
 * mistake, and removes it. */
static void repair(struct registration *r) {
  int result = ioloop_remove_handler(r->loop->loop, r->fd);
  FUZZ_CHECK(result == 0, "removing a handler in itself, its descriptor closed, returned %d",
             result);
  r->live = false;
}

static void act(struct registration *r, unsigned events) {
  const struct end *end = end_of(r->fd);
  size_t size = r->mode / 8;
  if (!end)
    return;
  switch (r->mode % 8) {
  case 0: /* leave it */
    break;
  case 1: /* as a program that gates its reading */
    r->events = 0;
    FUZZ_CHECK(ioloop_update_handler(r->loop->loop, r->fd, 0) == 0, "update to 0 in the handler");
    break;
  case 2:
    end_read(end, size % 16);
    break;
  case 3:
    for (int i = 0; i < 20; i++)
      end_read(end, 5000);
    break;
  case 4:
    if (events & IOLOOP_WRITE)
      end_write(end, size);
    break;
  case 5: /* what a server does: read, then write what fits */
    end_read(end, size);
    end_write(end, size);
    break;
  default:
    if (events & IOLOOP_READ)
      end_read(end, size);
  }
}

static void called(unsigned function, struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct registration *r = arg;
  uint64_t turn = enter_phase(r->loop, loop, HANDLERS);
  fuzz_note("   handler of %d (%s): %s%s", fd, r->kind->name, word(events),
            events & IOLOOP_ERROR ? " and ERROR" : "");
  FUZZ_CHECK(r->live, "a handler was called after its removal: %d, %s", r->fd, r->kind->name);
  FUZZ_CHECK(fd == r->fd, "a handler of %d was called for %d", r->fd, fd);
  FUZZ_CHECK(registrations[r->loop->number][fd] == r, "a handler got an old argument: %d", fd);
  FUZZ_CHECK(r->function == function, "the handler that was replaced was called: %d", fd);
  unsigned wanted = events & (IOLOOP_READ | IOLOOP_WRITE);
  FUZZ_CHECK(wanted && !(wanted & ~r->events), "reported %s of %d, which wants %s", word(events),
             fd, word(r->events));
  FUZZ_CHECK(r->born != turn, "%d, %s, was reported in the iteration that added it", fd,
             r->kind->name);
  FUZZ_CHECK(r->last_turn != turn, "reported twice in one iteration: %d, %s", fd, r->kind->name);
  if (events & IOLOOP_ERROR)
    FUZZ_CHECK(wanted == r->events, "ERROR of %d came with %s, but it wants %s", fd, word(events),
               word(r->events));
  observed_call(r->loop, fd, events, turn);
  r->last_turn = turn;
  r->seen |= events;
  r->calls++;
  fuzz_count(FUZZ_EVENTS, 1);
  if (r->dropped) {
    repair(r);
    return;
  }
  if (checking)
    return;
  run_inside(HANDLERS);
  if (r->live && !r->dropped && r->loop->loop == loop)
    act(r, wanted);
}

static void on_ready_a(struct ioloop *loop, int fd, unsigned events, void *arg) {
  called(0, loop, fd, events, arg);
}

static void on_ready_b(struct ioloop *loop, int fd, unsigned events, void *arg) {
  called(1, loop, fd, events, arg);
}

static ioloop_handler_fn *const functions[] = {on_ready_a, on_ready_b};

/* ---- add ---------------------------------------------------------------------------------- */

static struct registration *make(struct watched_loop *loop, int fd, const struct kind *kind,
                                 unsigned file, unsigned mode) {
  struct registration *r = calloc(1, sizeof *r);
  if (!r)
    abort();
  *r = (struct registration){.loop = loop,
                             .fd = fd,
                             .kind = kind,
                             .file = file,
                             .mode = mode,
                             .function = mode / 3 % 2,
                             .last_turn = UINT64_MAX,
                             .born = UINT64_MAX,
                             .next = every};
  every = r;
  return r;
}

static struct registration *current(const struct watched_loop *loop, int fd) {
  struct registration *r = registrations[loop->number][fd];
  return r && r->live ? r : NULL;
}

/* "Terminals, a FIFO opened for reading and writing, and other files with two wait queues cannot be
 * watched, nor can a signalfd: EPERM" (ioloop-backends(7), linux-aio). */
static bool is_refused(const struct kind *kind) {
  return kind->flags & REFUSED || (traits & AIO && kind->flags & TWO_QUEUES) ||
         (scarce && kind->flags & STORED);
}

static void check_added(const struct end *end, const struct registration *old, unsigned events,
                        int result) {
  if (old && !old->dropped)
    FUZZ_CHECK(result == -EEXIST, "add of %d, which has a handler, returned %d", end->fd, result);
  else if (end->kind->flags & REFUSED)
    FUZZ_CHECK(result == -EPERM || (old && result == -EEXIST), "add of %s returned %d",
               end->kind->name, result);
  else if (is_refused(end->kind))
    FUZZ_CHECK(result == -EPERM || (old && result == -EEXIST) || (!events && !result),
               "add of %s returned %d", end->kind->name, result);
  else
    FUZZ_CHECK(result == 0 || (old && result == -EEXIST), "add of %d, %s, returned %d", end->fd,
               end->kind->name, result);
}

/* A number that is not open: the last one that the model knows is free. */
static void add_closed(struct watched_loop *loop, uint32_t arg) {
  int fd = 400 + (int)(arg % 100);
  int result = ioloop_add_handler(loop->loop, fd, IOLOOP_READ, on_ready_a, NULL);
  FUZZ_CHECK(result == -EBADF, "add of a closed number returned %d", result);
}

/* args: loop, descriptor, events, what the handler does */
void add_handler(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  if (!loop || !end_count)
    return;
  if (args[1] % 64 == 63) {
    add_closed(loop, args[2]);
    return;
  }
  const struct end *end = &ends[FUZZ_PICK(args[1], end_count)];
  if (scarce && end->kind->flags & (REFUSED | STORED)) /* the kernel's answer takes a descriptor */
    return;
  struct registration *old = current(loop, end->fd);
  struct registration *r = make(loop, end->fd, end->kind, end->file, args[3]);
  r->events = events_from(args[2]);
  int result = ioloop_add_handler(loop->loop, end->fd, r->events, functions[r->function], r);
  fuzz_note("   add %d (%s) for %s: %d", end->fd, end->kind->name, word(r->events), result);
  check_added(end, old, r->events, result);
  if (result == -EEXIST && old->dropped) { /* what the manual advises */
    ioloop_remove_handler(loop->loop, end->fd);
    old->live = false;
  }
  if (result)
    return;
  if (old)
    old->live = false;
  r->live = true;
  if (loop->running && loop->phase == HANDLERS)
    r->born = turn_of(loop);
  registrations[loop->number][end->fd] = r;
}

/* ---- update, replace, remove -------------------------------------------------------------- */

/* A registered number of that loop; or any descriptor's, which need not be registered. */
static int pick_number(const struct watched_loop *loop, uint32_t arg) {
  int numbers[MAX_FDS];
  size_t count = 0;
  for (int fd = 0; fd < MAX_FDS; fd++)
    if (current(loop, fd))
      numbers[count++] = fd;
  if (count == 0 || arg % 8 == 7)
    return end_count ? ends[FUZZ_PICK(arg / 8, end_count)].fd : -1;
  return numbers[FUZZ_PICK(arg / 8, count)];
}

static void check_changed(const char *what, struct registration *r, int fd, int result) {
  if (!r)
    FUZZ_CHECK(result == -ENOENT, "%s of %d, which has no handler, returned %d", what, fd, result);
  else if (!r->dropped && is_refused(r->kind))
    FUZZ_CHECK(result == 0 || result == -EPERM, "%s of %d, %s, returned %d", what, fd,
               r->kind->name, result);
  else if (!r->dropped)
    FUZZ_CHECK(result == 0, "%s of %d, %s, returned %d", what, fd, r->kind->name, result);
  else if (result == -ENOENT)
    r->live = false;
}

void update_handler(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  int fd = loop ? pick_number(loop, args[1]) : -1;
  if (fd < 0)
    return;
  struct registration *r = current(loop, fd);
  unsigned events = events_from(args[2]);
  int result = ioloop_update_handler(loop->loop, fd, events);
  fuzz_note("   update %d to %s: %d", fd, word(events), result);
  check_changed("update", r, fd, result);
  if (result == 0)
    r->events = events;
}

void replace_handler(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  int fd = loop ? pick_number(loop, args[1]) : -1;
  if (fd < 0)
    return;
  struct registration *old = current(loop, fd);
  struct registration *r =
      old ? make(loop, fd, old->kind, old->file, args[3]) : make(loop, fd, NULL, 0, 0);
  r->events = events_from(args[2]);
  int result = ioloop_replace_handler(loop->loop, fd, r->events, functions[r->function], r);
  fuzz_note("   replace %d for %s: %d", fd, word(r->events), result);
  check_changed("replace", old, fd, result);
  if (result)
    return;
  old->live = false;
  r->live = true;
  r->dropped = old->dropped;
  r->last_turn = old->last_turn;
  r->born = old->born;
  registrations[loop->number][fd] = r;
}

static void remove_from(struct watched_loop *loop, int fd) {
  struct registration *r = current(loop, fd);
  int result = ioloop_remove_handler(loop->loop, fd);
  fuzz_note("   remove %d: %d", fd, result);
  check_changed("remove", r, fd, result);
  FUZZ_CHECK(result == 0 || result == -ENOENT, "remove of %d returned %d", fd, result);
  if (r)
    r->live = false;
}

void remove_handler(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  int fd = loop ? pick_number(loop, args[1]) : -1;
  if (fd >= 0)
    remove_from(loop, fd);
}

void registrations_end(struct watched_loop *loop) {
  for (int fd = 0; fd < MAX_FDS; fd++)
    if (current(loop, fd))
      registrations[loop->number][fd]->live = false;
}

/* "None announces the process's own shutdown(2): ioloop_update_handler with the same events makes
 * the backend check the descriptor again" (ioloop-backends(7), SIGNAL-DRIVEN). */
void remind(unsigned file) {
  for (unsigned i = 0; i < MAX_LOOPS && traits & SIGNAL_DRIVEN; i++)
    for (int fd = 0; fd < MAX_FDS; fd++) {
      struct registration *r = loops[i].loop ? current(&loops[i], fd) : NULL;
      if (r && !r->dropped && r->file == file)
        FUZZ_CHECK(ioloop_update_handler(loops[i].loop, fd, r->events) == 0, "update to the same");
    }
}

/* ---- close and dup ------------------------------------------------------------------------ */

static void remove_everywhere(int fd) {
  for (unsigned i = 0; i < MAX_LOOPS; i++)
    if (loops[i].loop && current(&loops[i], fd))
      remove_from(&loops[i], fd);
}

/* The number is about to be closed while it is registered. */
static void drop_everywhere(int fd) {
  for (unsigned i = 0; i < MAX_LOOPS; i++) {
    struct registration *r = loops[i].loop ? current(&loops[i], fd) : NULL;
    if (r) {
      loops[i].drops++;
      r->dropped = true;
    }
  }
}

static void close_it(struct end *end) {
  fuzz_note("   close %d", end->fd);
  close(end->fd);
  end_forget(end);
}

/* Another descriptor, or what a dropped registration has left in the kernel, holds the file. */
static bool is_held(unsigned file) {
  for (size_t i = 0; i < end_count; i++)
    if (ends[i].file == file)
      return true;
  for (const struct registration *r = every; r; r = r->next)
    if (r->file == file && r->dropped)
      return true;
  return false;
}

/* "The descriptor may be closed at once" (ioloop.h): its peer sees the end. */
static void check_peer(const struct end *closed) {
  for (size_t i = 0; i < end_count && closed->pair && closed->kind->flags & HAS_END; i++) {
    struct pollfd peer = {.fd = ends[i].fd, .events = POLLIN};
    if (ends[i].pair == closed->pair && ends[i].file != closed->file && !is_held(closed->file))
      FUZZ_CHECK(poll(&peer, 1, 5000) == 1,
                 "%d, %s, was removed and closed, and its peer sees no "
                 "end",
                 closed->fd, closed->kind->name);
  }
}

void close_end(const uint32_t *args) {
  if (!end_count)
    return;
  struct end *end = &ends[FUZZ_PICK(args[0], end_count)], closed = *end;
  remove_everywhere(end->fd);
  close_it(end);
  check_peer(&closed);
}

void drop_end(const uint32_t *args) {
  if (!end_count)
    return;
  struct end *end = &ends[FUZZ_PICK(args[0], end_count)];
  drop_everywhere(end->fd);
  close_it(end);
}

/* With an RST, if it is TCP. */
void reset_end(const uint32_t *args) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  if (!end_count)
    return;
  struct end *end = &ends[FUZZ_PICK(args[0], end_count)];
  setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  remove_everywhere(end->fd);
  close_it(end);
}

void dup_end(const uint32_t *args) {
  if (!end_count)
    return;
  const struct end *end = &ends[FUZZ_PICK(args[0], end_count)];
  end_new(dup(end->fd), end->kind, end->file);
}

/* args: from, to, whether the handlers of the number are removed before (two of three) */
void dup2_end(const uint32_t *args) {
  if (!end_count || scarce)
    return;
  struct end from = ends[FUZZ_PICK(args[0], end_count)], *to = &ends[FUZZ_PICK(args[1], end_count)];
  if (from.fd == to->fd)
    return;
  int fd = to->fd;
  if (args[2] % 3)
    remove_everywhere(fd);
  else
    drop_everywhere(fd);
  end_forget(to);
  end_new(dup2(from.fd, fd), from.kind, from.file);
}

/* args: loop, a registered number, events, what the handler does. What a server does: the number is
 * closed, and is at once another descriptor's, with a handler of its own. */
void recycle_end(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  int fd = loop ? pick_number(loop, args[1]) : -1;
  struct end *end = fd >= 0 ? end_of(fd) : NULL;
  if (!end)
    return;
  remove_everywhere(fd);
  close_it(end);
  open_end(&args[3]);
  end = end_of(fd);
  if (end)
    add_handler((uint32_t[]){args[0], (uint32_t)(end - ends), args[2], args[3]});
}
