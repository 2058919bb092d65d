/* SPDX-License-Identifier: MIT */
/*
 * stream_name.c - connecting to a name: all its addresses are tried, and the first that accepts
 * wins (RFC 8305, "Happy Eyeballs").
 *
 * The addresses alternate between the families, beginning with the first that getaddrinfo returned,
 * whose order is the system's preference. An attempt is made every 250 ms, and at once if one fails.
 * The stream has no descriptor until an attempt has won; then it goes on as if it had been connected
 * by ioloop_stream_connect. Closing the stream ends the lookup and all attempts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend.h"
#include "names.h"
#include "platform.h"
#include "stream_internal.h"

#define ATTEMPT_DELAY (250 * IOLOOP_MILLISECOND)

struct attempt {
  struct ioloop_stream *stream;
  const struct addrinfo *address;
  int fd; /* -1: not begun, or failed */
};

struct ioloop__stream_naming {
  struct ioloop__lookup *lookup;
  int lookup_fd; /* -1: it is over */
  ioloop_timeout delay;
  int error; /* of the last attempt */
  size_t count, next, open;
  struct attempt *attempts;
};

static void stop_attempt(struct ioloop *loop, struct attempt *attempt) {
  ioloop_remove_handler(loop, attempt->fd);
  close(attempt->fd);
  attempt->fd = -1;
}

void ioloop__stream_stop_naming(struct ioloop_stream *stream) {
  struct ioloop__stream_naming *naming = stream->extras ? stream->extras->naming : NULL;
  if (!naming)
    return;
  stream->extras->naming = NULL;
  ioloop_remove_timeout(stream->loop, naming->delay);
  for (size_t i = 0; i < naming->next; i++)
    if (naming->attempts[i].fd >= 0)
      stop_attempt(stream->loop, &naming->attempts[i]);
  if (naming->lookup_fd >= 0)
    ioloop_remove_handler(stream->loop, naming->lookup_fd);
  if (naming->lookup)
    ioloop__lookup_end(naming->lookup, ioloop__inherited(stream->loop));
  free(naming->attempts);
  free(naming);
}

/* ---- attempts ------------------------------------------------------------------------------- */

static void make_attempts(struct ioloop_stream *stream);

static void on_attempt(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct attempt *attempt = arg;
  struct ioloop_stream *stream = attempt->stream;
  struct ioloop__stream_naming *naming = stream->extras->naming;
  (void)events;
  int r = ioloop__stream_connect_result(fd);
  if (r == -EINPROGRESS && ioloop__taken_error(loop, fd))
    r = -ioloop__taken_error(loop, fd);
  if (r == -EINPROGRESS)
    return;
  if (r) {
    stop_attempt(loop, attempt);
    naming->open--;
    naming->error = r;
    make_attempts(stream);
    return;
  }
  ioloop_remove_handler(loop, fd);
  attempt->fd = -1;
  ioloop__stream_stop_naming(stream);
  stream->fd = fd;
  ioloop__stream_enter(stream);
  ioloop__stream_connected(stream);
  ioloop__stream_leave(stream);
}

static int begin_attempt(struct ioloop_stream *stream, struct attempt *attempt) {
  const struct addrinfo *to = attempt->address;
  int fd = ioloop__socket(to->ai_family, SOCK_STREAM, 0);
  if (fd < 0)
    return fd;
  int r = ioloop__stream_nodelay(fd, true);
  if ((!r || r == -EOPNOTSUPP) && connect(fd, to->ai_addr, to->ai_addrlen) < 0)
    r = errno == EINPROGRESS || errno == EINTR ? 0 : -errno;
  if (!r || r == -EOPNOTSUPP)
    r = ioloop_add_handler(stream->loop, fd, IOLOOP_WRITE, on_attempt, attempt);
  if (r) {
    close(fd);
    return r;
  }
  attempt->fd = fd;
  stream->extras->naming->open++;
  return 0;
}

static void on_delay(struct ioloop *loop, void *arg) {
  struct ioloop_stream *stream = arg;
  (void)loop;
  stream->extras->naming->delay = 0;
  make_attempts(stream);
}

