/* SPDX-License-Identifier: MIT */
/*
 * client.c - gives messages to workers, prints echoes, and prints the one line about an error.
 *
 * Only the first failure is printed, and no message is started after it. Messages already under way
 * are still waited for, so that their echoes are printed.
 */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/say.h"
#include "common/text.h"

enum {
  EXCERPT_SIZE = 24,  /* bytes of a message that an error line quotes */
  UDP4_LIMIT = 65507, /* bytes of a message */
  UDP6_LIMIT = 65527,
};

/* ---- failures ------------------------------------------------------------------------- */

void client_trouble(struct client *client, const char *format, ...) {
  char text[512];
  va_list arguments;
  if (!client->halted) {
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    complain("%s", text);
  }
  client->halted = true;
  client->status = EXIT_TROUBLE;
}

const char *client_total(const struct client *client, char to[32]) {
  uint64_t total = input_total(client->input);
  *to = '\0';
  if (total > 0)
    snprintf(to, 32, " of %" PRIu64, total);
  return to;
}

/* ---- a worker finishes ---------------------------------------------------------------- */

static void on_timeout(struct ioloop *loop, void *arg) {
  struct worker *worker = arg;
  (void)loop;
  worker->timeout = 0;
  worker->client->transport->time_out(worker);
}

/* Its message is over: it may take the next one. */
static void release(struct worker *worker) {
  struct client *client = worker->client;
  if (worker->timeout)
    ioloop_remove_timeout(client->loop, worker->timeout);
  worker->timeout = 0;
  worker->busy = false;
  client->busy--;
  message_free(&worker->message);
  worker->next_idle = client->idle;
  client->idle = worker;
  client_pump(client);
}

void client_done(struct worker *worker) {
  struct client *client = worker->client;
  const struct message *message = &worker->message;
  client->done++;
  if (!client->options.no_wait) {
    char *to = output_reserve(client->output, ESCAPE_TEXT_ROOM(message->size));
    if (to)
      output_commit(client->output, escape_text(to, message->data, message->size));
  }
  release(worker);
}

void client_failed(struct worker *worker, const char *format, ...) {
  struct client *client = worker->client;
  char what[384], total[32];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  client_trouble(client, "echo %" PRIu64 "%s is %s", worker->message.number,
                 client_total(client, total), what);
  release(worker);
}

static const char *remedy(int error) {
  switch (-error) {
  case ECONNREFUSED:
    return "is the server running? --host=ADDR and --port=N choose another address";
  case ETIMEDOUT:
    return "it does not answer within --timeout; are --host=ADDR and --port=N right?";
  case EMFILE:
  case ENFILE:
    return "raise the limit of descriptors: ulimit -n; or give a smaller --concurrency=N";
  case ENOMEM:
  case ENOBUFS:
    return "this machine is short of memory; try again later";
  case EADDRNOTAVAIL:
    return "no local port is free; give a smaller --concurrency=N, or wait a minute";
  case EMSGSIZE:
    return "the network takes no datagram of this size; --tcp has no limit";
  case ELOOP:
    return "no server listens there; start it, or choose another address: --host=ADDR, --port=N";
  default:
    return "are --host=ADDR and --port=N right?";
  }
}

static const char *describe(int error) {
  return error == -ELOOP ? "it is the client itself" : strerror(error ? -error : ETIMEDOUT);
}

/* "127.0.0.1:8888: Connection refused, [::1]:8888: Connection timed out" */
static void describe_attempts(const struct worker *worker, char *to, size_t room) {
  char text[ADDRESS_TEXT_SIZE];
  size_t used = 0;
  for (size_t i = worker->first; i < worker->tried && used < room; i++) {
    int error = worker->attempts[i].error;
    int n = snprintf(to + used, room - used, "%s%s: %s", i > worker->first ? ", " : "",
                     address_text(&worker->client->targets.at[i], text), describe(error));
    used += n > 0 ? (size_t)n : 0;
  }
}

