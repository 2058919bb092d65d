/* SPDX-License-Identifier: MIT */
/*
 * tap.h - the test harness: one behaviour, one process, one line of TAP.
 *
 * Why not cmocka or check. The tested state is process-wide: signal masks and dispositions,
 * descriptor numbers, resource limits, threads that outlive a failure. So every test runs in a
 * child of its own, starts from the same clean state (no signal blocked, SIGPIPE deadly, nothing
 * above descriptor 2 of ours) and may ruin it. And a skip is data: its reason becomes a cell of the
 * published matrix (behaviour x backend), not a remark in a log.
 *
 * The harness checks after every test:
 *   - no descriptor is left open that was not open before;
 *   - no CHECK failed anywhere, in a thread or a forked child either;
 *   - it ended in time. A test that stalls is ended by the watchdog after the stack of each of its
 *     threads went to the diagnostics. Processes that a test left behind are killed.
 *
 * A test is written as
 *
 *     TEST(12, "handler argument preserved") {
 *       ...
 *       CHECK_IS(count, ==, 3);
 *     }
 *
 * and registers itself; tests run in order of number, then as written. The number is that of the
 * behaviour in the conformance list and part of the printed name; several tests may share one.
 *
 *     ok 17 - 12 handler argument preserved
 *     ok 18 - 13 watches a pty # SKIP no pty here
 *
 * Program: `name [ARGUMENT] [NUMBER | WORD]...` runs all tests or those with one of the numbers
 * or with WORD in their names, `-NUMBER` and `-WORD` all but those; `--list` prints the names.
 * TEST_TIME_SCALE (1; 4 in sanitizer builds) multiplies time limits and divides counts; TEST_SEED
 * changes the random numbers.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap_test {
  int number;
  const char *name;
  void (*run)(void);
  struct tap_test *next;
};

#define TEST(number, name) TAP_REGISTER(number, name, __LINE__)

/* The first argument, such as a backend's name; NULL if there is none. */
extern const char *tap_argument;

/* Called in each test's process before its descriptors are counted: for a library that opens some
 * at first use and keeps them. NULL: none. */
extern void (*tap_warm_up)(void);

/* main()'s work. `take_argument`: the first word is the argument, not a filter. */
int tap_main(int argc, char **argv, bool take_argument);

/* A failed check prints itself, its values and its place, and ends the test, whichever thread or
 * child of the test it is in. Usable in handlers. */

/* A failed check prints itself, its values and its place, and ends the test, whichever thread or
 * child of the test it is in. Usable in handlers. */
#define CHECK(condition)                                                                           \
  ((condition) ? (void)0 : tap_fail(__FILE__, __LINE__, "CHECK(%s)", #condition))

/* CHECK_IS(calls, ==, 3): integers, with their values when it fails. */
#define CHECK_IS(left, operator, right)                                                            \
  do {                                                                                             \
    long long tap_left = (long long)(left), tap_right = (long long)(right);                        \
    if (!(tap_left operator tap_right))                                                            \
      tap_fail(__FILE__, __LINE__, "CHECK(%s %s %s): %lld, %lld", #left, #operator, #right,        \
               tap_left, tap_right);                                                               \
  } while (0)

/* A call of the library: >= 0, or exactly -error. OK() gives the result. */
#define CHECK_OK(call)           ((void)tap_result((call), #call, __FILE__, __LINE__))
#define OK(call)                 tap_result((call), #call, __FILE__, __LINE__)
#define CHECK_ERROR(call, error) tap_error((call), (error), #call, __FILE__, __LINE__)

/* A call of the system, -1 and errno on failure; SYS() gives its result. */
#define CHECK_SYS(call) ((void)tap_system((call), #call, __FILE__, __LINE__))
#define SYS(call)       ((int)tap_system((call), #call, __FILE__, __LINE__))
/* A pthread function: 0 or an error number. */
#define CHECK_THREAD(call) tap_thread((call), #call, __FILE__, __LINE__)

/* This cannot be tested here, for this reason. */
#define SKIP(...) tap_skip(__VA_ARGS__)
/* Printed if the test fails. */
#define NOTE(...) tap_note(__VA_ARGS__)

/* ---- time and counts ------------------------------------------------------------------ */

#define US(n)      ((uint64_t)(n)*1000u)
#define MS(n)      ((uint64_t)(n)*1000000u)
#define SECONDS(n) ((uint64_t)(n)*1000000000u)

uint64_t tap_now(void);               /* CLOCK_MONOTONIC, ns */
unsigned tap_scale(void);             /* how many times slower than a plain build on bare metal */
bool tap_in_thread_sanitizer(void);   /* built with it */
bool tap_in_valgrind(void);           /* it runs the test: the last real-time signal is its own */
bool tap_in_sanitizer(void);          /* any of these: exhausted memory ends the process */
size_t tap_count(size_t count);       /* `count`, reduced if everything is slower; at least 1 */
uint64_t tap_deadline(uint64_t ns);   /* now + ns, later if everything is slower */
uint64_t tap_left(uint64_t deadline); /* the time until then, 0 if it has passed */

/* Reproducible: the same numbers in every run of a test (TEST_SEED). Not for several threads. */
uint64_t tap_random(void);
uint64_t tap_random_below(uint64_t limit);

/* How many descriptors are open. */
size_t tap_open_descriptors(void);

/* A counter that survives the test's process: tests of one run can add something up. */
uint64_t *tap_shared_counter(void);

/* ---- behind the macros ------------------------------------------------------------------ */

#define TAP_PRINTF(text, first) __attribute__((format(printf, text, first)))

void tap_register(struct tap_test *test);
_Noreturn void tap_fail(const char *file, int line, const char *format, ...) TAP_PRINTF(3, 4);
_Noreturn void tap_skip(const char *format, ...) TAP_PRINTF(1, 2);
void tap_note(const char *format, ...) TAP_PRINTF(1, 2);
int tap_result(int result, const char *call, const char *file, int line);
void tap_error(int result, int error, const char *call, const char *file, int line);
long tap_system(long result, const char *call, const char *file, int line);
void tap_thread(int result, const char *call, const char *file, int line);

/* A constructor fills a list before main: adding a TEST is enough to add a test. */
#define TAP_REGISTER(number, name, line) TAP_REGISTER_AT(number, name, line)
#define TAP_REGISTER_AT(number_, name_, line)                                                      \
  static void test_##line(void);                                                                   \
  __attribute__((constructor)) static void register_##line(void) {                                 \
    static struct tap_test test = {.number = number_, .name = name_, .run = test_##line};          \
    tap_register(&test);                                                                           \
  }                                                                                                \
  static void test_##line(void)

#endif
