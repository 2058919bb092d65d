/* SPDX-License-Identifier: MIT */
/*
 * contestant.c - the list of contestants, choosing from it (--contestants=LIST), and their command
 * lines; see contestant.h.
 */
#include "contestant.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "common/clock.h"
#include "common/say.h"
#include "ioloop/ioloop.h"
#include "method/interrupt.h"

#define PEER_PREFIX  "peer:"
#define ALIAS_PREFIX "alias:"

/* name, a library needed to build it, whether it serves datagrams */
static const struct {
  const char *name, *needs;
  bool udp;
} peers[] = {
    {"epoll", "Linux", true},           {"liburing", "liburing", true}, {"event", "libevent", true},
    {"bufferevent", "libevent", false}, {"libev", "libev", true},       {"libuv", "libuv", true},
};

static void unavailable(struct contestant *contestant, const char *reason) {
  contestant->available = false;
  snprintf(contestant->reason, sizeof contestant->reason, "%s", reason);
}

/* ---- one --------------------------------------------------------------------------- */

static bool fill_peer(struct contestant *to, const char *name) {
  for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
    char program[64], path[PATH_MAX], why[96];
    if (strcmp(peers[i].name, name) != 0)
      continue;
    *to = (struct contestant){
        .kind = CONTESTANT_PEER, .tcp = true, .udp = peers[i].udp, .available = true};
    snprintf(to->name, sizeof to->name, PEER_PREFIX "%s", name);
    snprintf(program, sizeof program, "bench-peer-%s", name);
    snprintf(why, sizeof why, "not built: needs %s", peers[i].needs);
    if (!programs_find(program, path, sizeof path))
      unavailable(to, why);
    return true;
  }
  return false;
}

/* `name` with its options, "epoll+spin=50"; only the part before them is looked up. */
static bool fill_backend(struct contestant *to, const char *name) {
  char model[CONTESTANT_NAME_SIZE], path[PATH_MAX];
  struct ioloop_backend_info info = {.name = "", .reason = ""};
  snprintf(model, sizeof model, "%.*s", (int)strcspn(name, "+"), name);
  bool blocking = strcmp(model, "blocking") == 0;
  int unknown = blocking ? 0 : ioloop_backend_probe(model, &info, sizeof info);
  if (unknown)
    return false;
  *to =
      (struct contestant){.kind = CONTESTANT_BACKEND, .tcp = true, .udp = true, .available = true};
  snprintf(to->name, sizeof to->name, "%s", name);
  if (info.error)
    unavailable(to, info.reason);
  else if (!programs_find("server", path, sizeof path))
    unavailable(to, "there is no server next to this program (build with -Dprograms=true)");
  return true;
}

bool contestant_fill(struct contestant *to, const char *name) {
  if (strlen(name) >= CONTESTANT_NAME_SIZE)
    return false;
  bool tornado = strncmp(name, TORNADO_PREFIX, strlen(TORNADO_PREFIX)) == 0;
  bool peer = strncmp(name, PEER_PREFIX, strlen(PEER_PREFIX)) == 0;
  bool known = tornado ? tornado_fill(to, name + strlen(TORNADO_PREFIX))
               : peer  ? fill_peer(to, name + strlen(PEER_PREFIX))
                       : fill_backend(to, name);
  if (known)
    snprintf(to->runs, sizeof to->runs, "%s", name);
  return known;
}

/* ---- all --------------------------------------------------------------------------- */

int contestants_add(struct contestants *to, const struct contestant *one) {
  if (contestants_find(to, one->name))
    return 0;
  struct contestant *grown = realloc(to->at, (to->count + 1) * sizeof *grown);
  if (!grown)
    return -ENOMEM;
  to->at = grown;
  to->at[to->count++] = *one;
  return 0;
}

void contestants_free(struct contestants *contestants) {
  free(contestants->at);
  *contestants = (struct contestants){.at = NULL};
}

/* A variant that is measured next to its model: what clever use makes of the same call. */
static const char *variant_of(const char *backend) {
  if (strcmp(backend, "poll") == 0)
    return "poll:probing";
  return strcmp(backend, "select") == 0 ? "select:probing" : NULL;
}

static int add_backend(struct contestants *to, const char *name) {
  struct contestant one;
  const char *variant = variant_of(name);
  int error = contestant_fill(&one, name) ? contestants_add(to, &one) : 0;
  return error || !variant ? error : add_backend(to, variant);
}

