/* SPDX-License-Identifier: MIT */
/* errors_none.c - for systems whose models use only POSIX errors. */
#include "errors.h"

#include <stddef.h>

const char *system_error_name(int64_t error) {
  (void)error;
  return NULL;
}
