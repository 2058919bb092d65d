/* SPDX-License-Identifier: MIT */
/* scene_servers.c - the acts about servers: where they listen, bare descriptors, idle connections. */
#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "scene.h"

enum {
  MS = 1000 * 1000
};

/* ---- servers ---------------------------------------------------------------------------- */

struct guests {
  struct scene *scene;
  struct ioloop_tcpserver *server;
  unsigned accepted, closed;
};

static void on_accepted(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                        socklen_t peer_size, void *arg) {
  struct guests *guests = arg;
  (void)peer, (void)peer_size;
  guests->accepted++;
  close(fd);
  ioloop_tcpserver_release(server);
}

static void on_guest_trouble(struct ioloop_tcpserver *server, int error, void *arg) {
  struct guests *guests = arg;
  (void)server;
  scene_told(guests->scene, TOLD_REPORTED, "on_trouble", error);
}

static void visit(struct scene *scene, struct guests *guests, struct sockaddr_storage *address) {
  unsigned before = guests->accepted;
  int client = scene_connect(scene, address, SOCK_STREAM);
  if (client < 0)
    scene_broken(scene, "a listener refuses a connection");
  RUN_UNTIL(scene, guests->accepted == before + 1);
  close(client);
}

static void leave_stale_file(struct scene *scene, struct sockaddr_storage *address,
                             socklen_t size) {
  int fd = SYSTEM(scene, socket(AF_UNIX, SOCK_STREAM, 0));
  SYSTEM(scene, bind(fd, (struct sockaddr *)address, size));
  close(fd);
}

static void listen_for_guests(struct scene *scene, struct guests *guests, int family) {
  socklen_t size;
  struct sockaddr_storage address = scene_address(family, false, &size);
  const char *path = ((struct sockaddr_un *)&address)->sun_path;
  if (family == AF_UNIX)
    leave_stale_file(scene, &address, size);
  if (TAKES(scene, ioloop_tcpserver_listen(guests->server, (struct sockaddr *)&address, size)) &&
      (family == AF_UNIX ||
       TAKES(scene, ioloop_tcpserver_address(guests->server, 0, &address, &size))))
    visit(scene, guests, &address);
  ioloop_tcpserver_stop(guests->server);
  /* Without memory to note it, or if the kernel does not let us, it stays. */
  if (family == AF_UNIX && unlink(path) == 0)
    scene_told(scene, TOLD_REPORTED, "the file of a socket stays", 0);
}

static void serve_guests(struct scene *scene, int family) {
  struct guests guests = {.scene = scene};
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_accepted = on_accepted,
                                             .on_trouble = on_guest_trouble,
                                             .replace_stale_file = true,
                                             .arg = &guests};
  if (!TAKES(scene, ioloop_tcpserver_new(scene->loop, &options, &guests.server)))
    return;
  listen_for_guests(scene, &guests, family);
  ioloop_tcpserver_close(guests.server);
}

/* A listener made elsewhere. */
static void serve_on_inherited(struct scene *scene) {
  struct guests guests = {.scene = scene};
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_accepted = on_accepted,
                                             .on_trouble = on_guest_trouble,
                                             .arg = &guests};
  socklen_t size;
  struct sockaddr_storage address = scene_address(AF_INET, false, &size);
  if (!TAKES(scene, ioloop_tcpserver_new(scene->loop, &options, &guests.server)))
    return;
  int fd = SYSTEM(scene, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SYSTEM(scene, bind(fd, (struct sockaddr *)&address, size));
  SYSTEM(scene, listen(fd, 8));
  SYSTEM(scene, getsockname(fd, (struct sockaddr *)&address, &size));
  if (TAKES(scene, ioloop_tcpserver_add_socket(guests.server, fd)))
    visit(scene, &guests, &address);
  else
    close(fd);
  ioloop_tcpserver_close(guests.server);
}

void act_servers(struct scene *scene) {
  serve_guests(scene, AF_UNIX);
  serve_guests(scene, AF_INET6);
  serve_on_inherited(scene);
}

/* ---- idle connections ------------------------------------------------------------------- */

/* Without memory for a timeout no connection expires until the next one tries again (tcpserver.c).
 */
static void wait_for_expiry(struct scene *scene, struct guests *guests,
                            struct sockaddr_storage *address) {
  int clients[4];
  unsigned count = 0;
  while (!guests->closed && count < 4) {
    uint64_t begun = ioloop_time(scene->loop);
    clients[count++] = scene_connect(scene, address, SOCK_STREAM);
    while (!guests->closed && ioloop_time(scene->loop) - begun < UINT64_C(300) * MS)
      if (!scene_turn(scene, begun, "expiry"))
        break;
  }
  if (!guests->closed && !scene->reports)
    scene_broken(scene, "an idle connection does not expire");
  while (count > 0)
    close(clients[--count]);
}

static void on_expired(struct ioloop_stream *stream, int error, void *arg) {
  struct guests *guests = arg;
  (void)stream;
  guests->closed++;
  if (error && error != -ETIMEDOUT)
    scene_told(guests->scene, TOLD_ENDED, "close callback", error);
}

static void on_silent(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                      const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)server, (void)peer, (void)peer_size;
  ioloop_stream_set_close_callback(stream, on_expired, arg);
}

void act_idle(struct scene *scene) {
  struct guests guests = {.scene = scene};
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_connection = on_silent,
                                             .on_trouble = on_guest_trouble,
                                             .idle_timeout_ns = 2 * MS,
                                             .arg = &guests};
  struct ioloop_tcpserver *server;
  socklen_t size;
  struct sockaddr_storage address = scene_address(AF_INET, false, &size);
  if (!TAKES(scene, ioloop_tcpserver_new(scene->loop, &options, &server)))
    return;
  if (TAKES(scene, ioloop_tcpserver_listen(server, (struct sockaddr *)&address, size)) &&
      TAKES(scene, ioloop_tcpserver_address(server, 0, &address, &size)))
    wait_for_expiry(scene, &guests, &address);
  ioloop_tcpserver_close(server);
}
