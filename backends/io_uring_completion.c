/* SPDX-License-Identifier: MIT */
/*
 * io_uring_completion.c - the asynchronous model proper: operations that the kernel carries out by
 * itself (io_uring_prep_recv_multishot(3), io_uring_register_buf_ring(3) and their like).
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
 */
#include "io_uring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
  BYTES,
  DATAGRAMS,
};

enum {
  BYTES_COUNT = 256,
  BYTES_SIZE = 8 * 1024,
  CONTROL_SIZE = 128, /* our own address, and a timestamp that the program asked for */
  PAGE = 4096,        /* at least: where pages are larger mmap rounds up */
};

/* The buffers of each kind of receiving, before they are made. */
static const struct ioloop__ring_buffers groups[IOLOOP__RING_GROUPS] = {
    [BYTES] = {.count = BYTES_COUNT, .size = BYTES_SIZE, .stride = BYTES_SIZE},
    /* The largest datagram, its addresses and io_uring's header. Places a power of two apart would
     * compete for the same few lines of the cache. What no datagram reaches is never touched. */
    [DATAGRAMS] = {.first = BYTES_COUNT,
                   .count = 64,
                   .size = 64 * 1024 + 384,
                   .stride = 64 * 1024 + 512},
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

static void give(const struct ioloop__ring_buffers *buffers, unsigned id) {
  io_uring_buf_ring_add(buffers->ring, buffer_at(buffers, id), (unsigned)buffers->size,
                        (unsigned short)id, io_uring_buf_ring_mask(buffers->count), 0);
  io_uring_buf_ring_advance(buffers->ring, 1);
}

static int register_buffers(struct io_uring *uring, struct ioloop__ring_buffers *buffers,
                            int group) {
  struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)buffers->memory,
                                          .ring_entries = buffers->count,
                                          .bgid = (uint16_t)group};
  int r = io_uring_register_buf_ring(uring, &registration, 0);
  if (r)
    return r;
  buffers->ring = (struct io_uring_buf_ring *)(void *)buffers->memory;
  io_uring_buf_ring_init(buffers->ring);
  for (unsigned i = 0; i < buffers->count; i++)
    give(buffers, buffers->first + i);
  return 0;
}

/* Made by the first receive: a loop of handlers alone does without. The kernel takes them of the ring's
 * thread only, once it has one: what another makes is registered by the next run. */
