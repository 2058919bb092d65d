# SPDX-License-Identifier: MIT
"""Running the load generator, and servers that misbehave in one known way each, for its tests."""
import json
import os
import selectors
import socket
import threading

from harness import DEADLINE, check, equal
from process import run

AGAINST = os.environ["IOLOOP_AGAINST"]

# For counts, on a machine that may be busy: nothing counts as late.
PATIENT = ["--late=3600", "--late-percent=100"]


def measure(port, *options, code=0, **more):
    """The JSON of a complete run, and its stderr."""
    exit_code, out, err = run(AGAINST, "127.0.0.1:%d" % port, "--json", *options, **more)
    equal((exit_code, err if code == 0 else b""), (code, b""), "exit code, and what it said")
    return json.loads(out), err.decode()


def refusal(*options, code=1, **more):
    """Its one-line error when it does not run."""
    exit_code, _, err = run(AGAINST, *options, **more)
    equal(exit_code, code, "exit code")
    equal(err.count(b"\n"), 1, "lines on stderr")
    return err.decode()


def check_in(part, text):
    check(part in text, "%r is not in %r" % (part, text))


def above(histogram, limit_ns):
    return sum(count for value, count in histogram["counts"] if value > limit_ns)


class Faulty:
    """A server in a thread: echoes TCP streams or datagrams, as changed by `answer`.

    answer(data, number of the read) returns the data to send back, or None to close the connection.
    """

    def __init__(self, kind=socket.SOCK_STREAM, answer=lambda data, number: data):
        self.kind, self.answer = kind, answer
        self.reads = self.now = self.peak = self.accepted = 0
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            self.sock.listen(128)
        self.wake, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.wake.close()
        self.thread.join(DEADLINE)
        self.sock.close()
        self.woken.close()

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ, self._on_socket)
            selector.register(self.woken, selectors.EVENT_READ, None)
            self.selector = selector
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        for other in list(selector.get_map().values()):
                            if other.fileobj not in (self.sock, self.woken):
                                other.fileobj.close()
                        return
                    key.data(key.fileobj)

    def _on_socket(self, sock):
        if self.kind == socket.SOCK_DGRAM:
            data, peer = sock.recvfrom(1 << 16)
            self.reads += 1
            for reply in self.answer(data, self.reads) or ():
                sock.sendto(reply, peer)
            return
        client, _ = sock.accept()
        self.accepted += 1
        self.now += 1
        self.peak = max(self.peak, self.now)
        self.selector.register(client, selectors.EVENT_READ, self._on_client)

    def _on_client(self, client):
        try:
            data = client.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        self.reads += bool(data)
        reply = self.answer(data, self.reads) if data else None
        if reply is None:
            self.now -= 1
            self.selector.unregister(client)
            client.close()
        else:
            client.sendall(reply)


def datagrams(answer):
    return Faulty(socket.SOCK_DGRAM, answer)
