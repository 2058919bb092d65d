/* SPDX-License-Identifier: MIT */
/* fifo.c - see fifo.h. Appending costs O(1) per byte: data is moved to the front only if there is
 * no more of it than was consumed since the last move; otherwise the block doubles. */
#include "fifo.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
  SMALLEST = 1024,
  SPARE_CAPACITY = 16 * 1024, /* of the largest queue that is kept */
  SPARES = 64
};

static struct ioloop__fifo *enlarged(struct ioloop__fifo *old, size_t size) {
  size_t used = ioloop__fifo_size(old);
  if (size > SIZE_MAX / 4 - used)
    return NULL;
  size_t capacity = old ? old->capacity * 2 : SMALLEST;
  while (capacity < used + size)
    capacity *= 2;

  struct ioloop__fifo *fifo = malloc(sizeof *fifo + capacity);
  if (!fifo)
    return NULL;
  *fifo = (struct ioloop__fifo){.next = old ? old->next : NULL, .tail = used, .capacity = capacity};
  if (used)
    memcpy(fifo->data, ioloop__fifo_data(old), used);
  free(old);
  return fifo;
}

static void move_to_front(struct ioloop__fifo *fifo) {
  size_t used = ioloop__fifo_size(fifo);
  memmove(fifo->data, ioloop__fifo_data(fifo), used);
  fifo->head = 0;
  fifo->tail = used;
}

char *ioloop__fifo_extend(struct ioloop__fifo **fifo, size_t size) {
  struct ioloop__fifo *it = *fifo;
  if (!it || size > it->capacity - it->tail) {
    if (it && it->head >= ioloop__fifo_size(it) && size <= it->capacity - ioloop__fifo_size(it)) {
      move_to_front(it);
    } else {
      it = enlarged(it, size);
      if (!it)
        return NULL;
      *fifo = it;
    }
  }
  char *room = it->data + it->tail;
  it->tail += size;
  return room;
}

int ioloop__fifo_append(struct ioloop__fifo **fifo, const void *data, size_t size) {
  char *room = ioloop__fifo_extend(fifo, size);
  if (!room)
    return -ENOMEM;
  memcpy(room, data, size);
  return 0;
}

int ioloop__fifo_gather(struct ioloop__fifo **fifo, const struct iovec *pieces, int count,
                        size_t skip) {
  size_t size = 0;
  for (int i = 0; i < count; i++)
    size += pieces[i].iov_len;
  char *room = ioloop__fifo_extend(fifo, size - skip);
  if (!room)
    return -ENOMEM;
  for (int i = 0; i < count; i++) {
    size_t skipped = skip < pieces[i].iov_len ? skip : pieces[i].iov_len;
    size_t left = pieces[i].iov_len - skipped;
    if (left)
      memcpy(room, (const char *)pieces[i].iov_base + skipped, left);
    room += left;
    skip -= skipped;
  }
  return 0;
}

void ioloop__fifo_consume(struct ioloop__fifo *fifo, size_t size) {
  fifo->head += size;
  if (fifo->head == fifo->tail)
    fifo->head = fifo->tail = 0;
}

void ioloop__fifo_free_if_empty(struct ioloop__fifo **fifo) {
  if (ioloop__fifo_size(*fifo))
    return;
  free(*fifo);
  *fifo = NULL;
}

struct ioloop__fifo *ioloop__fifo_reuse(struct ioloop__fifo_spares *spares) {
  struct ioloop__fifo *fifo = spares->first;
  if (fifo) {
    spares->first = fifo->next;
    spares->count--;
    fifo->next = NULL;
  }
  return fifo;
}

void ioloop__fifo_recycle(struct ioloop__fifo_spares *spares, struct ioloop__fifo *fifo) {
  if (!fifo || fifo->capacity > SPARE_CAPACITY || spares->count == SPARES) {
    free(fifo);
    return;
  }
  fifo->head = fifo->tail = 0;
  fifo->next = spares->first;
  spares->first = fifo;
  spares->count++;
}

void ioloop__fifo_spares_free(struct ioloop__fifo_spares *spares) {
  while (spares->first)
    free(ioloop__fifo_reuse(spares));
}
