/* SPDX-License-Identifier: MIT */
/*
 * fifo.h - bytes that wait: for a socket to take them, or for the program to read them.
 *
 * One block that grows; what is in it is always contiguous, so that one send() can offer all of it
 * and a delimiter can be searched for without seams. Most streams never wait, so an empty queue is
 * a NULL pointer and no memory.
 */
#ifndef IOLOOP_FIFO_H
#define IOLOOP_FIFO_H

#include <stddef.h>

struct ioloop__fifo {
  struct ioloop__fifo *next; /* its owner's: what comes after it. NULL at first */
  size_t head, tail;         /* what is in it: data[head] up to data[tail] */
  size_t capacity;
  _Alignas(8) char data[];
};

static inline size_t ioloop__fifo_size(const struct ioloop__fifo *fifo) {
  return fifo ? fifo->tail - fifo->head : 0;
}

static inline char *ioloop__fifo_data(struct ioloop__fifo *fifo) {
  return fifo->data + fifo->head;
}

/* Make room for `size` bytes behind what is there and count them in; the caller fills them. Moves
 * the data. NULL: no memory, nothing changed. */
char *ioloop__fifo_extend(struct ioloop__fifo **fifo, size_t size);

/* The same, filled with `data`. -ENOMEM. */
int ioloop__fifo_append(struct ioloop__fifo **fifo, const void *data, size_t size);

/* Used queues, for those that need one for a moment again and again. */
struct ioloop__fifo_spares {
  struct ioloop__fifo *first;
  unsigned count;
};
/* NULL: there is none. */
struct ioloop__fifo *ioloop__fifo_reuse(struct ioloop__fifo_spares *spares);
/* Keep it, or free it: of large ones and of many nothing is kept. NULL is fine. */
void ioloop__fifo_recycle(struct ioloop__fifo_spares *spares, struct ioloop__fifo *fifo);
void ioloop__fifo_spares_free(struct ioloop__fifo_spares *spares);

/* Take `size` bytes from the front. Emptied, it is kept: the caller frees it or not. */
void ioloop__fifo_consume(struct ioloop__fifo *fifo, size_t size);

#endif
