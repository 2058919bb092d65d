# SPDX-License-Identifier: MIT
"""The small programs of docs/examples do what they are for. Usage: examples.py BACKEND"""
import os
import re
import socket
import ssl
import sys
import tempfile

from harness import case, check, equal, main, missing, need_program, wait_until
from process import Process, run
from sockets import free_port, limit_buffers, readable, receive, receive_all, writable

BACKEND = sys.argv[1]
FOLDER = os.environ["IOLOOP_EXAMPLES"]
SOURCE = os.environ["IOLOOP_EXAMPLES_SOURCE"]
MOST_LINES = {"chat": 50, "proxy": 50, "time_server": 50, "tls_echo": 90}
MOST_MEMORY = 1000 * 1000
# AddressSanitizer keeps what a program has freed, which would count as the program's memory.
NOTHING_KEPT = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"


def start(name, *words, **environment):
    program = os.path.join(FOLDER, "example-" + name.replace("_", "-"))
    return Process([program] + list(words), env={"IOLOOP_BACKEND": BACKEND, **environment})


def connect(process, port):
    """As soon as it listens."""
    def attempt():
        check(process.running(), "it ended instead of listening")
        sock = socket.socket()
        sock.settimeout(30)
        if sock.connect_ex(("127.0.0.1", port)) == 0 and sock.getsockname() != sock.getpeername():
            return sock
        sock.close()
        return None

    return wait_until(attempt, "%s to listen" % process.argv[0])


def in_thread_sanitizer(process):
    with open(process.argv[0], "rb") as file:
        return b"__tsan_init" in file.read()


def receive_line(sock):
    line = b""
    while not line.endswith(b"\n"):
        byte = sock.recv(1)
        check(byte, "the connection ended after %r" % line)
        line += byte
    return line


def anonymous_bytes(process):
    with open("/proc/%d/status" % process.pid) as file:
        return int(re.search(r"RssAnon:\s*(\d+) kB", file.read()).group(1)) * 1024


@case("each example has at most 50 lines, and the one with TLS 90")
def _():
    for name, most in MOST_LINES.items():
        with open(os.path.join(SOURCE, name + ".c")) as file:
            lines = file.read().count("\n")
        check(lines <= most, "%s.c has %d lines" % (name, lines))


@case("chat: a line goes to all others, one that is too long to none, and all go on")
def _():
    port = free_port(socket.SOCK_STREAM)
    chat = start("chat", port)
    clients = []
    for _ in range(3):  # an answer to each shows that it has been accepted
        clients.append(connect(chat, port))
        clients[-1].sendall(b"x" * 300 + b"\n")
        equal(receive_line(clients[-1]), b"line too long\n", "the answer to a long line")
    clients[0].sendall(b"in two ")
    clients[0].sendall(b"pieces\nand one more\n")
    for other in clients[1:]:
        equal(receive_line(other), b"in two pieces\n", "a line")
        equal(receive_line(other), b"and one more\n", "the next line")
    clients[1].sendall(b"x" * 1000 + b"\nshort\n")
    equal(receive_line(clients[1]), b"line too long\n", "the answer to a long line")
    for other in (clients[0], clients[2]):
        equal(receive_line(other), b"short\n", "what follows a long line")
    clients[2].shutdown(socket.SHUT_WR)
    equal(receive_all(clients[2]), b"", "what a client that has finished receives")
    clients[0].sendall(b"still here\n")
    equal(receive_line(clients[1]), b"still here\n", "a line after that")
    for client in clients:
        client.close()
    chat.kill()


