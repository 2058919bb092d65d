/* SPDX-License-Identifier: MIT */
/*
 * iostream.h - TCP servers, byte streams and datagram sockets on an ioloop.
 *
 * Tornado's IOStream and TCPServer in C, and UDP beside them. Conventions (errors, threads,
 * fork, times) as in ioloop.h. These objects own the descriptor they are given: they make it
 * non-blocking and close-on-exec and close it in the end. All calls from the loop's thread.
 *
 * What Linux puts into a socket's error queue is fetched, or readiness would be reported without
 * end: of a datagram socket errors (IP_RECVERR) come through the error callback; timestamps of
 * what was sent and the notifications of MSG_ZEROCOPY are thrown away.
 *
 * An object may be closed in any of its callbacks; memory is released when the callback has
 * returned. After its close callback (streams) or *_close (servers, datagram sockets) the
 * object must not be used.
 *
 * In a forked child the objects of an inherited loop can only be released: iostream_close, or
 * iostream_close_when_sent, calls the close callback with -ECHILD; tcpserver_stop closes the
 * listeners and accepts nobody; tcpserver_close and datagram_close send nothing. All of them close
 * the child's descriptors and free its memory, and the parent's connections go on. Everything else
 * that would touch a descriptor is -ECHILD or does nothing, whatever else it says below. (If
 * another thread made the loop its objects are that thread's, here too: leave them alone.)
 *
 * A C++ exception must not pass through these callbacks: an object whose callback did not return
 * counts as being inside it for ever. It can be closed, and its memory is lost.
 */
#ifndef IOSTREAM_H
#define IOSTREAM_H

#include <sys/socket.h>

#include "ioloop.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- gates: backpressure shared by many sockets -------------------------------------- */

/*
 * Sockets attached to a gate read only while it is open. Closing it costs O(1): a socket stops
 * when it next has something to read, so that idle ones never notice. Opening it costs O(those
 * that stopped). A server whose output stalls closes the gate; TCP peers then see the window
 * close, and nothing is lost or buffered.
 */
struct iostream_gate;
int iostream_gate_new(struct iostream_gate **ret); /* -ENOMEM */
/* Detaches what is attached. NULL is fine. */
void iostream_gate_free(struct iostream_gate *gate);
void iostream_gate_close(struct iostream_gate *gate);
void iostream_gate_open(struct iostream_gate *gate);
bool iostream_gate_is_open(const struct iostream_gate *gate);

/* ---- byte streams -------------------------------------------------------------------- */

struct iostream;

typedef void iostream_callback(struct iostream *stream, void *arg);

/* `data` is valid during the call only (idle streams own no buffer: reads go to one shared by
 * the loop). size 0: the peer has finished sending, nothing follows; writing still works. */
typedef void iostream_read_callback(struct iostream *stream, const char *data, size_t size,
                                    void *arg);

/* The stream is gone, and its descriptor closed. error: 0 closed by us or finished in order (the
 * end of input was told and our half-close was sent), else -errno (-ECONNRESET, -EPIPE,
 * -ECONNREFUSED, -ETIMEDOUT ...). The stream is freed when this returns. Called exactly once for
 * each stream, never from inside another function of this file except iostream_close and
 * tcpserver_close. */
typedef void iostream_close_callback(struct iostream *stream, int error, void *arg);

/* Take over a connected stream socket, pipe or pty. On failure fd remains the caller's. O_NONBLOCK
 * is set, for all that share the file, and never cleared; a socket does not depend on it.
 * -EPROTOTYPE: a socket of another type (SOCK_DGRAM, SOCK_SEQPACKET), whose messages a stream would
 * cut. -EINVAL: a socket that listens. -EBADF, -EPERM, -EEXIST, -ENOMEM as ioloop_add_handler. */
int iostream_new(struct ioloop *loop, int fd, struct iostream **ret);

/* Connect; on_connect is called when the peer has accepted, the close callback with the error
 * otherwise. Writes made before are queued. -errno of socket() and of add_handler; an error of
 * connect() itself comes through the close callback. -ECONNREFUSED there also if TCP has connected
 * the socket with itself, as happens where nothing listens on a port of the ephemeral range. */
int iostream_connect(struct ioloop *loop, const struct sockaddr *address, socklen_t size,
                     iostream_callback *on_connect, iostream_close_callback *on_close, void *arg,
                     struct iostream **ret);

void iostream_set_close_callback(struct iostream *stream, iostream_close_callback *fn, void *arg);

