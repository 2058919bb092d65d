/* SPDX-License-Identifier: MIT */
/*
 * svg.c - ladders side by side, for a slide.
 *
 * The colours are those of Okabe and Ito, which colour-blind people can distinguish; labels and
 * dashes carry the same information. A dark page gets its own colours by prefers-color-scheme. Time
 * runs to scale if the labels leave room: solid axis. If the time between two rows is too short for
 * their labels, it is stretched: dotted axis. If it is too long, it is cut: broken axis.
 */
#include <string.h>

#include "common/text.h"
#include "ladder.h"

enum {
  PANEL_WIDTH = 584,
  GAP = 20, /* between panels */
  AXIS_X = 84,
  APPLICATION_X = 116,
  KERNEL_X = 346,
  HEAD = 108, /* above the first row */
  FOOT = 30,
  MARGIN = 28,
  ROW_LEAST = 38,
  ROW_MOST = 66,
  ROWS_ROOM = 500, /* of a slide on which the text is legible */
  PER_US = 2,      /* pixels */
  LONG_LABEL = 23, /* letters: longer labels need the smaller font to fit between the lifelines */
};

static const char *const tone_names[TONES] = {"call",   "nothing",   "data",
                                              "signal", "operation", "error"};

static const char style[] =
    "text{font-family:'Inter','Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;"
    "font-size:16px;fill:#1b1f24}\n"
    ".code{font-family:'JetBrains Mono','SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "font-size:16px}.long{font-size:13px}\n"
    ".page{fill:#ffffff}.panel{fill:#f6f7f9;stroke:#dfe3e8}\n"
    ".title{font-size:28px;font-weight:700}.name{font-size:23px;font-weight:700}\n"
    ".soft{fill:#59636e;font-size:15px}.head{font-weight:600;font-size:16px}\n"
    ".life{stroke:#8c959f;stroke-width:2}.axis{stroke:#8c959f;stroke-width:1.5}\n"
    ".stretched{stroke-dasharray:1.5 4}.tick{fill:#59636e;font-size:14px}\n"
    ".waits{fill:#d0d7de}.pill{fill:#ffffff;stroke:#dfe3e8}\n"
    ".shaft{stroke-width:2;fill:none}.dashed{stroke-dasharray:6 4}\n"
    ".call .shaft{stroke:#0072b2}.call .tip,.call .label{fill:#0072b2}\n"
    ".data .shaft{stroke:#00795a}.data .tip,.data .label{fill:#00795a}\n"
    ".nothing .shaft{stroke:#b85000}.nothing .tip,.nothing .label{fill:#b85000}\n"
    ".signal .shaft{stroke:#a8447f}.signal .tip,.signal .label{fill:#a8447f}\n"
    ".operation .shaft{stroke:#5b4bb5}.operation .tip,.operation .label{fill:#5b4bb5}\n"
    ".error .shaft{stroke:#a40e26}.error .tip,.error .label{fill:#a40e26}\n"
    "@media (prefers-color-scheme:dark){\n"
    "text{fill:#e6edf3}.page{fill:#0d1117}.panel{fill:#161b22;stroke:#30363d}\n"
    ".soft,.tick{fill:#9da7b3}.life,.axis{stroke:#6e7681}.waits{fill:#3d444d}"
    ".pill{fill:#0d1117;stroke:#30363d}\n"
    ".call .shaft{stroke:#56b4e9}.call .tip,.call .label{fill:#56b4e9}\n"
    ".data .shaft{stroke:#3ecfa0}.data .tip,.data .label{fill:#3ecfa0}\n"
    ".nothing .shaft{stroke:#f0a343}.nothing .tip,.nothing .label{fill:#f0a343}\n"
    ".signal .shaft{stroke:#e59ac4}.signal .tip,.signal .label{fill:#e59ac4}\n"
    ".operation .shaft{stroke:#b3a7ff}.operation .tip,.operation .label{fill:#b3a7ff}\n"
    ".error .shaft{stroke:#ff7b72}.error .tip,.error .label{fill:#ff7b72}\n"
    "}\n";

/* ---- text ------------------------------------------------------------------------------- */

