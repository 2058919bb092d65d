/* SPDX-License-Identifier: MIT */
/*
 * plot.c - the common parts of all kinds of plots; see page.h.
 *
 * A contestant has one colour, dash and shape in all of them. The key has the order of the lines at
 * their right ends, so that a line's name is found directly to its right.
 */
#include "page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  STDERR_TAIL = 1024
};

bool plot_begin(struct plot *plot, const struct page *page, const struct view *view) {
  if (!page->plots)
    return false;
  *plot = (struct plot){.view = view, .least = INFINITY, .most = -INFINITY};
  plot->script = tmpfile();
  plot->lines = calloc(view->contestants + 1, sizeof *plot->lines);
  if (plot->script && plot->lines)
    return true;
  if (plot->script)
    fclose(plot->script);
  free(plot->lines);
  return false;
}

void plot_end(struct plot *plot) {
  fclose(plot->script);
  free(plot->lines);
}

void plot_see(struct plot *plot, double value) {
  plot->least = fmin(plot->least, value);
  plot->most = fmax(plot->most, value);
}

static int by_last(const void *a, const void *b) {
  double x = ((const struct line *)a)->last, y = ((const struct line *)b)->last;
  return (x < y) - (x > y);
}

void plot_finish(struct page *page, struct plot *plot, const char *title, const char *reading,
                 int width, int height) {
  char prefix[16], stderr_tail[STDERR_TAIL];
  snprintf(prefix, sizeof prefix, "p%u", ++page->plot_count);
  html_print(page->to,
             "<figure><figcaption><strong>%s</strong> %s</figcaption>\n<div class=\"plot\" "
             "role=\"img\" aria-label=\"Plot: %s, %s. The tables below have its figures.\">\n",
             title, reading, title, reading);
  int r =
      gnuplot_draw(plot->script, prefix, width, height, page->to, stderr_tail, sizeof stderr_tail);
  if (r)
    html_print(page->to, "<p class=\"note\">gnuplot could not draw this:</p><pre>%s</pre>",
               *stderr_tail ? stderr_tail : strerror(-r));
  fputs("</div></figure>\n", page->to);
}

void plot_frame(struct plot *plot) {
  FILE *script = plot->script;
  fprintf(script, "set border 3 lc rgb '%s'\nset grid lc rgb '%s' lw 0.5 dt 1\n", SVG_NEUTRAL,
          SVG_GRID);
  fputs("set tics nomirror out textcolor rgb 'black'\n"
        "set key outside right top Left reverse samplen 3 spacing 1.15\n",
        script);
}

const char *plot_tick_text(char to[QUANTITY_SIZE], double value) {
  if (fabs(value) < 1000)
    snprintf(to, QUANTITY_SIZE, "%.6g", value);
  else
    quantity_text(to, value);
  return to;
}

/* "10 µs", "1 ms": a tick with a unit of its own, if the axis spans several. */
static void put_tick(FILE *script, const char *unit, double raw, double at) {
  struct scale own = scale_for(unit, raw * (1 + 1e-9));
  char number[QUANTITY_SIZE], text[QUANTITY_SIZE + UNIT_SIZE];
  snprintf(text, sizeof text, "%s %s", plot_tick_text(number, raw * own.factor), own.unit);
  gnuplot_tick(script, text);
  fprintf(script, " %.9g", at);
}

/* A logarithmic axis no longer than its values, with ticks at 2 and 5 if it is short. */
static void put_decades(struct plot *plot, const char *unit, double factor) {
  static const double steps[] = {1, 2, 5};
  size_t count = plot->most > 200 * plot->least ? 1 : 3;
  fprintf(plot->script, "set logscale y\nset yrange [%.9g:%.9g]\nset format y ''\nset ytics add (",
          plot->least / 1.15, plot->most * 1.15);
  int first = (int)floor(log10(plot->least)), last = (int)ceil(log10(plot->most));
  const char *between = "";
  for (int decade = first; decade <= last; decade++) {
    for (size_t i = 0; i < count; i++) {
      double value = steps[i] * pow(10, decade);
      fputs(between, plot->script);
      put_tick(plot->script, unit, value / factor, value);
      between = ", ";
    }
  }
  fputs(")\n", plot->script);
}

/* Logarithmic if the values are decades apart; else from 0, so that lengths are proportional. */
void plot_value_axis(struct plot *plot, const char *unit, const struct scale *scale) {
  if (plot->least > 0 && plot->most > 20 * plot->least) {
    put_decades(plot, unit, scale->factor);
    return;
  }
  fputs("set yrange [0:*]\nset format y '%g'\nset ylabel ", plot->script);
  gnuplot_string(plot->script, scale->unit);
  fputc('\n', plot->script);
}

void plot_lines_with(struct plot *plot, const struct page *page, const char *with) {
  qsort(plot->lines, plot->count, sizeof *plot->lines, by_last);
  for (size_t i = 0; i < plot->count; i++) {
    size_t contestant = plot->lines[i].contestant;
    const char *name = view_contestant(plot->view, contestant);
    fprintf(plot->script, "%s$d%zu %s ", i == 0 ? "plot " : ", ", contestant, with);
    gnuplot_series(plot->script, page_series(page, name));
    fputs(" title ", plot->script);
    gnuplot_string(plot->script, name);
  }
  fputc('\n', plot->script);
}
