/* SPDX-License-Identifier: MIT */
/*
 * without_io_uring.c - run a program where the kernel refuses io_uring_setup, as in a container or
 * (EINVAL) on a kernel that is too old: by a seccomp filter (seccomp(2)) that makes it fail with
 * the given error.
 *
 *   without_io_uring EPERM|ENOSYS|EINVAL PROGRAM [ARGUMENT]...
 *
 * Exits 77 if no filter can be set, 127 if the program cannot be run.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(unsigned error) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {.len = sizeof steps / sizeof steps[0], .filter = steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static unsigned number_of(const char *name) {
  if (strcmp(name, "ENOSYS") == 0)
    return ENOSYS;
  return strcmp(name, "EINVAL") == 0 ? EINVAL : EPERM;
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  if (refuse(number_of(argv[1])) < 0) {
    perror("seccomp");
    return 77;
  }
  execv(argv[2], argv + 2);
  perror(argv[2]);
  return 127;
}
