/* SPDX-License-Identifier: MIT */
/*
 * naive_tcp_threads.c - EXHIBIT, do not copy: a TCP server whose SIGIO handler accepts one
 * connection and starts a thread that reads it.
 *
 * A silent client no longer delays the others, and the handler is so short that fewer signals
 * coalesce. It seems to be cured. The remaining faults (lecture 6):
 *   - Coalescing is rarer, not gone.
 *   - The thread races the handler. It gets *the address* where the accepted descriptor is stored,
 *     and the next signal may store the next one there before the thread has read it. Then two
 *     threads read one connection, and none reads the other.
 *   - SIGIO goes to the process, so the kernel may run the handler in one of those threads, and two
 *     handlers at the same time.
 *   - pthread_create() in a handler is as unsafe as printf().
 *
 * Repaired: server --backend=sigio --tcp --handler=thread.
 */
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exhibit.h"

static void on_sigio(int signo);

static struct exhibit exhibit = {.what =
                                     "one accept() for each SIGIO, a thread for each connection",
                                 .can_inherit = true,
                                 .on_sigio = on_sigio};

static atomic_int connection; /* the race: one place for all of them */

static void *serve(void *where) {
  char data[1024];
  int fd = atomic_load((atomic_int *)where);
  exhibit_take(&exhibit, data, recv(fd, data, sizeof data, 0));
  close(fd);
  return NULL;
}

static void on_sigio(int signo) {
  pthread_t thread;
  (void)signo;
  atomic_fetch_add(&exhibit.signals, 1);
  int fd = accept(exhibit.fd, NULL, NULL);
  if (fd < 0) {
    exhibit_take(&exhibit, NULL, fd);
    return;
  }
  atomic_fetch_add(&exhibit.accepted, 1);
  if (exhibit.inherit)
    exhibit_arm(fd);
  atomic_store(&connection, fd);
  if (pthread_create(&thread, NULL, serve, &connection) != 0)
    close(fd);
  else
    pthread_detach(thread);
}

int main(int argc, char **argv) {
  return exhibit_main(&exhibit, argc, argv);
}
