/* SPDX-License-Identifier: MIT */
/* outfile.c - see outfile.h. */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "say.h"

static char *part_of(const char *path) {
  size_t size = strlen(path) + 32;
  char *part = malloc(size);
  if (part)
    snprintf(part, size, "%s.%d.part", path, (int)getpid());
  return part;
}

static bool in_place(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

int outfile_open(const char *path, struct outfile *ret) {
  bool whole = !in_place(path);
  *ret = (struct outfile){.path = path, .part = whole ? part_of(path) : NULL};
  if (whole && !ret->part)
    return -ENOMEM;
  ret->file = fopen(whole ? ret->part : path, "we"); /* e: close on exec */
  int error = ret->file ? 0 : -errno;
  if (error)
    free(ret->part);
  return error;
}

int outfile_close(struct outfile *out, bool good) {
  int error = good ? outfile_flush(out->file) : -ECANCELED;
  if (fclose(out->file) != 0 && !error)
    error = -errno;
  if (out->part && !error && rename(out->part, out->path) < 0)
    error = -errno;
  if (out->part && error)
    unlink(out->part);
  free(out->part);
  return error;
}

int outfile_put(const char *path, outfile_writer *put, const void *what) {
  struct outfile out;
  if (strcmp(path, "-") == 0) {
    int failed = put(stdout, what), code = cli_finish_stdout();
    return !code && failed ? outfile_complain(path, failed) : code;
  }
  int error = outfile_open(path, &out);
  if (!error) {
    error = put(out.file, what);
    int failed = outfile_close(&out, !error);
    error = error ? error : failed;
  }
  return error ? outfile_complain(path, error) : EXIT_OK;
}

int outfile_check(const char *path) {
  struct stat status;
  if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
    return -EISDIR;
  if (in_place(path))
    return access(path, W_OK) < 0 ? -errno : 0;
  struct outfile out;
  int error = outfile_open(path, &out);
  if (!error)
    (void)outfile_close(&out, false);
  return error;
}

/* stdio does not keep the reason of an earlier failure: repeat the write to get its error. */
int outfile_flush(FILE *file) {
  errno = 0;
  if (fflush(file) != 0)
    return errno ? -errno : -EIO;
  if (!ferror(file))
    return 0;
  return write(fileno(file), "\n", 1) < 0 ? -errno : -EIO;
}

FILE *outfile_read(const char *path, int *ret_error) {
  struct stat status;
  FILE *file = fopen(path, "r");
  *ret_error = file ? 0 : -errno;
  if (!file || fstat(fileno(file), &status) < 0 || !S_ISDIR(status.st_mode))
    return file;
  *ret_error = -EISDIR;
  fclose(file);
  return NULL;
}

bool outfile_exists(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static bool same_inode(const struct stat *ours, const struct stat *theirs) {
  return ours->st_dev == theirs->st_dev && ours->st_ino == theirs->st_ino;
}

/* Its last part; its folder's status in *ret. NULL: there is no such folder. */
static const char *stat_folder(const char *path, struct stat *ret) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
  bool found = folder && stat(folder, ret) == 0;
  free(folder);
  return !found ? NULL : slash ? slash + 1 : path;
}

bool outfile_same(const char *path, const char *other) {
  struct stat ours, theirs;
  if (strcmp(path, "-") == 0 || strcmp(other, "-") == 0)
    return false;
  bool first = stat(path, &ours) == 0, second = stat(other, &theirs) == 0;
  if (first && second)
    return S_ISREG(ours.st_mode) && same_inode(&ours, &theirs);
  if (first || second)
    return false;
  const char *name = stat_folder(path, &ours), *name_of_other = stat_folder(other, &theirs);
  return name && name_of_other && strcmp(name, name_of_other) == 0 && same_inode(&ours, &theirs);
}

const char *outfile_among(const char *path, const char *const *inputs, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (outfile_same(path, inputs[i]))
      return inputs[i];
  return NULL;
}

int outfile_folder(const char *path) {
  struct stat status;
  if (mkdir(path, 0777) == 0)
    return 0;
  if (errno != EEXIST)
    return -errno;
  if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
    return -ENOTDIR;
  return access(path, W_OK | X_OK) < 0 ? -errno : 0;
}

int outfile_complain(const char *path, int error) {
  return complain("cannot write %s: %s (%s)", path, strerror(-error),
                  error == -ENOMEM ? "end other programs"
                                   : "see that its folder exists, may be written and has room");
}
