/* SPDX-License-Identifier: MIT */
/*
 * scene_datagrams.c - the acts about datagram sockets, and what lives from the first pass to the end
 * of the scene. A datagram may be lost, but then it is counted or reported.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "scene.h"

enum {
  BURST = 12
};

struct post {
  struct scene *scene;
  struct ioloop_datagram *socket;
  unsigned received, reported;
  int error;
};

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct post *post = arg;
  struct sockaddr_storage local;
  socklen_t local_size;
  post->received++;
  (void)ioloop_datagram_local_address(socket, &local, &local_size);
  if (!peer)
    return;
  int r = ioloop_datagram_send(socket, data, size, peer, peer_size);
  (void)scene_ok(post->scene, r, "ioloop_datagram_send");
}

static void on_error(struct ioloop_datagram *socket, int error, void *arg) {
  struct post *post = arg;
  (void)socket;
  post->reported++;
  post->error = error;
}

/* Datagrams that did not come back, and for which the socket has a reason. */
static unsigned explained(const struct post *post) {
  struct ioloop_datagram_metrics metrics;
  ioloop_datagram_get_metrics(post->socket, &metrics, sizeof metrics);
  return (unsigned)(metrics.send_dropped + metrics.truncated + metrics.kernel_drops) +
         (unsigned)metrics.errors;
}

static void note_explained(struct scene *scene, const struct post *post) {
  if (post->reported)
    scene_told(scene, TOLD_REPORTED, "on_error", post->error);
  else if (explained(post))
    scene_told(scene, TOLD_REPORTED, "datagram metrics", 0);
}

