/* SPDX-License-Identifier: MIT */
/* version.c - this release, and structs of which the program may know another version. */
#include "version.h"

#include <errno.h>
#include <string.h>

#include "ioloop/ioloop.h"

const char *ioloop_version(void) {
  return IOLOOP_VERSION;
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

int ioloop__copy_options(void *to, size_t known, const void *from) {
  size_t size;
  memcpy(&size, from, sizeof size);
  if (size < sizeof size)
    return -EINVAL;
  for (size_t i = known; i < size; i++)
    if (((const char *)from)[i])
      return -E2BIG;
  ioloop__copy_result(to, known, from, smaller(size, known));
  return 0;
}

void ioloop__copy_result(void *to, size_t size, const void *from, size_t known) {
  memset(to, 0, size);
  memcpy(to, from, smaller(size, known));
}