/* Begin one more. The next one follows after a while, whether it succeeds or not. */
static void make_attempts(struct ioloop_stream *stream) {
  struct ioloop__stream_naming *naming = stream->extras->naming;
  int r = -1;
  ioloop_remove_timeout(stream->loop, naming->delay);
  naming->delay = 0;
  while (r && naming->next < naming->count) {
    r = begin_attempt(stream, &naming->attempts[naming->next++]);
    if (r)
      naming->error = r;
  }
  if (naming->next < naming->count)
    r = ioloop_call_later(stream->loop, ATTEMPT_DELAY, on_delay, stream, &naming->delay);
  if (naming->open == 0)
    ioloop__stream_fail(stream, naming->error);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static const struct addrinfo *next_of(const struct addrinfo *it, int family, bool same) {
  while (it && (it->ai_family == family) != same)
    it = it->ai_next;
  return it;
}

static int take_addresses(struct ioloop_stream *stream, const struct addrinfo *found) {
  struct ioloop__stream_naming *naming = stream->extras->naming;
  const struct addrinfo *it = found, *other;
  int family = found->ai_family;
  size_t count = 0;
  for (; it; it = it->ai_next)
    count++;
  naming->attempts = calloc(count, sizeof *naming->attempts);
  if (!naming->attempts)
    return -ENOMEM;
  it = found;
  other = next_of(found, family, false);
  while (it || other) {
    const struct addrinfo **from = it && (!other || naming->count % 2 == 0) ? &it : &other;
    naming->attempts[naming->count++] =
        (struct attempt){.stream = stream, .address = *from, .fd = -1};
    *from = next_of((*from)->ai_next, family, from == &it);
  }
  return 0;
}

static void use_result(struct ioloop_stream *stream) {
  const struct addrinfo *found;
  int r = ioloop__lookup_result(stream->extras->naming->lookup, &found);
  if (!r)
    r = take_addresses(stream, found);
  if (r)
    ioloop__stream_fail(stream, r);
  else
    make_attempts(stream);
}

static void on_found(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct ioloop_stream *stream = arg;
  struct ioloop__stream_naming *naming = stream->extras->naming;
  char byte;
  (void)events;
  if (read(fd, &byte, 1) != 1) /* readiness may be spurious */
    return;
  ioloop_remove_handler(loop, fd);
  naming->lookup_fd = -1;
  use_result(stream);
}

/* ---- the call -------------------------------------------------------------------------------- */

static int begin_naming(struct ioloop_stream *stream, const char *host, const char *service) {
  struct ioloop__stream_extras *extras = ioloop__stream_extras(stream);
  struct ioloop__stream_naming *naming = extras ? calloc(1, sizeof *naming) : NULL;
  if (!naming)
    return -ENOMEM;
  naming->lookup_fd = -1;
  extras->naming = naming;
  int fd, r = ioloop__lookup_begin(host, service, &fd, &naming->lookup);
  if (!r && fd < 0) { /* a failure is reported by the loop */
    use_result(stream);
    return stream->life == STREAM_FAILED && !stream->timeout ? -ENOMEM : 0;
  }
  if (!r)
    r = ioloop_add_handler(stream->loop, fd, IOLOOP_READ, on_found, stream);
  if (!r)
    naming->lookup_fd = fd;
  return r;
}

int ioloop_stream_connect_name(struct ioloop *loop, const char *host, const char *service,
                               ioloop_stream_fn *on_connect, ioloop_stream_close_fn *on_close,
                               void *arg, struct ioloop_stream **ret) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!host || (!service && strncmp(host, "unix:", 5) != 0))
    return -EINVAL;
  if (strncmp(host, "unix:", 5) == 0) {
    struct sockaddr_un address;
    int size = ioloop__unix_address(host + 5, &address);
    return size < 0 ? size
                    : ioloop_stream_connect(loop, (struct sockaddr *)&address, (socklen_t)size,
                                            on_connect, on_close, arg, ret);
  }
  struct ioloop_stream *stream = malloc(sizeof *stream);
  if (!stream)
    return -ENOMEM;
  ioloop__stream_init(stream, loop, -1);
  stream->life = STREAM_CONNECTING;
  int r = begin_naming(stream, host, service);
  return ioloop__stream_hand_over(stream, r, on_connect, on_close, arg, ret);
}
