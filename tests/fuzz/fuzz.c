/* SPDX-License-Identifier: MIT */
/* fuzz.c - the frame's options, its rounds, and what it prints. */
#include "fuzz.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ioloop/ioloop.h"

enum {
  MAX_BACKENDS = 32,
  MAX_FILES = 64,
  SHRINK_SECONDS = 120,
  MAX_FINDINGS = 5, /* after that many it ends */
  EXIT_USAGE = 2,
};

static struct options {
  const char *backends[MAX_BACKENDS];
  size_t backend_count;
  const char *files[MAX_FILES]; /* to replay */
  size_t file_count;
  bool seeds;           /* given */
  uint64_t first, last; /* of the seeds */
  double minutes;
  size_t operations;
  const char *save;
  bool verbose;
} options;

static uint64_t seeds_run;
static unsigned findings;

/* ---- the command line ------------------------------------------------------------------------ */

static void print_help(const struct fuzz *fuzz) {
  printf("usage: tests/fuzz/%s [--backend=NAME]... [--seeds=FROM-TO] [--minutes=M]\n"
         "       tests/fuzz/%s --backend=NAME --replay=FILE\n\n%s\n"
         "A script of operations is made from each seed and runs in a process of its own. If it\n"
         "fails, crashes or does not end, it is made as short as possible and printed, with the\n"
         "command that replays it.\n\n",
         fuzz->name, fuzz->name, fuzz->about);
  printf("  --backend=NAME     run under this one: epoll, libevent:poll ...; may be repeated\n"
         "                     (all that run here)\n"
         "  --seeds=FROM-TO    these seeds, or one (1-20)\n"
         "  --minutes=M        go on with the seeds that follow until M minutes have passed\n"
         "  --operations=N     operations of a script (%zu)\n"
         "  --replay=FILE      run the script in FILE, - is stdin; may be repeated, and precedes\n"
         "                     the seeds if --seeds or --minutes are given too\n"
         "  --save=DIR         write each script that failed to DIR, before and after shrinking\n"
         "  --verbose          print each operation and what happens (best with --replay)\n"
         "  --help             this text\n\n"
         "The exit status is 0 without a finding, 1 with one, 2 for a wrong command line.\n\n"
         "Operations, with their numbers of arguments:",
         fuzz->script_operations);
  size_t column = 80;
  for (const struct fuzz_operation *o = fuzz->operations; o->name; o++) {
    size_t width = strlen(o->name) + 4;
    printf("%s%s %u", column + width > 78 ? "\n  " : ", ", o->name, o->args);
    column = column + width > 78 ? width : column + width;
  }
  printf("\n\nexamples:\n"
         "  tests/fuzz/%s --backend=epoll --seeds=1-1000\n"
         "  tests/fuzz/%s --minutes=60 --seeds=100000 --save=found\n"
         "  tests/fuzz/%s --backend=rtsig --replay=found/%s-rtsig-100007.short --verbose\n",
         fuzz->name, fuzz->name, fuzz->name, fuzz->name);
}

static _Noreturn void usage(const struct fuzz *fuzz, const char *what, const char *value) {
  fprintf(stderr, "fuzz %s: %s %s\nTry --help.\n", fuzz->name, what, value);
  exit(EXIT_USAGE);
}

static void parse_seeds(const struct fuzz *fuzz, const char *text) {
  char end;
  options.seeds = true;
  int n = sscanf(text, "%" SCNu64 "-%" SCNu64 "%c", &options.first, &options.last, &end);
  if (n == 1 && text[strspn(text, "0123456789")] == 0)
    options.last = options.first;
  else if (n != 2 || options.last < options.first)
    usage(fuzz, "--seeds takes a number or FROM-TO, not", text);
}

static void add_backend(const struct fuzz *fuzz, const char *name) {
  struct ioloop_backend_info info;
  if (options.backend_count == MAX_BACKENDS)
    usage(fuzz, "too many:", name);
  if (!fuzz->backends) {
    if (ioloop_backend_probe(name, &info, sizeof info) < 0 || info.error)
      usage(fuzz, name, info.reason);
  }
  options.backends[options.backend_count++] = name;
}

static void parse(int argc, char **argv, const struct fuzz *fuzz) {
  static const struct option names[] = {{"backend", required_argument, NULL, 'b'},
                                        {"seeds", required_argument, NULL, 's'},
                                        {"minutes", required_argument, NULL, 'm'},
                                        {"operations", required_argument, NULL, 'o'},
                                        {"replay", required_argument, NULL, 'r'},
                                        {"save", required_argument, NULL, 'd'},
                                        {"verbose", no_argument, NULL, 'v'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  char *end;
  for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    if (option == 'b') {
      add_backend(fuzz, optarg);
    } else if (option == 's') {
      parse_seeds(fuzz, optarg);
    } else if (option == 'm') {
      options.minutes = strtod(optarg, &end);
      if (*end || end == optarg || options.minutes <= 0)
        usage(fuzz, "--minutes takes a positive number, not", optarg);
    } else if (option == 'o') {
      options.operations = strtoul(optarg, &end, 10);
      if (*end || options.operations == 0 || options.operations > 1000000)
        usage(fuzz, "--operations takes a number up to 1000000, not", optarg);
    } else if (option == 'r' && options.file_count < MAX_FILES) {
      options.files[options.file_count++] = optarg;
    } else if (option == 'd') {
      options.save = optarg;
    } else if (option == 'v') {
      options.verbose = true;
    } else if (option == 'h') {
      print_help(fuzz);
      exit(0);
    } else {
      usage(fuzz, "what is wanted is unclear", "");
    }
  }
  if (optind < argc)
    usage(fuzz, "there is an argument too many:", argv[optind]);
}

/* "blocking" is no loop. Of those with variants the plain one is taken. */
static void default_backends(const struct fuzz *fuzz) {
  static const char *const variants[] = {"poll:probing", "select:probing", "nonblocking:adaptive",
                                         "libevent:poll", "libevent:select"};
  struct ioloop_backend_info info;
  if (fuzz->backends) {
    for (const char *const *name = fuzz->backends; *name; name++)
      add_backend(fuzz, *name);
    return;
  }
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0; i++)
    if (info.error == 0)
      add_backend(fuzz, info.name);
  for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
    if (ioloop_backend_probe(variants[i], &info, sizeof info) == 0 && info.error == 0)
      add_backend(fuzz, variants[i]);
}

