/* SPDX-License-Identifier: MIT */
/*
 * html_figures.c - the page's tables: the heat map, every figure with its interval and ratio, and
 * percentiles.
 *
 * The heat map is an overview of the ratios of every experiment's first primary metric; for a point
 * without that metric, of the next one. Contestants are columns and settings are rows, so that the
 * map grows downwards, where there is room, and settings have their full names. A colour means
 * better or worse, not less or more: it has the same meaning in every row.
 */
#include "page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  POINTS_PER_TABLE = 5 /* columns that fit next to each other on 1280 px */
};

static size_t strength(double ratio) {
  static const double steps[] = {1.1, 1.5, 3};
  double factor = ratio < 1 ? 1 / ratio : ratio;
  size_t step = 0;
  while (step < 3 && factor >= steps[step])
    step++;
  return step;
}

/* The class of a ratio: "better-3", "worse-1", by its distance from 1, if it is resolved. */
static const char *class_of(const json_t *ratio, const json_t *metric) {
  static const char *const better[] = {"better-1", "better-2", "better-3", "better-4"};
  static const char *const worse[] = {"worse-1", "worse-2", "worse-3", "worse-4"};
  size_t step = strength(member_number(ratio, "median"));
  switch (verdict_of(ratio, metric)) {
  case VERDICT_BETTER:
    return better[step];
  case VERDICT_WORSE:
    return worse[step];
  case VERDICT_UNRESOLVED:
    return "same";
  case VERDICT_OTHER:
    return "other";
  default:
    return "none";
  }
}

/* ---- the heat map --------------------------------------------------------------------------- */

static void put_heat(struct page *page, const struct view *view, const json_t *figure,
                     size_t metric) {
  const json_t *ratio = json_object_get(figure, "ratio");
  const char *verdict = class_of(ratio, view_metric(view, metric));
  struct ratio_texts texts = ratio_texts(ratio);
  html_print(page->to, "<td class=\"%s\"", verdict);
  html_attribute(page->to, "data-contestant", json_object_get(figure, "contestant"));
  html_attribute(page->to, "data-heat", json_object_get(ratio, "median"));
  html_print(page->to, " title=\"%s: %s (%s to %s)%s\">%s%s</td>",
             member_text(figure, "contestant"), texts.median, texts.low, texts.high,
             strcmp(verdict, "same") == 0 ? ": no difference resolved" : "",
             strcmp(verdict, "same") == 0 ? "≈" : "", texts.median);
}

static void put_heat_cell(struct page *page, const struct view *view, size_t contestant,
                          size_t point, size_t metric) {
  const json_t *figure =
      contestant < view->contestants ? view_figure(view, contestant, point, metric) : NULL;
  if (contestant == view->baseline && figure)
    fputs("<td class=\"base\" title=\"the baseline\">1</td>", page->to);
  else if (isfinite(member_number(json_object_get(figure, "ratio"), "median")))
    put_heat(page, view, figure, metric);
  else
    fputs("<td class=\"none\" title=\"not measured\">–</td>", page->to);
}

static size_t first_primary(const struct view *view) {
  size_t metric = 0;
  while (metric < view->metrics && !view_primary(view, metric))
    metric++;
  return metric;
}

static void put_heat_rows(struct page *page, const struct view *view, size_t number) {
  size_t metric = first_primary(view), columns = json_array_size(page->contestants);
  if (metric == view->metrics)
    return;
  html_print(page->to,
             "<tbody><tr class=\"group\"><th scope=\"rowgroup\" colspan=\"%zu\">"
             "<a href=\"#experiment-%zu\">%s</a> <small>%s, against %s</small></th></tr>\n",
             columns + 1, number, member_text(view->experiment, "title"),
             member_text(view_metric(view, metric), "label"),
             member_text(view->experiment, "baseline"));
  for (size_t point = 0; point < view->points; point++) {
    char label[LABEL_SIZE];
    size_t here = view_primary_at(view, point);
    bool another = here != metric && here < view->metrics;
    html_print(page->to, "<tr><th scope=\"row\">%s%s<small>%s</small></th>",
               view_label(view, point, label), another ? " " : "",
               another ? member_text(view_metric(view, here), "label") : "");
    for (size_t i = 0; i < columns; i++)
      put_heat_cell(page, view, view_find(view, page_contestant(page, i)), point, here);
    fputs("</tr>\n", page->to);
  }
  fputs("</tbody>\n", page->to);
}

