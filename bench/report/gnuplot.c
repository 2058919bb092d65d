/* SPDX-License-Identifier: MIT */
/*
 * gnuplot.c - scripts for gnuplot, and its SVG made suitable for a page, next to other plots.
 *
 * Its stdin, stdout and stderr are unlinked temporary files: no pipe can fill up on one side while
 * we wait on the other, and nothing is left behind. It is run with -d, so that no user's ~/.gnuplot
 * changes a plot.
 */
#include "page.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* ---- its SVG -------------------------------------------------------------------------------- */

/* The colours of scripts, and the page's. The series' are Okabe and Ito's, suitable for the
 * colour-blind, the bright ones darkened for a white page. */
static const struct {
  const char *hex, *variable;
} colours[] = {
    {"#0072b2", "c0"},  {"#d55e00", "c1"},        {"#00875f", "c2"},        {"#a8478f", "c3"},
    {"#a87400", "c4"},  {"#2f9cc4", "c5"},        {"#3d4450", "c6"},        {"#6a51c7", "c7"},
    {SVG_GRID, "grid"}, {SVG_NEUTRAL, "neutral"}, {SVG_BETTER, "better-4"}, {SVG_WORSE, "worse-4"},
};

/* Black becomes the page's text colour, and identifiers begin with the prefix (%s). */
static const char *const texts[][2] = {
    {"rgb(  0,   0,   0)", "currentColor"},    {"rgb(0,0,0)", "currentColor"},
    {"\"black\"", "\"currentColor\""},         {"'black'", "'currentColor'"},
    {"xlink:href='#gp", "href='#%s-gp"},       {"id='gp", "id='%s-gp"},
    {"id=\"gnuplot_canvas", "id=\"%s-canvas"},
};

enum {
  COLOURS = sizeof colours / sizeof *colours,
  REPLACEMENTS = COLOURS + sizeof texts / sizeof *texts
};

struct replacement {
  char from[32];
  char to[48];
};

static void fill_replacements(struct replacement list[REPLACEMENTS], const char *prefix) {
  for (size_t i = 0; i < REPLACEMENTS; i++) {
    struct replacement *one = &list[i];
    if (i < COLOURS) {
      unsigned long rgb = strtoul(colours[i].hex + 1, NULL, 16);
      snprintf(one->from, sizeof one->from, "rgb(%3lu, %3lu, %3lu)", rgb >> 16 & 255,
               rgb >> 8 & 255, rgb & 255);
      snprintf(one->to, sizeof one->to, "var(--%s)", colours[i].variable);
    } else {
      snprintf(one->from, sizeof one->from, "%s", texts[i - COLOURS][0]);
      snprintf(one->to, sizeof one->to, texts[i - COLOURS][1], prefix);
    }
  }
}

/* Text between tags consists of names, already escaped by gnuplot; it is copied unchanged. */
static void put_svg_line(FILE *to, const char *line, const struct replacement *list) {
  bool in_tag = *line != '<' && strchr(line, '<') == NULL; /* a path may continue over lines */
  for (size_t i; *line; line += i < REPLACEMENTS ? strlen(list[i].from) : 1) {
    in_tag = *line == '<' || (in_tag && *line != '>');
    i = in_tag ? 0 : REPLACEMENTS;
    while (i < REPLACEMENTS && strncmp(line, list[i].from, strlen(list[i].from)) != 0)
      i++;
    if (i < REPLACEMENTS)
      fputs(list[i].to, to);
    else
      fputc(*line, to);
  }
}

/* A group's title is an expression of the script, useless as a tooltip. */
static void cut_title(char *line) {
  char *title = strncmp(line, "\t<g id=", 7) == 0 ? strstr(line, "<title>") : NULL;
  if (title)
    *title = '\0';
}

static bool begins(const char *line, const char *with) {
  line += strspn(line, " \t");
  return strncmp(line, with, strlen(with)) == 0;
}

/* Up to the end of the <svg> tag, which is replaced by our own. */
static void put_opening(FILE *from, FILE *to, char **line, size_t *room) {
  int width = 0, height = 0;
  while (getline(line, room, from) > 0 && !begins(*line, ">"))
    sscanf(*line, " viewBox=\"0 0 %d %d\"", &width, &height);
  fprintf(to, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" aria-hidden=\"true\">\n",
          width, height, width, height);
}

/*
 * Copy `from` (gnuplot's svg terminal, name '`prefix`') without the parts that a page must not
 * have: the XML prologue, namespaces (HTML knows them), identifiers that are the same in each plot,
 * and fixed colours, which would not be legible on both a light and a dark page.
 */
