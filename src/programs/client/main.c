/* SPDX-License-Identifier: MIT */
/* main.c - the client: put together, run, taken apart. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "common/backends.h"
#include "common/cli.h"
#include "common/program.h"
#include "common/say.h"

/* ---- how stdin and stdout affect the rest --------------------------------------------- */

/* There may be input, or room for output. */
static void pump(void *arg) {
  client_pump(arg);
}

static void on_input_error(void *arg, int error) {
  client_trouble(arg, "cannot read messages from stdin: %s (give them as arguments)",
                 strerror(-error));
}

static void on_stalled(void *arg, bool stalled) {
  struct client *client = arg;
  client->stalled = stalled;
  if (!stalled)
    client_pump(client);
}

static void on_output_failed(void *arg, int error) {
  struct client *client = arg;
  client_trouble(client, "cannot write to stdout: %s (%s)", strerror(-error), output_remedy(error));
  ioloop_stop(client->loop);
}

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  struct client *client = arg;
  char total[32];
  if (client->status > 128)
    return; /* the loop stops */
  output_flush(client->output);
  complain("interrupted: %" PRIu64 "%s %s", client->done, client_total(client, total),
           client->options.no_wait ? "messages were sent" : "echoes came back");
  client->status = 128 + signo;
  ioloop_stop(loop);
}

/* ---- creating and freeing ------------------------------------------------------------- */

static const char *user_name(const struct client_options *options) {
  if (options->user)
    return options->user;
  const char *name = getenv("USER");
  const struct passwd *entry = name && *name ? NULL : getpwuid(geteuid());
  if (entry)
    name = entry->pw_name;
  return name && *name ? name : "anonymous";
}

static int make_workers(struct client *client) {
  size_t count = (size_t)client->options.concurrency, targets = client->targets.count;
  client->workers = calloc(count, sizeof *client->workers);
  if (client->workers)
    client->attempts = calloc(count * targets, sizeof *client->attempts);
  if (!client->attempts)
    return -ENOMEM;
  for (uint64_t i = client->options.concurrency; i-- > 0;) {
    struct worker *worker = &client->workers[i];
    worker->client = client;
    worker->attempts = &client->attempts[i * targets];
    for (size_t j = 0; j < targets; j++)
      worker->attempts[j] = (struct attempt){.worker = worker, .target = j};
    worker->next_idle = client->idle;
    client->idle = worker;
  }
  return 0;
}

static int make_input(struct client *client) {
  const struct input_options options = {.arguments = client->options.messages,
                                        .argument_count = client->options.message_count,
                                        .keep_newline = client->options.raw,
                                        .repeat = client->options.count,
                                        .on_more = pump,
                                        .on_error = on_input_error,
                                        .arg = client};
  return input_new(client->loop, &options, &client->input);
}

static int make_output(struct client *client) {
  const struct output_events events = {
      .stalled = on_stalled, .emptied = pump, .failed = on_output_failed, .arg = client};
  return output_new(client->loop, STDOUT_FILENO, &events, &client->output);
}

static int make_parts(struct client *client) {
  int error = make_workers(client);
  if (!error)
    error = make_input(client);
  if (!error)
    error = make_output(client);
  if (!error)
    error = signals_watch_end(client->loop, on_signal, client);
  if (error)
    client_trouble(client, "cannot start: %s", strerror(-error));
  return client->status;
}

static void free_parts(struct client *client) {
  signals_hold_end();
  for (uint64_t i = 0; client->attempts && i < client->options.concurrency; i++) {
    struct worker *worker = &client->workers[i];
    race_end(worker);
    message_free(&worker->message);
  }
  free(client->attempts);
  free(client->workers);
  input_free(client->input);
  output_free(client->output);
  ioloop_free(client->loop);
  address_list_free(&client->targets);
}

/* ---- running -------------------------------------------------------------------------- */

static int resolve(struct client *client) {
  const struct client_options *options = &client->options;
  const char *reason = address_resolve(options->host, (uint16_t)options->port, &client->targets);
  if (!reason) {
    address_interleave(&client->targets);
    return 0;
  }
  return complain("--host=%s: cannot find its address: %s (give the server's name or address)",
                  options->host, reason);
}

static void run(struct client *client) {
  if (client->options.message_count == 0 && isatty(STDIN_FILENO))
    say("each line you type is a message; Ctrl-D ends");
  client_pump(client);
  int error = ioloop_start(client->loop);
  if (error < 0)
    client_trouble(client, "the %s backend failed: %s", ioloop_backend_name(client->loop),
                   strerror(-error));
}

static int talk(const struct client_options *options) {
  struct client client = {
      .options = *options,
      .user = user_name(options),
      .transport = options->udp ? &transport_udp : &transport_tcp,
  };
  signals_survive_writes();
  (void)descriptors_raise_limit();
  int status = resolve(&client);
  if (!status)
    status = backends_new_loop(backends_choose(options->backend), NULL, &client.loop);
  if (!status && make_parts(&client) == EXIT_OK)
    run(&client);
  free_parts(&client);
  return status ? status : client.status;
}

static int start(int argc, char **argv, const char **messages) {
  struct client_options options = {.messages = messages};
  int error = options_parse(argc, argv, &options);
  if (error)
    return error;
  if (options.help)
    return options_print_help();
  if (options.version)
    return cli_print_version();
  return talk(&options);
}

int main(int argc, char **argv) {
  program_begin(argv[0]);
  const char **messages = calloc((size_t)argc + 1, sizeof *messages);
  if (!messages)
    return complain("cannot start: %s", strerror(ENOMEM));
  int status = start(argc, argv, messages);
  free(messages);
  return status;
}
