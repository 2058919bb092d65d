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
    "  @ all --json=all.json               everything, in about 35 minutes\n"
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
    "  quick      count, latency, idle and ring with fewer contestants and points\n"
    "  all        all of them\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "METHOD\n"
    "  Every server runs in its own process on one processor, the load generator on another, with\n"
    "  all printing off. Each round visits every point, and at each point all contestants, in an\n"
    "  order reshuffled each round from the seed, so that background load hits every contestant\n"
    "  equally. The baseline runs twice at each point (A/A). A figure is the median over rounds,\n"
    "  with an interval that is called by how often it has the true median: the range of 3 rounds\n"
    "  75 %, of 6 rounds 97 %. Ratios are taken round by round against the baseline.\n"
    "\n"
    "CONCLUSIONS\n"
    "  A difference is resolved if the ratio's interval excludes 1, if it is farther from 1 than\n"
    "  the baseline was from itself at that point, and if it is not to be expected among as many\n"
    "  comparisons as there are (Benjamini and Hochberg: at most 5 % of those resolved are false\n"
    "  on average). With fewer than 4 rounds nothing is. A run is judged first: no timed "
    "difference\n"
    "  is resolved, and no claim holds or fails, on a machine that was too busy. It is if idle\n"
    "  processors would have kept more than 1 % of messages waiting longer than 1 ms, if the host\n"
    "  gave more than 2 % of their time to other guests, if other programs used more than a\n"
    "  quarter of a processor, or if the baseline differed from itself by more than 10 % at half\n"
    "  of the points.\n"
    "\n"
    "OUTPUT\n"
    "  The table goes to stdout, progress and errors to stderr. A contestant that fails is\n"
    "  reported with the end of its stderr, and the others go on. Ctrl-C ends the run early: the\n"
    "  results so far are printed and written. A file is replaced when the new one is complete; a\n"
    "  run without results replaces none. An output that is one of the inputs is refused.\n"
    "  Exit status: 0 done, 1 error (one line says why), a regression, or nothing that compare\n"
    "  could compare, 2 wrong command line, 3 the machine was too busy (--require-quiet), 130\n"
    "  Ctrl-C (with the results so far).\n";

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

static void print_duration(struct bench *bench, const struct experiment *experiment) {
  char duration[32];
  double seconds = comparison_seconds(bench, experiment);
  print_heading("TAKES");
  printf("  about %s", progress_duration(duration, seconds));
  if (experiment->takes & TAKES_ROUNDS)
    printf(" (%u rounds)", (unsigned)bench->rounds);
  puts(" with all contestants that are available here, or those of --contestants");
}

void help_print_experiment(struct bench *bench, const struct experiment *experiment) {
  printf("%s%s - %s%s\n", cli_bold(), experiment->name, experiment->title, cli_plain());
  print_heading("REPRODUCES");
  print_wrapped(experiment->reproduces);
  print_heading("METHOD, AND HOW TO READ IT");
  print_wrapped(experiment->method);
  print_duration(bench, experiment);
  print_points(bench, experiment);
  print_metrics(experiment);
}