/* Read whatever comes, each read a call, until iostream_read_stop or the end. -EALREADY: a read
 * is under way. -EPIPE: the stream is closing. -EBADF: the write end of a pipe, or what else was
 * opened for writing only. -ENOMEM. The end of input is reported to whichever read is under way,
 * and to each later one. An error of the connection closes the stream. Either comes after all input
 * before it that satisfies a read, and is noticed by reading or writing: a stream that does neither
 * is not watched. */
int iostream_read(struct iostream *stream, iostream_read_callback *fn, void *arg);
/* Once: exactly `size` bytes (1 ..), or size 0 at the end of input with less than that left (the
 * next read may ask for what is). -EINVAL, and as iostream_read. */
int iostream_read_bytes(struct iostream *stream, size_t size, iostream_read_callback *fn,
                        void *arg);
/* Once: up to and including `delimiter` (copied; 1 to 16 bytes). The stream is closed with
 * -EMSGSIZE when `max` bytes came without it. -EINVAL, and as iostream_read. */
int iostream_read_until(struct iostream *stream, const char *delimiter, size_t delimiter_size,
                        size_t max, iostream_read_callback *fn, void *arg);
/* Stop calling the read callback. What was buffered is kept for the next read. */
void iostream_read_stop(struct iostream *stream);

/*
 * Send `data`: at once what the socket takes, the rest is copied and sent when it can. Each write
 * is a call of its own: put together what belongs together. Where the backend completes
 * (IOLOOP_F_COMPLETION) all that one turn of the loop writes is copied, and leaves in one send with
 * the next wait. Bytes arrive in order, each once; of 0 bytes nothing is sent. Returns 0, or
 *   -EPIPE   writing was shut down, or the stream is closing
 *   -EBADF   the read end of a pipe, or what else was opened for reading only
 *   -ENOMEM  nothing was sent or queued
 * A failure of the connection comes through the close callback; SIGPIPE is never raised, on pipes
 * neither. It does not interrupt reading: what the peer has sent is delivered first if a read is
 * under way, and what is written then goes nowhere, with 0.
 *
 * A kernel that is short of memory or buffers (ENOBUFS, ENOMEM), for sending or receiving, is asked
 * again after 1 ms, 2 ms, 4 ms and so on, and for the last time 4 s after the first: then, or if
 * there is no memory for the timeout, it is a failure.
 */
int iostream_write(struct iostream *stream, const void *data, size_t size);

/* Every TCP stream is made with TCP_NODELAY, which sends each write at once. Off, Nagle's algorithm
 * holds back a small one while an earlier one is not acknowledged: fewer segments, but up to 40 ms
 * with a peer that delays its acknowledgements. -EOPNOTSUPP: not TCP. -EPIPE: closed. */
int iostream_set_nodelay(struct iostream *stream, bool on);

/* Bytes queued and not yet given to the kernel. */
size_t iostream_pending(const struct iostream *stream);

/* While more than `high` bytes are pending the stream does not read, until `low` or fewer are
 * left: a peer that does not read its echo is not read from. Default 64 KiB and 256 KiB; what is
 * over 4 GiB counts as that.
 * Two streams at the two ends of a connection that are both over their marks wait for each other
 * for ever. Where both may write much before they read, one of them needs a mark that it does not
 * reach (SIZE_MAX), or a timeout of the program's. -EINVAL: low > high. */
int iostream_set_watermarks(struct iostream *stream, size_t low, size_t high);

/* Called whenever the queue has become empty after having been not (iostream_pending): where the
 * backend completes that is after every write, else only if the socket did not take all at once. */
void iostream_set_drain_callback(struct iostream *stream, iostream_callback *fn, void *arg);

/* Half-close: finish sending once the queue is empty. Reading goes on. -EPIPE: done already.
 * -ENOTSOCK: a pipe or pty, which knows no half-close; nothing happened. */
int iostream_shutdown(struct iostream *stream);

/* Close once the queue is empty (no more reads, no more writes). To a peer that is still sending
 * TCP answers a close with a reset; where that matters, half-close and read on to the end. */
void iostream_close_when_sent(struct iostream *stream);

/* Close now; what is queued is lost. The close callback is called with error 0. With input unread
 * TCP sends the peer a reset; where the backend completes it may be out of the socket already, and
 * then the peer sees an end in order. */
void iostream_close(struct iostream *stream);

/* NULL detaches. */
void iostream_set_gate(struct iostream *stream, struct iostream_gate *gate);

/* -1 in the close callback. What is done to it directly, such as shutdown(2), is not announced to
 * the signal-driven models: use iostream_shutdown. */
int iostream_fd(const struct iostream *stream);
struct ioloop *iostream_loop(const struct iostream *stream);

