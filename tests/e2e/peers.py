# SPDX-License-Identifier: MIT
"""The peers of the lab (bench/peers/) are real servers, not only fast ones. Usage: peers.py PROGRAM [WORD]

Compared programs must do the same work, so each of them must return every byte in order, whatever its
client does. PROGRAM is one bench-peer-NAME; WORD is the event loop, for bench-peer-tornado.
"""
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

from harness import DEADLINE, case, check, equal, main, missing, skip, wait_until
from process import Process, run
from sockets import limit_buffers, need_descriptors, receive, receive_all

PROGRAM = sys.argv[1:]
NAME = os.path.basename(PROGRAM[0])
STREAMS_ONLY = NAME == "bench-peer-bufferevent"
TORNADO = NAME == "bench-peer-tornado"  # its port line is that of an example, on stderr
LARGE = 10 * 1000 * 1000


def need_loop():
    """Skip without Tornado, or without its event loop."""
    unavailable = run(PROGRAM[0], "--unavailable")[1].decode()
    found = re.search(r"(?m)^%s: (.*)" % (PROGRAM[1] if PROGRAM[1] in ("asyncio", "uvloop") else "ioloop"), unavailable)
    if found and "'tornado'" in found.group(1):
        missing("python3-tornado, not installed")
    if found:
        skip(found.group(1))


class Peer(Process):
    """A peer on a free port; `with` ends it by SIGTERM and checks that this is its end."""

    def __init__(self, kind="tcp", **more):
        if TORNADO:
            need_loop()
        super().__init__(PROGRAM + [kind, "0"], **more)
        self.announced, self.silent = (self.stderr, self.stdout) if TORNADO else (self.stdout, self.stderr)
        self.line = self.announced.wait_lines(1, "the port line")[0]
        found = re.fullmatch(rb"listening (?:%s 127\.0\.0\.1:)?(\d+)" % kind.encode(), self.line)
        check(found, "a port line: %r" % self.line)
        self.port = int(found.group(1))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.signal(signal.SIGTERM)
            equal(self.wait(), 0, "exit code after SIGTERM")
            equal(self.announced.lines(), [self.line], "what it printed")
            equal(self.silent.bytes(), b"", "the other output")
        return False

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), DEADLINE)

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# No two parts of it are equal, so that lost, duplicated or swapped bytes show; longer than all the
# buffers on the way.
PATTERN = random.Random(4).randbytes(32 * 1000 * 1000)


def send_all(sock, data):
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def echo_large(peer):
    """10 MB and end of input out on one thread, while this one reads until the peer closes."""
    with peer.connect() as sock:
        writer = threading.Thread(target=send_all, args=(sock, PATTERN[:LARGE]), daemon=True)
        writer.start()
        got = receive_all(sock)
        writer.join(DEADLINE)
    check(got == PATTERN[:LARGE], "10 MB came back as they were (%d bytes did)" % len(got))


@case("10 MB come back as they were")
def _():
    with Peer() as peer:
        echo_large(peer)


@case("no answer waits for the acknowledgement of its first part")
def _():
    # A delayed acknowledgement takes 40 ms; half of the echoes may be as slow for other reasons.
    with Peer() as peer, peer.connect() as sock:
        for size in (20000, 65536):
            took = []
            for _ in range(21):
                begun = time.monotonic()
                sock.sendall(PATTERN[:size])
                equal(receive(sock, size), PATTERN[:size], "echo")
                took.append(time.monotonic() - begun)
            check(sorted(took)[10] < 0.03, "%d bytes come back after %.1f ms" % (size, 1000 * sorted(took)[10]))


@case("100 clients at once")
def _():
    with Peer() as peer:
        socks = [peer.connect() for _ in range(100)]
        messages = [PATTERN[i * 1000:i * 1000 + 1 + i * 300] for i in range(100)]
        for turn in range(3):
            for sock, message in zip(socks, messages):
                sock.sendall(message)
            for sock, message in zip(socks, messages):
                equal(receive(sock, len(message)), message, "echo in turn %d" % turn)
        for sock in socks:
            sock.close()


@case("data before the end of input is answered, then the connection is closed")
def _():
    with Peer() as peer:
        for message in (b"", b"last words", PATTERN[:300000]):
            with peer.connect() as sock:
                send_all(sock, message)
                equal(receive_all(sock), message, "echo up to the end")


def fill(sock):
    """Send until neither the peer nor the kernel takes more; how much that was."""
    limit_buffers(sock)
    sock.setblocking(False)
    sent = 0
    while select.select([], [sock], [], 0.3)[1]:
        try:
            sent += sock.send(PATTERN[sent:sent + 65536])
        except BlockingIOError:
            pass
        check(sent < len(PATTERN), "a peer whose client does not read takes no more at some point")
    sock.settimeout(DEADLINE)
    return sent


