/* SPDX-License-Identifier: MIT */
/* gnuplot_run.c - gnuplot as a child process. */
#include "page.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* With all signals at their defaults and none blocked, whatever the loop has changed. */
static int spawn(char *const argv[], int in, int out, int err, pid_t *ret) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  if (posix_spawn_file_actions_init(&files))
    return -ENOMEM;
  if (posix_spawnattr_init(&attributes)) {
    posix_spawn_file_actions_destroy(&files);
    return -ENOMEM;
  }
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  int r = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  r = r ? r : posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  r = r ? r : posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
  r = r ? r : posix_spawnp(ret, argv[0], &files, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return -r;
}

int gnuplot_run(char *const argv[], FILE *in, FILE *out, FILE *err) {
  pid_t pid;
  int status, r = spawn(argv, fileno(in), fileno(out), fileno(err), &pid);
  if (r)
    return r;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR)
      return -errno;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}
