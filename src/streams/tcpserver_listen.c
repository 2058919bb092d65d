/* SPDX-License-Identifier: MIT */
/* tcpserver_listen.c - the listeners of a server: opening, adding and closing them. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "names.h"
#include "platform.h"
#include "tcpserver_internal.h"

static int bind_inet(int fd, const struct sockaddr *address, socklen_t size) {
  /* Otherwise connections of the previous run in TIME_WAIT would keep the port for a minute. */
  int one = 1, r = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (!r && address->sa_family == AF_INET6)
    r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (!r)
    r = bind(fd, address, size);
  return r ? -errno : 0;
}

static int open_listener(const struct sockaddr *address, socklen_t size,
                         const struct ioloop_tcpserver_options *options) {
  /* A backlog above the kernel's limit is reduced to it on Linux, macOS and FreeBSD. */
  int backlog = options->backlog > 0 ? options->backlog : INT_MAX;
  int fd = ioloop__socket(address->sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return fd;
  int r = address->sa_family == AF_UNIX
              ? ioloop__bind_unix(fd, address, size, options->replace_stale_file)
              : bind_inet(fd, address, size);
  if (!r && listen(fd, backlog) < 0)
    r = -errno;
  if (!r)
    return fd;
  close(fd);
  return r;
}

static void append_listener(struct ioloop_tcpserver *server, struct listener *listener) {
  struct listener **end = &server->listeners;
  while (*end)
    end = &(*end)->next;
  *end = listener;
  listener->server->sets_nodelay |= ioloop__stream_lacks_nodelay(listener->fd);
}

static int begin_listening(struct listener *listener, bool ours) {
  struct ioloop_tcpserver *server = listener->server;
  bool wanted = server->flags & SERVER_WATCHING, by_events = wanted && !listener->by_completion;
  listener->accepting.kind = &ioloop__tcpserver_accepting;
  int r = ioloop__prepare(listener->fd, listener->by_completion, ours);
  /* By completion the handler watches nothing, and only marks the number as taken. */
  if (!r)
    r = ioloop_add_handler(server->loop, listener->fd, by_events ? IOLOOP_READ : 0,
                           ioloop__tcpserver_on_listener_ready, listener);
  if (r || !wanted || !listener->by_completion)
    return r;
  r = ioloop__tcpserver_begin_accepting(listener);
  if (r)
    ioloop_remove_handler(server->loop, listener->fd);
  return r;
}

/* `ours`: nothing else has the file. `socket_file` is the listener's if this succeeds. */
static int add_listener(struct ioloop_tcpserver *server, int fd, bool ours,
                        struct socket_file *file) {
  struct listener *listener = calloc(1, sizeof *listener);
  if (!listener)
    return -ENOMEM;
  bool by_completion = server->completer && (ours || ioloop__is_blocking(fd));
  *listener =
      (struct listener){.server = server, .fd = fd, .file = file, .by_completion = by_completion};
  int r = begin_listening(listener, ours);
  if (r)
    free(listener);
  else
    append_listener(server, listener);
  return r;
}

static int listen_on_each(struct ioloop_tcpserver *server, const struct addrinfo *found) {
  int listening = 0, r = 0;
  for (; found; found = found->ai_next) {
    r = ioloop_tcpserver_listen(server, found->ai_addr, found->ai_addrlen);
    listening += r == 0;
  }
  return listening ? 0 : r;
}

int ioloop_tcpserver_listen_name(struct ioloop_tcpserver *server, const char *host,
                                 const char *service) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
  struct addrinfo *found;
  struct sockaddr_un address;
  if (ioloop__inherited(server->loop))
    return -ECHILD;
  if (host && strncmp(host, "unix:", 5) == 0) {
    int size = ioloop__unix_address(host + 5, &address);
    return size < 0 ? size
                    : ioloop_tcpserver_listen(server, (struct sockaddr *)&address, (socklen_t)size);
  }
  int r = ioloop__check_service(service);
  if (!r)
    r = ioloop__name_error(getaddrinfo(host, service, &hints, &found));
  if (r)
    return r;
  r = listen_on_each(server, found);
  freeaddrinfo(found);
  return r;
}

int ioloop_tcpserver_add_socket(struct ioloop_tcpserver *server, int fd) {
  if (ioloop__inherited(server->loop))
    return -ECHILD;
  if (server->flags & (SERVER_STOPPING | SERVER_CLOSED))
    return -EINVAL;
  int r = ioloop__check_socket(fd, SOCK_STREAM, true);
  return r ? r : add_listener(server, fd, false, NULL);
}

int ioloop_tcpserver_listen(struct ioloop_tcpserver *server, const struct sockaddr *address,
                            socklen_t size) {
  if (ioloop__inherited(server->loop))
    return -ECHILD;
  if (server->flags & (SERVER_STOPPING | SERVER_CLOSED))
    return -EINVAL;
  int fd = open_listener(address, size, &server->options);
  if (fd < 0)
    return fd;
  (void)ioloop__stream_nodelay(fd, true); /* connections inherit it: saves a call for each */
  struct socket_file *file = ioloop__note_file(address, size);
  int r = add_listener(server, fd, true, file);
  if (r) {
    ioloop__remove_file(file);
    close(fd);
  }
  return r;
}

int ioloop_tcpserver_address(const struct ioloop_tcpserver *server, size_t index,
                             struct sockaddr_storage *ret, socklen_t *ret_size) {
  const struct listener *listener = server->listeners;
  while (listener && index-- > 0)
    listener = listener->next;
  if (!listener)
    return -ENOENT;
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  if (getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0)
    return -errno;
  *ret = address;
  *ret_size = size;
  return 0;
}

static void free_listener(struct listener *listener) {
  if (listener->by_completion)
    ioloop__tcpserver_end_accepting(listener);
  ioloop_remove_handler(listener->server->loop, listener->fd);
  ioloop__remove_file(listener->file);
  close(listener->fd);
  while (listener->held_count)
    close(listener->held[--listener->held_count]);
  free(listener->held);
  free(listener);
}

void ioloop__tcpserver_close_listeners(struct ioloop_tcpserver *server) {
  while (server->listeners) {
    struct listener *listener = server->listeners;
    server->listeners = listener->next;
    free_listener(listener);
  }
  ioloop_remove_timeout(server->loop, server->retry);
  server->retry = 0;
}
