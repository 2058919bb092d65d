/* SPDX-License-Identifier: MIT */
/*
 * gate.c - backpressure shared by many sockets.
 *
 * Closing a gate does not stop any socket: it is one assignment. Each socket checks its gate when
 * it is ready to read. If the gate is closed, the socket goes on the list of held members and out
 * of the set that the kernel watches. So ten thousand idle connections cost nothing when an output
 * stalls, and data that arrives in the meantime waits where TCP can see it, in each socket's kernel
 * buffer.
 */
#include <stdlib.h>

#include "sockets.h"

int ioloop_gate_new(struct ioloop_gate **ret) {
  struct ioloop_gate *gate = malloc(sizeof *gate);
  if (!gate)
    return -ENOMEM;
  gate->open = true;
  ioloop__list_init(&gate->reading);
  ioloop__list_init(&gate->held);
  *ret = gate;
  return 0;
}

static struct ioloop__gate_member *first(const struct ioloop__list *list) {
  return IOLOOP__LIST_ENTRY(list->next, struct ioloop__gate_member, link);
}

void ioloop_gate_free(struct ioloop_gate *gate) {
  if (!gate)
    return;
  ioloop_gate_open(gate);
  while (!ioloop__list_is_empty(&gate->reading))
    ioloop__gate_detach(first(&gate->reading));
  free(gate);
}

void ioloop_gate_close(struct ioloop_gate *gate) {
  gate->open = false;
}

static void resume(struct ioloop__gate_member *member) {
  void (*fn)(struct ioloop__gate_member * me) = member->resume;
  member->resume = NULL;
  if (fn)
    fn(member);
}

void ioloop_gate_open(struct ioloop_gate *gate) {
  gate->open = true;
  while (!ioloop__list_is_empty(&gate->held)) {
    struct ioloop__gate_member *member = first(&gate->held);
    ioloop__list_remove(&member->link);
    ioloop__list_insert(gate->reading.prev, &member->link);
    resume(member);
  }
}

bool ioloop_gate_is_open(const struct ioloop_gate *gate) {
  return gate->open;
}

void ioloop__gate_enlist(struct ioloop__gate_member *member,
                         void (*fn)(struct ioloop__gate_member *me)) {
  if (!member->resume) {
    ioloop__list_remove(&member->link);
    ioloop__list_insert(member->gate->held.prev, &member->link);
  }
  member->resume = fn;
}

void ioloop__gate_detach(struct ioloop__gate_member *member) {
  if (!member->gate)
    return;
  ioloop__list_remove(&member->link);
  member->gate = NULL;
}

void ioloop__gate_attach(struct ioloop__gate_member *member, struct ioloop_gate *gate) {
  ioloop__gate_detach(member);
  resume(member);
  member->gate = gate;
  if (gate)
    ioloop__list_insert(gate->reading.prev, &member->link);
}
