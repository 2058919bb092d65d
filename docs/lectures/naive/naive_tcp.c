/* SPDX-License-Identifier: MIT */
/*
 * naive_tcp.c - EXHIBIT, do not copy: a TCP server that does one accept() and one recv() for each
 * SIGIO, in the handler.
 *
 * How it breaks (lecture 6):
 *   - Coalescing. SIGIO is no queue: connections that come close together are one signal, and one
 *     signal is one accept(). The others stay in the listener's queue until a later one signals.
 *   - A silent client. recv() in the handler waits for it, and with it everything else.
 *   - Partial reads. A message is the result of one recv(1024): the rest is discarded.
 *   - Accepted sockets that are non-blocking (--inherit): recv() is called before the data comes,
 *     returns EAGAIN, and the connection is closed.
 *   - Unsafe calls in a handler: printf() takes a lock that the main line may hold.
 *
 * Repaired: server --backend=sigio --tcp.
 */
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exhibit.h"

static void on_sigio(int signo);

static struct exhibit exhibit = {.what = "one accept() and one recv() for each SIGIO",
                                 .can_inherit = true,
                                 .on_sigio = on_sigio};

static void on_sigio(int signo) {
  char data[1024];
  (void)signo;
  atomic_fetch_add(&exhibit.signals, 1);
  int fd = accept(exhibit.fd, NULL, NULL);
  if (fd < 0) {
    exhibit_take(&exhibit, data, fd);
    return;
  }
  atomic_fetch_add(&exhibit.accepted, 1);
  if (exhibit.inherit)
    exhibit_arm(fd);
  exhibit_take(&exhibit, data, recv(fd, data, sizeof data, 0));
  close(fd);
}

int main(int argc, char **argv) {
  return exhibit_main(&exhibit, argc, argv);
}