/* ---- TCP servers --------------------------------------------------------------------- */

struct tcpserver;

/* A connection was accepted. The callback owns the stream and sets its callbacks. */
typedef void tcpserver_connection(struct tcpserver *server, struct iostream *stream,
                                  const struct sockaddr *peer, socklen_t peer_size, void *arg);

/* Instead of a stream: the callback owns the bare descriptor, which is non-blocking and, of TCP,
 * has TCP_NODELAY set. It must call tcpserver_release when the connection has ended, so that the
 * limit is kept. */
typedef void tcpserver_accepted(struct tcpserver *server, int fd, const struct sockaddr *peer,
                                socklen_t peer_size, void *arg);

/* accept() failed: -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM, or with any other error 64 times in a row,
 * for one is the connection's (-ECONNABORTED, or -EPERM by a firewall). Accepting pauses, and is
 * tried again when a connection closes and every 100 ms; reported once a pause. -EINVAL, -EBADF,
 * -ENOTSOCK, or -EOPNOTSUPP 64 times in a row: one listener no longer listens, as when another
 * process that shares it calls shutdown(2). Reported once: it accepts no more, and the others go
 * on. Or the backlog cannot be emptied by tcpserver_stop. */
typedef void tcpserver_trouble(struct tcpserver *server, int error, void *arg);

struct tcpserver_options {
  int backlog;              /* of listen(); 0: the longest that the kernel allows */
  size_t max_connections;   /* 0: no limit; at the limit accepting pauses, the backlog waits */
  uint64_t idle_timeout_ns; /* 0: none; a stream without traffic that long is closed, -ETIMEDOUT,
                             * unless it is its gate that keeps it from reading */
  tcpserver_connection *on_connection; /* one of these two */
  tcpserver_accepted *on_accepted;
  tcpserver_trouble *on_trouble; /* may be NULL */
  void *arg;
  bool replace_stale_file; /* AF_UNIX: where nothing listens on a socket's file, put ours there */
};

/* A server with no address yet. -EINVAL: neither or both of the callbacks. -ENOMEM. */
int tcpserver_new(struct ioloop *loop, const struct tcpserver_options *options,
                  struct tcpserver **ret);

/* Listen on one more address. Port 0 takes a free one: tcpserver_address tells. -errno of
 * socket, bind (-EADDRINUSE, -EADDRNOTAVAIL, -EACCES) and listen. IPv6 addresses are V6ONLY.
 * The file of an AF_UNIX socket is removed when the server stops, also if the program has changed
 * its directory, unless it has become another one, or in a forked child. What a killed server has
 * left is -EADDRINUSE, unless replace_stale_file. -EINVAL: the server was stopped. */
int tcpserver_listen(struct tcpserver *server, const struct sockaddr *address, socklen_t size);

/* Listen on a socket made elsewhere, bound and listening: with options of its own (SO_REUSEPORT),
 * or inherited from a parent process. O_NONBLOCK may be set and is never cleared, as others may
 * have the file in use; one that is blocking stays so where the backend completes, until the server
 * stops. On failure fd remains the caller's. -ENOTSOCK. -EPROTOTYPE: a socket of another type than
 * SOCK_STREAM. -EINVAL: it does not listen, or the server was stopped. Else as ioloop_add_handler.
 */
int tcpserver_add_socket(struct tcpserver *server, int fd);

/* The index-th address listened on. -ENOENT: past the last. */
int tcpserver_address(const struct tcpserver *server, size_t index, struct sockaddr_storage *ret,
                      socklen_t *ret_size);

/* Close the listeners; what the backlog holds is accepted first, as far as the limits allow: the
 * connection callback is called from inside. From inside that callback, stopping waits until it
 * has returned. Connections go on. */
void tcpserver_stop(struct tcpserver *server);

void tcpserver_release(struct tcpserver *server);
size_t tcpserver_connections(const struct tcpserver *server); /* open now */
uint64_t tcpserver_accepted_total(const struct tcpserver *server);

/* Visit every open stream once; fn may close any of them, and the server. */
void tcpserver_each(struct tcpserver *server, iostream_callback *fn, void *arg);

/* Stop, and close every stream (their close callbacks run), and free. NULL is fine. */
void tcpserver_close(struct tcpserver *server);

/* ---- datagram sockets ---------------------------------------------------------------- */

struct datagram;

/* One datagram, of 0 to 65,535 bytes; `data` and `peer` are valid during the call only. */
typedef void datagram_callback(struct datagram *socket, const char *data, size_t size,
                               const struct sockaddr *peer, socklen_t peer_size, void *arg);

