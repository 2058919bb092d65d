/* SPDX-License-Identifier: MIT */
/*
 * report.h - a document as a report: what the files of this folder share.
 *
 * bench.h has the folder's interface: report_table, report_html, report_csv, report_hgrm,
 * documents_compare. Reports take all figures from the document (docs/bench-schema.md) and measure
 * nothing. A map of the files:
 *
 *   text.c             a figure as text, in the unit that keeps it short; a line of a table on the
 *                      terminal
 *   view.c             an experiment's figures by contestant, point and metric; the A/A
 *                      resolution; the command that repeats the run
 *   table.c            the report on the terminal: the tables of figures
 *   table_notes.c      what it says around them: claims, failed runs, the machine's pauses
 *   compare.c          `bench compare`
 *   export.c           the figures as CSV, the histograms as .hgrm files
 *   html.c             the page, from top to bottom (page.h); its parts are html_*.c
 *   plots.c            the page's plots, as scripts
 *   gnuplot.c          runs gnuplot, and makes its SVG suitable for a page
 *
 * Documents may come from anywhere, and so may every text in them: each output escapes in its own
 * way. Their structure is that of the schema (results/document_check.c); a member that may be
 * missing reads as empty text, NaN (document_access.h) or no figure.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "results/document_access.h"
#include "results/histogram.h"

/* ---- figures as text (text.c) --------------------------------------------------------------- */

/* 3 significant digits. A table has one unit, not one per cell: figures are compared by reading down
 * a column. */

enum {
  QUANTITY_SIZE = 48,
  UNIT_SIZE = 48
};

struct scale {
  double factor;        /* figure * factor is in `unit` */
  char unit[UNIT_SIZE]; /* "µs", "k/s"; empty: the figure is a bare number */
};

/* The scale for figures around `typical` (NaN: unknown) in a metric's unit: "ns", "1/s", "calls",
 * "". */
struct scale scale_for(const char *unit, double typical);

/* "12.3", "0.0841", "150,000"; "-" if value is not a finite number. Returns `to`. */
const char *quantity_text(char to[QUANTITY_SIZE], double value);

/* The same with `significant` digits, 1 to 9: for comparing figure by figure. */
const char *digits_text(char to[QUANTITY_SIZE], double value, int significant);

/* A ratio, which has no unit: 3 significant digits, at least 2 after the point below 10. */
const char *ratio_text(char to[QUANTITY_SIZE], double value);

/* The columns that well-formed UTF-8 takes on a terminal, one per character. */
size_t text_columns(const char *text);

/* ---- an experiment (view.c) ----------------------------------------------------------------- */

/* The document has a list of figures; a report needs the figure of a contestant, at a point, of a
 * metric. All returned objects belong to the document, which must outlive the view. */

enum {
  LABEL_SIZE = 128
};

struct view {
  const json_t *experiment;
  size_t contestants, points, metrics; /* how many */
  size_t baseline;                     /* an index; equal to `contestants`: none of them */
  const json_t **figures;              /* (contestants + 1) x points x metrics; NULL: none */
};

/* 0; -ENOMEM (also if contestants x points x metrics is implausibly large). */
int view_open(struct view *view, const json_t *experiment);
void view_close(struct view *view);

const char *view_contestant(const struct view *view, size_t contestant);
size_t view_find(const struct view *view, const char *contestant); /* `contestants`: none */
const json_t *view_point(const struct view *view, size_t point);
const json_t *view_metric(const struct view *view, size_t metric);
const json_t *view_figure(const struct view *view, size_t contestant, size_t point, size_t metric);
/* The baseline's second run against its first (A/A), or NULL. */
const json_t *view_again(const struct view *view, size_t point, size_t metric);
/* Belongs to the caller. NULL: there is none, or it is empty or invalid, or no memory. */
struct histogram *view_histogram(const struct view *view, size_t contestant, size_t point);

/* The point's label, preceded by its group unless the label contains it: "TCP, 90 %". */
const char *view_label(const struct view *view, size_t point, char to[LABEL_SIZE]);

bool view_primary(const struct view *view, size_t metric);
/* The first primary metric that has a figure at the point; equal to `metrics`: there is none.
 * Different points may have different metrics. */
