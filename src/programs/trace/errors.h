/* SPDX-License-Identifier: MIT */
/* errors.h - names of errors that only this system has (errors_linux.c, errors_none.c). */
#ifndef TRACE_ERRORS_H
#define TRACE_ERRORS_H

#include <stdint.h>

/* The name of a positive errno value, such as "ETIME"; NULL: none of them. Static. */
const char *system_error_name(int64_t error);

#endif
