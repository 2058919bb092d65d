/* SPDX-License-Identifier: MIT */
/*
 * wallclock.h - a wall clock that can be stepped without changing the system's.
 *
 * The test program defines clock_gettime, gettimeofday and time itself, so that the library, and
 * libevent's shared object too, get these instead of the C library's. Only the wall clock is
 * shifted. This does not cover a wait inside the kernel until an absolute wall-clock time, but no
 * call that the backends use has one.
 */
#ifndef WALLCLOCK_H
#define WALLCLOCK_H

#include <stdint.h>

void wallclock_step(int64_t seconds);

#endif
