/* SPDX-License-Identifier: MIT */
/* children_linux.c - conformance 615: child processes without a pidfd, by SIGCHLD. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "children.h"

/* A kernel older than 5.3 has none. */
static void refuse_pidfd(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
  CHECK_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    SKIP("no seccomp: %s", strerror(errno));
}

static const struct {
  const char *name;
  void (*play)(void);
} scenes[] = {{"each end", report_each_end},
              {"many", report_many_ends},
              {"mistakes", leave_children_alone},
              {"changes inside", change_children_inside},
              {"others", share_children}};

TEST(615, "without a pidfd each of these holds by SIGCHLD") {
  refuse_pidfd();
  for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
    NOTE("%s", scenes[i].name);
    scenes[i].play();
  }
}
