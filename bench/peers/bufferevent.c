/* SPDX-License-Identifier: MIT */
/*
 * bufferevent.c - a TCP echo server on libevent's bufferevents. Data is moved, not copied, from the
 * input buffer to the output buffer. While the output buffer is too full, because of a slow reader,
 * reading is off.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>

#include "common/say.h"
#include "peer.h"

enum {
  HIGH_WATER = 256 * 1024,
};

static size_t unsent(struct bufferevent *stream) {
  return evbuffer_get_length(bufferevent_get_output(stream));
}

static void on_read(struct bufferevent *stream, void *arg) {
  (void)arg;
  bufferevent_write_buffer(stream, bufferevent_get_input(stream));
  if (unsent(stream) > HIGH_WATER)
    bufferevent_disable(stream, EV_READ);
}

static void on_sent(struct bufferevent *stream, void *arg) {
  (void)arg;
  bufferevent_enable(stream, EV_READ);
}

static void on_all_sent(struct bufferevent *stream, void *arg) {
  (void)arg;
  bufferevent_free(stream);
}

/* End of input: send the rest of the echo, then close. Any other event closes at once. */
static void on_event(struct bufferevent *stream, short what, void *arg) {
  if ((what & BEV_EVENT_EOF) && unsent(stream) > 0)
    bufferevent_setcb(stream, NULL, on_all_sent, on_event, arg);
  else
    bufferevent_free(stream);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *from, int size, void *arg) {
  (void)from, (void)size;
  struct event_base *base = evconnlistener_get_base(listener);
  struct bufferevent *stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  if (!stream) {
    evutil_closesocket(fd);
    return;
  }
  bufferevent_setcb(stream, on_read, on_sent, on_event, arg);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
}

static void on_accept_error(struct evconnlistener *listener, void *arg) {
  (void)arg;
  if (errno == EMFILE || errno == ENFILE)
    peer_turn_away(evconnlistener_get_fd(listener));
}

int main(int argc, char **argv) {
  struct peer peer = peer_begin(argc, argv);
  if (peer.udp)
    return complain("bufferevents are streams: serves tcp only; bench-peer-event serves udp");
  struct event_base *base = event_base_new();
  /* Backlog 0: the socket already listens. */
  struct evconnlistener *listener =
      base ? evconnlistener_new(base, on_connection, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, peer.fd)
           : NULL;
  if (!listener)
    peer_fail("libevent");
  evconnlistener_set_error_cb(listener, on_accept_error);
  peer_announce(&peer);
  event_base_dispatch(base);
  peer_fail("event_base_dispatch");
}
