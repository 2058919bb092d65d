/* SPDX-License-Identifier: MIT */
/*
 * tap.c - see tap.h. The program is a runner that forks a child for each test, reads its output,
 * and turns its result into a line of TAP. stdout and stderr of a test go to one file, so that the
 * messages of a sanitizer are kept as diagnostics and nothing waits for a reader.
 */
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stacks.h"

#define EXIT_SKIPPED     77
#define TEST_TIME_NS     SECONDS(20)
#define MAX_OUTPUT_LINES 2000
#define MAX_FDS          4096

/* The test's report to the runner, in addition to its exit status. */
struct shared {
  atomic_int failed;
  atomic_int answers;
  char reason[256];
  uint64_t counter;
};

const char *tap_argument;
void (*tap_warm_up)(void);
static struct tap_test *tests;
static struct shared *shared;
static uint64_t random_state;
static volatile sig_atomic_t running_child;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_SCALE 4
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DEFAULT_SCALE 4
#endif
#endif
#ifndef DEFAULT_SCALE
#define DEFAULT_SCALE 1
#endif

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER true
#endif
#endif
#ifndef THREAD_SANITIZER
#define THREAD_SANITIZER false
#endif

void tap_register(struct tap_test *test) {
  struct tap_test **at = &tests;
  while (*at && (*at)->number <= test->number)
    at = &(*at)->next;
  test->next = *at;
  *at = test;
}

/* ---- called by tests -------------------------------------------------------------------- */

uint64_t tap_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return SECONDS(now.tv_sec) + (uint64_t)now.tv_nsec;
}

bool tap_in_thread_sanitizer(void) {
  return THREAD_SANITIZER;
}

bool tap_in_valgrind(void) {
  const char *preloaded = getenv("LD_PRELOAD");
  return preloaded && strstr(preloaded, "vgpreload");
}

bool tap_in_sanitizer(void) {
  return DEFAULT_SCALE > 1 || tap_in_valgrind();
}

unsigned tap_scale(void) {
  const char *scale = getenv("TEST_TIME_SCALE");
  int value = scale ? atoi(scale) : 0;
  return value > 0 ? (unsigned)value : DEFAULT_SCALE;
}

size_t tap_count(size_t count) {
  size_t scaled = count / tap_scale();
  return scaled > 0 ? scaled : 1;
}

uint64_t tap_deadline(uint64_t ns) {
  return tap_now() + ns * tap_scale();
}

uint64_t tap_left(uint64_t deadline) {
  uint64_t now = tap_now();
  return now < deadline ? deadline - now : 0;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
uint64_t tap_random(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 2685821657736338717u;
}

uint64_t tap_random_below(uint64_t limit) {
  return (tap_random() >> 11) % limit;
}

uint64_t *tap_shared_counter(void) {
  return &shared->counter;
}

/* One write, so that lines of several threads do not mix; no stdio, for signal handlers. */
static void say(const char *place, const char *format, va_list arguments) {
  char line[1024];
  int at = snprintf(line, sizeof line, "%s", place);
  at += vsnprintf(line + at, sizeof line - (size_t)at - 1, format, arguments);
  if (at > (int)sizeof line - 2)
    at = (int)sizeof line - 2;
  line[at++] = '\n';
  (void)!write(STDERR_FILENO, line, (size_t)at);
}

void tap_fail(const char *file, int line, const char *format, ...) {
  char place[256];
  va_list arguments;
  const char *name = strstr(file, "tests/");
  snprintf(place, sizeof place, "%s:%d: ", name ? name : file, line);
  va_start(arguments, format);
  say(place, format, arguments);
  va_end(arguments);
  atomic_store(&shared->failed, 1);
  _exit(1);
}

void tap_skip(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(shared->reason, sizeof shared->reason, format, arguments);
  va_end(arguments);
  _exit(EXIT_SKIPPED);
}

void tap_note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say("", format, arguments);
  va_end(arguments);
}

int tap_result(int result, const char *call, const char *file, int line) {
  if (result < 0)
    tap_fail(file, line, "%s: %d (%s)", call, result, strerror(-result));
  return result;
}

void tap_error(int result, int error, const char *call, const char *file, int line) {
  if (result != -error)
    tap_fail(file, line, "%s: %d (%s) where %d (%s) was expected", call, result,
             result < 0 ? strerror(-result) : "success", -error, strerror(error));
}

