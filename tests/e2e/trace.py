# SPDX-License-Identifier: MIT
"""server --trace: well formed whatever happens, and true. Usage: trace.py BACKEND"""
import os
import re
import signal
import socket
import struct
import subprocess
import sys

from harness import CLIENT, SERVER, case, check, equal, main, need_program, skip, wait_until
from process import Process, run
from server import Server, sanitized
from sockets import receive_all
from traces import RECEIVES, SENDS, Trace, file_in, folder, wait_for_trace

BACKEND = sys.argv[1]
REQUESTS = 1000
ONE_IS_ENOUGH = BACKEND == "epoll"  # for behaviour that does not depend on the model


def traced(path, *options, **more):
    return Server("--backend=" + BACKEND, "--print=none", "--trace=" + path, *options, **more)


def ask(server, sock, count, text=b"a request of thirty-two bytes..."):
    for _ in range(count):
        server.echo(text, sock)
    return count * len(text)


@case("1,000 requests: each is there, received and sent, in a file that is well formed")
def _():
    with folder() as name:
        with traced(file_in(name), "--tcp") as server:
            sock = server.connect()
            sent = ask(server, sock, REQUESTS)
            sock.close()
            server.stop()
        trace = Trace(file_in(name))
        equal(trace.other["backend"], BACKEND, "backend")
        equal(trace.other["complete"], True, "complete")
        equal(trace.bytes(RECEIVES), sent, "bytes received")
        equal(trace.bytes(SENDS), sent, "bytes sent")
        check(max(trace.results(["accept"])) > 2, "an accept returned a descriptor")
        received = [e for e in trace.events if e["args"].get("connection") == 1]
        check(len(received) > REQUESTS, "events of connection 1: %d" % len(received))


@case("datagrams are there, too")
def _():
    with folder() as name:
        with traced(file_in(name), "--udp") as server:
            sent = ask(server, server.datagram_socket(), 100)
            server.stop()
        trace = Trace(file_in(name))
        # A call for many returns how many they were.
        many = trace.bytes(["recvmmsg"])
        equal(trace.bytes(["recvfrom", "recvmsg"]), sent - 32 * many, "bytes received by calls for one")
        equal(trace.bytes(["sendto", "sendmsg"]), sent, "bytes sent")


@case("SIGUSR1 while the end writes the file: it is whole, and the exit code is 0")
def _():
    with folder() as name:
        with traced(file_in(name), "--tcp") as server:
            sock = server.connect()
            sent = ask(server, sock, 2000)
            sock.close()
            server.signal(signal.SIGTERM)
            while server.popen.poll() is None:
                server.popen.send_signal(signal.SIGUSR1)
            equal(server.wait(), 0, "exit code")
        equal(Trace(file_in(name)).bytes(RECEIVES), sent, "bytes received")
        equal(os.listdir(name), ["trace.json"], "files")


@case("SIGUSR1 has it written in the middle of the work, as often as it comes")
def _():
    with folder() as name:
        path = file_in(name)
        with traced(path) as server:
            equal(Trace(path).named("recv", "B"), [], "what was received before anyone came")
            sock = server.connect()
            for done in (10, 20, 30):
                ask(server, sock, 10)
                server.signal(signal.SIGUSR1)
                trace = wait_for_trace(path, lambda t: len([r for r in t.results(RECEIVES) if r > 0]) >= done,
                                       "%d requests in the file" % done)
                check(len(trace.events) > done, "events")
            for _ in range(20):
                server.signal(signal.SIGUSR1)
            ask(server, sock, 10)
            sock.close()
            server.stop()
        equal(len([r for r in Trace(path).results(RECEIVES) if r > 0]), 40, "requests in all")
        equal(os.listdir(name), ["trace.json"], "files")


@case("a client that is killed at work, a reset and Ctrl-C leave a whole file")
def _():
    with folder() as name:
        path = file_in(name)
        with traced(path, "--tcp") as server:
            reset = server.connect()
            ask(server, reset, 5)
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            reset.close()
            client = Process([CLIENT, "--host=127.0.0.1", "--port=%d" % server.port, "--count=10000000",
                              "--concurrency=10", "x"])
            wait_until(lambda: server.signal(signal.SIGUSR1) or len(Trace(path).results(SENDS)) > 50,
                       "50 echoes")
            client.kill()
            sock = server.connect()
            ask(server, sock, 5)
            server.stop(signal.SIGINT)
        trace = Trace(path)
        check(trace.bytes(RECEIVES) >= 10 * 32, "bytes received")


