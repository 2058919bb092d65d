/* SPDX-License-Identifier: MIT */
/*
 * html_experiment.c - an experiment's section of the page: what it reproduces and how, its plots
 * and tables, which contestants are missing and why, and how to run it again.
 */
#include "page.h"

#include <string.h>

#include "banner.h"

/* ---- published findings, next to the plots: each claim with this run's verdict -------------- */

static void put_method(struct page *page, const json_t *experiment, const json_t *claims) {
  const char *label = member_text(metric_of(experiment, claims), "label");
  char threshold[QUANTITY_SIZE];
  html_print(page->to,
             "<p>A ratio is of <em>%s</em> at the point named to that at 0, round by round, with "
             "its interval. It <em>rises</em> if all of that is above %s and is <em>flat</em> if "
             "all is below, unless that may be chance among that many ratios, or the baseline's "
             "second run (A/A) differs by as much: then it is <em>not resolved</em>. A claim holds "
             "if it does for all contestants that it names.</p>\n",
             label, ratio_text(threshold, member_number(claims, "threshold")));
}

static void put_judged(struct page *page, const json_t *experiment, const json_t *one) {
  const json_t *ratio = json_object_get(one, "ratio");
  struct ratio_texts texts = ratio_texts(ratio);
  const char *label = member_text(point_of(experiment, one), "label");
  const char *contestant = member_text(one, "contestant"), *beside = member_text(one, "beside");
  html_print(page->to, "<td>%s%s%s</td><td>%s</td><td", *beside ? beside : contestant,
             *beside ? " / " : "", *beside ? contestant : "", label);
  html_attribute(page->to, "data-claimed", json_object_get(one, "contestant"));
  html_attribute(page->to, "data-beside", json_object_get(one, "beside"));
  html_ratio_attributes(page->to, ratio);
  html_attribute(page->to, "data-verdict", json_object_get(one, "verdict"));
  html_print(page->to,
             ">%s&nbsp;<span class=\"interval\">[%s,&nbsp;%s]</span></td><td>%s</td><td>%s</td>"
             "</tr>\n",
             texts.median, texts.low, texts.high, member_text(one, "seen"),
             member_text(one, "verdict"));
}

static void put_claim(struct page *page, const json_t *experiment, const json_t *claim) {
  const json_t *judged = json_object_get(claim, "judged");
  const char *by = member_text(claim, "by"), *verdict = member_text(claim, "verdict");
  size_t count = json_array_size(judged);
  html_print(page->to, "<tr><td rowspan=\"%zu\"", count > 0 ? count : 1);
  html_attribute(page->to, "data-claim", json_object_get(claim, "verdict"));
  html_print(page->to, "><small>%s</small> %s%s<strong>%s</strong></td>", *by ? by : "ioloop",
             member_text(claim, "found"), *verdict ? ": " : "", verdict);
  for (size_t i = 0; i < count; i++) {
    fputs(i > 0 ? "<tr>" : "", page->to);
    put_judged(page, experiment, json_array_get(judged, i));
  }
  if (count == 0)
    html_print(page->to, "<td colspan=\"5\">%s</td></tr>\n",
               json_is_array(judged) ? "none that it is about was measured" : "");
}

/* Nothing if the experiment has no claims. */
static void put_claims(struct page *page, const struct view *view) {
  const json_t *claims = json_object_get(view->experiment, "claims"),
               *list = json_object_get(claims, "list");
  const char *unjudged = member_text(claims, "unjudged");
  if (json_array_size(list) == 0)
    return;
  fputs("<h3>Published findings, and whether they hold here</h3>\n", page->to);
  if (*unjudged)
    html_print(page->to, "<p class=\"note\">Not judged: %s.</p>\n", unjudged);
  else
    put_method(page, view->experiment, claims);
  fputs("<div class=\"wide\"><table class=\"plain claims\">\n<thead><tr><th>found</th><th>by this "
        "run</th><th>at</th><th>ratio</th><th>seen</th><th>verdict</th></tr></thead>\n<tbody>\n",
        page->to);
  for (size_t i = 0; i < json_array_size(list); i++)
    put_claim(page, view->experiment, json_array_get(list, i));
  fputs("</tbody></table></div>\n", page->to);
}

