// SPDX-License-Identifier: MIT
//
// exceptions.cc - a C++ exception, or the end of the thread, passes through a loop that runs: what
// ioloop.h promises of that, under every backend. Prints TAP.
//
// Not on the harness of the other tests, which is C and ends a test by _exit.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "ioloop/ioloop.h"

namespace {

int failures;
std::string backend, where;

void check(bool holds, const char *what, int line) {
  if (holds)
    return;
  std::printf("# %s, %s: line %d: %s\n", backend.c_str(), where.c_str(), line, what);
  failures++;
}

#define CHECK(condition) check((condition), #condition, __LINE__)

// All of them are due at once. One of them throws, once; every one must have been called in the
// end.
enum place {
  CALLBACK,
  POSTED,
  FROM_SIGNAL,
  SIGNAL,
  TIMEOUT,
  PERIODIC,
  HANDLER,
  PLACES
};
const char *const names[] = {"callback", "posted callback", "callback from a signal handler",
                             "signal",   "timeout",         "periodic timeout",
                             "handler"};

struct scene {
  place thrower;
  bool thrown, ends_thread;
  int calls[PLACES];
};

void reach(scene *it, place here) {
  it->calls[here]++;
  if (here != it->thrower || it->thrown)
    return;
  it->thrown = true;
  if (it->ends_thread)
    pthread_exit(nullptr);
  throw std::runtime_error("on its way");
}

template <place here> void on_call(struct ioloop *, void *arg) {
  reach(static_cast<scene *>(arg), here);
}

void on_signal(struct ioloop *, int, void *arg) {
  reach(static_cast<scene *>(arg), SIGNAL);
}

void on_ready(struct ioloop *, int fd, unsigned, void *arg) {
  char byte;
  if (static_cast<scene *>(arg)->thrown || static_cast<scene *>(arg)->thrower != HANDLER)
    (void)!recv(fd, &byte, 1, MSG_DONTWAIT);
  reach(static_cast<scene *>(arg), HANDLER);
}

void on_stop(struct ioloop *loop, void *) {
  ioloop_stop(loop);
}

void count_and_stop(struct ioloop *loop, void *calls) {
  ++*static_cast<int *>(calls);
  ioloop_stop(loop);
}

// Two of each, so that there is something behind the one that throws.
void put_all(struct ioloop *loop, scene *it, const int fds[2]) {
  for (int i = 0; i < 2; i++) {
    CHECK(ioloop_add_callback(loop, on_call<CALLBACK>, it) == 0);
    CHECK(ioloop_add_callback_threadsafe(loop, on_call<POSTED>, it) == 0);
    CHECK(ioloop_add_callback_from_signal(loop, on_call<FROM_SIGNAL>, it) == 0);
    CHECK(ioloop_call_later(loop, 0, on_call<TIMEOUT>, it, nullptr) == 0);
    CHECK(ioloop_call_every(loop, 1000000, on_call<PERIODIC>, it, nullptr) == 0);
  }
  CHECK(ioloop_add_signal(loop, SIGUSR1, on_signal, it) == 0);
  CHECK(ioloop_add_handler(loop, fds[0], IOLOOP_READ, on_ready, it) == 0);
  CHECK(send(fds[1], "x", 1, 0) == 1);
  raise(SIGUSR1);
}

const uint64_t patience_ns = 20000000000;

bool throws(struct ioloop *loop, bool start) {
  uint64_t deadline = ioloop_time(loop) + patience_ns;
  try {
    while (ioloop_time(loop) < deadline)
      if (start ? ioloop_start(loop) < 0 : ioloop_run_once(loop, 10000000) < 0)
        return false;
  } catch (const std::runtime_error &) {
    return true;
  }
  return false;
}

void check_usable(struct ioloop *loop, const scene &it) {
  int periodic = it.calls[PERIODIC], handler = it.thrower == HANDLER ? 2 : 1;
  uint64_t deadline = ioloop_time(loop) + patience_ns;
  CHECK(ioloop_call_later(loop, 1000000, on_stop, nullptr, nullptr) == 0);
  CHECK(ioloop_start(loop) == 0);
  while (
      (it.calls[PERIODIC] < periodic + 4 || it.calls[HANDLER] < handler || it.calls[TIMEOUT] < 2) &&
      ioloop_time(loop) < deadline)
    CHECK(ioloop_run_once(loop, 10000000) >= 0);
  CHECK(it.calls[CALLBACK] == 2);
  CHECK(it.calls[POSTED] == 2);
  CHECK(it.calls[FROM_SIGNAL] == 2);
  CHECK(it.calls[TIMEOUT] == 2);
  CHECK(it.calls[SIGNAL] == 1);
  CHECK(it.calls[PERIODIC] >= periodic + 4);
  CHECK(it.calls[HANDLER] >= handler);
}

void run_scene(place thrower, bool start) {
  scene it = {};
  it.thrower = thrower;
  where = names[thrower];
  int fds[2];
  struct ioloop *loop = nullptr;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  CHECK(ioloop_new(backend.c_str(), &loop) == 0);
  put_all(loop, &it, fds);
  CHECK(throws(loop, start));
  check_usable(loop, it);
  CHECK(ioloop_free(loop) == 0);
  close(fds[0]);
  close(fds[1]);
}

void stop_and_throw(struct ioloop *loop, void *) {
  ioloop_stop(loop);
  throw std::runtime_error("on its way");
}

// The exception has ended the run that was to stop: the next one is another.
void run_stopped(bool start) {
  where = "stop, then an exception";
  struct ioloop *loop = nullptr;
  int calls = 0;
  CHECK(ioloop_new(backend.c_str(), &loop) == 0);
  CHECK(ioloop_add_callback(loop, stop_and_throw, nullptr) == 0);
  CHECK(throws(loop, start));
  CHECK(ioloop_call_later(loop, 10000000, count_and_stop, &calls, nullptr) == 0);
  CHECK(ioloop_start(loop) == 0);
  CHECK(calls == 1);
  CHECK(ioloop_free(loop) == 0);
}

struct ioloop *of_thread;

void *run_and_end(void *arg) {
  CHECK(ioloop_new(backend.c_str(), &of_thread) == 0);
  CHECK(ioloop_add_callback(of_thread, on_call<CALLBACK>, arg) == 0);
  ioloop_start(of_thread);
  return arg; // not reached
}

// The loop of a thread that has ended can be freed.
void run_thread() {
  scene it = {};
  it.thrower = CALLBACK;
  it.ends_thread = true;
  where = "end of the thread";
  pthread_t thread;
  void *result = &it;
  CHECK(pthread_create(&thread, nullptr, run_and_end, &it) == 0);
  CHECK(pthread_join(thread, &result) == 0);
  CHECK(result == nullptr && it.thrown);
  CHECK(ioloop_free(of_thread) == 0);
}

void run_backend() {
  for (int thrower = 0; thrower < PLACES; thrower++) {
    run_scene(static_cast<place>(thrower), true);
    run_scene(static_cast<place>(thrower), false);
  }
  run_stopped(true);
  run_stopped(false);
  run_thread();
}

} // namespace

int main() {
  struct ioloop_backend_info info;
  int number = 0;
  bool failed = false;
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0; i++) {
    if (info.error)
      continue;
    backend = info.name;
    failures = 0;
    alarm(60);
    run_backend();
    failed |= failures > 0;
    std::printf("%sok %d - %s: exceptions pass through the loop, which can be used after that\n",
                failures ? "not " : "", ++number, info.name);
    std::fflush(stdout);
  }
  std::printf("1..%d\n", number);
  return failed;
}
