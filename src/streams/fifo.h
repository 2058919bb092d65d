/* SPDX-License-Identifier: MIT */
/*
 * fifo.h - bytes waiting for a socket to take them, or for the program to read them.
 *
 * One block that grows. Its contents are always contiguous, so that one send() can offer all of
 * them and a search for a delimiter sees no seams. Most streams never need to queue anything, so an
 * empty queue is a NULL pointer and uses no memory.
 */
#ifndef IOLOOP_FIFO_H
#define IOLOOP_FIFO_H

#include <stddef.h>
#include <sys/uio.h>

struct ioloop;

struct ioloop__fifo {
  struct ioloop__fifo *next; /* used by the owner: the queue that follows. NULL at first */
  size_t head, tail;         /* contents: data[head] up to data[tail] */
  size_t capacity;
  _Alignas(8) char data[];
};

static inline size_t ioloop__fifo_size(const struct ioloop__fifo *fifo) {
  return fifo ? fifo->tail - fifo->head : 0;
}

static inline char *ioloop__fifo_data(struct ioloop__fifo *fifo) {
  return fifo->data + fifo->head;
}

/* Extend the contents by `size` bytes, which the caller fills in. May move the data. NULL: out of
 * memory, nothing changed. */
char *ioloop__fifo_extend(struct ioloop__fifo **fifo, size_t size);

/* The same, filled with `data`. -ENOMEM. */
int ioloop__fifo_append(struct ioloop__fifo **fifo, const void *data, size_t size);

/* The same with several pieces, without their first `skip` bytes. All or nothing. -ENOMEM. */
int ioloop__fifo_gather(struct ioloop__fifo **fifo, const struct iovec *pieces, int count,
                        size_t skip);

/* Spare queues, for streams that repeatedly need one for a moment. */
struct ioloop__fifo_spares {
  struct ioloop__fifo *first;
  unsigned count;
};
/* NULL: there is no spare. */
struct ioloop__fifo *ioloop__fifo_reuse(struct ioloop__fifo_spares *spares);
/* Keep the queue as a spare, or free it if it is large or there are many spares. NULL is fine. */
void ioloop__fifo_recycle(struct ioloop__fifo_spares *spares, struct ioloop__fifo *fifo);
void ioloop__fifo_spares_free(struct ioloop__fifo_spares *spares);

/* Remove `size` bytes from the front. An emptied queue is not freed; that is up to the caller. */
void ioloop__fifo_consume(struct ioloop__fifo *fifo, size_t size);
void ioloop__fifo_free_if_empty(struct ioloop__fifo **fifo);

/* loop.c. Of one loop, for all of its streams: */

/* The spare queues. */
struct ioloop__fifo_spares *ioloop__spares(struct ioloop *loop);

/* At least `size` bytes, valid until the next call or the end of the callback. NULL: out of
 * memory. Because of this buffer ten thousand idle connections own none. */
void *ioloop__scratch(struct ioloop *loop, size_t size);

#endif
