# SPDX-License-Identifier: MIT
"""Each option of the server, once, and how it ends."""
import os
import re
import signal
import socket
import time

from harness import DEADLINE, SERVER, case, check, equal, main, missing, pass_time, skip, wait_until
from process import Process, run
from server import Server, numbers
from sockets import addresses_of, need_ipv6, readable, receive, receive_all, writable

OPTIONS = ["--backend", "--host", "--port", "--tcp", "--udp", "--handler", "--no-echo", "--reply", "--print",
           "--prefix", "--max-connections", "--idle-timeout", "--backlog", "--spin", "--workers", "--cpu",
           "--heartbeat", "--stats", "--slow", "--list-backends", "--help", "--version"]
BACKENDS = ["select", "poll", "epoll", "epoll-et", "kqueue", "sigio", "rtsig", "io_uring", "linux-aio",
            "nonblocking", "libevent", "blocking"]


# ---- asking --------------------------------------------------------------------------------


@case("--help: every option, on stdout, exit 0")
def _():
    code, out, err = run(SERVER, "--help")
    equal((code, err), (0, b""), "exit code and stderr")
    for option in OPTIONS:
        check(option.encode() in out, "%s is not in the help" % option)


@case("--version: a name and a number, exit 0")
def _():
    code, out, _ = run(SERVER, "--version")
    equal(code, 0, "exit code")
    check(re.search(rb"\b\d+\.\d+\.\d+\n$", out), "no version in %r" % out)


@case("--list-backends: name, model, and whether it is available")
def _():
    code, out, _ = run(SERVER, "--list-backends")
    equal(code, 0, "exit code")
    for name in BACKENDS:
        check(re.search(rb"(?m)^%s\s+\S+" % name.encode(), out), "%s is not listed" % name)
    check(b"available" in out, "availability is not printed")
    check(re.search(rb"(?m)^blocking +blocking +available\b", out), "blocking is not available")
    check(b"multiplexing" in out and b"signal-driven" in out, "the I/O model is not printed")


# ---- where it listens ----------------------------------------------------------------------


@case("by default it listens on every address of localhost, TCP and UDP on one port")
def _():
    with Server(host="localhost") as server:
        equal(len({port for _, _, port, _ in server.listening}), 1, "ports")
        equal(len(server.listening), 2 * len(addresses_of("localhost")), "listening lines")
        equal({protocol for protocol, _, _, _ in server.listening}, {"tcp", "udp"}, "protocols")


@case("--port: that port")
def _():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = Process([SERVER, "--tcp", "--host=127.0.0.1", "--port=%d" % port])
    process.stderr.wait_match(rb"(?m)^listening tcp 127\.0\.0\.1:%d backend=\w+$" % port)
    socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    process.signal(signal.SIGTERM)
    equal(process.wait(), 0, "exit code")


@case("--tcp: no UDP; --udp: no TCP")
def _():
    with Server("--tcp") as server:
        equal([line[0] for line in server.listening], ["tcp"], "listening")
        server.echo(b"over tcp\n")
        udp = server.datagram_socket()
        udp.send(b"nobody")
        try:
            udp.recv(10)
            check(False, "somebody answered over UDP")
        except ConnectionRefusedError:
            pass
    with Server("--udp") as server:
        equal([line[0] for line in server.listening], ["udp"], "listening")
        udp = server.datagram_socket()
        udp.send(b"over udp")
        equal(udp.recv(100), b"over udp", "echo")
        try:
            server.connect()
            check(False, "somebody accepted over TCP")
        except ConnectionRefusedError:
            pass


@case("--host=::1: IPv6, TCP and UDP")
def _():
    need_ipv6()
    with Server("--prefix", host="::1") as server:
        equal(server.listening[0][1], "[::1]", "address")
        server.echo(b"six\n")
        udp = server.datagram_socket()
        udp.send(b"six")
        equal(udp.recv(100), b"six", "echo")
        for line in server.stdout.wait_lines(2):
            check(b"[::1]:" in line, "no IPv6 peer in %r" % line)


@case("--backlog: taken")
def _():
    with Server("--backlog=1") as server:
        server.echo(b"hello\n")


# ---- which model ---------------------------------------------------------------------------


@case("the backend: the best one here, or IOLOOP_BACKEND, or --backend, in this order")
def _():
    with Server() as server:
        best = server.backend
    with Server(env={"IOLOOP_BACKEND": ""}) as server:
        equal(server.backend, best, "backend where the variable is empty")
    with Server(env={"IOLOOP_BACKEND": "select"}) as server:
        equal(server.backend, "select", "backend of the environment")
        server.echo(b"hello\n")
    with Server("--backend=poll", env={"IOLOOP_BACKEND": "select"}) as server:
        equal(server.backend, "poll", "backend of the command line")


