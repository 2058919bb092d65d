/* SPDX-License-Identifier: MIT */
/*
 * main.c - the latency lab: from the command line to experiments, and from these to reports.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/outfile.h"
#include "common/program.h"
#include "common/say.h"
#include "contestants/child.h"
#include "ioloop/ioloop.h"
#include "load/against.h"
#include "method/interrupt.h"
#include "options.h"
#include "results/document_access.h"
#include "results/estimates.h"
#include "results/quality.h"

/* ---- reports ----------------------------------------------------------------------- */

static bool is_stdout(const char *path) {
  return path && strcmp(path, "-") == 0;
}

static int first_of(int code, int other) {
  return code ? code : other;
}

/* All that were requested, even if one of them fails. */
static int report(const struct lab_options *options, const json_t *document) {
  int code = EXIT_OK;
  if (options->json)
    code = first_of(code, document_save(document, options->json));
  if (options->csv)
    code = first_of(code, report_csv(document, options->csv));
  if (options->html)
    code = first_of(code, report_html(document, options->html));
  if (options->hgrm)
    code = first_of(code, report_hgrm(document, options->hgrm));
  if (!is_stdout(options->json) && !is_stdout(options->csv) && !is_stdout(options->html)) {
    report_table(document, stdout);
    code = first_of(code, cli_finish_stdout());
  }
  return code;
}

/* ---- experiments ------------------------------------------------------------------- */

static bool measured_anything(const json_t *experiment) {
  return json_array_size(json_object_get(experiment, "figures")) > 0;
}

/* With the first of the causes, which the report lists. */
static int refuse_empty(const json_t *experiment) {
  const json_t *failure = json_array_get(json_object_get(experiment, "failures"), 0);
  const json_t *cause =
      failure ? failure : json_array_get(json_object_get(experiment, "absent"), 0);
  return complain("%s: nothing could be measured: %s: %s (see the report)",
                  member_text(experiment, "name"), member_text(cause, "contestant"),
                  member_text(cause, "reason"));
}

/* 0, or EXIT_TROUBLE: no contestant could be measured, or no memory. */
static int run_one(struct bench *bench, const struct experiment *experiment, json_t *document) {
  json_t *done = comparison_run(bench, experiment);
  if (!done)
    return complain("%s: not enough memory for its figures; choose fewer --contestants or --rounds",
                    experiment->name);
  bool empty = !measured_anything(done);
  if (json_array_append_new(json_object_get(document, "experiments"), done) < 0)
    return complain("%s: no memory to keep its figures", experiment->name);
  if (!empty || bench->interrupted)
    return EXIT_OK;
  return refuse_empty(done);
}

/* A result without a figure replaces no file, and one that ended before it has not even causes. */
static const char *unless_there(const char *path, bool interrupted) {
  bool there = path && outfile_exists(path);
  if (!path || is_stdout(path) || (!there && !interrupted))
    return path;
  complain(there ? "%s: stays as it was: nothing was measured"
                 : "%s: is not written: nothing was measured",
           path);
  return NULL;
}

static struct lab_options keep_earlier(const struct lab_options *options, const json_t *document) {
  struct lab_options kept = *options;
  const json_t *experiments = json_object_get(document, "experiments");
  for (size_t i = 0; i < json_array_size(experiments); i++)
    if (measured_anything(json_array_get(experiments, i)))
      return kept;
  kept.json = unless_there(kept.json, kept.bench.interrupted);
  kept.csv = unless_there(kept.csv, kept.bench.interrupted);
  kept.html = unless_there(kept.html, kept.bench.interrupted);
  return kept;
}

/* What is already known to be too much, before the time for the run is spent. */
static void warn_if_busy(const json_t *document, bool quiet) {
  json_t *judgement = quiet ? NULL : quality_judge(document);
  const json_t *reasons = json_object_get(judgement, "reasons");
  for (size_t i = 0; i < json_array_size(reasons); i++)
    say("too busy for conclusions: %s", json_string_value(json_array_get(reasons, i)));
  json_decref(judgement);
}

/* 0, or EXIT_BUSY after printing why. */
static int check_quiet(const struct lab_options *options, const json_t *document) {
  const json_t *judgement = json_object_get(document, "judgement");
  const json_t *reasons = json_object_get(judgement, "reasons");
  if (!options->require_quiet || !json_is_true(json_object_get(judgement, "busy")))
    return EXIT_OK;
  complain("--require-quiet: the machine was too busy: %s; run it again on a quieter one",
           json_string_value(json_array_get(reasons, 0)));
  return EXIT_BUSY;
}

