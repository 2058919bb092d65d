/* SPDX-License-Identifier: MIT */
/* errors_linux.c - ETIME: no completion before io_uring_enter's timeout. */
#include "errors.h"

#include <errno.h>
#include <stddef.h>

const char *system_error_name(int64_t error) {
  return error == ETIME ? "ETIME" : NULL;
}
