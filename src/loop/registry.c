/* SPDX-License-Identifier: MIT */
/*
 * registry.c - the I/O models by name, best first, including those that are not built.
 *
 * To add one, add a line to the table below and one to backends/meson.build, which defines
 * IOLOOP_BACKEND_X (the backend's address, or NULL) and IOLOOP_WHY_NOT_X (why it was not built).
 *
 * The last entry is not a backend: a server that blocks in each call has no loop. It is listed
 * because Stevens starts with that model, because `server` implements it, and so that asking for it
 * gets an explanation.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "config.h"
#include "internal.h"
#include "version.h"

extern const struct ioloop_backend IOLOOP_BACKENDS; /* those that are built, from meson.build */

static const struct {
  const char *name;
  const char *model;
  const struct ioloop_backend *backend; /* NULL: not built */
  const char *why_not;                  /* NULL as well: it cannot be one */
} entries[] = {
    {"epoll", "multiplexing", IOLOOP_BACKEND_EPOLL, IOLOOP_WHY_NOT_EPOLL},
    {"epoll-et", "multiplexing", IOLOOP_BACKEND_EPOLL_ET, IOLOOP_WHY_NOT_EPOLL_ET},
    {"kqueue", "multiplexing", IOLOOP_BACKEND_KQUEUE, IOLOOP_WHY_NOT_KQUEUE},
    {"poll", "multiplexing", IOLOOP_BACKEND_POLL, IOLOOP_WHY_NOT_POLL},
    {"select", "multiplexing", IOLOOP_BACKEND_SELECT, IOLOOP_WHY_NOT_SELECT},
    {"rtsig", "signal-driven", IOLOOP_BACKEND_RTSIG, IOLOOP_WHY_NOT_RTSIG},
    {"sigio", "signal-driven", IOLOOP_BACKEND_SIGIO, IOLOOP_WHY_NOT_SIGIO},
    {"io_uring", "asynchronous", IOLOOP_BACKEND_IO_URING, IOLOOP_WHY_NOT_IO_URING},
    {"linux-aio", "asynchronous", IOLOOP_BACKEND_LINUX_AIO, IOLOOP_WHY_NOT_LINUX_AIO},
    {"nonblocking", "non-blocking", IOLOOP_BACKEND_NONBLOCKING, IOLOOP_WHY_NOT_NONBLOCKING},
    {"libevent", "multiplexing", IOLOOP_BACKEND_LIBEVENT, IOLOOP_WHY_NOT_LIBEVENT},
    {"blocking", "blocking", NULL, NULL},
};

enum {
  ENTRY_COUNT = sizeof entries / sizeof entries[0]
};

/* The entry's index, or -1. "libevent:poll" is the entry "libevent". */
static int find_entry(const char *name, const char **variant) {
  size_t length = strcspn(name, ":");
  *variant = name[length] ? name + length + 1 : NULL;
  for (int i = 0; i < ENTRY_COUNT; i++)
    if (strlen(entries[i].name) == length && memcmp(entries[i].name, name, length) == 0)
      return i;
  return -1;
}

static bool can_be_loop(int index) {
  return entries[index].backend || entries[index].why_not;
}

static int unknown(const char *name, char *reason, size_t size) {
  int n = snprintf(reason, size, "no backend '%.32s'; there are", name);
  for (int i = 0; i < ENTRY_COUNT && n > 0 && (size_t)n < size; i++)
    if (can_be_loop(i))
      n += snprintf(reason + n, size - (size_t)n, "%s%s", i ? ", " : " ", entries[i].name);
  return -EINVAL;
}

static int explain(int index, char *reason, size_t size) {
  if (can_be_loop(index)) {
    snprintf(reason, size, "not built: %s", entries[index].why_not);
    return -ENOSYS;
  }
  snprintf(reason, size,
           "blocking is a model of the server (a thread per connection), not a loop "
           "backend");
  return -EINVAL;
}

static bool has_variant(const struct ioloop_backend *backend, const char *variant) {
  const char *const *known = backend->variants;
  while (known && *known && strcmp(*known, variant) != 0)
    known++;
  return known && *known;
}

static int unknown_variant(const struct ioloop_backend *backend, const char *variant, char *reason,
                           size_t size) {
  const char *const *known = backend->variants;
  if (!known) {
    snprintf(reason, size, "%s has no variants", backend->name);
  } else if (!known[1]) {
    snprintf(reason, size, "%s has no variant '%.32s', only %s", backend->name, variant, known[0]);
  } else {
    int n = snprintf(reason, size, "no %s:%.32s; there are %s:%s", backend->name, variant,
                     backend->name, known[0]);
    while (*++known && n > 0 && (size_t)n < size)
      n += snprintf(reason + n, size - (size_t)n, ", :%s", *known);
  }
  return -EINVAL;
}

static int probe(int index, const char *variant, char *reason, size_t size) {
  const struct ioloop_backend *backend = entries[index].backend;
  if (!backend)
    return explain(index, reason, size);
  if (variant && !has_variant(backend, variant))
    return unknown_variant(backend, variant, reason, size);
  int r = backend->probe ? backend->probe(variant, reason, size) : 0;
  return r == -EINVAL ? -ENOSYS : r; /* the kernel's: the name is right */
}

static struct ioloop_backend_info describe(int index, const char *variant) {
  const struct ioloop_backend *backend = entries[index].backend;
  struct ioloop_backend_info info = {.name = entries[index].name,
                                     .model = entries[index].model,
                                     .features = backend ? backend->features : 0};
  info.error = probe(index, variant, info.reason, sizeof info.reason);
  return info;
}

int ioloop_backend_at(size_t index, struct ioloop_backend_info *ret, size_t size) {
  if (index >= ENTRY_COUNT)
    return -ENOENT;
  struct ioloop_backend_info info = describe((int)index, NULL);
  ioloop__copy_result(ret, size, &info, sizeof info);
  return 0;
}

int ioloop_backend_probe(const char *name, struct ioloop_backend_info *ret, size_t size) {
  const char *variant;
  int index = find_entry(name, &variant);
  struct ioloop_backend_info info = {.name = "", .model = ""};
  if (index >= 0)
    info = describe(index, variant);
  else
    info.error = unknown(name, info.reason, sizeof info.reason);
  ioloop__copy_result(ret, size, &info, sizeof info);
  return info.error == -EINVAL ? -EINVAL : 0;
}

const char *ioloop_backend_default(void) {
  for (int i = 0; i < ENTRY_COUNT; i++) {
    char reason[160];
    if (probe(i, NULL, reason, sizeof reason) == 0)
      return entries[i].name;
  }
  return "poll";
}

const char *ioloop_backend_from_env(void) {
  const char *name = getenv("IOLOOP_BACKEND");
  return name && *name ? name : NULL;
}

int ioloop__registry_find(const char *name, const struct ioloop_backend **ret,
                          const char **variant) {
  char reason[160];
  int index = find_entry(name, variant);
  if (index < 0)
    return -EINVAL;
  int r = probe(index, *variant, reason, sizeof reason);
  if (!r)
    *ret = entries[index].backend;
  return r;
}
