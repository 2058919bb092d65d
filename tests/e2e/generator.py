# SPDX-License-Identifier: MIT
"""The load generator with correct servers: the messages that it sends and counts, running in its own
process, its cost and its output."""
import json
import os
import re
import signal
import socket
import tempfile

from against import AGAINST, PATIENT, Faulty, check_in, measure, refusal
from harness import case, check, equal, main, need_program, pass_time, skip, wait_until
from process import Process, run
from server import Server, sanitized
from sockets import need_descriptors


# ---- counts ------------------------------------------------------------------------------------


@case("a counted run sends exactly that many, and the server has got them")
def _():
    with Server("--print=none") as server:
        for options in (["--connections=1"], ["--connections=50"], ["--connections=3", "--depth=7"],
                        ["--udp"], ["--udp", "--connections=4", "--depth=3"]):
            result, _ = measure(server.port, "--requests=1000", "--warmup=0", *options)
            equal([result[k] for k in ("sent", "echoed", "lost", "wrong")], [1000, 1000, 0, 0],
                  " ".join(options))
            equal(result["latency"]["count"], 1000, "latencies")
        summary = server.stop()
        equal(summary["bytes"], 5 * 1000 * 64, "bytes that the server got")
        equal(summary["accepted"], 1 + 50 + 3, "connections that the server got")


@case("an open loop sends rate x duration requests, at any number of connections")
def _():
    with Server("--print=none") as server:
        for options in ([], ["--connections=7"], ["--udp", "--connections=3"]):
            result, _ = measure(server.port, "--rate=1000", "--warmup=0.1", "--duration=0.5",
                                *options, *PATIENT)
            equal([result[k] for k in ("sent", "echoed", "elapsed_ns")], [500, 500, 500000000],
                  "a constant rate")
            equal(result["lateness"]["count"], 500, "latenesses")
        result, _ = measure(server.port, "--rate=2000", "--poisson", "--warmup=0", "--duration=1",
                            *PATIENT)
        check(abs(result["sent"] - 2000) < 5 * 2000 ** 0.5,
              "Poisson arrivals: %d of about 2000" % result["sent"])
        equal(result["echoed"], result["sent"], "echoes")


@case("requests of the warm-up are not recorded")
def _():
    with Faulty() as server:
        result, _ = measure(server.port, "--rate=200", "--warmup=0.5", "--duration=0.25", *PATIENT)
        equal(result["sent"], 50, "recorded")
        equal(result["latency"]["count"], 50, "latencies")
        check(server.reads > 50, "there was no warm-up")


@case("depth: that many requests are under way on a connection")
def _():
    held = []

    def answer(data, _):
        held.append(data)
        if sum(map(len, held)) < 8 * 32:  # less would never be answered
            return b""
        whole = b"".join(held)
        held.clear()
        return whole
    with Faulty(answer=answer) as server:
        result, _ = measure(server.port, "--depth=8", "--size=32", "--requests=800", "--warmup=0")
        equal(result["echoed"], 800, "echoes")


SIZES = sorted({size for size in list(range(16, 33)) +
                [2 ** n + d for n in range(6, 16) for d in (-1, 0, 1)] +
                [1460, 1472, 1500, 65483, 65506, 65507]})


@case("messages of every size come back, over TCP and in datagrams")
def _():
    with Server("--print=none") as server:
        for size in SIZES:
            for protocol in ("--tcp", "--udp"):
                result, _ = measure(server.port, protocol, "--size=%d" % size, "--requests=3",
                                    "--warmup=0")
                equal(result["echoed"], 3, "echoes of %d bytes, %s" % (size, protocol))


@case("large messages, many under way: sends that were cut off go on where they were")
def _():
    with Server("--print=none") as server:
        result, _ = measure(server.port, "--size=60001", "--depth=200", "--connections=2",
                            "--requests=2000", "--warmup=0", "--drain=20")
        equal([result[k] for k in ("echoed", "lost", "wrong")], [2000, 0, 0], "echoed, lost, wrong")


@case("churn: each request has a connection of its own, closed in order")
def _():
    with Server("--print=none") as server:
        result, _ = measure(server.port, "--churn", "--connections=5", "--requests=500",
                            "--warmup=0", "--idle=3")
        equal([result[k] for k in ("sent", "echoed", "lost")], [500, 500, 0], "requests")
        summary = server.stop()
        equal(summary["accepted"], 503, "connections that the server got")
        equal(summary["failed"], 0, "connections that ended otherwise than in order")
        equal(summary["bytes"], 500 * 64, "bytes")


