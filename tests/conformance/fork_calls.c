/* SPDX-License-Identifier: MIT */
/*
 * fork_calls.c - conformance 109, 111: whatever a forked child calls on inherited objects, it
 * neither hangs nor crashes, and the parent loses nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "echo.h"

/* The objects that a parent may have when it forks. */
struct estate {
  struct ioloop *loop;
  struct echo echo;
  struct ioloop_tcpserver *bare; /* hands out descriptors */
  unsigned accepted;             /* the number it has handed out */
  struct udp_echo udp;
  struct ioloop_stream *client; /* on the loop, connected to `echo`, reading */
  struct ioloop_gate *gate;
  ioloop_timeout timeout;
  struct record record;
  unsigned signals, drained;
  int error;            /* of the client's close callback */
  size_t answered;      /* number of bytes read */
  int pair[2];          /* the first is watched */
  int spare[2];         /* not watched */
  int listener;         /* as above */
  int connection, peer; /* plain sockets, connected to `echo` and `udp` */
};

static void on_no_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)arg;
  tap_fail(__FILE__, __LINE__, "signal %d", signo);
}

static void on_no_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data, (void)arg;
  tap_fail(__FILE__, __LINE__, "%zu bytes", size);
}

static void on_answer(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data;
  ((struct estate *)arg)->answered += size;
}

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream;
  ((struct estate *)arg)->error = error;
}

static void on_accepted(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                        socklen_t size, void *arg) {
  (void)server, (void)peer, (void)size;
  ((struct estate *)arg)->accepted++;
  CHECK_SYS(close(fd));
}

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

/* ---- the parent -------------------------------------------------------------------------- */

static void found_bare(struct estate *it) {
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_accepted = on_accepted, .arg = it};
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  socklen_t size;
  CHECK_OK(ioloop_tcpserver_new(it->loop, &options, &it->bare));
  CHECK_OK(ioloop_tcpserver_listen(it->bare, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(it->bare, 0, &bound, &size));
  int fd = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
  RUN_UNTIL(it->loop, it->accepted == 1);
  CHECK_SYS(close(fd));
}

static void found_client(struct estate *it) {
  struct sockaddr_in address = loopback_address(it->echo.port);
  CHECK_OK(ioloop_stream_connect(it->loop, (struct sockaddr *)&address, sizeof address, NULL,
                                 on_closed, it, &it->client));
  CHECK_OK(ioloop_stream_read(it->client, on_answer, it));
  CHECK_OK(ioloop_gate_new(&it->gate));
  ioloop_stream_set_gate(it->client, it->gate);
  ioloop_datagram_set_gate(it->udp.socket, it->gate);
}

static void found(struct estate *it) {
  uint16_t port;
  *it = (struct estate){.loop = test_loop_new()};
  make_pair(TCP, it->pair);
  make_pair(PIPE, it->spare);
  make_tcp_listener(&it->listener, &port);
  CHECK_OK(ioloop_add_handler(it->loop, it->pair[0], IOLOOP_READ, on_drain, &it->record));
  CHECK_OK(ioloop_add_signal(it->loop, SIGUSR1, on_signal, &it->signals));
  CHECK_OK(ioloop_call_later(it->loop, SECONDS(3600), on_never_called, NULL, &it->timeout));
  echo_open(&it->echo, it->loop, NULL);
  udp_echo_open(&it->udp, it->loop);
  found_bare(it);
  found_client(it);
  it->connection = client_connect(it->echo.port);
  it->peer = udp_client(it->udp.port);
}

/* Check that all of it works. */
static void check_estate(struct estate *it) {
  char byte = 'x';
  size_t answered = it->answered, bytes = it->record.bytes;
  unsigned signals = it->signals;
  put(it->pair[1], 1);
  CHECK_OK(ioloop_stream_write(it->client, &byte, 1));
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(it->loop, it->answered == answered + 1 && it->record.bytes == bytes + 1 &&
                          it->signals == signals + 1);
  ping(it->loop, it->connection);
  CHECK_IS(send(it->peer, &byte, 1, 0), ==, 1);
  CHECK_IS(receive_within(it->loop, it->peer, &byte, 1), ==, 1);
  int fd = client_connect(it->echo.port);
  ping(it->loop, fd);
  CHECK_SYS(close(fd));
  RUN_UNTIL(it->loop, it->echo.opened - it->echo.closed == 2);
  CHECK_IS(it->error, ==, 0);
}

static void dissolve(struct estate *it) {
  ioloop_stream_close(it->client);
  CHECK_SYS(close(it->connection));
  CHECK_SYS(close(it->peer));
  CHECK_SYS(close(it->listener));
  echo_close(&it->echo);
  ioloop_tcpserver_release(it->bare);
  ioloop_tcpserver_close(it->bare);
  ioloop_datagram_close(it->udp.socket);
  ioloop_gate_free(it->gate);
  CHECK_OK(ioloop_remove_handler(it->loop, it->pair[0]));
  test_loop_free(it->loop);
  close_pair(it->pair);
  close_pair(it->spare);
}

/* ---- 109: the child, one call ------------------------------------------------------------ */

