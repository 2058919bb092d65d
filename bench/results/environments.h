/* SPDX-License-Identifier: MIT */
/*
 * environments.h - the differences between the machines of several documents.
 */
#ifndef BENCH_ENVIRONMENTS_H
#define BENCH_ENVIRONMENTS_H

#include <stddef.h>

#include <jansson.h>

/*
 * The members that are not the same in all `environments`: an array of {"member":
 * "libraries.libevent", "values": [one each, null if missing]}. Members of members are compared one
 * by one. A new reference, NULL: no memory.
 */
json_t *environments_differences(const json_t *const *environments, size_t count);

/* A value as readable text: without quotes, "-" for null. A new string, NULL: no memory. */
char *environment_value_text(const json_t *value);

#endif
