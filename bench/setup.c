/* SPDX-License-Identifier: MIT */
/* setup.c - the experiments, and setting up the lab for them; see options.h. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/outfile.h"
#include "common/program.h"
#include "common/say.h"

enum {
  EXPERIMENTS_MAX = 64,
  DEFAULT_SIZE = 64,     /* bytes of a message */
  SPARE_DESCRIPTORS = 64 /* of a server or generator, besides its connections */
};

/* ---- which experiments ------------------------------------------------------------- */

const struct experiment *const experiments_all[] = {
    &experiment_latency,
    &experiment_load,
    &experiment_idle,
    &experiment_churn,
    &experiment_ring,
    &experiment_cascade,
    &experiment_timers,
    &experiment_handlers,
    &experiment_wake,
    &experiment_overflow,
    &experiment_count,
    &experiment_witness,
    NULL,
};

static const struct experiment *const experiments_quick[] = {
    &experiment_count, &experiment_latency, &experiment_idle, &experiment_ring, NULL,
};

static const struct experiment *find(const char *name) {
  for (size_t i = 0; experiments_all[i]; i++)
    if (strcmp(experiments_all[i]->name, name) == 0)
      return experiments_all[i];
  return NULL;
}

void setup_names(const struct experiment *const *experiments, unsigned takes,
                 char ret[EXPERIMENT_NAMES_SIZE]) {
  size_t used = 0;
  ret[0] = '\0';
  for (size_t i = 0; experiments[i]; i++)
    if ((experiments[i]->takes & takes) == takes && used < EXPERIMENT_NAMES_SIZE)
      used += (size_t)snprintf(ret + used, EXPERIMENT_NAMES_SIZE - used, "%s%s", used ? ", " : "",
                               experiments[i]->name);
}

static int refuse_experiment(const char *name) {
  char known[EXPERIMENT_NAMES_SIZE];
  setup_names(experiments_all, 0, known);
  return misuse("%s: there is no such experiment; there are %s, quick and all, and the commands "
                "list, report, merge, compare and against (see --help)",
                name, known);
}

int setup_experiments(struct lab_options *options, const struct experiment *const **ret) {
  static const struct experiment *named[EXPERIMENTS_MAX + 1];
  size_t count = options->argument_count;
  if (count == 0)
    return misuse("no experiment named; for example: %s quick, or: %s latency (see --help)",
                  say_program(), say_program());
  bool quick = strcmp(options->arguments[0], "quick") == 0;
  if (count == 1 && (quick || strcmp(options->arguments[0], "all") == 0)) {
    *ret = quick ? experiments_quick : experiments_all;
    options->bench.size = quick ? SIZE_QUICK : SIZE_NORMAL;
    return 0;
  }
  for (size_t i = 0; i < count; i++)
    if (strcmp(options->arguments[i], "quick") == 0 || strcmp(options->arguments[i], "all") == 0)
      return misuse("%s: is a choice of experiments and stands alone: %s %s", options->arguments[i],
                    say_program(), options->arguments[i]);
  if (count > EXPERIMENTS_MAX)
    return misuse("at most %d experiments at a time", EXPERIMENTS_MAX);
  for (size_t i = 0; i < count; i++) {
    named[i] = find(options->arguments[i]);
    if (!named[i])
      return refuse_experiment(options->arguments[i]);
    for (size_t j = 0; j < i; j++)
      if (named[j] == named[i])
        return misuse("%s: is named twice; --rounds=N measures it more often", named[i]->name);
  }
  named[count] = NULL;
  *ret = named;
  options->bench.size = SIZE_FULL;
  return 0;
}

/* ---- the numbers ------------------------------------------------------------------- */

static const struct {
  unsigned rounds;
  uint64_t duration_ns, warmup_ns;
} defaults[] = {
    [SIZE_QUICK] = {6, 150 * NS_PER_MS, 40 * NS_PER_MS},
    [SIZE_NORMAL] = {5, 350 * NS_PER_MS, 100 * NS_PER_MS},
    [SIZE_FULL] = {5, 1000 * NS_PER_MS, 200 * NS_PER_MS},
};

void setup_defaults(struct bench *bench) {
  if (!bench->rounds)
    bench->rounds = defaults[bench->size].rounds;
  if (bench->duration_ns == DURATION_UNSET)
    bench->duration_ns = defaults[bench->size].duration_ns;
  if (bench->warmup_ns == DURATION_UNSET)
    bench->warmup_ns = defaults[bench->size].warmup_ns;
  if (!bench->sized)
    bench->message_size = DEFAULT_SIZE;
}

static double largest(const struct number_list *numbers) {
  double most = 0;
  for (size_t i = 0; i < numbers->count; i++)
    most = numbers->at[i] > most ? numbers->at[i] : most;
  return most;
}

