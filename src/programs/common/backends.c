/* SPDX-License-Identifier: MIT */
/*
 * backends.c - the table of I/O models, and refusing a model that is unavailable.
 *
 * There is no fallback from a backend that was requested by name: in a comparison a silent
 * substitute is a wrong result.
 */
#include "backends.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "say.h"

enum {
  COLUMNS = 4,
  CELL_SIZE = 192,
  MAX_BACKENDS = 32,
};

struct row {
  char cell[COLUMNS][CELL_SIZE];
};

static const struct {
  unsigned bit;
  const char *word;
} feature_words[] = {
    {IOLOOP_F_SCALES, "scales"},
    {IOLOOP_F_NS_TIMEOUT, "ns-timeouts"},
    {IOLOOP_F_SIGNAL_DRIVEN, "signal-driven"},
    {IOLOOP_F_COMPLETION, "completion"},
};

static void add_words(char *to, size_t room, const char *word) {
  size_t used = strlen(to);
  snprintf(to + used, room - used, "%s%s", used ? " " : "", word);
}

static void describe_features(unsigned features, char *to, size_t room) {
  *to = '\0';
  for (size_t i = 0; i < sizeof feature_words / sizeof feature_words[0]; i++)
    if (features & feature_words[i].bit)
      add_words(to, room, feature_words[i].word);
  if (!*to)
    add_words(to, room, "-");
}

static bool is_own(const char *own, const char *name) {
  return own && strcmp(own, name) == 0;
}

static void fill_row(struct row *row, const struct ioloop_backend_info *info, const char *own) {
  bool is_default = strcmp(info->name, ioloop_backend_default()) == 0;
  snprintf(row->cell[0], CELL_SIZE, "%s", info->name);
  snprintf(row->cell[1], CELL_SIZE, "%s", info->model);
  if (info->error && !is_own(own, info->name))
    snprintf(row->cell[2], CELL_SIZE, "no: %s", info->reason);
  else
    snprintf(row->cell[2], CELL_SIZE, "%s", is_default ? "available (default)" : "available");
  describe_features(info->features, row->cell[3], CELL_SIZE);
}

static void print_rows(const struct row *rows, size_t count) {
  int width[COLUMNS] = {0};
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < COLUMNS; j++)
      if ((int)strlen(rows[i].cell[j]) > width[j])
        width[j] = (int)strlen(rows[i].cell[j]);
  for (size_t i = 0; i < count; i++) {
    const char *begin = i == 0 ? cli_bold() : "", *end = i == 0 ? cli_plain() : "";
    printf("%s%-*s  %-*s  %-*s  %s%s\n", begin, width[0], rows[i].cell[0], width[1],
           rows[i].cell[1], width[2], rows[i].cell[2], rows[i].cell[3], end);
  }
}

int backends_print(const char *own) {
  struct row rows[MAX_BACKENDS + 1] = {{{"NAME", "MODEL", "AVAILABLE", "FEATURES"}}};
  struct ioloop_backend_info info;
  size_t count = 0;
  while (count < MAX_BACKENDS && ioloop_backend_at(count, &info, sizeof info) == 0)
    fill_row(&rows[++count], &info, own);
  print_rows(rows, count + 1);
  return cli_finish_stdout();
}

static void list_available(const char *own, char *to, size_t room) {
  struct ioloop_backend_info info;
  *to = '\0';
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0; i++)
    if (info.error == 0 || is_own(own, info.name))
      add_words(to, room, info.name);
}

static int refuse(struct backend_choice choice, const char *own, int error) {
  struct ioloop_backend_info info = {.name = "", .reason = ""};
  char available[256];
  int unknown = ioloop_backend_probe(choice.name, &info, sizeof info);
  list_available(own, available, sizeof available);
  if (unknown == -EINVAL)
    return misuse("%s=%s: %s; allowed are %s, and variants of some, as libevent:poll",
                  choice.source, choice.name,
                  *info.name     ? info.reason
                  : *choice.name ? "there is no such backend"
                                 : "a name is missing",
                  available);
  if (error == -ENOMEM)
    return complain("cannot start: %s (close other programs, or raise the limit: ulimit -v)",
                    strerror(-error));
  if (error == -EMFILE || error == -ENFILE)
    return complain("cannot start: %s (raise the limit of descriptors: ulimit -n 1024)",
                    strerror(-error));
  return complain("%s=%s: cannot be used here: %s; available are %s", choice.source, choice.name,
                  info.error ? info.reason : strerror(-error), available);
}

struct backend_choice backends_choose(const char *option) {
  if (option)
    return (struct backend_choice){.source = "--backend", .name = option};
  const char *name = ioloop_backend_from_env();
  return (struct backend_choice){.source = "IOLOOP_BACKEND",
                                 .name = name ? name : ioloop_backend_default()};
}

int backends_check(struct backend_choice choice, const char *own) {
  struct ioloop_backend_info info;
  if (is_own(own, choice.name))
    return 0;
  int error = ioloop_backend_probe(choice.name, &info, sizeof info);
  if (!error)
    error = info.error;
  return error ? refuse(choice, own, error) : 0;
}

int backends_new_loop(struct backend_choice choice, const char *own, struct ioloop **ret) {
  int error = ioloop_new(choice.name, ret);
  return error ? refuse(choice, own, error) : 0;
}
