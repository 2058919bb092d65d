/* SPDX-License-Identifier: MIT */
/* scene.c - the frame of a scene: its passes, its waits, and what is true at its end. */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
  MOST_DESCRIPTORS = 400,
  MS = 1000 * 1000,
};

static const struct {
  const char *name;
  scene_act *play;
} acts[] = {
    {"survivors made", act_survivors_made},
    {"descriptors", act_descriptors},
    {"ghost", act_ghost},
    {"timeouts", act_timeouts},
    {"callbacks", act_callbacks},
    {"start", act_start},
    {"signals", act_signals},
    {"connections", act_connections},
    {"couples", act_couples},
    {"reads", act_reads},
    {"pipes", act_pipes},
    {"servers", act_servers},
    {"idle", act_idle},
    {"datagrams", act_datagrams},
    {"datagram errors", act_datagram_errors},
    {"children", act_children},
    {"fork", act_fork},
    {"probes", act_probes},
};

/* ---- what is said ----------------------------------------------------------------------- */

void scene_broken(struct scene *scene, const char *format, ...) {
  struct scene_report *report = scene->report;
  va_list list;
  if (!report->broken) {
    size_t used = (size_t)snprintf(report->words, sizeof report->words, "%s: ", report->act);
    va_start(list, format);
    vsnprintf(report->words + used, sizeof report->words - used, format, list);
    va_end(list);
    report->broken = true;
  }
  _exit(1);
}

void scene_told(struct scene *scene, enum told told, const char *what, int error) {
  struct scene_report *report = scene->report;
  if (scene->strict)
    scene_broken(scene, "%s: %s, although nothing fails any more", what, strerror(-error));
  size_t used = strlen(report->words);
  scene->reports++;
  if (!(report->told & told) && used < sizeof report->words - 100)
    snprintf(report->words + used, sizeof report->words - used, "%s%.60s: %s", used ? "; " : "",
             what, error ? fault_error_name(-error) : "counted");
  report->told |= told;
}

bool scene_ok(struct scene *scene, int r, const char *call) {
  if (r < 0)
    scene_told(scene, TOLD_REFUSED, call, r);
  return r >= 0;
}

int scene_system(struct scene *scene, long result, const char *call) {
  if (result < 0)
    scene_broken(scene, "%s: %s", call, strerror(errno));
  return (int)result;
}

/* ---- waiting ---------------------------------------------------------------------------- */

static void note_abandoned(struct scene *scene) {
  struct ioloop_metrics metrics;
  ioloop_get_metrics(scene->loop, &metrics, sizeof metrics);
  if (metrics.rescues)
    scene_broken(scene, "%llu rescues", (unsigned long long)metrics.rescues);
  if (metrics.abandoned == scene->abandoned)
    return;
  scene->abandoned = metrics.abandoned;
  scene_told(scene, TOLD_REPORTED, "metrics.abandoned", 0);
}

bool scene_turn(struct scene *scene, uint64_t begun_ns, const char *condition) {
  uint64_t waited = ioloop_time(scene->loop) - begun_ns;
  if (waited > 200 * (uint64_t)MS && fault_layer->plan.call == FAULT_allocation)
    fault_layer->plan.on = false; /* what waits for memory must go on when there is some */
  if (scene->reports && waited > 400 * (uint64_t)MS)
    return false;
  if (waited > 8000 * (uint64_t)MS)
    scene_broken(scene, "silently lost: %s", condition);
  int r = ioloop_run_once(scene->loop, 20 * MS);
  if (r < 0) {
    scene_told(scene, TOLD_ENDED, "ioloop_run_once", r);
    usleep(1000);
  }
  note_abandoned(scene);
  return true;
}

/* Nothing is called, and few turns are made. */
static void check_rest(struct scene *scene) {
  struct ioloop_metrics before, after;
  uint64_t end = ioloop_time(scene->loop) + 4 * MS, now;
  ioloop_get_metrics(scene->loop, &before, sizeof before);
  while ((now = ioloop_time(scene->loop)) < end)
    (void)TAKES(scene, ioloop_run_once(scene->loop, end - now));
  ioloop_get_metrics(scene->loop, &after, sizeof after);
  if (!scene->presumes && after.iterations - before.iterations > 60)
    scene_broken(scene, "the loop spins: %llu turns in 4 ms, %llu events",
                 (unsigned long long)(after.iterations - before.iterations),
                 (unsigned long long)(after.events - before.events));
}

/* ---- sockets of the scene itself -------------------------------------------------------- */