def memory_kb(peer):
    with open("/proc/%d/statm" % peer.pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@case("slow readers: each byte arrives in the end, memory stays small, no other client waits")
def _():
    with Peer() as peer:
        slow = [peer.connect() for _ in range(20)]
        sent = [fill(sock) for sock in slow[:2]]
        for sock in slow[2:]:
            sock.sendall(PATTERN[:100000])
        check(memory_kb(peer) < 64 * 1024, "it holds %d KB" % memory_kb(peer))
        with peer.connect() as other:
            other.sendall(b"hello")
            equal(receive(other, 5), b"hello", "another client's echo")
        for sock, size in zip(slow, sent + [100000] * 18):
            sock.shutdown(socket.SHUT_WR)
            check(receive_all(sock) == PATTERN[:size], "a slow reader got what it sent")
            sock.close()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@case("connections that are reset, idle or with an answer unsent, do no harm")
def _():
    with Peer() as peer:
        for _ in range(20):
            reset(peer.connect())
            sock = peer.connect()
            sock.sendall(PATTERN[:50000])
            reset(sock)
        sock = peer.connect()
        fill(sock)
        reset(sock)
        echo_large(peer)


@case("connections that end give their descriptors back")
def _():
    with Peer() as peer, peer.connect() as first:
        first.sendall(b"x")  # uvloop opens some when it begins to run
        receive(first, 1)
        folder = "/proc/%d/fd" % peer.pid
        before = len(os.listdir(folder))
        for _ in range(50):
            with peer.connect() as sock:
                sock.sendall(b"x")
                receive(sock, 1)
        wait_until(lambda: len(os.listdir(folder)) <= before, "its descriptors to be closed")


@case("out of descriptors: it neither ends nor spins, and serves again when there are some")
def _():
    need_descriptors(300)
    if TORNADO:
        skip("Tornado's listener logs EMFILE and tries again at once")
    with Peer(limits={resource.RLIMIT_NOFILE: 64}) as peer:
        socks = [peer.connect() for _ in range(100)]
        served = []
        for sock in socks:
            try:
                sock.sendall(b"x")
            except OSError:
                continue
            sock.settimeout(0.1 if served and len(served) > 20 else DEADLINE)
            try:
                if receive(sock, 1) == b"x":
                    served.append(sock)
            except OSError:
                pass
        check(20 < len(served) < 64, "%d of 100 are served" % len(served))
        cpu = peer.cpu_seconds()
        select.select([], [], [], 0.5)
        check(peer.cpu_seconds() - cpu < 0.2, "it does not spin")
        served[0].sendall(b"again")
        equal(receive(served[0], 5), b"again", "echo while it is full")
        for sock in socks:
            sock.close()
        wait_until(lambda: len(os.listdir("/proc/%d/fd" % peer.pid)) < 20, "descriptors")
        echo_large(peer)


def datagram_socket(peer):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", peer.port))
    sock.settimeout(DEADLINE)
    return sock


if STREAMS_ONLY:
    @case("udp is refused in a line")
    def _():
        code, out, error = run(*PROGRAM, "udp", "0")
        equal((code, out), (1, b""), "end")
        check(b"tcp only" in error and error.count(b"\n") == 1, "says why: %r" % error)
else:
    @case("1,000 datagrams of 0 to 65,507 bytes come back as they were")
    def _():
        with Peer("udp") as peer, datagram_socket(peer) as sock:
            for i in range(1000):
                size = 65507 if i == 999 else i * 65507 // 999
                message = PATTERN[i:i + size]
                sock.send(message)
                check(sock.recv(65536) == message, "a datagram of %d bytes" % size)

    @case("datagrams of 20 clients go back to their senders")
    def _():
        with Peer("udp") as peer:
            socks = [datagram_socket(peer) for _ in range(20)]
            for turn in range(20):
                for i, sock in enumerate(socks):
                    sock.send(b"%d %d" % (turn, i))
                for i, sock in enumerate(socks):
                    equal(sock.recv(100), b"%d %d" % (turn, i), "echo")
            for sock in socks:
                sock.close()


@case("SIGINT ends it as SIGTERM does")
def _():
    peer = Peer()
    peer.signal(signal.SIGINT)
    equal(peer.wait(), 0, "exit code")


@case("a port in use is reported in one line")
def _():
    for kind in ["tcp"] if STREAMS_ONLY else ["tcp", "udp"]:
        with Peer(kind) as peer:
            code, out, error = run(*PROGRAM, kind, str(peer.port))
            equal((code, out), (1, b""), "end of the second")
            expected = (rb"%s_server.py: cannot listen on port %d: .*\n" % (kind.encode(), peer.port) if TORNADO else
                        rb"%s: cannot listen on 127\.0\.0\.1:%d.*\n" % (NAME.encode(), peer.port))
            check(re.fullmatch(expected, error), "says which and why: %r" % error)


@case("a wrong command line is reported in one line, --help helps")
def _():
    for words in ([], ["tcp"], ["sctp", "0"], ["tcp", "65536"], ["tcp", "x"], ["tcp", "0", "0"],
                  ["--nonsense"]):
        code, out, error = run(*PROGRAM, *words)
        equal((code, out, error.count(b"\n")), (2, b"", 1), "end of %r" % (words,))
    code, out, error = run(PROGRAM[0], "--help")
    equal((code, error), (0, b""), "end of --help")
    check(b"tcp|udp PORT" in out, "says how it is used")


main()
