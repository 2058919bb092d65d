/* SPDX-License-Identifier: MIT */
/* environment.c - describes the machine that was measured: without it, figures cannot be judged. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "ioloop.h"
#include "machine/machine.h"

/* BENCH_COMPILER, BENCH_FLAGS, BENCH_LIBRARIES ("libevent 2.1.12,liburing 2.3") come from the
 * build. */

static json_t *processor(int number) {
  return number < 0 ? json_null() : json_integer(number);
}

static json_t *libraries(void) {
  json_t *object = json_object();
  json_object_set_new(object, "jansson", json_string(JANSSON_VERSION));
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
  return json_pack(
      "{s:s, s:s, s:o, s:o, s:o, s:b, s:I, s:o, s:{s:o, s:o}, s:s, s:s, s:s, s:o, s:o}", "kernel",
      kernel, "machine", machine, "cpu", system_cpu(), "mitigations", system_mitigations(),
      "governor", system_governor(), "hypervisor", system_hypervisor(), "cores",
      (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes", memory(), "pinning", "server",
      processor(bench->server_cpu), "generator", processor(bench->generator_cpu), "ioloop",
      IOLOOP_VERSION, "compiler", BENCH_COMPILER, "flags", BENCH_FLAGS, "libraries", libraries(),
      "limits", limits());
}