@case("churn: large messages, too")
def _():
    with Server("--print=none") as server:
        result, _ = measure(server.port, "--churn", "--connections=3", "--requests=60",
                            "--warmup=0", "--size=65507")
        equal(result["echoed"], 60, "echoes")


@case("idle connections are open, all of them, while the others send")
def _():
    need_descriptors(5000)
    with Faulty() as server:
        result, _ = measure(server.port, "--idle=1500", "--connections=10", "--requests=500",
                            "--warmup=0")
        equal(result["echoed"], 500, "echoes")
        equal((server.accepted, server.peak), (1510, 1510), "accepted, open at the same time")


@case("thousands of idle connections")
def _():
    need_descriptors(9000)
    with Server("--print=none") as server:
        result, _ = measure(server.port, "--idle=4000", "--requests=100", "--warmup=0")
        equal(result["echoed"], 100, "echoes")
        equal(server.stop()["accepted"], 4001, "accepted")


@case("no more than 64 connections wait in the listen queue of a server that is slow to accept")
def _():
    server = Faulty()  # accepts nothing until it is entered
    process = Process([AGAINST, ":%d" % server.port, "--idle=300", "--requests=10", "--warmup=0"])
    wait_until(lambda: listen_queue(server.port) >= 64, "connections in the queue")
    pass_time(0.2)  # one that would go on, would have filled the queue by then
    equal(listen_queue(server.port), 64, "connections in the queue")
    with server:
        equal(process.wait(), 0, "exit code")
        equal((server.accepted, server.peak), (301, 301), "accepted, open at the same time")


def listen_queue(port):
    """How many connections wait for accept()."""
    with open("/proc/net/tcp") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port and fields[3] == "0A":
                return int(fields[4].split(":")[1], 16)
    return 0


@case("it runs on every backend")
def _():
    with Server("--print=none") as server:
        for backend in ("epoll", "epoll-et", "poll", "select", "sigio", "rtsig", "io_uring",
                        "nonblocking", "libevent"):
            code, out, err = run(AGAINST, ":%d" % server.port, "--json", "--backend=" + backend,
                                 "--connections=5", "--depth=3", "--requests=300", "--warmup=0")
            if b"cannot have a loop" in err:
                continue
            equal(code, 0, "exit code on %s: %s" % (backend, err))
            equal(json.loads(out)["echoed"], 300, "echoes on " + backend)


# ---- in a process of its own -------------------------------------------------------------------


def child_of(process):
    path = "/proc/%d/task/%d/children" % (process.pid, process.pid)

    def read():
        with open(path) as file:
            return file.read().split()
    if not os.path.exists(path):
        skip("the kernel does not tell a process's children")
    return int(wait_until(read, "the generator's process")[0])


