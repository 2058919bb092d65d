/* SPDX-License-Identifier: MIT */
/*
 * environments.h - where the machines of several documents differ.
 */
#ifndef BENCH_ENVIRONMENTS_H
#define BENCH_ENVIRONMENTS_H

#include <stddef.h>

#include <jansson.h>

/*
 * What is not the same in all `environments`: an array of {"member": "libraries.libevent",
 * "values": [one each, null where it has none]}. Members of members are told apart. A new
 * reference, NULL: no memory.
 */
json_t *environments_differences(const json_t *const *environments, size_t count);

/* A value for people: text without quotes, "-" for null. A new string, NULL: no memory. */
char *environment_value_text(const json_t *value);

#endif
