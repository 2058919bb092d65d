/* SPDX-License-Identifier: MIT */
/* scratch.h - what streams ask of the core besides ioloop.h. */
#ifndef IOLOOP_SCRATCH_H
#define IOLOOP_SCRATCH_H

#include "ioloop.h"

/* At least `size` bytes, valid until the next call or the end of the callback. NULL: out of
 * memory. One buffer a loop: because of it ten thousand idle connections own none. */
void *ioloop__scratch(struct ioloop *loop, size_t size);

/* A registered socket's error that the backend's kernel interface has consumed (SO_ERROR is 0
 * then), as an errno; 0: none. */
int ioloop__taken_error(struct ioloop *loop, int fd);

#endif
