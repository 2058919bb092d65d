/* SPDX-License-Identifier: MIT */
/* platform.c - the machine on Linux: /proc/cpuinfo and /sys/devices/system/cpu. On other
 * systems nothing is known, nothing is pinned, and signals have no limit of their own. */
#include <errno.h>

#include "machine/machine.h"

#ifdef __linux__

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define CPU_FOLDER    "/sys/devices/system/cpu/"
#define VULNERABILITY CPU_FOLDER "vulnerabilities/"

enum {
  LINE_SIZE = 4096
};

/* The first line of a file, without its newline. */
static bool first_line(const char *path, char line[LINE_SIZE]) {
  FILE *file = fopen(path, "r");
  if (!file)
    return false;
  bool got = fgets(line, LINE_SIZE, file) != NULL;
  fclose(file);
  if (got)
    line[strcspn(line, "\n")] = '\0';
  return got;
}

/* The text after "NAME   : " in /proc/cpuinfo. */
static bool cpuinfo(const char *name, char value[LINE_SIZE]) {
  char line[LINE_SIZE];
  bool found = false;
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (!file)
    return false;
  while (!found && fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    found = colon && strncmp(line, name, strlen(name)) == 0;
    if (found)
      snprintf(value, LINE_SIZE, "%.*s", (int)strcspn(colon + 1, "\n"), colon + 1);
  }
  fclose(file);
  return found;
}

json_t *system_cpu(void) {
  char value[LINE_SIZE];
  /* Arm gives only numbers here, no name. */
  if (!cpuinfo("model name", value) && !cpuinfo("CPU part", value))
    return json_null();
  return json_string(value + strspn(value, " "));
}

bool system_hypervisor(void) {
  char value[LINE_SIZE], padded[LINE_SIZE + 2];
  if (!cpuinfo("flags", value))
    return false;
  snprintf(padded, sizeof padded, "%s ", value);
  return strstr(padded, " hypervisor ") != NULL;
}

json_t *system_mitigations(void) {
  json_t *object = json_object();
  DIR *folder = opendir(VULNERABILITY);
  if (!folder)
    return object;
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char path[sizeof VULNERABILITY + sizeof entry->d_name], line[LINE_SIZE];
    snprintf(path, sizeof path, VULNERABILITY "%s", entry->d_name);
    if (entry->d_name[0] != '.' && first_line(path, line))
      json_object_set_new(object, entry->d_name, json_string(line));
  }
  closedir(folder);
  return object;
}

json_t *system_governor(void) {
  char line[LINE_SIZE];
  bool got = first_line(CPU_FOLDER "cpu0/cpufreq/scaling_governor", line);
  return got ? json_string(line) : json_null();
}

json_t *system_sigpending(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_SIGPENDING, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
    return json_null();
  return json_integer((json_int_t)limit.rlim_cur);
}

void system_two_processors(int *first, int *second) {
  cpu_set_t mask;
  int found[2] = {-1, -1}, count = 0;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0)
    for (int i = 0; i < CPU_SETSIZE && count < 2; i++)
      if (CPU_ISSET((size_t)i, &mask))
        found[count++] = i;
  *first = count == 2 ? found[0] : -1;
  *second = count == 2 ? found[1] : -1;
}

int system_limit_signals(uint64_t count) {
  const struct rlimit limit = {.rlim_cur = count, .rlim_max = count};
  return setrlimit(RLIMIT_SIGPENDING, &limit) < 0 ? -errno : 0;
}

#else

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

int system_limit_signals(uint64_t count) {
  (void)count;
  return -ENOSYS;
}

#endif
