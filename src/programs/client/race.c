/* SPDX-License-Identifier: MIT */
/*
 * race.c - which of the addresses of a name answers (RFC 8305, "Happy Eyeballs").
 *
 * The first address gets a head start. The next one is tried as soon as it has failed, or after
 * 250 ms without an answer, or sooner if otherwise the last one would have less than half of
 * --timeout left. Whichever answers first is used, and the others are closed. So an address whose
 * firewall drops everything costs a quarter of a second, not the timeout. From then on only the
 * address that answered is used.
 *
 * Over UDP the answer is the echo: a message may reach more than one server in that time.
 */
#include <errno.h>

#include "client.h"
#include "common/clock.h"

#define ATTEMPT_DELAY_NS (250 * NS_PER_MS) /* RFC 8305, section 5 */

static void try_next(struct worker *worker);

static void on_delay(struct ioloop *loop, void *arg) {
  struct worker *worker = arg;
  (void)loop;
  worker->next_attempt = 0;
  try_next(worker);
}

static void stop_timer(struct worker *worker) {
  if (worker->next_attempt)
    ioloop_remove_timeout(worker->client->loop, worker->next_attempt);
  worker->next_attempt = 0;
}

/* All attempts begin in the first half of the timeout. */
static uint64_t step_of(const struct worker *worker) {
  uint64_t step_ns = worker->client->options.timeout_ns / 2 / (worker->last - worker->first);
  return step_ns < ATTEMPT_DELAY_NS ? step_ns : ATTEMPT_DELAY_NS;
}

static int start_timer(struct worker *worker) {
  return ioloop_call_later(worker->client->loop, step_of(worker), on_delay, worker,
                           &worker->next_attempt);
}

static void try_next(struct worker *worker) {
  stop_timer(worker);
  while (worker->tried < worker->last) {
    struct attempt *attempt = &worker->attempts[worker->tried++];
    attempt->error =
        worker->client->transport->open(attempt, &worker->client->targets.at[attempt->target]);
    if (attempt->error)
      continue;
    worker->open++;
    if (worker->tried == worker->last || start_timer(worker) == 0)
      return;
  }
  if (worker->open == 0)
    client_unreachable(worker);
}

void race_begin(struct worker *worker) {
  const struct client *client = worker->client;
  worker->first = client->reached ? client->target : 0;
  worker->last = client->reached ? client->target + 1 : client->targets.count;
  worker->tried = worker->first;
  try_next(worker);
}

static void close_others(struct worker *worker, const struct attempt *kept) {
  stop_timer(worker);
  for (size_t i = worker->first; i < worker->tried; i++)
    if (&worker->attempts[i] != kept)
      worker->client->transport->close(&worker->attempts[i]);
  worker->tried = worker->last;
  worker->open = kept != NULL;
}

void race_won(struct attempt *attempt) {
  struct worker *worker = attempt->worker;
  close_others(worker, attempt);
  worker->answered = attempt;
  worker->client->reached = true;
  worker->client->target = attempt->target;
}

void race_lost(struct attempt *attempt, int error) {
  struct worker *worker = attempt->worker;
  attempt->error = error;
  worker->open--;
  worker->client->transport->close(attempt);
  if (attempt == worker->answered)
    worker->answered = NULL;
  try_next(worker);
}

void race_end(struct worker *worker) {
  close_others(worker, NULL);
  worker->answered = NULL;
}
