/* SPDX-License-Identifier: MIT */
/*
 * naive_udp.c - EXHIBIT, do not copy: a UDP server that reads one datagram for each SIGIO.
 *
 * How it breaks (lecture 5):
 *   - Coalescing. SIGIO is no queue: while one is pending, the next ones vanish. Two datagrams that
 *     come close together are one signal, the handler reads one, and the other stays in the socket
 *     until a later datagram signals. From then on the server lags behind.
 *   - Unsafe calls in a handler. printf() and localtime() take locks. With --stamp the main line
 *     uses localtime() as well, and sooner or later the handler interrupts it while it holds the
 *     lock, and waits forever.
 *   - A datagram above 1024 bytes is cut off.
 *
 * Repaired: server --backend=sigio --udp, which takes the signal as a hint and reads until EAGAIN.
 */
#include <stddef.h>
#include <sys/socket.h>

#include "exhibit.h"

static void on_sigio(int signo);

static struct exhibit exhibit = {.what = "one recvfrom() for each SIGIO, in the handler",
                                 .udp = true,
                                 .can_stamp = true,
                                 .on_sigio = on_sigio};

static void on_sigio(int signo) {
  char data[1024];
  (void)signo;
  atomic_fetch_add(&exhibit.signals, 1);
  exhibit_take(&exhibit, data, recvfrom(exhibit.fd, data, sizeof data, 0, NULL, NULL));
}

int main(int argc, char **argv) {
  return exhibit_main(&exhibit, argc, argv);
}
