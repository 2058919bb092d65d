/* SPDX-License-Identifier: MIT */
/* sockets.h - what servers, byte streams and datagram sockets have in common. */
#ifndef IOLOOP_SOCKETS_H
#define IOLOOP_SOCKETS_H

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ioloop/stream.h"
#include "list.h"

static inline bool ioloop__would_block(ptrdiff_t result) {
  return result == -EAGAIN || result == -EWOULDBLOCK || result == -EINTR;
}

/* ---- gate.c: what a socket needs to be attached to a gate ------------------------------- */

struct ioloop_gate {
  bool open;
  struct ioloop__list reading; /* members that have not been stopped */
  struct ioloop__list held;    /* members that became ready while the gate was closed */
};

struct ioloop__gate_member {
  struct ioloop__list link;
  struct ioloop_gate *gate;                       /* NULL: not attached */
  void (*resume)(struct ioloop__gate_member *me); /* NULL: it was not stopped */
};

static inline bool ioloop__gate_holds(const struct ioloop__gate_member *member) {
  return member->resume;
}

void ioloop__gate_enlist(struct ioloop__gate_member *member,
                         void (*resume)(struct ioloop__gate_member *me));

/* true: the gate is closed, and the member must not read. `resume` is called once, when it may
 * again; it must not call the program. Inline, as it is asked before each read. */
static inline bool ioloop__gate_hold(struct ioloop__gate_member *member,
                                     void (*resume)(struct ioloop__gate_member *me)) {
  if (!member->gate || member->gate->open)
    return false;
  ioloop__gate_enlist(member, resume);
  return true;
}

/* Leave the gate, without being resumed. */
void ioloop__gate_detach(struct ioloop__gate_member *member);

/* Leave the current gate, and join `gate` unless that is NULL. The member is resumed if the old
 * gate held it. */
void ioloop__gate_attach(struct ioloop__gate_member *member, struct ioloop_gate *gate);

/* ---- stream_address.c ----------------------------------------------------------------- */

/* The address of a path, or of @NAME, an abstract one (Linux). Its size, or -EINVAL. */
int ioloop__unix_address(const char *path, struct sockaddr_un *ret);

/* ---- socket_file.c: the files of AF_UNIX sockets ---------------------------------------- */

/* bind. `replace`: in place of a socket's file on which nothing listens. 0 or -errno. */
int ioloop__bind_unix(int fd, const struct sockaddr *address, socklen_t size, bool replace);

/* The file that bind has just made, to be removed with the socket. NULL: none, or no memory. */
struct socket_file *ioloop__note_file(const struct sockaddr *address, socklen_t size);
/* Remove it if it is still that, and free this. NULL is fine. */
void ioloop__remove_file(struct socket_file *file);

#endif
