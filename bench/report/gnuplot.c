/* SPDX-License-Identifier: MIT */
/*
 * gnuplot.c - runs gnuplot; see gnuplot.h.
 *
 * Its stdin, stdout and stderr are unlinked temporary files: no pipe can fill up on one side while
 * we wait on the other, and nothing is left behind. It is run with -d, so that no user's ~/.gnuplot
 * changes a plot.
 */
#include "gnuplot.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/utf8.h"
#include "svg.h"

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
static void put_character(FILE *script, const char *text, size_t size, uint32_t code, bool format) {
  if (size == 0 || !utf8_shows(code))
    fputc(' ', script);
  else if (code == '\'')
    fputs("’", script);
  else if (code == '%' && format)
    fputs("%%", script);
  else
    fwrite(text, 1, size, script);
}

static void put_quoted(FILE *script, const char *text, bool format) {
  fputc('\'', script);
  for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
    uint32_t code = 0;
    size = utf8_decode(text, left, &code);
    put_character(script, text, size, code, format);
    size = size > 0 ? size : 1;
  }
  fputc('\'', script);
}

void gnuplot_string(FILE *script, const char *text) {
  put_quoted(script, text, false);
}

void gnuplot_tick(FILE *script, const char *text) {
  put_quoted(script, text, true);
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
