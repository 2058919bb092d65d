/* SPDX-License-Identifier: MIT */
/*
 * child.h - programs that the lab starts: pinned, with nothing on stdin, all that they say in one
 * pipe, and none of them outlives the lab.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "contestant.h"

/* A text that grows with what a child says; of more than 4 MB the later part. */
struct text {
  char *at; /* ends with NUL once anything was read; free() it */
  size_t size;
};

struct child {
  pid_t pid;
  int output; /* non-blocking; its stdout and stderr */
};

/*
 * Start argv[0] (a path) on processor `cpu` (-1: anywhere) under `limits` (NULL: ours). It has a
 * process group of its own, so that Ctrl-C is the lab's affair and reaches it through the lab.
 * 0 or -errno: -ENOENT, -EACCES (the program), -EINVAL (the processor), -EPERM (the limit).
 */
int child_start(char *const argv[], int cpu, const struct server_limits *limits, struct child *ret);

/* Read on until found(text) or its end. 0: found; -EPIPE: it ended (or closed its output) first;
 * -ETIMEDOUT; -EINTR: Ctrl-C; -ENOMEM. */
int child_read_until(struct child *child, struct text *text, bool (*found)(const struct text *text),
                     uint64_t patience_ns);

/* Read to the end: 0, or as above. */
int child_read(struct child *child, struct text *text, uint64_t patience_ns);

/* What is there now, without waiting. */
void child_read_ready(struct child *child, struct text *text);

/* Send `signo` (0: none, it ends by itself), collect the rest of what it says for `patience_ns`,
 * then SIGKILL; reap. Returns the status of waitpid(2). */
int child_end(struct child *child, int signo, struct text *text, uint64_t patience_ns);

/* "exit code 1", "killed by signal 11 (Segmentation fault)". */
void child_describe_end(int status, char *to, size_t room);

uint64_t monotonic_ns(void);

/* ---- what differs between systems: child_linux.c, child_none.c --------------------- */

/* RLIMIT_SIGPENDING of this process. 0, -errno; -ENOSYS: this system has no such limit. */
int child_limit_signals(uint64_t count);

#endif
