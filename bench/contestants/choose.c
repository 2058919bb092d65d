/* SPDX-License-Identifier: MIT */
/*
 * choose.c - --contestants=LIST: names, groups of names, and server's options.
 *
 * server itself decides whether an option is one of its own: it is run with --help after the
 * option, which it answers only if everything before it is correct.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "common/clock.h"
#include "common/say.h"
#include "contestant.h"

static int refuse_unknown(const char *name) {
  struct contestants all;
  char known[1024] = "all, backends, peers";
  if (contestants_list(&all) == 0)
    for (size_t i = 0; i < all.count; i++) {
      size_t used = strlen(known);
      snprintf(known + used, sizeof known - used, ", %s", all.at[i].name);
    }
  complain("--contestants=%s: there is no such contestant; there are %s, and variants as "
           "libevent:poll, and options of server as epoll+spin=50",
           name, known);
  contestants_free(&all);
  return EXIT_USAGE;
}

/* Options that the lab passes to server itself, or that would spoil its figures. */
static const char *const reserved[] = {"backend", "host",    "port",    "tcp",
                                       "udp",     "print",   "cpu",     "workers",
                                       "help",    "version", "no-echo", "list-backends"};

static int refuse_reserved(const char *name, const char *option) {
  size_t size = strcspn(option, "=+");
  for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
    if (strlen(reserved[i]) == size && memcmp(reserved[i], option, size) == 0) {
      complain("--contestants=%s: --%s is not for contestants (the lab sets it, or it would leave "
               "the figures without meaning); leave it out",
               name, reserved[i]);
      return EXIT_USAGE;
    }
  return 0;
}

static int ask_server(const struct contestant *contestant) {
  struct command command;
  struct child child;
  struct text text = {.at = NULL};
  if (contestant_command(contestant, false, 0, &command) != 0 ||
      command_add(&command, "--help") != 0 || child_start(command.argv, -1, NULL, &child) != 0)
    return 0; /* reported when it is started */
  child_read(&child, &text, 5 * NS_PER_SECOND);
  int status = child_end(&child, 0, &text, NS_PER_SECOND);
  if (status != 0)
    complain("--contestants=%s: %.*s", contestant->name, (int)strcspn(text.at ? text.at : "", "\n"),
             text.at ? text.at : "");
  free(text.at);
  return status ? EXIT_USAGE : 0;
}

static int check_options(const struct contestant *contestant) {
  const char *plus = strchr(contestant->name, '+');
  if (!plus || contestant->kind != CONTESTANT_BACKEND)
    return 0;
  for (const char *at = plus; at; at = strchr(at + 1, '+')) {
    int error = refuse_reserved(contestant->name, at + 1);
    if (error)
      return error;
  }
  return contestant->available ? ask_server(contestant) : 0;
}

static bool is_group(const char *name) {
  return strcmp(name, "all") == 0 || strcmp(name, "backends") == 0 || strcmp(name, "peers") == 0;
}

/* Naming it twice adds it once. */
static int add_once(struct contestants *to, const struct contestants *from) {
  int error = 0;
  for (size_t i = 0; !error && i < from->count; i++)
    if (!contestants_find(to, from->at[i].name))
      error = contestants_add(to, &from->at[i]);
  return error;
}

static int out_of_memory(void) {
  complain("out of memory");
  return EXIT_TROUBLE;
}

static int choose_one(const char *name, struct contestants *to) {
  struct contestant one;
  struct contestants found = {.at = NULL};
  int error = 0;
  if (!is_group(name)) {
    if (!contestant_fill(&one, name))
      return refuse_unknown(name);
    error = check_options(&one);
    if (error)
      return error;
    error = contestants_add(&found, &one);
  } else {
    error = contestants_add_group(&found, name);
  }
  if (!error)
    error = add_once(to, &found);
  contestants_free(&found);
  return error ? out_of_memory() : 0;
}

int contestants_choose(const char *names, struct contestants *ret) {
  struct contestants chosen = {.at = NULL};
  int error = 0;
  for (const char *at = names; !error; at++) {
    char name[256];
    size_t size = strcspn(at, ",");
    snprintf(name, sizeof name, "%.*s", (int)size, at);
    error = choose_one(name, &chosen);
    at += size;
    if (!*at)
      break;
  }
  if (error)
    contestants_free(&chosen);
  else
    *ret = chosen;
  return error;
}
