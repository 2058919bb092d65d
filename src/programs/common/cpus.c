/* SPDX-License-Identifier: MIT */
/* cpus.c - parsing a list of processors, and refusing one that names a missing processor. */
#include "cpus.h"

#include <errno.h>
#include <string.h>

#include "say.h"

/* Returns the end of the digits; NULL: there are none, or the number is too large. */
static const char *parse_number(const char *at, unsigned *ret) {
  unsigned number = 0;
  const char *begin = at;
  for (; *at >= '0' && *at <= '9'; at++) {
    number = number * 10 + (unsigned)(*at - '0');
    if (number >= CPUS_MAX)
      return NULL;
  }
  *ret = number;
  return at > begin ? at : NULL;
}

static const char *parse_range(const char *at, unsigned *first, unsigned *last) {
  at = parse_number(at, first);
  *last = *first;
  if (at && *at == '-')
    at = parse_number(at + 1, last);
  return at && *first <= *last ? at : NULL;
}

bool cpus_parse(const char *text, struct cpus *ret) {
  struct cpus cpus = {.count = 0};
  unsigned first = 0, last = 0;
  for (const char *at = text;; at++) {
    at = parse_range(at, &first, &last);
    if (!at || cpus.count + (last - first) >= CPUS_MAX || (*at && *at != ','))
      return false;
    for (unsigned number = first; number <= last; number++)
      cpus.at[cpus.count++] = (unsigned short)number;
    if (!*at)
      break;
  }
  *ret = cpus;
  return true;
}

static int refuse(unsigned number, int error) {
  char usable[256];
  cpus_describe(usable, sizeof usable);
  if (error == -EINVAL)
    return complain("--cpu: there is no processor %u here that may be used (there are %s)", number,
                    usable);
  if (error == -ENOSYS)
    return complain(
        "--cpu: this system cannot keep a process on a processor (Linux can); leave it out");
  return complain("--cpu: cannot stay on processor %u: %s", number, strerror(-error));
}

int cpus_check(const struct cpus *cpus) {
  for (size_t i = 0; i < cpus->count; i++) {
    int error = cpus_try(cpus->at[i]);
    if (error)
      return refuse(cpus->at[i], error);
  }
  return 0;
}

static int pin(const unsigned short *numbers, size_t count) {
  int error = cpus_pin(numbers, count);
  return error ? refuse(*numbers, error) : 0;
}

int cpus_stay(const struct cpus *cpus) {
  return pin(cpus->at, cpus->count);
}

int cpus_stay_on(const struct cpus *cpus, size_t index) {
  return pin(&cpus->at[index % cpus->count], 1);
}