static void svg_clean(FILE *from, const char *prefix, FILE *to) {
  struct replacement list[REPLACEMENTS];
  char *line = NULL, *group = NULL; /* a group that is still empty */
  size_t room = 0;
  fill_replacements(list, prefix);
  put_opening(from, to, &line, &room);
  bool in_filter = false;
  while (getline(&line, &room, from) > 0) {
    cut_title(line);
    in_filter |= begins(line, "<filter"); /* for text boxes, which our plots do not use */
    bool unwanted = in_filter || begins(line, "<desc>") || begins(line, "<title>") || *line == '\n';
    in_filter = in_filter && !begins(line, "</filter>");
    bool stays_empty = group && begins(line, "</g>");
    if (unwanted && !stays_empty)
      continue;
    if (group && !stays_empty)
      put_svg_line(to, group, list);
    free(group);
    group = NULL;
    if (stays_empty)
      continue;
    if (begins(line, "<g fill"))
      group = strdup(line);
    else
      put_svg_line(to, line, list);
  }
  free(group);
  free(line);
}

/* ---- the program ---------------------------------------------------------------------------- */

enum {
  STDERR_TAIL = 1024
};

bool gnuplot_present(void) {
  char *const argv[] = {"gnuplot", "--version", NULL};
  FILE *file = tmpfile();
  bool present = file && gnuplot_run(argv, file, file, file) == 0;
  if (file)
    fclose(file);
  return present;
}

/*
 * Within single quotes gnuplot interprets only the quote itself. It can be doubled, but not at the
 * beginning (5.4 takes that for an empty string), so it becomes a typographic quote: no text can
 * end its string. Unprintable characters (controls, bidi overrides) would appear unchanged in the
 * page, so they become blanks.
 */
static const char *quoted(uint32_t code) {
  return code == '\'' ? "’" : NULL;
}

static const char *quoted_format(uint32_t code) {
  return code == '%' ? "%%" : quoted(code);
}

static void put_quoted(FILE *script, const char *text, const char *(*special)(uint32_t code)) {
  fputc('\'', script);
  text_put(script, text, special, " ");
  fputc('\'', script);
}

void gnuplot_string(FILE *script, const char *text) {
  put_quoted(script, text, quoted);
}

void gnuplot_tick(FILE *script, const char *text) {
  put_quoted(script, text, quoted_format);
}

void gnuplot_series(FILE *script, size_t series) {
  /* Filled and open shapes alternate; the numbers are those of gnuplot's svg terminal. */
  static const int shapes[] = {7, 5, 9, 13, 11, 15, 4, 6, 8, 12, 10, 14, 2, 1, 3};
  static const char *const dashes[] = {"1", "(9,4)", "(2,3)"};
  fprintf(script, "lc rgb '%s' lw 1.8 ps 0.8 dt %s pt %d", colours[series % SERIES_COLOURS].hex,
          dashes[series / SERIES_COLOURS % 3], shapes[series % (sizeof shapes / sizeof *shapes)]);
}

/* Only the end: the last lines of an error message describe it, earlier ones only quote the
 * script. */
static void read_stderr(FILE *err, char stderr_tail[STDERR_TAIL]) {
  if (fseek(err, 0, SEEK_END) == 0 && ftell(err) >= STDERR_TAIL)
    fseek(err, -(STDERR_TAIL - 1), SEEK_END);
  else
    rewind(err);
  stderr_tail[fread(stderr_tail, 1, STDERR_TAIL - 1, err)] = '\0';
}

/* 0, or -errno with gnuplot's error in `stderr_tail`; then nothing is written. */
static int draw(FILE *script, const char *prefix, int width, int height, FILE *to,
                char stderr_tail[STDERR_TAIL]) {
  char terminal[256];
  snprintf(terminal, sizeof terminal,
           "set terminal svg size %d,%d noenhanced font 'sans-serif,13' name '%s'", width, height,
           prefix);
  char *const argv[] = {"gnuplot", "-d", "-e", terminal, "-", NULL};
  FILE *out = tmpfile(), *err = tmpfile();
  int r = !out || !err ? -errno : 0;
  if (r == 0 && (fflush(script) || fseek(script, 0, SEEK_SET)))
    r = -errno;
  r = r ? r : gnuplot_run(argv, script, out, err);
  if (r == -EPROTO)
    read_stderr(err, stderr_tail);
  if (r == 0) {
    rewind(out);
    svg_clean(out, prefix, to);
  }
  if (out)
    fclose(out);
  if (err)
    fclose(err);
  return r;
}

void gnuplot_figure(struct page *page, FILE *script, const char *title, const char *reading,
                    int width, int height) {
  char prefix[16], stderr_tail[STDERR_TAIL] = "";
  snprintf(prefix, sizeof prefix, "p%u", ++page->plot_count);
  html_print(page->to,
             "<figure><figcaption><strong>%s</strong> %s</figcaption>\n<div class=\"plot\" "
             "role=\"img\" aria-label=\"Plot: %s, %s. The tables below have its figures.\">\n",
             title, reading, title, reading);
  int r = draw(script, prefix, width, height, page->to, stderr_tail);
  if (r)
    html_print(page->to, "<p class=\"note\">gnuplot could not draw this:</p><pre>%s</pre>",
               *stderr_tail ? stderr_tail : strerror(-r));
  fputs("</div></figure>\n", page->to);
}
