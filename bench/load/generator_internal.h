/* SPDX-License-Identifier: MIT */
/*
 * generator_internal.h - the interfaces between the generator's files.
 *
 *   generator.c            a run: its options, its resources, its failures, the verdict
 *   generator_phases.c     what is sent when: warm-up, schedule, end
 *   generator_open.c       connecting, a bounded number at a time
 *   generator_requests.c   requests and echoes: over TCP, with a connection for each, over UDP
 *   generator_child.c      all of it in a separate process
 *   schedule.h, message.h, flight.h   the life of a request: when it is due, what it contains,
 *                          that it is under way
 */
#ifndef BENCH_GENERATOR_INTERNAL_H
#define BENCH_GENERATOR_INTERNAL_H

#include <sys/types.h>
#include <time.h>

#include "common/address.h"
#include "flight.h"
#include "generator.h"
#include "ioloop/ioloop.h"
#include "message.h"
#include "schedule.h"

enum {
  GENERATOR_IN_SIZE = 256 * 1024,          /* the size of one recv */
  GENERATOR_OUT_SIZE = GENERATOR_MAX_SIZE, /* of one send: at least one message of any size */
  GENERATOR_NUMBER_BITS = 40, /* of a message's number; the bits above are the client's */
};

struct generator;

/* One connection or UDP socket. */
struct client {
  struct generator *generator;
  int fd; /* -1: none */
  uint32_t index;
  bool writing;          /* the socket is full or still connecting: watched for WRITE */
  size_t sent, received; /* bytes of message `unsent`, and of the next echo */
  uint64_t unsent;       /* the first message that has not been sent completely */
  struct flight flight;
};

enum generator_phase {
  PHASE_OPENING,
  PHASE_WARMUP,
  PHASE_MEASURED,
  PHASE_DRAIN,
  PHASE_OVER,
};

struct generator {
  struct generator_options options; /* with all defaults filled in */
  int parent; /* a pipe to the process that waits for signs of life; -1: none */
  struct histogram *latency, *lateness;
  struct generator_result *result;
  struct ioloop *loop;
  struct address server;
  struct message_pattern *pattern;
  unsigned char *in, *out;

  struct client *clients; /* the idle ones, then the active ones */
  struct client *active;
  size_t opened, opening; /* clients that are connected or connecting; those connecting */

  enum generator_phase phase;
  int error;
  bool issuing; /* new requests are sent */
  uint64_t now_ns, from_ns, to_ns, drained_ns;
  uint64_t patience_ns, progress_ns; /* time of the last echo, or of starting to wait for one */
  bool silent;                       /* something was lost since the last echo */
  uint64_t alive_ns, sweep_ns;       /* when each of these is next due */
  uint64_t under_way;                /* requests waiting for their echo */
  uint64_t missed;                   /* of the schedule: not sent in time, and now far too late */
  clockid_t server_clock;
  uint64_t cpu_ns, server_cpu_ns; /* at the start of the measured part */
  struct schedule schedule;
  size_t turn; /* the client of the schedule's next request */
};

/* generator_run, for this parent (or -1). */
int generator__run(const struct generator_options *options, int parent, struct histogram *latency,
                   struct histogram *lateness, struct generator_result *ret);

/* ---- the run: generator.c ---------------------------------------------------------------- */

/* End the run with an error (-errno) and a line of text. Only the first call counts. Returns the
 * error. */
int generator__fail(struct generator *generator, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a socket, error > 0 as errno; 0: end of file. */
void generator__fail_socket(struct generator *generator, const char *what, int error);
/* A wrong echo: bytes `offset` ... of message `number` (without the client's bits). */
void generator__fail_echo(struct client *client, uint64_t number, size_t offset,
                          const unsigned char *bytes, size_t size);

static inline bool generator__is_open_loop(const struct generator *generator) {
  return generator->options.rate > 0;
}

static inline bool generator__is_over(const struct generator *generator) {
  return generator->phase == PHASE_OVER;
}

/* ---- the child: generator_child.c; nothing if there is no parent ------------------------- */

/* SIGINT, SIGHUP and SIGTERM are handled from here on. */
void generator__watching(int parent);
/* About once a second. */
void generator__alive(int parent);

/* ---- the phases: generator_phases.c --------------------------------------------------------- */

/* Run all phases, from opening to the end. */
void generator__drive(struct generator *generator);
/* At an interruption, before generator__fail. */
void generator__break_off(struct generator *generator);

static inline bool generator__is_measured(const struct generator *generator, uint64_t planned_ns) {
  return planned_ns - generator->from_ns < generator->to_ns - generator->from_ns;
}

/* ---- requests and echoes: generator_requests.c --------------------------------------------- */

/* Send a request that is planned for this time. If there is no memory for it, the run is over. */
void generator__request(struct client *client, uint64_t planned_ns);
/* Closed loop: send `count` new requests, if they still belong to the run. */
void generator__ask(struct client *client, size_t count);

static inline uint64_t generator__number(const struct client *client, uint64_t number) {
  return (uint64_t)client->index << GENERATOR_NUMBER_BITS | number;
}

/* The handler of an active client's descriptor; arg: the client. */
ioloop_handler_fn generator__on_event;
/* UDP, closed loop: give up requests older than drain_ns, and send new ones. */
void generator__sweep(struct generator *generator);

/* ---- connecting: generator_open.c ---------------------------------------------------------- */

/* Open the next ones, once the previous ones are open. False: all are open. */
bool generator__open_more(struct generator *generator);
/* Returns a socket that is connected or connecting (-EINPROGRESS is 0 here), with a suitable source
 * address; -1: the run is over. */
int generator__connect(struct generator *generator);
size_t generator__client_count(const struct generator *generator);
/* Read up to `size` bytes from a stream into `in`. 0: there is nothing now, or the run is over, with
 * `what` in the reason. */
size_t generator__receive(struct client *client, size_t size, const char *what);
/* Watch its descriptor with this handler from now on; if that fails, the run is over. */
void generator__watch(struct client *client, unsigned events, ioloop_handler_fn *handler);

#endif
