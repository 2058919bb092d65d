/* SPDX-License-Identifier: MIT */
/*
 * memory.c - every allocation fails: each once, and all from each on, while a scene uses everything
 * that the library has (scene.h). Then there is memory again, and everything must work.
 *
 *     memory                          every backend that runs here
 *     memory --backend=NAME           this one
 *     memory --backend=NAME --fail=K [--from]
 *                                     replay one: the K-th allocation fails, or all from it on
 *     --share=N                       every N-th allocation only
 *
 * Allocations are counted from 0, from the first of ioloop_new; libevent's are counted too.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

static struct {
  const char *backend;
  long fail;
  bool from;
  unsigned share;
} options = {.fail = -1, .share = 1};

static struct fault_plan plan_of(unsigned number, bool from) {
  return (struct fault_plan){
      .call = FAULT_allocation, .error = ENOMEM, .skip = number, .lasting = from};
}

static void print_finding(const struct fault_case *it) {
  printf("# %s, allocation %u%s: %s\n# made by ", it->backend, it->plan.skip,
         it->plan.lasting ? " and all that follow" : "", it->report.words);
  fault_print_site(stdout, it->at);
  printf("# again: memory --backend=%s --fail=%u%s\n", it->backend, it->plan.skip,
         it->plan.lasting ? " --from" : "");
}

/* Returns how many findings there were. */
static unsigned try_all(const char *backend) {
  struct fault_case rehearsal = {.plan = plan_of(UINT_MAX, false)};
  fault_rehearse(backend, &rehearsal, NULL);
  if (rehearsal.found) {
    printf("not ok - %s: %s, although nothing fails\n", backend, rehearsal.report.words);
    return 1;
  }
  unsigned count = rehearsal.seen / options.share, failed = 0, found = 0;
  struct fault_case *cases = fault_cases(2 * count);
  for (unsigned i = 0; i < 2 * count; i++) {
    cases[i].backend = backend;
    cases[i].plan = plan_of(i / 2 * options.share, i % 2);
  }
  fault_run(cases, 2 * count, false);
  for (unsigned i = 0; i < 2 * count; i++) {
    failed += cases[i].failed;
    found += cases[i].found;
    if (cases[i].found)
      print_finding(&cases[i]);
  }
  printf("%sok - %s: %u allocations, %u of them failed once, and all from each on (%u in all); %u "
         "findings\n",
         found ? "not " : "", backend, rehearsal.seen, count, failed, found);
  fflush(stdout);
  return found;
}

static int replay(void) {
  struct fault_case *it = fault_cases(1);
  it->backend = options.backend;
  it->plan = plan_of((unsigned)options.fail, options.from);
  fault_run(it, 1, true);
  printf("%s: %s; %u failed; the first by ", it->found ? "found" : fault_told(it->report.told),
         it->report.words, it->failed);
  fault_print_site(stdout, it->at);
  return it->found;
}

static void usage(void) {
  fputs("usage: memory [--backend=NAME] [--fail=K [--from]] [--share=N]\n", stderr);
  exit(2);
}

static void read_options(int argc, char **argv) {
  static const struct option known[] = {{"backend", required_argument, NULL, 'b'},
                                        {"fail", required_argument, NULL, 'f'},
                                        {"from", no_argument, NULL, 'a'},
                                        {"share", required_argument, NULL, 's'},
                                        {0}};
  int option;
  while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
    if (option == 'b')
      options.backend = optarg;
    else if (option == 'f')
      options.fail = atol(optarg);
    else if (option == 'a')
      options.from = true;
    else if (option == 's' && atoi(optarg) > 0)
      options.share = fault_full() ? 1 : (unsigned)atoi(optarg);
    else
      usage();
  }
  if (options.fail >= 0 && !options.backend)
    usage();
}

int main(int argc, char **argv) {
  unsigned found = 0, backends = 0;
  read_options(argc, argv);
  fault_layer_open();
  if (options.fail >= 0)
    return replay();
  for (const char *const *it = fault_backends(); *it; it++) {
    if (options.backend && strcmp(*it, options.backend) != 0)
      continue;
    found += try_all(*it);
    backends++;
  }
  printf("1..%u\n", backends);
  return found > 0;
}
