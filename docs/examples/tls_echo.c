/* SPDX-License-Identifier: MIT */
/*
 * tls_echo.c - TLS on a stream. A BIO pair of OpenSSL stands between the two:
 *
 *      peer  <-- stream -->  network | BIO pair | internal  <-- SSL -->  text
 *
 * What arrives is put into one end of the pair, and what OpenSSL leaves there is written to the stream.
 * OpenSSL sees no socket and never waits. Usage: tls_echo CERTIFICATE KEY [PORT]
 */
#include <ioloop/stream.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

/* What OpenSSL has left for the peer. The network end of the pair is the application's data. */
static bool flush(struct ioloop_stream *stream, const SSL *ssl) {
  char data[16 * 1024];
  int n;
  while ((n = BIO_read(SSL_get_app_data(ssl), data, sizeof data)) > 0)
    if (ioloop_stream_write(stream, data, (size_t)n) < 0)
      return false;
  return true;
}
/* Shake hands, or answer. false: it is over. (The pair is empty: an answer fits into it.) */
static bool proceed(struct ioloop_stream *stream, SSL *ssl) {
  char text[4 * 1024];
  int n, error;
  do {
    ERR_clear_error();
    n = SSL_read(ssl, text, sizeof text);
    if (n > 0)
      n = SSL_write(ssl, text, n);
    error = SSL_get_error(ssl, n);
    if (error == SSL_ERROR_ZERO_RETURN) /* the peer's close_notify: answer with ours */
      SSL_shutdown(ssl);
    ERR_print_errors_fp(stderr);
    if (!flush(stream, ssl)) /* also an alert, which names the reason */
      return false;
  } while (error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_WRITE);
  return error == SSL_ERROR_WANT_READ;
}
static void on_data(struct ioloop_stream *stream, const char *data, size_t size, void *ssl) {
  bool open = size > 0; /* else the peer has gone without a close_notify */
  for (int n; open && size > 0; data += n, size -= (size_t)n) {
    n = BIO_write(SSL_get_app_data((SSL *)ssl), data, (int)size); /* as much as there is room for */
    open = n > 0 && proceed(stream, ssl);
  }
  if (!open)
    ioloop_stream_close_when_sent(stream);
}
static void on_close(struct ioloop_stream *stream, int error, void *ssl) {
  (void)stream, (void)error;
  BIO_free(SSL_get_app_data((SSL *)ssl));
  SSL_free(ssl); /* and the internal end */
}
static void on_connection(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t size, void *context) {
  SSL *ssl = SSL_new(context);
  BIO *network, *internal;
  (void)server, (void)peer, (void)size;
  if (!ssl || !BIO_new_bio_pair(&internal, 0, &network, 0)) {
    SSL_free(ssl);
    ioloop_stream_close(stream);
    return;
  }
  SSL_set_app_data(ssl, network);
  SSL_set_bio(ssl, internal, internal);
  SSL_set_accept_state(ssl);
  ioloop_stream_set_close_callback(stream, on_close, ssl);
  ioloop_stream_read(stream, on_data, ssl);
}
int main(int argc, char **argv) {
  struct ioloop_tcpserver_options how = {.size = sizeof how, .on_connection = on_connection};
  SSL_CTX *context = how.arg = SSL_CTX_new(TLS_server_method());
  struct ioloop_tcpserver *server;
  struct ioloop *loop;
  if (argc < 3 || !context || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1)
    return fputs("usage: tls_echo CERTIFICATE KEY [PORT]\n", stderr), ERR_print_errors_fp(stderr),
           2;
  if (ioloop_new(ioloop_backend_from_env(), &loop) || ioloop_tcpserver_new(loop, &how, &server) ||
      ioloop_tcpserver_listen_name(server, "127.0.0.1", argc > 3 ? argv[3] : "8888"))
    return 1;
  return -ioloop_start(loop);
}
