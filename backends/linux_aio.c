/* SPDX-License-Identifier: MIT */
/*
 * linux_aio.c - readiness as an asynchronous request: io_submit with IOCB_CMD_POLL (Linux 4.18;
 * io_setup(2), io_submit(2), io_getevents(2), linux/aio_abi.h). The ancestor of io_uring.
 *
 * The program describes a request in a control block (iocb): "poll this descriptor for these
 * events". io_submit hands over any number of them in one call and returns at once; each ends with
 * an event in a ring that the kernel shares with the program. io_getevents waits for such events
 * and copies them out. Where the ring has its known form (the magic number below), the program
 * reads it itself: events that are there cost no system call. Linux's AIO was made for disks, and a
 * poll is its only request for sockets that does not block: the model is asynchronous, what it is
 * asked for is readiness. libev has such a backend too.
 *
 * A poll request ends when the descriptor is ready: once. It looks at the level when it is
 * submitted, so submitting it again after the handler has run gives level-triggered semantics.
 * All of a turn's are submitted in one call, so that a wait costs two: io_submit and io_getevents.
 *
 * Surprises
 *   - A context is made for a number of requests, and all contexts of the system share
 *     /proc/sys/fs/aio-max-nr (65,536 by default): io_setup says EAGAIN when they are used up.
 *     A context cannot grow. When ours is full everything moves to one of twice the size.
 *   - io_destroy blocks for 30 ms and more, until all processors have noticed (RCU). So a context
 *     that was outgrown is kept until the loop is freed, or the system's limit is reached; and a
 *     kind is tried in the context that is there. Making a loop, and freeing it, take that time.
 *   - A request holds a reference to its file: a descriptor that is closed while it is pending
 *     stays open in the kernel. So removing cancels it. io_cancel identifies a request by the
 *     address of its control block, which is why each descriptor has one of its own.
 *   - A cancelled request ends with an event as well, a little later. Each has a number; an event
 *     whose number is not the descriptor's current one is dropped.
 *   - Kinds with two wait queues are refused with EINVAL: terminals, a FIFO opened for reading and
 *     writing, /dev/random. And a signalfd never becomes ready, as it looks at the signals of the
 *     kernel thread that asks. Here both are -EPERM, as other kinds that a model cannot wait for.
 *   - For changes that a wake-up does not name, such as an end of input, a kernel thread checks the
 *     descriptor before the request ends: the event comes a moment after the change.
 *   - A forked child has no context: it belongs to the memory of the process that made it.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"

enum {
  FIRST_CAPACITY = 128,
  BATCH = 256, /* requests or events of a call */
  MOST_OUTGROWN = 16,
  NONE = -1
};

/* What the address that io_setup returns points to (fs/aio.c). */
struct ring {
  unsigned id, size, head, tail;
  unsigned magic, compatible, incompatible, header_size;
  struct io_event events[];
};
static const unsigned known_magic = 0xa10a10a1;

struct state {
  aio_context_t context;
  unsigned capacity; /* of requests */
  uint32_t number;   /* of the last request */
  int highest;       /* descriptor that ever had one */
  int first_due;     /* descriptors whose requests are submitted before the next wait; NONE */
  int last_due;      /* valid if there is a first */
  unsigned outgrown_count;
  aio_context_t outgrown[MOST_OUTGROWN];
};

struct slot {
  struct iocb *request; /* NULL: not watched */
  uint32_t number;      /* of the request that is pending */
  int next_due;
  bool pending, due;
};

/* ---- the system calls, for which libc has no functions --------------------------------------- */

static int result_of(long result) {
  return result < 0 ? -errno : (int)result;
}

static int setup(unsigned capacity, aio_context_t *ret) {
  *ret = 0;
  return result_of(syscall(SYS_io_setup, capacity, ret));
}

static int submit(struct ioloop *loop, const struct state *s, struct iocb **requests, int count) {
  uint64_t begun = ioloop__call_begins(loop);
  long r = syscall(SYS_io_submit, s->context, (long)count, requests);
  return ioloop__call_returned(loop, "io_submit", -1, r, begun);
}