long tap_system(long result, const char *call, const char *file, int line) {
  if (result == -1)
    tap_fail(file, line, "%s: %s", call, strerror(errno));
  return result;
}

void tap_thread(int result, const char *call, const char *file, int line) {
  if (result != 0)
    tap_fail(file, line, "%s: %s", call, strerror(result));
}

/* Fills in up to `max` numbers; /dev/fd is /proc/self/fd on Linux. */

/* Fills in up to `max` numbers; /dev/fd is /proc/self/fd on Linux. */
static size_t list_fds(int *numbers, size_t max) {
  size_t count = 0;
  DIR *dir = opendir("/dev/fd");
  if (!dir)
    return 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
      continue;
    if (count < max)
      numbers[count] = atoi(entry->d_name);
    count++;
  }
  closedir(dir);
  return count;
}

size_t tap_open_descriptors(void) {
  return list_fds(NULL, 0);
}

static bool contains(const int *numbers, size_t count, int number) {
  for (size_t i = 0; i < count && i < MAX_FDS; i++)
    if (numbers[i] == number)
      return true;
  return false;
}

static size_t count_new(const int *before, size_t before_count, int *after, size_t *count) {
  size_t fresh = 0;
  *count = list_fds(after, MAX_FDS);
  for (size_t i = 0; i < *count && i < MAX_FDS; i++)
    fresh += !contains(before, before_count, after[i]);
  return fresh;
}

/* A library may close its descriptors in a thread of its own (libkqueue does): a late close is no
 * leak. */
static void check_leaks(const int *before, size_t before_count) {
  static int after[MAX_FDS];
  size_t count, leaked = 0;
  uint64_t deadline = tap_deadline(SECONDS(1));
  while (count_new(before, before_count, after, &count) > 0 && tap_left(deadline) > 0)
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  for (size_t i = 0; i < count && i < MAX_FDS; i++) {
    char path[32], target[128] = "?";
    if (contains(before, before_count, after[i]))
      continue;
    snprintf(path, sizeof path, "/dev/fd/%d", after[i]);
    if (readlink(path, target, sizeof target - 1) < 0)
      strcpy(target, "?");
    if (leaked++ < 10)
      tap_note("descriptor %d was left open: %s", after[i], target);
  }
  if (leaked > 0)
    tap_fail("tests/tap.c", __LINE__, "%zu descriptors were left open", leaked);
}

/* ---- the test's process ----------------------------------------------------------------- */

