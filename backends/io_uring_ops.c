/* SPDX-License-Identifier: MIT */
/*
 * io_uring_ops.c - the asynchronous model proper: operations that the kernel carries out by itself
 * (io_uring_prep_recv_multishot(3), io_uring_register_buf_ring(3) and their like).
 *
 * A receive needs memory while it waits, and ten thousand idle connections would keep ten thousand
 * buffers. So the kernel is given a ring of buffers that all of them share, and takes one when data
 * arrives ("provided buffers"). The buffer holds that data until `done` has returned, and then goes
 * to the end of the ring again. One "multishot" request receives for the life of the connection: in
 * the steady state a client's request costs one submission, its reply.
 *
 * A send is tried once (MSG_DONTWAIT): the call that submits it also ends it. Where there is no
 * room it returns what it could send, or EAGAIN, and its owner waits for readiness: an entry for
 * the poll, an entry for the rest, and no system call more than if the kernel had waited by itself;
 * but the kernel waits in a worker thread where the peer has half-closed (io_uring.c).
 *
 * The completion of a send matters only if a caller waits for it; otherwise it would end the next
 * wait at once, and a request would cost two calls instead of one. A quiet send is all or nothing
 * (MSG_WAITALL) and reports no success (IOSQE_CQE_SKIP_SUCCESS): it is over when the call that
 * submitted it has returned, and has succeeded if the completion ring, read to its end, has no
 * entry for it.
 *
 * When all buffers are in use a receive ends with ENOBUFS. The data stays in the socket; its owner
 * starts it again, which reaches the kernel in the next call, when this iteration's buffers are
 * back.
 *
 * Ending an operation is one more request, and its answer is not the end: the operation may be
 * completing at this moment, or may already have completions in the ring or in our list. `cancel`
 * waits for the completion that has no successor, and reports all earlier ones. The request may be
 * refused, for an operation that is between two of the kernel's lists or with a worker (an accept,
 * woken 128 times without a connection): it is then made again.
 */
#include "io_uring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
  BYTES_GROUP,
  DATAGRAMS_GROUP,
};

enum {
  BYTES_COUNT = 256,
  BYTES_SIZE = 8 * 1024,
  CONTROL_SIZE = 128, /* our own address, and a timestamp that the program asked for */
  /* The largest datagram, its addresses and io_uring's header. Places a power of two apart would
   * compete for the same few lines of the cache. What no datagram reaches is never touched. */
  DATAGRAMS_COUNT = 64,
  DATAGRAMS_SIZE = 64 * 1024 + 384,
  DATAGRAMS_STRIDE = 64 * 1024 + 512,
  PAGE = 4096, /* at least: where pages are larger mmap rounds up */
};

/* What a datagram receive asks for besides bytes. The kernel reads it when the receive begins. */
static const struct msghdr datagram_shape = {.msg_namelen = sizeof(struct sockaddr_storage),
                                             .msg_controllen = CONTROL_SIZE};

/* ---- buffers ------------------------------------------------------------------------------ */

static size_t ring_room(const struct ioloop__ring_buffers *buffers) {
  size_t size = buffers->count * sizeof(struct io_uring_buf);
  return (size + PAGE - 1) / PAGE * PAGE;
}

static size_t total_room(const struct ioloop__ring_buffers *buffers) {
  return ring_room(buffers) + buffers->count * buffers->stride;
}

static char *buffer_at(const struct ioloop__ring_buffers *buffers, unsigned id) {
  return buffers->memory + ring_room(buffers) + id % buffers->count * buffers->stride;
}

/* An id includes its group: completions do not name it. */
static struct ioloop__ring_buffers *group_of(struct ioloop__ring *ring, unsigned id) {
  return id < BYTES_COUNT ? &ring->bytes : &ring->datagrams;
}

static void give(const struct ioloop__ring_buffers *buffers, unsigned id) {
  io_uring_buf_ring_add(buffers->ring, buffer_at(buffers, id), (unsigned)buffers->size,
                        (unsigned short)id, io_uring_buf_ring_mask(buffers->count), 0);
  io_uring_buf_ring_advance(buffers->ring, 1);
}

