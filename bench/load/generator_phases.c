/* SPDX-License-Identifier: MIT */
/*
 * generator_phases.c - what is sent when.
 *
 *   opening -> warm-up -> measured -> drain -> over
 *
 * The run drives its own loop one iteration at a time (ioloop_run_once), and reads the clock and
 * the schedule between two iterations. So an open loop needs no timer for each request, and `spin`
 * is an iteration that does not wait. ioloop_set_spin is no alternative: after a timeout the loop
 * sleeps, and a schedule consists of timeouts. Without `spin` the wait ends at the next planned
 * request, to the nanosecond if the backend can, with the kernel's timer slack (50 us) switched
 * off.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "generator_internal.h"

enum {
  ISSUE_BATCH = 16,         /* requests of the schedule sent before echoes are read */
  MOST_UNDER_WAY = 4 << 20, /* 32 MB of planned times */
};
/* Requests that became due this recently are still sent; older ones never will be. */
static const uint64_t catch_up_ns = NS_PER_SECOND / 10;

/* ---- the open loop's schedule ------------------------------------------------------------ */

static void note_lateness(struct generator *generator, uint64_t due_ns) {
  struct generator_result *result = generator->result;
  uint64_t late_ns = generator->now_ns - due_ns;
  if (!generator__is_measured(generator, due_ns))
    return;
  result->late += late_ns > generator->options.late_ns;
  if (late_ns > result->late_max_ns)
    result->late_max_ns = late_ns;
  if (generator->lateness)
    histogram_record(generator->lateness, late_ns);
}

static void issue(struct generator *generator, uint64_t due_ns) {
  struct client *client = &generator->active[generator->turn];
  if (++generator->turn == generator->options.connections)
    generator->turn = 0;
  note_lateness(generator, due_ns);
  generator__request(client, due_ns);
  if (generator->under_way > MOST_UNDER_WAY)
    generator__fail(generator, -ENOBUFS,
                    "%d requests wait for their echo: the rate is far too high for the server",
                    MOST_UNDER_WAY);
}

static void note_missed(struct generator *generator) {
  struct generator_result *result = generator->result;
  uint64_t late_ns = generator->now_ns - schedule_due(&generator->schedule);
  generator->missed = schedule_left(&generator->schedule, generator->to_ns);
  result->late += generator->missed;
  if (generator->missed && late_ns > result->late_max_ns)
    result->late_max_ns = late_ns;
}

/* Send requests that are due, but not so many that echoes would have to wait. */
static void issue_due(struct generator *generator) {
  for (int n = 0; n < ISSUE_BATCH && !generator__is_over(generator); n++) {
    uint64_t due_ns = schedule_due(&generator->schedule);
    if (due_ns >= generator->to_ns)
      generator->issuing = false;
    if (due_ns > generator->now_ns || !generator->issuing)
      return;
    schedule_advance(&generator->schedule);
    issue(generator, due_ns);
    generator->now_ns = ioloop_time(generator->loop);
  }
  if (generator->now_ns > generator->to_ns && generator->now_ns - generator->to_ns > catch_up_ns) {
    note_missed(generator);
    generator->issuing = false;
  }
}

/* ---- phases ------------------------------------------------------------------------------ */

