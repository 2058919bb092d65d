/* SPDX-License-Identifier: MIT */
/*
 * html.c - the page (report_html of bench.h): one file that needs and loads nothing else.
 *
 * It is written from top to bottom in one pass: a summary, the heat map, a section for each
 * experiment, the machine, and how to run it again. There are no scripts.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banner.h"
#include "bench.h"
#include "common/outfile.h"
#include "common/text.h"
#include "page.h"
#include "verdict.h"

/* ---- HTML in which no text can be mistaken for markup ----------------------------------------- */

void html_print(FILE *to, const char *format, ...) {
  va_list more;
  va_start(more, format);
  for (; *format; format++) {
    if (*format != '%') {
      fputc(*format, to);
      continue;
    }
    format++;
    if (*format == 's')
      markup_put(to, va_arg(more, const char *));
    else if (*format == 'z' && *++format == 'u')
      fprintf(to, "%zu", va_arg(more, size_t));
    else if (*format == '%')
      fputc('%', to);
    else
      abort(); /* a conversion that page.h does not list */
  }
  va_end(more);
}

void html_sentences(FILE *to, const char *style, const json_t *sentences) {
  size_t count = json_array_size(sentences);
  if (count > 0)
    html_print(to, "<div class=\"%s\">", style);
  for (size_t i = 0; i < count; i++)
    html_print(to, "<p>%s</p>\n", json_string_value(json_array_get(sentences, i)));
  fputs(count > 0 ? "</div>\n" : "", to);
}

void html_json(FILE *to, const json_t *value) {
  char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  markup_put(to, text ? text : "null");
  free(text);
}

void html_attribute(FILE *to, const char *name, const json_t *value) {
  fprintf(to, " %s=\"", name);
  html_json(to, value);
  fputc('"', to);
}

void html_ratio_attributes(FILE *to, const json_t *ratio) {
  html_attribute(to, "data-ratio", json_object_get(ratio, "median"));
  html_attribute(to, "data-ratio-low", json_object_get(ratio, "low"));
  html_attribute(to, "data-ratio-high", json_object_get(ratio, "high"));
}

/* ---- the machine that was measured ---------------------------------------------------------- */

static void put_value(FILE *to, const json_t *value) {
  if (json_is_string(value)) {
    html_print(to, "%s", json_string_value(value));
  } else if (json_is_object(value) && json_object_size(value) > 0) {
    const char *name, *between = "";
    json_t *member;
    json_object_foreach((json_t *)value, name, member) {
      html_print(to, "%s<span class=\"member\">%s</span> ", between, name);
      put_value(to, member);
      between = ", ";
    }
  } else if (json_is_boolean(value)) {
    fputs(json_is_true(value) ? "yes" : "no", to);
  } else if (json_is_number(value)) {
    html_json(to, value);
  } else {
    fputs("–", to);
  }
}

static void put_row(FILE *to, const char *label, const json_t *value) {
  html_print(to, "<tr><th scope=\"row\">%s</th><td", label);
  html_attribute(to, "data-environment", value);
  fputc('>', to);
  put_value(to, value);
  fputs("</td></tr>\n", to);
}

static void put_environment(struct page *page) {
  static const char *const rows[][2] = {
      {"cpu", "Processor"},
      {"cores", "Cores"},
      {"hypervisor", "Virtual machine"},
      {"governor", "Frequency governor"},
      {"frequency", "Frequency policy"},
      {"clock_source", "Clock source"},
      {"memory_bytes", "Memory, bytes"},
      {"kernel", "Kernel"},
      {"machine", "Architecture"},
      {"pinning", "Pinned to processor"},
      {"siblings", "Processors of the same core"},
      {"nice", "Nice value"},
      {"sysctls", "Settings of the network"},
      {"mitigations", "Mitigations"},
      {"limits", "Limits"},
      {"ioloop", "ioloop"},
      {"commit", "Commit"},
      {"compiler", "Compiler"},
      {"flags", "Flags"},
      {"libraries", "Libraries"},
  };
  json_t *environment = json_object_get(page->document, "environment");
  fputs("<section id=\"machine\"><h2>The machine</h2>\n"
        "<div class=\"wide\"><table class=\"plain\"><tbody>\n",
        page->to);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    put_row(page->to, rows[i][1], json_object_get(environment, rows[i][0]));
  put_row(page->to, "Load during the run", json_object_get(page->document, "load"));
  fputs("</tbody></table></div></section>\n", page->to);
}