static int register_buffers(struct ioloop__ring *ring, struct ioloop__ring_buffers *buffers) {
  struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)buffers->memory,
                                          .ring_entries = buffers->count,
                                          .bgid = (uint16_t)buffers->group};
  int r = io_uring_register_buf_ring(&ring->uring, &registration, 0);
  if (r)
    return r;
  buffers->ring = (struct io_uring_buf_ring *)(void *)buffers->memory;
  io_uring_buf_ring_init(buffers->ring);
  unsigned first = buffers->group == BYTES_GROUP ? 0 : BYTES_COUNT;
  for (unsigned i = 0; i < buffers->count; i++)
    give(buffers, first + i);
  return 0;
}

/* Made by the first receive: a loop of handlers alone does without. */
static int make_buffers(struct ioloop__ring *ring, struct ioloop__ring_buffers *buffers,
                        const struct ioloop__ring_buffers *kind) {
  if (buffers->ring)
    return 0;
  *buffers = *kind;
  void *memory =
      mmap(NULL, total_room(buffers), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return -ENOMEM;
  buffers->memory = memory;
  int r = register_buffers(ring, buffers);
  if (r)
    munmap(memory, total_room(buffers));
  return r;
}

void ioloop__ring_free_buffers(struct ioloop__ring *ring) {
  struct ioloop__ring_buffers *all[] = {&ring->bytes, &ring->datagrams};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (all[i]->ring)
      munmap(all[i]->memory, total_room(all[i]));
}

/* ---- starting ----------------------------------------------------------------------------- */

/* From now on the completions of this request are the operation's. */
static void begin(struct ioloop__ring *ring, struct io_uring_sqe *entry, struct ioloop__op *op,
                  size_t size) {
  entry->user_data = (uint64_t)(uintptr_t)op;
  ring->begun = true;
  ioloop__op_started(ring->loop, op, size);
}

static int accept_connections(void *state, struct ioloop__op *op, int fd, bool blocking,
                              bool forever) {
  int flags = SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
  struct io_uring_sqe *entry = ioloop__ring_entry(state);
  if (!entry)
    return -ENOMEM;
  if (forever)
    io_uring_prep_multishot_accept(entry, fd, NULL, NULL, flags);
  else
    io_uring_prep_accept(entry, fd, NULL, NULL, flags);
  begin(state, entry, op, 0);
  return 0;
}

static int receive(void *state, struct ioloop__op *op, int fd) {
  static const struct ioloop__ring_buffers kind = {
      .group = BYTES_GROUP, .count = BYTES_COUNT, .size = BYTES_SIZE, .stride = BYTES_SIZE};
  struct ioloop__ring *ring = state;
  int r = make_buffers(ring, &ring->bytes, &kind);
  if (r)
    return r;
  struct io_uring_sqe *entry = ioloop__ring_entry(ring);
  if (!entry)
    return -ENOMEM;
  io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = BYTES_GROUP;
  begin(ring, entry, op, 0);
  return 0;
}

/* Its completion would come only if it failed. */
static void make_quiet(struct ioloop__ring *ring, struct io_uring_sqe *entry, struct ioloop__op *op,
                       size_t size) {
  if (ring->quiet_count == IOLOOP__RING_QUIET_MAX)
    return;
  ring->quiet[ring->quiet_count].op = op;
  ring->quiet[ring->quiet_count++].size = size;
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data |= IOLOOP__RING_QUIET;
}

/* A datagram is all or nothing by itself. */
static int send_bytes(void *state, struct ioloop__op *op, int fd, const void *data, size_t size,
                      bool quiet) {
  struct io_uring_sqe *entry = ioloop__ring_entry(state);
  if (!entry)
    return -ENOMEM;
  /* A length has 32 bits here, and a result 31. */
  io_uring_prep_send(entry, fd, data, size < INT32_MAX ? size : INT32_MAX,
                     MSG_NOSIGNAL | MSG_DONTWAIT | (quiet ? MSG_WAITALL : 0));
  begin(state, entry, op, size);
  if (quiet)
    make_quiet(state, entry, op, size);
  return 0;
}

static void hurry(void *state) {
  struct ioloop__ring *ring = state;
  ring->hurry = ring->quiet_count > 0;
}

static int receive_datagrams(void *state, struct ioloop__op *op, int fd) {
  static const struct ioloop__ring_buffers kind = {.group = DATAGRAMS_GROUP,
                                                   .count = DATAGRAMS_COUNT,
                                                   .size = DATAGRAMS_SIZE,
                                                   .stride = DATAGRAMS_STRIDE};
  struct ioloop__ring *ring = state;
  int r = make_buffers(ring, &ring->datagrams, &kind);
  if (r)
    return r;
  struct io_uring_sqe *entry = ioloop__ring_entry(ring);
  if (!entry)
    return -ENOMEM;
  io_uring_prep_recvmsg_multishot(entry, fd, (struct msghdr *)(uintptr_t)&datagram_shape, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = DATAGRAMS_GROUP;
  begin(ring, entry, op, 0);
  return 0;
}

static int send_datagram(void *state, struct ioloop__op *op, int fd, const struct msghdr *message) {
  struct io_uring_sqe *entry = ioloop__ring_entry(state);
  if (!entry)
    return -ENOMEM;
  io_uring_prep_sendmsg(entry, fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
  begin(state, entry, op, message->msg_iov->iov_len);
  make_quiet(state, entry, op, message->msg_iov->iov_len);
  return 0;
}

/* ---- telling ------------------------------------------------------------------------------ */

static void tell_datagram(struct ioloop *loop, struct ioloop__op *op, char *buffer, int size,
                          bool more) {
  struct io_uring_recvmsg_out *out = (struct io_uring_recvmsg_out *)(void *)buffer;
  char *peer = buffer + sizeof *out;
  char *control = peer + datagram_shape.msg_namelen;
  char *data = control + CONTROL_SIZE;
  struct ioloop__datagram datagram = {
      .data = data,
      .size = (size_t)(buffer + size - data),
      .peer = out->namelen ? (struct sockaddr *)(void *)peer : NULL,
      .peer_size = (socklen_t)out->namelen,
      .control = control,
      .control_size = out->controllen,
      .truncated = out->flags & MSG_TRUNC,
  };
  ioloop__op_done(loop, op, (int)datagram.size, &datagram, more);
}

/* The index of a quiet send; -1: it is none, or over. */
static int find_quiet(const struct ioloop__ring *ring, const struct ioloop__op *op) {
  for (int i = 0; i < ring->quiet_count; i++)
    if (ring->quiet[i].op == op)
      return i;
  return -1;
}

void ioloop__ring_note_quiet(struct ioloop__ring *ring, uint64_t user_data) {
  uint64_t address = user_data & ~IOLOOP__RING_QUIET;
  int index = find_quiet(ring, (struct ioloop__op *)(uintptr_t)address);
  if (user_data != address && index >= 0)
    ring->quiet[index].op = NULL;
}

static void tell_quiet(struct ioloop *loop, struct ioloop__ring *ring) {
  int over = ring->quiet_over;
  for (int i = 0; i < over; i++) {
    struct ioloop__op *op = ring->quiet[i].op;
    ring->quiet[i].op = NULL;
    if (op)
      ioloop__op_done(loop, op, (int)ring->quiet[i].size, NULL, false);
  }
  ring->quiet_count -= over; /* more may have been started */
  memmove(ring->quiet, ring->quiet + over, (size_t)ring->quiet_count * sizeof ring->quiet[0]);
  ring->quiet_over = 0;
}

static void tell(struct ioloop *loop, struct ioloop__ring *ring,
                 const struct ioloop__completed *completed) {
  uint64_t address = completed->user_data & ~IOLOOP__RING_QUIET;
  struct ioloop__op *op = (struct ioloop__op *)(uintptr_t)address;
  bool more = completed->flags & IORING_CQE_F_MORE;
  if (!(completed->flags & IORING_CQE_F_BUFFER)) {
    if (completed->result == -ENOBUFS)
      ioloop__metrics(loop)->starved++;
    ioloop__op_done(loop, op, completed->result, NULL, more);
    return;
  }
  unsigned id = completed->flags >> IORING_CQE_BUFFER_SHIFT;
  struct ioloop__ring_buffers *buffers = group_of(ring, id);
  char *buffer = buffer_at(buffers, id);
  if (buffers == &ring->datagrams)
    tell_datagram(loop, op, buffer, completed->result, more);
  else
    ioloop__op_done(loop, op, completed->result, buffer, more);
  give(buffers, id);
}

static bool dispatch(struct ioloop *loop, void *state) {
  struct ioloop__ring *ring = state;
  bool news = ring->completed_count > 0;
  if (ring->quiet_over)
    tell_quiet(loop, ring);
  /* Any of them may fork; in the child the rest is not reported. */
  while (ring->told_count < ring->completed_count && !ioloop__ring_is_foreign(ring)) {
    struct ioloop__completed *completed = &ring->completed[ring->told_count++];
    if (completed->user_data != IOLOOP__RING_NOTHING)
      tell(loop, ring, completed);
  }
  ring->told_count = ring->completed_count = 0;
  return news;
}

static int descriptor(const void *state) {
  const struct ioloop__ring *ring = state;
  return ring->uring.ring_fd;
}

/* ---- ending ------------------------------------------------------------------------------- */

static void stop(void *state, struct ioloop__op *op) {
  struct io_uring_sqe *entry = ioloop__ring_entry(state);
  if (!entry)
    return;
  io_uring_prep_cancel(entry, op, 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = IOLOOP__RING_REFUSED;
}

static bool take_from(struct ioloop__completed *list, size_t begin, size_t end, uint64_t user_data,
                      struct ioloop__completed *ret) {
  for (size_t i = begin; i < end; i++)
    if ((list[i].user_data & ~IOLOOP__RING_QUIET) == user_data) {
      *ret = list[i];
      list[i] = (struct ioloop__completed){.user_data = IOLOOP__RING_NOTHING};
      return true;
    }
  return false;
}

static bool stash(struct ioloop__ring *ring, const struct io_uring_cqe *entry) {
  if (ring->stash_count == ring->stash_capacity) {
    size_t capacity = ring->stash_capacity * 2;
    struct ioloop__completed *larger = realloc(ring->stash, capacity * sizeof *larger);
    if (!larger)
      return false;
    ring->stash = larger;
    ring->stash_capacity = capacity;
  }
  ring->stash[ring->stash_count++] =
      (struct ioloop__completed){entry->user_data, entry->res, entry->flags};
  return true;
}

/* Save the ring's completions for the next wait, so that the kernel can move those there that it
 * keeps because the ring is full. There is memory for a whole ring from the start. */
static void make_room(struct ioloop__ring *ring) {
  struct io_uring_cqe *entry;
  while (io_uring_peek_cqe(&ring->uring, &entry) == 0) {
    if (entry->user_data > IOLOOP__RING_REFUSED && !stash(ring, entry)) {
      ioloop__pause(); /* more than two rings, and no memory */
      return;
    }
    io_uring_cqe_seen(&ring->uring, entry);
  }
}

/* What was before it moves up. The mark still has as many before it, this one not counted. */
static void close_gap(struct ioloop__ring *ring, unsigned gap) {
  const struct io_uring_cq *cq = &ring->uring.cq;
  if ((int32_t)(gap - ring->quiet_mark) >= 0)
    ring->quiet_mark++;
  for (; gap != *cq->khead; gap--)
    cq->cqes[gap & cq->ring_mask] = cq->cqes[(gap - 1) & cq->ring_mask];
  io_uring_cq_advance(&ring->uring, 1);
}

/* What is not ours stays in the ring. */
static bool take_from_ring(struct ioloop__ring *ring, uint64_t user_data,
                           struct ioloop__completed *ret) {
  struct io_uring_cqe *entry;
  unsigned head;
  io_uring_for_each_cqe(&ring->uring, head, entry) {
    if ((entry->user_data & ~IOLOOP__RING_QUIET) != user_data)
      continue;
    *ret = (struct ioloop__completed){entry->user_data, entry->res, entry->flags};
    close_gap(ring, head);
    return true;
  }
  return false;
}

/* The next completion of an operation, wherever it is by now; they are in this order. */
static bool take(struct ioloop__ring *ring, const struct ioloop__op *op,
                 struct ioloop__completed *ret) {
  uint64_t user_data = (uint64_t)(uintptr_t)op;
  return take_from(ring->completed, (size_t)ring->told_count, (size_t)ring->completed_count,
                   user_data, ret) ||
         take_from(ring->stash, ring->stash_at, ring->stash_count, user_data, ret) ||
         take_from_ring(ring, user_data, ret);
}

/* A quiet send without a completion is over once it has been submitted. */
static bool is_silently_over(struct ioloop *loop, struct ioloop__ring *ring,
                             struct ioloop__op *op) {
  int index = find_quiet(ring, op);
  bool over =
      index >= 0 && !io_uring_sq_ready(&ring->uring) && !io_uring_cq_has_overflow(&ring->uring);
  if (over) {
    ring->quiet[index].op = NULL;
    ioloop__op_done(loop, op, (int)ring->quiet[index].size, NULL, false);
  }
  return over;
}

/* A refusal means that the operation is in none of the kernel's lists at the moment: it is moving
 * from one to another, or is with a worker thread, which is interrupted. */
static int wait_and_stop_again(struct ioloop__ring *ring, struct ioloop__op *op) {
  struct ioloop__completed refusal;
  bool refused = take_from_ring(ring, IOLOOP__RING_REFUSED, &refusal);
  int r = ioloop__ring_wait_for_another(ring);
  if (r < 0 || refused)
    stop(ring, op);
  return r;
}

/* true: the kernel takes no requests from us, and never will. */
static bool has_failed(int error) {
  if (error >= 0 || error == -ETIME || error == -EBUSY || error == -EINTR)
    return false;
  if (ioloop__is_passing(error))
    ioloop__pause();
  return !ioloop__is_passing(error);
}

/* Results that the kernel still delivers are not reported. */
static void give_up(struct ioloop *loop, struct ioloop__ring *ring, struct ioloop__op *op) {
  int index = find_quiet(ring, op);
  if (index >= 0)
    ring->quiet[index].op = NULL;
  ioloop__op_done(loop, op, -ECANCELED, NULL, false);
}

static void cancel(struct ioloop *loop, void *state, struct ioloop__op *op) {
  struct ioloop__ring *ring = state;
  struct ioloop__completed completed = {.flags = IORING_CQE_F_MORE};
  bool quiet = find_quiet(ring, op) >= 0, failed = ioloop__ring_is_foreign(ring);
  if (!quiet)
    stop(ring, op);
  while (!failed && completed.flags & IORING_CQE_F_MORE) {
    if (take(ring, op, &completed)) {
      ioloop__ring_note_quiet(ring, completed.user_data);
      tell(loop, ring, &completed);
      continue;
    }
    if (quiet && is_silently_over(loop, ring, op))
      return;
    if (io_uring_cq_has_overflow(&ring->uring))
      make_room(ring);
    failed = has_failed(quiet ? ioloop__ring_submit(ring) : wait_and_stop_again(ring, op));
  }
  if (failed)
    give_up(loop, ring, op);
}

static void submit(void *state) {
  struct ioloop__ring *ring = state;
  if (ring->begun)
    ioloop__ring_submit(ring);
  ring->begun = false;
}

const struct ioloop_completion ioloop__ring_completion = {
    .accept = accept_connections,
    .receive = receive,
    .send = send_bytes,
    .hurry = hurry,
    .receive_datagrams = receive_datagrams,
    .send_datagram = send_datagram,
    .stop = stop,
    .cancel = cancel,
    .fd = descriptor,
    .submit = submit,
    .dispatch = dispatch,
};