static int run_all(struct lab_options *options, const struct experiment *const *experiments,
                   int argc, char **argv) {
  struct bench *bench = &options->bench;
  json_t *document = document_new(bench, argc, argv);
  int code = EXIT_OK;
  if (!document)
    return complain("out of memory");
  interrupt_watch(&bench->interrupted);
  json_object_set_new(document, "hiccups", hiccups_watch(bench));
  warn_if_busy(document, options->quiet);
  struct load_watch load = load_begin();
  for (size_t i = 0; experiments[i] && !bench->interrupted; i++)
    code = first_of(code, run_one(bench, experiments[i], document));
  json_object_set_new(document, "interrupted", json_boolean(bench->interrupted));
  json_object_set_new(document, "load", load_end(&load));
  if (document_judge(document) < 0)
    code = first_of(code, complain("not enough memory to judge the figures"));
  const struct lab_options kept = keep_earlier(options, document);
  code = first_of(code, report(&kept, document));
  code = first_of(code, check_quiet(options, document));
  json_decref(document);
  return bench->interrupted ? interrupt_exit_code() : code;
}

static int run_experiments(struct lab_options *options, int argc, char **argv) {
  const struct experiment *const *experiments;
  interrupt_watch(NULL); /* first: a signal must not end it before its results can be written */
  int code = setup_experiments(options, &experiments);
  if (!code)
    code = options_check(options, experiments);
  if (!code)
    code = setup_bench(options);
  if (code)
    return interrupt_seen() ? interrupt_exit_code() : code;
  code = setup_outputs(options);
  if (!code)
    code = run_all(options, experiments, argc, argv);
  contestants_free(&options->bench.contestants);
  return code;
}

/* ---- the other commands ------------------------------------------------------------ */

/* A mistyped output would destroy a result. */
static int refuse_input(const char *path, const struct lab_options *options) {
  const char *input =
      path ? outfile_among(path, options->arguments + 1, options->argument_count - 1) : NULL;
  if (!input)
    return 0;
  return misuse("the output %s is the input %s; give another name", path, input);
}

static int run_list(const struct lab_options *options) {
  struct contestants all;
  if (options->argument_count > 1)
    return misuse("list: takes no further names");
  if (contestants_list(&all) != 0)
    return complain("out of memory");
  printf("%s%-24s  %-7s  %s%s\n", cli_bold(), "CONTESTANT", "SERVES", "AVAILABLE", cli_plain());
  for (size_t i = 0; i < all.count; i++) {
    const struct contestant *one = &all.at[i];
    printf("%-24s  %-7s  %s%s\n", one->name, one->udp ? "tcp,udp" : "tcp",
           one->available ? "yes" : "no: ", one->available ? "" : one->reason);
  }
  printf("\nVariants are names too (nonblocking:adaptive, libevent:poll), and so are options of "
         "server\nbehind a name (epoll+spin=50).\n");
  contestants_free(&all);
  return cli_finish_stdout();
}

static int run_merge(const struct lab_options *options) {
  if (options->argument_count < 3)
    return misuse("merge: name two results at least: merge -o ALL.json A.json B.json");
  int code = refuse_input(options->json, options);
  if (code)
    return code;
  return documents_merge(options->arguments + 1, options->argument_count - 1,
                         options->json ? options->json : "-");
}

static int run_compare(const struct lab_options *options) {
  if (options->argument_count != 3)
    return misuse("compare: name two results: compare OLD.json NEW.json");
  return documents_compare(options->arguments[1], options->arguments[2]);
}

static int run_report(const struct lab_options *options) {
  if (options->argument_count != 2)
    return misuse("report: name one result, as --json wrote it: report FILE.json");
  int code =
      first_of(refuse_input(options->json, options),
               first_of(refuse_input(options->csv, options), refuse_input(options->html, options)));
  json_t *document = code ? NULL : document_load(options->arguments[1]);
  if (!document)
    return first_of(code, EXIT_TROUBLE);
  code = first_of(report(options, document), check_quiet(options, document));
  json_decref(document);
  return code;
}

