/* SPDX-License-Identifier: MIT */
/* errors_none.c - where the models use no other errors than POSIX's. */
#include "errors.h"

#include <stddef.h>

const char *system_error_name(int64_t error) {
  (void)error;
  return NULL;
}