/* The CPU time that the server has used; 0 if it is not measured. */
static uint64_t read_server_cpu(struct generator *generator, const char *when) {
  struct timespec used = {.tv_sec = 0};
  if (generator->options.server && clock_gettime(generator->server_clock, &used) < 0) {
    int error = errno == EINVAL ? ESRCH : errno; /* the process is gone */
    generator__fail(generator, -error, "the server's CPU time cannot be read at the %s: %s", when,
                    strerror(error));
  }
  return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

static void begin_measured(struct generator *generator) {
  generator->phase = PHASE_MEASURED;
  generator->server_cpu_ns = read_server_cpu(generator, "beginning");
  generator->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void end_measured(struct generator *generator, uint64_t at_ns) {
  struct generator_result *result = generator->result;
  result->generator_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - generator->cpu_ns;
  result->elapsed_ns = at_ns - generator->from_ns;
  generator->issuing = false;
  generator->drained_ns = generator->now_ns + generator->options.drain_ns;
  generator->phase = PHASE_DRAIN;
  result->server_cpu_ns = read_server_cpu(generator, "end") - generator->server_cpu_ns;
}

/* The figures are of the time until now. Requests under way have no echo yet, and are not lost. */
void generator__break_off(struct generator *generator) {
  struct generator_result *result = generator->result;
  uint64_t unanswered = result->sent - result->echoed;
  generator->now_ns = ioloop_time(generator->loop);
  if (generator->phase == PHASE_MEASURED)
    end_measured(generator, generator->now_ns);
  if (generator->phase == PHASE_DRAIN)
    result->sent -= generator->under_way < unanswered ? generator->under_way : unanswered;
}

static void ask_first(struct generator *generator) {
  const struct generator_options *options = &generator->options;
  for (size_t i = 0; i < options->connections && !generator__is_over(generator); i++) {
    generator->now_ns = ioloop_time(generator->loop);
    generator__ask(&generator->active[i], options->depth);
  }
}

static void begin_load(struct generator *generator) {
  const struct generator_options *options = &generator->options;
  uint64_t now_ns = generator->now_ns;
  generator->phase = PHASE_WARMUP;
  generator->issuing = true;
  generator->from_ns = now_ns + options->warmup_ns;
  generator->to_ns = options->requests ? UINT64_MAX : generator->from_ns + options->duration_ns;
  if (options->warmup_ns == 0)
    begin_measured(generator);
  if (generator__is_open_loop(generator))
    schedule_begin(&generator->schedule, options->poisson, options->rate, now_ns, options->seed);
  else
    ask_first(generator);
}

/* Is the measured part complete? */
static bool is_measured_enough(const struct generator *generator) {
  if (generator->options.requests)
    return generator->result->sent >= generator->options.requests && generator->under_way == 0;
  return generator->now_ns >= generator->to_ns &&
         !(generator__is_open_loop(generator) && generator->issuing);
}

static void step_phase(struct generator *generator) {
  if (generator->phase == PHASE_OPENING && generator->opening == 0 &&
      !generator__open_more(generator))
    begin_load(generator);
  if (generator->phase == PHASE_WARMUP && generator->now_ns >= generator->from_ns)
    begin_measured(generator);
  if (generator->phase == PHASE_MEASURED && is_measured_enough(generator))
    end_measured(generator,
                 generator->options.requests ? generator->progress_ns : generator->to_ns);
  if (generator->phase == PHASE_DRAIN &&
      (generator->under_way == 0 || generator->now_ns >= generator->drained_ns))
    generator->phase = PHASE_OVER;
}

/* ---- iterating ---------------------------------------------------------------------------- */

static bool sweeps(const struct generator *generator) {
  return generator->options.udp && !generator__is_open_loop(generator) && generator->issuing;
}

static bool waits_for_server(const struct generator *generator) {
  return generator->phase == PHASE_OPENING || generator->under_way > 0;
}

static void step(struct generator *generator) {
  if (generator->issuing && generator__is_open_loop(generator))
    issue_due(generator);
  step_phase(generator);
  uint64_t now_ns = generator->now_ns;
  if (sweeps(generator) && now_ns >= generator->sweep_ns) {
    generator->sweep_ns = now_ns + generator->options.drain_ns / 4;
    generator__sweep(generator);
  }
  if (now_ns >= generator->alive_ns) {
    generator->alive_ns = now_ns + NS_PER_SECOND;
    generator__alive(generator->parent);
  }
  if (waits_for_server(generator) && now_ns >= generator->progress_ns + generator->patience_ns)
    generator__fail(generator, -ETIMEDOUT,
                    generator->phase == PHASE_OPENING
                        ? "for %.3g s no connection was accepted (%zu of them are open)"
                        : "for %.3g s no echo came (after %zu of them): does the server hang?",
                    (double)generator->patience_ns / 1e9,
                    generator->phase == PHASE_OPENING ? generator->opened - generator->opening
                                                      : (size_t)generator->result->echoed);
}

static void keep_earlier(uint64_t *at_ns, uint64_t other_ns) {
  if (other_ns < *at_ns)
    *at_ns = other_ns;
}

/* The next time at which step() has work even if nothing arrives. */
static uint64_t next_step_ns(const struct generator *generator) {
  uint64_t at_ns = generator->alive_ns;
  if (generator->phase == PHASE_OPENING && generator->opening == 0)
    return 0;
  if (waits_for_server(generator))
    keep_earlier(&at_ns, generator->progress_ns + generator->patience_ns);
  if (generator->phase == PHASE_WARMUP)
    keep_earlier(&at_ns, generator->from_ns);
  if (generator->phase == PHASE_MEASURED)
    keep_earlier(&at_ns, generator->to_ns);
  if (generator->phase == PHASE_DRAIN)
    keep_earlier(&at_ns, generator->drained_ns);
  if (generator->issuing && generator__is_open_loop(generator))
    keep_earlier(&at_ns, schedule_due(&generator->schedule));
  if (sweeps(generator))
    keep_earlier(&at_ns, generator->sweep_ns);
  return at_ns;
}

static void turn(struct generator *generator) {
  uint64_t wait_ns = 0;
  if (!generator->options.spin) {
    uint64_t at_ns = next_step_ns(generator);
    wait_ns = at_ns > generator->now_ns ? at_ns - generator->now_ns : 0;
  }
  int called = ioloop_run_once(generator->loop, wait_ns);
  generator->now_ns = ioloop_time(generator->loop);
  if (called < 0)
    generator__fail(generator, called, "the generator's loop failed: %s", strerror(-called));
}

void generator__drive(struct generator *generator) {
  generator->now_ns = generator->progress_ns = generator->alive_ns = ioloop_time(generator->loop);
  while (!generator__is_over(generator)) {
    step(generator);
    if (!generator__is_over(generator))
      turn(generator);
  }
}
