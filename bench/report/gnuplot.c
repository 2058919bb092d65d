/* SPDX-License-Identifier: MIT */
/*
 * gnuplot.c - runs gnuplot, and makes its SVG suitable for a page, next to other plots.
 *
 * Its stdin, stdout and stderr are unlinked temporary files: no pipe can fill up on one side while
 * we wait on the other, and nothing is left behind. It is run with -d, so that no user's ~/.gnuplot
 * changes a plot.
 */
#include "page.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/text.h"

/* ---- its SVG -------------------------------------------------------------------------------- */

/* Okabe and Ito's colours, suitable for the colour-blind, the bright ones darkened for a white
 * page. */
static const char *const svg_colours[SERIES_COLOURS] = {"#0072b2", "#d55e00", "#00875f", "#a8478f",
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
static void put_svg_line(FILE *to, const char *line, const struct replacement *list, size_t count) {
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

/*
 * Copy `from` (gnuplot's svg terminal, name '`prefix`') without the parts that a page must not
 * have: the XML prologue, namespaces (HTML knows them), identifiers that are the same in each plot,
 * and fixed colours, which would not be legible on both a light and a dark page.
 */
static void svg_clean(FILE *from, const char *prefix, FILE *to) {
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
      put_svg_line(to, group, list, count);
    if (unwanted && !(group && begins(line, "</g>")))
      continue;
    free(group);
    group = NULL;
    if (unwanted)
      continue;
    if (begins(line, "<g fill"))
      group = strdup(line);
    else
      put_svg_line(to, line, list, count);
  }
  free(group);
  free(line);
}

/* ---- the program ---------------------------------------------------------------------------- */

extern char **environ;

/* With all signals at their defaults and none blocked, whatever the loop has changed. */
static int spawn(char *const argv[], int in, int out, int err, pid_t *ret) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  if (posix_spawn_file_actions_init(&files))
    return -ENOMEM;
  if (posix_spawnattr_init(&attributes)) {
    posix_spawn_file_actions_destroy(&files);
    return -ENOMEM;
  }
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  int r = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  r = r ? r : posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  r = r ? r : posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
  r = r ? r : posix_spawnp(ret, argv[0], &files, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return -r;
}

static int run(char *const argv[], FILE *in, FILE *out, FILE *err) {
  pid_t pid;
  int status, r = spawn(argv, fileno(in), fileno(out), fileno(err), &pid);
  if (r)
    return r;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR)
      return -errno;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}

bool gnuplot_present(void) {
  char *const argv[] = {"gnuplot", "--version", NULL};
  FILE *none = tmpfile(), *out = tmpfile();
  bool present = none && out && run(argv, none, out, out) == 0;
  if (none)
    fclose(none);
  if (out)
    fclose(out);
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
  fprintf(script, "lc rgb '%s' lw 1.8 ps 0.8 dt %s pt %d", svg_colours[series % SERIES_COLOURS],
          dashes[series / SERIES_COLOURS % 3], shapes[series % (sizeof shapes / sizeof *shapes)]);
}

/* Only the end: the last lines of an error message describe it, earlier ones only quote the
 * script. */
static void read_stderr(FILE *err, char *stderr_tail, size_t size) {
  if (fseek(err, 0, SEEK_END) == 0 && ftell(err) >= (long)size)
    fseek(err, -(long)(size - 1), SEEK_END);
  else
    rewind(err);
  size_t used = fread(stderr_tail, 1, size - 1, err);
  stderr_tail[used] = '\0';
}

int gnuplot_draw(FILE *script, const char *prefix, int width, int height, FILE *to,
                 char *stderr_tail, size_t tail_size) {
  *stderr_tail = '\0';
  char terminal[256];
  snprintf(terminal, sizeof terminal,
           "set terminal svg size %d,%d noenhanced font 'sans-serif,13' name '%s'", width, height,
           prefix);
  char *const argv[] = {"gnuplot", "-d", "-e", terminal, "-", NULL};
  FILE *out = tmpfile(), *err = tmpfile();
  int r = !out || !err ? -errno : 0;
  if (r == 0 && (fflush(script) || fseek(script, 0, SEEK_SET)))
    r = -errno;
  r = r ? r : run(argv, script, out, err);
  if (r == -EPROTO)
    read_stderr(err, stderr_tail, tail_size);
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
