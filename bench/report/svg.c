/* SPDX-License-Identifier: MIT */
/*
 * svg.c - makes gnuplot's SVG suitable for the page; see svg.h.
 */
#include "svg.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Okabe and Ito's colours, suitable for the colour-blind, the bright ones darkened for a white
 * page. */
const char *const svg_colours[8] = {"#0072b2", "#d55e00", "#00875f", "#a8478f",
                                    "#a87400", "#2f9cc4", "#3d4450", "#6a51c7"};

struct replacement {
  char from[32];
  char to[48];
};

enum {
  REPLACEMENTS = 19
};

static void colour_replacement(struct replacement *ret, const char *hex, const char *to) {
  unsigned long rgb = strtoul(hex + 1, NULL, 16);
  snprintf(ret->from, sizeof ret->from, "rgb(%3lu, %3lu, %3lu)", rgb >> 16 & 255, rgb >> 8 & 255,
           rgb & 255);
  snprintf(ret->to, sizeof ret->to, "var(--%s)", to);
}

static size_t replacements(struct replacement list[REPLACEMENTS], const char *prefix) {
  size_t count = 0;
  for (; count < sizeof svg_colours / sizeof *svg_colours; count++) {
    char name[8];
    snprintf(name, sizeof name, "c%zu", count);
    colour_replacement(&list[count], svg_colours[count], name);
  }
  colour_replacement(&list[count++], SVG_GRID, "grid");
  colour_replacement(&list[count++], SVG_NEUTRAL, "neutral");
  colour_replacement(&list[count++], SVG_BETTER, "better-4");
  colour_replacement(&list[count++], SVG_WORSE, "worse-4");
  /* Black becomes the page's text colour. */
  static const char *const black[][2] = {{"rgb(  0,   0,   0)", "currentColor"},
                                         {"rgb(0,0,0)", "currentColor"},
                                         {"\"black\"", "\"currentColor\""},
                                         {"'black'", "'currentColor'"}};
  for (size_t i = 0; i < 4; i++, count++) {
    snprintf(list[count].from, sizeof list[count].from, "%s", black[i][0]);
    snprintf(list[count].to, sizeof list[count].to, "%s", black[i][1]);
  }
  static const char *const ids[] = {"xlink:href='#gp", "id='gp", "id=\"gnuplot_canvas"};
  static const char *const named[] = {"href='#%s-gp", "id='%s-gp", "id=\"%s-canvas"};
  for (size_t i = 0; i < 3; i++, count++) {
    snprintf(list[count].from, sizeof list[count].from, "%s", ids[i]);
    snprintf(list[count].to, sizeof list[count].to, named[i], prefix);
  }
  return count;
}

/* Text between tags consists of names, already escaped by gnuplot; it is copied unchanged. */
static void put_line(FILE *to, const char *line, const struct replacement *list, size_t count) {
  bool in_tag = *line != '<' && strchr(line, '<') == NULL; /* a path may continue over lines */
  for (size_t i; *line; line += i < count ? strlen(list[i].from) : 1) {
    in_tag = *line == '<' || (in_tag && *line != '>');
    i = in_tag ? 0 : count;
    while (i < count && strncmp(line, list[i].from, strlen(list[i].from)) != 0)
      i++;
    if (i < count)
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

void svg_clean(FILE *from, const char *prefix, FILE *to) {
  struct replacement list[REPLACEMENTS];
  size_t count = replacements(list, prefix), room = 0;
  char *line = NULL, *group = NULL; /* a group that is still empty */
  put_opening(from, to, &line, &room);
  bool in_filter = false;
  while (getline(&line, &room, from) > 0) {
    cut_title(line);
    in_filter |= begins(line, "<filter"); /* for text boxes, which our plots do not use */
    bool unwanted = in_filter || begins(line, "<desc>") || begins(line, "<title>") || *line == '\n';
    in_filter = in_filter && !begins(line, "</filter>");
    if (group && begins(line, "</g>"))
      unwanted = true;
    else if (group && !unwanted)
      put_line(to, group, list, count);
    if (unwanted && !(group && begins(line, "</g>")))
      continue;
    free(group);
    group = NULL;
    if (unwanted)
      continue;
    if (begins(line, "<g fill"))
      group = strdup(line);
    else
      put_line(to, line, list, count);
  }
  free(group);
  free(line);
}
