/* SPDX-License-Identifier: MIT */
/*
 * names.c - the addresses of a name, found by a thread. (An address with a port number is translated at
 * once: that needs no file and no server.)
 *
 * getaddrinfo(3) blocks, perhaps for seconds, and cannot be cancelled. So a thread calls it, and the
 * loop waits for a pipe. The thread knows neither loop nor stream. It shares the lookup with the
 * stream, and the last of the two frees it. If the stream is closed first, the thread ends when
 * getaddrinfo returns, or with the process, and touches nothing but the lookup.
 *
 * It blocks every signal: those are for the program's threads. So its write to a pipe whose other end
 * is closed raises none. In a forked child there is no such thread, and the lookup is the child's alone.
 */
#include "names.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform.h"

struct ioloop__lookup {
  atomic_int shares;
  int watched;        /* the pipe's end that the loop watches */
  atomic_int written; /* the thread's; -1: closed */
  int error;
  struct addrinfo *found;
  const char *service; /* behind the host; NULL: none */
  char host[];
};

int ioloop__name_error(int error) {
  switch (error) {
  case 0:
    return 0;
  case EAI_AGAIN:
    return -EAGAIN;
  case EAI_MEMORY:
    return -ENOMEM;
  case EAI_SYSTEM:
    return errno ? -errno : -EIO;
  case EAI_FAIL:
    return -EIO;
  default:
    return -ENOENT;
  }
}

int ioloop__check_service(const char *service) {
  unsigned long port = 0;
  while (service && *service >= '0' && *service <= '9' && port <= UINT16_MAX)
    port = 10 * port + (unsigned long)(*service++ - '0');
  return port > UINT16_MAX ? -EINVAL : 0;
}

static void release(struct ioloop__lookup *lookup) {
  if (atomic_fetch_sub(&lookup->shares, 1) > 1)
    return;
  struct addrinfo *found = lookup->found;
  free(lookup);
  if (found)
    freeaddrinfo(found); /* last: a test that waits for it knows that nothing is left */
}

static void close_written(struct ioloop__lookup *lookup, bool report) {
  int fd = atomic_exchange(&lookup->written, -1);
  if (fd < 0)
    return;
  if (report)
    (void)!write(fd, "", 1);
  close(fd);
}

static int find(struct ioloop__lookup *lookup, int flags) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
  return ioloop__name_error(getaddrinfo(lookup->host, lookup->service, &hints, &lookup->found));
}

static void *look_up(void *arg) {
  struct ioloop__lookup *lookup = arg;
  lookup->error = find(lookup, 0);
  close_written(lookup, true);
  release(lookup);
  return NULL;
}

static int start_thread(struct ioloop__lookup *lookup) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, NULL, look_up, lookup);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!error)
    pthread_detach(thread);
  return -error;
}

static struct ioloop__lookup *new_lookup(const char *host, const char *service) {
  size_t host_size = strlen(host) + 1, service_size = service ? strlen(service) + 1 : 0;
  struct ioloop__lookup *lookup = malloc(sizeof *lookup + host_size + service_size);
  if (!lookup)
    return NULL;
  *lookup = (struct ioloop__lookup){.shares = 1, .watched = -1, .written = -1};
  memcpy(lookup->host, host, host_size);
  if (service)
    lookup->service = memcpy(lookup->host + host_size, service, service_size);
  return lookup;
}

static int begin_in_thread(struct ioloop__lookup *lookup) {
  int fds[2];
  int r = ioloop__pipe_waker_open(fds);
  if (r)
    return r;
  lookup->watched = fds[0];
  lookup->written = fds[1];
  lookup->shares = 2;
  return start_thread(lookup);
}

int ioloop__lookup_begin(const char *host, const char *service, int *fd,
                         struct ioloop__lookup **ret) {
  int r = ioloop__check_service(service);
  if (r)
    return r;
  struct ioloop__lookup *lookup = new_lookup(host, service);
  if (!lookup)
    return -ENOMEM;
  r = find(lookup, AI_NUMERICHOST | AI_NUMERICSERV) == 0 ? 0 : begin_in_thread(lookup);
  if (r) {
    ioloop__lookup_end(lookup, true);
    return r;
  }
  *fd = lookup->watched;
  *ret = lookup;
  return 0;
}

int ioloop__lookup_result(const struct ioloop__lookup *lookup, const struct addrinfo **ret) {
  if (!lookup->error)
    *ret = lookup->found;
  return lookup->error;
}

void ioloop__lookup_end(struct ioloop__lookup *lookup, bool inherited) {
  if (lookup->watched >= 0)
    close(lookup->watched);
  if (inherited) { /* there is no thread */
    close_written(lookup, false);
    atomic_store(&lookup->shares, 1);
  }
  release(lookup);
}
