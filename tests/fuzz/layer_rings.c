/* SPDX-License-Identifier: MIT */
/*
 * layer_rings.c - the library's calls of liburing, and libevent's allocations.
 *
 * liburing makes system calls itself; its functions return -errno. A request whose completion is to
 * fail is replaced, before it is submitted, by one that does nothing and completes with that error
 * (IORING_NOP_INJECT_RESULT, Linux 6.10). So what the request was about stays untouched: bytes that
 * it would have received are still there.
 */
#include <errno.h>
#include <string.h>

#include "layer.h"
#include "layer_calls.h"

#ifdef HAVE_LIBEVENT
#include <event2/event.h>

void *fault_malloc(size_t size);
void *fault_realloc(void *old, size_t size);
void fault_free(void *memory);

void fault_take_over_libevent(void) {
  event_set_mem_functions(fault_malloc, fault_realloc, fault_free);
}
#else
void fault_take_over_libevent(void) {}
#endif

#ifdef HAVE_LIBURING
#include <liburing.h>

enum {
  NOP_RESULT_IS_GIVEN = 1 /* IORING_NOP_INJECT_RESULT: of newer headers */
};

static bool is_counted(const struct io_uring_sqe *entry, enum fault_call *ret) {
  switch (entry->opcode) {
  case IORING_OP_ACCEPT:
    *ret = FAULT_ring_accept;
    return true;
  case IORING_OP_ASYNC_CANCEL:
    *ret = FAULT_ring_cancel;
    return true;
  case IORING_OP_POLL_ADD:
    *ret = FAULT_ring_poll;
    return true;
  case IORING_OP_RECV:
    *ret = FAULT_ring_receive;
    return true;
  case IORING_OP_RECVMSG:
    *ret = FAULT_ring_receive_message;
    return true;
  case IORING_OP_SEND:
    *ret = FAULT_ring_send;
    return true;
  case IORING_OP_SENDMSG:
    *ret = FAULT_ring_send_message;
    return true;
  default:
    return false;
  }
}

static void make_it_fail(struct io_uring_sqe *entry, int error) {
  uint64_t user_data = entry->user_data;
  if (entry->opcode == IORING_OP_SEND)
    fault_end_connection(entry->fd, error);
  uint8_t flags = entry->flags & (uint8_t)~IOSQE_BUFFER_SELECT;
  memset(entry, 0, sizeof *entry);
  entry->opcode = IORING_OP_NOP;
  entry->flags = flags;
  entry->rw_flags = NOP_RESULT_IS_GIVEN;
  entry->len = (uint32_t)-error;
  entry->user_data = user_data;
}

static bool can_be(const struct io_uring_sqe *entry, enum fault_call call) {
  return call != FAULT_ring_poll || fault_layer->plan.error != EBADF || !fault_is_waker(entry->fd);
}

/* Those that are not submitted yet. */
static void look_at_requests(struct io_uring *ring) {
  for (unsigned at = ring->sq.sqe_head; at != ring->sq.sqe_tail; at++) {
    struct io_uring_sqe *entry = &ring->sq.sqes[at & *ring->sq.kring_mask];
    enum fault_call call;
    if (is_counted(entry, &call) && can_be(entry, call) && fault_request_fails(call))
      make_it_fail(entry, errno);
  }
}

#define RING(name, parameters, arguments)                                                          \
  int fault_##name parameters;                                                                     \
  int fault_##name parameters {                                                                    \
    if (fault_fails(FAULT_##name, __builtin_return_address(0)))                                    \
      return -errno;                                                                               \
    look_at_requests(ring);                                                                        \
    return name arguments;                                                                         \
  }

#define SETUP(name, parameters, arguments)                                                         \
  int fault_##name parameters;                                                                     \
  int fault_##name parameters {                                                                    \
    return fault_fails(FAULT_##name, __builtin_return_address(0)) ? -errno : name arguments;       \
  }

SETUP(io_uring_queue_init_params,
      (unsigned entries, struct io_uring *ring, struct io_uring_params *parameters),
      (entries, ring, parameters))
SETUP(io_uring_register_buf_ring,
      (struct io_uring * ring, struct io_uring_buf_reg *registration, unsigned flags),
      (ring, registration, flags))
SETUP(io_uring_register_probe,
      (struct io_uring * ring, struct io_uring_probe *probe, unsigned operations),
      (ring, probe, operations))
RING(io_uring_submit, (struct io_uring * ring), (ring))
RING(io_uring_submit_and_get_events, (struct io_uring * ring), (ring))
RING(io_uring_submit_and_wait, (struct io_uring * ring, unsigned count), (ring, count))
RING(io_uring_submit_and_wait_timeout,
     (struct io_uring * ring, struct io_uring_cqe **ret, unsigned count,
      struct __kernel_timespec *timeout, sigset_t *mask),
     (ring, ret, count, timeout, mask))

bool fault_ring_can_fail(void) {
  struct io_uring ring;
  struct io_uring_cqe *completed;
  if (io_uring_queue_init(2, &ring, 0) < 0)
    return false;
  struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
  memset(entry, 0, sizeof *entry);
  make_it_fail(entry, EPROTO);
  bool can = io_uring_submit_and_wait(&ring, 1) == 1 && io_uring_peek_cqe(&ring, &completed) == 0 &&
             completed->res == -EPROTO;
  io_uring_queue_exit(&ring);
  return can;
}
#else
bool fault_ring_can_fail(void) {
  return false;
}
#endif
