# SPDX-License-Identifier: MIT
"""The echo servers of docs/examples/python under `python3 -m ioloop`: every byte comes back, every message is printed.
Usage: example_servers.py BACKEND"""
import importlib.util
import json
import os
import re
import signal
import socket
import sys
import tempfile

from harness import DEADLINE, case, check, equal, main, missing, wait_until
from process import Process
from sockets import limit_buffers, receive, receive_all

BACKEND = sys.argv[1]
FOLDER = os.environ["IOLOOP_PYTHON_EXAMPLES"]
SIGNAL_DRIVEN = "sigio", "rtsig"
MOST_LINES = 40
CLIENTS = 100
LARGE = bytes(range(256)) * 8000


class Server(Process):
    """An example on a free port; `with` ends it."""

    def __init__(self, name, *words, trace=None):
        trace = trace if BACKEND in SIGNAL_DRIVEN else None
        if not importlib.util.find_spec("tornado"):
            missing("python3-tornado, not installed")
        options = ["--backend=" + BACKEND] + (["--trace=" + trace] if trace else [])
        super().__init__([sys.executable, "-m", "ioloop", *options, os.path.join(FOLDER, name + ".py"), *words])
        line = self.stderr.wait_match(rb"listening (\w+) 127\.0\.0\.1:(\d+)\n")
        self.port = int(line.group(2))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.signal(signal.SIGTERM)
        self.wait()
        if kind is None:
            equal(self.stderr.lines()[1:], [], "stderr after its first line")
        return False

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), DEADLINE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def datagram_socket(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", self.port))
        sock.settimeout(DEADLINE)
        return sock

    def freeze(self):
        """Until it is stopped: the kernel alone serves the clients from then on."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self.state() == "T", "the server to stop")

    def state(self):
        with open("/proc/%d/stat" % self.pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0]


def message(number):
    return json.dumps({"send_user": "client %d" % number, "send_time": "2024-05-04 10:20:30",
                       "send_msg": "hello \u00e9"}).encode() + b"\n"


def wait_printed(server, messages):
    """Until each has been printed, once, in a line of its own."""
    lines = sorted(server.stdout.wait_lines(len(messages)))
    equal(lines, sorted(each.rstrip(b"\n") for each in messages), "the lines printed")


def check_trace(path):
    if BACKEND not in SIGNAL_DRIVEN:
        return
    with open(path) as file:
        names = {event["name"] for event in json.load(file)["traceEvents"]}
    check("rescue" not in names, "the safety scan found what no signal had announced")
    check("signal" in names, "signals: %s" % sorted(names))


@case("each example has at most %d lines" % MOST_LINES)
def _():
    names = [name for name in os.listdir(FOLDER) if name.endswith(".py")]
    check({"tcp_server.py", "udp_server.py", "hello.py"} <= set(names), names)
    for name in names:
        with open(os.path.join(FOLDER, name)) as file:
            lines = file.read().count("\n")
        check(lines <= MOST_LINES, "%s has %d lines" % (name, lines))


@case("tcp_server: %d clients come while it is stopped, then again while it runs; nothing is lost" % CLIENTS)
def _():
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.json")
        messages = [message(number) for number in range(2 * CLIENTS)]
        with Server("tcp_server", "--port=0", trace=trace) as server:
            for frozen in True, False:
                part = messages[:CLIENTS] if frozen else messages[CLIENTS:]
                if frozen:
                    server.freeze()
                socks = [server.connect() for _ in part]
                for sock, each in zip(socks, part):
                    sock.sendall(each)
                    sock.shutdown(socket.SHUT_WR)
                if frozen:
                    server.signal(signal.SIGCONT)
                for sock, each in zip(socks, part):
                    equal(receive_all(sock), each, "the echo, to the end")
                    sock.close()
            wait_printed(server, messages)
        check_trace(trace)


@case("udp_server: %d datagrams come while it is stopped, then again while it runs; nothing is lost" % CLIENTS)
def _():
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.json")
        messages = [message(number) for number in range(2 * CLIENTS)]
        with Server("udp_server", "--port=0", trace=trace) as server, server.datagram_socket() as sock:
            for frozen in True, False:
                part = messages[:CLIENTS] if frozen else messages[CLIENTS:]
                if frozen:
                    server.freeze()
                for each in part:
                    sock.send(each)
                if frozen:
                    server.signal(signal.SIGCONT)
                for each in part:
                    equal(sock.recv(1000), each, "the echo, in order")
            wait_printed(server, messages)
        check_trace(trace)


@case("tcp_server: a client that does not read gets every byte in the end, and no other waits for it")
def _():
    with Server("tcp_server", "--port=0", "--print=none") as server, server.connect() as slow:
        limit_buffers(slow)
        slow.setblocking(False)
        sent = 0
        try:
            while sent < len(LARGE):
                sent += slow.send(LARGE[sent:sent + 65536])
        except BlockingIOError:
            pass
        with server.connect() as other:
            for _ in range(20):
                other.sendall(b"hello")
                equal(receive(other, 5), b"hello", "another client's echo")
        slow.settimeout(DEADLINE)
        slow.shutdown(socket.SHUT_WR)
        check(receive_all(slow) == LARGE[:sent], "the slow client got what it sent")
        equal(server.stdout.bytes(), b"", "stdout with --print=none")


@case("what a terminal would obey is printed as text, each record in one line")
def _():
    for name in "tcp_server", "udp_server":
        with Server(name, "--port=0") as server:
            with server.connect() if name == "tcp_server" else server.datagram_socket() as sock:
                sock.sendall(b"\x1b[2J one\ntwo\r\tthree \xff\n")
                equal(sock.recv(100), b"\x1b[2J one\ntwo\r\tthree \xff\n", "the echo has the bytes as they were")
            equal(server.stdout.wait_lines(1), [b"\\x1b[2J one\\ntwo\\r\tthree \\xff"], "the line")


@case("a port in use is reported in one line")
def _():
    for name in "tcp_server", "udp_server":
        with Server(name, "--port=0") as server:
            second = Process([sys.executable, "-m", "ioloop", "--backend=" + BACKEND,
                              os.path.join(FOLDER, name + ".py"), "--port=%d" % server.port])
            equal(second.wait(), 1, "exit code")
            check(re.fullmatch(rb"%s.py: cannot listen on port %d: .*in use\n" % (name.encode(), server.port),
                               second.stderr.bytes()), second.stderr.bytes())


main()