@case("at the limit it ends, and reports that in the file and on stderr")
def _():
    with folder() as name:
        with traced(file_in(name), "--trace-limit=200") as server:
            sock = server.connect()
            ask(server, sock, 300)
            server.stderr.wait_match(rb"the trace has its 200 events")
            sock.close()
            server.stop()
            equal(server.stderr.bytes().count(b"the trace has its"), 1, "lines about it")
        trace = Trace(file_in(name))
        equal(trace.other["complete"], False, "complete")
        equal(len(trace.named("limit reached", "i")), 1, "events that say so")
        ends = [e for e in trace.events if e["args"].get("under way")]
        events = [e for e in trace.events if e["ph"] != "M"]
        check(150 < len(events) - len(ends) <= 201, "%d events" % len(events))


if BACKEND in ("sigio", "rtsig"):
    @case("signals are recorded, with the information that the model has")
    def _():
        with folder() as name:
            with traced(file_in(name), "--tcp") as server:
                sock = server.connect()
                ask(server, sock, 20)
                sock.close()
                server.stop()
            signals = [e["args"] for e in Trace(file_in(name)).named("signal", "i")]
            check(len(signals) >= 20, "%d signals" % len(signals))
            check(all(s["queued"] >= 1 for s in signals), "how many were queued")
            if BACKEND == "rtsig":
                mine = [s for s in signals if s.get("connection") == 1]
                check(len(mine) >= 20 and all(s["band"] & 1 for s in mine), "bands of connection 1")

if BACKEND == "rtsig":
    @case("a signal is that of the connection which had the descriptor when it came")
    def _():
        with folder() as name:
            with traced(file_in(name), "--tcp") as server:
                for count in (20, 30):
                    sock = server.connect()
                    ask(server, sock, count)
                    sock.shutdown(socket.SHUT_WR)
                    equal(receive_all(sock), b"", "the end of the connection")
                    sock.close()
                server.stop()
            signals = [e["args"] for e in Trace(file_in(name)).named("signal", "i")]
            of = {c: [s for s in signals if s.get("connection") == c] for c in (1, 2)}
            equal({s["fd"] for s in of[1]}, {s["fd"] for s in of[2]}, "descriptors of both")
            check(len(of[1]) >= 20 and len(of[2]) >= 30, "signals: %d and %d" % (len(of[1]), len(of[2])))

if BACKEND == "nonblocking":
    @case("turns in which nothing was there are counted, and do not fill it")
    def _():
        with folder() as name:
            with traced(file_in(name), "--tcp") as server:
                wait_until(lambda: server.cpu_seconds() > 0.2, "0.2 s of turning in vain")
                server.echo(b"hello")
                server.stop()
            trace = Trace(file_in(name))
            equal(trace.other["complete"], True, "complete")
            check(sum(e["args"]["turns"] for e in trace.named("left out", "B")) > 1000, "turns left out")
            check(-11 in trace.results(["accept"]), "EAGAIN among those that are there")
            equal(trace.bytes(RECEIVES), 5, "bytes received")

if BACKEND == "blocking":
    @case("each thread has a track of its own, and calls that block")
    def _():
        with folder() as name:
            with traced(file_in(name)) as server:
                socks = [server.connect() for _ in range(3)]
                for sock in socks:
                    server.echo(b"hello", sock)
                server.stop()
            trace = Trace(file_in(name))
            equal(sorted(trace.threads()), ["connection 1", "connection 2", "connection 3", "datagrams",
                                            "listener"], "threads")
            check(all(e["args"]["blocking"] for e in trace.named("recv", "B")), "they block")
            equal(trace.bytes(["recv"]), 15, "bytes")

if BACKEND == "io_uring":
    @case("operations are recorded when they are submitted and when they complete")
    def _():
        with folder() as name:
            with traced(file_in(name), "--tcp") as server:
                sock = server.connect()
                ask(server, sock, 20)
                sock.close()
                server.stop()
            trace = Trace(file_in(name))
            operations = [e["args"] for e in trace.named("complete", "i")]
            equal(len([o for o in operations if o["operation"] == "send"]), 20, "sends completed")
            submitted = [e["args"]["operation"] for e in trace.named("submit", "i")]
            equal(submitted.count("send"), 20, "sends submitted")
            equal(submitted.count("recv"), 1, "receives submitted: it goes on by itself")
            check(trace.named("io_uring_enter", "B"), "the calls that do it")