static void put_legend(struct page *page) {
  static const char *const steps[][2] = {
      {"better-4", "better: 3 times or more"},
      {"better-3", "1.5 to 3"},
      {"better-2", "1.1 to 1.5"},
      {"better-1", "up to 1.1"},
      {"same", "≈ no difference resolved"},
      {"worse-1", "up to 1.1"},
      {"worse-2", "1.1 to 1.5"},
      {"worse-3", "1.5 to 3"},
      {"worse-4", "worse: 3 times or more"},
  };
  fputs("<p class=\"scale\">", page->to);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    html_print(page->to, "<span class=\"%s\">%s</span>", steps[i][0], steps[i][1]);
  fputs("</p>\n", page->to);
}

void html_heat(struct page *page) {
  fputs("<section id=\"heat\"><h2>All at a glance</h2>\n"
        "<p>Ratios to the baseline of each experiment's first figure. Blue is better, orange is "
        "worse, in whichever direction the figure counts; grey is not resolved from the "
        "baseline.</p>\n",
        page->to);
  put_legend(page);
  fputs("<div class=\"wide\"><table class=\"heat\">\n<thead><tr><td></td>", page->to);
  for (size_t i = 0; i < json_array_size(page->contestants); i++)
    html_print(page->to, "<th scope=\"col\"><span>%s</span></th>", page_contestant(page, i));
  fputs("</tr></thead>\n", page->to);
  for (size_t i = 0; i < page->experiments; i++)
    put_heat_rows(page, &page->views[i], i);
  fputs("</table></div></section>\n", page->to);
}

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
  const char *verdict = class_of(ratio, metric);
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

static void put_keys(struct page *page, const struct view *view, size_t point, size_t metric) {
  html_print(page->to, " data-experiment=\"%s\" data-point=\"%s\" data-metric=\"%s\"",
             member_text(view->experiment, "name"), member_text(view_point(view, point), "id"),
             member_text(view_metric(view, metric), "id"));
}

/* The rounds and the ratio of an entry, as attributes and in a square with the value of `figure`. */
static void put_rest(struct page *page, const json_t *entry, const json_t *figure,
                     const json_t *metric, double factor) {
  const json_t *ratio = json_object_get(entry, "ratio");
  html_attribute(page->to, "data-rounds", json_object_get(entry, "values"));
  html_ratio_attributes(page->to, ratio);
  html_attribute(page->to, "data-resolved", json_object_get(ratio, "resolved"));
  fputc('>', page->to);
  put_square(page, figure, ratio, metric, factor);
  fputs("</td>", page->to);
}

static void put_figure(struct page *page, const struct view *view, const json_t *figure,
                       size_t point, size_t metric, double factor) {
  if (!figure) {
    fputs("<td class=\"none\">–</td>", page->to);
    return;
  }
  html_print(page->to, "<td data-contestant=\"%s\"", member_text(figure, "contestant"));
  put_keys(page, view, point, metric);
  html_attribute(page->to, "data-value", json_object_get(figure, "median"));
  html_attribute(page->to, "data-low", json_object_get(figure, "low"));
  html_attribute(page->to, "data-high", json_object_get(figure, "high"));
  put_rest(page, figure, figure, view_metric(view, metric), factor);
}

static void put_again(struct page *page, const struct view *view, size_t metric, size_t first,
                      size_t last) {
  html_print(page->to, "<tr class=\"again\"><th scope=\"row\">%s, again <small>A/A</small></th>",
             view_contestant(view, view->baseline));
  for (size_t point = first; point < last; point++) {
    fputs("<td data-again", page->to);
    put_keys(page, view, point, metric);
    put_rest(page, view_again(view, point, metric), NULL, view_metric(view, metric), 1);
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
    count = view_run(view, first, POINTS_PER_TABLE);
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

static void put_percentiles(struct page *page, const struct view *view, size_t point) {
  struct scale scale = {.factor = 0};
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    struct histogram *histogram = view_histogram(view, contestant, point);
    if (histogram && scale.factor == 0) {
      scale = scale_for("ns", (double)histogram_percentile(histogram, 50));
      put_percentiles_head(page, view, point, &scale);
    }
    if (histogram)
      put_percentiles_of(page, view_contestant(view, contestant), histogram, scale.factor);
    histogram_free(histogram);
  }
  if (scale.factor != 0)
    fputs("</tbody></table></div>\n", page->to);
}

void html_percentiles(struct page *page, const struct view *view) {
  for (size_t point = 0; point < view->points; point++)
    put_percentiles(page, view, point);
}