void client_unreachable(struct worker *worker) {
  struct client *client = worker->client;
  char tried[384] = "";
  int error = worker->attempts[worker->first].error;
  describe_attempts(worker, tried, sizeof tried);
  race_end(worker);
  client_trouble(client, "cannot reach %s %s (%s)", client->transport->name, tried,
                 remedy(error ? error : -ETIMEDOUT));
  release(worker);
}

/* ---- comparing ------------------------------------------------------------------------ */

static const char *quote(char *to, const char *data, size_t size) {
  size_t used = escape_text(to, data, size < EXCERPT_SIZE ? size : EXCERPT_SIZE);
  to[used - 1] = '\0'; /* in place of the newline */
  return to;
}

bool client_compare(struct worker *worker, const char *data, size_t size) {
  char sent[ESCAPE_TEXT_ROOM(EXCERPT_SIZE)], came[ESCAPE_TEXT_ROOM(EXCERPT_SIZE)];
  const struct message *message = &worker->message;
  size_t left = message->size - worker->received, common = 0;
  const char *expected = message->data + worker->received;
  size_t limit = size < left ? size : left;
  if (memcmp(expected, data, limit) == 0)
    common = limit;
  while (common < limit && expected[common] == data[common])
    common++;
  worker->received += common;
  if (common == size)
    return true;
  client_failed(worker, "different at byte %zu of %zu: sent '%s', back came '%s'",
                worker->received + 1, message->size, quote(sent, expected + common, left - common),
                quote(came, data + common, size - common));
  return false;
}

/* ---- giving messages to workers ------------------------------------------------------- */

static int make_message(struct client *client, const char *text, size_t size, struct message *ret) {
  int error = client->options.raw ? message_make_raw(text, size, ret)
                                  : message_make_json(client->user, time(NULL), text, size, ret);
  if (error)
    client_trouble(client, "cannot make message %" PRIu64 ": %s", ret->number, strerror(-error));
  return error;
}

static size_t datagram_limit(const struct client *client) {
  for (size_t i = 0; i < client->targets.count; i++)
    if (client->targets.at[i].any.sa_family == AF_INET6)
      return UDP6_LIMIT;
  return UDP4_LIMIT;
}

/* NULL: none yet, or none that can be sent. */
static struct message *next_message(struct client *client, struct message *ret) {
  const char *text;
  size_t size;
  enum input_result result = input_next(client->input, &text, &size);
  client->input_ended = result == INPUT_END;
  if (result != INPUT_TEXT)
    return NULL;
  *ret = (struct message){.number = client->started + 1};
  if (make_message(client, text, size, ret) < 0)
    return NULL;
  if (client->options.udp && ret->size > datagram_limit(client)) {
    client_trouble(client,
                   "message %" PRIu64 " has %zu bytes, a datagram takes %zu at most; --tcp has no "
                   "limit",
                   ret->number, ret->size, datagram_limit(client));
    message_free(ret);
    return NULL;
  }
  client->started++;
  return ret;
}

static bool start_next(struct client *client) {
  struct message message;
  if (!client->idle || client->stalled || client->halted || !next_message(client, &message))
    return false;
  struct worker *worker = client->idle;
  client->idle = worker->next_idle;
  worker->message = message;
  worker->busy = true;
  client->busy++;
  worker->sent = worker->received = 0;
  int error = ioloop_call_later(client->loop, client->options.timeout_ns, on_timeout, worker,
                                &worker->timeout);
  if (error)
    client_failed(worker, "not sent: %s", strerror(-error));
  else if (worker->answered)
    client->transport->send(worker);
  else
    race_begin(worker);
  return true;
}

/* All echoes have arrived and are printed: leave the loop. */
static void check_end(struct client *client) {
  if ((client->input_ended || client->halted) && client->busy == 0 &&
      output_pending(client->output) == 0)
    ioloop_stop(client->loop);
}

void client_pump(struct client *client) {
  if (client->pumping)
    return; /* a worker finished at once: the caller's loop goes on */
  client->pumping = true;
  while (start_next(client))
    continue;
  client->pumping = false;
  check_end(client);
}