/* `anchor`: "start", "middle" or "end". */
static void put_text(FILE *file, int x, int y, const char *class, const char *anchor,
                     const char *text) {
  fprintf(file, "<text class=\"%s\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">", class, x, y, anchor);
  markup_put(file, text);
  fputs("</text>\n", file);
}

static void put_line(FILE *file, const char *class, int x1, int y1, int x2, int y2) {
  fprintf(file, "<line class=\"%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", class, x1, y1, x2,
          y2);
}

/* ---- time ------------------------------------------------------------------------------- */

/* Many rows are drawn closer together than few, or a slide would be too small to read. */
static int most_down(const struct rows *rows) {
  int most = ROWS_ROOM / ((int)rows->count + 1);
  return most < ROW_LEAST ? ROW_LEAST : most > ROW_MOST ? ROW_MOST : most;
}

/* The distance from row `i` to the next one. */
static int step_down(const struct rows *rows, size_t i) {
  const struct row *row = &rows->at[i];
  double down = (row[1].at_us - row->at_us) * PER_US;
  bool says_how_long = row->waits && row->direction == TO_KERNEL; /* on a line of its own */
  int most = says_how_long ? ROW_MOST : most_down(rows), least = says_how_long ? most : ROW_LEAST;
  return down < least ? least : down > most ? most : (int)down;
}

static int height_of(const struct rows *rows) {
  int height = 0;
  for (size_t i = 0; i + 1 < rows->count; i++)
    height += step_down(rows, i);
  return height + (rows->left_out ? ROW_LEAST : 0);
}

static void put_axis_piece(FILE *file, int y, int down, double us) {
  bool stretched = us * PER_US < down - 1;
  bool cut = us * PER_US > down + 1;
  put_line(file, stretched ? "axis stretched" : "axis", AXIS_X, y, AXIS_X, y + down);
  if (!cut)
    return;
  int middle = y + down / 2;
  fprintf(file,
          "<rect class=\"panel\" stroke=\"none\" style=\"stroke:none\" x=\"%d\" y=\"%d\" "
          "width=\"4\" height=\"6\"/>\n",
          AXIS_X - 2, middle - 3);
  for (int side = -3; side <= 3; side += 6)
    put_line(file, "axis", AXIS_X - 6, middle + side + 3, AXIS_X + 6, middle + side - 3);
}

/* With a decimal if a call takes only a microsecond, without one for a tenth of a second. */
static const char *microseconds(double us, char to[32]) {
  snprintf(to, 32, "%.*f", us < 100000 ? 1 : 0, us);
  return to;
}

static void put_tick(FILE *file, int y, double us) {
  char text[32];
  put_text(file, AXIS_X - 9, y + 5, "tick", "end", us > 0 ? microseconds(us, text) : "0 \xc2\xb5s");
  put_line(file, "axis", AXIS_X - 4, y, AXIS_X + 4, y);
}

/* ---- rows ------------------------------------------------------------------------------- */

static void put_shaft(FILE *file, const struct row *row, int y) {
  bool dashed = row->tone == TONE_SIGNAL || row->tone == TONE_OPERATION;
  bool right = row->direction == TO_KERNEL;
  int from = right ? APPLICATION_X + 6 : KERNEL_X - 6,
      to = right ? KERNEL_X - 3 : APPLICATION_X + 3;
  int back = right ? -10 : 10;
  fprintf(file, "<line class=\"shaft%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>",
          dashed ? " dashed" : "", from, y, to + back, y);
  fprintf(file, "<path class=\"tip\" d=\"M%d %dl%d -5v10z\"/>\n", to, y, back);
}

/* All letters of a label have the same width: 0.6 of their size, and a little more. */
static void put_pill(FILE *file, const struct row *row, int y) {
  int letters = (int)strlen(row->label);
  int width = 24 + letters * (letters > LONG_LABEL ? 8 : 10);
  int least = KERNEL_X - APPLICATION_X + 16;
  width = width < least ? least : width;
  fprintf(file, "<rect class=\"pill\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"28\" rx=\"14\"/>\n",
          (APPLICATION_X + KERNEL_X - width) / 2, y - 14, width);
}

static void put_row(FILE *file, const struct row *row, size_t ladder, int y) {
  bool arrow = row->direction != NO_ARROW;
  fprintf(file, "<g class=\"%s %s\" data-trace=\"%zu\" data-event=\"%zu\">\n",
          arrow ? "arrow" : "remark", tone_names[row->tone], ladder, row->event);
  (arrow ? put_shaft : put_pill)(file, row, y);
  put_text(file, (APPLICATION_X + KERNEL_X) / 2, arrow ? y - 8 : y + 5,
           strlen(row->label) > LONG_LABEL ? "code long label" : "code label", "middle",
           row->label);
  if (row->kernel[0])
    put_text(file, KERNEL_X + 14, y + 5, "soft", "start", row->kernel);
  fputs("</g>\n", file);
}

static void put_stay(FILE *file, const struct row *row, int y, int down) {
  char text[64], us[32];
  fprintf(file, "<rect class=\"waits\" x=\"%d\" y=\"%d\" width=\"10\" height=\"%d\" rx=\"3\"/>\n",
          APPLICATION_X - 5, y, down);
  snprintf(text, sizeof text, "in the call: %s \xc2\xb5s", microseconds(row->duration_us, us));
  put_text(file, (APPLICATION_X + KERNEL_X) / 2, y + 24, "soft", "middle", text);
}

static void put_lifelines(FILE *file, int height) {
  static const struct {
    int x;
    const char *name;
  } lines[] = {{APPLICATION_X, "application"}, {KERNEL_X, "kernel"}};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    put_text(file, lines[i].x, HEAD - 36, "head", "middle", lines[i].name);
    put_line(file, "life", lines[i].x, HEAD - 26, lines[i].x, HEAD + height + 14);
  }
}

