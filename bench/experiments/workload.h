/* SPDX-License-Identifier: MIT */
/*
 * workload.h - loops without a server: programs that do one thing with a loop, many times, and
 * print how long it took (bench/workloads/).
 *
 * Ours has the backend's name, as in all experiments; the others are peers: "peer:epoll" is written
 * by hand, "peer:libevent:poll" is libevent on poll.
 */
#ifndef EXPERIMENTS_WORKLOAD_H
#define EXPERIMENTS_WORKLOAD_H

#include "bench.h"
#include "contestants/child.h"

enum workload_metric {
  WORKLOAD_TIME,
  WORKLOAD_CPU
};

#define WORKLOAD_METRICS_OF(what)                                                                  \
  [WORKLOAD_TIME] = {"time", "time " what, "ns", "lower", true}, [WORKLOAD_CPU] = {                \
                                                                     "cpu", "CPU time " what,      \
                                                                     "ns", "lower", false}

#define WORKLOAD_BASELINE "peer:epoll"

/* Those whose counterparts among bench's contestants were chosen: ours under each backend, libraries
 * on epoll, poll and select; or, for what does not depend on how a loop waits, each library once. 0,
 * -ENOMEM. */
int workload_contestants(struct bench *bench, struct contestants *ret);
int workload_libraries(struct bench *bench, struct contestants *ret);

/* Does the server peer of that name have a workload of the same name that runs its library's
 * loop? */
bool workload_of_peer(const char *name);

/* The command line of its program: for "ring 100 1" it is "bench-workload-ioloop ring epoll 100 1".
 * 0 or -errno as contestant_command. */
int workload_command(const struct contestant *contestant, const char *workload,
                     struct command *ret);

struct workload_result {
  uint64_t operations, ns, cpu_ns;
};

/*
 * Run it to its end, on the server's processor. Same result as experiment->measure. A second line
 * of JSON is taken as a histogram and added to sample->latency.
 */
int workload_run(struct bench *bench, const struct command *command, struct sample *sample,
                 struct workload_result *ret);

/* An experiment->seconds: of a workload, which has a fixed amount of work. */
double workload_seconds(const struct bench *bench, const struct point *point);

/* An experiment->measure: run the point's workload, then time and CPU time per operation into the
 * sample. */
int workload_measure(struct bench *bench, const struct contestant *contestant,
                     const struct point *point, unsigned round, struct sample *sample);

#endif