/* ---- the page ------------------------------------------------------------------------------- */

size_t page_series(const struct page *page, const char *contestant) {
  size_t i = 0, count = json_array_size(page->contestants);
  while (i < count && strcmp(page_contestant(page, i), contestant) != 0)
    i++;
  return i;
}

const char *page_contestant(const struct page *page, size_t series) {
  return json_string_value(json_array_get(page->contestants, series));
}

static int add_experiment(struct page *page, const json_t *experiment) {
  size_t i;
  json_t *name;
  int error = view_open(&page->views[page->experiments], experiment);
  if (error)
    return error;
  page->experiments++;
  json_array_foreach(json_object_get(experiment, "contestants"), i, name) {
    const char *text = json_string_value(name);
    if (text && page_series(page, text) == json_array_size(page->contestants))
      json_array_append(page->contestants, name);
  }
  return 0;
}

static int open_page(struct page *page) {
  const json_t *experiments = json_object_get(page->document, "experiments");
  size_t count = json_array_size(experiments);
  page->plots = gnuplot_present();
  page->command = command_of(page->document);
  page->contestants = json_array();
  page->views = calloc(count + 1, sizeof *page->views);
  int error = page->command && page->contestants && page->views ? 0 : -ENOMEM;
  for (size_t i = 0; !error && i < count; i++)
    error = add_experiment(page, json_array_get(experiments, i));
  return error;
}

static void close_page(struct page *page) {
  for (size_t i = 0; i < page->experiments; i++)
    view_close(&page->views[i]);
  free(page->views);
  json_decref(page->contestants);
  free(page->command);
}

/* Of the experiment with the most; counted ones have a single round. */
static size_t rounds_of_document(const json_t *document) {
  const json_t *experiments = json_object_get(document, "experiments");
  size_t most = 0;
  for (size_t i = 0; i < json_array_size(experiments); i++) {
    size_t rounds = rounds_of(json_array_get(experiments, i));
    most = rounds > most ? rounds : most;
  }
  return most;
}

