/* SPDX-License-Identifier: MIT */
/*
 * html_figures.c - the page's tables: every figure with its interval and ratio, and percentiles.
 */
#include "page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "results/histogram.h"

enum {
  POINTS_BESIDE = 5 /* columns that fit next to each other on 1280 px */
};

/* ---- figures ---------------------------------------------------------------------------- */

static void put_interval(struct page *page, const json_t *of, double factor,
                         const char *(*words)(char[QUANTITY_SIZE], double)) {
  char low[QUANTITY_SIZE], high[QUANTITY_SIZE];
  if (isfinite(member_number(of, "low")) && isfinite(member_number(of, "high")))
    html_print(page->to, "<span class=\"interval\">%s – %s</span>",
               words(low, member_number(of, "low") * factor),
               words(high, member_number(of, "high") * factor));
  else
    fputs("<span></span>", page->to);
}

static void put_ratio(struct page *page, const json_t *ratio, const json_t *metric) {
  char median[QUANTITY_SIZE];
  if (!isfinite(member_number(ratio, "median"))) {
    fputs("<span></span>", page->to);
    return;
  }
  const char *verdict = html_verdict(ratio, metric);
  html_print(page->to, "<span><span class=\"ratio %s\">%s%s</span></span>", verdict,
             strcmp(verdict, "same") == 0 ? "≈ " : "× ",
             ratio_text(median, member_number(ratio, "median")));
}

/* Four in a square: value and ratio, each with its interval below. */
static void put_square(struct page *page, const json_t *figure, const json_t *ratio,
                       const json_t *metric, double factor) {
  char median[QUANTITY_SIZE];
  double value = member_number(figure, "median");
  fputs("<div class=\"square\">", page->to);
  html_print(page->to, "<span class=\"value\">%s</span>",
             isfinite(value) ? quantity_text(median, value * factor)
             : figure        ? "–"
                             : "");
  put_ratio(page, ratio, metric);
  bool counted = metric_counted(metric); /* counted, so exact and not estimated */
  put_interval(page, counted ? NULL : figure, factor, quantity_text);
  put_interval(page, counted ? NULL : ratio, 1, ratio_text);
  fputs("</div>", page->to);
}

static void put_ratio_attributes(struct page *page, const json_t *ratio) {
  html_attribute(page->to, "data-ratio", json_object_get(ratio, "median"));
  html_attribute(page->to, "data-ratio-low", json_object_get(ratio, "low"));
  html_attribute(page->to, "data-ratio-high", json_object_get(ratio, "high"));
  html_attribute(page->to, "data-resolved", json_object_get(ratio, "resolved"));
}

static void put_keys(struct page *page, const struct view *view, size_t point, size_t metric) {
  html_print(page->to, " data-experiment=\"%s\" data-point=\"%s\" data-metric=\"%s\"",
             member_text(view->experiment, "name"), member_text(view_point(view, point), "id"),
             member_text(view_metric(view, metric), "id"));
}

static void put_figure(struct page *page, const struct view *view, const json_t *figure,
                       size_t point, size_t metric, double factor) {
  if (!figure) {
    fputs("<td class=\"none\">–</td>", page->to);
    return;
  }
  const json_t *ratio = json_object_get(figure, "ratio");
  html_print(page->to, "<td data-contestant=\"%s\"", member_text(figure, "contestant"));
  put_keys(page, view, point, metric);
  html_attribute(page->to, "data-value", json_object_get(figure, "median"));
  html_attribute(page->to, "data-low", json_object_get(figure, "low"));
  html_attribute(page->to, "data-high", json_object_get(figure, "high"));
  html_attribute(page->to, "data-rounds", json_object_get(figure, "values"));
  put_ratio_attributes(page, ratio);
  fputc('>', page->to);
  put_square(page, figure, ratio, view_metric(view, metric), factor);
  fputs("</td>", page->to);
}

static void put_again(struct page *page, const struct view *view, size_t metric, size_t first,
                      size_t last) {
  html_print(page->to, "<tr class=\"again\"><th scope=\"row\">%s, again <small>A/A</small></th>",
             view_contestant(view, view->baseline));
  for (size_t point = first; point < last; point++) {
    const json_t *again = view_again(view, point, metric);
    const json_t *ratio = json_object_get(again, "ratio");
    fputs("<td data-again", page->to);
    put_keys(page, view, point, metric);
    html_attribute(page->to, "data-rounds", json_object_get(again, "values"));
    put_ratio_attributes(page, ratio);
    fputc('>', page->to);
    put_square(page, NULL, ratio, view_metric(view, metric), 1);
    fputs("</td>", page->to);
  }
  fputs("</tr>\n", page->to);
}

