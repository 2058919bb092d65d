/* SPDX-License-Identifier: MIT */
/*
 * client.h - the client: what its files share.
 *
 *   main.c     puts the parts together, runs the loop, tears down
 *   options.c  the command line            input.c    texts from arguments or stdin
 *   message.c  texts as JSON               client.c   gives messages to workers, counts results
 *   tcp.c      a worker with a connection  udp.c      a worker with a datagram socket
 *   race.c     which of the server's addresses answers
 *
 * A worker has one message under way at a time. client.c gives it one (start); the worker sends it,
 * compares the echo, and reports one of: client_done, client_failed, client_unreachable.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "common/address.h"
#include "common/output.h"
#include "ioloop/stream.h"
#include "message.h"

/* ---- options.c ------------------------------------------------------------------------ */

struct client_options {
  const char *backend; /* NULL: IOLOOP_BACKEND or the best one */
  bool tcp, udp;       /* exactly one is true */
  const char *host;
  uint64_t port;
  const char *user; /* NULL: your login name */
  bool raw, no_wait;
  uint64_t count, concurrency;
  uint64_t timeout_ns;
  const char **messages; /* the caller's array of argc, filled in */
  size_t message_count;  /* 0: the lines of stdin */
  bool help, version;
};

/* 0, or EXIT_USAGE after printing an error. ret->messages must be set. */
int options_parse(int argc, char **argv, struct client_options *ret);

/* Print --help on stdout. Returns an exit code. */
int options_print_help(void);

/* ---- input.c: the source of the messages' texts, the command line or the lines of stdin - */

struct input;

enum input_result {
  INPUT_TEXT,  /* there is one */
  INPUT_LATER, /* not yet: on_more will be called */
  INPUT_END,   /* there are no more */
};

struct input_options {
  const char *const *arguments; /* owned by the caller */
  size_t argument_count;        /* 0: lines of stdin */
  bool keep_newline;            /* keep the newline of each line */
  uint64_t repeat;              /* return each text N times */
  void (*on_more)(void *arg);   /* a text may be available */
  /* stdin cannot be read: -errno, or -ENOMEM for a line that is too long. INPUT_END follows. */
  void (*on_error)(void *arg, int error);
  void *arg;
};

/* -errno of watching stdin; -ENOMEM. */
int input_new(struct ioloop *loop, const struct input_options *options, struct input **ret);

/* The next text; valid until the next call. */
enum input_result input_next(struct input *input, const char **ret_text, size_t *ret_size);

/* The total number of texts; 0: not known. */
uint64_t input_total(const struct input *input);

void input_free(struct input *input);

/* ---- the client ----------------------------------------------------------------------- */

struct client;

/* An attempt to reach the server at one address. */
struct attempt {
  struct worker *worker;
  size_t target;                  /* index of the address */
  int error;                      /* -errno that ended it; 0: under way, or not yet made */
  struct ioloop_stream *stream;   /* TCP */
  struct ioloop_datagram *socket; /* UDP */
};

struct worker {
  struct client *client;
  struct worker *next_idle;
  struct message message;
  bool busy;
  size_t sent, received; /* bytes of the message sent, and of its echo compared */
  ioloop_timeout timeout;
  struct attempt *attempts; /* one for each address; race.c's from here on */
  struct attempt *answered; /* NULL: none of them has */
  size_t first, last;       /* those that may be tried for this message */
  size_t tried;             /* the next one after those tried */
  size_t open;              /* of these, neither failed nor closed */
  ioloop_timeout next_attempt;
};

struct transport {
  const char *name;
  /* Start an attempt at the address: race_won or race_lost follows. -errno: it cannot be tried. */
  int (*open)(struct attempt *attempt, const struct address *address);
  /* Send worker->message to the address that has already answered. */
  void (*send)(struct worker *worker);
  /* The echo did not arrive in time: call client_failed or client_unreachable. */
  void (*time_out)(struct worker *worker);
  /* May be called any number of times. */
  void (*close)(struct attempt *attempt);
};

extern const struct transport transport_tcp, transport_udp;

struct client {
  struct client_options options;
  const char *user;
  struct ioloop *loop;
  struct output *output;
  struct input *input;
  const struct transport *transport;
  struct address_list targets;
  bool reached;  /* one of them answered */
  size_t target; /* the index of the one that did */
  struct worker *workers, *idle;
  struct attempt *attempts; /* of all workers */
  uint64_t started, done;
  size_t busy;      /* workers with a message under way */
  bool stalled;     /* stdout takes no more for now */
  bool input_ended; /* no more messages */
  bool halted;      /* something failed: start no new ones */
  bool pumping;
  int status;
};

/* Give out messages while there are idle workers. */
void client_pump(struct client *client);

/* The echo is correct (or none is awaited): print it, and start the next message. */
void client_done(struct worker *worker);

/* "echo 3 of 10 is <what>", printf-like. The first failure is printed; no message is started after
 * it. */
void client_failed(struct worker *worker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* None of the addresses answered: a failure that lists each that was tried. */
void client_unreachable(struct worker *worker);

/* Compare a piece of an echo. False if client_failed was called. */
bool client_compare(struct worker *worker, const char *data, size_t size);

/* race.c: try the addresses for the worker's message, until one has answered. */
void race_begin(struct worker *worker);
void race_won(struct attempt *attempt);
/* The next one is tried at once; if none is left, client_unreachable is called. */
void race_lost(struct attempt *attempt, int error);
/* Close all of them. */
void race_end(struct worker *worker);

/* " of 10", or "" if the total is not known; returns `to`. */
const char *client_total(const struct client *client, char to[32]);

/* An error that does not concern a single echo. */
void client_trouble(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
