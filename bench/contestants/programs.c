/* SPDX-License-Identifier: MIT */
/* programs.c - finds our own path, and from it the other programs. */
#include "child.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX] = ".";
static bool installed; /* we are called ioloop-bench, and the others have such names too */

static bool runs(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool programs_find_tool(const char *name, char *to, size_t room) {
  const char *path = getenv("PATH");
  for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
    size_t size = strcspn(at, ":");
    int used = snprintf(to, room, "%.*s/%s", (int)size, at, name);
    if (size > 0 && used > 0 && (size_t)used < room && runs(to))
      return true;
    at += size + (at[size] == ':');
  }
  return false;
}

/* The path of this program. From /proc; on other systems, as the shell found it. */
static bool find_self(const char *argv0, char to[PATH_MAX]) {
  ssize_t size = readlink("/proc/self/exe", to, PATH_MAX - 1);
  if (size > 0) {
    to[size] = '\0';
    return true;
  }
  char found[PATH_MAX];
  if (strchr(argv0, '/'))
    return realpath(argv0, to) != NULL;
  return programs_find_tool(argv0, found, sizeof found) && realpath(found, to) != NULL;
}

void programs_begin(const char *argv0) {
  char self[PATH_MAX];
  if (!argv0 || !find_self(argv0, self))
    return;
  char *slash = strrchr(self, '/');
  if (!slash)
    return;
  installed = strncmp(slash + 1, "ioloop-", 7) == 0;
  *slash = '\0';
  snprintf(folder, sizeof folder, "%s", self);
}

static bool try(char *to, size_t room, const char *middle, const char *name) {
  int used = snprintf(to, room, "%s/%s%s", folder, middle, name);
  return used > 0 && (size_t)used < room && runs(to);
}

/* BENCH_LIBEXEC: the path from the folder of programs to that of the peers, "../libexec/ioloop/".
 * /usr/bin/server may be another program, so installed programs are looked up by their full name
 * only. */
bool programs_find(const char *name, char *to, size_t room) {
  if (!installed)
    return try(to, room, "", name);
  return try(to, room, "ioloop-", name) || try(to, room, BENCH_LIBEXEC, name);
}
