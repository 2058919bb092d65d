/* SPDX-License-Identifier: MIT */
/* layer_calls.h - between layer.c and layer_calls.c. */
#ifndef LAYER_CALLS_H
#define LAYER_CALLS_H

#include <stdbool.h>

#include "calls.h"

/* Whether this call is to fail: then errno is set. */
bool fault_fails(enum fault_call call, const void *caller);
bool fault_request_fails(enum fault_call call); /* to io_uring */

bool fault_is_waker(int fd);

/* So that a send's EPIPE or ECONNRESET is true. */
void fault_end_connection(int fd, int error);

void fault_note_allocated(void *memory, const void *caller);
void fault_note_freed(void *memory);

/* Its allocations are counted, and fail, as ours. */
void fault_take_over_libevent(void);

#endif
