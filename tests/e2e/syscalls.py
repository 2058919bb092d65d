# SPDX-License-Identifier: MIT
"""The number of system calls per request, counted by strace. Usage: syscalls.py BACKEND

By readiness the minimum for TCP is two, recv and send; the rest is the price of waiting, shared by the
connections that one wait finds ready. If one call handles many datagrams, or the call that waits also
does everything else (io_uring), the number is a fraction. Two runs of different lengths are counted and
subtracted, so that starting, connecting and ending do not count. The clients (bench against) send their
next request after the echo of the previous one, and must be the faster side: this is a server under
load, in its steady state.

One connection is counted on one processor. The kernel first wakes the waiters of a socket, and then
raises its signal: on another processor a server may wake up in between, and find the signal in a wait
of its own (of rtsig's requests, 1 to 9 of 100 here).

A clock read is no system call if the kernel has a vDSO, so strace shows none; the backends' instruction
counts (bench/) show that none is made.
"""
import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile

from harness import DEADLINE, case, check, equal, main, missing, need_program, skip, wait_until
from server import Server

BACKEND = sys.argv[1]
REQUEST = b"a request of thirty-two bytes..."

LOAD = os.environ.get("IOLOOP_LOAD")

# backend: calls per request over TCP with 50 busy connections and with one, and over UDP with 50
# busy clients. None: no promise.
LIMITS = {
    "epoll": (2.05, 3.0, 0.15),
    "epoll-et": (2.1, 4.0, None),
    "poll": (2.15, None, None),
    "rtsig": (2.6, 4.0, None),
    "sigio": (None, 5.0, None),
    "io_uring": (0.10, 1.0, 0.15),
    "linux-aio": (2.10, 4.0, None),
}


def need_strace():
    need_program("strace")
    tried = subprocess.run(["strace", "-f", "-c", "-o", os.devnull, "true"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    if tried.returncode:
        lines = tried.stdout.decode("utf-8", "replace").strip().split("\n")
        skip("strace may not trace here (%s)" % lines[0].replace("#", ""))


def load(kind, server, connections, requests):
    """This many requests in total, each connection sending its next one after its echo; or `churn`,
    each on its own connection. The lab's generator sends a few more, to check the server; returns how
    many there were."""
    if not LOAD:
        load_slowly(kind, server, connections, requests)
        return
    options = {"tcp": ["--tcp"], "udp": ["--udp"], "churn": ["--tcp", "--churn"]}[kind]
    ended = subprocess.run([LOAD, "against", "127.0.0.1:%d" % server.port, *options, "--warmup=0",
                            "--connections=%d" % connections, "--requests=%d" % requests,
                            "--size=%d" % len(REQUEST)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=DEADLINE * 2)
    equal((ended.returncode, ended.stderr), (0, b""), "the clients' end")


def load_slowly(kind, server, connections, requests):
    if kind != "tcp" or BACKEND == "io_uring":  # clients in Python are the slower side
        missing("the load generator, not built (-Dbench=false, or no jansson)")
    poll = select.epoll()
    socks = {}
    for _ in range(connections):
        sock = server.connect()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        socks[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
        server.echo(REQUEST, sock)
    sent = done = 0
    for sock in socks.values():
        sock.send(REQUEST)
        sent += 1
    while done < requests:
        found = poll.poll(DEADLINE)
        check(found, "no echo within %g s" % DEADLINE)
        for fd, _ in found:
            equal(socks[fd].recv(100), REQUEST, "echo")
            done += 1
            if sent < requests:
                socks[fd].send(REQUEST)
                sent += 1
    poll.close()
    for sock in socks.values():
        sock.close()


def count(kind, connections, requests):
    """The requests of a server's whole life, and its system calls by name."""
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "strace")
        # -D: the server stays our child, so that our signals reach it and not strace.
        with Server("--backend=" + BACKEND, "--udp" if kind == "udp" else "--tcp", "--print=none",
                    wrapper=["strace", "-D", "-f", "-c", "-o", table]) as server:
            load(kind, server, connections, requests)
            served = server.stop()["records"]
        wait_until(lambda: os.path.exists(table) and " total" in read(table), "strace's table")
        calls = {}
        for line in read(table).split("\n"):
            fields = line.split()
            if len(fields) in (5, 6) and fields[3].isdigit() and fields[-1] != "total":
                calls[fields[-1]] = int(fields[3])
        return served, calls


def read(path):
    with open(path) as file:
        return file.read()


def calls_per_request(kind, connections, few, many):
    """(the figure, its parts)"""
    (few, short), (many, long) = (count(kind, connections, n) for n in (few, many))
    each = {name: (long[name] - short.get(name, 0)) / (many - few) for name in long}
    parts = ["%s %.3f" % (name, each[name]) for name in sorted(each, key=each.get, reverse=True)
             if each[name] >= 0.001]
    return sum(each.values()), ", ".join(parts)


@contextlib.contextmanager
def on_one_processor():
    """The processes that we start."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def gate(kind, connections, few, many, limit):
    """At most `limit`, to two decimals. The best of three: whatever else the machine does can
    only make the clients late, and so the waits emptier and more."""
    need_strace()
    tries = []
    for _ in range(3):
        with on_one_processor() if connections == 1 else contextlib.nullcontext():
            figure, parts = calls_per_request(kind, connections, few, many)
        print("# %s, %s, %d busy clients: %.3f system calls per request (%s)"
              % (BACKEND, kind, connections, figure, parts))
        if round(figure, 2) <= limit:
            return
        tries.append("%.3f (%s)" % (figure, parts))
    check(False, "more than %.2f system calls per request: %s" % (limit, "; ".join(tries)))


busy, alone, datagrams = LIMITS[BACKEND]

if busy:
    @case("system calls per TCP request, 50 busy connections: at most %.2f" % busy)
    def _():
        gate("tcp", 50, 1000, 6000, busy)

if alone:
    @case("system calls per TCP request, one connection: at most %.2f" % alone)
    def _():
        gate("tcp", 1, 200, 1700, alone)

if BACKEND == "epoll":
    # accept, epoll_ctl, epoll_wait, recv, send, epoll_wait, recv, epoll_ctl, close; one of eight
    # accepts once more. (The second epoll_ctl keeps entries of files that another process holds out of
    # the set: see src/loop/fdtable.c.)
    @case("system calls per connection with a single request: at most 9.20")
    def _():
        gate("churn", 1, 100, 1100, 9.2)

if datagrams:
    @case("system calls per datagram, 50 busy clients: at most %.2f" % datagrams)
    def _():
        gate("udp", 50, 1000, 11000, datagrams)

main()
