/* SPDX-License-Identifier: MIT */
/*
 * settings.c - the settings of the system that change what is measured: how the clock is read, how
 * frequencies are chosen, which processors share a core, and the limits of the network. Each is what
 * Linux has in a file; null where there is no such file.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "machine/machine.h"

#define CPU_FOLDER "/sys/devices/system/cpu/"

enum {
  LINE_SIZE = 256
};

/* The first line of a file, with single blanks, or null. */
static json_t *line_of(const char *path) {
  char line[LINE_SIZE];
  FILE *file = fopen(path, "r");
  if (!file)
    return json_null();
  bool got = fgets(line, sizeof line, file) != NULL;
  fclose(file);
  if (!got)
    return json_null();
  line[strcspn(line, "\n")] = '\0';
  for (char *at = line; *at; at++)
    if (*at == '\t')
      *at = ' ';
  json_t *text = json_string(line);
  return text ? text : json_null();
}

static json_t *lines_of(const char *const (*files)[2], size_t count) {
  json_t *object = json_object();
  for (size_t i = 0; i < count; i++)
    json_object_set_new(object, files[i][0], line_of(files[i][1]));
  return object;
}

static json_t *frequency(void) {
  static const char *const files[][2] = {
      {"driver", CPU_FOLDER "cpu0/cpufreq/scaling_driver"},
      {"least_khz", CPU_FOLDER "cpu0/cpufreq/scaling_min_freq"},
      {"most_khz", CPU_FOLDER "cpu0/cpufreq/scaling_max_freq"},
      {"boost", CPU_FOLDER "cpufreq/boost"},
      {"no_turbo", CPU_FOLDER "intel_pstate/no_turbo"},
  };
  return lines_of(files, sizeof files / sizeof *files);
}

static json_t *sysctls(void) {
  static const char *const files[][2] = {
      {"net.core.busy_poll", "/proc/sys/net/core/busy_poll"},
      {"net.core.busy_read", "/proc/sys/net/core/busy_read"},
      {"net.core.somaxconn", "/proc/sys/net/core/somaxconn"},
      {"net.core.rmem_max", "/proc/sys/net/core/rmem_max"},
      {"net.core.wmem_max", "/proc/sys/net/core/wmem_max"},
      {"net.ipv4.tcp_rmem", "/proc/sys/net/ipv4/tcp_rmem"},
      {"net.ipv4.tcp_wmem", "/proc/sys/net/ipv4/tcp_wmem"},
      {"net.ipv4.tcp_congestion_control", "/proc/sys/net/ipv4/tcp_congestion_control"},
      {"net.ipv4.tcp_autocorking", "/proc/sys/net/ipv4/tcp_autocorking"},
      {"net.ipv4.tcp_max_syn_backlog", "/proc/sys/net/ipv4/tcp_max_syn_backlog"},
      {"net.ipv4.tcp_tw_reuse", "/proc/sys/net/ipv4/tcp_tw_reuse"},
      {"net.ipv4.ip_local_port_range", "/proc/sys/net/ipv4/ip_local_port_range"},
  };
  return lines_of(files, sizeof files / sizeof *files);
}

/* Of a pinned processor: two that share a core slow each other down. */
static json_t *siblings(int processor) {
  char path[96];
  if (processor < 0)
    return json_null();
  snprintf(path, sizeof path, CPU_FOLDER "cpu%d/topology/thread_siblings_list", processor);
  return line_of(path);
}

static json_t *nice_value(void) {
  errno = 0;
  int value = getpriority(PRIO_PROCESS, 0);
  return errno ? json_null() : json_integer(value);
}

json_t *settings_describe(const struct bench *bench) {
  return json_pack("{s:o, s:o, s:o, s:{s:o, s:o}, s:o}", "nice", nice_value(), "clock_source",
                   line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
                   "frequency", frequency(), "siblings", "server", siblings(bench->server_cpu),
                   "generator", siblings(bench->generator_cpu), "sysctls", sysctls());
}