static int get_events(struct ioloop *loop, const struct state *s, uint64_t timeout_ns,
                      struct io_event *events, int count) {
  uint64_t seconds = timeout_ns / 1000000000;
  struct {
    long seconds, nanoseconds;
  } timeout = {seconds < INT_MAX ? (long)seconds : INT_MAX, (long)(timeout_ns % 1000000000)};
  uint64_t begun = ioloop__call_begins(loop);
  long r = syscall(SYS_io_getevents, s->context, (long)(timeout_ns > 0), (long)count, events,
                   timeout_ns == IOLOOP_FOREVER ? NULL : &timeout);
  return ioloop__call_returned(loop, "io_getevents", -1, r, begun);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void make_due(struct ioloop *loop, struct state *s, int fd, struct slot *slot) {
  slot->pending = false;
  if (slot->due)
    return;
  slot->due = true;
  slot->next_due = NONE;
  if (s->first_due == NONE)
    s->first_due = fd;
  else
    ((struct slot *)ioloop__slot(loop, s->last_due))->next_due = fd;
  s->last_due = fd;
}

static void cancel(const struct state *s, struct slot *slot) {
  struct io_event unused;
  if (slot->pending)
    syscall(SYS_io_cancel, s->context, slot->request, &unused);
  slot->pending = false;
}

static void destroy_outgrown(struct state *s) {
  while (s->outgrown_count > 0)
    syscall(SYS_io_destroy, s->outgrown[--s->outgrown_count]);
}

/* Everything moves to a context of twice the size. */
static int grow(struct ioloop *loop, struct state *s) {
  aio_context_t larger;
  int r = setup(2 * s->capacity, &larger);
  if ((r == -EAGAIN && s->outgrown_count > 0) || s->outgrown_count == MOST_OUTGROWN) {
    destroy_outgrown(s);
    r = r ? setup(2 * s->capacity, &larger) : 0;
  }
  if (r)
    return -ENOSPC;
  for (int fd = 0; fd <= s->highest; fd++) {
    struct slot *slot = ioloop__slot(loop, fd);
    if (!slot->pending)
      continue;
    cancel(s, slot);
    make_due(loop, s, fd, slot);
  }
  s->outgrown[s->outgrown_count++] = s->context;
  s->context = larger;
  s->capacity *= 2;
  return 0;
}

/* Take a batch of requests from the list. Those of descriptors that were removed are left out. */
static int take_due(struct ioloop *loop, struct state *s, struct iocb **requests) {
  int count = 0;
  while (s->first_due != NONE && count < BATCH) {
    int fd = s->first_due;
    struct slot *slot = ioloop__slot(loop, fd);
    s->first_due = slot->next_due;
    slot->due = false;
    if (!slot->request || slot->pending)
      continue;
    slot->number = ++s->number;
    slot->request->aio_data = (uint64_t)slot->number << 32 | (uint32_t)fd;
    requests[count++] = slot->request;
  }
  return count;
}

static int check(struct ioloop *loop, struct state *s, int fd);

/* Submit them; those that could not be are due again. */
static int start_batch(struct ioloop *loop, struct state *s, struct iocb **requests, int count) {
  int r = submit(loop, s, requests, count);
  for (int i = 0; i < count; i++) {
    int fd = (int)requests[i]->aio_fildes;
    struct slot *slot = ioloop__slot(loop, fd);
    if (i < r)
      slot->pending = true;
    else
      make_due(loop, s, fd, slot);
  }
  if (r == -EAGAIN)
    return grow(loop, s);
  if (r >= 0 || ioloop__is_passing(r))
    return r < 0 ? r : 0;
  int fd = (int)requests[0]->aio_fildes, why = check(loop, s, fd);
  if (why != -EBADF && why != -EPERM)
    return r;                /* not for the descriptor's sake */
  ioloop__fd_gone(loop, fd); /* closed without remove */
  return 0;
}

static int start_due(struct ioloop *loop, struct state *s) {
  struct iocb *requests[BATCH];
  int r = 0;
  while (!r && s->first_due != NONE) {
    int count = take_due(loop, s, requests);
    if (count)
      r = start_batch(loop, s, requests, count);
  }
  return r;
}

/* ---- changes of interest --------------------------------------------------------------------- */

/* No events: of a descriptor that is ready the kernel would not notice that it has two queues, and
 * refuse it only when it has to wait. Number 0 is no request's: the event is dropped. */
static int try_poll(aio_context_t context, int fd) {
  struct iocb request = {
      .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = (uint32_t)fd, .aio_data = (uint32_t)fd};
  struct iocb *requests = &request;
  struct io_event unused;
  int r = result_of(syscall(SYS_io_submit, context, 1L, &requests));
  if (r > 0)
    syscall(SYS_io_cancel, context, &request, &unused);
  return r < 0 ? r : 0;
}

static bool is_signalfd(int fd) {
  char path[32], name[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(path, name, sizeof name - 1);
  name[size < 0 ? 0 : size] = '\0';
  return strcmp(name, "anon_inode:[signalfd]") == 0;
}

/* One that has hung up is ready whatever is asked for; its slave side answers EIO. */
static bool is_terminal(int fd) {
  return isatty(fd) || errno == EIO;
}

/* Sockets and pipes can be polled; of other kinds the kernel, or its signalfd, has to be asked. */
static int check(struct ioloop *loop, struct state *s, int fd) {
  struct stat status;
  int r = ioloop__check_fd(fd);
  if (r || fstat(fd, &status) < 0 || S_ISSOCK(status.st_mode))
    return r;
  if (S_ISFIFO(status.st_mode) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
    return 0;
  r = is_signalfd(fd) || is_terminal(fd) ? -EINVAL : try_poll(s->context, fd);
  if (r == -EAGAIN && grow(loop, s) == 0)
    r = try_poll(s->context, fd);
  return r == -EINVAL ? -EPERM : r;
}

static int add(struct ioloop *loop, struct state *s, int fd, unsigned mask, struct slot *slot) {
  int r = check(loop, s, fd);
  if (r)
    return r;
  slot->request = malloc(sizeof *slot->request);
  if (!slot->request)
    return -ENOMEM;
  *slot->request =
      (struct iocb){.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = (uint32_t)fd, .aio_buf = mask};
  s->highest = fd > s->highest ? fd : s->highest;
  make_due(loop, s, fd, slot);
  return 0;
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot_memory) {
  struct state *s = state;
  struct slot *slot = slot_memory;
  int fd = (int)(uint32_t)token;
  if (!old)
    return add(loop, s, fd, now, slot);
  cancel(s, slot);
  if (now) {
    slot->request->aio_buf = now;
    make_due(loop, s, fd, slot);
  } else {
    free(slot->request);
    slot->request = NULL;
  }
  return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Take what is in the ring, without a system call. The kernel moves the tail, we the head. */
static int take(const struct state *s, struct io_event *events, int count) {
  struct ring *ring = (struct ring *)s->context;
  if (ring->magic != known_magic || ring->incompatible)
    return 0;
  unsigned head = ring->head, tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
  int n = 0;
  for (; n < count && head != tail; n++) {
    events[n] = ring->events[head];
    head = (head + 1) % ring->size;
  }
  __atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
  return n;
}

/* An event becomes a report, unless its request was cancelled. Returns how many. */
static int report(struct ioloop *loop, struct state *s, const struct io_event *event,
                  struct ioloop_ready *ready) {
  int fd = (int)(uint32_t)event->data;
  struct slot *slot = ioloop__slot(loop, fd);
  if (!slot->pending || slot->number != event->data >> 32)
    return 0;
  make_due(loop, s, fd, slot);
  *ready = (struct ioloop_ready){.token = ioloop__token(loop, fd),
                                 .events = event->res < 0 ? POLLERR : (unsigned)event->res};
  return 1;
}

/* From the ring, or by a call. Returns how many events were taken, or -errno; *n counts reports. */
static int take_batch(struct ioloop *loop, struct state *s, uint64_t timeout_ns,
                      struct ioloop_ready *ready, int capacity, int *n) {
  struct io_event events[BATCH];
  int room = capacity - *n < BATCH ? capacity - *n : BATCH;
  int count = take(s, events, room);
  if (!count)
    count = get_events(loop, s, timeout_ns, events, room);
  for (int i = 0; i < count; i++)
    *n += report(loop, s, &events[i], &ready[*n]);
  return count;
}

static int wait_ready(struct ioloop *loop, void *state, uint64_t timeout_ns,
                      struct ioloop_ready *ready, int capacity) {
  struct state *s = state;
  uint64_t abandoned = ioloop__metrics(loop)->abandoned;
  int r = start_due(loop, s), n = 0;
  if (r)
    return r;
  if (abandoned != ioloop__metrics(loop)->abandoned)
    timeout_ns = 0; /* what was dropped is news for the program: do not block */
  do {
    r = take_batch(loop, s, timeout_ns, ready, capacity, &n);
    timeout_ns = 0;
  } while (r == BATCH && n < capacity);
  return n ? n : r < 0 ? r : 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)loop, (void)variant;
  struct state *s = state;
  s->capacity = FIRST_CAPACITY;
  s->first_due = NONE;
  int r = setup(s->capacity, &s->context);
  return r == -EAGAIN ? -ENOSPC : r;
}

static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  syscall(SYS_io_destroy, s->context); /* cancels what is pending */
  destroy_outgrown(s);
}

static void after_fork(struct ioloop *loop, void *state) {
  const struct state *s = state;
  for (int fd = 0; fd <= s->highest; fd++)
    free(((struct slot *)ioloop__slot(loop, fd))->request);
}

/* Only a request shows whether the kernel knows polls. */
static int try_all(void) {
  aio_context_t context;
  int fd = eventfd(1, EFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  int r = setup(1, &context);
  if (!r) {
    r = try_poll(context, fd);
    syscall(SYS_io_destroy, context);
  }
  close(fd);
  return r;
}

static int probe(const char *variant, char *reason, size_t size) {
  (void)variant;
  int r = try_all();
  if (r == -EINVAL)
    snprintf(reason, size, "this kernel's is too old: needs Linux 4.18 (IOCB_CMD_POLL)");
  else if (r == -ENOSYS)
    snprintf(reason, size, "not in this kernel, or hidden by a seccomp filter (ENOSYS)");
  else if (r == -EAGAIN)
    snprintf(reason, size, "all requests of /proc/sys/fs/aio-max-nr are in use");
  else if (r)
    snprintf(reason, size, "io_setup or io_submit: %s", strerror(-r));
  return r == -EAGAIN ? -ENOSPC : r;
}

const struct ioloop_backend ioloop__linux_aio = {
    .name = "linux-aio",
    .features = IOLOOP_F_SCALES | IOLOOP_F_NS_TIMEOUT,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct slot),
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = wait_ready,
    .after_fork = after_fork,
    .probe = probe,
};
