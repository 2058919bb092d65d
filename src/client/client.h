/* SPDX-License-Identifier: MIT */
/*
 * client.h - the client: what its files share.
 *
 *   main.c     puts the parts together, runs the loop, tears down
 *   options.c  the command line            input.c    texts from arguments or stdin
 *   message.c  texts as JSON               client.c   hands messages to workers, keeps the books
 *   tcp.c      a worker with a connection  udp.c      a worker with a datagram socket
 *
 * A worker has one message under way at a time. client.c gives it one (start), the worker sends
 * it and compares what comes, and reports one of: client_done, client_failed, client_unreachable.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "../iostream.h"
#include "../programs/address.h"
#include "../programs/output.h"
#include "input.h"
#include "message.h"
#include "options.h"

struct client;

/* To reach the server at one address. */
struct attempt {
  struct worker *worker;
  size_t target;           /* index of the address */
  int error;               /* -errno that ended it; 0: it is under way, or was not made */
  struct iostream *stream; /* TCP */
  struct datagram *socket; /* UDP */
};

struct worker {
  struct client *client;
  struct worker *next_idle;
  struct message message;
  bool busy;
  size_t sent, received; /* bytes of the message given to the kernel, and of its echo compared */
  ioloop_timeout timeout;
  struct attempt *attempts; /* one for each address; from here on: race.c's */
  struct attempt *answered; /* NULL: none of them has */
  size_t first, last;       /* those that may be tried for this message */
  size_t tried;             /* from `first` to here */
  size_t open;              /* of these, neither failed nor closed */
  ioloop_timeout next_attempt;
};

struct transport {
  const char *name;
  /* Begin to talk to the address: race_won or race_lost follows. -errno: it cannot be tried. */
  int (*open)(struct attempt *attempt);
  /* worker->message is to be sent to the address that has answered before. */
  void (*send)(struct worker *worker);
  /* The echo did not come in time: say so by client_failed or client_unreachable. */
  void (*time_out)(struct worker *worker);
  /* Any number of times. */
  void (*close)(struct attempt *attempt);
};

extern const struct transport transport_tcp, transport_udp;

struct client {
  struct options options;
  const char *user;
  struct ioloop *loop;
  struct output *output;
  struct input *input;
  const struct transport *transport;
  struct address_list targets;
  bool reached;  /* one of them answered */
  size_t target; /* and this one is it */
  struct worker *workers, *idle;
  struct attempt *attempts; /* of all workers */
  uint64_t started, done;
  size_t busy;      /* workers with a message under way */
  bool stalled;     /* stdout takes no more for the time being */
  bool input_ended; /* no more messages */
  bool halted;      /* something failed: no new ones */
  bool pumping;
  bool failure_said;
  int status;
};

/* Hand out messages while there are idle workers. */
void client_pump(struct client *client);

/* The echo is as it was sent (or nobody waits for one): print it, and on to the next. */
void client_done(struct worker *worker);

/* "echo 3 of 10 is <what>", printf-like; the first failure is said, none is started after it. */
void client_failed(struct worker *worker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* None of the addresses answered: a failure that names each that was tried. */
void client_unreachable(struct worker *worker);

/* Compare a piece of echo. False when client_failed was called. */
bool client_compare(struct worker *worker, const char *data, size_t size);

/* race.c: try the addresses for the worker's message, until one has answered. */
void race_begin(struct worker *worker);
void race_won(struct attempt *attempt);
/* The next one is tried at once; where there is none left it is client_unreachable. */
void race_lost(struct attempt *attempt, int error);
/* Close all of them. */
void race_end(struct worker *worker);

/* A trouble that is not about one echo. */
void client_trouble(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
