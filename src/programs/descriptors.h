/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h - as many descriptors as we may have.
 *
 * The soft limit is often 1024 for the sake of programs that use FD_SET; these here do not, so
 * they take what the hard limit allows. The name of the remedy is the same for all who run out.
 */
#ifndef PROGRAMS_DESCRIPTORS_H
#define PROGRAMS_DESCRIPTORS_H

/* Soft limit of descriptors up to the hard one; failing is no harm. Returns the limit. */
unsigned long long descriptors_raise_limit(void);

#endif
