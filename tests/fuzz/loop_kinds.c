/* SPDX-License-Identifier: MIT */
/* loop_kinds.c - the kinds of descriptors of conformance 13 that exist on all systems. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"

struct end ends[MAX_ENDS];
size_t end_count;
static unsigned files;
static char buffer[65536];

/* ---- the list ----------------------------------------------------------------------------- */

/* "Two opens of one FIFO, and two inotify descriptors, look alike: where one has taken the other's
 * number, the other is found by the scan" (ioloop-backends(7), SIGNAL-DRIVEN). */
static void note_look_alike(int fd, const struct kind *kind) {
  for (unsigned i = 0; i < MAX_LOOPS && fd < MAX_FDS; i++) {
    const struct registration *r = registrations[i][fd];
    if (r && r->live && r->dropped && r->kind == kind && kind->flags & LOOK_ALIKE)
      loops[i].look_alikes = true;
  }
}

struct end *end_new(int fd, const struct kind *kind, unsigned file) {
  if (fd < 0)
    return NULL;
  if (end_count == MAX_ENDS || fd >= MAX_FDS) {
    close(fd);
    return NULL;
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fuzz_count(FUZZ_DESCRIPTORS, 1);
  fuzz_note("   %s is %d", kind->name, fd);
  note_look_alike(fd, kind);
  ends[end_count] = (struct end){.fd = fd, .kind = kind, .file = file ? file : ++files};
  return &ends[end_count++];
}

struct end *end_of(int fd) {
  for (size_t i = 0; i < end_count; i++)
    if (ends[i].fd == fd)
      return &ends[i];
  return NULL;
}

void end_forget(struct end *end) {
  *end = ends[--end_count];
}

/* ---- sockets and pipes -------------------------------------------------------------------- */

static void end_pair(const int pair[2], const struct kind *kind) {
  static unsigned pairs;
  struct end *ends_of_pair[2] = {end_new(pair[0], kind, 0), end_new(pair[1], kind, 0)};
  pairs++;
  for (int i = 0; i < 2; i++)
    if (ends_of_pair[i])
      ends_of_pair[i]->pair = pairs;
}

/* So that it is full soon. */
static void make_small(int fd) {
  int size = 8192;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static void open_unix(const struct kind *kind, int type) {
  int pair[2];
  if (socketpair(AF_UNIX, type, 0, pair) < 0)
    return;
  make_small(pair[0]);
  make_small(pair[1]);
  end_pair(pair, kind);
}

static void open_unix_stream(const struct kind *kind) {
  open_unix(kind, SOCK_STREAM);
}

static void open_unix_dgram(const struct kind *kind) {
  open_unix(kind, SOCK_DGRAM);
}

static void open_pipe(const struct kind *kind) {
  int pair[2];
  if (pipe(pair) == 0)
    end_pair(pair, kind);
}

/* A socket bound to a free port of 127.0.0.1; its address. */
static int bound_socket(int type, struct sockaddr_in *address) {
  socklen_t size = sizeof *address;
  int fd = socket(AF_INET, type, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET};
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  make_small(fd);
  if (bind(fd, (struct sockaddr *)address, size) < 0 ||
      getsockname(fd, (struct sockaddr *)address, &size) < 0)
    fuzz_fail("the fuzzer cannot bind a socket: %s", strerror(errno));
  return fd;
}

static int connected_to(int type, const struct sockaddr_in *address) {
  int fd = socket(AF_INET, type, 0);
  make_small(fd);
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
    fuzz_fail("the fuzzer cannot connect: %s", strerror(errno));
  return fd;
}

static void open_tcp(const struct kind *kind) {
  struct sockaddr_in address;
  int listener = bound_socket(SOCK_STREAM, &address), pair[2];
  if (listen(listener, 1) < 0)
    fuzz_fail("the fuzzer cannot listen: %s", strerror(errno));
  pair[0] = connected_to(SOCK_STREAM, &address);
  pair[1] = accept(listener, NULL, NULL);
  close(listener);
  end_pair(pair, kind);
}

static void open_udp(const struct kind *kind) {
  struct sockaddr_in addresses[2];
  int pair[2];
  for (int i = 0; i < 2; i++)
    pair[i] = bound_socket(SOCK_DGRAM, &addresses[i]);
  for (int i = 0; i < 2; i++)
    if (connect(pair[i], (struct sockaddr *)&addresses[1 - i], sizeof addresses[0]) < 0)
      fuzz_fail("the fuzzer cannot connect: %s", strerror(errno));
  end_pair(pair, kind);
}

/* Listeners: a write connects to it, a read accepts. */
static const struct kind tcp;

static void open_listener(const struct kind *kind) {
  struct sockaddr_in address;
  int fd = bound_socket(SOCK_STREAM, &address);
  listen(fd, 8);
  end_new(fd, kind, 0);
}

static void connect_to_listener(const struct end *end, size_t size) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  (void)size;
  if (getsockname(end->fd, (struct sockaddr *)&address, &length) < 0)
    return;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  connect(fd, (struct sockaddr *)&address, length);
  end_new(fd, &tcp, 0);
}

static void accept_from_listener(const struct end *end, size_t size) {
  (void)size;
  end_new(accept(end->fd, NULL, NULL), &tcp, 0);
}

/* ---- files -------------------------------------------------------------------------------- */

static void open_fifo(const struct kind *kind) {
  char directory[] = P_tmpdir "/fuzz-XXXXXX", path[64];
  int pair[2];
  if (!mkdtemp(directory))
    fuzz_fail("the fuzzer cannot make a directory: %s", strerror(errno));
  snprintf(path, sizeof path, "%s/fifo", directory);
  mkfifo(path, 0600);
  pair[0] = open(path, O_RDONLY | O_NONBLOCK);
  pair[1] = open(path, O_WRONLY | O_NONBLOCK);
  unlink(path);
  rmdir(directory);
  end_pair(pair, kind);
}

static void open_pty(const struct kind *kind) {
  int pair[2] = {posix_openpt(O_RDWR | O_NOCTTY), -1};
  if (pair[0] < 0)
    return;
  if (grantpt(pair[0]) == 0 && unlockpt(pair[0]) == 0)
    pair[1] = open(ptsname(pair[0]), O_RDWR | O_NOCTTY | O_NONBLOCK);
  end_pair(pair, kind);
}

static void write_lines(const struct end *end, size_t size) {
  static char lines[4096];
  for (size_t i = 0; i < sizeof lines; i++)
    lines[i] = i % 8 == 7 ? '\n' : 'x';
  (void)!write(end->fd, lines, size < 8 ? 8 : size / 8 * 8 % sizeof lines);
}

static void open_null(const struct kind *kind) {
  end_new(open("/dev/null", O_RDWR), kind, 0);
}

static void open_directory(const struct kind *kind) {
  end_new(open("/", O_RDONLY | O_DIRECTORY), kind, 0);
}

static const struct kind tcp = {"tcp", SOCKET, open_tcp, NULL, NULL};

static const struct kind kinds[] = {
    {"tcp", SOCKET | HAS_END, open_tcp, NULL, NULL},
    {"udp", SOCKET, open_udp, NULL, NULL},
    {"unix-stream", SOCKET | HAS_END, open_unix_stream, NULL, NULL},
    {"unix-dgram", SOCKET, open_unix_dgram, NULL, NULL},
    {"pipe", HAS_END, open_pipe, NULL, NULL},
    {"pipe", HAS_END, open_pipe, NULL, NULL}, /* twice as often */
    {"fifo", LOOK_ALIKE | HAS_END, open_fifo, NULL, NULL},
    {"pty", TWO_QUEUES | PTY, open_pty, write_lines, NULL},
    {"listener", SOCKET, open_listener, connect_to_listener, accept_from_listener},
    {"/dev/null", REFUSED, open_null, NULL, NULL},
    {"directory", REFUSED, open_directory, NULL, NULL},
};

/* ---- operations --------------------------------------------------------------------------- */

void open_end(const uint32_t *args) {
  size_t of_linux = 0, all = sizeof kinds / sizeof kinds[0];
  while (kinds_of_linux[of_linux].name)
    of_linux++;
  size_t which = FUZZ_PICK(args[0], all + of_linux);
  const struct kind *kind = which < all ? &kinds[which] : &kinds_of_linux[which - all];
  if (end_count + 3 <= MAX_ENDS && !scarce)
    kind->open(kind);
}

/* "TCP does not announce room after a send that was taken although poll saw no room"
 * (ioloop-backends(7), SIGNAL-DRIVEN). */
static ssize_t put(const struct end *end, size_t size, int flags) {
  struct pollfd entry = {.fd = end->fd, .events = POLLOUT};
  bool full = traits & SIGNAL_DRIVEN && end->kind->open == open_tcp && poll(&entry, 1, 0) == 0;
  ssize_t n = flags ? send(end->fd, buffer, size, flags) : write(end->fd, buffer, size);
  if (full && n > 0)
    remind(end->file);
  return n;
}

void end_write(const struct end *end, size_t size) {
  size = size % 5000 + 1;
  if (end->kind->write)
    end->kind->write(end, size);
  else
    put(end, size, 0);
}

void end_read(const struct end *end, size_t size) {
  size = size % 5000 + 1;
  if (end->kind->read)
    end->kind->read(end, size);
  else
    (void)!read(end->fd, buffer, size);
}

void end_exhaust(const struct end *end, short poll_events) {
  for (int i = 0; i < 100; i++) {
    struct pollfd entry = {.fd = end->fd, .events = poll_events};
    int unread = 0;
    if (poll(&entry, 1, 0) <= 0)
      return;
    if (poll_events & POLLOUT)
      (void)!write(end->fd, buffer, 4000);
    else if (ioctl(end->fd, FIONREAD, &unread) == 0 && unread > 0)
      (void)!read(end->fd, buffer, (size_t)unread < sizeof buffer ? (size_t)unread : sizeof buffer);
    else
      return;
  }
}

void write_end(const uint32_t *args) {
  if (end_count)
    end_write(&ends[FUZZ_PICK(args[0], end_count)], args[1]);
}

void read_end(const uint32_t *args) {
  if (end_count)
    end_read(&ends[FUZZ_PICK(args[0], end_count)], args[1]);
}

void fill_end(const uint32_t *args) {
  if (!end_count)
    return;
  const struct end *end = &ends[FUZZ_PICK(args[0], end_count)];
  if (end->kind->write)
    end->kind->write(end, 4000);
  else
    for (int i = 0; i < 200 && put(end, args[1] % 4096 + 1, 0) > 0; i++)
      continue;
}

void drain_end(const uint32_t *args) {
  if (!end_count)
    return;
  const struct end *end = &ends[FUZZ_PICK(args[0], end_count)];
  if (end->kind->read)
    end->kind->read(end, 4000);
  else
    for (int i = 0; i < 1000 && read(end->fd, buffer, sizeof buffer) > 0; i++)
      continue;
}

void shut_end(const uint32_t *args) {
  static const int how[] = {SHUT_WR, SHUT_RD, SHUT_RDWR};
  if (!end_count)
    return;
  const struct end *end = &ends[FUZZ_PICK(args[0], end_count)];
  if (shutdown(end->fd, how[args[1] % 3]) == 0)
    remind(end->file);
}

void urgent_end(const uint32_t *args) {
  if (end_count)
    put(&ends[FUZZ_PICK(args[0], end_count)], 1, MSG_OOB);
}
