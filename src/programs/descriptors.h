/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h - descriptors 0 to 2 as they must be, and as many others as we may have.
 *
 * The soft limit is often 1024 for the sake of programs that use FD_SET; these here do not, so
 * they take what the hard limit allows. The name of the remedy is the same for all who run out.
 */
#ifndef PROGRAMS_DESCRIPTORS_H
#define PROGRAMS_DESCRIPTORS_H

/*
 * Descriptors 0 to 2 open, so that no socket ever takes the number of a closed stdout; and stdout
 * blocking, which stdio needs: where another process made it non-blocking, a pipe or a terminal is
 * opened a second time, because the flag of the shared file is not ours to clear.
 */
void descriptors_begin(void);

/* A pipe or a terminal opened a second time for writing: non-blocking, close-on-exec, with flags of
 * its own. -EINVAL: neither of the two; -errno of open(2): another user's pipe, no /proc. */
int descriptors_reopen(int fd);

/* Soft limit of descriptors up to the hard one; failing is no harm. Returns the limit. */
unsigned long long descriptors_raise_limit(void);

#endif
