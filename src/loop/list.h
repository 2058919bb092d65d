/* SPDX-License-Identifier: MIT */
/* list.h - a doubly linked list whose links are embedded in its members: joining and leaving
 * allocate nothing and cannot fail. A list head is a link that belongs to no member. */
#ifndef IOLOOP_LIST_H
#define IOLOOP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ioloop__list {
  struct ioloop__list *prev, *next;
};

/* The structure of which `link` is the member called `member`. */
#define IOLOOP__LIST_ENTRY(link, type, member)                                                     \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void ioloop__list_init(struct ioloop__list *list) {
  list->prev = list->next = list;
}

static inline bool ioloop__list_is_empty(const struct ioloop__list *list) {
  return list->next == list;
}

/* Insert after `before`: ioloop__list_insert(list) inserts at the front,
 * ioloop__list_insert(list->prev) at the back. */
static inline void ioloop__list_insert(struct ioloop__list *before, struct ioloop__list *link) {
  link->prev = before;
  link->next = before->next;
  before->next->prev = link;
  before->next = link;
}

static inline void ioloop__list_remove(struct ioloop__list *link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
}

#endif
