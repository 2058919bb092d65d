/* SPDX-License-Identifier: MIT */
/*
 * merge_check.h - what may be merged: the rules of docs/bench-schema.md, "Merged documents".
 */
#ifndef BENCH_MERGE_CHECK_H
#define BENCH_MERGE_CHECK_H

#include <stddef.h>

#include <jansson.h>

/* 0, or EXIT_TROUBLE when a line has been said that names the file and what forbids it. */
int merge_check(json_t *const *documents, const char *const *paths, size_t count);

#endif
