/* SPDX-License-Identifier: MIT */
/*
 * scene.h - a program that uses everything that the library has, in acts, and knows at each point
 * what the library has reported. Written for calls that fail: an act whose call is refused goes on without what
 * it asked for, and what an act waits for must happen or must have been reported as lost.
 *
 * scene_play runs the acts once while calls may fail, then with a plan that is off, in the same loop:
 * everything must work then, and in the end nothing may be left over, neither memory nor descriptors.
 */
#ifndef SCENE_H
#define SCENE_H

#include <netinet/in.h>
#include <pthread.h>

#include "ioloop/stream.h"
#include "layer.h"

/* How the program was informed of a call that failed. Not at all: the library recovered. */
enum told {
  TOLD_REFUSED = 1,  /* a function returned -errno */
  TOLD_ENDED = 2,    /* a stream's close callback, or the run of a loop, had an error */
  TOLD_REPORTED = 4, /* an error callback or a counter, and all went on */
};

/* In memory that the processes of a scene share with the one that started it. */
struct scene_report {
  unsigned told;
  char words[512]; /* what was reported, or what is wrong */
  bool broken;
  char act[32];
  unsigned passes; /* that were finished */
};

struct scene {
  const char *backend;
  struct scene_report *report;
  bool strict;   /* nothing may fail */
  bool presumes; /* handlers are called whether ready or not: nothing waits */
  struct ioloop *loop;
  uint64_t abandoned; /* as counted so far */
  unsigned reports;   /* since the act began */
  bool given_up;      /* a ring that was reported to be dead goes on accepting */

  /* Made by the first pass, and used by each. */
  int watched[2]; /* a pair; -1: none */
  unsigned watched_bytes;
  int child_status; /* of the last of these */
  unsigned children;
  struct ioloop_tcpserver *server;
  struct ioloop_datagram *datagram;
  bool server_ended; /* it said that it accepts no more */
};

/* Ends the process if something is wrong; else everything was as it should be. */
void scene_play(const char *backend, struct scene_report *report);

/* ---- for the acts ----------------------------------------------------------------------- */

#define SCENE_PRINTF(text, first) __attribute__((format(printf, text, first)))
_Noreturn void scene_broken(struct scene *scene, const char *format, ...) SCENE_PRINTF(2, 3);

/* A function of the library has returned r; false: it refused, which is noted. */
bool scene_ok(struct scene *scene, int r, const char *call);
#define TAKES(scene, call) scene_ok((scene), (call), #call)

/* The program was informed by other means than a result. */
void scene_told(struct scene *scene, enum told told, const char *what, int error);

/* A call of the scene's own, which cannot fail. */
int scene_system(struct scene *scene, long result, const char *call);
#define SYSTEM(scene, call) scene_system((scene), (call), #call)

/* Run the loop until the condition holds. If it does not, a report must have said so. */
#define RUN_UNTIL(scene, condition)                                                                \
  do {                                                                                             \
    uint64_t begun_ns = ioloop_time((scene)->loop);                                                \
    while (!(condition))                                                                           \
      if (!scene_turn((scene), begun_ns, #condition))                                              \
        break;                                                                                     \
  } while (0)
bool scene_turn(struct scene *scene, uint64_t begun_ns, const char *condition);

void scene_pair(struct scene *scene, int family, int pair[2]); /* connected, non-blocking */
int scene_connect(struct scene *scene, const struct sockaddr_storage *address, int type);
struct sockaddr_storage scene_address(int family, bool any, socklen_t *size);

typedef void scene_act(struct scene *scene);
scene_act act_descriptors, act_ghost, act_timeouts, act_callbacks, act_start, act_signals,
    act_probes, act_children, act_fork;
scene_act act_connections, act_couples, act_pipes, act_reads, act_servers, act_idle, act_datagrams,
    act_datagram_errors;
scene_act act_survivors_made, act_survivors;

#endif