@case("time_server: each datagram is answered with the time")
def _():
    port = free_port(socket.SOCK_DGRAM)
    server = start("time_server", port)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))

    def answer():
        check(server.running(), "it ended instead of answering")
        try:
            client.send(b"what time is it?")
            return readable(client, 0.2) and client.recv(100)
        except ConnectionRefusedError:  # it is not there yet
            return None

    text = wait_until(answer, "an answer")
    check(re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", text), "the answer is %r" % text)
    server.stdout.wait_match(rb"to 127\.0\.0\.1:%d\n" % client.getsockname()[1])
    client.close()
    server.kill()


def proxied(listener, proxy, port):
    """A connection through the proxy: its two ends."""
    client = connect(proxy, port)
    server, _ = listener.accept()
    server.settimeout(30)
    for sock in (client, server):
        limit_buffers(sock, 100000)
    return client, server


@case("proxy: bytes and ends pass both ways, and a slow reader costs less than %d bytes" % MOST_MEMORY)
def _():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(30)
    port = free_port(socket.SOCK_STREAM)
    proxy = start("proxy", port, listener.getsockname()[1], ASAN_OPTIONS=NOTHING_KEPT)
    client, server = proxied(listener, proxy, port)
    client.sendall(b"there")
    client.shutdown(socket.SHUT_WR)
    equal(receive_all(server), b"there", "what the server receives, to the end")
    back = b"and back" * 4000
    for _ in range(200):  # io_uring's buffers, 2 MB for the whole loop, have then all been touched
        server.sendall(back)
        check(receive(client, len(back)) == back, "the client receives other bytes")
    server.close()
    equal(receive_all(client), b"", "what the client receives after that, to the end")
    client.close()

    client, server = proxied(listener, proxy, port)
    client.sendall(b"x")
    equal(receive(server, 1), b"x", "the first byte")
    before, sent, piece = anonymous_bytes(proxy), 0, b"0123456789abcdef" * 1000
    client.setblocking(False)
    while writable(client, 1):  # until nothing has moved for a second
        sent += client.send(piece[sent % 16:])
    check(sent > 200000, "only %d bytes sent before the proxy stopped reading" % sent)
    grown = anonymous_bytes(proxy) - before
    print("# %s: %d bytes on their way, the proxy grew by %d" % (BACKEND, sent, grown))
    if not in_thread_sanitizer(proxy):  # whose own memory grows with the program's
        check(grown < MOST_MEMORY, "the proxy grew by %d bytes" % grown)
    server.sendall(b"the other way is free")
    client.settimeout(30)
    equal(receive(client, 21), b"the other way is free", "the way back")
    received = receive(server, sent)
    equal(len(received), sent, "bytes received in the end")
    check(received == (b"0123456789abcdef" * (sent // 16 + 1))[:sent], "the bytes are others")
    client.close()
    server.close()
    listener.close()
    proxy.kill()


def make_certificate(folder):
    certificate, key = (os.path.join(folder, name) for name in ("certificate.pem", "key.pem"))
    code, _, err = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                       "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                       "-keyout", key, "-out", certificate)
    equal(code, 0, "exit code of openssl, which says %r" % err)
    return certificate, key


def echo_over_tls(server, port, certificate, version):
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = context.maximum_version = version
    client = context.wrap_socket(connect(server, port), server_hostname="127.0.0.1")
    equal(client.version(), version.name.replace("_", "."), "protocol")
    for data in (b"x", bytes(range(256)) * 700, b"the end"):
        client.sendall(data)
        received = b""
        while len(received) < len(data):
            received += client.recv(len(data))
        check(received == data, "%d bytes came back as others" % len(data))
    plain = client.unwrap()  # our close_notify is answered with the server's
    equal(plain.recv(1), b"", "what follows the close_notify")
    plain.close()


@case("tls_echo: every byte comes back, close_notify is answered, what is no TLS is refused with an alert")
def _():
    if not os.path.exists(os.path.join(FOLDER, "example-tls-echo")):
        missing("example tls_echo, not built")
    need_program("openssl")
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(folder)
        port = free_port(socket.SOCK_STREAM)
        server = start("tls_echo", certificate, key, port)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            echo_over_tls(server, port, certificate, version)
        stranger = connect(server, port)
        hello = b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"  # a client hello that has nothing in it
        stranger.sendall(hello)
        equal(receive_all(stranger)[:3], b"\x15\x03\x03", "the type and version of the alert")
        stranger.close()
        for opening in (b"GET / HTTP/1.0\r\n\r\n", b""):
            with connect(server, port) as stranger:
                stranger.sendall(opening)
                stranger.shutdown(socket.SHUT_WR)
                equal(receive_all(stranger), b"", "what is sent to %r" % opening)
        server.stderr.wait_match(rb"error:.*http request")
        with connect(server, port) as cut:  # in the middle of the handshake
            cut.sendall(hello[:5])
        echo_over_tls(server, port, certificate, ssl.TLSVersion.TLSv1_3)
        check(server.running(), "it ended")
        server.kill()


main()