static void put_rows(FILE *file, const struct rows *rows, size_t ladder) {
  int y = HEAD;
  for (size_t i = 0; i < rows->count; i++) {
    const struct row *row = &rows->at[i];
    int down = i + 1 < rows->count ? step_down(rows, i) : 0;
    if (down)
      put_axis_piece(file, y, down, row[1].at_us - row->at_us);
    if (down && row->waits && row->direction == TO_KERNEL)
      put_stay(file, row, y, down);
    put_tick(file, y, row->at_us - rows->at[0].at_us);
    put_row(file, row, ladder, y);
    y += down;
  }
  if (rows->left_out) {
    char text[64];
    snprintf(text, sizeof text, "%zu more steps", rows->left_out);
    put_text(file, (APPLICATION_X + KERNEL_X) / 2, y + ROW_LEAST - 4, "soft", "middle", text);
  }
}

static void put_panel(FILE *file, const struct ladder *ladder, size_t index, int x, int y,
                      int height) {
  fprintf(file, "<g class=\"ladder\" transform=\"translate(%d %d)\">\n", x, y);
  fprintf(file, "<rect class=\"panel\" width=\"%d\" height=\"%d\" rx=\"10\"/>\n", PANEL_WIDTH,
          HEAD + height + FOOT);
  put_text(file, 24, 36, "name", "start", ladder->events.backend[0] ? ladder->events.backend : "?");
  put_text(file, PANEL_WIDTH - 24, 36, "soft", "end", ladder->events.model);
  put_lifelines(file, height_of(&ladder->rows));
  put_rows(file, &ladder->rows, index);
  fputs("</g>\n", file);
}

/* ---- the figure ------------------------------------------------------------------------- */

static int tallest(const struct figure *figure, size_t first, size_t end) {
  int height = 0;
  for (size_t i = first; i < end && i < figure->count; i++) {
    int own = height_of(&figure->ladders[i].rows);
    height = own > height ? own : height;
  }
  return height;
}

static int height_of_panels(const struct figure *figure) {
  int height = 0;
  for (size_t i = 0; i < figure->count; i += figure->columns)
    height += HEAD + tallest(figure, i, i + figure->columns) + FOOT + GAP;
  return height;
}

static bool has_tone(const struct figure *figure, enum tone tone) {
  for (size_t i = 0; i < figure->count; i++)
    for (size_t k = 0; k < figure->ladders[i].rows.count; k++)
      if (figure->ladders[i].rows.at[k].tone == tone)
        return true;
  return false;
}

/* The meaning of the colours and dashes that occur in the figure. */
static void put_legend(FILE *file, const struct figure *figure, int y) {
  static const struct {
    enum tone tone;
    const char *meaning;
    int width;
  } entries[] = {{TONE_CALL, "call", 88},
                 {TONE_DATA, "data is copied", 168},
                 {TONE_NOTHING, "nothing there", 166},
                 {TONE_SIGNAL, "signal", 108},
                 {TONE_OPERATION, "operation", 136},
                 {TONE_ERROR, "error", 96}};
  int x = MARGIN;
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    bool dashed = entries[i].tone == TONE_SIGNAL || entries[i].tone == TONE_OPERATION;
    if (!has_tone(figure, entries[i].tone))
      continue;
    fprintf(file,
            "<g class=\"%s\"><line class=\"shaft%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/></g>",
            tone_names[entries[i].tone], dashed ? " dashed" : "", x, y - 4, x + 28, y - 4);
    put_text(file, x + 36, y, "soft", "start", entries[i].meaning);
    x += entries[i].width;
  }
}

static void put_panels(FILE *file, const struct figure *figure, int y) {
  for (size_t first = 0; first < figure->count; first += figure->columns) {
    int height = tallest(figure, first, first + figure->columns);
    for (size_t i = first; i < first + figure->columns && i < figure->count; i++)
      put_panel(file, &figure->ladders[i], i, MARGIN + (int)(i - first) * (PANEL_WIDTH + GAP), y,
                height);
    y += HEAD + height + FOOT + GAP;
  }
}

void draw_svg(const struct figure *figure, FILE *file) {
  char caption[96];
  int columns = (int)(figure->count < figure->columns ? figure->count : figure->columns);
  int top = figure->title ? 92 : 52, bottom = 92;
  int width = 2 * MARGIN + columns * (PANEL_WIDTH + GAP) - GAP;
  int height = top + height_of_panels(figure) + bottom;
  figure_caption(figure, caption, sizeof caption);
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\" height=\"%d\" "
          "viewBox=\"0 0 %d %d\">\n<title>",
          width, height, width, height);
  markup_put(file, figure->title ? figure->title : caption);
  fprintf(file, "</title>\n<style>\n%s</style>\n", style);
  fprintf(file, "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", width, height);
  if (figure->title)
    put_text(file, MARGIN, 46, "title", "start", figure->title);
  put_text(file, MARGIN, top - 18, "soft", "start", caption);
  put_panels(file, figure, top);
  put_legend(file, figure, height - 74);
  put_text(file, MARGIN, height - 46, "soft", "start",
           "Each arrow is an event of a recorded run. Time is to scale where the");
  put_text(file, MARGIN, height - 24, "soft", "start",
           "axis is solid, stretched where it is dotted, cut where it is broken.");
  fputs("</svg>\n", file);
}
