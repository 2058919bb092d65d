/* SPDX-License-Identifier: MIT */
/* accept_linux.c - conformance 102: errors of accept(2), and failures at the end of a server. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "echo.h"

/* Of the library's calls in this process, the next ones fail and take a connection with them, like
 * those that the network has already aborted. */
static struct {
  int error, left;
  bool takes;
} failing;

/* Defined by the name of its symbol: in glibc's header the address is a union. */
int fail_or_accept(int fd, struct sockaddr *address, socklen_t *size, int flags) __asm__("accept4");

int fail_or_accept(int fd, struct sockaddr *address, socklen_t *size, int flags) {
  bool fails = failing.left > 0;
  int accepted = -1;
  if (!fails || failing.takes)
    accepted = (int)syscall(SYS_accept4, fd, address, size, flags);
  if (!fails || (failing.takes && accepted < 0))
    return accepted;
  failing.left--;
  if (accepted >= 0)
    close(accepted);
  errno = failing.error;
  return -1;
}

static void count_connection(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                             socklen_t peer_size, void *arg) {
  (void)server, (void)peer, (void)peer_size;
  ++((unsigned *)arg)[0];
  CHECK_SYS(close(fd));
}

static void count_trouble(struct ioloop_tcpserver *server, int error, void *arg) {
  (void)server;
  CHECK_IS(error, ==, -failing.error);
  ++((unsigned *)arg)[1];
}

/* A non-blocking listener made elsewhere: under every model accept4 is called for it. */
static struct ioloop_tcpserver *open_server(struct ioloop *loop, unsigned *counts, uint16_t *port) {
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_accepted = count_connection,
                                             .on_trouble = count_trouble,
                                             .arg = counts};
  struct ioloop_tcpserver *server;
  int listener;
  make_tcp_listener(&listener, port);
  set_nonblocking(listener);
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  CHECK_OK(ioloop_tcpserver_add_socket(server, listener));
  return server;
}

TEST(102, "an error of one connection is no shortage: the next is accepted at once") {
  static const int errors[] = {ENETDOWN,     EPROTO,     ENOPROTOOPT, EHOSTDOWN,  ENONET,
                               EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM,      EACCES,
                               ECONNABORTED, EINTR,      ETIMEDOUT,   ECONNRESET, ENOSR};
  struct ioloop *loop = test_loop_new();
  unsigned counts[2] = {0};
  uint16_t port;
  struct ioloop_tcpserver *server = open_server(loop, counts, &port);
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    int first = client_connect(port), second = client_connect(port);
    failing.error = errors[i];
    failing.takes = true;
    failing.left = 1;
    NOTE("%s", strerror(errors[i]));
    RUN_UNTIL(loop, counts[0] == i + 1);
    CHECK_IS(failing.left, ==, 0);
    CHECK_IS(counts[1], ==, 0);
    CHECK_SYS(close(first));
    CHECK_SYS(close(second));
  }
  ioloop_tcpserver_close(server);
  test_loop_free(loop);
}

TEST(102, "one that does not go away is reported and pauses accepting, and does not spin") {
  struct ioloop *loop = test_loop_new();
  unsigned counts[2] = {0};
  uint16_t port;
  struct ioloop_tcpserver *server = open_server(loop, counts, &port);
  failing.error = EPERM;
  failing.left = 1000000;
  int client = client_connect(port);
  RUN_UNTIL(loop, counts[1] == 1);
  CHECK_NO_SPIN(loop, MS(90));
  CHECK_IS(counts[0], ==, 0);
  CHECK_IS(failing.left, >, 1000000 - 64 * 10);
  failing.left = 0;
  RUN_UNTIL(loop, counts[0] == 1);
  CHECK_IS(counts[1], ==, 1);
  CHECK_SYS(close(client));
  ioloop_tcpserver_close(server);
  test_loop_free(loop);
}

/* From now on the flags of files cannot be changed in this process. */
static void refuse_setfl(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETFL, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
  CHECK_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    SKIP("no seccomp: %s", strerror(errno));
}

TEST(102, "a server whose flags can no longer be set stops, and does not wait in accept") {
  struct ioloop *loop = test_loop_new();
  unsigned counts[2] = {0};
  struct sockaddr_in address = loopback_address(0);
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_accepted = count_connection,
                                             .on_trouble = count_trouble,
                                             .arg = counts};
  struct ioloop_tcpserver *server;
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  CHECK_OK(ioloop_tcpserver_listen(server, (struct sockaddr *)&address, sizeof address));
  run_turns(loop, 3);
  failing.error = EIO;
  refuse_setfl();
  ioloop_tcpserver_stop(server);
  CHECK_IS(counts[0], ==, 0);
  ioloop_tcpserver_close(server);
  CHECK_OK(ioloop_free(loop));
}