@case("libevent's own methods can be chosen")
def _():
    for name in ("libevent:poll", "libevent:select"):
        process = Process([SERVER, "--list-backends"])
        process.wait()
        if not re.search(rb"(?m)^libevent\s.*\bavailable\b", process.stdout.bytes()):
            missing("libevent, not built in")
        with Server("--backend=" + name) as server:
            equal(server.backend, name, "backend")
            server.echo(b"hello\n")


# ---- limits and times ----------------------------------------------------------------------


@case("--max-connections: the next one waits until another leaves")
def _():
    for how in ("--handler=inline", "--handler=thread", "--backend=blocking"):
        max_connections(how)


def max_connections(how):
    with Server("--max-connections=2", how) as server:
        first, second, third = (server.connect() for _ in range(3))
        server.echo(b"1", first)
        server.echo(b"2", second)
        third.sendall(b"3")
        check(not readable(third, 0.5), "a third connection was served")
        first.close()
        equal(receive(third, 1), b"3", "echo when there is room")
        second.close()
        third.close()


@case("--idle-timeout: a connection without traffic is closed, one with traffic is not")
def _():
    for how in ("--handler=inline", "--handler=thread", "--backend=blocking"):
        with Server("--idle-timeout=1", how) as server:
            idle, busy = server.connect(), server.connect()
            server.echo(b"one word", idle)
            turns = 0
            while not readable(idle, 0.1):
                server.echo(b"tick", busy)
                turns += 1
                check(turns < 300, "the idle connection was never closed")
            check(turns >= 8, "it was closed after %.1f s" % (turns / 10))
            equal(idle.recv(10), b"", "end of input")
            server.echo(b"still here", busy)
            busy.close()


@case("--spin: the server looks again before it sleeps, and without it does not")
def _():
    for option, spins in (("--spin=1000", True), ("--spin=0", False)):
        with Server(option) as server:
            server.echo(b"hello\n")
        equal(server.summary()["spins"] > 0, spins, "looks with %s" % option)


@case("--slow: a callback that blocks is reported with its time, others are not")
def _():
    if not hasattr(os, "eventfd"):
        skip("this Python makes no eventfd")
    for how in ("--handler=inline", "--handler=thread"):
        # Output is written to an eventfd as to a file, without O_NONBLOCK; while that is full,
        # writing 8 bytes to it blocks.
        full = os.eventfd(0)
        os.eventfd_write(full, 2**64 - 2)
        with Server("--slow=200", "--tcp", how, stdout=full) as server:
            with server.connect() as sock:
                sock.sendall(b"7 bytes\n")
                equal(receive(sock, 8), b"7 bytes\n", "echo")
                pass_time(0.4)
                os.eventfd_read(full)
                server.stderr.wait_match(rb"(?m)^slow: .*ran for")
                server.echo(b"at once\n", sock)
        text = server.stderr.bytes()
        found = re.findall(rb"(?m)^slow: (?:handler of descriptor \d+|callback) ran for ([\d.]+) ms$", text)
        # More than one only where the machine stalls for as long; a shorter one is never reported.
        equal((bool(found), len(found)), (True, text.count(b" ran for ")), "slow callbacks (%r)" % text)
        check(min(map(float, found)) >= 200, "they ran for %s ms" % found)
        longest = re.search(rb"(?m)^slow: longest ([\d.]+) ms; the loop worked for ([\d.]+) s and waited for "
                            rb"[\d.]+ s$", text)
        equal(float(longest.group(1)), max(map(float, found)), "the longest")
        check(float(longest.group(2)) > 0.2, "worked for %s s" % longest.group(2))
        os.close(full)


@case("--heartbeat: \"Waiting...\" on stderr, and work goes on")
def _():
    with Server("--heartbeat=1") as server:
        server.stderr.wait_match(rb"(?m)^Waiting\.\.\.$", "a heartbeat")
        server.echo(b"hello\n")
        server.stderr.wait(lambda data: data.count(b"Waiting...") >= 2, "another heartbeat")
        equal(server.stdout.wait_lines(1), [b"hello"], "stdout")