size_t view_primary_at(const struct view *view, size_t point);

/* Is there a figure of a contestant, or of any, at points[first] to points[last - 1]? */
bool view_took_part(const struct view *view, size_t contestant, size_t metric, size_t first,
                    size_t last);
bool view_measured(const struct view *view, size_t metric, size_t first, size_t last);

/* One scale for all figures of a metric at points[first] to points[last - 1]. */
struct scale view_scale(const struct view *view, size_t metric, size_t first, size_t last);

/* How many of the points from `first` on are shown in one table: they share its group, are at most
 * `most` (at least 1), and are distributed evenly over the tables: 7 points are 4 and 3. */
size_t view_run(const struct view *view, size_t first, size_t most);

/* "µs, lower is better": the text after a metric's label. */
const char *metric_reading(char to[96], const json_t *metric, const struct scale *scale);

/* The meaning of a ratio. */
enum verdict {
  VERDICT_NONE,       /* no ratio: the baseline, or nothing was measured */
  VERDICT_UNRESOLVED, /* its interval spans 1 */
  VERDICT_BETTER,
  VERDICT_WORSE,
  VERDICT_OTHER, /* resolved, of a metric without a better direction */
};
/* The parts of "1.05 [1.02, 1.08]". */
struct ratio_texts {
  char median[QUANTITY_SIZE], low[QUANTITY_SIZE], high[QUANTITY_SIZE];
};
struct ratio_texts ratio_texts(const json_t *ratio);

enum verdict verdict_of(const json_t *ratio, const json_t *metric);

/*
 * The differences that the machine can resolve, from every A/A of primary metrics in the document:
 * the distance from 1 of the farther end of such an interval, as a factor (0.03: 3 %).
 */
struct resolution {
  size_t count, spanning; /* A/A ratios; those whose interval spans 1 */
  size_t counted;         /* additional ones, of counted metrics: they have no interval */
  double expected;        /* the number that should span 1, given their rounds */
  double typical, worst;  /* NaN if count is 0 */
};
/* Of one of its experiments, or of all (NULL). */
struct resolution resolution_of(const json_t *document, const json_t *only);

/* The command that repeats the document's run, quoted for a shell, with its seed added if missing.
 * A new string, NULL: no memory. */
char *command_of(const json_t *document);

/* ---- a line on the terminal (text.c) -------------------------------------------------------- */

/* Harmless text in columns of given widths, which are counted in characters. Output is escaped as
 * records are (common/text.h). */

struct text_line {
  FILE *to;
  bool colours;
  size_t blanks; /* pending, written before the next text: no line ends in blanks */
};

/* Escaped, as one line without its newline. A new string, NULL: no memory. */
char *harmless(const char *text);
/* The columns that it takes. */
size_t harmless_columns(const char *text);

void line_put(struct text_line *line, const char *text);
void line_format(struct text_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Left-aligned in a column of `columns` characters, cut with "…" if it is longer. At the end of a
 * line there is no padding. */
void line_left(struct text_line *line, const char *text, size_t columns);

/* Right-aligned in its column, and complete even if it is wider. */
void line_right(struct text_line *line, const char *text, size_t columns);

/* From here on, if it has colours: "1": bold, "31": red ..., "0": plain. */
void line_style(struct text_line *line, const char *code);

/* Pending blanks are dropped. */
void line_end(struct text_line *line);

/* ---- around the tables on the terminal (table_notes.c) -------------------------------------- */

/* An experiment's claims, each with this run's verdict; nothing if it has none. */
void claims_table(struct text_line *line, const json_t *experiment);

/*
 * The runs that an experiment leaves out; nothing if there are none. Each failed run has a line,
 * followed by its stderr. Runs that are invalid because the generator could not keep its schedule
 * can be as many as contestants times rounds: if there are more than a few at a point, they are
 * counted, with the first as an example. The document and the page list them all.
 */
void failures_table(struct text_line *line, const json_t *experiment);

/* The pauses that the machine itself adds to all tails (machine/hiccups.c); nothing if they were not
 * measured, as in older documents and in merged ones. */
void hiccups_table(struct text_line *line, const json_t *document);

#endif
