/* SPDX-License-Identifier: MIT */
/*
 * count.c - figures that are the same on a quiet machine and on a busy one: system calls and
 * instructions, per request and per event.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contestants/child.h"
#include "echo.h"
#include "workload.h"

enum {
  CALLS,
  INSTRUCTIONS,
  SHORT_RUN = 500, /* requests; the long run has twice as many */
  RING_PIPES = 100
};

/* ---- the tools: strace for system calls, valgrind's callgrind for instructions ------ */

enum tool {
  TOOL_STRACE,
  TOOL_CALLGRIND
};

struct tool_run {
  enum tool tool;
  char path[64]; /* of a file for strace's counts; "": none */
};

static const char *tool_name(enum tool tool) {
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

/* Why the tool cannot be used here: "not installed"; NULL: it can. */
static const char *tool_trouble(enum tool tool) {
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof sanitizers / sizeof *sanitizers; i++)
    if (strstr(BENCH_SANITIZERS, sanitizers[i].option))
      return sanitizers[i].trouble;
  return programs_find_tool(tool_name(tool), path, sizeof path) ? NULL : "not installed";
}

/* Put the tool's arguments before those of `program`. strace -D: the tracer becomes the grandchild,
 * so that the child's pid is the program's. 0 or -errno as command_add. */
static int tool_command(const struct tool_run *run, const struct command *program,
                        struct command *ret) {
  const char *const callgrind[] = {"--tool=callgrind", "--callgrind-out-file=/dev/null", NULL};
  const char *const strace[] = {"-D", "-f", "-c", "-o", run->path, NULL};
  const char *const *words = run->tool == TOOL_STRACE ? strace : callgrind;
  char path[PATH_MAX];
  *ret = (struct command){.error = program->error};
  if (!programs_find_tool(tool_name(run->tool), path, sizeof path))
    return -ENOENT;
  command_add(ret, "%s", path);
  for (size_t i = 0; words[i]; i++)
    command_add(ret, "%s", words[i]);
  for (size_t i = 0; i < program->count; i++)
    command_add(ret, "%s", program->argv[i]);
  return ret->error;
}

