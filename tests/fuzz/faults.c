/* SPDX-License-Identifier: MIT */
/* faults.c - see faults.h. */
#include "faults.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  MOST_BACKENDS = 32,
  SECONDS = 20,  /* for a scene, which takes 20 ms */
  SPIN = 2000,   /* failures within 40 ms */
  PROCESSES = 8, /* at a time: most of them wait */
};

struct fault_case *fault_cases(size_t count) {
  void *memory = mmap(NULL, (count ? count : 1) * sizeof(struct fault_case), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return memory;
}

/* ---- one scene -------------------------------------------------------------------------- */

static void on_stall(int signo) {
  void *frames[64];
  static const char text[] = "# it stalls, or a signal came, here:\n";
  (void)!write(2, text, sizeof text - 1);
  backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
  signal(signo, SIG_DFL);
  raise(signo);
}

static void play(struct fault_case *it, bool show) {
  static const int deadly[] = {SIGALRM, SIGSEGV, SIGBUS, SIGABRT};
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  for (size_t i = 0; show && i < sizeof deadly / sizeof deadly[0]; i++)
    signal(deadly[i], on_stall);
  if (!show)
    dup2(nowhere, 2);
  close(nowhere);
  alarm(SECONDS);
  scene_play(it->backend, &it->report);
  exit(0); /* not _exit: a sanitizer looks for leaks */
}

/* What asks again at once when the kernel lacks something spins. */
static bool is_short(int error) {
  return error == ENOMEM || error == ENOBUFS || error == EMFILE || error == ENFILE;
}

static void describe_end(struct fault_case *it, int status) {
  char *words = it->report.words;
  size_t size = sizeof it->report.words;
  it->found = true;
  if (it->report.broken)
    return;
  const char *act = it->report.act;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    snprintf(words, size, "%s: it does not end within %d s", act, SECONDS);
  else if (WIFSIGNALED(status))
    snprintf(words, size, "%s: %s", act, strsignal(WTERMSIG(status)));
  else if (status)
    snprintf(words, size, "%s: exit code %d", act, WEXITSTATUS(status));
  else if (is_short(it->plan.error) && it->failed > SPIN && strcmp(it->backend, "nonblocking") != 0)
    snprintf(words, size, "it spins: %u failures within 40 ms", it->failed);
  else
    it->found = false;
}

static void run_one(struct fault_case *it, bool show) {
  int status = 0;
  struct fault_layer *layer = fault_layer;
  bool recording = layer->recording;
  memset(layer, 0, sizeof *layer);
  layer->recording = recording;
  layer->plan = it->plan;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0)
    play(it, show);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  it->failed = layer->failed;
  it->seen = layer->seen;
  it->at = layer->failed_at;
  it->made = layer->calls;
  describe_end(it, child < 0 ? 1 << 8 : status);
}

/* ---- many ------------------------------------------------------------------------------- */

static void run_share(struct fault_case *cases, size_t count, size_t share) {
  fault_layer_open();
  for (size_t i = share; i < count; i += PROCESSES)
    run_one(&cases[i], false);
  _exit(0);
}

void fault_run(struct fault_case *cases, size_t count, bool show) {
  pid_t children[PROCESSES];
  if (count == 1 || show) {
    for (size_t i = 0; i < count; i++)
      run_one(&cases[i], show);
    return;
  }
  for (size_t share = 0; share < PROCESSES; share++) {
    children[share] = fork();
    if (children[share] == 0)
      run_share(cases, count, share);
  }
  for (size_t share = 0; share < PROCESSES; share++)
    while (waitpid(children[share], NULL, 0) < 0 && errno == EINTR)
      continue;
}

void fault_rehearse(const char *backend, struct fault_case *ret, struct fault_layer *places) {
  struct fault_case *it = fault_cases(1);
  it->backend = backend;
  it->plan = ret->plan;
  fault_layer->recording = places != NULL;
  fault_run(it, 1, true);
  fault_layer->recording = false;
  *ret = *it;
  if (places)
    *places = *fault_layer;
  munmap(it, sizeof *it);
}

/* ---- the rest --------------------------------------------------------------------------- */

const char *const *fault_backends(void) {
  static const char *names[MOST_BACKENDS];
  static const char *const variants[] = {"select:probing", "poll:probing", "nonblocking:adaptive",
                                         "libevent:poll", "libevent:select"};
  struct ioloop_backend_info info;
  size_t count = 0;
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0 && count < MOST_BACKENDS - 8;
       i++)
    if (!info.error)
      names[count++] = info.name;
  for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
    if (ioloop_backend_probe(variants[i], &info, sizeof info) == 0 && !info.error)
      names[count++] = variants[i];
  return names;
}

const char *fault_told(unsigned told) {
  static const char *const words[] = {
      "recovered", "refused",           "ended",           "refused, ended",
      "reported",  "refused, reported", "ended, reported", "refused, ended, reported"};
  return words[told & 7];
}

bool fault_full(void) {
  const char *full = getenv("FUZZ_FULL");
  return full && *full && strcmp(full, "0") != 0;
}
