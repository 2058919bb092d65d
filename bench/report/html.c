/* SPDX-License-Identifier: MIT */
/*
 * html.c - the page (report_html of bench.h): one file that needs and loads nothing else.
 *
 * It is written from top to bottom in one pass: a summary, the heat map, a section for each
 * experiment, the machine, and how to run it again. There are no scripts.
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "common/outfile.h"
#include "common/say.h"
#include "plot.h"

/* ---- the machine that was measured ---------------------------------------------------------- */

static void put_value(struct page *page, const json_t *value);

static void put_members(struct page *page, json_t *object) {
  const char *name;
  json_t *value;
  const char *between = "";
  json_object_foreach(object, name, value) {
    html_print(page->to, "%s<span class=\"member\">%s</span> ", between, name);
    put_value(page, value);
    between = ", ";
  }
}

static void put_value(struct page *page, const json_t *value) {
  if (json_is_string(value)) {
    html_print(page->to, "%s", json_string_value(value));
  } else if (json_is_object(value) && json_object_size(value) > 0) {
    put_members(page, (json_t *)value);
  } else if (json_is_boolean(value)) {
    html_print(page->to, "%s", json_is_true(value) ? "yes" : "no");
  } else if (json_is_number(value)) {
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    html_print(page->to, "%s", text ? text : "");
    free(text);
  } else {
    html_print(page->to, "–");
  }
}

static void put_row(struct page *page, const char *label, const json_t *value) {
  html_print(page->to, "<tr><th scope=\"row\">%s</th><td", label);
  html_attribute(page->to, "data-environment", value);
  fputc('>', page->to);
  put_value(page, value);
  fputs("</td></tr>\n", page->to);
}

static void put_environment(struct page *page) {
  static const char *const rows[][2] = {
      {"cpu", "Processor"},
      {"cores", "Cores"},
      {"hypervisor", "Virtual machine"},
      {"governor", "Frequency governor"},
      {"memory_bytes", "Memory, bytes"},
      {"kernel", "Kernel"},
      {"machine", "Architecture"},
      {"pinning", "Pinned to processor"},
      {"mitigations", "Mitigations"},
      {"limits", "Limits"},
      {"ioloop", "ioloop"},
      {"compiler", "Compiler"},
      {"flags", "Flags"},
      {"libraries", "Libraries"},
  };
  json_t *environment = json_object_get(page->document, "environment");
  fputs("<section id=\"machine\"><h2>The machine</h2>\n"
        "<div class=\"wide\"><table class=\"plain\"><tbody>\n",
        page->to);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    put_row(page, rows[i][1], json_object_get(environment, rows[i][0]));
  fputs("</tbody></table></div></section>\n", page->to);
}

/* ---- the page ------------------------------------------------------------------------------- */

size_t page_series(const struct page *page, const char *contestant) {
  size_t i, count = json_array_size(page->contestants);
  for (i = 0; i < count; i++) {
    if (strcmp(json_string_value(json_array_get(page->contestants, i)), contestant) == 0)
      break;
  }
  return i;
}

static json_t *all_contestants(struct page *page) {
  page->contestants = json_array();
  size_t i, k;
  json_t *experiment, *name;
  json_array_foreach(json_object_get(page->document, "experiments"), i, experiment) {
    json_array_foreach(json_object_get(experiment, "contestants"), k, name) {
      const char *text = json_string_value(name);
      if (text && page_series(page, text) == json_array_size(page->contestants))
        json_array_append(page->contestants, name);
    }
  }
  return page->contestants;
}

static size_t rounds_of_document(const json_t *document) {
  const json_t *first = json_array_get(json_object_get(document, "experiments"), 0);
  double rounds = member_number(json_object_get(first, "parameters"), "rounds");
  return rounds > 0 && rounds < 1e9 ? (size_t)rounds : 0;
}

