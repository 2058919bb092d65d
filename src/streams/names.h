/* SPDX-License-Identifier: MIT */
/* names.h - the addresses of a name, found by a thread. */
#ifndef IOLOOP_NAMES_H
#define IOLOOP_NAMES_H

#include <netdb.h>
#include <stdbool.h>

struct ioloop__lookup;

/* Begin. *fd is readable once it is over; it belongs to the lookup. -1: it is over already, as host and
 * service are numbers. -EAGAIN, -EMFILE, -ENOMEM. */
int ioloop__lookup_begin(const char *host, const char *service, int *fd,
                         struct ioloop__lookup **ret);

/* When it is over: 0 and the addresses, which belong to it, or why there are none. */
int ioloop__lookup_result(const struct ioloop__lookup *lookup, const struct addrinfo **ret);

/* Forget it, whether it is over or not. `inherited`: it was begun before a fork, of which this is
 * the child. */
void ioloop__lookup_end(struct ioloop__lookup *lookup, bool inherited);

/* -EINVAL: the number of no port. glibc takes the lower 16 bits of any. */
int ioloop__check_service(const char *service);

/* getaddrinfo's error as -errno. */
int ioloop__name_error(int error);

#endif
