/* SPDX-License-Identifier: MIT */
/*
 * pieces.c - the pieces of a loop, each saying when it is called: handler, callback, timeout,
 * another thread, signal. The order in which they are printed is the contract of ioloop.h.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ioloop/ioloop.h"

enum {
  MILLISECOND = 1000 * 1000
};

static void say(struct ioloop *loop, void *text) {
  (void)loop;
  puts(text);
}

static void on_input(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)events, (void)arg;
  char byte;
  if (read(fd, &byte, 1) == 1)
    puts("handler: the pipe has a byte");
  ioloop_remove_handler(loop, fd);
}

static void once_more(struct ioloop *loop, void *arg) {
  puts("callback: adds another, which waits for the next turn");
  ioloop_add_callback(loop, say, arg);
}

static void raise_signal(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
  puts("timeout: 20 ms later; raises SIGUSR1");
  raise(SIGUSR1);
}

static void from_thread(struct ioloop *loop, void *arg) {
  (void)arg;
  puts("callback: from another thread, which woke the loop");
  ioloop_call_later(loop, 20 * MILLISECOND, raise_signal, NULL, NULL);
}

static void *other_thread(void *loop) {
  ioloop_add_callback_threadsafe(loop, from_thread, NULL);
  return NULL;
}

static void start_thread(struct ioloop *loop, void *arg) {
  pthread_t thread;
  puts("timeout: 20 ms; starts a thread");
  if (pthread_create(&thread, NULL, other_thread, loop) == 0)
    pthread_detach(thread);
  (void)arg;
}

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)arg;
  printf("signal: %s, and the end\n", strsignal(signo));
  ioloop_stop(loop);
}

int main(void) {
  struct ioloop *loop;
  int ends[2], error = ioloop_new(ioloop_backend_from_env(), &loop);
  if (error < 0 || pipe(ends) < 0 || write(ends[1], "x", 1) != 1) {
    fprintf(stderr, "pieces: cannot start: %s\n", error < 0 ? strerror(-error) : "no pipe");
    return 1;
  }
  ioloop_add_handler(loop, ends[0], IOLOOP_READ, on_input, NULL);
  ioloop_add_signal(loop, SIGUSR1, on_signal, NULL);
  ioloop_call_later(loop, 20 * MILLISECOND, start_thread, NULL, NULL);
  ioloop_call_at(loop, 0, say, "timeout: was due long ago", NULL);
  ioloop_add_callback(loop, once_more, "callback: that other one");
  ioloop_start(loop);
  ioloop_free(loop);
}
