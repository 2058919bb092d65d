/* SPDX-License-Identifier: MIT */
/*
 * completion.h - the completion interface: what a backend of the asynchronous model offers besides
 * readiness, and what the streams use of it.
 *
 * Readiness reports "a receive would succeed now"; completion takes the order "receive, and report
 * the data". The kernel chooses the buffer, many operations start in the one system call that also
 * waits, and none is attempted before it can succeed. A stream works this way if its loop's backend
 * has such a table, and by readiness otherwise; its user sees no difference.
 *
 * An operation is owned by the code that starts it, which keeps its memory until it is over: from
 * the call that starts it to the call of `done` with `more` false, or to the return of `cancel`.
 * `done` is called by the loop, only from its dispatch and from `cancel`. It may start, stop and
 * cancel operations, this one too.
 *
 * Listeners must be *blocking*: a kernel may take their O_NONBLOCK as "fail rather than wait". To
 * receive and to send it makes no difference, and no call here waits for them.
 */
#ifndef IOLOOP_COMPLETION_H
#define IOLOOP_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "list.h"
#include "observe.h"

struct ioloop;
struct ioloop__op;

/*
 * The result of an operation: `result` as of the system call, or -errno. `more`: it continues, and
 * another result will follow. -ECANCELED only if it was stopped or cancelled.
 */
typedef void ioloop__done(struct ioloop *loop, struct ioloop__op *op, int result, void *data,
                          bool more);

/* What an operation does and what its owner does with the result: static, one per kind. */
struct ioloop__op_kind {
  const char *name; /* of the system call that does the same */
  int (*fd)(const struct ioloop__op *op);
  ioloop__done *done;
};

/* 12 bytes: every idle stream has two. */
struct __attribute__((packed, aligned(4))) ioloop__op {
  const struct ioloop__op_kind *kind;
  uint32_t observer; /* the backend's: the number of the observer that knows of it; 0: none */
};

/* Backends call these when an operation of `size` bytes (0: as many as arrive) was started, and to
 * report its result. */
static inline void ioloop__op_started(struct ioloop *loop, struct ioloop__op *op, size_t size) {
  op->observer = 0;
  if (__builtin_expect(ioloop__observed(loop)->operations, false))
    op->observer = ioloop__note_submitted(loop, op->kind->name, op->kind->fd(op), size);
}

static inline void ioloop__op_done(struct ioloop *loop, struct ioloop__op *op, int result,
                                   void *data, bool more) {
  if (__builtin_expect(op->observer != 0, false))
    ioloop__note_completed(loop, op->observer, op->kind->name, op->kind->fd(op), result, more);
  op->kind->done(loop, op, result, data, more);
}

/* A datagram that was received: `data` of that operation. Valid during the call, as all data. */
struct ioloop__datagram {
  const char *data;
  size_t size;
  const struct sockaddr *peer; /* NULL: none */
  socklen_t peer_size;
  const void *control; /* as msg_control of recvmsg(2) */
  size_t control_size;
  bool truncated; /* it was longer than a buffer */
};

struct ioloop_completion {
  /* To start an operation, which must not be under way. It begins with the next wait at the
   * latest. 0, or -errno with nothing started. */

  /* result: a new descriptor, close-on-exec and, as asked, blocking or not; `forever` takes
   * connections until an error or a stop ends it. */
  int (*accept)(void *state, struct ioloop__op *op, int fd, bool blocking, bool forever);
  /* Receive continuously: `result` bytes at `data`. 0: end of input, and of the operation.
   * -ENOBUFS: the data waits for a buffer; start it again. */
  int (*receive)(void *state, struct ioloop__op *op, int fd);
  /* Tried once: `result` may be less than `size`, and is -EAGAIN if there is no room at all; its
   * owner then waits for writability, and starts it again. `data` must stay as it is until it is
   * over. `quiet`: its completion does not end a wait, so it may be reported late, but before any
   * other report of that wait. */
  int (*send)(void *state, struct ioloop__op *op, int fd, const void *data, size_t size,
              bool quiet);
  /* A caller needs to know about its quiet sends now: the next wait reports them. */
  void (*flush_quiet)(void *state);
  /* Receive continuously: `data` is a struct ioloop__datagram. */
  int (*receive_datagrams)(void *state, struct ioloop__op *op, int fd);
  /* Quietly. `message` must stay too. It has one vector. */
  int (*send_datagram)(void *state, struct ioloop__op *op, int fd, const struct msghdr *message);

  /* Make it end soon, by a `done` without `more`; earlier results are reported first. */
  void (*stop)(void *state, struct ioloop__op *op);

  /* End it now: results that it had already are reported from inside, by `done` calls as always,
   * the last without `more`; these must not cancel it again. A send that was started has been
   * tried. */
  void (*cancel)(struct ioloop *loop, void *state, struct ioloop__op *op);

  /* ---- for the core ---- */

  /* The descriptor whose token a wait reports when operations have news. */
  int (*fd)(const void *state);
  /* Submit the operations started so far. */
  void (*submit)(void *state);
  /* Report the results, by `done` calls. false: only quiet sends are over, which is no event. */
  bool (*dispatch)(struct ioloop *loop, void *state);
};

/* Operations that are started when the turn is over, so that all that the turn adds to one goes
 * together: `start` is called with the link of each before the next wait, when it is off the list
 * and its next is NULL, and must not call the program. */
struct ioloop__deferred_ops {
  struct ioloop__list list;
  void (*start)(struct ioloop__list *link);
};

/* What a stream needs to start operations. */
struct ioloop__completer {
  const struct ioloop_completion *table;
  void *state;  /* the backend's, the first argument */
  bool running; /* the loop: a wait follows. Else start operations at once, and submit them */
  struct ioloop__deferred_ops *deferred;
};

/* loop.c: that of a loop; NULL: its backend has none. Lives as long as the loop. */
const struct ioloop__completer *ioloop__completer(const struct ioloop *loop);

/* fdtable.c: a registered socket's error that the backend's kernel interface has consumed (SO_ERROR
 * is 0 then), as an errno; 0: none. */
int ioloop__taken_error(struct ioloop *loop, int fd);

#endif
