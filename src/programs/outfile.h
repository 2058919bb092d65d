/* SPDX-License-Identifier: MIT */
/*
 * outfile.h - a file that a program writes as a whole: the earlier one stays until the new one is
 * complete.
 *
 * It is written under another name in the same folder and then renamed. What a rename must not
 * replace (a device, a pipe) is written in place.
 */
#ifndef PROGRAMS_OUTFILE_H
#define PROGRAMS_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct outfile {
  FILE *file;
  const char *path; /* the caller's */
  char *part;       /* the other name; NULL: written in place */
};

/* 0 or -errno: -EISDIR, -EACCES, ... `path` must live until outfile_close. */
int outfile_open(const char *path, struct outfile *ret);

/* Closes the file, which takes its name if `good` and all of it was written. 0 or -errno, also of
 * an earlier write that failed; -ECANCELED: not `good`. */
int outfile_close(struct outfile *out, bool good);

/* Could it be written? 0 or -errno; nothing is left behind. */
int outfile_check(const char *path);

bool outfile_exists(const char *path);

/* The first of the `inputs` that is the file `path`, whatever its name; NULL: none. "-" is none. */
const char *outfile_among(const char *path, const char *const *inputs, size_t count);

/* Writes what is buffered. 0, or -errno of this write or of an earlier one that failed. */
int outfile_flush(FILE *file);

/* An input: a file to read, or NULL and -errno (-EISDIR: a directory) in *ret_error. */
FILE *outfile_read(const char *path, int *ret_error);

#endif
