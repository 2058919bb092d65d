/* SPDX-License-Identifier: MIT */
/* stacks.c - the watchdog's gdb can do its work, and cannot stall the watchdog. */
#include "stacks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* The first gdb in PATH is this program: it prints whether SIGCHLD is blocked, and never ends. (A
 * shell would clear its mask.) */
static _Noreturn void be_gdb(void) {
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  puts(sigismember(&blocked, SIGCHLD) ? "deaf" : "all ears");
  fflush(stdout);
  for (;;)
    pause();
}

static void put_up_gdb(const char *folder, char path[64]) {
  const char *before = getenv("PATH");
  char search[4096], program[4096] = "";
  CHECK_SYS(readlink("/proc/self/exe", program, sizeof program - 1));
  snprintf(path, 64, "%s/gdb", folder);
  snprintf(search, sizeof search, "%s:%s", folder, before ? before : "/bin:/usr/bin");
  CHECK_SYS(setenv("PATH", search, 1));
  CHECK_SYS(symlink(program, path));
}

/* A process that does not write its stacks itself. `name`: its thread's name; NULL: unchanged. */
static pid_t start_silent(const char *name) {
  int ready[2];
  CHECK_SYS(pipe(ready));
  pid_t pid = SYS(fork());
  if (pid == 0) {
    if (name)
      prctl(PR_SET_NAME, name);
    close(ready[1]);
    for (;;)
      pause();
  }
  CHECK_SYS(close(ready[1]));
  CHECK_IS(read(ready[0], &(char){0}, 1), ==, 0); /* it has its name */
  CHECK_SYS(close(ready[0]));
  return pid;
}

TEST(1, "gdb is run with no signal blocked, and is killed when it does not end") {
  char folder[] = P_tmpdir "/ioloop-XXXXXX", path[64], said[4096] = "";
  atomic_int answers = 0;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigaddset(&child, SIGQUIT);                      /* the silent process inherits it */
  CHECK_SYS(sigprocmask(SIG_BLOCK, &child, NULL)); /* as in the runner */
  CHECK(mkdtemp(folder));
  put_up_gdb(folder, path);
  pid_t silent = start_silent(NULL);
  FILE *output = tmpfile();
  CHECK(output);
  uint64_t begun = tap_now();
  stacks_dump(silent, fileno(output), &answers, MS(500) * tap_scale());
  CHECK(tap_now() - begun < SECONDS(15) * tap_scale());
  rewind(output);
  CHECK(fread(said, 1, sizeof said - 1, output) > 0);
  NOTE("%s", said);
  CHECK(strstr(said, "all ears\n"));
  CHECK(strstr(said, "gdb did not end in time\n"));
  fclose(output);
  CHECK_SYS(kill(silent, SIGKILL));
  CHECK_IS(waitpid(-1, NULL, 0), ==, silent); /* no other child is left */
  CHECK_SYS(unlink(path));
  CHECK_SYS(rmdir(folder));
}

TEST(2, "threads of the kernel are neither signalled nor given to gdb") {
  if (tap_in_thread_sanitizer())
    SKIP("the sanitizer has a thread of its own, which does not answer");
  char said[4096] = "";
  atomic_int answers = 0;
  pid_t silent = start_silent("iou-wrk-1");
  FILE *output = tmpfile();
  CHECK(output);
  stacks_dump(silent, fileno(output), &answers, SECONDS(10));
  rewind(output);
  CHECK(fread(said, 1, sizeof said - 1, output) > 0);
  NOTE("%s", said);
  CHECK(strstr(said, "(iou-wrk-1)"));
  CHECK(!strstr(said, "does not answer"));
  CHECK(!strstr(said, "Thread 1")); /* gdb's word for it */
  fclose(output);
  CHECK_IS(waitpid(silent, NULL, WNOHANG), ==, 0); /* nor did a signal end it */
  CHECK_SYS(kill(silent, SIGKILL));
  CHECK_IS(waitpid(silent, NULL, 0), ==, silent);
}

int main(int argc, char **argv) {
  const char *name = strrchr(argv[0], '/');
  if (strcmp(name ? name + 1 : argv[0], "gdb") == 0)
    be_gdb();
  return tap_main(argc, argv, false);
}
