/* SPDX-License-Identifier: MIT */
/* help.c - the text of --help: of the lab, and of one experiment. */
#include <stdio.h>
#include <string.h>

#include "../src/programs/cli.h"
#include "catalogue.h"
#include "options.h"

const char help_before_experiments[] =
    "@ - compare I/O models, and the same work written by hand and on other libraries\n"
    "\n"
    "EXAMPLES\n"
    "  @ quick --html=report.html          a page in less than two minutes\n"
    "  @ latency                           one experiment, all contestants\n"
    "  @ latency --contestants=epoll,io_uring,peer:epoll --baseline=peer:epoll\n"
    "  @ load --protocol=udp --slo=0.0005 --json=load.json\n"
    "  @ idle --help                       what an experiment does and how to read it\n"
    "  @ all --json=all.json               everything, in less than half an hour\n"
    "\n"
    "  @ list                              contestants, and why some cannot take part here\n"
    "  @ report all.json --html=all.html   show a result again, in other forms\n"
    "  @ merge -o both.json a.json b.json  two runs of the same, as one with more rounds\n"
    "  @ compare old.json new.json         regressions, told from noise; exit status 1 on one\n"
    "  @ against 127.0.0.1:8888 --rate=9000\n"
    "                                      the load generator by itself, against any echo\n"
    "                                      server here; see @ against --help\n"
    "\n"
    "EXPERIMENTS\n";

const char help_after_experiments[] =
    "  quick      latency, idle and ring, each in short\n"
    "  all        every one of them\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "METHOD\n"
    "  Every server runs in a process of its own on one processor, the load generator on another,\n"
    "  with all printing off. In each round every point is visited, and at each all contestants,\n"
    "  in an order shuffled anew by the seed: what else the machine does meets all alike. A\n"
    "  figure is the median over rounds; beside it stands a 95 % bootstrap interval. Ratios are\n"
    "  taken round by round against the baseline, and where the interval spans 1, no difference\n"
    "  is resolved. The baseline runs twice at each point (A/A): the ratio of the two is what\n"
    "  this machine can resolve, and every other ratio is to be read against it. Before all that,\n"
    "  both processors are watched without work, up to a second: their pauses are in all tails.\n"
    "\n"
    "OUTPUT\n"
    "  The table goes to stdout, progress and complaints to stderr. A contestant that fails is\n"
    "  reported with its last words, and the others go on. Ctrl-C ends it early: what is there is\n"
    "  printed and written. A file is replaced when the new one is complete; a run that measured\n"
    "  nothing replaces none. An output that is one of the inputs is refused.\n"
    "  Exit status: 0 done, 1 trouble (one line says why), a regression, or nothing that compare\n"
    "  could compare, 2 wrong command line,\n"
    "  130 Ctrl-C (what was measured until then is there).\n";

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
  for (size_t i = 0; i < experiment->metric_count; i++) {
    const struct metric *metric = &experiment->metrics[i];
    char traits[64] = "";
    if (*metric->unit)
      snprintf(traits, sizeof traits, ", %s", metric->unit);
    if (*metric->better) {
      size_t used = strlen(traits);
      snprintf(traits + used, sizeof traits - used, ", %s is better", metric->better);
    }
    printf("  %-12s  %s%s\n", metric->id, metric->label, traits);
  }
}

void options_print_experiment(struct bench *bench, const struct experiment *experiment) {
  printf("%s%s - %s%s\n", cli_bold(), experiment->name, experiment->title, cli_plain());
  print_heading("RE-DOES");
  print_wrapped(experiment->redoes);
  print_heading("METHOD, AND HOW TO READ IT");
  print_wrapped(experiment->method);
  print_points(bench, experiment);
  print_metrics(experiment);
}
