/* SPDX-License-Identifier: MIT */
/*
 * histogram_pipe.c - a histogram from the measuring process to its parent: a header, then the
 * counters from the smallest value's to the largest's, in native representation.
 */
#include "histogram.h"

#include <errno.h>
#include <unistd.h>

#include "histogram_buckets.h"

#define MAGIC UINT64_C(0x31726468706f6f6c) /* "loophdr1" */

struct header {
  uint64_t magic, count, min, max;
};

static int write_all(int fd, const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    ssize_t written = write(fd, at, size);
    if (written < 0 && errno != EINTR)
      return -errno;
    if (written > 0) {
      at += written;
      size -= (size_t)written;
    }
  }
  return 0;
}

static int read_all(int fd, void *data, size_t size) {
  char *at = data;
  while (size > 0) {
    ssize_t got = read(fd, at, size);
    if (got == 0)
      return -EPIPE;
    if (got < 0 && errno != EINTR)
      return -errno;
    if (got > 0) {
      at += got;
      size -= (size_t)got;
    }
  }
  return 0;
}

static size_t range_size(const struct header *header) {
  return (bucket_of(header->max) - bucket_of(header->min) + 1) * sizeof(uint64_t);
}

int histogram_write(const struct histogram *histogram, int fd) {
  struct header header = {MAGIC, histogram->count, histogram->min, histogram->max};
  int error = write_all(fd, &header, sizeof header);
  if (error || header.count == 0)
    return error;
  return write_all(fd, histogram->counts + bucket_of(header.min), range_size(&header));
}

static int take(struct histogram *histogram, int fd) {
  struct header header;
  int error = read_all(fd, &header, sizeof header);
  if (error)
    return error;
  if (header.magic != MAGIC)
    return -EBADMSG;
  if (header.count > 0) {
    if (header.min > header.max || header.max > HISTOGRAM_HIGHEST)
      return -EBADMSG;
    error = read_all(fd, histogram->counts + bucket_of(header.min), range_size(&header));
  }
  histogram->count = header.count;
  histogram->min = header.min;
  histogram->max = header.max;
  if (!error && histogram_fault(histogram))
    error = -EBADMSG;
  return error;
}

int histogram_read(struct histogram *histogram, int fd) {
  histogram_clear(histogram);
  int error = take(histogram, fd);
  if (error)
    histogram_clear(histogram);
  return error;
}