/* ---- findings -------------------------------------------------------------------------------- */

static void save(const struct fuzz *fuzz, const struct fuzz_script *script, const char *backend,
                 const char *ending, char *path, size_t size) {
  mkdir(options.save, 0777);
  snprintf(path, size, "%s/%s-%s-%" PRIu64 ".%s", options.save, fuzz->name, backend, script->seed,
           ending);
  FILE *file = fopen(path, "w");
  if (!file) {
    perror(path);
    exit(EXIT_USAGE);
  }
  fprintf(file, "# --backend=%s\n", backend);
  fuzz_script_print(fuzz, script, file);
  fclose(file);
}

static void report(const struct fuzz *fuzz, struct fuzz_script *script, const char *backend,
                   const struct fuzz_result *first) {
  struct fuzz_result result = *first, again;
  char path[1024] = "FILE (the lines above)";
  size_t before = script->count;
  findings++;
  printf("FOUND: %s\n  backend %s, seed %" PRIu64 ", operation %ld\n", first->what, backend,
         script->seed, first->line);
  fflush(stdout);
  if (options.save)
    save(fuzz, script, backend, "long", path, sizeof path);
  unsigned tried = fuzz_shrink(fuzz, script, backend, &result,
                               fuzz_now() + SHRINK_SECONDS * UINT64_C(1000000000));
  if (tried == 0)
    printf("It did not fail again in 25 attempts. The whole script:\n\n");
  else
    printf("Shrunk from %zu lines to %zu in %u attempts: %s\n  at operation %ld of\n\n", before,
           script->count, tried, result.what, result.line);
  fuzz_script_print(fuzz, script, stdout);
  if (options.save)
    save(fuzz, script, backend, "short", path, sizeof path);
  printf("\nreplay: tests/fuzz/%s --backend=%s --replay=%s\n", fuzz->name, backend, path);
  fflush(stdout);
  if (strncmp(result.kind, "exit status", 11) == 0 || strncmp(result.kind, "signal", 6) == 0)
    fuzz_try(fuzz, script, backend, true, false, &again); /* the sanitizer's messages */
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void show_progress(const char *backend, uint64_t seed) {
  if (isatty(STDOUT_FILENO)) {
    printf("\r%s, seed %" PRIu64 "   \r", backend, seed);
    fflush(stdout);
  }
}

static void run_seed(const struct fuzz *fuzz, uint64_t seed) {
  for (size_t i = 0; i < options.backend_count; i++) {
    struct fuzz_script script = fuzz_script_new(fuzz, seed, options.operations);
    struct fuzz_result result;
    show_progress(options.backends[i], seed);
    fuzz_try(fuzz, &script, options.backends[i], options.verbose, options.verbose, &result);
    if (result.failed)
      report(fuzz, &script, options.backends[i], &result);
    fuzz_script_free(&script);
  }
  seeds_run++;
}

static void replay(const struct fuzz *fuzz, const char *path) {
  struct fuzz_script script = fuzz_script_read(fuzz, path);
  for (size_t i = 0; i < options.backend_count; i++) {
    struct fuzz_result result;
    fuzz_try(fuzz, &script, options.backends[i], true, options.verbose, &result);
    if (!result.failed)
      continue;
    findings++;
    printf("FOUND: %s\n  backend %s, %s, operation %ld\n", result.what, options.backends[i], path,
           result.line);
  }
  fuzz_script_free(&script);
}

int fuzz_main(int argc, char **argv, const struct fuzz *fuzz) {
  uint64_t begun = fuzz_now();
  options.operations = fuzz->script_operations;
  options.first = 1;
  parse(argc, argv, fuzz);
  if (!options.seeds)
    options.last = options.minutes > 0 ? 1 : 20;
  if (options.backend_count == 0)
    default_backends(fuzz);
  for (size_t i = 0; i < options.file_count; i++)
    replay(fuzz, options.files[i]);
  uint64_t deadline = begun + (uint64_t)(options.minutes * 60e9);
  if (options.seeds || options.minutes > 0 || options.file_count == 0)
    for (uint64_t seed = options.first;
         findings < MAX_FINDINGS &&
         (seed <= options.last || (options.minutes > 0 && fuzz_now() < deadline));
         seed++)
      run_seed(fuzz, seed);
  printf("%s %s: %" PRIu64 " seeds, %" PRIu64 " operations, %" PRIu64 " descriptors, %" PRIu64
         " events, %.1f s\n",
         fuzz->name, options.backend_count == 1 ? options.backends[0] : "on all backends",
         seeds_run, fuzz_total(FUZZ_OPERATIONS), fuzz_total(FUZZ_DESCRIPTORS),
         fuzz_total(FUZZ_EVENTS), (double)(fuzz_now() - begun) / 1e9);
  return findings > 0;
}
