/* SPDX-License-Identifier: MIT */
/*
 * stream.h - TCP servers, byte streams and datagram sockets on an ioloop.
 *
 * Tornado's IOStream and TCPServer in C, and UDP as well. TLS is not part of it: the example
 * docs/examples/tls_echo.c puts OpenSSL on a stream. Conventions (errors, threads, fork, times) as
 * in ioloop.h. These objects own the descriptor they are given: they make it non-blocking and
 * close-on-exec, and close it in the end. Call all functions from the thread that runs the loop, or
 * from any one thread while it does not run. (Under io_uring, what a run of another thread has begun
 * should be closed by that thread. Closed by a third, it ends as it should, but the loop then fails
 * with -EPERM until all that was open in that run is closed.)
 *
 * Streams and datagram sockets empty a socket's error queue (Linux). Errors of a datagram socket
 * (IP_RECVERR) are passed to the error callback; timestamps of sent data and the notifications of
 * MSG_ZEROCOPY are discarded.
 *
 * An object may be closed in any of its callbacks; its memory is released when the callback has
 * returned. After its close callback (streams) or *_close (servers, datagram sockets) the
 * object must not be used.
 *
 * In a forked child the objects of an inherited loop can only be released, by the functions that
 * close or stop them: these close the child's descriptors and free its memory, send and accept
 * nothing, and call a stream's close callback with -ECHILD. The parent's connections go on. Every
 * other function that would touch a descriptor returns -ECHILD or does nothing, whatever else is
 * said below. (If another thread ran the loop last, or made it, leave its objects alone.)
 *
 * A C++ exception must not pass through these callbacks: an object whose callback did not return
 * counts as being inside it. It can be closed, but its memory is lost.
 */
#ifndef IOLOOP_STREAM_H
#define IOLOOP_STREAM_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "ioloop.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- gates: backpressure shared by many sockets -------------------------------------- */

/*
 * Sockets attached to a gate read only while it is open. Closing it costs O(1): a socket stops
 * when it next has something to read. Opening it costs O(sockets that stopped). A server whose
 * output stalls closes the gate; TCP peers then see the window close, and nothing is lost.
 */
struct ioloop_gate;
int ioloop_gate_new(struct ioloop_gate **ret); /* -ENOMEM */
/* Detaches the attached sockets. NULL is allowed. */
void ioloop_gate_free(struct ioloop_gate *gate);
void ioloop_gate_close(struct ioloop_gate *gate);
void ioloop_gate_open(struct ioloop_gate *gate);
bool ioloop_gate_is_open(const struct ioloop_gate *gate);

/* ---- byte streams -------------------------------------------------------------------- */

struct ioloop_stream;

typedef void ioloop_stream_fn(struct ioloop_stream *stream, void *arg);

/* `data` is valid only during the call (idle streams own no buffer: reads go to one that the loop's
 * streams share). size 0: the peer has finished sending, nothing follows; writing still works. */
typedef void ioloop_stream_read_fn(struct ioloop_stream *stream, const char *data, size_t size,
                                   void *arg);

/* The stream has ended and its descriptor is closed. error: 0 if it was closed by us or finished in
 * order (the end of input was reported and our half-close was sent), else -errno (-ECONNRESET,
 * -EPIPE, -ECONNREFUSED, -ETIMEDOUT ...). The stream is freed when this returns. Called exactly
 * once for each stream, and from inside no function of this file except ioloop_stream_close and
 * ioloop_tcpserver_close. */
typedef void ioloop_stream_close_fn(struct ioloop_stream *stream, int error, void *arg);

/* Take over a connected stream socket, pipe or pty. On failure fd remains the caller's. O_NONBLOCK
 * is set, for every process that shares the file, and never cleared, even on failure; a socket does
 * not depend on it. -EPROTOTYPE: a socket of another type (SOCK_DGRAM, SOCK_SEQPACKET), whose
 * messages a stream would cut. -EINVAL: a listening socket. -EBADF, -EPERM, -EEXIST, -ENOMEM as for
 * ioloop_add_handler. */
int ioloop_stream_new(struct ioloop *loop, int fd, struct ioloop_stream **ret);

/* Connect. on_connect is called when the peer has accepted, otherwise the close callback with the
 * error. Writes before that are queued. Returns -errno of socket() and of add_handler; an error of
 * connect() itself is passed to the close callback: -ECONNREFUSED also if TCP has connected the
 * socket to itself, as it may where nothing listens. */
