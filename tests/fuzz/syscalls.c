/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - every call of the library fails, at each place that makes it, with each error that
 * its manual names (calls.h): once, and for 40 ms, while a scene uses everything that the library
 * has. Then no call fails, and everything must work.
 *
 *     syscalls                        every backend that runs here
 *     syscalls --backend=NAME         this one
 *     syscalls --backend=NAME --call=CALL --error=ERRNO [--site=0xAT] [--skip=N] [--lasting]
 *                                     replay one
 *     --share=N                       one of N cases, others in each backend
 *     --table=FILE                    the outcome of each call and error, for faults_page.py
 *
 * Why a layer in C in place of strace's injection: it knows which place makes a call, it costs
 * nothing, and it can let io_uring's requests fail, which are no system calls.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

enum {
  MOST_CASES = 20000,
  MOST_ERRORS = 32,
};

static struct {
  const char *backend, *table;
  struct fault_plan plan; /* error 0: no replay */
  unsigned share;
} options = {.plan = {.call = FAULT_COUNT}, .share = 1};

/* One that means "try again" is an answer that does not last: the caller would rightly ask again
 * at once. */
static bool may_last(int error) {
  return error != EAGAIN && error != EINTR && error != EINPROGRESS && error != EALREADY &&
         error != ETIME && error != EISCONN;
}

/* ---- the cases of a backend ------------------------------------------------------------- */

/* What was ever found: these cases are in every run. */
static bool was_found(const char *backend, const struct fault_plan *plan) {
  static const struct {
    const char *backend;
    enum fault_call call;
    int error;
  } known[] = {
      {"rtsig", FAULT_write, EIO},             /* a wake-up that failed was the last */
      {"linux-aio", FAULT_io_submit, EPERM},   /* the waker was dropped */
      {"io_uring", FAULT_ring_accept, EAGAIN}, /* then accept blocked the loop */
      {"io_uring", FAULT_io_uring_submit_and_wait_timeout, EBADF}, /* use after free */
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].call == plan->call && known[i].error == plan->error &&
        strcmp(known[i].backend, backend) == 0)
      return true;
  return false;
}

struct list {
  struct fault_case *cases;
  size_t count, considered;
  const char *backend;
};

static void add(struct list *list, struct fault_plan plan) {
  size_t number = list->considered++;
  bool chosen = (number * 7 + (unsigned char)list->backend[0]) % options.share == 0;
  if (!chosen && !was_found(list->backend, &plan))
    return;
  if (list->count == MOST_CASES)
    return;
  list->cases[list->count++] = (struct fault_case){.backend = list->backend, .plan = plan};
}

static void add_error(struct list *list, const struct fault_site *site, int error) {
  struct fault_plan plan = {.call = site->call, .error = error, .site = site->at};
  add(list, plan);
  if (may_last(error)) {
    plan.lasting = true;
    add(list, plan);
    plan.lasting = false;
  }
  if (!fault_full() || site->count < 2)
    return;
  plan.skip = site->count / 2;
  add(list, plan);
  plan.skip = 1;
  if (site->count > 3)
    add(list, plan);
}

static void add_site(struct list *list, const struct fault_site *site) {
  char names[512], *rest = names;
  snprintf(names, sizeof names, "%s", fault_errors(site->call));
  for (char *name; (name = strtok_r(rest, " ", &rest));)
    add_error(list, site, fault_error_number(name));
}

/* ---- the table -------------------------------------------------------------------------- */

static void print_case(FILE *file, const struct fault_case *it) {
  const char *became = it->found ? "FOUND" : it->failed ? fault_told(it->report.told) : "not made";
  fprintf(file, "%s\t%s\t%s\t%#lx\t%u\t%d\t%s\t%s\n", it->backend, fault_name(it->plan.call),
          fault_error_name(it->plan.error), (unsigned long)it->plan.site, it->plan.skip,
          it->plan.lasting, became, it->report.words);
}

static void print_finding(const struct fault_case *it) {
  const struct fault_plan *plan = &it->plan;
  const char *call = fault_name(plan->call), *error = fault_error_name(plan->error);
  printf("# %s, %s fails with %s%s: %s\n# made by ", it->backend, call, error,
         plan->lasting ? " for a time" : "", it->report.words);
  fault_print_site(stdout, it->at);
  printf("# again: syscalls --backend=%s --call=%s --error=%s --site=%#lx --skip=%u%s\n",
         it->backend, call, error, (unsigned long)plan->site, plan->skip,
         plan->lasting ? " --lasting" : "");
}

/* "Interrupted" and "not now" are no reasons to fail: the call is made again. For some calls they
 * mean something else: no memory, or that connect goes on by itself. */
