/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h - opens descriptors 0 to 2 if they are closed, and raises the limit of descriptors.
 *
 * The soft limit is often 1024 for the sake of programs that use FD_SET. These programs do not, so
 * they raise it to the hard limit. The remedy to print when descriptors run out is defined once,
 * here.
 */
#ifndef PROGRAMS_DESCRIPTORS_H
#define PROGRAMS_DESCRIPTORS_H

/*
 * Make sure that descriptors 0 to 2 are open, so that no socket ever takes the number of a closed
 * stdout; and that stdout blocks, which stdio needs. If another process made it non-blocking, a
 * pipe or a terminal is opened a second time, because the flag of the shared file is not ours to
 * clear.
 */
void descriptors_begin(void);

/* Open a pipe or a terminal a second time for writing: non-blocking, close-on-exec, with flags of
 * its own. -EINVAL: neither of the two; -errno of open(2): another user's pipe, no /proc. */
int descriptors_reopen(int fd);

/* Raise the soft limit of descriptors to the hard one; failure does no harm. Returns the limit. */
unsigned long long descriptors_raise_limit(void);

#endif
