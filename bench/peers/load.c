/* SPDX-License-Identifier: MIT */
/*
 * load.c - so many clients, each sending its next request when its last echo has come, and what the
 * server spends on them: the time it was on a CPU, user and system, by /proc/PID/schedstat
 * (nanoseconds, where /proc/PID/stat has hundredths of a second).
 *
 *   load tcp|udp PORT PID CONNECTIONS REQUESTS SIZE
 *
 * Prints "RATE CPU": requests a second, and the server's nanoseconds a request.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum {
  EVENTS = 256,
  LARGEST = 65536,
  DEADLINE_MS = 5000,
};

struct load {
  int type, set;
  long connections, requests, sent, done;
  size_t size;
  uint16_t port;
  size_t *missing; /* of its echo, by descriptor */
};

static char request[LARGEST], answer[LARGEST];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu_ns(const char *pid) {
  char path[64];
  double ns = 0;
  snprintf(path, sizeof path, "/proc/%s/schedstat", pid);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%lf", &ns) != 1)
    fail(path);
  fclose(file);
  return ns;
}

static void ask(struct load *load, int fd) {
  if (load->sent == load->requests)
    return;
  load->sent++;
  load->missing[fd] = load->size;
  if (send(fd, request, load->size, MSG_NOSIGNAL) != (ssize_t)load->size)
    fail("send");
}

static void hear(struct load *load, int fd) {
  ssize_t got = recv(fd, answer, load->size, 0);
  if (got <= 0)
    fail("recv");
  load->missing[fd] -= (size_t)got;
  if (load->missing[fd])
    return;
  load->done++;
  ask(load, fd);
}

static int open_client(struct load *load) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(load->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1, fd = socket(AF_INET, load->type, 0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
    fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  epoll_ctl(load->set, EPOLL_CTL_ADD, fd, &event);
  return fd;
}

static void run(struct load *load, const int *fds, long requests) {
  struct epoll_event events[EVENTS];
  load->requests = requests;
  load->sent = load->done = 0;
  for (long i = 0; i < load->connections; i++)
    ask(load, fds[i]);
  while (load->done < requests) {
    int count = epoll_wait(load->set, events, EVENTS, DEADLINE_MS);
    if (count <= 0)
      fail("no echo in time");
    for (int i = 0; i < count; i++)
      hear(load, events[i].data.fd);
  }
}

int main(int argc, char **argv) {
  if (argc != 7)
    return 2;
  struct load load = {.type = strcmp(argv[1], "udp") ? SOCK_STREAM : SOCK_DGRAM,
                      .set = epoll_create1(EPOLL_CLOEXEC),
                      .port = (uint16_t)atoi(argv[2]),
                      .connections = atol(argv[4]),
                      .size = (size_t)atol(argv[6])};
  long requests = atol(argv[5]);
  int *fds = calloc((size_t)load.connections, sizeof *fds);
  load.missing = calloc((size_t)load.connections + 64, sizeof *load.missing);
  if (!fds || !load.missing || load.size > LARGEST)
    return 1;
  memset(request, 'x', sizeof request);
  for (long i = 0; i < load.connections; i++)
    fds[i] = open_client(&load);
  run(&load, fds, requests / 10 + load.connections); /* warm */
  double began = now(), cpu = cpu_ns(argv[3]);
  run(&load, fds, requests);
  double seconds = now() - began;
  printf("%.0f %.1f\n", (double)requests / seconds, (cpu_ns(argv[3]) - cpu) / (double)requests);
  return 0;
}