int ioloop_stream_connect(struct ioloop *loop, const struct sockaddr *address, socklen_t size,
                          ioloop_stream_fn *on_connect, ioloop_stream_close_fn *on_close, void *arg,
                          struct ioloop_stream **ret);

/* Connect to a host's service ("example.org", "80"), or to "unix:PATH" (service unused). A thread
 * looks the name up, unless both are numbers; the addresses are tried in turn, IPv6 and IPv4
 * alternating, every 250 ms and at once if one fails, and the first that accepts is kept (RFC 8305).
 * Otherwise as ioloop_stream_connect; until then ioloop_stream_fd is -1, and -ENOTCONN is the error
 * of what needs it. If all fail, the close callback is called with the last one's error; -ENOENT: no such
 * name or service (no brackets), -EAGAIN: ask later, -EIO. -EINVAL at once: NULL, no port, no path. */
int ioloop_stream_connect_name(struct ioloop *loop, const char *host, const char *service,
                               ioloop_stream_fn *on_connect, ioloop_stream_close_fn *on_close,
                               void *arg, struct ioloop_stream **ret);

void ioloop_stream_set_close_callback(struct ioloop_stream *stream, ioloop_stream_close_fn *fn,
                                      void *arg);

/* Read whatever arrives, one call of fn per read, until ioloop_stream_read_stop or the end.
 * -EALREADY: a read is in progress. -EPIPE: the stream is closing. -EBADF: the write end of a pipe,
 * or another file opened only for writing. -ENOMEM. The end of input is reported to the read in
 * progress, and to each later one. An error of the connection closes the stream. Both come after
 * all earlier input that satisfies a read, and are noticed by reading or writing: a stream that
 * does neither is not watched. */
int ioloop_stream_read(struct ioloop_stream *stream, ioloop_stream_read_fn *fn, void *arg);
/* Read once: exactly `size` bytes (1 ..), or size 0 at the end of input if fewer are left, for the
 * next read. -EINVAL, and as ioloop_stream_read. */
int ioloop_stream_read_bytes(struct ioloop_stream *stream, size_t size, ioloop_stream_read_fn *fn,
                             void *arg);
/* Read once: up to and including `delimiter` (copied; 1 to 16 bytes). If `max` bytes arrived
 * without it, the limit callback is called; a stream that has none is closed with -EMSGSIZE.
 * -EINVAL: also a `max` below the delimiter's size. Else as ioloop_stream_read. */
int ioloop_stream_read_until(struct ioloop_stream *stream, const char *delimiter,
                             size_t delimiter_size, size_t max, ioloop_stream_read_fn *fn,
                             void *arg);
/* Called when an ioloop_stream_read_until has found no delimiter in its `max` bytes. That read has
 * ended, and the bytes are kept for the next read. The callback may answer, and go on with any read:
 * with a larger maximum, or ioloop_stream_read_bytes to skip `max` bytes (less delimiter_size - 1, as
 * a delimiter may begin in those). fn NULL: as at first. -EPIPE: closed. -ENOMEM: as before. */
int ioloop_stream_set_limit_callback(struct ioloop_stream *stream, ioloop_stream_fn *fn, void *arg);
/* Close the stream with -ETIMEDOUT when nothing arrives for this long (0, IOLOOP_FOREVER: no limit,
 * as at first). Only time in which the stream waits for its peer counts: not before it is
 * connected, without a read, behind a gate or over a watermark. Each byte and each start of a read
 * begin the time again. After the end of input there is none. -EPIPE: closed. -ENOMEM: no timeout. */
int ioloop_stream_set_read_timeout(struct ioloop_stream *stream, uint64_t timeout_ns);

/* Stop calling the read callback. Buffered data is kept for the next read. */
void ioloop_stream_read_stop(struct ioloop_stream *stream);