if ONE_IS_ENOUGH:
    STRACE = re.compile(r"^(?:\d+ +)?(recvfrom|sendto)\((\d+), .*\) += (-?\d+)", re.M)

    @case("the calls that receive and send are those that strace sees, with the same results")
    def _():
        if sanitized():
            skip("a leak sanitizer does not run under strace")
        need_program("strace")
        tried = subprocess.run(["strace", "-o", os.devnull, "true"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if tried.returncode:
            skip("strace may not trace here")
        with folder() as name:
            seen = os.path.join(name, "strace")
            strace = ["strace", "-D", "-e", "trace=recvfrom,sendto", "-o", seen]
            with traced(file_in(name), "--tcp", wrapper=strace) as server:
                sock = server.connect()
                ask(server, sock, 100)
                ask(server, sock, 3, b"x" * 200000)
                sock.close()
                server.stop()
            with open(seen) as file:
                text = wait_until(lambda: file.seek(0) or (lambda t: "exited" in t and t)(file.read()),
                                  "strace's end")
            theirs = [("recv" if call == "recvfrom" else "send", int(fd), int(result))
                      for call, fd, result in STRACE.findall(text)]
            ours = []
            trace = Trace(file_in(name))
            for begin, end in zip(trace.events, trace.events[1:]):
                if begin["ph"] == "B" and begin["name"] in ("recv", "send"):
                    result = end["args"]["result"]
                    ours.append((begin["name"], begin["args"]["fd"], result if result >= 0 else -1))
            check(len(ours) > 206, "%d calls" % len(ours))
            for number, (our, their) in enumerate(zip(ours, theirs)):
                equal(our, their, "call %d" % number)
            equal(len(ours), len(theirs), "calls")

    @case("each worker has a file of its own")
    def _():
        with folder() as name:
            with traced(file_in(name), "--workers=2") as server:
                for _ in range(20):
                    server.echo(b"hello")
                server.stop()
            equal(sorted(os.listdir(name)), ["trace.1.json", "trace.2.json"], "files")
            traces = [Trace(os.path.join(name, "trace.%d.json" % n)) for n in (1, 2)]
            equal(sum(t.bytes(RECEIVES) for t in traces), 100, "bytes in both")

    @case("a file that cannot be written is reported before serving: exit 1")
    def _():
        with folder() as name:
            for path, why in ((os.path.join(name, "no", "where"), b"No such file or directory"),
                              (name, b"not a regular file"), ("/dev/null", b"not a regular file")):
                for workers in ([], ["--workers=2"]):
                    code, out, err = run(SERVER, "--port=0", "--trace=" + path, *workers)
                    equal((code, out), (1, b""), "exit and stdout with " + path)
                    check(why in err and err.count(b"\n") == 1, "one line says why: %r" % err)
            equal(os.listdir(name), [], "files")

    @case("--trace-limit without --trace, and an empty name, are wrong command lines: exit 2")
    def _():
        for options, what in ((["--trace-limit=5"], b"--trace-limit"), (["--trace="], b"--trace"),
                              (["--trace=x", "--trace-limit=0"], b"--trace-limit")):
            code, out, err = run(SERVER, *options)
            equal((code, out), (2, b""), "exit and stdout of %r" % options)
            check(what in err and err.count(b"\n") == 1, "one line says why: %r" % err)

    @case("with a second Ctrl-C it is written all the same")
    def _():
        with folder() as name:
            server = traced(file_in(name), "--tcp")
            sock = server.connect()
            ask(server, sock, 5)
            server.freeze()
            sock.sendall(b"x")
            server.signal(signal.SIGINT)
            server.thaw()
            server.stderr.wait_match(rb"stopping")
            held = server.connect  # keeps it from ending at once: nothing of ours is closed
            server.signal(signal.SIGINT)
            code = server.wait()
            check(code in (0, 130) and held, "exit code %d" % code)
            check(Trace(file_in(name)).bytes(RECEIVES) >= 160, "bytes received")

main()
