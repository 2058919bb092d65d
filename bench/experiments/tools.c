/* SPDX-License-Identifier: MIT */
/* tools.c - see tools.h. */
#include "tools.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contestants/child.h"

const char *tool_name(enum tool tool) {
  return tool == TOOL_STRACE ? "strace" : "valgrind";
}

/* Tools that cannot be combined with these: valgrind cannot run sanitized programs, and
 * LeakSanitizer, which is part of the first, makes a program fail at its end if it is traced.
 * BENCH_SANITIZERS comes from the build: "none", "address,undefined". */
static const struct {
  const char *option, *trouble;
} sanitizers[] = {
    {"address", "built with AddressSanitizer"},
    {"leak", "built with LeakSanitizer"},
    {"memory", "built with MemorySanitizer"},
    {"thread", "built with ThreadSanitizer"},
};

const char *tool_trouble(enum tool tool) {
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof sanitizers / sizeof *sanitizers; i++)
    if (strstr(BENCH_SANITIZERS, sanitizers[i].option))
      return sanitizers[i].trouble;
  return programs_find_tool(tool_name(tool), path, sizeof path) ? NULL : "not installed";
}

int tool_begin(enum tool tool, struct tool_run *ret) {
  *ret = (struct tool_run){.tool = tool};
  if (tool != TOOL_STRACE)
    return 0;
  snprintf(ret->path, sizeof ret->path, "/tmp/ioloop-bench-XXXXXX");
  int fd = mkstemp(ret->path);
  if (fd < 0) {
    *ret->path = '\0';
    return -errno;
  }
  close(fd);
  return 0;
}

/* strace -D: the tracer becomes the grandchild, so that the child's pid is the program's. */
static int add_tool(const struct tool_run *run, struct command *ret) {
  static const char *const callgrind[] = {"--tool=callgrind", "--callgrind-out-file=/dev/null",
                                          NULL};
  const char *const strace[] = {"-D", "-f", "-c", "-o", run->path, NULL};
  const char *const *words = run->tool == TOOL_STRACE ? strace : callgrind;
  char path[PATH_MAX];
  if (!programs_find_tool(tool_name(run->tool), path, sizeof path))
    return -ENOENT;
  int error = command_add(ret, "%s", path);
  for (size_t i = 0; !error && words[i]; i++)
    error = command_add(ret, "%s", words[i]);
  return error;
}

int tool_command(const struct tool_run *run, const struct command *program, struct command *ret) {
  ret->count = ret->used = 0;
  int error = add_tool(run, ret);
  for (size_t i = 0; !error && i < program->count; i++)
    error = command_add(ret, "%s", program->argv[i]);
  return error;
}

/* "100.00    0.002779          95        29         1 total": the fourth number. */
static double strace_total(const char *path) {
  char line[256];
  double calls = NAN, number;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (strstr(line, " total") && sscanf(line, "%*s %*s %*s %lf", &number) == 1)
      calls = number;
  if (file)
    fclose(file);
  return calls;
}

static double callgrind_total(const char *stderr_tail) {
  double total = NAN;
  for (const char *at = stderr_tail; (at = strstr(at, "Collected : ")) != NULL;) {
    at += strlen("Collected : ");
    total = strtod(at, NULL);
  }
  return total;
}

double tool_end(struct tool_run *run, const char *stderr_tail) {
  double counted =
      run->tool == TOOL_STRACE ? strace_total(run->path) : callgrind_total(stderr_tail);
  if (*run->path)
    unlink(run->path);
  *run->path = '\0';
  return counted;
}
