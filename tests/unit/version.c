/* SPDX-License-Identifier: MIT */
/* version.c - a program that knows an older or a newer version of the library's structs. */
#include <errno.h>
#include <string.h>

#include "ioloop/ioloop.h"
#include "ioloop/stream.h"
#include "tap.h"

/* What the next release may add. */
struct newer_observer {
  struct ioloop_observer known;
  void (*added)(void *arg);
  uint64_t added_ns;
};

struct newer_metrics {
  struct ioloop_metrics known;
  uint64_t added;
};

static void count(void *arg, uint64_t timeout_ns) {
  (void)timeout_ns;
  ++*(unsigned *)arg;
}

static void nothing(void *arg) {
  (void)arg;
}

static struct ioloop *new_loop(void) {
  struct ioloop *loop;
  CHECK_OK(ioloop_new("poll", &loop));
  return loop;
}

TEST(1, "the library has the version of its header") {
  CHECK(strcmp(ioloop_version(), IOLOOP_VERSION) == 0);
}

TEST(2,
     "options of a newer program: what is unknown here may be zero, and is refused if it is set") {
  struct ioloop *loop = new_loop();
  unsigned waits = 0;
  struct newer_observer newer = {.known = {.size = sizeof newer, .wait_begin = count}};
  CHECK_OK(ioloop_set_observer(loop, &newer.known, &waits));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(waits, ==, 1);

  newer.added = nothing;
  CHECK_ERROR(ioloop_set_observer(loop, &newer.known, NULL), E2BIG);
  newer.added = NULL;
  newer.added_ns = 1;
  CHECK_ERROR(ioloop_set_observer(loop, &newer.known, NULL), E2BIG);
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(waits, ==, 2); /* the observer that was set before stays */
  CHECK_OK(ioloop_free(loop));
}

TEST(3, "options of an older program: what it does not know is zero") {
  struct ioloop *loop = new_loop();
  unsigned waits = 0;
  struct ioloop_observer older;
  memset(&older, 0xff, sizeof older); /* members behind its end are not read */
  older.size = offsetof(struct ioloop_observer, wait_end);
  older.wait_begin = count;
  CHECK_OK(ioloop_set_observer(loop, &older, &waits));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(waits, ==, 1);
  CHECK_OK(ioloop_free(loop));
}

TEST(4, "options without a size are refused") {
  struct ioloop *loop = new_loop();
  struct ioloop_observer observer = {.wait_begin = count};
  struct ioloop_tcpserver_options options = {.backlog = 1};
  struct ioloop_tcpserver *server;
  CHECK_ERROR(ioloop_set_observer(loop, &observer, NULL), EINVAL);
  observer.size = sizeof(size_t) - 1;
  CHECK_ERROR(ioloop_set_observer(loop, &observer, NULL), EINVAL);
  CHECK_ERROR(ioloop_tcpserver_new(loop, &options, &server), EINVAL);
  CHECK_OK(ioloop_free(loop));
}

TEST(5, "results end at the size of the program's struct, and what is unknown here is zero") {
  struct ioloop *loop = new_loop();
  CHECK_OK(ioloop_run_once(loop, 0));
  struct newer_metrics newer;
  memset(&newer, 0xff, sizeof newer);
  ioloop_get_metrics(loop, &newer.known, sizeof newer);
  CHECK_IS(newer.known.iterations, ==, 1);
  CHECK_IS(newer.added, ==, 0);

  struct ioloop_metrics older;
  memset(&older, 0xff, sizeof older);
  ioloop_get_metrics(loop, &older, offsetof(struct ioloop_metrics, events));
  CHECK_IS(older.iterations, ==, 1);
  CHECK_IS(older.events, ==, UINT64_MAX);

  struct ioloop_backend_info info = {.error = 77};
  CHECK_OK(ioloop_backend_probe("poll", &info, offsetof(struct ioloop_backend_info, error)));
  CHECK(strcmp(info.name, "poll") == 0);
  CHECK_IS(info.error, ==, 77);
  CHECK_OK(ioloop_free(loop));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