static void put_resolution(FILE *to, struct resolution all) {
  char typical[QUANTITY_SIZE], worst[QUANTITY_SIZE], expected[QUANTITY_SIZE];
  snprintf(expected, sizeof expected, "%.0f", all.expected);
  if (all.count > 0)
    html_print(
        to,
        "<p><strong>What this machine can resolve.</strong> In every comparison the baseline "
        "ran twice (A/A). Its two runs differ by up to <strong>%s&nbsp;%%</strong> typically "
        "and by up to %s&nbsp;%% at worst (the far ends of the intervals, of all "
        "primary figures); smaller differences are noise here. Of %zu such intervals %zu "
        "span 1; with this many rounds about %s should.</p>\n",
        quantity_text(typical, 100 * all.typical), quantity_text(worst, 100 * all.worst), all.count,
        all.spanning, expected);
  else if (all.counted > 0)
    fputs("<p>All figures were counted, not timed, and hardly depend on the machine. "
          "The difference of the baseline's second count (A/A) is in its row.</p>\n",
          to);
  else
    fputs("<p>The same contestant was not measured twice (A/A), so it is unknown which differences "
          "this machine can resolve.</p>\n",
          to);
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
  size_t contestants = json_array_size(page->contestants), rounds = rounds_of_document(document);
  const char *created = member_text(document, "created");
  char interval[96];
  html_print(page->to, "<p class=\"lead\">%zu&nbsp;%s compared in %zu&nbsp;%s on %s", contestants,
             contestants == 1 ? "contestant" : "contestants", page->experiments,
             page->experiments == 1 ? "experiment" : "experiments", member_text(machine, "cpu"));
  fprintf(page->to, " (%" JSON_INTEGER_FORMAT "&nbsp;cores",
          json_integer_value(json_object_get(machine, "cores")));
  html_print(page->to, "%s, %s), begun <time datetime=\"%s\">%s</time>.</p>\n",
             json_is_true(json_object_get(machine, "hypervisor")) ? " of a virtual machine" : "",
             member_text(machine, "kernel"), created, created);
  html_print(page->to,
             "<p><strong>How it was measured.</strong> Contestants take turns: in every "
             "round each is measured once at each setting, in an order that is reshuffled "
             "each time. ");
  html_print(page->to,
             "A figure is the median of the rounds, with an interval that is called by how often "
             "it has the true median, whatever the distribution: here mostly the %s. A ratio is "
             "taken round by round against the baseline.</p>\n",
             interval_name(interval, rounds));
  html_print(page->to,
             "<p><strong>What is called a difference.</strong> Three things must be true: the "
             "ratio's interval excludes 1; it is farther from 1 than the baseline was from itself "
             "at that point (A/A); and it is not to be expected among as many comparisons as its "
             "experiment has: in each round the contestant is above, between or below the two runs "
             "of the baseline, and of the differences found so at most 5&nbsp;%% are false on "
             "average (Benjamini and Hochberg). Anything else is <em>not resolved</em>, written "
             "&nbsp;≈, and has no colour.</p>\n");
  put_resolution(page->to, resolution_of(document, NULL));
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

static void put_banner(struct page *page) {
  json_t *banner = banner_of(page->document), *verdict = verdict_sentences(page->document);
  html_sentences(page->to, "banner", banner);
  html_sentences(page->to, "verdict", verdict);
  json_decref(banner);
  json_decref(verdict);
}

static void put_contents(struct page *page) {
  fputs("<nav aria-label=\"Contents\"><ul>\n<li><a href=\"#heat\">All at a glance</a></li>\n",
        page->to);
  for (size_t i = 0; i < page->experiments; i++)
    html_print(page->to, "<li><a href=\"#experiment-%zu\">%s</a></li>\n", i,
               member_text(page->views[i].experiment, "title"));
  fputs("<li><a href=\"#machine\">The machine</a></li>\n<li><a href=\"#again\">Run it again</a>"
        "</li>\n</ul></nav>\n",
        page->to);
}

static void put_again(struct page *page) {
  fputs("<section id=\"again\"><h2>Run it again</h2>\n<p>The seed decides every shuffle, arrival "
        "schedule and bootstrap:</p>\n<pre class=\"command\"",
        page->to);
  html_attribute(page->to, "data-seed", json_object_get(page->document, "seed"));
  html_print(page->to, ">%s</pre>\n", page->command);
  json_t *aliases = json_object_get(page->document, "aliases"), *runs;
  const char *name;
  json_object_foreach(aliases, name, runs) {
    html_print(page->to, "<p><strong>%s</strong> is %s by another name.</p>\n", name,
               json_is_string(runs) ? json_string_value(runs) : "?");
  }
  fputs("</section>\n", page->to);
}

static void put_page(struct page *page) {
  html_print(page->to,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<title>I/O models compared, %s</title>\n",
             member_text(page->document, "created"));
  html_style(page->to);
  fputs("</head>\n<body>\n<header>\n<p class=\"kicker\">ioloop bench</p>\n"
        "<h1>I/O models compared</h1>\n",
        page->to);
  put_banner(page);
  put_summary(page);
  fputs("</header>\n", page->to);
  put_contents(page);
  fputs("<main>\n", page->to);
  html_heat(page);
  for (size_t i = 0; i < page->experiments; i++)
    html_experiment(page, &page->views[i], i);
  put_environment(page);
  put_again(page);
  fputs("</main>\n</body>\n</html>\n", page->to);
}

static int put_document(FILE *to, const void *document) {
  struct page page = {.to = to, .document = document};
  int error = open_page(&page);
  if (!error)
    put_page(&page);
  close_page(&page);
  return error;
}

int report_html(const json_t *document, const char *path) {
  return outfile_put(path, put_document, document);
}