void scene_pair(struct scene *scene, int family, int pair[2]) {
  if (family)
    SYSTEM(scene, socketpair(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
  else
    SYSTEM(scene, pipe2(pair, O_NONBLOCK | O_CLOEXEC));
}

struct sockaddr_storage scene_address(int family, bool any, socklen_t *size) {
  struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
  struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
  struct sockaddr_un *file = (struct sockaddr_un *)&address;
  if (family == AF_INET) {
    v4->sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
    *size = sizeof *v4;
  } else if (family == AF_INET6) {
    v6->sin6_addr = any ? in6addr_any : in6addr_loopback;
    *size = sizeof *v6;
  } else { /* not the one that an earlier process of this number has left */
    snprintf(file->sun_path, sizeof file->sun_path, "/tmp/ioloop-scene-%ld-%llx", (long)getpid(),
             (unsigned long long)ioloop_time(NULL));
    *size = sizeof *file;
  }
  return address;
}

/* To this address; one for all means the loopback. -1: nothing listens there. */
int scene_connect(struct scene *scene, const struct sockaddr_storage *address, int type) {
  struct sockaddr_storage to = *address;
  int fd = SYSTEM(scene, socket(to.ss_family, type | SOCK_CLOEXEC, 0));
  if (to.ss_family == AF_INET)
    ((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = to.ss_family == AF_UNIX ? sizeof(struct sockaddr_un) : sizeof to;
  if (connect(fd, (struct sockaddr *)&to, size) < 0) {
    close(fd);
    return -1;
  }
  SYSTEM(scene, fcntl(fd, F_SETFL, O_NONBLOCK));
  return fd;
}

/* ---- the play --------------------------------------------------------------------------- */

static void observed(void *arg, int fd, unsigned events) {
  (void)fd, (void)events;
  ++*(unsigned *)arg;
}

static void make_loop(struct scene *scene) {
  static const struct ioloop_observer observer = {
      .size = sizeof observer, .ready = observed, .slow_ns = 1000 * MS};
  static unsigned seen;
  if (scene->loop || !TAKES(scene, ioloop_new(scene->backend, &scene->loop)))
    return;
  ioloop_set_timing(scene->loop, true);
  ioloop_set_observer(scene->loop, &observer, &seen);
  (void)TAKES(scene, ioloop_set_spin(scene->loop, 50 * 1000));
}

/* An error of a run that stays ends the loop (ioloop.h): the program frees all, and starts again. */
static void end_loop(struct scene *scene) {
  ioloop_tcpserver_close(scene->server);
  ioloop_datagram_close(scene->datagram);
  scene->server = NULL;
  scene->datagram = NULL;
  if (scene->watched[0] >= 0) {
    int r = ioloop_remove_handler(scene->loop, scene->watched[0]);
    if (r && r != -ENOENT)
      scene_broken(scene, "remove: %s", strerror(-r));
    close(scene->watched[0]);
    close(scene->watched[1]);
  }
  scene->watched[0] = scene->watched[1] = -1;
  (void)TAKES(scene, ioloop_free(scene->loop));
  scene->loop = NULL;
}

static void begin_act(struct scene *scene, const char *name) {
  snprintf(scene->report->act, sizeof scene->report->act, "%s%s", scene->strict ? "again, " : "",
           name);
  scene->reports = 0;
}

static void play_acts(struct scene *scene) {
  begin_act(scene, "loop");
  make_loop(scene);
  for (size_t i = 0; scene->loop && i < sizeof acts / sizeof acts[0]; i++) {
    begin_act(scene, acts[i].name);
    fault_layer->plan.on = !scene->strict && fault_layer->plan.error;
    acts[i].play(scene);
    note_abandoned(scene);
    if (scene->strict && strcmp(acts[i].name, "survivors made") == 0)
      act_survivors(scene);
  }
}

static unsigned open_descriptors(void) {
  unsigned count = 0;
  for (int fd = 3; fd < MOST_DESCRIPTORS; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void check_leaks(struct scene *scene, unsigned before) {
  unsigned after = open_descriptors();
  if (after != before && !scene->given_up)
    scene_broken(scene, "%u descriptors before, %u after", before, after);
  if (!fault_leaked())
    return;
  FILE *file = stderr;
  fault_print_leaks(file);
  scene_broken(scene, "%zu allocations are not freed", fault_leaked());
}

/* libevent keeps what it made for the process. */
static void warm_up(struct scene *scene) {
  struct ioloop *loop;
  if (strncmp(scene->backend, "libevent", strlen("libevent")) != 0)
    return;
  SYSTEM(scene, ioloop_new(scene->backend, &loop));
  SYSTEM(scene, ioloop_free(loop));
  fault_forget_allocations();
}

/* So that there is something to raise; and descriptors for all. */
static void set_limits(struct scene *scene) {
  struct rlimit limit;
  SYSTEM(scene, getrlimit(RLIMIT_SIGPENDING, &limit));
  limit.rlim_cur = limit.rlim_max < 1000 ? limit.rlim_max / 2 : 500;
  SYSTEM(scene, setrlimit(RLIMIT_SIGPENDING, &limit));
  SYSTEM(scene, getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  SYSTEM(scene, setrlimit(RLIMIT_NOFILE, &limit));
}

void scene_play(const char *backend, struct scene_report *report) {
  struct scene scene = {.backend = backend,
                        .report = report,
                        .watched = {-1, -1},
                        .presumes = strcmp(backend, "nonblocking") == 0};
  set_limits(&scene);
  warm_up(&scene);
  unsigned descriptors = open_descriptors();
  fault_layer->plan.on = fault_layer->plan.error != 0;
  play_acts(&scene);
  fault_layer->plan.on = false;
  report->passes++;
  if (scene.loop && ioloop_run_once(scene.loop, 0) < 0 && ioloop_run_once(scene.loop, 0) < 0) {
    scene.given_up = strcmp(backend, "io_uring") == 0;
    end_loop(&scene);
  }

  scene.strict = true;
  play_acts(&scene);
  begin_act(&scene, "rest");
  check_rest(&scene);
  begin_act(&scene, "the end");
  end_loop(&scene);
  check_leaks(&scene, descriptors);
  report->passes++;
}