static void put_resolution(struct page *page) {
  struct resolution all;
  int error = resolution_of(page->document, NULL, &all);
  if (!error && all.count == 0 && all.counted > 0) {
    html_print(page->to,
               "<p>All figures were counted, not timed, and hardly depend on the machine. "
               "The difference of the baseline's second count (A/A) is in its row.</p>\n");
    return;
  }
  if (error || all.count == 0) {
    html_print(page->to, "<p>The same contestant was not measured twice (A/A), so it is unknown "
                         "which differences this machine can resolve.</p>\n");
    return;
  }
  char typical[QUANTITY_SIZE], worst[QUANTITY_SIZE], expected[QUANTITY_SIZE];
  snprintf(expected, sizeof expected, "%.0f", all.expected);
  html_print(page->to,
             "<p><strong>What this machine can resolve.</strong> In every comparison the baseline "
             "ran twice (A/A). Its two runs differ by up to <strong>%s&nbsp;%%</strong> typically "
             "and by up to %s&nbsp;%% at worst (the far ends of the 95&nbsp;%% intervals, of all "
             "primary figures); smaller differences are noise here. Of %zu such intervals %zu span "
             "1; with this many rounds about %s should.</p>\n",
             quantity_text(typical, 100 * all.typical), quantity_text(worst, 100 * all.worst),
             all.count, all.spanning, expected);
}

static void put_hiccups_of(struct page *page, const json_t *one) {
  const char *role = member_text(one, "role");
  char whose[32], late[QUANTITY_SIZE], later[QUANTITY_SIZE], largest[QUANTITY_SIZE];
  bool any = strcmp(role, "any") == 0;
  snprintf(whose, sizeof whose, "%s%.16s%s", any ? "Any" : "The ", any ? "" : role,
           any ? "" : "'s");
  html_print(page->to,
             "%s processor would have kept %s&nbsp;%% of messages at a steady rate waiting "
             "longer than 0.1&nbsp;ms and %s&nbsp;%% longer than 1&nbsp;ms (the longest pause was "
             "%s&nbsp;ms). ",
             whose, quantity_text(late, 100 * member_number(one, "late_100us")),
             quantity_text(later, 100 * member_number(one, "late_1ms")),
             quantity_text(largest, member_number(one, "largest_ns") / 1e6));
}

/* First of all, so that no contestant is blamed for the machine's pauses. */
static void put_hiccups(struct page *page) {
  const json_t *all = json_object_get(page->document, "hiccups");
  if (json_array_size(all) == 0)
    return;
  html_print(page->to, "<p><strong>The machine's own pauses.</strong> Before the "
                       "measurements, processors did nothing but read the clock. ");
  for (size_t i = 0; i < json_array_size(all); i++)
    put_hiccups_of(page, json_array_get(all, i));
  html_print(page->to, "A tail beyond that shows more about the machine than about the "
                       "contestant.</p>\n");
}

static void put_summary(struct page *page) {
  const json_t *document = page->document, *machine = json_object_get(document, "environment");
  size_t experiments = json_array_size(json_object_get(document, "experiments"));
  size_t contestants = json_array_size(page->contestants), rounds = rounds_of_document(document);
  const char *created = member_text(document, "created");
  html_print(page->to, "<p class=\"lead\">%zu&nbsp;%s compared in %zu&nbsp;%s on %s", contestants,
             contestants == 1 ? "contestant" : "contestants", experiments,
             experiments == 1 ? "experiment" : "experiments", member_text(machine, "cpu"));
  fprintf(page->to, " (%" JSON_INTEGER_FORMAT "&nbsp;cores",
          json_integer_value(json_object_get(machine, "cores")));
  html_print(page->to, "%s, %s), begun <time datetime=\"%s\">%s</time>.</p>\n",
             json_is_true(json_object_get(machine, "hypervisor")) ? " of a virtual machine" : "",
             member_text(machine, "kernel"), created, created);
  html_print(page->to,
             "<p><strong>How it was measured.</strong> Contestants take turns: in every "
             "round each is measured once at each setting, in an order that is reshuffled "
             "each time. ");
  if (rounds > 0)
    html_print(page->to, "A figure is the median over %zu %s", rounds,
               rounds == 1 ? "round" : "rounds");
  else
    html_print(page->to, "A figure is the median over the rounds");
  html_print(page->to,
             " with its 95&nbsp;%% interval. A ratio is taken round by round "
             "against the baseline; if its interval spans 1, <em>no difference is resolved</em>, "
             "which is written&nbsp;≈.</p>\n");
  put_resolution(page);
  put_hiccups(page);
  if (json_is_true(json_object_get(document, "interrupted")))
    html_print(page->to, "<p class=\"note\"><strong>Interrupted.</strong> The run was ended early: "
                         "the results here are complete, the rest was not measured.</p>\n");
  if (!page->plots)
    html_print(
        page->to,
        "<p class=\"note\"><strong>The plots are missing</strong>, because gnuplot is not in "
        "PATH. The tables have all the figures. To have the plots as well, install it "
        "(<code>apt-get install gnuplot-nox</code>) and make the page again from the same "
        "results (<code>bench report RESULTS.json --html=PAGE.html</code>).</p>\n");
}

