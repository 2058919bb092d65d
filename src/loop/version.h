/* SPDX-License-Identifier: MIT */
/*
 * version.h - a program and its library may be of different releases. Structs of the public
 * interface come with their size, and members are only ever added at the end.
 *
 * The larger side has members that the other does not know. A program's missing members are zero,
 * which means the default; members that this library does not know may be set only to zero, as
 * with the kernel's openat2(2). Results are cut off at the size of the program's struct.
 */
#ifndef IOLOOP_VERSION_H
#define IOLOOP_VERSION_H

#include <stddef.h>

/* Copy a struct of the caller's, which begins with its size_t size, to `to` of `known` bytes.
 * -EINVAL: the size is too small to be one. -E2BIG: a member that is unknown here is set. */
int ioloop__copy_options(void *to, size_t known, const void *from);

/* Copy a result of `known` bytes to the caller's struct of `size`, whose other members become 0. */
void ioloop__copy_result(void *to, size_t size, const void *from, size_t known);

#endif