static unsigned take_echoes(int client) {
  char bytes[100];
  unsigned count = 0;
  while (recv(client, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    count++;
  return count;
}

static void echo_burst(struct scene *scene, struct post *post, int client) {
  unsigned back = 0;
  for (int i = 0; i < BURST; i++)
    SYSTEM(scene, send(client, "datagram", 8, 0));
  RUN_UNTIL(scene, (back += take_echoes(client)) + explained(post) >= BURST);
  note_explained(scene, post);
}

/* Bound to all addresses: it asks which one each was sent to. */
static void serve_datagrams(struct scene *scene, int family) {
  struct post post = {.scene = scene};
  socklen_t size;
  struct sockaddr_storage address = scene_address(family, true, &size);
  if (!TAKES(scene, ioloop_datagram_bind(scene->loop, (struct sockaddr *)&address, size,
                                         on_datagram, on_error, &post, &post.socket)))
    return;
  SYSTEM(scene, getsockname(ioloop_datagram_fd(post.socket), (struct sockaddr *)&address, &size));
  int client = scene_connect(scene, &address, SOCK_DGRAM);
  if (client < 0)
    scene_broken(scene, "no datagrams can be sent to the socket");
  echo_burst(scene, &post, client);
  for (int i = 0; i < BURST; i++)
    SYSTEM(scene, send(client, "drained", 7, 0));
  unsigned before = post.received;
  size_t drained = ioloop_datagram_drain(post.socket, BURST);
  if (drained != post.received - before)
    scene_broken(scene, "%zu drained, %u delivered", drained, post.received - before);
  RUN_UNTIL(scene, post.received - before + explained(&post) >= BURST);
  note_explained(scene, &post);
  ioloop_datagram_close(post.socket);
  close(client);
}

/* From one socket of ours to another's file; the first sends more than the second's queue holds. */
static void send_to_file(struct scene *scene) {
  struct post to = {.scene = scene}, from = {.scene = scene};
  socklen_t size;
  struct sockaddr_storage address = scene_address(AF_UNIX, false, &size);
  const char *path = ((struct sockaddr_un *)&address)->sun_path;
  int fd = SYSTEM(scene, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (TAKES(scene, ioloop_datagram_bind(scene->loop, (struct sockaddr *)&address, size, on_datagram,
                                        on_error, &to, &to.socket))) {
    if (TAKES(scene,
              ioloop_datagram_new(scene->loop, fd, on_datagram, on_error, &from, &from.socket))) {
      unsigned sent = 0;
      fd = -1;
      for (int i = 0; i < 5 * BURST; i++) {
        int r =
            ioloop_datagram_send(from.socket, "to a file", 9, (struct sockaddr *)&address, size);
        sent += scene_ok(scene, r, "ioloop_datagram_send");
      }
      RUN_UNTIL(scene, to.received + explained(&from) + explained(&to) >= sent);
      note_explained(scene, &from);
      note_explained(scene, &to);
      ioloop_datagram_close(from.socket);
    }
    ioloop_datagram_close(to.socket);
    if (unlink(path) == 0)
      scene_told(scene, TOLD_REPORTED, "the file of a socket stays", 0);
  }
  if (fd >= 0)
    close(fd);
}

void act_datagrams(struct scene *scene) {
  serve_datagrams(scene, AF_INET);
  serve_datagrams(scene, AF_INET6);
  send_to_file(scene);
}

/* Nothing listens there: the network's answer must reach the program. */
void act_datagram_errors(struct scene *scene) {
  struct post post = {.scene = scene};
  socklen_t size;
  struct sockaddr_storage address = scene_address(AF_INET, false, &size);
  int nobody = SYSTEM(scene, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), yes = 1;
  SYSTEM(scene, bind(nobody, (struct sockaddr *)&address, size));
  SYSTEM(scene, getsockname(nobody, (struct sockaddr *)&address, &size));
  int fd = scene_connect(scene, &address, SOCK_DGRAM);
  SYSTEM(scene, setsockopt(fd, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes));
  close(nobody);
  if (TAKES(scene,
            ioloop_datagram_new(scene->loop, fd, on_datagram, on_error, &post, &post.socket))) {
    fd = -1;
    if (TAKES(scene, ioloop_datagram_send(post.socket, "anybody?", 8, NULL, 0)))
      RUN_UNTIL(scene, post.reported);
    if (post.reported && post.error != -ECONNREFUSED)
      scene_told(scene, TOLD_REPORTED, "on_error", post.error);
    ioloop_datagram_close(post.socket);
  }
  if (fd >= 0)
    close(fd);
}

/* ---- survivors -------------------------------------------------------------------------- */

static struct post surviving;

static void on_survivor_error(struct ioloop_datagram *socket, int error, void *arg) {
  struct post *post = arg;
  (void)socket;
  scene_told(post->scene, TOLD_REPORTED, "on_error", error);
}

static void on_watched(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct scene *scene = arg;
  char bytes[16];
  ssize_t n;
  (void)loop, (void)events;
  while ((n = read(fd, bytes, sizeof bytes)) > 0)
    scene->watched_bytes += (unsigned)n;
}

static void on_survivor_read(struct ioloop_stream *stream, const char *data, size_t size,
                             void *arg) {
  (void)arg;
  if (size == 0 || ioloop_stream_write(stream, data, size) < 0)
    ioloop_stream_close(stream);
}

static void on_survivor(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct scene *scene = arg;
  (void)server, (void)peer, (void)peer_size;
  int r = ioloop_stream_read(stream, on_survivor_read, NULL);
  if (!scene_ok(scene, r, "ioloop_stream_read"))
    ioloop_stream_close(stream);
}

/* "This listener accepts no more" is for good; after the others it does. */
static void on_survivor_trouble(struct ioloop_tcpserver *server, int error, void *arg) {
  struct scene *scene = arg;
  (void)server;
  scene->server_ended |=
      error == -EINVAL || error == -EBADF || error == -ENOTSOCK || error == -EOPNOTSUPP;
  scene_told(scene, TOLD_REPORTED, "on_trouble", error);
}

static void listen_on(struct scene *scene) {
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_connection = on_survivor,
                                             .on_trouble = on_survivor_trouble,
                                             .arg = scene};
  socklen_t size;
  struct sockaddr_storage address = scene_address(AF_INET, false, &size);
  if (!scene->server && !TAKES(scene, ioloop_tcpserver_new(scene->loop, &options, &scene->server)))
    return;
  if (TAKES(scene, ioloop_tcpserver_listen(scene->server, (struct sockaddr *)&address, size)))
    scene->server_ended = false;
}

/* If the loop has dropped it, which it counts, it is added again; else nothing is touched. */
static void watch_pair(struct scene *scene) {
  int *pair = scene->watched;
  if (pair[0] < 0)
    scene_pair(scene, AF_UNIX, pair);
  int r = ioloop_add_handler(scene->loop, pair[0], IOLOOP_READ, on_watched, scene);
  if (r == -EEXIST || scene_ok(scene, r, "ioloop_add_handler"))
    return;
  close(pair[0]);
  close(pair[1]);
  pair[0] = pair[1] = -1;
}

void act_survivors_made(struct scene *scene) {
  socklen_t size;
  struct sockaddr_storage address = scene_address(AF_INET, false, &size), unused;
  watch_pair(scene);
  if (!scene->server || scene->server_ended ||
      ioloop_tcpserver_address(scene->server, 0, &unused, &size))
    listen_on(scene);
  surviving.scene = scene;
  if (!scene->datagram &&
      TAKES(scene,
            ioloop_datagram_bind(scene->loop, (struct sockaddr *)&address, sizeof address,
                                 on_datagram, on_survivor_error, &surviving, &scene->datagram)))
    surviving.socket = scene->datagram;
}

/* A listener that was retired is still the first; the last one listens. */
static void ask_server(struct scene *scene) {
  struct sockaddr_storage address;
  socklen_t size;
  char byte = 0;
  size_t last = 0;
  while (ioloop_tcpserver_address(scene->server, last, &address, &size) == 0)
    last++;
  (void)TAKES(scene, ioloop_tcpserver_address(scene->server, last - 1, &address, &size));
  int client = scene_connect(scene, &address, SOCK_STREAM);
  if (client < 0)
    scene_broken(scene, "the server refuses a connection");
  SYSTEM(scene, send(client, "?", 1, 0));
  RUN_UNTIL(scene, recv(client, &byte, 1, MSG_DONTWAIT) == 1);
  close(client);
  RUN_UNTIL(scene, ioloop_tcpserver_connections(scene->server) == 0);
}

/* After the failures: what had been registered before works as before. */
void act_survivors(struct scene *scene) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  unsigned before = scene->watched_bytes;
  SYSTEM(scene, write(scene->watched[1], "x", 1));
  RUN_UNTIL(scene, scene->watched_bytes == before + 1);
  ask_server(scene);
  SYSTEM(scene,
         getsockname(ioloop_datagram_fd(scene->datagram), (struct sockaddr *)&address, &size));
  int client = scene_connect(scene, &address, SOCK_DGRAM);
  SYSTEM(scene, send(client, "?", 1, 0));
  RUN_UNTIL(scene, take_echoes(client) > 0);
  close(client);
}
