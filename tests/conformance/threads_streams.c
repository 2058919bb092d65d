/* SPDX-License-Identifier: MIT */
/* threads_streams.c - conformance 148: servers and streams of a loop that changes threads. */
#include <errno.h>
#include <unistd.h>

#include "echo.h"
#include "worker.h"

struct service {
  struct ioloop *loop;
  struct echo echo;
  struct udp_echo udp;
  int client, udp_client;
};

static void serve(void *arg) {
  struct service *service = arg;
  char byte = 'x';
  for (int i = 0; i < 5; i++) {
    ping(service->loop, service->client);
    CHECK_IS(send(service->udp_client, "x", 1, 0), ==, 1);
    CHECK_IS(receive_within(service->loop, service->udp_client, &byte, 1), ==, 1);
  }
}

static struct service service_new(void) {
  struct service service = {.loop = test_loop_new()};
  return service;
}

static void service_open(struct service *service) {
  echo_open(&service->echo, service->loop, NULL);
  udp_echo_open(&service->udp, service->loop);
  service->client = client_connect(service->echo.port);
  service->udp_client = udp_client(service->udp.port);
}

static void service_close(void *arg) {
  struct service *service = arg;
  echo_close(&service->echo);
  ioloop_datagram_close(service->udp.socket);
  CHECK_SYS(close(service->client));
  CHECK_SYS(close(service->udp_client));
}

TEST(148, "servers that one thread makes are served by another, and closed by it") {
  struct service service = service_new();
  service_open(&service);
  struct worker worker;
  worker_start(&worker);
  worker_do(&worker, serve, &service);
  worker_do(&worker, service_close, &service);
  worker_stop(&worker);
  test_loop_free(service.loop);
}

TEST(148, "what a stream writes before the loop runs is sent, also if it is closed at once") {
  struct ioloop *loop = test_loop_new();
  for (int closed = 0; closed < 2; closed++) {
    struct ioloop_stream *stream;
    char got[5];
    int pair[2];
    make_pair(TCP, pair);
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    CHECK_OK(ioloop_stream_write(stream, "hello", 5));
    if (closed)
      ioloop_stream_close(stream);
    await_arrival(pair[1]);
    CHECK_IS(read(pair[1], got, sizeof got), ==, 5);
    if (!closed)
      ioloop_stream_close(stream);
    CHECK_SYS(close(pair[1]));
  }
  test_loop_free(loop);
}

static void try_to_run(void *arg) {
  struct service *service = arg;
  bool completes = ioloop_backend_features(service->loop) & IOLOOP_F_COMPLETION;
  int r = ioloop_run_once(service->loop, 0);
  CHECK(completes ? r == -EPERM : r >= 0);
}

static void run_empty(void *loop) {
  CHECK_OK(ioloop_run_once(loop, 0));
}

/* Operations in the kernel belong to the thread that started them: such a loop moves without them. */
TEST(148, "streams that were served here are served there, or refused where the ring forbids it") {
  struct service service = service_new();
  service_open(&service);
  serve(&service);
  do_in_new_thread(try_to_run, &service);
  serve(&service);
  service_close(&service);
  do_in_new_thread(run_empty, service.loop);
  service_open(&service);
  do_in_new_thread(serve, &service); /* ends */
  service_close(&service);
  do_in_new_thread(run_empty, service.loop);
  test_loop_free(service.loop);
}

struct reader {
  struct ioloop *loop;
  struct ioloop_stream *stream;
  size_t received;
};

static void on_bytes(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data;
  ((struct reader *)arg)->received += size;
}

static void read_and_close(void *arg) {
  struct reader *reader = arg;
  RUN_UNTIL(reader->loop, reader->received == 5);
  ioloop_stream_close(reader->stream);
}

TEST(148, "a stream on which a third thread begins to read between two runs is read by the next") {
  struct reader reader = {.loop = test_loop_new()};
  struct worker worker;
  int pair[2];
  make_pair(TCP, pair);
  put(pair[1], 5);
  worker_start(&worker);
  worker_do(&worker, run_empty, reader.loop);
  CHECK_OK(ioloop_stream_new(reader.loop, pair[0], &reader.stream));
  CHECK_OK(ioloop_stream_read(reader.stream, on_bytes, &reader));
  worker_do(&worker, read_and_close, &reader);
  worker_stop(&worker);
  CHECK_SYS(close(pair[1]));
  test_loop_free(reader.loop);
}

static void close_service(struct ioloop *loop, void *arg) {
  (void)loop;
  service_close(arg);
}

/* What began before the run has not reached the kernel yet, where there is one to wait for. */
TEST(148, "servers that one thread makes are closed by another, in the first callback") {
  struct service service = service_new();
  service_open(&service);
  CHECK_OK(ioloop_add_callback(service.loop, close_service, &service));
  do_in_new_thread(run_empty, service.loop);
  test_loop_free(service.loop);
}

static void close_datagrams(struct service *service) {
  ioloop_datagram_close(service->udp.socket);
  CHECK_SYS(close(service->udp_client));
}

/* Between the two, completions in the kernel may be of operations that were given up. */
TEST(148, "a third thread closes what was served: the loop goes on when all of it is closed") {
  struct service service = service_new();
  struct worker worker;
  service_open(&service);
  worker_start(&worker);
  worker_do(&worker, serve, &service);
  close_datagrams(&service);
  worker_do(&worker, try_to_run, &service);
  echo_close(&service.echo);
  CHECK_SYS(close(service.client));
  worker_do(&worker, run_empty, service.loop);
  service_open(&service);
  worker_do(&worker, serve, &service);
  worker_do(&worker, service_close, &service);
  worker_stop(&worker);
  test_loop_free(service.loop);
}