static int add_backends(struct contestants *to) {
  struct ioloop_backend_info info;
  int error = 0;
  for (size_t i = 0; !error && ioloop_backend_at(i, &info, sizeof info) == 0; i++)
    error = add_backend(to, info.name);
  return error;
}

static int add_peers(struct contestants *to) {
  struct contestant one;
  int error = 0;
  for (size_t i = 0; !error && i < sizeof peers / sizeof peers[0]; i++) {
    char name[CONTESTANT_NAME_SIZE];
    snprintf(name, sizeof name, PEER_PREFIX "%s", peers[i].name);
    if (contestant_fill(&one, name))
      error = contestants_add(to, &one);
  }
  return error;
}

static int add_group(struct contestants *to, const char *group) {
  bool all = strcmp(group, "all") == 0;
  int error = all || strcmp(group, "backends") == 0 ? add_backends(to) : 0;
  if (!error && (all || strcmp(group, "peers") == 0))
    error = add_peers(to);
  if (!error && strcmp(group, "tornado") == 0)
    error = tornado_add_all(to);
  return error;
}

int contestants_list(struct contestants *ret) {
  *ret = (struct contestants){.at = NULL};
  int error = add_group(ret, "all");
  if (!error)
    error = add_group(ret, "tornado");
  if (error)
    contestants_free(ret);
  return error;
}

const struct contestant *contestants_find(const struct contestants *among, const char *name) {
  for (size_t i = 0; i < among->count; i++)
    if (strcmp(among->at[i].name, name) == 0)
      return &among->at[i];
  return NULL;
}

/* ---- command lines ----------------------------------------------------------------- */

int command_add(struct command *command, const char *format, ...) {
  va_list arguments;
  char *at = command->text + command->used;
  size_t room = sizeof command->text - command->used;
  va_start(arguments, format);
  int size = vsnprintf(at, room, format, arguments);
  va_end(arguments);
  if (!command->error && (size < 0 || (size_t)size >= room || command->count >= COMMAND_WORDS))
    command->error = -ENAMETOOLONG;
  if (command->error)
    return command->error;
  command->used += (size_t)size + 1;
  command->argv[command->count++] = at;
  command->argv[command->count] = NULL;
  return 0;
}

int command_add_program(struct command *command, const char *name) {
  char path[PATH_MAX];
  if (!programs_find(name, path, sizeof path))
    command->error = -ENOENT;
  return command_add(command, "%s", path);
}

static int call_peer(const char *name, bool udp, uint16_t port, struct command *to) {
  char program[CONTESTANT_NAME_SIZE + 16];
  const char *loop = strchr(name, '@');
  if (loop) {
    tornado_command(loop + 1, to);
  } else {
    snprintf(program, sizeof program, "bench-peer-%s", name);
    command_add_program(to, program);
  }
  command_add(to, "%s", udp ? "udp" : "tcp");
  return command_add(to, "%" PRIu16, port);
}

/* "epoll+spin=50" is --backend=epoll --spin=50. */
static int call_backend(const char *name, bool udp, uint16_t port, struct command *to) {
  size_t size = strcspn(name, "+");
  command_add_program(to, "server");
  command_add(to, "--backend=%.*s", (int)size, name);
  command_add(to, "--host=127.0.0.1");
  command_add(to, "--port=%" PRIu16, port);
  command_add(to, udp ? "--udp" : "--tcp");
  command_add(to, "--print=none");
  for (const char *at = name + size; *at; at += size) {
    at++;
    size = strcspn(at, "+");
    command_add(to, "--%.*s", (int)size, at);
  }
  return to->error;
}

int contestant_command(const struct contestant *contestant, bool udp, uint16_t port,
                       struct command *ret) {
  *ret = (struct command){.count = 0};
  if (contestant->kind == CONTESTANT_PEER)
    return call_peer(contestant->runs + strlen(PEER_PREFIX), udp, port, ret);
  return call_backend(contestant->runs, udp, port, ret);
}

/* ---- choosing ---------------------------------------------------------------------- */

