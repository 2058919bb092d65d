/* SPDX-License-Identifier: MIT */
/* help.c - the text of --help: of the lab, and of one experiment. */
#include <stdio.h>
#include <string.h>

#include "options.h"

static const char before_experiments[] =
    "@ - compare I/O models, and the same work written by hand and on other libraries\n"
    "\n"
    "EXAMPLES\n"
    "  @ quick --html=report.html          a page in less than two minutes\n"
    "  @ latency                           one experiment, all contestants\n"
    "  @ ring wake                         several experiments, one after the other\n"
    "  @ latency --contestants=epoll,io_uring,peer:epoll --baseline=peer:epoll\n"
    "  @ load --protocol=udp --slo=0.0005 --json=load.json\n"
    "  @ idle --help                       an experiment's method, and how to read it\n"
    "  @ all --json=all.json               everything, in less than half an hour\n"
    "\n"
    "  @ list                              contestants, and why some cannot take part here\n"
    "  @ report all.json --html=all.html   show a result again, in other forms\n"
    "  @ merge -o both.json a.json b.json  two runs as one with more rounds\n"
    "  @ compare old.json new.json         regressions; exit status 1 if there are any\n"
    "  @ against 127.0.0.1:8888 --rate=9000\n"
    "                                      only the load generator, against any echo\n"
    "                                      server here; see @ against --help\n"
    "\n"
    "EXPERIMENTS\n";

static const char after_experiments[] =
    "  quick      latency, idle and ring, shortened\n"
    "  all        all of them\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "METHOD\n"
    "  Every server runs in its own process on one processor, the load generator on another, with\n"
    "  all printing off. Each round visits every point, and at each point all contestants, in an\n"
    "  order reshuffled each round from the seed, so that background load hits every contestant\n"
    "  equally. A figure is the median over rounds, with a 95 % bootstrap interval. Ratios are\n"
    "  taken round by round against the baseline; if the interval spans 1, no difference is\n"
    "  resolved. The baseline runs twice at each point (A/A): the ratio of the two shows what\n"
    "  this machine can resolve, and every other ratio must be read against it. Before all that,\n"
    "  both processors are watched while idle, up to a second: their pauses are in all tails.\n"
    "\n"
    "OUTPUT\n"
    "  The table goes to stdout, progress and errors to stderr. A contestant that fails is\n"
    "  reported with the end of its stderr, and the others go on. Ctrl-C ends the run early: the\n"
    "  results so far are printed and written. A file is replaced when the new one is complete; a\n"
    "  run without results replaces none. An output that is one of the inputs is refused.\n"
    "  Exit status: 0 done, 1 error (one line says why), a regression, or nothing that compare\n"
    "  could compare, 2 wrong command line, 130 Ctrl-C (with the results so far).\n";

int help_print(void) {
  int error = cli_print_help(options_table, before_experiments);
  if (error)
    return error;
  for (size_t i = 0; experiments_all[i]; i++)
    printf("  %-9s  %s\n", experiments_all[i]->name, experiments_all[i]->title);
  return cli_print_help(options_table, after_experiments);
}

/* ---- one experiment ---------------------------------------------------------------- */

enum {
  WIDTH = 92
};

/* Print the words of `text` in lines of WIDTH, indented by two spaces. */
static void print_wrapped(const char *text) {
  size_t column = 0;
  for (const char *at = text; *at;) {
    size_t size = strcspn(at, " \n");
    if (column > 0 && column + 1 + size > WIDTH) {
      putchar('\n');
      column = 0;
    }
    column += (size_t)printf("%s%.*s", column ? " " : "  ", (int)size, at);
    at += size;
    at += strspn(at, " \n");
  }
  putchar('\n');
}

static void print_heading(const char *text) {
  printf("\n%s%s%s\n", cli_bold(), text, cli_plain());
}

static void print_points(struct bench *bench, const struct experiment *experiment) {
  static struct point points[POINTS_MAX];
  bench->describe = true;
  size_t count = experiment->points(bench, points);
  print_heading("POINTS");
  for (size_t i = 0; i < count; i++)
    printf("  %-20s  %s\n", points[i].id, points[i].label);
}

static void print_metrics(const struct experiment *experiment) {
  print_heading("METRICS");
  for (size_t i = 0; experiment->metrics[i].id; i++) {
    const struct metric *metric = &experiment->metrics[i];
    printf("  %-12s  %s%s%s", metric->id, metric->label, *metric->unit ? ", " : "", metric->unit);
    if (*metric->better)
      printf(", %s is better", metric->better);
    putchar('\n');
  }
}

void help_print_experiment(struct bench *bench, const struct experiment *experiment) {
  printf("%s%s - %s%s\n", cli_bold(), experiment->name, experiment->title, cli_plain());
  print_heading("REPRODUCES");
  print_wrapped(experiment->reproduces);
  print_heading("METHOD, AND HOW TO READ IT");
  print_wrapped(experiment->method);
  print_points(bench, experiment);
  print_metrics(experiment);
}
