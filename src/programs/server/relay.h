/* SPDX-License-Identifier: MIT */
/*
 * relay.h - from a worker's stdout to ours, whole lines at a time.
 */
#ifndef SERVER_RELAY_H
#define SERVER_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/output.h"

struct relay;

/* Read `fd`, and own it: relay_free closes it. -errno of watching it; -ENOMEM. */
int relay_new(struct ioloop *loop, int fd, struct output *output, struct relay **ret);

/* Stop reading, or resume. */
void relay_hold(struct relay *relay, bool hold);

/* The worker is dead: read the rest of its pipe. A line that it did not finish is dropped. */
void relay_finish(struct relay *relay);

/* Lines passed on so far. */
uint64_t relay_lines(const struct relay *relay);

/* In a forked child: close the inherited descriptor, and leave the parent's state untouched. */
void relay_forget(struct relay *relay);

/* NULL is fine. */
void relay_free(struct relay *relay);

#endif
