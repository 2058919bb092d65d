/* SPDX-License-Identifier: MIT */
/* gate.h - what a socket needs to be attached to a gate (iostream.h). */
#ifndef IOLOOP_GATE_H
#define IOLOOP_GATE_H

#include "iostream.h"
#include "list.h"

struct iostream_gate {
  bool open;
  struct ioloop__list reading; /* members that have not been stopped */
  struct ioloop__list held;    /* members that became ready while the gate was closed */
};

struct ioloop__gate_member {
  struct ioloop__list link;
  struct iostream_gate *gate;                     /* NULL: not attached */
  void (*resume)(struct ioloop__gate_member *me); /* read again; must not call the program */
};

static inline bool ioloop__gate_stops(const struct ioloop__gate_member *member) {
  return member->gate && !member->gate->open;
}

/* The member stopped reading; `resume` is called when it may continue. */
void ioloop__gate_hold(struct ioloop__gate_member *member);

/* Leave the gate, without being resumed. */
void ioloop__gate_detach(struct ioloop__gate_member *member);

/* Leave the current gate, and join `gate` unless that is NULL. `resume` is called if the old gate
 * held the member. */
void ioloop__gate_attach(struct ioloop__gate_member *member, struct iostream_gate *gate,
                         void (*resume)(struct ioloop__gate_member *me));

#endif
