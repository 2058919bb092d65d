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

/* Send `signo` (0: none, it ends by itself), read the rest of its output for `patience_ns`, then
 * send SIGKILL; reap. Returns the status of waitpid(2). */
int child_end(struct child *child, int signo, struct text *text, uint64_t patience_ns);

/* "exit code 1", "killed by signal 11 (Segmentation fault)". */
void child_describe_end(int status, char *to, size_t room);

/* ---- programs.c: paths; next to the lab in the build folder, or as installed (ioloop-server
 * next to ioloop-bench, peers in libexec) -------------------------------------------- */

/* To be called first: remember where this program was started from. */
void programs_begin(const char *argv0);

/* The path of "server" or "bench-peer-epoll" in `to`. False: it does not exist or cannot be run. */
bool programs_find(const char *name, char *to, size_t room);

/* A tool of the system, such as "strace", in $PATH. */
bool programs_find_tool(const char *name, char *to, size_t room);

/* ---- tornado.c: the contestants peer:tornado@LOOP ---------------------------------- */

#define TORNADO_PREFIX "peer:tornado@"

/* As contestant_fill, for the part after the prefix; add one for each loop (-ENOMEM); the beginning
 * of its command line, before protocol and port. */
bool tornado_fill(struct contestant *to, const char *loop);
int tornado_add_all(struct contestants *to);
int tornado_command(const char *loop, struct command *to);

/* ---- stderr_text.c: the part of a program's output that shows how it ended --------- */

/* A program's last non-empty line: if a program fails, its error message. `ret_size` bytes of `text`,
 * without the newline; 0 if there is none. */
const char *stderr_last_line(const char *text, size_t *ret_size);

/* As much of the end as fits, beginning with a whole line if possible: the end is more informative
 * than the beginning. `text` may be NULL: no output. */
void stderr_keep_end(const char *text, char *to, size_t room);

/* Append a line, dropping text from the beginning to make room. */
void stderr_add_line(char *stderr_tail, size_t room, const char *line);

/* A counter of our server's summary: "overflows". False: not found. */
bool stderr_counter(const char *stderr_tail, const char *name, uint64_t *ret);

#endif