/* ---- an experiment -------------------------------------------------------------------------- */

enum {
  FAILURES_SHOWN = 8, /* more are folded */
  DOTS_MOST = 3       /* points on an axis */
};

static void put_resolution(FILE *to, const json_t *experiment, struct resolution resolution) {
  char typical[QUANTITY_SIZE], worst[QUANTITY_SIZE], interval[96];
  if (resolution.count > 0)
    html_print(
        to,
        "<p class=\"resolution\">A/A: here the baseline differs from itself by up to "
        "%s&nbsp;%% typically, %s&nbsp;%% at worst; %zu of %zu intervals span 1. An interval "
        "is the %s.</p>\n",
        quantity_text(typical, 100 * resolution.typical),
        quantity_text(worst, 100 * resolution.worst), resolution.spanning, resolution.count,
        interval_name(interval, rounds_of(experiment)));
}

static void put_parameters(struct page *page, const json_t *experiment) {
  json_t *parameters = json_object_get(experiment, "parameters"), *value;
  const char *name, *between = "";
  fputs("<p class=\"parameters\">", page->to);
  json_object_foreach(parameters, name, value) {
    html_print(page->to, "%s<span class=\"member\">%s</span>&nbsp;", between, name);
    html_json(page->to, value);
    between = " · ";
  }
  fputs("</p>\n", page->to);
}

/* A plot with the ratios for each of points[first] to points[last - 1]. */
static void put_dots(struct page *page, const struct view *view, size_t metric, size_t first,
                     size_t last) {
  fputs("<div class=\"multiples\">\n", page->to);
  for (size_t point = first; point < last; point++)
    plot_ratios(page, view, metric, point);
  fputs("</div>\n", page->to);
}

/* Lines over the axis, or dots if the points are so few that a line between them says nothing. */
static void put_plots_of(struct page *page, const struct view *view, size_t metric) {
  for (size_t first = 0, count; first < view->points; first += count) {
    count = view_run(view, first, view->points);
    if (count > DOTS_MOST)
      plot_lines(page, view, metric, first, first + count);
    else
      put_dots(page, view, metric, first, first + count);
  }
}

static void put_plots(struct page *page, const struct view *view) {
  bool axis = json_is_object(json_object_get(view->experiment, "x_axis"));
  for (size_t metric = 0; axis && metric < view->metrics; metric++)
    if (view_primary(view, metric))
      put_plots_of(page, view, metric);
  if (axis || view->points == 0)
    return;
  fputs("<div class=\"multiples\">\n", page->to);
  for (size_t point = 0; point < view->points; point++) {
    size_t metric = view_primary_at(view, point);
    if (metric < view->metrics)
      plot_ratios(page, view, metric, point);
  }
  fputs("</div>\n", page->to);
}

static void put_tables(struct page *page, const struct view *view) {
  for (size_t metric = 0; metric < view->metrics; metric++) {
    if (!view_measured(view, metric, 0, view->points))
      continue;
    html_print(page->to, "<details%s><summary>%s</summary>\n",
               view_primary(view, metric) ? " open" : "",
               member_text(view_metric(view, metric), "label"));
    html_figures(page, view, metric);
    fputs("</details>\n", page->to);
  }
  if (json_array_size(json_object_get(view->experiment, "histograms")) > 0) {
    fputs("<details><summary>Percentiles</summary>\n", page->to);
    html_percentiles(page, view);
    fputs("</details>\n", page->to);
  }
}

