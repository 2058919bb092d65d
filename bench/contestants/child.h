/* SPDX-License-Identifier: MIT */
/*
 * child.h - programs that the lab starts: pinned, with an empty stdin and all their output in one
 * pipe. None of them outlives the lab.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "contestant.h"

/* A buffer that grows with a child's output; beyond 4 MB it keeps the later part. */
struct text {
  char *at; /* NUL-terminated once anything was read; free() it */
  size_t size;
};

struct child {
  pid_t pid;
  int output; /* non-blocking; its stdout and stderr */
};

/*
 * Start argv[0] (a path) on processor `cpu` (-1: anywhere) under `limits` (NULL: ours). It gets its
 * own process group, so that Ctrl-C reaches it only through the lab. 0 or -errno: -ENOENT, -EACCES
 * (the program), -EINVAL (the processor), -EPERM (the limit).
 */
int child_start(char *const argv[], int cpu, const struct server_limits *limits, struct child *ret);

/* Read until found(text), or until its end. 0: found; -EPIPE: it ended (or closed its output)
 * first; -ETIMEDOUT; -EINTR: Ctrl-C; -ENOMEM. */
int child_read_until(struct child *child, struct text *text, bool (*found)(const struct text *text),
                     uint64_t patience_ns);

/* Read to the end: 0, or as above. */
int child_read(struct child *child, struct text *text, uint64_t patience_ns);

/* Read the available output, without waiting. */
void child_read_ready(struct child *child, struct text *text);

/* Send `signo` (0: none, it ends by itself), read the rest of its output for `patience_ns`, then
 * send SIGKILL; reap. Returns the status of waitpid(2). */
int child_end(struct child *child, int signo, struct text *text, uint64_t patience_ns);

/* "exit code 1", "killed by signal 11 (Segmentation fault)". */
void child_describe_end(int status, char *to, size_t room);

/* ---- system-dependent: child_linux.c, child_none.c --------------------------------- */

/* RLIMIT_SIGPENDING of this process. 0, -errno; -ENOSYS: this system has no such limit. */
int child_limit_signals(uint64_t count);

#endif