/*
 * Send `data`. What the socket takes is sent at once; the rest is copied and sent when there is room.
 * Each write is a system call: combine data that belongs together. Where the backend completes
 * (IOLOOP_F_COMPLETION), all writes of one iteration are copied and leave in one send with the next
 * wait. A write of 0 bytes sends nothing.
 * Returns 0, or
 *   -EPIPE   writing was shut down, or the stream is closing
 *   -EBADF   the read end of a pipe, or another file opened only for reading
 *   -ENOMEM  nothing was sent or queued
 * A failure of the connection is passed to the close callback; SIGPIPE is never raised, not even on
 * pipes. A failure does not interrupt reading: if a read is in progress, data that the peer has
 * sent is delivered first; writes in that time return 0 and their data is discarded.
 *
 * Where the kernel is short of memory or buffers (ENOBUFS, ENOMEM), sending or receiving is tried
 * again after 1 ms, 2 ms, 4 ms and so on, and for the last time 4 s after the first try. Then, or
 * if there is no memory for the timeout, it is a failure.
 */
int ioloop_stream_write(struct ioloop_stream *stream, const void *data, size_t size);

/* The same with `count` pieces, one after the other, as if they were one: a header and its content
 * in one system call. -EINVAL: a negative count, or more than PTRDIFF_MAX bytes. */
int ioloop_stream_writev(struct ioloop_stream *stream, const struct iovec *pieces, int count);

/* Every TCP stream is made with TCP_NODELAY. When it is off, Nagle's algorithm holds back a small
 * write while an earlier one is not acknowledged: fewer segments, but up to 40 ms with a peer that
 * delays its acknowledgements. -EOPNOTSUPP: not TCP. -EPIPE: closed. */
int ioloop_stream_set_nodelay(struct ioloop_stream *stream, bool on);

/* Bytes queued and not yet passed to the kernel. Where the backend completes, bytes that were sent
 * count until the end of their send is noticed: late, if neither a drain callback nor a watermark
 * or an end of the stream waits for it. */
size_t ioloop_stream_pending(const struct ioloop_stream *stream);

/* When more than `high` bytes are pending, the stream stops reading until `low` or fewer are left:
 * a peer that does not read its echo is not read from. Default 64 KiB and 256 KiB; values over 4
 * GiB count as 4 GiB. Streams at both ends of a connection that are over their marks wait for each
 * other: where both may write much before they read, one needs a mark that it does not reach
 * (SIZE_MAX), or a timeout. -EINVAL: low > high. */
int ioloop_stream_set_watermarks(struct ioloop_stream *stream, size_t low, size_t high);

/* Called whenever the queue becomes empty after it was not (ioloop_stream_pending): where the
 * backend completes, after every write; otherwise only if the socket did not take all at once. fn
 * NULL: none. -EPIPE: closed. -ENOMEM: as before. */
int ioloop_stream_set_drain_callback(struct ioloop_stream *stream, ioloop_stream_fn *fn, void *arg);

/* Called when so much was pending that the stream stopped reading, and `low` or fewer bytes are
 * left: a program that writes what comes from elsewhere stops over `high`, and goes on here. Not
 * called from inside a function of this file, nor after a failure to send. fn NULL: none. -EPIPE:
 * closed. -ENOMEM: as before. */
int ioloop_stream_set_low_callback(struct ioloop_stream *stream, ioloop_stream_fn *fn, void *arg);

/*
 * Write to `sink` what arrives at `source`, as a proxy does; for both directions couple them twice.
 * The source is read (as by ioloop_stream_read) unless the sink stops at its watermarks, so no more
 * than `high` bytes and one read wait in memory; its own queue no longer stops the source. The end
 * of the source's input becomes a half-close of the sink; a pipe or pty, which has none, is closed
 * when all is sent. Where one of the two fails, or is closed before the end of the source's input,
 * the loop closes the other, with the same error; what is queued to it is lost. A sink that is no
 * source is not watched while nothing is written to it. ioloop_stream_read_stop of the source uncouples.
 *   -EALREADY  a read of the source is in progress, or the sink has a source
 *   -EINVAL    streams of different loops
 *   -EPIPE     writing to the sink was shut down, or one of them is closing
 *   -EBADF     the source is not open for reading, or the sink not for writing
 *   -ENOMEM    nothing happened; if memory lacks later, both are closed with -ENOMEM
 */
int ioloop_stream_couple(struct ioloop_stream *source, struct ioloop_stream *sink);

/* Half-close: finish sending once the queue is empty. -EPIPE: done already. -ENOTSOCK: a pipe or
 * pty, which has none; nothing happened. */
int ioloop_stream_shutdown(struct ioloop_stream *stream);