static void put_head(struct page *page, const struct view *view, size_t metric,
                     const struct scale *scale, size_t first, size_t last) {
  char reading[96];
  const char *group = member_text(view_point(view, first), "group");
  html_print(page->to, "<div class=\"wide\"><table class=\"figures\"><caption>%s%s%s <small>%s",
             member_text(view_metric(view, metric), "label"), *group ? ", " : "", group,
             metric_reading(reading, view_metric(view, metric), scale));
  fputs("</small></caption>\n<thead><tr><th scope=\"col\">contestant</th>", page->to);
  for (size_t point = first; point < last; point++)
    html_print(page->to, "<th scope=\"col\">%s</th>",
               member_text(view_point(view, point), "label"));
  fputs("</tr></thead>\n<tbody>\n", page->to);
}

static void put_table(struct page *page, const struct view *view, size_t metric, size_t first,
                      size_t last) {
  struct scale scale = view_scale(view, metric, first, last);
  put_head(page, view, metric, &scale, first, last);
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    bool baseline = contestant == view->baseline;
    html_print(page->to, "<tr%s><th scope=\"row\">%s%s</th>", baseline ? " class=\"baseline\"" : "",
               view_contestant(view, contestant), baseline ? " (baseline)" : "");
    for (size_t point = first; point < last; point++)
      put_figure(page, view, view_figure(view, contestant, point, metric), point, metric,
                 scale.factor);
    fputs("</tr>\n", page->to);
    if (baseline)
      put_again(page, view, metric, first, last);
  }
  fputs("</tbody></table></div>\n", page->to);
}

void html_figures(struct page *page, const struct view *view, size_t metric) {
  for (size_t first = 0, count; first < view->points; first += count) {
    count = view_run(view, first, POINTS_BESIDE);
    put_table(page, view, metric, first, first + count);
  }
}

/* ---- percentiles -------------------------------------------------------------------------- */

static const struct {
  double percent;
  const char *label;
} percentiles[] = {{50, "50 %"},     {75, "75 %"},       {90, "90 %"},    {99, "99 %"},
                   {99.9, "99.9 %"}, {99.99, "99.99 %"}, {100, "largest"}};

enum {
  PERCENTILES = sizeof percentiles / sizeof *percentiles
};

static void put_percentiles_of(struct page *page, const char *contestant,
                               const struct histogram *histogram, double factor) {
  char text[QUANTITY_SIZE];
  html_print(page->to, "<tr><th scope=\"row\">%s</th>", contestant);
  for (size_t i = 0; i < PERCENTILES; i++) {
    uint64_t value = histogram_percentile(histogram, percentiles[i].percent);
    fprintf(page->to, "<td data-percentile=\"%g\" data-value=\"%llu\">", percentiles[i].percent,
            (unsigned long long)value);
    html_print(page->to, "%s</td>", quantity_text(text, (double)value * factor));
  }
  fprintf(page->to, "<td data-count=\"%llu\">", (unsigned long long)histogram_count(histogram));
  html_print(page->to, "%s</td></tr>\n", quantity_text(text, (double)histogram_count(histogram)));
}

static void put_percentiles_head(struct page *page, const struct view *view, size_t point,
                                 const struct scale *scale) {
  char label[LABEL_SIZE];
  html_print(page->to,
             "<div class=\"wide\"><table class=\"figures\" data-histograms=\"%s\"><caption>%s "
             "<small>%s, all rounds together</small></caption>\n<thead><tr>"
             "<th scope=\"col\">contestant</th>",
             member_text(view_point(view, point), "id"), view_label(view, point, label),
             scale->unit);
  for (size_t i = 0; i < PERCENTILES; i++)
    html_print(page->to, "<th scope=\"col\">%s</th>", percentiles[i].label);
  fputs("<th scope=\"col\">values</th></tr></thead>\n<tbody>\n", page->to);
}

static bool put_percentiles(struct page *page, const struct view *view, size_t point) {
  bool any = false;
  struct scale scale = {.factor = 1};
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    struct histogram *histogram = view_histogram(view, contestant, point);
    if (histogram) {
      if (!any) {
        scale = scale_for("ns", (double)histogram_percentile(histogram, 50));
        put_percentiles_head(page, view, point, &scale);
      }
      any = true;
      put_percentiles_of(page, view_contestant(view, contestant), histogram, scale.factor);
    }
    histogram_free(histogram);
  }
  if (any)
    fputs("</tbody></table></div>\n", page->to);
  return any;
}

bool html_percentiles(struct page *page, const struct view *view) {
  bool any = false;
  for (size_t point = 0; point < view->points; point++)
    any |= put_percentiles(page, view, point);
  return any;
}
