# SPDX-License-Identifier: MIT
"""The naive servers of the lectures fail as described there, and their repaired versions do not."""
import os
import re
import socket
import sys

from harness import BUILD, SERVER, case, check, equal, main, skip, wait_until
from process import Process, run
from server import numbers

NAIVE = os.path.join(BUILD, "docs", "lectures", "naive")
BURST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "lectures",
                     "naive", "burst.py")
CLIENTS = 100
REPAIRED_TCP = (SERVER, "--backend=sigio", "--tcp", "--no-echo")
REPAIRED_UDP = (SERVER, "--backend=sigio", "--udp", "--no-echo")


def exhibit(name):
    return os.path.join(NAIVE, name)


def burst(options, *server):
    """[messages printed] of each try, and [the counters that the server gave]"""
    if not os.path.isdir("/proc/self/task"):
        skip("burst.py needs /proc to see that a server has nothing more to do")
    code, out, err = run(sys.executable, BURST, *options.split(), *server, seconds=120)
    equal(code, 0, "exit code of burst.py, which said %r" % err)
    tries = out.decode().splitlines()
    printed = [int(re.match(r"try \d+: +(\d+) of %d " % CLIENTS, line).group(1)) for line in tries]
    return printed, [numbers(line) for line in tries]


class Exhibit(Process):
    def __init__(self, name, *options):
        super().__init__([exhibit(name), "--port=0", *options])
        self.port = int(self.stderr.wait_match(rb"listening \w+ 127\.0\.0\.1:(\d+)\n").group(1))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 30)

    def say(self, message):
        with self.connect() as sock:
            sock.sendall(message)

    def counters(self):
        return numbers(self.stderr.wait_match(rb"summary: (.*)\n").group(1).decode())


@case("100 clients at once: naive_tcp loses some, the server none")
def _():
    lossy, _ = burst("--tries=5", exhibit("naive_tcp"))
    check(min(lossy) < CLIENTS, "it printed all in each try: %s" % lossy)
    whole, _ = burst("--tries=5", *REPAIRED_TCP)
    equal(whole, [CLIENTS] * 5, "messages of the repaired one")


@case("100 clients at once: naive_tcp_threads loses some, the server with threads none")
def _():
    lossy, _ = burst("--tries=5", exhibit("naive_tcp_threads"))
    check(min(lossy) < CLIENTS, "it printed all in each try: %s" % lossy)
    whole, _ = burst("--tries=5", *REPAIRED_TCP, "--handler=thread")
    equal(whole, [CLIENTS] * 5, "messages of the repaired one")


@case("connections that come while it is stopped are one signal, and one message")
def _():
    lossy, counters = burst("--freeze --tries=2", exhibit("naive_tcp"))
    equal(lossy, [1, 1], "messages of 100")
    equal([c["signals"] for c in counters], [1, 1], "signals")
    whole, _ = burst("--freeze --tries=2", *REPAIRED_TCP)
    equal(whole, [CLIENTS, CLIENTS], "messages of the repaired one")


@case("datagrams that come while it is stopped are one signal, and one message")
def _():
    lossy, counters = burst("--udp --freeze --tries=2", exhibit("naive_udp"))
    equal(lossy, [1, 1], "messages of 100")
    equal([c["signals"] for c in counters], [1, 1], "signals")
    whole, _ = burst("--udp --freeze --tries=2", *REPAIRED_UDP)
    equal(whole, [CLIENTS, CLIENTS], "messages of the repaired one")


@case("100 datagrams at once: naive_udp loses some, the server none")
def _():
    lossy, _ = burst("--udp --tries=5", exhibit("naive_udp"))
    check(min(lossy) < CLIENTS, "it printed all in each try: %s" % lossy)
    whole, _ = burst("--udp --tries=5", *REPAIRED_UDP)
    equal(whole, [CLIENTS] * 5, "messages of the repaired one")


@case("accepted sockets that are non-blocking: recv comes before the data")
def _():
    lossy, counters = burst("--connect-first --tries=3", exhibit("naive_tcp"), "--inherit")
    check(max(lossy) <= 1, "it printed some: %s" % lossy)  # 1: the last signal was late
    check(all(c.get("would-block", 0) > 90 for c in counters), "recv said EAGAIN: %s" % counters)
    whole, _ = burst("--connect-first --tries=3", *REPAIRED_TCP)
    equal(whole, [CLIENTS] * 3, "messages of the repaired one")


@case("a silent client holds naive_tcp in its handler until it goes away")
def _():
    server = Exhibit("naive_tcp")
    with server.connect():
        wait_until(lambda: blocked_in_recv(server), "the handler to wait in recv")
        server.say(b"hello")
        equal(server.stdout.bytes(), b"", "what is printed while the other is silent")
    server.stdout.wait_match(rb"^hello\n")
    server.signal(15)
    equal(server.wait(), 0, "exit code")
    equal(server.counters()["messages"], 1, "messages")


def blocked_in_recv(server):
    """The connection has left the listener's queue, and the process sleeps."""
    with open("/proc/%d/net/tcp" % server.pid) as file:
        rows = [line.split() for line in file.readlines()[1:]]
    queued = [int(row[4].split(":")[1], 16) for row in rows
              if row[1].endswith(":%04X" % server.port) and row[3] == "0A"]
    fds = os.listdir("/proc/%d/fd" % server.pid)
    return queued == [0] and len(fds) == 5 and server.state() == "S"


@case("of a message of 2000 bytes naive_tcp prints what one recv gave")
def _():
    server = Exhibit("naive_tcp")
    server.freeze()
    server.say(b"x" * 2000)
    server.thaw()
    equal(server.stdout.wait_match(rb"^(x+)\n").group(1), b"x" * 1024, "the message printed")


@case("a handler that calls localtime() while the main line is in it waits for ever")
def _():
    server = Exhibit("naive_udp", "--stamp")
    equal(server.state(), "R", "state of a main line that never rests")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.port))

        def hangs():
            sock.send(b"x")
            return server.state() == "S" and in_futex(server)

        wait_until(hangs, "the handler to wait for the lock that its own process holds")


def in_futex(server):
    with open("/proc/%d/wchan" % server.pid) as file:
        return file.read().startswith("futex")


@case("causes shows every cause with at least one signal")
def _():
    if not os.path.exists(exhibit("causes")):
        skip("F_SETSIG is Linux only")
    code, out, err = run(exhibit("causes"))
    equal((code, err), (0, b""), "exit code and stderr")
    rows = dict()
    for line in out.decode().splitlines():
        found = re.match(r"((?:TCP|UDP)(?: \d)?) +(.{25}) .{35} +(\d+) +(\d+)  (.*)", line)
        if found:
            name, what, queued, plain, first = found.groups()
            rows[name if name[-1].isdigit() else what.strip()] = (int(queued), int(plain), first)
    numbered = ["TCP %d" % n for n in range(1, 8)] + ["UDP 1", "UDP 2"]
    equal([name for name in rows if name[-1].isdigit()], numbered, "causes")
    for name in numbered:
        queued, plain, first = rows[name]
        check(queued >= 1, "no signal for %s" % name)
        equal(plain, 1, "SIGIO for " + name)
        check(first.startswith("POLL_") and "?" not in first, "%s: %r" % (name, first))
    equal(rows["we shut down"][:2], (0, 0), "signals for our own shutdown()")
    equal(rows["five datagrams"][:2], (5, 1), "signals for five datagrams")


main()