static int new_stream(struct estate *it) {
  struct ioloop_stream *stream;
  return ioloop_stream_new(it->loop, it->spare[0], &stream);
}

static int connect_stream(struct estate *it) {
  struct sockaddr_in address = loopback_address(it->echo.port);
  struct ioloop_stream *stream;
  return ioloop_stream_connect(it->loop, (struct sockaddr *)&address, sizeof address, NULL, NULL,
                               NULL, &stream);
}

static int new_server(struct estate *it) {
  struct ioloop_tcpserver_options options = {.size = sizeof options, .on_accepted = on_accepted};
  struct ioloop_tcpserver *server;
  return ioloop_tcpserver_new(it->loop, &options, &server);
}

static int listen_once_more(struct estate *it) {
  struct sockaddr_in address = loopback_address(0);
  return ioloop_tcpserver_listen(it->echo.server, (struct sockaddr *)&address, sizeof address);
}

static int new_datagram(struct estate *it) {
  struct ioloop_datagram *socket;
  return ioloop_datagram_new(it->loop, it->peer, NULL, NULL, NULL, &socket);
}

static int bind_datagram(struct estate *it) {
  struct sockaddr_in address = loopback_address(0);
  struct ioloop_datagram *socket;
  return ioloop_datagram_bind(it->loop, (struct sockaddr *)&address, sizeof address, NULL, NULL,
                              NULL, &socket);
}

static int send_datagram(struct estate *it) {
  struct sockaddr_in address = loopback_address(it->udp.port);
  return ioloop_datagram_send(it->udp.socket, "x", 1, (struct sockaddr *)&address, sizeof address);
}

static int send_datagram_from(struct estate *it) {
  struct sockaddr_in address = loopback_address(it->udp.port);
  return ioloop_datagram_send_from(it->udp.socket, "x", 1, (struct sockaddr *)&address,
                                   sizeof address, (struct sockaddr *)&address, sizeof address);
}

static void ask_all_backends(void) {
  struct ioloop_backend_info info;
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0; i++)
    ;
}

static void probe_own_backend(void) {
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  CHECK_IS(info.error, ==, 0); /* the parent's loop does not concern the child */
}

static void set_observer(struct estate *it) {
  static const struct ioloop_observer none = {.size = sizeof none};
  ioloop_set_observer(it->loop, &none, NULL);
  ioloop_set_observer(it->loop, NULL, NULL);
}

static void make_gate(void) {
  struct ioloop_gate *gate;
  CHECK_OK(ioloop_gate_new(&gate));
  ioloop_gate_free(gate);
}

static void ask_address(struct estate *it) {
  struct sockaddr_storage address;
  socklen_t size;
  CHECK_OK(ioloop_tcpserver_address(it->echo.server, 0, &address, &size));
}

static void ask_local_address(struct estate *it) {
  struct sockaddr_storage address;
  socklen_t size;
  CHECK_ERROR(ioloop_datagram_local_address(it->udp.socket, &address, &size), ENOENT);
}

static void ask_datagram_metrics(struct estate *it) {
  struct ioloop_datagram_metrics metrics;
  ioloop_datagram_get_metrics(it->udp.socket, &metrics, sizeof metrics);
}

static void close_each(struct ioloop_stream *stream, void *arg) {
  (void)arg;
  ioloop_stream_close(stream);
}

static void close_stream(struct estate *it, void (*close)(struct ioloop_stream *stream)) {
  close(it->client);
  CHECK_IS(it->error, ==, -ECHILD);
}

static void build_own(void) {
  struct ioloop *own = NULL;
  unsigned called = 0, signals = 0;
  CHECK_OK(ioloop_new(tap_argument, &own));
  CHECK_OK(ioloop_add_callback_threadsafe(own, on_count, &called));
  CHECK_OK(ioloop_add_signal(own, SIGUSR1, on_signal, &signals));
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(own, called == 1 && signals == 1);
  CHECK_OK(ioloop_free(own));
}

#define CALL(name, expected, expression)                                                           \
  static int call_##name(struct estate *it) {                                                      \
    (void)it;                                                                                      \
    return expression;                                                                             \
  }
#include "fork_calls.h"
#undef CALL

static const struct {
  const char *name;
  int (*call)(struct estate *it);
  int expected;
} calls[] = {
#define CALL(name, expected, expression) {#name, call_##name, expected},
#include "fork_calls.h"
#undef CALL
};

enum {
  CALLS = sizeof calls / sizeof calls[0]
};

static void call_in_child(struct estate *it, int i) {
  alarm(10 * tap_scale());
  int result = calls[i].call(it);
  if (result != calls[i].expected)
    tap_fail(__FILE__, __LINE__, "%s: %d, not %d", calls[i].name, result, calls[i].expected);
}

TEST(109, "fork: each function, by itself, in the child: -ECHILD or harmless") {
  static struct estate it; /* a checker of leaks in the child finds it */
  found(&it);
  check_estate(&it);
  for (int i = 0; i < CALLS; i++) {
    NOTE("%s", calls[i].name);
    pid_t child = fork();
    CHECK_SYS(child);
    if (child == 0) {
      call_in_child(&it, i);
      _exit(0);
    }
    wait_child(child);
    CHECK_QUIET(it.loop, US(100));
    check_estate(&it);
  }
  dissolve(&it);
}