@case("--stats: a line each second with the numbers, and a summary")
def _():
    with Server("--stats=1") as server:
        tcp = server.connect()
        server.echo(b"twelve bytes", tcp)
        udp = server.datagram_socket()
        udp.send(b"eight by")
        udp.recv(100)
        line = server.stderr.wait_match(rb"(?m)^stats.*\brecords=2\b.*$", "a line with 2 records")
        seen = numbers(line.group().decode())
        for name in ("connections", "records", "bytes", "overflows", "signals", "kernel_drops"):
            check(name in seen, "%s is not in %r" % (name, line.group()))
        equal((seen["connections"], seen["bytes"]), (1, 20), "connections and bytes")
        tcp.close()
        summary = server.stop()
        equal((summary["records"], summary["bytes"]), (2, 20), "records and bytes at the end")


@case("--cpu: the process stays there, with all its threads; workers have one each, in turn")
def _():
    usable = sorted(os.sched_getaffinity(0))
    chosen = ",".join(str(cpu) for cpu in usable[:2])
    with Server("--cpu=" + chosen) as server:
        server.echo(b"hello\n")
        equal(os.sched_getaffinity(server.pid), set(usable[:2]), "processors of the server")
    with Server("--cpu=%d" % usable[-1], "--backend=blocking") as server:
        with server.connect() as sock:
            server.echo(b"hello\n", sock)
            tasks = [int(task) for task in os.listdir("/proc/%d/task" % server.pid)]
            check(len(tasks) > 3, "only %d threads" % len(tasks))
            equal([os.sched_getaffinity(task) for task in tasks], [{usable[-1]}] * len(tasks),
                  "processors of its threads")
    with Server("--cpu=" + chosen, "--workers=3") as server:
        with open("/proc/%d/task/%d/children" % (server.pid, server.pid)) as file:
            workers = sorted(int(word) for word in file.read().split())
        expected = [{usable[index % min(2, len(usable))]} for index in range(3)]
        equal(sorted(map(sorted, map(os.sched_getaffinity, workers))),
              sorted(map(sorted, expected)), "processors of the workers")
        equal(os.sched_getaffinity(server.pid), set(usable), "processors of the parent")


@case("blocking: a thread for each listener, each UDP socket, each connection; no loop turns")
def _():
    with Server("--backend=blocking", "--stats=1") as server:
        def threads():
            return len(os.listdir("/proc/%d/task" % server.pid))
        with open("/proc/%d/maps" % server.pid) as file:
            expected = 3 + ("libtsan" in file.read())  # which has a thread of its own
        equal(threads(), expected, "threads without a connection")
        socks = [server.connect() for _ in range(5)]
        for sock in socks:
            server.echo(b"hello\n", sock)
        equal(threads(), expected + 5, "threads with five")
        for sock in socks:
            sock.close()
        wait_until(lambda: threads() == expected, "the connections' threads to end")
        summary = server.stop()
        equal((summary["records"], summary["accepted"], summary["connections"]), (5, 5, 0),
              "records, accepted, connections")
        equal((summary["iterations"], summary["events"]), (0, 0), "turns of a loop")
    with Server(env={"IOLOOP_BACKEND": "blocking"}) as server:
        equal(server.backend, "blocking", "backend of the environment")


# ---- the end -------------------------------------------------------------------------------


@case("SIGINT and SIGTERM: exit 0 with a summary")
def _():
    for signo in (signal.SIGINT, signal.SIGTERM):
        with Server() as server:
            server.echo(b"hello\n")
            summary = server.stop(signo)
            equal(summary["records"], 1, "records")


@case("a client that never reads does not keep the server from ending")
def _():
    server, sock = stuffed_server()
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "exit code")
    sock.close()


@case("a second signal ends it at once")
def _():
    server, sock = stuffed_server()
    server.signal(signal.SIGTERM)
    server.stderr.wait_match(rb"(?m)^stopping: ", "a line about the end")
    time.sleep(0.3)  # sooner it would be the first again
    server.signal(signal.SIGTERM)
    equal(server.wait(2), 128 + signal.SIGTERM, "exit code")
    sock.close()


def stuffed_server():
    """A server that holds an echo which its client does not read."""
    server = Server("--print=none", "--tcp")
    sock = server.connect()
    sock.setblocking(False)
    while writable(sock, 0.5):
        sock.send(b"x" * 65536)
    return server, sock


@case("SIGTERM: queued echoes still reach a slow reader")
def _():
    with Server("--print=none", "--tcp") as server:
        sock = server.connect()
        sock.setblocking(False)
        sent = 0
        while writable(sock, 0.5):
            sent += sock.send(b"x" * 65536)
        server.signal(signal.SIGTERM)
        sock.settimeout(DEADLINE)
        equal(len(receive_all(sock)), sent, "bytes echoed, of those sent")
        equal(server.wait(), 0, "exit code")
        equal(server.summary()["bytes"], sent, "bytes in the summary")


main()
