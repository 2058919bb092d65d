/* SPDX-License-Identifier: MIT */
/*
 * html_heat.c - the heat map: an overview of the ratios of every experiment's first primary metric;
 * for a point without that metric, of the next one.
 *
 * Contestants are columns and settings are rows, so that the map grows downwards, where there is
 * room, and settings have their full names. A colour means better or worse, not less or more: it
 * has the same meaning in every row.
 */
#include "page.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned strength(double ratio) {
  static const double steps[] = {1.1, 1.5, 3};
  double factor = ratio < 1 ? 1 / ratio : ratio;
  unsigned step = 1;
  while (step < 4 && factor >= steps[step - 1])
    step++;
  return step;
}

const char *html_verdict(const json_t *ratio, const json_t *metric) {
  static const char *const better[] = {"better-1", "better-2", "better-3", "better-4"};
  static const char *const worse[] = {"worse-1", "worse-2", "worse-3", "worse-4"};
  unsigned step = strength(member_number(ratio, "median")) - 1;
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

static void put_ratio(struct page *page, const struct view *view, const json_t *figure,
                      size_t metric) {
  const json_t *ratio = json_object_get(figure, "ratio");
  const char *verdict = html_verdict(ratio, view_metric(view, metric));
  struct ratio_texts texts = ratio_texts(ratio);
  html_print(page->to, "<td class=\"%s\"", verdict);
  html_attribute(page->to, "data-contestant", json_object_get(figure, "contestant"));
  html_attribute(page->to, "data-heat", json_object_get(ratio, "median"));
  html_print(page->to, " title=\"%s: %s (%s to %s)%s\">%s%s</td>",
             member_text(figure, "contestant"), texts.median, texts.low, texts.high,
             strcmp(verdict, "same") == 0 ? ": no difference resolved" : "",
             strcmp(verdict, "same") == 0 ? "≈" : "", texts.median);
}

static void put_cell(struct page *page, const struct view *view, size_t contestant, size_t point,
                     size_t metric) {
  const json_t *figure =
      contestant < view->contestants ? view_figure(view, contestant, point, metric) : NULL;
  if (contestant == view->baseline && figure)
    fputs("<td class=\"base\" title=\"the baseline\">1</td>", page->to);
  else if (isfinite(member_number(json_object_get(figure, "ratio"), "median")))
    put_ratio(page, view, figure, metric);
  else
    fputs("<td class=\"none\" title=\"not measured\">–</td>", page->to);
}

static void put_experiment(struct page *page, const struct view *view, size_t number) {
  size_t metric = view_first_primary(view), columns = json_array_size(page->contestants);
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
      put_cell(page, view, view_find(view, json_string_value(json_array_get(page->contestants, i))),
               point, here);
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

int html_heat(struct page *page) {
  size_t i;
  json_t *name;
  fputs("<section id=\"heat\"><h2>All at a glance</h2>\n"
        "<p>Ratios to the baseline of each experiment's first figure. Blue is better, orange is "
        "worse, in whichever direction the figure counts; grey is not resolved from the "
        "baseline.</p>\n",
        page->to);
  put_legend(page);
  fputs("<div class=\"wide\"><table class=\"heat\">\n<thead><tr><td></td>", page->to);
  json_array_foreach(page->contestants, i, name) {
    html_print(page->to, "<th scope=\"col\"><span>%s</span></th>", json_string_value(name));
  }
  fputs("</tr></thead>\n", page->to);
  int r = page_each_experiment(page, put_experiment);
  fputs("</table></div></section>\n", page->to);
  return r;
}