static bool should_recover(const struct fault_plan *plan) {
  static const enum fault_call others[] = {
      FAULT_fcntl,          FAULT_connect,   FAULT_io_setup,
      FAULT_io_submit,      FAULT_io_cancel, FAULT_mmap,
      FAULT_ring_receive,   FAULT_open,      FAULT_pthread_mutex_init,
      FAULT_io_uring_submit};
  if (plan->error != EINTR && plan->error != EAGAIN)
    return false;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (others[i] == plan->call)
      return false;
  return true;
}

static void judge(struct fault_case *it) {
  it->found |= it->report.told && should_recover(&it->plan);
}

/* ---- running ---------------------------------------------------------------------------- */

static unsigned report(const struct list *list, FILE *table) {
  unsigned found = 0, failed = 0, made = 0;
  for (size_t i = 0; i < list->count; i++) {
    struct fault_case *it = &list->cases[i];
    judge(it);
    failed += it->failed;
    made += it->failed > 0;
    found += it->found;
    if (it->found)
      print_finding(it);
    if (table)
      print_case(table, it);
  }
  printf("%sok - %s: %zu of %zu cases, %u of them came to it, %u calls failed; %u findings\n",
         found ? "not " : "", list->backend, list->count, list->considered, made, failed, found);
  fflush(stdout);
  return found;
}

static unsigned try_all(const char *backend, FILE *table) {
  static struct fault_layer places;
  struct fault_case rehearsal = {.plan = {.call = FAULT_COUNT, .error = 1}};
  fault_rehearse(backend, &rehearsal, &places);
  if (rehearsal.found) {
    printf("not ok - %s: %s, although nothing fails\n", backend, rehearsal.report.words);
    return 1;
  }
  struct list list = {.cases = fault_cases(MOST_CASES), .backend = backend};
  bool ring = fault_ring_can_fail();
  for (unsigned i = 0; i < places.site_count; i++) {
    enum fault_call call = places.sites[i].call;
    bool wanted = options.plan.call == FAULT_COUNT || options.plan.call == call;
    if (wanted && call != FAULT_allocation && (ring || call < FAULT_ring_accept))
      add_site(&list, &places.sites[i]);
  }
  fault_run(list.cases, list.count, false);
  return report(&list, table);
}

static int replay(void) {
  struct fault_case *it = fault_cases(1);
  it->backend = options.backend;
  it->plan = options.plan;
  fault_run(it, 1, true);
  judge(it);
  printf("%s: %s; %u failed, %lu calls in all; the first by ",
         it->found ? "found" : fault_told(it->report.told), it->report.words, it->failed, it->made);
  fault_print_site(stdout, it->at);
  return it->found;
}

/* ---- options ---------------------------------------------------------------------------- */

static void usage(void) {
  fputs("usage: syscalls [--backend=NAME] [--call=CALL] [--share=N] [--table=FILE]\n"
        "       syscalls --backend=NAME --call=CALL --error=ERRNO [--site=0xAT] [--skip=N] "
        "[--lasting]\n",
        stderr);
  exit(2);
}

static void take_option(int option) {
  switch (option) {
  case 'b':
    options.backend = optarg;
    return;
  case 'c':
    if (!fault_find_call(optarg, &options.plan.call))
      usage();
    return;
  case 'e':
    options.plan.error = fault_error_number(optarg);
    return;
  case 'a':
    options.plan.site = strtoul(optarg, NULL, 16);
    return;
  case 'k':
    options.plan.skip = (unsigned)atoi(optarg);
    return;
  case 'l':
    options.plan.lasting = true;
    return;
  case 's':
    options.share = fault_full() || atoi(optarg) < 1 ? 1 : (unsigned)atoi(optarg);
    return;
  case 't':
    options.table = optarg;
    return;
  default:
    usage();
  }
}

static void read_options(int argc, char **argv) {
  static const struct option known[] = {{"backend", required_argument, NULL, 'b'},
                                        {"call", required_argument, NULL, 'c'},
                                        {"error", required_argument, NULL, 'e'},
                                        {"site", required_argument, NULL, 'a'},
                                        {"skip", required_argument, NULL, 'k'},
                                        {"lasting", no_argument, NULL, 'l'},
                                        {"share", required_argument, NULL, 's'},
                                        {"table", required_argument, NULL, 't'},
                                        {0}};
  int option;
  while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
    take_option(option);
  if (options.plan.error && (!options.backend || options.plan.call == FAULT_COUNT))
    usage();
}

int main(int argc, char **argv) {
  unsigned found = 0, backends = 0;
  read_options(argc, argv);
  fault_layer_open();
  if (options.plan.error)
    return replay();
  FILE *table = options.table ? fopen(options.table, "w") : NULL;
  for (const char *const *it = fault_backends(); *it; it++) {
    if (options.backend && strcmp(*it, options.backend) != 0)
      continue;
    found += try_all(*it, table);
    backends++;
  }
  if (table)
    fclose(table);
  printf("1..%u\n", backends);
  return found > 0;
}
