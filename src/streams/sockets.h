/* SPDX-License-Identifier: MIT */
/* sockets.h - what servers, byte streams and datagram sockets have in common. */
#ifndef IOLOOP_SOCKETS_H
#define IOLOOP_SOCKETS_H

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "iostream.h"
#include "list.h"

static inline bool ioloop__would_block(ptrdiff_t result) {
  return result == -EAGAIN || result == -EWOULDBLOCK || result == -EINTR;
}

/* ---- gate.c: what a socket needs to be attached to a gate ------------------------------- */

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

/* ---- socket_file.c: the files of AF_UNIX sockets ---------------------------------------- */

/* bind. `replace`: in place of a socket's file on which nothing listens. 0 or -errno. */
int ioloop__bind_unix(int fd, const struct sockaddr *address, socklen_t size, bool replace);

/* The file that bind has just made, to be removed with the socket. NULL: none, or no memory. */
struct socket_file *ioloop__note_file(const struct sockaddr *address, socklen_t size);
/* Remove it if it is still that, and free this. NULL is fine. */
void ioloop__remove_file(struct socket_file *file);

#endif