/* An error that the network reported for an earlier datagram (-ECONNREFUSED, -EHOSTUNREACH ...),
 * or with which the kernel refused one (-EMSGSIZE, -EPERM, -ENOBUFS ...), which was tried twice.
 * Never called from inside another function of this file but datagram_drain. The socket goes on;
 * receives that fail one after the other are made, and reported, every 10 ms. */
typedef void datagram_error(struct datagram *socket, int error, void *arg);

struct datagram_metrics {
  uint64_t received, received_bytes;
  uint64_t sent, sent_bytes;
  uint64_t send_dropped; /* replies given up: queue full, or refused by the kernel */
  uint64_t truncated;    /* datagrams longer than the buffer; never delivered as if whole */
  uint64_t errors;
  uint64_t kernel_drops; /* thrown away by the kernel because its queue was full */
};

/* Take over a bound or connected datagram socket (UDP, AF_UNIX). One that is bound to all addresses
 * is set to report which was used (datagram_local_address). UDP_GRO is switched off, for it joins
 * datagrams. O_NONBLOCK may be set and is never cleared. on_error may be NULL. On failure fd
 * remains the caller's. -ENOTSOCK. -EPROTOTYPE: a socket of another type than SOCK_DGRAM. Else as
 * ioloop_add_handler. */
int datagram_new(struct ioloop *loop, int fd, datagram_callback *fn, datagram_error *on_error,
                 void *arg, struct datagram **ret);

/* Bind a new socket to `address` (port 0: any). The file of an AF_UNIX one is removed by
 * datagram_close, as tcpserver_listen has it. -errno of socket and bind. */
int datagram_bind(struct ioloop *loop, const struct sockaddr *address, socklen_t size,
                  datagram_callback *fn, datagram_error *on_error, void *arg,
                  struct datagram **ret);

/*
 * In the datagram callback: the address that the datagram was sent to, with the socket's port. Of
 * a socket bound to one address, that; of one bound to all (0.0.0.0, ::), the one of them that the
 * peer used, with the interface of a link-local one (IP_PKTINFO, IPV6_PKTINFO, IP_RECVDSTADDR). An
 * IPv6 socket that receives IPv4 too has it mapped. -ENOENT: outside the callback; it was sent to a
 * group or a broadcast (but for IPv4's broadcasts on Linux: the address that answers them); or
 * the system does not report it.
 */
int datagram_local_address(const struct datagram *socket, struct sockaddr_storage *ret,
                           socklen_t *ret_size);

/*
 * Send one datagram to `peer` (size 0 on a connected socket). `data` need not stay. What is sent
 * while a batch is delivered goes to the kernel in as few calls as it has for that (sendmmsg).
 * Where the kernel's queue is full up to 256 KiB wait, and then datagrams are dropped and counted,
 * as UDP does. 0: sent, queued, or refused by the kernel, which on_error tells.
 * In the datagram callback what goes to the peer of that datagram is an answer, and leaves from
 * datagram_local_address: a connected peer takes no other. All else leaves from the address that
 * the kernel chooses.
 * -EMSGSIZE: over 65,507 bytes on an IPv4 socket, 65,527 on an IPv6 one, 65,535 at all. -ENOBUFS:
 * dropped. -ENOMEM. -EINVAL: no address has that size. -EPIPE: closed in this callback.
 */
int datagram_send(struct datagram *socket, const void *data, size_t size,
                  const struct sockaddr *peer, socklen_t peer_size);

/* The same, from `local`, one of this machine's addresses and of the socket's family; its port does
 * not count, and its scope only where it is link-local. For answers that leave later: keep what
 * datagram_local_address says. An address that is not this machine's is refused by the kernel.
 * -EINVAL also: `local` is neither IPv4 nor IPv6. */
int datagram_send_from(struct datagram *socket, const void *data, size_t size,
                       const struct sockaddr *peer, socklen_t peer_size,
                       const struct sockaddr *local, socklen_t local_size);

void datagram_set_gate(struct datagram *socket, struct iostream_gate *gate);
/* Reads the kernel's drop counter (a system call). */
void datagram_get_metrics(const struct datagram *socket, struct datagram_metrics *ret);
int datagram_fd(const struct datagram *socket);

/* Deliver what has arrived, until the queue is empty or `max` datagrams came and whatever the gate
 * says, then send what that queued; for an orderly end. Returns how many came. */
size_t datagram_drain(struct datagram *socket, size_t max);

/* What can be sent at once is sent, the rest counted as dropped. NULL is fine. */
void datagram_close(struct datagram *socket);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
