/* SPDX-License-Identifier: MIT */
/* scratch.h - one buffer a loop, which everything that reads on it shares. */
#ifndef IOLOOP_SCRATCH_H
#define IOLOOP_SCRATCH_H

#include "ioloop.h"

/* At least `size` bytes, valid until the next call or the end of the callback. NULL: out of
 * memory. It is the one thing that streams ask of the core beside ioloop.h: because of it ten
 * thousand idle connections own no buffer. */
void *ioloop__scratch(struct ioloop *loop, size_t size);

#endif
