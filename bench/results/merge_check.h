/* SPDX-License-Identifier: MIT */
/*
 * merge_check.h - which documents may be merged: the rules of docs/bench-schema.md, "Merged
 * documents".
 */
#ifndef BENCH_MERGE_CHECK_H
#define BENCH_MERGE_CHECK_H

#include <stddef.h>

#include <jansson.h>

/* 0, or EXIT_TROUBLE after printing a line with the file and the obstacle. */
int merge_check(json_t *const *documents, const char *const *paths, size_t count);

#endif
