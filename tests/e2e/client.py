# SPDX-License-Identifier: MIT
"""Each option of the client, once; and its errors with servers that misbehave."""
import datetime
import json
import os
import pty
import re
import socket
import struct
import threading

from harness import CLIENT, DEADLINE, SERVER, case, check, equal, main
from process import Output, Process, run
from server import Server
from sockets import need_ipv6, receive_all

OPTIONS = ["--tcp", "--udp", "--host", "--port", "--user", "--raw", "--no-wait", "--count",
           "--concurrency", "--timeout", "--help", "--version"]


def client(port, *options, **more):
    return run(CLIENT, "--host=127.0.0.1", "--port=%d" % port, *options, **more)


# ---- servers that misbehave ----------------------------------------------------------------


class Fake:
    """A server of a few lines. TCP: `answer(connection)` in a thread each; UDP:
    `answer(socket, data, peer)` for each datagram."""

    def __init__(self, answer, udp=False):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.answer = answer
        if not udp:
            self.sock.listen(100)
        threading.Thread(target=self.datagrams if udp else self.connections, daemon=True).start()

    def connections(self):
        while True:
            try:
                connection = self.sock.accept()[0]
            except OSError:
                return  # closed: the case is over
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(DEADLINE)
        with connection:
            try:
                self.answer(connection)
            except OSError:
                pass  # the client left first, as some are meant to

    def datagrams(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(65536)
                self.answer(self.sock, data, peer)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def refused(result, *words):
    """Exit 1 with a line on stderr that has one of the words."""
    code, _, err = result
    equal(code, 1, "exit code (stderr %r)" % err)
    check(any(word in err.lower() for word in words), "%r says none of %r" % (err, words))
    check(b"\x1b" not in err, "an escape in %r" % err)


# ---- what it sends -------------------------------------------------------------------------


@case("the JSON message of the lectures, over TCP and over UDP")
def _():
    with Server() as server:
        for protocol in ("--tcp", "--udp"):
            before = datetime.datetime.now().replace(microsecond=0)
            code, out, err = client(server.port, protocol, "--user=anna", 'say "hi"\\ ü')
            equal((code, err), (0, b""), "exit code and stderr")
            message = json.loads(out)
            equal(sorted(message), ["send_msg", "send_time", "send_user"], "keys")
            equal((message["send_user"], message["send_msg"]), ("anna", 'say "hi"\\ ü'), "content")
            sent = datetime.datetime.strptime(message["send_time"], "%Y-%m-%d %H:%M:%S")
            check(before <= sent <= datetime.datetime.now(), "send_time %s" % sent)
        lines = server.stdout.wait_lines(2)
        equal([json.loads(line)["send_msg"] for line in lines], ['say "hi"\\ ü'] * 2, "records")


@case("whatever is in a message, the JSON is valid")
def _():
    for text in (b"\x01\x02\t\r\n\x7f", b"\xff\xfe\xed\xa0\x80 \xc3", b"\\ \" </script>", b"{}"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(DEADLINE)
            process = Process([CLIENT, "--udp", "--no-wait", "--host=127.0.0.1",
                               "--port=%d" % sock.getsockname()[1], os.fsdecode(text)])
            message = json.loads(sock.recv(65536).decode("utf-8"))
            check(isinstance(message["send_msg"], str), "no send_msg in %r" % message)
            if text.isascii():
                equal(message["send_msg"], text.decode(), "send_msg")
            equal(process.wait(), 0, "exit code")


@case("a message too long for a datagram is refused, over TCP it goes")
def _():
    with Server("--print=none") as server:
        code, _, err = client(server.port, "--udp", "--raw", "x" * 70000)
        equal(code, 1, "exit code")
        equal(err.count(b"\n"), 1, "lines on stderr (%r)" % err)
        code, out, _ = client(server.port, "--tcp", "--raw", "x" * 70000)
        equal((code, len(out)), (0, 70001), "exit code and bytes printed")


@case("--raw: the bytes themselves")
def _():
    with Server() as server:
        code, out, _ = client(server.port, "--raw", "just this")
        equal((code, out), (0, b"just this\n"), "exit code and stdout")
        equal(server.stdout.wait_lines(1), [b"just this"], "record")


@case("several messages: each is sent, each echo is printed")
def _():
    with Server() as server:
        code, out, _ = client(server.port, "--raw", "one", "two", "three")
        equal(code, 0, "exit code")
        equal(out.split(), [b"one", b"two", b"three"], "echoes")


@case("no message: the lines of standard input")
def _():
    for protocol in ("--tcp", "--udp"):
        with Server() as server:
            code, out, _ = client(server.port, protocol, "--raw", stdin=b"first\nsecond\nlast")
            equal(code, 0, "exit code")
            equal(out, b"first\nsecond\nlast\n", "echoes")
            text = b"".join(server.stdout.wait_lines(1 if protocol == "--tcp" else 3))
            server.stop()
            text = server.stdout.bytes().replace(b"\n", b"")
            equal(text, b"firstsecondlast", "records")


@case("standard input that is empty: nothing is sent, exit 0")
def _():
    with Server() as server:
        code, out, _ = client(server.port, "--raw", stdin=b"")
        equal((code, out), (0, b""), "exit code and stdout")


@case("ten thousand lines of standard input, each echoed in order")
def _():
    lines = b"".join(b"line %d\n" % i for i in range(10000))
    with Server("--print=none") as server:
        code, out, _ = client(server.port, "--raw", stdin=lines)
        equal(code, 0, "exit code")
        check(out == lines, "the echoes are not the lines: %d bytes of %d" % (len(out), len(lines)))


@case("--count and --concurrency: the number of messages, and how many at once")
def _():
    with Server() as server:
        for protocol in ("--tcp", "--udp"):
            code, out, _ = client(server.port, protocol, "--raw", "--count=30", "--concurrency=7",
                                  "again")
            equal(code, 0, "exit code")
            equal(out, b"again\n" * 30, "echoes")
        server.stop()
        equal(server.stdout.bytes().count(b"again"), 60, "messages that arrived")


@case("--no-wait: sends and closes at once, prints nothing")
def _():
    arrived = []
    done = threading.Event()

    def listen(connection):
        arrived.append(receive_all(connection))  # which ends when the client closes
        done.set()

    with Fake(listen) as fake:
        code, out, _ = client(fake.port, "--no-wait", "--raw", "no answer wanted")
        equal((code, out), (0, b""), "exit code and stdout")
        check(done.wait(DEADLINE), "the client did not close")
        check(arrived[0].rstrip(b"\n") == b"no answer wanted", "it sent %r" % arrived)


@case("IPv6")
def _():
    need_ipv6()
    with Server(host="::1") as server:
        for protocol in ("--tcp", "--udp"):
            code, out, _ = run(CLIENT, "--host=::1", "--port=%d" % server.port, protocol, "--raw",
                               "six")
            equal((code, out), (0, b"six\n"), "exit code and stdout")


@case("localhost, whichever of its addresses the server has")
def _():
    with Server(host="127.0.0.1") as server:
        code, out, _ = run(CLIENT, "--host=localhost", "--port=%d" % server.port, "--raw", "hello")
        equal((code, out), (0, b"hello\n"), "exit code and stdout")


@case("IOLOOP_BACKEND chooses its model too")
def _():
    with Server() as server:
        for name in ("select", "poll"):
            code, out, _ = client(server.port, "--raw", "hello", env={"IOLOOP_BACKEND": name})
            equal((code, out), (0, b"hello\n"), "exit code and stdout")


# ---- echoes that are not what they should be -----------------------------------------------


@case("a missing echo: the server closes instead")
def _():
    with Fake(lambda connection: connection.recv(1000)) as fake:
        refused(client(fake.port, "hello"), b"missing", b"no echo", b"closed")


@case("a missing echo: half of it, then the end")
def _():
    with Fake(lambda connection: connection.sendall(connection.recv(1000)[:10])) as fake:
        refused(client(fake.port, "hello"), b"missing", b"incomplete", b"short", b"closed")


@case("a missing echo: the server resets")
def _():
    def reset(connection):
        connection.recv(1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Fake(reset) as fake:
        refused(client(fake.port, "hello"), b"missing", b"reset", b"no echo")


@case("a late echo: nothing within --timeout, TCP and UDP")
def _():
    for udp in (False, True):
        gate = threading.Event()
        with Fake(lambda *_: gate.wait(DEADLINE), udp) as fake:
            result = client(fake.port, "--udp" if udp else "--tcp", "--timeout=1", "hello",
                            seconds=15)
            gate.set()
            refused(result, b"late", b"within", b"timeout", b"timed out")


@case("a different echo: another byte, TCP and UDP")
def _():
    def swap(data):
        return data.replace(b"hello", b"jello")

    with Fake(lambda connection: connection.sendall(swap(connection.recv(1000)))) as fake:
        refused(client(fake.port, "--timeout=5", "hello"), b"differ")
    with Fake(lambda sock, data, peer: sock.sendto(swap(data), peer), udp=True) as fake:
        refused(client(fake.port, "--udp", "--timeout=5", "hello"), b"differ")


@case("a different echo cannot drive the terminal")
def _():
    nasty = b"\x1b]0;owned\x07\x1b[31m\x9b5m"
    def answer(connection):
        connection.sendall(nasty * (1 + len(connection.recv(1000))))

    with Fake(answer) as fake:
        code, out, err = client(fake.port, "--timeout=5", "hello")
        equal(code, 1, "exit code")
        for text in (out, err):
            check(b"\x1b" not in text and b"\x07" not in text and b"\x9b" not in text,
                  "an escape came through: %r" % text)
    with Server() as server:
        code, out, _ = client(server.port, "--raw", nasty.decode("latin-1"))
        equal(code, 0, "exit code")
        check(b"\x1b" not in out and b"\x07" not in out and b"\xc2\x9b" not in out,
              "an escape came through: %r" % out)


@case("no server listens: TCP refused, UDP refused")
def _():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound and not listening: no other process gets it
        port = probe.getsockname()[1]
        refused(client(port, "hello"), b"refused")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    refused(client(port, "--udp", "--timeout=3", "hello"), b"refused", b"missing", b"no echo")


@case("one bad echo among many: exit 1, the others are printed")
def _():
    lock, count = threading.Lock(), [0]

    def answer(connection):
        data = connection.recv(1000)
        with lock:
            count[0] += 1
            bad = count[0] == 5
        connection.sendall(b"#" * len(data) if bad else data)
        receive_all(connection)

    with Fake(answer) as fake:
        code, out, err = client(fake.port, "--raw", "--count=10", "--concurrency=10",
                                "--timeout=5", "hello")
        equal(code, 1, "exit code (stderr %r)" % err)
        check(out.count(b"hello") >= 1, "the good echoes are not printed: %r" % out)


# ---- asking, and what is wrong -------------------------------------------------------------


@case("--help and --version, exit 0")
def _():
    code, out, _ = run(CLIENT, "--help")
    equal(code, 0, "exit code")
    for option in OPTIONS:
        check(option.encode() in out, "%s is not in the help" % option)
    code, out, _ = run(CLIENT, "--version")
    equal(code, 0, "exit code")
    check(re.search(rb"\b\d+\.\d+\.\d+\n$", out), "no version in %r" % out)


@case("NO_COLOR, or no terminal: no colour anywhere")
def _():
    for env in ({}, {"NO_COLOR": "1"}):
        for program in (CLIENT, SERVER):
            _, out, err = run(program, "--help", env=env)
            check(b"\x1b" not in out + err, "an escape in the help")
            _, out, err = run(program, "--bogus", env=env)
            check(b"\x1b" not in out + err, "an escape in %r" % err)


@case("NO_COLOR on a terminal: no colour")
def _():
    master, slave = pty.openpty()
    screen = Output(master)
    with Server() as server:
        process = Process([CLIENT, "--host=127.0.0.1", "--port=%d" % server.port, "--raw", "hello"],
                          stdout=slave, env={"NO_COLOR": "1", "TERM": "xterm-256color"})
        os.close(slave)
        equal(process.wait(), 0, "exit code")
        screen.wait_end()
        check(b"\x1b" not in screen.bytes(), "an escape in %r" % screen.bytes())
        check(b"hello" in screen.bytes(), "no echo in %r" % screen.bytes())


WRONG = [("--bogus", "--bogus"), ("--port=x", "--port"), ("--port=0", "--port"),
         ("--count=0", "--count"), ("--count=x", "--count"), ("--concurrency=0", "--concurrency"),
         ("--timeout=x", "--timeout"), ("--timeout=-1", "--timeout"), ("--host=", "--host")]

for wrong, named in WRONG:

    @case("usage: %s is refused by one line, exit 2" % wrong)
    def _(wrong=wrong, named=named):
        code, out, err = run(CLIENT, wrong, "hello")
        equal((code, out), (2, b""), "exit code and stdout")
        equal(err.count(b"\n"), 1, "lines on stderr (%r)" % err)
        check(named.encode() in err, "%r does not name %s" % (err, named))


@case("trouble: a name that does not resolve, exit 1 with one line")
def _():
    code, _, err = run(CLIENT, "--host=does-not-exist.invalid", "hello", seconds=90)
    equal((code, err.count(b"\n")), (1, 1), "exit code, lines on stderr (%r)" % err)
    check(b"does-not-exist.invalid" in err, "%r does not name it" % err)


main()
