/* SPDX-License-Identifier: MIT */
/*
 * outfile.h - writing a file as a whole: the earlier one stays until the new one is complete.
 *
 * It is written under a temporary name in the same folder and then renamed. Files that a rename
 * must not replace (a device, a pipe) are written in place.
 */
#ifndef PROGRAMS_OUTFILE_H
#define PROGRAMS_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct outfile {
  FILE *file;
  const char *path; /* owned by the caller */
  char *part;       /* the temporary name; NULL: written in place */
};

/* 0 or -errno: -EISDIR, -EACCES, ... `path` must live until outfile_close. */
int outfile_open(const char *path, struct outfile *ret);

/* Close the file, which gets its name if `good` and everything was written. 0 or -errno, including
 * that of an earlier write; -ECANCELED: not `good`. */
int outfile_close(struct outfile *out, bool good);

/* Can it be written? 0 or -errno; nothing is left behind. */
int outfile_check(const char *path);

bool outfile_exists(const char *path);

/* Let `put` write `what` to the file, or to stdout ("-"). EXIT_OK, or EXIT_TROUBLE after printing an
 * error: -errno of `put`, which need not check its writes, or of the file. */
typedef int outfile_writer(FILE *to, const void *what);
int outfile_put(const char *path, outfile_writer *put, const void *what);

/* Would the two be written to the same file, whatever their names? Also one that does not exist
 * yet. "-" and devices are no files. */
bool outfile_same(const char *path, const char *other);

/* Create the folder unless it exists. 0; -ENOTDIR: it is another file; -errno: no files can be
 * created in it. */
int outfile_folder(const char *path);

/* Print the one line for an output that cannot be written, with -errno: EXIT_TROUBLE. */
int outfile_complain(const char *path, int error);

/* The first of `inputs` that is the same file as `path`, whatever its name; NULL: none. "-" is no
 * file. */
const char *outfile_among(const char *path, const char *const *inputs, size_t count);

/* Write buffered data. 0, or -errno of this write or of an earlier one that failed. */
int outfile_flush(FILE *file);

/* Open an input for reading, or NULL and -errno (-EISDIR: a directory) in *ret_error. */
FILE *outfile_read(const char *path, int *ret_error);

#endif
