/* SPDX-License-Identifier: MIT */
/*
 * html_claims.c - published findings, next to the plots: each claim with this run's verdict.
 */
#include <string.h>

#include "html.h"

static void put_method(struct page *page, const json_t *experiment, const json_t *claims) {
  const json_t *metric =
      find_named(json_object_get(experiment, "metrics"), "id", member_text(claims, "metric"));
  char threshold[QUANTITY_SIZE];
  html_print(page->to,
             "<p>A ratio is of <em>%s</em> at the point named to that at 0, round by round, with "
             "its 95&nbsp;%% interval. It <em>rises</em> if all of that is above %s, is "
             "<em>flat</em> if all is below, and is <em>not resolved</em> otherwise, or with "
             "fewer than three rounds. A claim holds if it does for all contestants that it "
             "names.</p>\n",
             member_text(metric, "label"),
             ratio_text(threshold, member_number(claims, "threshold")));
}

static void put_ratio(struct page *page, const json_t *ratio) {
  char median[QUANTITY_SIZE], low[QUANTITY_SIZE], high[QUANTITY_SIZE];
  html_print(page->to, "%s&nbsp;<span class=\"interval\">[%s,&nbsp;%s]</span>",
             ratio_text(median, member_number(ratio, "median")),
             ratio_text(low, member_number(ratio, "low")),
             ratio_text(high, member_number(ratio, "high")));
}

static void put_judged(struct page *page, const json_t *experiment, const json_t *one) {
  const json_t *ratio = json_object_get(one, "ratio");
  const json_t *point =
      find_named(json_object_get(experiment, "points"), "id", member_text(one, "point"));
  const char *contestant = member_text(one, "contestant"), *beside = member_text(one, "beside");
  html_print(page->to, "<td>%s%s%s</td><td>%s</td><td", *beside ? beside : contestant,
             *beside ? " / " : "", *beside ? contestant : "", member_text(point, "label"));
  html_attribute(page->to, "data-claimed", json_object_get(one, "contestant"));
  html_attribute(page->to, "data-beside", json_object_get(one, "beside"));
  html_attribute(page->to, "data-ratio", json_object_get(ratio, "median"));
  html_attribute(page->to, "data-ratio-low", json_object_get(ratio, "low"));
  html_attribute(page->to, "data-ratio-high", json_object_get(ratio, "high"));
  html_attribute(page->to, "data-verdict", json_object_get(one, "verdict"));
  fputs(">", page->to);
  put_ratio(page, ratio);
  html_print(page->to, "</td><td>%s</td><td>%s</td></tr>\n", member_text(one, "seen"),
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

void html_claims(struct page *page, const struct view *view) {
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