static void reset_signals(void) {
  sigset_t none;
  for (int signo = 1; signo < NSIG; signo++)
    signal(signo, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void seed_random(const struct tap_test *test) {
  const char *seed = getenv("TEST_SEED");
  random_state = 0x9e3779b97f4a7c15u ^ (uint64_t)test->number;
  if (seed)
    random_state ^= strtoull(seed, NULL, 0) * 0xbf58476d1ce4e5b9u;
  for (int i = 0; i < 8; i++)
    tap_random();
}

static _Noreturn void run_child(const struct tap_test *test, FILE *output) {
  static int before[MAX_FDS];
  setpgid(0, 0);
  dup2(fileno(output), STDOUT_FILENO);
  dup2(fileno(output), STDERR_FILENO);
  close(fileno(output));
  (void)!chdir("/proc"); /* where no file can be created under a relative path */
  reset_signals();
  stacks_prepare(&shared->answers);
  seed_random(test);
  if (tap_warm_up)
    tap_warm_up();
  size_t count = list_fds(before, MAX_FDS);
  test->run();
  check_leaks(before, count);
  exit(0); /* not _exit: the leak checker of the sanitizers runs at exit */
}

/* ---- the runner ------------------------------------------------------------------------- */

static void note_child(int signo) {
  (void)signo; /* only has to interrupt pselect */
}

static void die_with_child(int signo) {
  if (running_child > 0)
    kill(-(pid_t)running_child, SIGKILL);
  signal(signo, SIG_DFL);
  raise(signo);
}

/* The child stays a zombie until its process group was killed, so that the group's number cannot be
 * reused by another one. */
static bool has_ended(pid_t child) {
  siginfo_t info = {.si_pid = 0};
  return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child;
}

/* SIGCHLD is blocked except during the wait. */
static bool wait_for_child(pid_t child, uint64_t deadline) {
  sigset_t none;
  sigemptyset(&none);
  while (!has_ended(child)) {
    uint64_t left = tap_left(deadline);
    struct timespec timeout = {.tv_sec = (time_t)(left / SECONDS(1)),
                               .tv_nsec = (long)(left % SECONDS(1))};
    if (left == 0)
      return false;
    pselect(0, NULL, NULL, NULL, &timeout, &none);
  }
  return true;
}

/* One that was killed may be kept by the kernel, or by a debugger that is kept by it. */
static int finish_child(pid_t child) {
  int status = SIGKILL;
  kill(-child, SIGKILL);
  kill(child, SIGKILL); /* one that stalled before its setpgid */
  if (wait_for_child(child, tap_now() + TEST_TIME_NS * tap_scale()))
    waitpid(child, &status, 0);
  return status;
}

static void print_diagnostics(FILE *output) {
  char line[1024];
  rewind(output);
  for (int count = 0; count < MAX_OUTPUT_LINES && fgets(line, sizeof line, output); count++) {
    line[strcspn(line, "\n")] = '\0';
    printf("# %s\n", line);
  }
}

static void print_end(int status, bool in_time) {
  if (!in_time)
    printf("# stalled: ended by the watchdog\n");
  else if (WIFSIGNALED(status))
    printf("# killed by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    printf("# exit status %d\n", WEXITSTATUS(status));
}

/* The output of a failed test comes before its result: report.py expects that. */
static bool print_result(const struct tap_test *test, int index, int status, bool in_time,
                         FILE *output) {
  bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED;
  bool passed = in_time && WIFEXITED(status) && (WEXITSTATUS(status) == 0 || skipped) &&
                !atomic_load(&shared->failed);
  if (!passed) {
    print_diagnostics(output);
    print_end(status, in_time);
  }
  printf("%s %d - %d %s", passed ? "ok" : "not ok", index, test->number, test->name);
  if (passed && skipped)
    printf(" # SKIP %s", shared->reason);
  putchar('\n');
  return passed;
}

static bool run_test(const struct tap_test *test, int index) {
  atomic_store(&shared->failed, 0);
  shared->reason[0] = '\0';
  fflush(stdout);
  FILE *output = tmpfile();
  pid_t child = output ? fork() : -1;
  if (child < 0) {
    printf("Bail out! cannot start a test: %s\n", strerror(errno));
    exit(1);
  }
  if (child == 0)
    run_child(test, output);
  running_child = child;
  setpgid(child, child);
  bool in_time = wait_for_child(child, tap_now() + TEST_TIME_NS * tap_scale());
  if (!in_time)
    stacks_dump(child, fileno(output), &shared->answers, SECONDS(30) * tap_scale());
  int status = finish_child(child);
  running_child = 0;
  bool passed = print_result(test, index, status, in_time, output);
  fclose(output);
  return passed;
}

static bool is_number(const char *word) {
  return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

static bool is_meant(const struct tap_test *test, const char *word) {
  return is_number(word) ? atoi(word) == test->number : strstr(test->name, word) != NULL;
}

static bool is_selected(const struct tap_test *test, char **words) {
  bool selected = !*words || **words == '-';
  for (; *words; words++)
    if (**words != '-')
      selected |= is_meant(test, *words);
    else if (is_meant(test, *words + 1))
      return false;
  return selected;
}

static void prepare_runner(void) {
  sigset_t child;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
  if (shared == MAP_FAILED) {
    printf("Bail out! mmap: %s\n", strerror(errno));
    exit(1);
  }
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  signal(SIGCHLD, note_child);
  signal(SIGTERM, die_with_child);
  signal(SIGINT, die_with_child);
  signal(SIGHUP, die_with_child);
}

int tap_main(int argc, char **argv, bool take_argument) {
  char **words = argv + (argc > 0);
  bool list = *words && strcmp(*words, "--list") == 0, passed = true;
  int count = 0, index = 0;
  words += list;
  if (take_argument && *words)
    tap_argument = *words++;
  for (struct tap_test *test = tests; test; test = test->next)
    count += is_selected(test, words);
  prepare_runner();
  if (!list)
    printf("TAP version 13\n1..%d\n", count);
  for (struct tap_test *test = tests; test; test = test->next) {
    if (!is_selected(test, words))
      continue;
    if (list)
      printf("%d %s\n", test->number, test->name);
    else
      passed &= run_test(test, ++index);
  }
  return passed ? 0 : 1;
}