def is_there(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@case("spawned: the same results, and the server's CPU time of the measured part")
def _():
    with Server("--print=none") as server:
        result, _ = measure(server.port, "--server=%d" % server.pid, "--requests=20000",
                            "--connections=10", "--warmup=0.1")
        equal([result[k] for k in ("sent", "echoed")], [20000, 20000], "sent, echoed")
        equal(result["latency"]["count"], 20000, "latencies")
        check(0 < result["server_cpu_ns"] <= server.cpu_seconds() * 1e9 + 20e6,
              "server CPU %d ns, of %g s in all" % (result["server_cpu_ns"], server.cpu_seconds()))
        check(result["server_cpu_ns"] / 20000 < 1e6, "it took ages")


@case("spawned: failures come through with their reason")
def _():
    with Faulty(answer=lambda data, number: data if number < 100 else None) as server:
        _, err = measure(server.port, "--server=%d" % os.getpid(), "--duration=20", code=1)
        check_in("closed a connection", err)
        _, err = measure(server.port, "--server=4194304", code=1)
        check_in("the CPU time of process 4194304 cannot be measured", err)


@case("spawned: a child that is killed is reported")
def _():
    with Server("--print=none") as server:
        process = Process([AGAINST, ":%d" % server.port, "--server=%d" % server.pid,
                           "--duration=60"])
        os.kill(child_of(process), signal.SIGKILL)
        equal(process.wait(), 1, "exit code")
        check_in("the generator was killed by signal 9", process.stderr.bytes().decode())


@case("spawned: SIGTERM ends both, and a child does not outlive its parent")
def _():
    with Server("--print=none") as server:
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            process = Process([AGAINST, ":%d" % server.port, "--server=%d" % server.pid,
                               "--duration=60"])
            child = child_of(process)
            process.signal(signo)
            equal(process.wait(), -9 if signo == signal.SIGKILL else 130, "exit code")
            if signo != signal.SIGKILL:
                check_in("interrupted (", process.stderr.bytes().decode())
            wait_until(lambda: not is_there(child), "the child to end")


@case("interrupted: the figures so far are printed, and the exit code shows it")
def _():
    with Server("--print=none") as server:
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            begun = server.cpu_seconds()
            process = Process([AGAINST, ":%d" % server.port, "--duration=60", "--warmup=0"])
            wait_until(lambda: server.cpu_seconds() > begun + 0.05, "requests")
            process.signal(signo)
            equal(process.wait(), 130, "exit code")
            out = process.stdout.bytes().decode()
            check_in("p50", out)
            found = re.search(r"(\d+) sent, (\d+) echoed, 0 lost, 0 wrong in ([0-9.]+) s: (\d+) echo",
                              out)
            check(found and found[1] == found[2] and float(found[3]) > 0 and int(found[4]) > 0,
                  "what was measured until then: %s" % out)
            check_in("interrupted (%s)" % signal.Signals(signo).name,
                     process.stderr.bytes().decode())


# ---- what it costs, and what it prints ---------------------------------------------------------


@case("one send and one recv a request at most")
def _():
    if sanitized():
        skip("a sanitizer does not work under strace")
    need_program("strace")
    with tempfile.TemporaryDirectory() as folder, Server("--print=none") as server:
        log = os.path.join(folder, "calls")
        for options in ([], ["--udp"], ["--connections=50"], ["--depth=8"]):
            code, _, err = run("strace", "-f", "-o", log, "-e", "trace=sendto,recvfrom", AGAINST,
                               ":%d" % server.port, "--requests=1000", "--warmup=0", *options)
            if b"ptrace" in err:
                skip("no strace here: %s" % err.decode("utf-8", "replace").strip())
            equal(code, 0, "exit code, %s" % options)
            with open(log) as file:
                calls = file.read()
            for call in ("sendto(", "recvfrom("):
                count = calls.count(call)
                check(count <= 1000, "%d %s...) for 1000 requests, %s" % (count, call, options))


@case("the table, and the .hgrm of HdrHistogram's plotters")
def _():
    with tempfile.TemporaryDirectory() as folder, Server("--print=none") as server:
        path = os.path.join(folder, "latency.hgrm")
        code, out, err = run(AGAINST, "127.0.0.1:%d" % server.port, "--rate=1000", "--warmup=0",
                             "--duration=0.2", "--hgrm=" + path, *PATIENT)
        equal((code, err), (0, b""), "exit code, stderr")
        for part in ("open loop, 1000 requests/s", "200 sent, 200 echoed, 0 lost", "p99 ",
                     "lateness", "\nvalid\n"):
            check_in(part, out.decode())
        check("p99.9" not in out.decode(), "200 values do not have a p99.9")
        with open(path) as file:
            check_in("Total count    =          200", file.read())
        check_in("No such file", refusal(":1", "--hgrm=/nonexistent/x"))  # before it measures


@case("a server's name is looked up")
def _():
    name = socket.gethostname()
    try:
        address = socket.getaddrinfo(name, None, socket.AF_INET)[0][4][0]
    except socket.gaierror:
        skip("this machine's own name has no IPv4 address")
    with Server("--print=none", host=address) as server:
        code, out, err = run(AGAINST, "%s:%d" % (name, server.port), "--requests=10", "--warmup=0")
        equal(code, 0, "exit code: %s" % err)
        check_in("%s:%d" % (name, server.port), out.decode())


@case("command lines that are wrong")
def _():
    for options, text in (([], "HOST:PORT"), (["8888", "8889"], "HOST:PORT"),
                          ([":0"], "1 to 65535"), ([":x"], "port"),
                          ([":1", "--rate=0"], "--rate"), ([":1", "--size=15"], "16"),
                          ([":1", "--size=1048577"], "1048576"),
                          ([":1", "--udp", "--size=65508"], "65507"), ([":1", "--poisson"], "--rate"),
                          ([":1", "--rate=5", "--depth=2"], "closed"),
                          ([":1", "--late=1"], "--rate"), ([":1", "--late-percent=5"], "--rate"),
                          ([":1", "--churn", "--udp"], "--churn"),
                          ([":1", "--tcp", "--udp"], "one of the two")):
        check_in(text, refusal(*options, code=2))
    check_in("cannot find the address of 'example.invalid'", refusal("example.invalid:1"))
    check_in("processor 1023", refusal(":1", "--cpu=1023"))
    check_in("cannot have a loop on nosuch", refusal(":1", "--backend=nosuch"))
    code, out, _ = run(AGAINST, "--help")
    equal(code, 0, "exit code of --help")
    check_in("WHICH LOOP", out.decode())


main()