static int refuse_unknown(const char *name) {
  struct contestants all;
  char known[2048] = "all, backends, peers, tornado";
  if (contestants_list(&all) == 0)
    for (size_t i = 0; i < all.count; i++) {
      size_t used = strlen(known);
      snprintf(known + used, sizeof known - used, ", %s", all.at[i].name);
    }
  complain("--contestants=%s: there is no such contestant; there are %s, and variants as "
           "libevent:poll, options of server as epoll+spin=50, and alias:NAME=CONTESTANT",
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
    if (strlen(reserved[i]) == size && memcmp(reserved[i], option, size) == 0)
      return misuse("--contestants=%s: --%s is not for contestants (the lab sets it, or it would "
                    "leave the figures without meaning); leave it out",
                    name, reserved[i]);
  return 0;
}

/* server itself decides whether an option is one of its own: it is run with --help after the option,
 * which it answers only if everything before it is correct. */
static int ask_server(const struct contestant *contestant) {
  struct command command;
  struct child child;
  struct text text = {.at = NULL};
  if (contestant_command(contestant, false, 0, &command) != 0 ||
      command_add(&command, "--help") != 0 || child_start(command.argv, -1, NULL, &child) != 0)
    return 0; /* reported when it is started */
  child_read(&child, &text, 5 * NS_PER_SECOND);
  int status = child_end(&child, 0, &text, NS_PER_SECOND);
  int refused = 0;
  if (status != 0 && !interrupt_seen()) /* interrupted, it did not answer */
    refused = misuse("--contestants=%s: %.*s", contestant->runs,
                     (int)strcspn(text.at ? text.at : "", "\n"), text.at ? text.at : "");
  free(text.at);
  return refused;
}

static int check_options(const struct contestant *contestant) {
  const char *plus = strchr(contestant->runs, '+');
  if (!plus || contestant->kind != CONTESTANT_BACKEND)
    return 0;
  for (const char *at = plus; at; at = strchr(at + 1, '+')) {
    int error = refuse_reserved(contestant->runs, at + 1);
    if (error)
      return error;
  }
  return contestant->available ? ask_server(contestant) : 0;
}

#define ALIAS_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

static bool is_group(const char *name) {
  static const char *const groups[] = {"all", "backends", "peers", "tornado"};
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
    if (strcmp(name, groups[i]) == 0)
      return true;
  return false;
}

/* The same program under another name: an A/A of one's own, or a setting with a name of its own. */
static int fill_alias(struct contestant *to, const char *text, const struct contestants *chosen) {
  const char *name = text + strlen(ALIAS_PREFIX), *runs = strchr(name, '=');
  struct contestant other;
  char own[CONTESTANT_NAME_SIZE];
  size_t size = strspn(name, ALIAS_CHARACTERS);
  if (!runs || size == 0 || name + size != runs || size >= sizeof own)
    return misuse(
        "--contestants=%s: must be alias:NAME=CONTESTANT, with a NAME of letters, digits, "
        "-, _ and ., at most %zu",
        text, sizeof own - 1);
  snprintf(own, sizeof own, "%.*s", (int)size, name);
  if (is_group(own) || contestant_fill(&other, own))
    return misuse("--contestants=%s: %s is a contestant itself; choose another name", text, own);
  if (contestants_find(chosen, own))
    return misuse("--contestants=%s: %s is named twice; choose another name", text, own);
  if (!contestant_fill(to, runs + 1))
    return refuse_unknown(runs + 1);
  memcpy(to->name, own, sizeof own);
  return 0;
}

static int choose_one(const char *name, struct contestants *to) {
  struct contestant one;
  if (is_group(name))
    return add_group(to, name) ? complain("out of memory") : 0;
  bool alias = strncmp(name, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0;
  int error = alias ? fill_alias(&one, name, to) : 0;
  if (!alias && !contestant_fill(&one, name))
    error = refuse_unknown(name);
  if (!error)
    error = check_options(&one);
  if (error)
    return error;
  return contestants_add(to, &one) ? complain("out of memory") : 0;
}

int contestants_choose(const char *names, struct contestants *ret) {
  int error = 0;
  *ret = (struct contestants){.at = NULL};
  for (const char *at = names; !error; at++) {
    char name[256];
    size_t size = strcspn(at, ",");
    snprintf(name, sizeof name, "%.*s", (int)size, at);
    error = choose_one(name, ret);
    at += size;
    if (!*at)
      break;
  }
  if (error)
    contestants_free(ret);
  return error;
}