static int check_descriptors(const struct bench *bench) {
  unsigned long long limit = descriptors_raise_limit();
  double active = largest(&bench->connections), idle = largest(&bench->idle);
  double wanted = active + idle;
  if (wanted + SPARE_DESCRIPTORS <= (double)limit)
    return 0;
  if (limit < SPARE_DESCRIPTORS)
    return complain("a process may have only %llu open files here, and a measurement needs %d and "
                    "one per connection; raise the limit (ulimit -Hn)",
                    limit, (int)SPARE_DESCRIPTORS);
  return complain("%s: %.0f connections are more than a process may have here: its limit of open "
                  "files is %llu, of which %d are for other things; use fewer, or raise it "
                  "(ulimit -Hn)",
                  active > 0 && idle > 0 ? "--connections and --idle"
                  : idle > 0             ? "--idle"
                                         : "--connections",
                  wanted, limit, (int)SPARE_DESCRIPTORS);
}

/* ---- processors and the port ------------------------------------------------------- */

static void choose_processors(struct bench *bench, bool quiet) {
  if (bench->server_cpu != PROCESSOR_UNSET)
    return;
  system_two_processors(&bench->server_cpu, &bench->generator_cpu);
  if (bench->server_cpu < 0 && !quiet)
    say("one processor only: server and generator share it, and each is in the other's figures");
}

static int try_port(int type, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int on = 1, error = 0;
  int fd = socket(AF_INET, type, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0)
    return -errno;
  /* As servers do for TCP. For UDP it would let two of them share the port. */
  if (type == SOCK_STREAM)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
      (type == SOCK_STREAM && listen(fd, 1) < 0))
    error = -errno;
  close(fd);
  return error;
}

static int check_port(const struct bench *bench) {
  int error = 0;
  if (!bench->port)
    return 0;
  if (bench->tcp)
    error = try_port(SOCK_STREAM, (uint16_t)bench->port);
  if (!error && bench->udp)
    error = try_port(SOCK_DGRAM, (uint16_t)bench->port);
  if (!error)
    return 0;
  return complain(
      "--port=%" PRIu64
      ": cannot be used: %s; choose another, or leave it out and each server takes a free one",
      bench->port, strerror(-error));
}

/* ---- contestants ------------------------------------------------------------------- */

static int check_baseline(struct bench *bench) {
  if (!bench->baseline) {
    bench->baseline = "epoll";
    return 0;
  }
  const struct contestant *baseline = contestants_find(&bench->contestants, bench->baseline);
  if (!baseline)
    return misuse("--baseline=%s: is not one of the contestants; choose one of them (see list), or "
                  "name it in --contestants too",
                  bench->baseline);
  if (!baseline->available)
    return complain("--baseline=%s: cannot take part here: %s", bench->baseline, baseline->reason);
  return 0;
}

static int check_any_available(const struct bench *bench) {
  for (size_t i = 0; i < bench->contestants.count; i++)
    if (bench->contestants.at[i].available)
      return 0;
  return complain("--contestants: none of them can take part here: %s: %s (see list)",
                  bench->contestants.at[0].name, bench->contestants.at[0].reason);
}

/* Fewer for quick, which must have six rounds within two minutes: a model of each kind, and those
 * written by hand that tell the kernel's cost from ours. */
static const char quick_contestants[] =
    "epoll,io_uring,poll,select,rtsig,sigio,libevent,peer:epoll,peer:liburing";

static int choose_contestants(const char *names, struct bench *bench) {
  const char *usual = bench->size == SIZE_QUICK ? quick_contestants : "all";
  int code = contestants_choose(names ? names : usual, &bench->contestants);
  if (code)
    return code;
  code = check_baseline(bench);
  if (!code)
    code = check_any_available(bench);
  if (code)
    contestants_free(&bench->contestants);
  return code;
}

int setup_contestants(struct lab_options *options) {
  return choose_contestants(options->contestants, &options->bench);
}

int setup_bench(struct lab_options *options) {
  struct bench *bench = &options->bench;
  setup_defaults(bench);
  int code = check_descriptors(bench);
  if (!code)
    code = check_port(bench);
  if (!code)
    code = setup_contestants(options);
  if (code)
    return code;
  choose_processors(bench, options->quiet);
  if (options->quiet)
    progress_quiet();
  else
    say("seed %" PRIu64 " (--seed=%" PRIu64 " makes the same order again)", bench->seed,
        bench->seed);
  return 0;
}

/* ---- output files ------------------------------------------------------------------ */

static int check_file(const char *path) {
  int error = path && strcmp(path, "-") != 0 ? outfile_check(path) : 0;
  return error ? outfile_complain(path, error) : 0;
}

static int check_folder(const char *path) {
  int error = path ? outfile_folder(path) : 0;
  return error ? outfile_complain(path, error) : 0;
}

int setup_outputs(const struct lab_options *options) {
  int code = check_file(options->json);
  if (!code)
    code = check_file(options->csv);
  if (!code)
    code = check_file(options->html);
  return code ? code : check_folder(options->hgrm);
}