/* Close once the queue is empty (no more reads, no more writes). If the peer is still sending, TCP
 * answers a close with a reset; where that matters, half-close and read on to the end. A peer that
 * does not read delays the close for as long as it is connected, and two streams that are closed
 * like this may wait for each other: a timeout that calls ioloop_stream_close ends that. */
void ioloop_stream_close_when_sent(struct ioloop_stream *stream);

/* Close now; queued data is lost. The close callback is called with error 0. With unread input, TCP
 * sends the peer a reset, unless the backend completes and has taken it. */
void ioloop_stream_close(struct ioloop_stream *stream);

/* The address of one end of the connection, the stream's own or its peer's. -EPIPE: closed. Else as
 * getsockname(2) and getpeername(2): -ENOTSOCK: a pipe or pty; -ENOTCONN: no peer (yet). */
enum ioloop_stream_end {
  IOSTREAM_LOCAL,
  IOSTREAM_PEER
};
int ioloop_stream_address(const struct ioloop_stream *stream, enum ioloop_stream_end end,
                          struct sockaddr_storage *ret, socklen_t *ret_size);

/* An address as text: "127.0.0.1:8888", "[::1]:8888", "[fe80::1%2]:8888", "unix:/run/socket",
 * "unix:@abstract", "unix:" (one without a name). Returns its length. -EAFNOSUPPORT: of another
 * family. Any thread. */
enum {
  IOSTREAM_ADDRESS_SIZE = 128 /* with its zero */
};
int ioloop_stream_address_text(const struct sockaddr *address, socklen_t size,
                               char ret[IOSTREAM_ADDRESS_SIZE]);

/* The program's own, NULL at first. Can be read until the close callback has returned. */
void ioloop_stream_set_data(struct ioloop_stream *stream, void *data);
void *ioloop_stream_data(const struct ioloop_stream *stream);

void ioloop_stream_set_gate(struct ioloop_stream *stream, struct ioloop_gate *gate); /* or NULL */

/* -1 in the close callback. Do not call shutdown(2) on it: ioloop_stream_shutdown. */
int ioloop_stream_fd(const struct ioloop_stream *stream);
struct ioloop *ioloop_stream_loop(const struct ioloop_stream *stream);

/* ---- TCP servers --------------------------------------------------------------------- */

struct ioloop_tcpserver;

/* A connection was accepted. The callback owns the stream and sets its callbacks. */
typedef void ioloop_tcpserver_connection_fn(struct ioloop_tcpserver *server,
                                            struct ioloop_stream *stream,
                                            const struct sockaddr *peer, socklen_t peer_size,
                                            void *arg);

/* Instead of a stream: the callback owns the bare descriptor, which is non-blocking and, for TCP,
 * has TCP_NODELAY set. Call ioloop_tcpserver_release when the connection has ended, so that the
 * limit is kept. */
typedef void ioloop_tcpserver_accepted_fn(struct ioloop_tcpserver *server, int fd,
                                          const struct sockaddr *peer, socklen_t peer_size,
                                          void *arg);

/* accept() failed: -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM, or any other error 64 times in a row,
 * because a single one concerns only that connection (-ECONNABORTED, or -EPERM by a firewall).
 * Accepting pauses, and is tried again when a connection closes and every 100 ms; each pause is
 * reported once. -EINVAL, -EBADF, -ENOTSOCK, or -EOPNOTSUPP 64 times in a row: one listener no
 * longer listens (another process called shutdown(2)). Reported once: the others go on. Also called
 * when ioloop_tcpserver_stop cannot empty the backlog. */
typedef void ioloop_tcpserver_trouble_fn(struct ioloop_tcpserver *server, int error, void *arg);

struct ioloop_tcpserver_options {
  size_t size;              /* of this struct */
  int backlog;              /* of listen(); 0: the longest that the kernel allows */
  size_t max_connections;   /* 0: no limit; at the limit accepting pauses, the backlog waits */
  uint64_t idle_timeout_ns; /* 0: none; a stream without traffic for this long is closed,
                             * -ETIMEDOUT, unless its gate keeps it from reading */
  ioloop_tcpserver_connection_fn *on_connection; /* one of these two */
  ioloop_tcpserver_accepted_fn *on_accepted;
  ioloop_tcpserver_trouble_fn *on_trouble; /* may be NULL */
  void *arg;
  /* AF_UNIX: replace a socket's file on which nothing listens. Not for servers that may start at
   * the same moment: one that is bound and does not listen yet may be replaced. */
  bool replace_stale_file;
};

