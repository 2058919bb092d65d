/* SPDX-License-Identifier: MIT */
/* environment_none.c - for other systems: nothing is known, and nothing pinned. */
#include "environment.h"

json_t *system_cpu(void) {
  return json_null();
}

json_t *system_mitigations(void) {
  return json_object();
}

json_t *system_governor(void) {
  return json_null();
}

bool system_hypervisor(void) {
  return false;
}

json_t *system_sigpending(void) {
  return json_null();
}

void system_two_processors(int *first, int *second) {
  *first = *second = -1;
}
