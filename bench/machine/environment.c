/* SPDX-License-Identifier: MIT */
/*
 * environment.c - describes the machine that was measured: without it, figures cannot be judged.
 *
 * What Linux knows is in /proc/cpuinfo and /sys/devices/system/cpu. Other systems have no such
 * files, and there nothing is known, nothing is pinned, and signals have no limit of their own.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif

#include "bench.h"
#include "commit.h"
#include "ioloop/ioloop.h"
#include "machine/machine.h"

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

static json_t *cpu_model(void) {
  char value[LINE_SIZE];
  /* Arm gives only numbers here, no name. */
  if (!cpuinfo("model name", value) && !cpuinfo("CPU part", value))
    return json_null();
  return json_string(value + strspn(value, " "));
}

static bool hypervisor(void) {
  char value[LINE_SIZE], padded[LINE_SIZE + 2];
  if (!cpuinfo("flags", value))
    return false;
  snprintf(padded, sizeof padded, "%s ", value);
  return strstr(padded, " hypervisor ") != NULL;
}

static json_t *mitigations(void) {
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

static json_t *governor(void) {
  char line[LINE_SIZE];
  bool got = first_line(CPU_FOLDER "cpu0/cpufreq/scaling_governor", line);
  return got ? json_string(line) : json_null();
}

/* ---- system calls of Linux ------------------------------------------------------------ */

#ifdef __linux__

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

/* ---- the description -------------------------------------------------------------------- */

/* BENCH_COMPILER, BENCH_FLAGS, BENCH_LIBRARIES ("libevent 2.1.12,liburing 2.3") come from the
 * build. */

static json_t *processor(int number) {
  return number < 0 ? json_null() : json_integer(number);
}

/* "glibc 2.36"; musl does not say. */
static bool libc_version(char *to, size_t room) {
#ifdef _CS_GNU_LIBC_VERSION
  size_t size = confstr(_CS_GNU_LIBC_VERSION, to, room);
  return size > 1 && size <= room;
#else
  (void)to;
  (void)room;
  return false;
#endif
}

static json_t *libraries(void) {
  json_t *object = json_object();
  json_object_set_new(object, "jansson", json_string(JANSSON_VERSION));
  char libc[64];
  if (libc_version(libc, sizeof libc))
    json_object_set_new(object, "libc", json_string(libc));
  for (const char *at = BENCH_LIBRARIES; *at;) {
    char name[64], version[64];
    size_t size = strcspn(at, ",");
    if (sscanf(at, "%63[^ ] %63[^,]", name, version) == 2)
      json_object_set_new(object, name, json_string(version));
    at += size + (at[size] == ',');
  }
  return object;
}

static json_t *limits(void) {
  struct rlimit limit;
  bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return json_pack("{s:o, s:o}", "descriptors",
                   known ? json_integer((json_int_t)limit.rlim_cur) : json_null(), "sigpending",
                   system_sigpending());
}

static json_t *memory(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? json_integer((json_int_t)pages * size) : json_null();
}

json_t *environment_describe(const struct bench *bench) {
  struct utsname name;
  char kernel[sizeof name.sysname + sizeof name.release + 1] = "unknown";
  const char *machine = "unknown";
  if (uname(&name) == 0) {
    snprintf(kernel, sizeof kernel, "%s %s", name.sysname, name.release);
    machine = name.machine;
  }
  const char *commit = *BENCH_COMMIT ? BENCH_COMMIT : NULL;
  json_t *environment = json_pack(
      "{s:s, s:s, s:o, s:o, s:o, s:b, s:I, s:o, s:{s:o, s:o}, s:s, s:s?, s:s, s:s, s:o, s:o}",
      "kernel", kernel, "machine", machine, "cpu", cpu_model(), "mitigations", mitigations(),
      "governor", governor(), "hypervisor", hypervisor(), "cores",
      (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes", memory(), "pinning", "server",
      processor(bench->server_cpu), "generator", processor(bench->generator_cpu), "ioloop",
      IOLOOP_VERSION, "commit", commit, "compiler", BENCH_COMPILER, "flags", BENCH_FLAGS,
      "libraries", libraries(), "limits", limits());
  json_t *settings = settings_describe(bench);
  if (environment)
    json_object_update(environment, settings);
  json_decref(settings);
  return environment;
}