const struct command_line commands[] = {
    {"list", run_list, 0,
     "@ list\n"
     "\n"
     "  Print the contestants, one per line: the name that --contestants takes, whether it serves\n"
     "  TCP or also UDP, and why it cannot take part here if it cannot.\n"
     "  Exit status: 0 done, 1 error (one line says why), 2 wrong command line.\n"},
    {"merge", run_merge, TAKES_JSON,
     "@ merge -o ALL.json A.json B.json...\n"
     "\n"
     "  Combine several results of the same measurement into one with more rounds. -o is --json;\n"
     "  without it the result goes to stdout. Rounds are put side by side, histograms are added, "
     "and\n"
     "  medians, intervals and ratios are computed again. Results of other programs or settings, "
     "and\n"
     "  a run that is there twice, are refused; differences between the machines are listed.\n"
     "  Exit status: 0 done, 1 error (one line says why), 2 wrong command line.\n"},
    {"compare", run_compare, 0,
     "@ compare OLD.json NEW.json\n"
     "\n"
     "  Print the figures that became slower or faster, with the factor from old to new and its\n"
     "  interval (Mann and Whitney's: it covers 90 % with 3 and 3 rounds, 97 % with 5 and 5). A "
     "change\n"
     "  counts if the interval excludes 1, the factor is beyond what the A/A checks of both "
     "results\n"
     "  resolve, and both machines were quiet. Other machines are listed first; experiments with "
     "other\n"
     "  settings are set apart.\n"
     "  Exit status: 0 no regression, 1 a regression, an error (one line says why), or nothing "
     "that\n"
     "  could be compared, 2 wrong command line.\n"},
    {"report", run_report, TAKES_REPORTS | TAKES_QUIET,
     "@ report FILE.json [--json=FILE] [--csv=FILE] [--html=FILE] [--hgrm=DIR] [--require-quiet]\n"
     "\n"
     "  Show a result again: as a table, or in the forms chosen by the options. Results of "
     "earlier\n"
     "  versions are judged by the rules of this one.\n"
     "  Exit status: 0 done, 1 error (one line says why), 2 wrong command line, 3 it was measured "
     "on\n"
     "  a machine that was too busy (--require-quiet).\n"},
    {NULL, NULL, 0, NULL},
};

/* NULL: no command. */
static const struct command_line *find_command(const char *name) {
  for (size_t i = 0; name && commands[i].name; i++)
    if (strcmp(name, commands[i].name) == 0)
      return &commands[i];
  return NULL;
}

/* ---- the command line -------------------------------------------------------------- */

/* Of a command, of each named experiment, or of the lab. */
static int print_help(struct lab_options *options) {
  const struct experiment *const *experiments;
  if (!options->argument_count)
    return help_print();
  const struct command_line *command = find_command(options->arguments[0]);
  if (command)
    return cli_print_help(NULL, command->help);
  int code = setup_experiments(options, &experiments);
  if (code)
    return code;
  setup_defaults(&options->bench);
  code = setup_contestants(options);
  for (size_t i = 0; !code && experiments[i]; i++) {
    fputs(i > 0 ? "\n\n" : "", stdout);
    help_print_experiment(&options->bench, experiments[i]);
  }
  contestants_free(&options->bench.contestants);
  return code ? code : cli_finish_stdout();
}

static int run(int argc, char **argv, const char **arguments) {
  struct lab_options options;
  int code = options_parse(argc, argv, arguments, &options);
  if (code)
    return code;
  if (options.help)
    return print_help(&options);
  if (options.version) {
    printf("bench %s\n", IOLOOP_VERSION);
    return cli_finish_stdout();
  }
  const struct command_line *command = find_command(options.argument_count ? arguments[0] : NULL);
  if (!command)
    return run_experiments(&options, argc, argv);
  code = options_check_command(&options, command->name, command->takes);
  return code ? code : command->run(&options);
}

/* merge -o FILE, as in compilers and linkers, means --json FILE. 0, or EXIT_USAGE. */
static int spell_out(int argc, char **argv) {
  static char json[] = "--json";
  for (int i = 2; i < argc && strcmp(argv[1], "merge") == 0; i++)
    if (strcmp(argv[i], "-o") == 0) {
      if (i + 1 == argc)
        return misuse("-o: a value is missing: -o FILE");
      argv[i] = json;
    }
  return 0;
}

int main(int argc, char **argv) {
  program_begin(argv[0]);
  programs_begin(argv[0]);
  signals_survive_writes();
  if (argc > 1 && strcmp(argv[1], "against") == 0) {
    say_begin("bench against"); /* the name in its error messages and --help */
    return against_main(argc - 1, argv + 1);
  }
  int misspelt = spell_out(argc, argv);
  if (misspelt)
    return misspelt;
  const char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
  if (!arguments)
    return complain("out of memory");
  int code = run(argc, argv, arguments);
  free(arguments);
  return code;
}