/* A server with no address yet. -EINVAL: neither or both of the callbacks, or the size is none.
 * -E2BIG: an option that this version does not have is set. -ENOMEM. */
int ioloop_tcpserver_new(struct ioloop *loop, const struct ioloop_tcpserver_options *options,
                         struct ioloop_tcpserver **ret);

/* Listen on one more address. Port 0 takes a free one, which ioloop_tcpserver_address returns.
 * -errno of socket, bind (-EADDRINUSE, -EADDRNOTAVAIL, -EACCES) and listen. IPv6 addresses are
 * V6ONLY. The file of an AF_UNIX socket is removed when the server stops, even if the program has
 * changed its directory, unless another file has replaced it; a forked child does not remove it. A
 * file left by a killed server gives -EADDRINUSE, unless replace_stale_file is set. -EINVAL: the
 * server was stopped. */
int ioloop_tcpserver_listen(struct ioloop_tcpserver *server, const struct sockaddr *address,
                            socklen_t size);

/* On each address of a name (NULL: all of this machine), or "unix:PATH". It blocks for the lookup.
 * 0 if any is listened on; else the last one's error, or ioloop_stream_connect_name's. */
int ioloop_tcpserver_listen_name(struct ioloop_tcpserver *server, const char *host,
                                 const char *service);

/* Listen on a socket made elsewhere, bound and listening: with options of its own (SO_REUSEPORT),
 * or inherited from a parent process. O_NONBLOCK may be set and is never cleared; where the backend
 * completes, a blocking socket stays blocking until the server stops. On failure fd remains the caller's. -ENOTSOCK. -EPROTOTYPE: a socket of another
 * type than SOCK_STREAM. -EINVAL: it does not listen, or the server was stopped. Other errors as
 * for ioloop_add_handler. */
int ioloop_tcpserver_add_socket(struct ioloop_tcpserver *server, int fd);

/* The index-th address listened on. -ENOENT: past the last. */
int ioloop_tcpserver_address(const struct ioloop_tcpserver *server, size_t index,
                             struct sockaddr_storage *ret, socklen_t *ret_size);

/* Close the listeners. Connections in the backlog are accepted first, as far as the limits allow:
 * the connection callback is called from inside. If called from that callback, the server stops
 * once the callback has returned. Connections go on. */
void ioloop_tcpserver_stop(struct ioloop_tcpserver *server);

void ioloop_tcpserver_release(struct ioloop_tcpserver *server);
size_t ioloop_tcpserver_connections(const struct ioloop_tcpserver *server); /* open now */
uint64_t ioloop_tcpserver_accepted_total(const struct ioloop_tcpserver *server);

/* Call fn once for every open stream; fn may close any of them, and the server. */
void ioloop_tcpserver_each(struct ioloop_tcpserver *server, ioloop_stream_fn *fn, void *arg);

/* Stop, close every stream (their close callbacks run), and free. NULL is allowed. */
void ioloop_tcpserver_close(struct ioloop_tcpserver *server);

/* ---- datagram sockets ---------------------------------------------------------------- */

struct ioloop_datagram;

/* One datagram, of 0 to 65,535 bytes; `data` and `peer` are valid only during the call. */
typedef void ioloop_datagram_fn(struct ioloop_datagram *socket, const char *data, size_t size,
                                const struct sockaddr *peer, socklen_t peer_size, void *arg);

/* An error that the network reported for an earlier datagram (-ECONNREFUSED, -EHOSTUNREACH ...), or
 * with which the kernel refused a datagram twice (-EMSGSIZE, -EPERM, -ENOBUFS ...). Called from
 * inside no function of this file except ioloop_datagram_drain. The socket goes on; if receives
 * fail one after the other, they are made, and reported, every 10 ms. */
typedef void ioloop_datagram_error_fn(struct ioloop_datagram *socket, int error, void *arg);

struct ioloop_datagram_metrics {
  uint64_t received, received_bytes;
  uint64_t sent, sent_bytes;
  uint64_t send_dropped; /* not sent: queue full, or refused by the kernel */
  uint64_t truncated;    /* datagrams longer than the buffer; never delivered as if complete */
  uint64_t errors;
  uint64_t kernel_drops; /* dropped by the kernel because its queue was full */
};

