/* SPDX-License-Identifier: MIT */
/* main.c - ioladder: the command line, and what follows from it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/outfile.h"
#include "common/program.h"
#include "common/say.h"
#include "ioloop/ioloop.h"
#include "ladder.h"

struct ladder_options {
  struct excerpt excerpt;
  uint64_t from_us, to_us, columns;
  const char *output, *title;
  bool text, help, version;
};

enum {
  DEFAULT_STEPS = 24,
  MOST_STEPS = 1000,
  DEFAULT_COLUMNS = 2, /* still legible on a slide */
  MOST_COLUMNS = 32,
};

#define LATEST_US (UINT64_C(1) << 50)

#define AT(field) offsetof(struct ladder_options, field)

static const struct cli_option table[] = {
    CLI_TEXT("output", "FILE", AT(output),
             "write the picture there, as SVG (- is stdout); -o FILE is the same"),
    CLI_FLAG("text", AT(text), "draw for the terminal instead, on stdout or into --output"),
    CLI_NUMBER("connection", "N", AT(excerpt.connection), 0, UINT32_MAX,
               "of this connection, in the order they were accepted (default: 1);\n"
               "0: everything on the busiest thread, for example datagrams"),
    CLI_NUMBER("request", "N", AT(excerpt.request), 1, UINT32_MAX,
               "only its N-th request: from the previous reply to its own (default: all)"),
    CLI_NUMBER("from", "USEC", AT(from_us), 0, LATEST_US,
               "omit everything that ends before this time of the trace, in microseconds"),
    CLI_NUMBER("to", "USEC", AT(to_us), 0, LATEST_US,
               "omit everything that begins after this time"),
    CLI_NUMBER("max-steps", "N", AT(excerpt.max_steps), 1, MOST_STEPS,
               "at most N calls and events (default: 24)"),
    CLI_NUMBER("columns", "N", AT(columns), 1, MOST_COLUMNS,
               "N traces side by side, the next ones below (default: 2, which is legible\n"
               "on a slide); as text they are always below each other"),
    CLI_ANY_TEXT("title", "TEXT", AT(title), "a title above the figure"),
    CLI_FLAG("help", AT(help), "print this"),
    CLI_FLAG("version", AT(version), "print the version"),
    CLI_END,
};

static const char help[] =
    "@ - draw a trace of the server as a ladder: application and kernel, time downwards\n"
    "\n"
    "EXAMPLES\n"
    "  server --backend=epoll --trace=epoll.json      serve some requests, then Ctrl-C\n"
    "  @ --text epoll.json                     the first connection, here\n"
    "  @ --request=3 epoll.json -o epoll.svg   its third request, for a slide\n"
    "  @ --request=3 poll.json epoll.json -o two.svg\n"
    "                                                 the same under two models, side by side\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "READING IT\n"
    "  An arrow to the right is a call, or an operation put into io_uring's ring; one to the\n"
    "  left is its return, a signal, or an operation that is done. A bar at the left line: the\n"
    "  process is in a call that may sleep. The text at the right follows from the result:\n"
    "  EAGAIN is \"no data ready\", bytes were copied. Nothing is drawn that the trace does not\n"
    "  have; in the SVG each arrow names its event: data-event is the index in traceEvents.\n"
    "  Times are microseconds since the first step. Where they are not to scale the axis shows\n"
    "  it: dotted where stretched, broken where cut.\n"
    "\n"
    "  Exit status: 0 drawn, 1 error (one line says why), 2 wrong command line.\n";

/* The parser only has long names, but -o is customary. */
static void name_output(int argc, char **argv) {
  static char output[] = "--output";
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "-o") == 0)
      argv[i] = output;
}

static int check(const struct ladder_options *options, size_t traces) {
  if (options->help || options->version)
    return 0;
  if (traces == 0)
    return misuse("which trace? (as in: ioladder --text trace.json; see --help)");
  if (!options->output && !options->text)
    return misuse("where to? give -o FIGURE.svg, or --text for the terminal");
  if (options->from_us > options->to_us)
    return misuse("--from: is later than --to; exchange them");
  return 0;
}

const char *figure_caption(const struct figure *figure, char *to, size_t size) {
  const struct excerpt *excerpt = figure->excerpt;
  if (!excerpt->connection && !excerpt->request)
    snprintf(to, size, "all that the thread does");
  else if (!excerpt->connection)
    snprintf(to, size, "request %" PRIu64, excerpt->request);
  else if (!excerpt->request)
    snprintf(to, size, "connection %" PRIu64, excerpt->connection);
  else
    snprintf(to, size, "connection %" PRIu64 ", request %" PRIu64, excerpt->connection,
             excerpt->request);
  return to;
}

/* ---- drawing ------------------------------------------------------------------------------ */

static int put_text(FILE *to, const void *figure) {
  draw_text(figure, to);
  return 0;
}

static int put_svg(FILE *to, const void *figure) {
  draw_svg(figure, to);
  return 0;
}

static int draw(const struct ladder_options *options, const struct figure *figure) {
  return outfile_put(options->output ? options->output : "-", options->text ? put_text : put_svg,
                     figure);
}

static int load(struct ladder *ladder, const struct excerpt *excerpt) {
  int status = events_read(ladder->path, &ladder->events);
  return status ? status : rows_choose(&ladder->events, excerpt, ladder->path, &ladder->rows);
}

static int run(struct ladder_options *options, const char *const *paths, size_t count) {
  const char *input = options->output ? outfile_among(options->output, paths, count) : NULL;
  if (input)
    return misuse("--output=%s: is the trace %s; give another name", options->output, input);
  struct ladder *ladders = calloc(count, sizeof *ladders);
  if (!ladders)
    return complain("out of memory");
  options->excerpt.from_us = (double)options->from_us;
  options->excerpt.to_us = (double)options->to_us;
  int status = 0;
  for (size_t i = 0; i < count && !status; i++) {
    ladders[i].path = paths[i];
    status = load(&ladders[i], &options->excerpt);
  }
  const struct figure figure = {.title = options->title,
                                .excerpt = &options->excerpt,
                                .ladders = ladders,
                                .count = count,
                                .columns = (size_t)options->columns};
  if (!status)
    status = draw(options, &figure);
  for (size_t i = 0; i < count; i++) {
    rows_free(&ladders[i].rows);
    events_free(&ladders[i].events);
  }
  free(ladders);
  return status;
}

static int act(struct ladder_options *options, const struct cli *cli) {
  if (options->help)
    return cli_print_help(table, help);
  if (options->version)
    return cli_print_version();
  return run(options, cli->arguments, cli->argument_count);
}

int main(int argc, char **argv) {
  struct ladder_options options = {.excerpt = {.connection = 1, .max_steps = DEFAULT_STEPS},
                                   .to_us = LATEST_US,
                                   .columns = DEFAULT_COLUMNS};
  program_begin(argv[0]);
  signals_survive_writes();
  const char **paths = calloc((size_t)argc + 1, sizeof *paths);
  if (!paths)
    return complain("out of memory");
  name_output(argc, argv);
  struct cli cli = {
      .options = table, .into = &options, .argument = "TRACE.json...", .arguments = paths};
  int status = cli_parse(&cli, argc, argv);
  if (!status)
    status = check(&options, cli.argument_count);
  if (!status)
    status = act(&options, &cli);
  free(paths);
  return status;
}
