/* SPDX-License-Identifier: MIT */
/*
 * decode.h - the fields of a siginfo that came with F_SETSIG, by name.
 */
#ifndef NAIVE_DECODE_H
#define NAIVE_DECODE_H

#include <stddef.h>

/* "POLL_IN", or "code N". The text is valid until the next call. */
const char *decode_code(int code);

/* "IN RDNORM" for POLLIN | POLLRDNORM; bits without a name in hexadecimal. Returns `text`. */
const char *decode_band(long band, char *text, size_t size);

#endif
