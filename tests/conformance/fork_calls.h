/* SPDX-License-Identifier: MIT */
/*
 * fork_calls.h - every function of ioloop.h and stream.h, called in a forked child on inherited
 * objects (conformance 109), and the value it must return: -ECHILD, or 0 if it only releases,
 * queries, or creates something of the child's own. tests/e2e/man.py compares the names with the
 * headers.
 */
#define REFUSED(name, expression)         CALL(name, -ECHILD, (expression))
#define HARMLESS(name, expression)        CALL(name, 0, (expression, 0))
#define HARMLESS_RESULT(name, expression) CALL(name, 0, (expression))

REFUSED(ioloop_start, ioloop_start(it->loop))
REFUSED(ioloop_run_once, ioloop_run_once(it->loop, IOLOOP_FOREVER))
REFUSED(ioloop_set_spin, ioloop_set_spin(it->loop, MS(1)))
REFUSED(ioloop_add_handler, ioloop_add_handler(it->loop, it->spare[0], IOLOOP_READ, on_never, NULL))
REFUSED(ioloop_update_handler, ioloop_update_handler(it->loop, it->pair[0], 0))
REFUSED(ioloop_replace_handler, ioloop_replace_handler(it->loop, it->pair[0], 0, on_never, NULL))
REFUSED(ioloop_remove_handler, ioloop_remove_handler(it->loop, it->pair[0]))
REFUSED(ioloop_add_callback, ioloop_add_callback(it->loop, on_never_called, NULL))
REFUSED(ioloop_add_callback_threadsafe,
        ioloop_add_callback_threadsafe(it->loop, on_never_called, NULL))
REFUSED(ioloop_add_callback_from_signal,
        ioloop_add_callback_from_signal(it->loop, on_never_called, NULL))
REFUSED(ioloop_call_later, ioloop_call_later(it->loop, 0, on_never_called, NULL, NULL))
REFUSED(ioloop_call_at, ioloop_call_at(it->loop, 0, on_never_called, NULL, NULL))
REFUSED(ioloop_call_every, ioloop_call_every(it->loop, 1, on_never_called, NULL, NULL))
REFUSED(ioloop_remove_signal, ioloop_remove_signal(it->loop, SIGUSR1))
REFUSED(ioloop_add_signal, ioloop_add_signal(it->loop, SIGUSR2, on_no_signal, NULL))
REFUSED(ioloop_add_child, ioloop_add_child(it->loop, getppid(), NULL, NULL))
REFUSED(ioloop_remove_child, ioloop_remove_child(it->loop, getppid()))
REFUSED(ioloop_stream_new, new_stream(it))
REFUSED(ioloop_stream_connect, connect_stream(it))
REFUSED(ioloop_stream_connect_name,
        ioloop_stream_connect_name(it->loop, "localhost", "1", NULL, NULL, NULL,
                                   &(struct ioloop_stream *){NULL}))
REFUSED(ioloop_tcpserver_listen_name,
        ioloop_tcpserver_listen_name(it->echo.server, "localhost", "0"))
REFUSED(ioloop_stream_read, ioloop_stream_read(it->client, on_no_data, NULL))
REFUSED(ioloop_stream_read_bytes, ioloop_stream_read_bytes(it->client, 1, on_no_data, NULL))
REFUSED(ioloop_stream_read_until,
        ioloop_stream_read_until(it->client, "\n", 1, 9, on_no_data, NULL))
REFUSED(ioloop_stream_set_limit_callback, ioloop_stream_set_limit_callback(it->client, NULL, NULL))
REFUSED(ioloop_stream_set_low_callback, ioloop_stream_set_low_callback(it->client, NULL, NULL))
REFUSED(ioloop_stream_couple, ioloop_stream_couple(it->client, it->client))
REFUSED(ioloop_stream_address,
        ioloop_stream_address(it->client, IOSTREAM_PEER, &(struct sockaddr_storage){0},
                              &(socklen_t){0}))
REFUSED(ioloop_stream_set_read_timeout, ioloop_stream_set_read_timeout(it->client, SECONDS(9)))
REFUSED(ioloop_stream_write, ioloop_stream_write(it->client, "stray", 5))
REFUSED(ioloop_stream_writev, ioloop_stream_writev(it->client, &(struct iovec){"stray", 5}, 1))
REFUSED(ioloop_stream_set_nodelay, ioloop_stream_set_nodelay(it->client, false))
REFUSED(ioloop_stream_shutdown, ioloop_stream_shutdown(it->client))
REFUSED(ioloop_tcpserver_new, new_server(it))
REFUSED(ioloop_tcpserver_listen, listen_once_more(it))
REFUSED(ioloop_tcpserver_add_socket, ioloop_tcpserver_add_socket(it->echo.server, it->listener))
REFUSED(ioloop_datagram_new, new_datagram(it))
REFUSED(ioloop_datagram_bind, bind_datagram(it))
REFUSED(ioloop_datagram_send, send_datagram(it))
REFUSED(ioloop_datagram_send_from, send_datagram_from(it))