TEST(109, "fork: all functions, one after the other, in one child, while the parent works") {
  static struct estate it; /* a checker of leaks in the child finds it */
  found(&it);
  check_estate(&it);
  pid_t child = fork();
  CHECK_SYS(child);
  if (child == 0) {
    for (int i = 0; i < CALLS; i++) {
      /* Objects that another call has already closed or stopped. */
      bool again =
          calls[i].call == call_ioloop_stream_close || calls[i].call == call_ioloop_remove_timeout;
      if (!again)
        call_in_child(&it, i);
    }
    _exit(0);
  }
  for (int i = 0; i < 20; i++)
    check_estate(&it);
  wait_child(child);
  check_estate(&it);
  dissolve(&it);
}

/* ---- 111: with threads --------------------------------------------------------------------- */

struct crowd {
  struct ioloop *loop;
  atomic_bool done;
  uint64_t posted; /* by the thread that posts */
  unsigned called;
  unsigned signals;
  pthread_t threads[3];
};

/* Work and rest alternate, so that forks happen during both and the children get a processor. */
static bool goes_on(struct crowd *crowd, unsigned *turn) {
  static const struct timespec rest = {.tv_nsec = 100000};
  if (++*turn % 32 == 0)
    nanosleep(&rest, NULL);
  return !atomic_load(&crowd->done);
}

static void *post(void *arg) {
  struct crowd *crowd = arg;
  for (unsigned turn = 0; goes_on(crowd, &turn); crowd->posted++)
    CHECK_OK(ioloop_add_callback_threadsafe(crowd->loop, on_count, &crowd->called));
  return NULL;
}

static void *take_signals(void *arg) {
  struct crowd *crowd = arg;
  unsigned turn = 0;
  while (goes_on(crowd, &turn))
    CHECK_SYS(raise(SIGUSR1));
  return NULL;
}

/* The loops of some models need descriptors or memory for a moment after they were freed. */
static void *make_loops(void *arg) {
  struct crowd *crowd = arg;
  unsigned signals = 0, turn = 0;
  while (goes_on(crowd, &turn)) {
    struct ioloop *loop;
    if (ioloop_new(tap_argument, &loop) < 0)
      continue;
    CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &signals));
    CHECK_OK(ioloop_free(loop));
  }
  return NULL;
}

static void live_as_child(struct crowd *crowd) {
  alarm(10 * tap_scale());
  CHECK_ERROR(ioloop_add_callback_threadsafe(crowd->loop, on_never_called, NULL), ECHILD);
  CHECK_ERROR(ioloop_add_callback_from_signal(crowd->loop, on_never_called, NULL), ECHILD);
  CHECK_ERROR(ioloop_add_signal(crowd->loop, SIGUSR2, on_no_signal, NULL), ECHILD);
  ioloop_stop(crowd->loop);
  CHECK_ERROR(ioloop_remove_signal(crowd->loop, SIGUSR1), ECHILD);
  CHECK_OK(ioloop_free(crowd->loop));
  build_own();
}

/* TEST_FORKS, or 150, or as many as a slow machine makes in a third of the watchdog's time. */
static bool fork_again(size_t done, uint64_t deadline) {
  const char *count = getenv("TEST_FORKS");
  return count ? done < strtoul(count, NULL, 10) : done < tap_count(150) && tap_left(deadline) > 0;
}

TEST(111, "fork while threads post, take signals and make loops: no child hangs, nothing is "
          "lost") {
  /* In any program a child hangs in malloc then, sooner or later (SizeClassAllocator64's mutex). */
  if (tap_in_sanitizer() && !tap_in_thread_sanitizer() && !tap_in_valgrind())
    SKIP("AddressSanitizer (gcc 12) does not take its allocator's locks before a fork");
  struct crowd crowd = {.loop = test_loop_new()};
  void *(*const lives[])(void *arg) = {post, take_signals, make_loops};
  CHECK_OK(ioloop_add_signal(crowd.loop, SIGUSR1, on_signal, &crowd.signals));
  for (int i = 0; i < 3; i++)
    CHECK_THREAD(pthread_create(&crowd.threads[i], NULL, lives[i], &crowd));
  uint64_t deadline = tap_deadline(SECONDS(6));
  for (size_t done = 0; fork_again(done, deadline); done++) {
    pid_t child = fork();
    CHECK_SYS(child);
    if (child == 0) {
      live_as_child(&crowd);
      _exit(0);
    }
    CHECK_OK(ioloop_run_once(crowd.loop, 0));
    wait_child(child);
  }
  atomic_store(&crowd.done, true);
  for (int i = 0; i < 3; i++)
    CHECK_THREAD(pthread_join(crowd.threads[i], NULL));
  RUN_UNTIL(crowd.loop, crowd.called == crowd.posted);
  unsigned signals = crowd.signals;
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(crowd.loop, crowd.signals > signals);
  test_loop_free(crowd.loop);
}