/* Take over a bound or connected datagram socket (UDP, AF_UNIX). One bound to all addresses is set
 * to report which of them was used (ioloop_datagram_local_address). UDP_GRO is switched off: it
 * joins datagrams. O_NONBLOCK may be set and is never cleared. fn may be NULL: what arrives is
 * counted and dropped. on_error may be NULL. On failure fd remains the caller's. -ENOTSOCK.
 * -EPROTOTYPE: a socket of another type than SOCK_DGRAM. Other errors as for ioloop_add_handler. */
int ioloop_datagram_new(struct ioloop *loop, int fd, ioloop_datagram_fn *fn,
                        ioloop_datagram_error_fn *on_error, void *arg,
                        struct ioloop_datagram **ret);

/* Bind a new socket to `address` (port 0: any). The file of an AF_UNIX one is removed by
 * ioloop_datagram_close, as ioloop_tcpserver_listen has it. -errno of socket and bind. */
int ioloop_datagram_bind(struct ioloop *loop, const struct sockaddr *address, socklen_t size,
                         ioloop_datagram_fn *fn, ioloop_datagram_error_fn *on_error, void *arg,
                         struct ioloop_datagram **ret);

/*
 * In the datagram callback: the address that the datagram was sent to, with the socket's port. For
 * a socket bound to one address, that address; for one bound to all (0.0.0.0, ::), the address that
 * the peer used, with the interface if it is link-local (IP_PKTINFO, IPV6_PKTINFO, IP_RECVDSTADDR).
 * On an IPv6 socket that also receives IPv4, an IPv4 address is mapped. -ENOENT: called outside the
 * callback; the datagram was sent to a group or a broadcast (except for IPv4 broadcasts on Linux:
 * there it is the address that answers them); or the system does not report the address.
 */
int ioloop_datagram_local_address(const struct ioloop_datagram *socket,
                                  struct sockaddr_storage *ret, socklen_t *ret_size);

/*
 * Send one datagram to `peer` (size 0 on a connected socket). Those sent while a batch is delivered
 * go to the kernel in as few calls as possible (sendmmsg). When the kernel's queue is full, up to
 * 256 KiB wait; more datagrams are dropped and counted, as UDP does.
 * 0: sent, queued, or refused by the kernel, which is reported to on_error.
 * In the datagram callback, a datagram to the peer of the received one is an answer, and leaves
 * from ioloop_datagram_local_address: a connected peer accepts no other. Every other datagram
 * leaves from the address that the kernel chooses. -EMSGSIZE: over 65,507 bytes on an IPv4 socket,
 * 65,527 on an IPv6 one, 65,535 at all. -ENOBUFS: dropped. -ENOMEM. -EINVAL: no address has that
 * size. -EPIPE: closed in this callback.
 */
int ioloop_datagram_send(struct ioloop_datagram *socket, const void *data, size_t size,
                         const struct sockaddr *peer, socklen_t peer_size);

/* The same, from `local`, an address of this machine and of the socket's family; its port is
 * ignored, and its scope is used only if it is link-local. For answers that leave later: keep the
 * result of ioloop_datagram_local_address. The kernel refuses an address that is not this
 * machine's. -EINVAL also: `local` is neither IPv4 nor IPv6. */
int ioloop_datagram_send_from(struct ioloop_datagram *socket, const void *data, size_t size,
                              const struct sockaddr *peer, socklen_t peer_size,
                              const struct sockaddr *local, socklen_t local_size);

void ioloop_datagram_set_gate(struct ioloop_datagram *socket, struct ioloop_gate *gate);
/* Reads the kernel's drop counter (a system call). */
void ioloop_datagram_get_metrics(const struct ioloop_datagram *socket,
                                 struct ioloop_datagram_metrics *ret, size_t size);
int ioloop_datagram_fd(const struct ioloop_datagram *socket);

/* For an orderly end: deliver datagrams, even if the gate is closed, until the queue is empty or
 * `max` were delivered; then send what the callbacks queued. Returns the number delivered. */
size_t ioloop_datagram_drain(struct ioloop_datagram *socket, size_t max);

/* Queued datagrams that can be sent at once are sent, the rest count as dropped. NULL: nothing. */
void ioloop_datagram_close(struct ioloop_datagram *socket);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
