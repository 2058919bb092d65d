/* SPDX-License-Identifier: MIT */
/* loop.c - the loop against an oracle. */
#include "fuzz.h"
#include "ioloop.h"

static struct ioloop *loop;
static unsigned added, called;

static void count_call(struct ioloop *of, void *arg) {
  (void)of;
  FUZZ_CHECK((size_t)arg == called, "callback %zu was called, not %u", (size_t)arg, called);
  called++;
}

static void add_callback(const uint32_t *args) {
  (void)args;
  FUZZ_CHECK(ioloop_add_callback(loop, count_call, (void *)(size_t)added) == 0, "add_callback");
  added++;
}

static void run_once(const uint32_t *args) {
  int called_now = ioloop_run_once(loop, args[0] % 2 * 1000000);
  FUZZ_CHECK(called_now >= 0, "run_once returned %d", called_now);
  FUZZ_CHECK(called == added, "%u of %u callbacks were called", called, added);
}

static void run(const struct fuzz_script *script, const char *backend) {
  FUZZ_CHECK(ioloop_new(backend, &loop) == 0, "ioloop_new failed");
  fuzz_execute(script, 0, script->count);
  FUZZ_CHECK(ioloop_free(loop) == 0, "ioloop_free failed");
}

int main(int argc, char **argv) {
  static const struct fuzz_operation operations[] = {
      {"callback", 0, 2, add_callback}, {"run", 1, 1, run_once}, {0}};
  static const struct fuzz fuzz = {.name = "loop",
                                   .about = "The loop against an oracle.",
                                   .operations = operations,
                                   .script_operations = 200,
                                   .seconds = 20,
                                   .run = run};
  return fuzz_main(argc, argv, &fuzz);
}