HARMLESS(ioloop_version, CHECK(ioloop_version()))
HARMLESS(ioloop_stop, ioloop_stop(it->loop))
HARMLESS(ioloop_time, CHECK(ioloop_time(it->loop) > 0))
HARMLESS_RESULT(ioloop_update_timeout, ioloop_update_timeout(it->loop, it->timeout, 1))
HARMLESS_RESULT(ioloop_remove_timeout, ioloop_remove_timeout(it->loop, it->timeout))
HARMLESS(ioloop_backend_at, ask_all_backends())
HARMLESS(ioloop_backend_probe, probe_own_backend())
HARMLESS(ioloop_backend_default, CHECK(ioloop_backend_default()))
HARMLESS(ioloop_backend_from_env, (void)ioloop_backend_from_env())
HARMLESS(ioloop_backend_name, CHECK(ioloop_backend_name(it->loop)))
HARMLESS(ioloop_backend_features, (void)ioloop_backend_features(it->loop))
HARMLESS(ioloop_get_metrics, (void)metrics_of(it->loop))
HARMLESS(ioloop_set_timing, ioloop_set_timing(it->loop, true))
HARMLESS(ioloop_set_observer, set_observer(it))
HARMLESS(ioloop_stream_address_text,
         (void)ioloop_stream_address_text(&(struct sockaddr){0}, sizeof(struct sockaddr),
                                          (char[IOSTREAM_ADDRESS_SIZE]){0}))
HARMLESS(ioloop_gate_new, make_gate())
HARMLESS(ioloop_gate_close, ioloop_gate_close(it->gate))
HARMLESS(ioloop_gate_open, ioloop_gate_open(it->gate))
HARMLESS(ioloop_gate_is_open, (void)ioloop_gate_is_open(it->gate))
HARMLESS(ioloop_stream_set_close_callback,
         ioloop_stream_set_close_callback(it->client, on_closed, it))
HARMLESS(ioloop_stream_read_stop, ioloop_stream_read_stop(it->client))
HARMLESS(ioloop_stream_pending, (void)ioloop_stream_pending(it->client))
HARMLESS_RESULT(ioloop_stream_set_watermarks, ioloop_stream_set_watermarks(it->client, 0, 0))
REFUSED(ioloop_stream_set_drain_callback, ioloop_stream_set_drain_callback(it->client, NULL, NULL))
HARMLESS(ioloop_stream_set_data, ioloop_stream_set_data(it->client, it))
HARMLESS(ioloop_stream_data, (void)ioloop_stream_data(it->client))
HARMLESS(ioloop_stream_set_gate, ioloop_stream_set_gate(it->client, NULL))
HARMLESS(ioloop_stream_fd, CHECK(ioloop_stream_fd(it->client) >= 0))
HARMLESS(ioloop_stream_loop, CHECK(ioloop_stream_loop(it->client) == it->loop))
HARMLESS(ioloop_tcpserver_address, ask_address(it))
HARMLESS(ioloop_tcpserver_connections, CHECK(ioloop_tcpserver_connections(it->echo.server) > 0))
HARMLESS(ioloop_tcpserver_accepted_total,
         CHECK(ioloop_tcpserver_accepted_total(it->echo.server) > 0))
HARMLESS(ioloop_tcpserver_release, ioloop_tcpserver_release(it->bare))
HARMLESS(ioloop_tcpserver_each, ioloop_tcpserver_each(it->echo.server, close_each, NULL))
HARMLESS(ioloop_datagram_set_gate, ioloop_datagram_set_gate(it->udp.socket, NULL))
HARMLESS(ioloop_datagram_local_address, ask_local_address(it))
HARMLESS(ioloop_datagram_get_metrics, ask_datagram_metrics(it))
HARMLESS(ioloop_datagram_fd, CHECK(ioloop_datagram_fd(it->udp.socket) >= 0))
HARMLESS(ioloop_datagram_drain, CHECK(ioloop_datagram_drain(it->udp.socket, 9) == 0))

/* The child releases its copies. */
HARMLESS(ioloop_stream_close_when_sent, close_stream(it, ioloop_stream_close_when_sent))
HARMLESS(ioloop_stream_close, close_stream(it, ioloop_stream_close))
HARMLESS(ioloop_tcpserver_stop, ioloop_tcpserver_stop(it->echo.server))
HARMLESS(ioloop_tcpserver_close, ioloop_tcpserver_close(it->echo.server))
HARMLESS(ioloop_datagram_close, ioloop_datagram_close(it->udp.socket))
HARMLESS(ioloop_gate_free, ioloop_gate_free(it->gate))
HARMLESS_RESULT(ioloop_free, ioloop_free(it->loop))
HARMLESS(ioloop_new, build_own())

#undef REFUSED
#undef HARMLESS
#undef HARMLESS_RESULT