/* Also makes a file for strace's counts; callgrind prints its count on stderr. 0 or -errno. */
static int tool_begin(enum tool tool, const struct command *program, struct tool_run *ret,
                      struct command *ret_command) {
  *ret = (struct tool_run){.tool = tool};
  if (tool == TOOL_STRACE) {
    snprintf(ret->path, sizeof ret->path, "/tmp/ioloop-bench-XXXXXX");
    int fd = mkstemp(ret->path);
    if (fd < 0) {
      *ret->path = '\0';
      return -errno;
    }
    close(fd);
  }
  return tool_command(ret, program, ret_command);
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

/* The count at the program's end; `stderr_tail` is the stderr of program and tool. NaN: the tool did
 * not print it. Removes the file. */
static double tool_end(struct tool_run *run, const char *stderr_tail) {
  double counted =
      run->tool == TOOL_STRACE ? strace_total(run->path) : callgrind_total(stderr_tail);
  if (*run->path)
    unlink(run->path);
  *run->path = '\0';
  return counted;
}

/* ---- points: the quantity counted, and the tool ------------------------------------ */

static enum tool tool_of(const struct point *point) {
  return (enum tool)point->setting;
}

/* Events of a loop alone, or the requests of a server. */
static bool of_events(const struct point *point) {
  return *point->workload != '\0';
}

static void add(enum tool tool, bool events, size_t connections, struct point *ret) {
  const char *trouble = tool_trouble(tool);
  char what[32] = "request";
  *ret = (struct point){
      .connections = connections, .depth = 1, .x = (double)connections, .setting = tool};
  if (events) {
    snprintf(ret->workload, sizeof ret->workload, "ring %d %zu 1000", (int)RING_PIPES, connections);
    snprintf(what, sizeof what, "ring %zu/%d", connections, (int)RING_PIPES);
  }
  snprintf(ret->id, sizeof ret->id, "%s-%s-%zu", tool == TOOL_STRACE ? "calls" : "instructions",
           events ? "event" : "request", connections);
  snprintf(ret->label, sizeof ret->label, "%s, %s%s%s", what, tool_name(tool), trouble ? ": " : "",
           trouble ? trouble : "");
}

static size_t points(struct bench *bench, struct point *ret) {
  size_t count = 0;
  for (int tool = TOOL_STRACE; tool <= TOOL_CALLGRIND; tool++) {
    add((enum tool)tool, false, 1, &ret[count++]);
    if (bench->size == SIZE_QUICK)
      continue;
    add((enum tool)tool, true, 1, &ret[count++]);
    add((enum tool)tool, true, RING_PIPES, &ret[count++]);
  }
  return count;
}

/* ---- contestants: servers and workloads -------------------------------------------- */

static int contestants(struct bench *bench, struct contestants *ret) {
  int error = 0;
  for (size_t i = 0; !error && i < bench->contestants.count; i++)
    error = contestants_add(ret, &bench->contestants.at[i]);
  return error || bench->size == SIZE_QUICK ? error : workload_contestants(bench, ret);
}

static const char *refuses(struct bench *bench, const struct contestant *contestant,
                           const struct point *point) {
  static char reason[96];
  struct command command;
  const char *trouble = tool_trouble(tool_of(point));
  (void)bench;
  if (trouble) {
    snprintf(reason, sizeof reason, "not counted with %s: %s", tool_name(tool_of(point)), trouble);
    return reason;
  }
  if (!of_events(point))
    return contestant->kind == CONTESTANT_WORKLOAD ? "is no server" : NULL;
  if (strchr(contestant->runs, '+') || strcmp(contestant->runs, "blocking") == 0)
    return "has no loop of its own";
  if (contestant->kind == CONTESTANT_PEER && !workload_of_peer(contestant->runs))
    return "is a server, and its library's loop goes by another name";
  return workload_command(contestant, point->workload, &command) ? "its workload is not built"
                                                                 : NULL;
}

/* ---- one run ----------------------------------------------------------------------- */

/* -errno, or 0 with the tool's count while the server answered `requests` requests. */
static int count_requests(struct bench *bench, const struct contestant *contestant,
                          const struct point *point, uint64_t requests, double *ret,
                          struct sample *sample) {
  struct tool_run tool;
  struct command plain, whole;
  struct echo_load load;
  struct server_process server = {.pid = -1};
  echo_load_at(bench, point, 0, &load);
  load.options.requests = requests;
  load.options.warmup_ns = 0;
  load.options.duration_ns = 0;
  contestant_command(contestant, false, (uint16_t)bench->port, &plain);
  int error = tool_begin(tool_of(point), &plain, &tool, &whole);
  if (!error)
    error = server_start_command(&whole, bench->server_cpu, NULL, &server, sample->stderr_tail,
                                 sizeof sample->stderr_tail);
  if (error)
    snprintf(sample->reason, sizeof sample->reason, "it did not start under %s: %s",
             tool_name(tool_of(point)), strerror(-error));
  else
    error = echo_run(&server, &load, sample);
  if (server.pid > 0)
    server_stop(&server, sample->stderr_tail, sizeof sample->stderr_tail);
  *ret = tool_end(&tool, sample->stderr_tail);
  return error;
}

static int count_events(struct bench *bench, const struct contestant *contestant,
                        const struct point *point, unsigned rounds, double *ret, uint64_t *events,
                        struct sample *sample) {
  struct tool_run tool;
  struct command plain, whole;
  struct workload_result result = {.operations = 0};
  workload_command(contestant, point->workload, &plain);
  command_add(&plain, "%u", rounds);
  int error = tool_begin(tool_of(point), &plain, &tool, &whole);
  if (!error)
    error = workload_run(bench, &whole, sample, &result);
  *events = result.operations;
  *ret = tool_end(&tool, sample->stderr_tail);
  return error;
}

/* ---- two run lengths: starting and ending cancel out in the difference ------------- */

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  double counted[2] = {NAN, NAN};
  uint64_t events[2] = {SHORT_RUN, 2 * SHORT_RUN};
  int error = 0;
  (void)round;
  for (unsigned i = 0; !error && i < 2 && !(i == 1 && isnan(counted[0])); i++)
    error =
        of_events(point)
            ? count_events(bench, contestant, point, 2 * (i + 1), &counted[i], &events[i], sample)
            : count_requests(bench, contestant, point, events[i], &counted[i], sample);
  histogram_clear(sample->latency); /* under a tool they are meaningless */
  if (error)
    return error;
  double each = (counted[1] - counted[0]) / (double)(events[1] - events[0]);
  if (!isfinite(each)) {
    snprintf(sample->reason, sizeof sample->reason,
             "%s counted nothing: the program did not end in order under it",
             tool_name(tool_of(point)));
    return -EIO;
  }
  sample->values[tool_of(point) == TOOL_STRACE ? CALLS : INSTRUCTIONS] = each;
  return 0;
}

/* Two run lengths; valgrind is the slower tool. */
static double seconds(const struct bench *bench, const struct point *point) {
  (void)bench;
  return tool_of(point) == TOOL_STRACE ? 0.8 : 2.5;
}

const struct experiment experiment_count = {
    .name = "count",
    .title = "System calls and instructions, counted",
    .reproduces =
        "the counts that accompany the timings of Provos & Lever 2000 and of Gammo et al. 2004",
    .method =
        "strace -c -f counts the system calls of the server, valgrind's callgrind its instructions "
        "in user space, over one connection in a closed loop; the same is done for the workload of "
        "`ring` with 1 and with 100 of 100 pipes active. Each figure is the difference of two run "
        "lengths, divided by the requests or events between them, so that starting and ending "
        "cancel out. The counts hardly vary, so they are measured once. A model that polls without "
        "sleeping (nonblocking) makes as many calls as it has time for, and slow tools give it "
        "much: its counts show nothing else. Instructions in the kernel are not included, nor "
        "those of io_uring's kernel threads.",
    .takes = TAKES_ALWAYS | TAKES_CONTESTANTS | TAKES_SIZE | TAKES_TCP | TAKES_PORT,
    .metrics =
        {
            [CALLS] = {"calls", "system calls, each", "calls", "lower", true},
            [INSTRUCTIONS] = {"instructions", "user instructions, each", "instructions", "lower",
                              true},
        },
    .counted = true,
    .points = points,
    .refuses = refuses,
    .seconds = seconds,
    .measure = measure,
    .contestants = contestants,
};