static void put_contents(struct page *page) {
  size_t i;
  json_t *experiment;
  fputs("<nav aria-label=\"Contents\"><ul>\n<li><a href=\"#heat\">All at a glance</a></li>\n",
        page->to);
  json_array_foreach(json_object_get(page->document, "experiments"), i, experiment) {
    html_print(page->to, "<li><a href=\"#experiment-%zu\">%s</a></li>\n", i,
               member_text(experiment, "title"));
  }
  fputs("<li><a href=\"#machine\">The machine</a></li>\n<li><a href=\"#again\">Run it again</a>"
        "</li>\n</ul></nav>\n",
        page->to);
}

int page_each_experiment(struct page *page,
                         void (*put)(struct page *, const struct view *, size_t number)) {
  size_t i;
  json_t *experiment;
  json_array_foreach(json_object_get(page->document, "experiments"), i, experiment) {
    struct view view;
    int r = view_open(&view, experiment);
    if (r)
      return r;
    put(page, &view, i);
    view_close(&view);
  }
  return 0;
}

static void put_again(struct page *page) {
  fputs("<section id=\"again\"><h2>Run it again</h2>\n<p>The seed decides every shuffle, arrival "
        "schedule and bootstrap:</p>\n<pre class=\"command\"",
        page->to);
  html_attribute(page->to, "data-seed", json_object_get(page->document, "seed"));
  html_print(page->to, ">%s</pre>\n</section>\n", page->command);
}

static int put_page(struct page *page) {
  html_print(page->to,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<title>I/O models compared, %s</title>\n",
             member_text(page->document, "created"));
  html_style(page);
  fputs("</head>\n<body>\n<header>\n<p class=\"kicker\">ioloop bench</p>\n"
        "<h1>I/O models compared</h1>\n",
        page->to);
  put_summary(page);
  fputs("</header>\n", page->to);
  put_contents(page);
  fputs("<main>\n", page->to);
  int r = html_heat(page);
  r = r ? r : page_each_experiment(page, html_experiment);
  put_environment(page);
  put_again(page);
  fputs("</main>\n</body>\n</html>\n", page->to);
  return r;
}

static int trouble(const char *path, int error) {
  complain("%s: the page could not be written: %s; is there room, and may you write there?", path,
           strerror(error));
  return EXIT_TROUBLE;
}

int report_html(const json_t *document, const char *path) {
  bool to_stdout = strcmp(path, "-") == 0;
  struct outfile out = {.file = stdout};
  int error = to_stdout ? 0 : outfile_open(path, &out);
  if (error)
    return trouble(path, -error);
  struct page page = {.to = out.file, .document = document, .plots = gnuplot_present()};
  page.command = command_of(document);
  error = all_contestants(&page) && page.command ? put_page(&page) : -ENOMEM;
  json_decref(page.contestants);
  free(page.command);

  int failed = to_stdout ? outfile_flush(stdout) : outfile_close(&out, !error);
  error = error ? error : failed;
  return error ? trouble(path, -error) : EXIT_OK;
}
