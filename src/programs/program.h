/* SPDX-License-Identifier: MIT */
/*
 * program.h - how every program begins.
 */
#ifndef PROGRAMS_PROGRAM_H
#define PROGRAMS_PROGRAM_H

/* First of all in main: repairs what a parent may have left (descriptors.h, signals.h), and takes
 * the last part of argv[0] as the name that complaints begin with. */
void program_begin(const char *argv0);

#endif
