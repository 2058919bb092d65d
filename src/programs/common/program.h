/* SPDX-License-Identifier: MIT */
/*
 * program.h - the common start of every program.
 */
#ifndef PROGRAMS_PROGRAM_H
#define PROGRAMS_PROGRAM_H

/* To be called first in main: repairs the state that a parent may have left (descriptors.h,
 * signals.h), and takes the last part of argv[0] as the name that messages begin with. */
void program_begin(const char *argv0);

#endif