static void put_absent(struct page *page, const json_t *experiment) {
  size_t i;
  json_t *one;
  const json_t *absent = json_object_get(experiment, "absent");
  if (json_array_size(absent) == 0)
    return;
  fputs("<h3>Absent</h3>\n<dl>\n", page->to);
  json_array_foreach(absent, i, one) {
    html_print(page->to, "<dt>%s</dt><dd>%s</dd>\n", member_text(one, "contestant"),
               member_text(one, "reason"));
  }
  fputs("</dl>\n", page->to);
}

static void put_failure(struct page *page, const json_t *failure) {
  bool invalid = json_is_true(json_object_get(failure, "invalid"));
  html_print(page->to, "<li><strong>%s</strong>, %s, round&nbsp;",
             member_text(failure, "contestant"), member_text(failure, "point"));
  fprintf(page->to, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(failure, "round")));
  html_print(page->to, ": <span class=\"failure\">%s</span>: %s", invalid ? "invalid" : "failed",
             member_text(failure, "reason"));
  if (*member_text(failure, "said"))
    html_print(page->to, "<pre>%s</pre>", member_text(failure, "said"));
  fputs("</li>\n", page->to);
}

static void put_failures(struct page *page, const json_t *experiment) {
  size_t i;
  json_t *one;
  const json_t *failures = json_object_get(experiment, "failures");
  if (json_array_size(failures) == 0)
    return;
  fputs("<h3>Failed or invalid</h3>\n<p>These runs are left out of the figures; the others went "
        "on. A run is invalid where the load generator could not keep its schedule.</p>\n",
        page->to);
  fprintf(page->to, "<details%s><summary>%zu of them</summary>\n<ul class=\"failures\">\n",
          json_array_size(failures) <= FAILURES_SHOWN ? " open" : "", json_array_size(failures));
  json_array_foreach(failures, i, one) {
    put_failure(page, one);
  }
  fputs("</ul>\n</details>\n", page->to);
}

/* Only the whole command gives the same figures again: run alone, an experiment may differ (in its
 * size, in the random numbers drawn before it) from the same experiment among others. */
static void put_command(struct page *page, const json_t *experiment) {
  const json_t *words = json_object_get(page->document, "command");
  const char *name = member_text(experiment, "name");
  const char *ran = json_string_value(json_array_get(words, 1));
  html_print(page->to, "<pre class=\"command\">%s</pre>\n", page->command);
  if (!ran || strcmp(ran, name) != 0)
    html_print(page->to,
               "<p>That runs all of this page again; <code>bench %s</code> runs this "
               "experiment alone, in full.</p>\n",
               name);
}

/* Instead of plots and tables of dashes. False: the experiment has figures. */
static bool put_banner(struct page *page, const json_t *experiment) {
  json_t *banner = banner_of_experiment(experiment);
  bool put = json_array_size(banner) > 0;
  html_sentences(page->to, "banner", banner);
  json_decref(banner);
  return put;
}

static void put_results(struct page *page, const struct view *view) {
  if (put_banner(page, view->experiment))
    return;
  put_resolution(page->to, view->experiment, resolution_of(page->document, view->experiment));
  put_plots(page, view);
  put_claims(page, view);
  for (size_t point = 0; point < view->points; point++)
    plot_curves(page, view, point);
  put_tables(page, view);
}

void html_experiment(struct page *page, const struct view *view, size_t number) {
  const json_t *experiment = view->experiment;
  html_print(page->to,
             "<section class=\"experiment\" id=\"experiment-%zu\">\n<h2>%s <code>%s</code></h2>\n"
             "<p class=\"reproduces\">Reproduces: %s</p>\n<p class=\"method\">%s</p>\n",
             number, member_text(experiment, "title"), member_text(experiment, "name"),
             member_text(experiment, "redoes"), member_text(experiment, "method"));
  put_results(page, view);
  put_absent(page, experiment);
  put_failures(page, experiment);
  fputs("<h3>How it was run</h3>\n", page->to);
  put_parameters(page, experiment);
  put_command(page, experiment);
  fputs("</section>\n", page->to);
}
