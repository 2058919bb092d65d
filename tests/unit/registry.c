/* SPDX-License-Identifier: MIT */
/* registry.c - unit tests of choosing a backend by name: there is no substitution. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioloop/ioloop.h"
#include "tap.h"

TEST(1, "every backend is listed once, with a name, a model and a reason where it is not there") {
  struct ioloop_backend_info info, other;
  size_t count = 0;
  for (; ioloop_backend_at(count, &info, sizeof info) == 0; count++) {
    CHECK(info.name && *info.name && info.model && *info.model);
    CHECK_IS(!info.error, ==, !info.reason[0]);
    for (size_t i = 0; i < count; i++) {
      CHECK_OK(ioloop_backend_at(i, &other, sizeof other));
      CHECK(strcmp(info.name, other.name) != 0);
    }
  }
  CHECK_IS(count, >=, 6);
  CHECK_ERROR(ioloop_backend_at(count, &info, sizeof info), ENOENT);
  CHECK_ERROR(ioloop_backend_at(SIZE_MAX, &info, sizeof info), ENOENT);
}

TEST(2, "each available one makes a loop of that name, each other fails with its reported error") {
  struct ioloop_backend_info info;
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0; i++) {
    struct ioloop *loop = NULL;
    CHECK_IS(ioloop_new(info.name, &loop), ==, info.error);
    if (info.error) {
      CHECK(!loop);
      continue;
    }
    CHECK(strcmp(ioloop_backend_name(loop), info.name) == 0);
    CHECK_IS(ioloop_backend_features(loop), ==, info.features);
    CHECK_OK(ioloop_free(loop));
  }
}

static int allocations_before, failing_allocations; /* this many succeed, and then this many fail */

static void *allocate(void *old, size_t size) {
  if (allocations_before > 0) {
    allocations_before--;
  } else if (failing_allocations > 0) {
    failing_allocations--;
    errno = ENOMEM;
    return NULL;
  }
  return realloc(old, size);
}

static void *allocate_new(size_t size) {
  return allocate(NULL, size);
}

/* In a new process each time, which has not used libevent before: what it learns then must not
 * depend on a lack of memory. */
TEST(2, "libevent without memory at its first use: reported, and available later") {
  typedef void set_functions(void *(*)(size_t), void *(*)(void *, size_t), void (*)(void *));
  set_functions *set;
  void *symbol = dlsym(RTLD_DEFAULT, "event_set_mem_functions");
  if (!symbol)
    SKIP("the library was built without libevent");
  memcpy(&set, &symbol, sizeof set);
  set(allocate_new, allocate, free);
  int failed = 0;
  for (int before = 0; before < 40; before++) {
    struct ioloop *loop = NULL;
    allocations_before = before;
    failing_allocations = 1;
    int r = ioloop_new("libevent:poll", &loop);
    allocations_before = failing_allocations = 0;
    if (r)
      CHECK_ERROR(r, ENOMEM);
    else
      CHECK_OK(ioloop_free(loop));
    failed += r != 0;
    CHECK_OK(ioloop_new("libevent:poll", &loop));
    CHECK_OK(ioloop_free(loop));
  }
  CHECK_IS(failed, >, 0);
}

TEST(3, "an unknown name is -EINVAL, with the list of those there are") {
  static const char *const names[] = {
      "",       "nothing",   "EPOLL",
      "epoll ", "epol",      "pollx",
      ":poll",  "io_uring?", "a-name-much-longer-than-any-backend-will-have"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct ioloop_backend_info info, known;
    struct ioloop *loop = NULL;
    CHECK_ERROR(ioloop_backend_probe(names[i], &info, sizeof info), EINVAL);
    CHECK_IS(info.error, ==, -EINVAL);
    for (size_t k = 0; ioloop_backend_at(k, &known, sizeof known) == 0; k++)
      /* "blocking" is listed, and names no loop; "nonblocking" contains it. */
      if (known.error != -EINVAL)
        CHECK(strstr(info.reason, known.name));
      else
        CHECK(!strstr(info.reason, ", blocking"));
    CHECK_ERROR(ioloop_new(names[i], &loop), EINVAL);
    CHECK(!loop);
  }
}

TEST(4, "variants are named after a colon; a wrong one is -EINVAL with a reason") {
  struct ioloop_backend_info info;
  struct ioloop *loop;
  CHECK_ERROR(ioloop_backend_probe("poll:fast", &info, sizeof info), EINVAL);
  CHECK(info.reason[0]);
  CHECK_ERROR(ioloop_new("poll:fast", &loop), EINVAL);
  CHECK_OK(ioloop_backend_probe("libevent", &info, sizeof info));
  if (info.error)
    SKIP("libevent: %s", info.reason);
  CHECK_ERROR(ioloop_backend_probe("libevent:none", &info, sizeof info), EINVAL);
  CHECK(strstr(info.reason, "poll"));
  CHECK_OK(ioloop_backend_probe("libevent:poll", &info, sizeof info));
  CHECK_OK(ioloop_new("libevent:poll", &loop));
  CHECK(strcmp(ioloop_backend_name(loop), "libevent:poll") == 0); /* exactly as requested */
  CHECK_OK(ioloop_free(loop));
}

TEST(5, "the default is the first that is available, and what NULL gives") {
  struct ioloop_backend_info info;
  struct ioloop *loop;
  size_t i = 0;
  do
    CHECK_OK(ioloop_backend_at(i++, &info, sizeof info));
  while (info.error);
  CHECK(strcmp(ioloop_backend_default(), info.name) == 0);
  CHECK_OK(ioloop_new(NULL, &loop));
  CHECK(strcmp(ioloop_backend_name(loop), info.name) == 0);
  CHECK_OK(ioloop_free(loop));
}

TEST(6, "the environment is read only on request") {
  struct ioloop *loop;
  CHECK_SYS(unsetenv("IOLOOP_BACKEND"));
  CHECK(!ioloop_backend_from_env());
  CHECK_SYS(setenv("IOLOOP_BACKEND", "", 1));
  CHECK(!ioloop_backend_from_env());
  CHECK_SYS(setenv("IOLOOP_BACKEND", "nonsense", 1));
  CHECK(strcmp(ioloop_backend_from_env(), "nonsense") == 0);
  CHECK_OK(ioloop_new(NULL, &loop));
  CHECK(strcmp(ioloop_backend_name(loop), ioloop_backend_default()) == 0);
  CHECK_OK(ioloop_free(loop));
}

TEST(7, "the result is untouched when a loop cannot be made") {
  struct ioloop *loop = (struct ioloop *)&loop;
  CHECK_ERROR(ioloop_new("nothing", &loop), EINVAL);
  CHECK(loop == (struct ioloop *)&loop);
}

TEST(8, "the blocking model is known, and why no loop can have it") {
  struct ioloop_backend_info info;
  struct ioloop *loop = NULL;
  CHECK_ERROR(ioloop_backend_probe("blocking", &info, sizeof info), EINVAL);
  CHECK(strcmp(info.name, "blocking") == 0 && strcmp(info.model, "blocking") == 0);
  CHECK_IS(info.error, ==, -EINVAL);
  CHECK(strcmp(info.reason, "blocking is a model of the server (a thread per connection), not a "
                            "loop backend") == 0);
  CHECK_ERROR(ioloop_new("blocking", &loop), EINVAL);
  CHECK_ERROR(ioloop_new("blocking:x", &loop), EINVAL);
  CHECK(!loop);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