static int make_buffers(struct ioloop__ring *ring, int group) {
  struct ioloop__ring_buffers *buffers = &ring->buffers[group];
  if (buffers->memory)
    return 0;
  *buffers = groups[group];
  void *memory =
      mmap(NULL, total_room(buffers), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return -ENOMEM;
  buffers->memory = memory;
  if (ring->thread && !ioloop__ring_is_ours(ring))
    return 0;
  int r = register_buffers(&ring->uring, buffers, group);
  if (r) {
    munmap(memory, total_room(buffers));
    buffers->memory = NULL;
  }
  return r;
}

/* None of them holds data. */
int ioloop__ring_register_buffers(struct ioloop__ring *ring, struct io_uring *uring) {
  int r = 0;
  for (int i = 0; !r && i < IOLOOP__RING_GROUPS; i++)
    if (ring->buffers[i].memory && (uring != &ring->uring || !ring->buffers[i].ring))
      r = register_buffers(uring, &ring->buffers[i], i);
  return r;
}

void ioloop__ring_free_buffers(struct ioloop__ring *ring) {
  for (int i = 0; i < IOLOOP__RING_GROUPS; i++)
    if (ring->buffers[i].memory)
      munmap(ring->buffers[i].memory, total_room(&ring->buffers[i]));
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
  struct io_uring_sqe *entry = ioloop__ring_operation(state);
  if (!entry)
    return -ENOMEM;
  if (forever)
    io_uring_prep_multishot_accept(entry, fd, NULL, NULL, flags);
  else
    io_uring_prep_accept(entry, fd, NULL, NULL, flags);
  begin(state, entry, op, 0);
  return 0;
}

static int begin_receiving(struct ioloop__ring *ring, struct ioloop__op *op, int fd, int group) {
  int r = make_buffers(ring, group);
  if (r)
    return r;
  struct io_uring_sqe *entry = ioloop__ring_operation(ring);
  if (!entry)
    return -ENOMEM;
  if (group == BYTES)
    io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
  else
    io_uring_prep_recvmsg_multishot(entry, fd, (struct msghdr *)(uintptr_t)&datagram_shape, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = (uint16_t)group;
  begin(ring, entry, op, 0);
  return 0;
}

static int receive(void *state, struct ioloop__op *op, int fd) {
  return begin_receiving(state, op, fd, BYTES);
}

static int receive_datagrams(void *state, struct ioloop__op *op, int fd) {
  return begin_receiving(state, op, fd, DATAGRAMS);
}

/* Its completion would come only if it failed. */
static void make_quiet(struct ioloop__ring *ring, struct io_uring_sqe *entry, struct ioloop__op *op,
                       size_t size) {
  if (ring->unreported_count == IOLOOP__RING_QUIET_MAX)
    return;
  ring->unreported[ring->unreported_count].op = op;
  ring->unreported[ring->unreported_count++].size = size;
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data |= IOLOOP__RING_QUIET;
}

/* A datagram is all or nothing by itself. */
static int send_bytes(void *state, struct ioloop__op *op, int fd, const void *data, size_t size,
                      bool quiet) {
  if (!ioloop__ring_is_ours(state)) {
    struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    return ioloop__ring_send_elsewhere(state, op, fd, &message);
  }
  struct io_uring_sqe *entry = ioloop__ring_operation(state);
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

static void flush_quiet(void *state) {
  struct ioloop__ring *ring = state;
  ring->flush_quiet = ring->unreported_count > 0;
}

static int send_datagram(void *state, struct ioloop__op *op, int fd, const struct msghdr *message) {
  if (!ioloop__ring_is_ours(state))
    return ioloop__ring_send_elsewhere(state, op, fd, message);
  struct io_uring_sqe *entry = ioloop__ring_operation(state);
  if (!entry)
    return -ENOMEM;
  io_uring_prep_sendmsg(entry, fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
  begin(state, entry, op, message->msg_iov->iov_len);
  make_quiet(state, entry, op, message->msg_iov->iov_len);
  return 0;
}

/* ---- reporting ------------------------------------------------------------------------------ */

static void report_datagram(struct ioloop *loop, struct ioloop__op *op, char *buffer, int size,
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

int ioloop__ring_find_unreported(const struct ioloop__ring *ring, const struct ioloop__op *op) {
  for (int i = 0; i < ring->unreported_count; i++)
    if (ring->unreported[i].op == op)
      return i;
  return -1;
}

void ioloop__ring_note_quiet(struct ioloop__ring *ring, uint64_t user_data) {
  uint64_t address = user_data & ~IOLOOP__RING_QUIET;
  int index = ioloop__ring_find_unreported(ring, (struct ioloop__op *)(uintptr_t)address);
  if (user_data != address && index >= 0)
    ring->unreported[index].op = NULL;
}

static void report_quiet(struct ioloop *loop, struct ioloop__ring *ring) {
  int over = ring->unreported_done;
  for (int i = 0; i < over; i++) {
    struct ioloop__op *op = ring->unreported[i].op;
    ring->unreported[i].op = NULL;
    ring->in_kernel -= op != NULL;
    if (op)
      ioloop__op_done(loop, op, (int)ring->unreported[i].size, NULL, false);
  }
  ring->unreported_count -= over; /* more may have been started */
  memmove(ring->unreported, ring->unreported + over,
          (size_t)ring->unreported_count * sizeof ring->unreported[0]);
  ring->unreported_done = 0;
}

void ioloop__ring_report(struct ioloop *loop, struct ioloop__ring *ring,
                         const struct ioloop__completed *completed) {
  uint64_t address = completed->user_data & ~IOLOOP__RING_QUIET;
  struct ioloop__op *op = (struct ioloop__op *)(uintptr_t)address;
  bool more = completed->flags & IORING_CQE_F_MORE;
  ring->in_kernel -= !(completed->flags & (IORING_CQE_F_MORE | IOLOOP__RING_BY_CALL));
  if (!(completed->flags & IORING_CQE_F_BUFFER)) {
    if (completed->result == -ENOBUFS)
      ioloop__metrics(loop)->starved++;
    ioloop__op_done(loop, op, completed->result, NULL, more);
    return;
  }
  unsigned id = completed->flags >> IORING_CQE_BUFFER_SHIFT;
  int group = id < BYTES_COUNT ? BYTES : DATAGRAMS;
  const struct ioloop__ring_buffers *buffers = &ring->buffers[group];
  char *buffer = buffer_at(buffers, id);
  if (group == DATAGRAMS)
    report_datagram(loop, op, buffer, completed->result, more);
  else
    ioloop__op_done(loop, op, completed->result, buffer, more);
  give(buffers, id);
}

static bool dispatch(struct ioloop *loop, void *state) {
  struct ioloop__ring *ring = state;
  bool news = ring->completed_count > 0;
  if (ring->unreported_done)
    report_quiet(loop, ring);
  /* Any of them may fork; in the child the rest is not reported. */
  while (ring->reported_count < ring->completed_count && !ioloop__ring_is_inherited(ring)) {
    struct ioloop__completed *completed = &ring->completed[ring->reported_count++];
    if (completed->user_data != IOLOOP__RING_NOTHING)
      ioloop__ring_report(loop, ring, completed);
  }
  ring->reported_count = ring->completed_count = 0;
  return news;
}

static int descriptor(const void *state) {
  const struct ioloop__ring *ring = state;
  return ring->uring.ring_fd;
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
    .flush_quiet = flush_quiet,
    .receive_datagrams = receive_datagrams,
    .send_datagram = send_datagram,
    .stop = ioloop__ring_stop,
    .cancel = ioloop__ring_cancel,
    .fd = descriptor,
    .submit = submit,
    .dispatch = dispatch,
};
