# SPDX-License-Identifier: MIT
"""The load generator against servers that misbehave in one known way each."""
import json
import os
import resource
import selectors
import signal
import socket
import tempfile
import threading
import time

from harness import (DEADLINE, Process, Server, case, check, equal, main, need_descriptors, run,
                     sanitized, skip, wait_until)

AGAINST = os.environ["IOLOOP_AGAINST"]
STALLING_SERVER = os.environ["IOLOOP_STALLING_SERVER"]

# For figures of counts, on a machine that may do anything meanwhile: nothing counts as late.
PATIENT = ["--late=3600", "--late-percent=100"]


def measure(port, *options, code=0, **more):
    """The JSON of a run to its end, and what it complained of."""
    exit_code, out, err = run(AGAINST, "127.0.0.1:%d" % port, "--json", *options, **more)
    equal((exit_code, err if code == 0 else b""), (code, b""), "exit code, and what it said")
    return json.loads(out), err.decode()


def refusal(*options, code=1, **more):
    """What it says, in one line, when it does not run."""
    exit_code, _, err = run(AGAINST, *options, **more)
    equal(exit_code, code, "exit code")
    equal(err.count(b"\n"), 1, "lines on stderr")
    return err.decode()


def check_in(part, text):
    check(part in text, "%r is not in %r" % (part, text))


def above(histogram, limit_ns):
    return sum(count for value, count in histogram["counts"] if value > limit_ns)


class Faulty:
    """A server in a thread: echoes TCP streams or datagrams, but for what `answer` makes of them.

    answer(data, number of the read) gives what is sent back, or None to close the connection.
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


@case("what is sent during the warm-up is not recorded")
def _():
    with Faulty() as server:
        result, _ = measure(server.port, "--rate=200", "--warmup=0.5", "--duration=0.25", *PATIENT)
        equal(result["sent"], 50, "recorded")
        equal(result["latency"]["count"], 50, "latencies")
        check(server.reads > 50, "there was no warm-up")


@case("depth: so many requests are under way on a connection")
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


@case("idle connections are open, all of them, while the others ask")
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


def pass_time(seconds):
    """For what must not have happened after that long, or must last so long."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "the time to pass")


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


# ---- stalls ------------------------------------------------------------------------------------


class Stalling(Process):
    def __init__(self, stall_ms, period_ms):
        super().__init__([STALLING_SERVER, 0, stall_ms, period_ms])
        self.port = int(self.stdout.wait_match(rb"listening (\d+)\n").group(1))

    def stop(self):
        self.signal(signal.SIGTERM)
        equal(self.wait(), 0, "exit code")
        return int(self.stdout.wait_match(rb"stalls (\d+)").group(1))


@case("a server that stalls: an open loop sees all who waited, a closed one a single request")
def _():
    # Requests that took longer than half a stall. The open loop plans 100 of them into that half;
    # the closed one has one under way, and asks nothing until it is back.
    stall_ms, rate = 200, 1000
    server = Stalling(stall_ms, 1000)
    options = ["--warmup=0.2", "--duration=2.5", "--drain=5"] + PATIENT
    opened, _ = measure(server.port, "--rate=%d" % rate, *options)
    closed, _ = measure(server.port, *options)
    stalls = server.stop()
    half_ns = stall_ms * 500000
    seen_open, seen_closed = (above(r["latency"], half_ns) for r in (opened, closed))
    print("# of %d stalls of %d ms: requests above %d ms: %d of %d (open loop), %d of %d (closed)"
          % (stalls, stall_ms, stall_ms / 2, seen_open, opened["sent"], seen_closed,
             closed["sent"]))
    check(stalls >= 4, "there were %d stalls" % stalls)
    check(seen_open >= 150, "the open loop saw %d requests wait, of about 200" % seen_open)
    check(1 <= seen_closed <= 12, "the closed loop saw %d, of about 3" % seen_closed)
    check(opened["percentiles"]["p90"] > 0, "no p90")
    check(opened["percentiles"]["p99"] > half_ns, "the open loop's p99 hides the stall")
    check(closed["percentiles"]["p99"] < half_ns, "the closed loop's p99 shows the stall")


@case("a stall of 1 ms each second, in both loops")
def _():
    # To be read; what is checked is what holds on a busy machine as well.
    server = Stalling(1, 1000)
    options = ["--warmup=0.2", "--duration=3", "--spin"] + PATIENT
    opened, _ = measure(server.port, "--rate=20000", *options)
    closed, _ = measure(server.port, *options)
    still = Stalling(0, 1000)
    reference, _ = measure(still.port, "--rate=20000", *options)
    check(server.stop() >= 6, "too few stalls")
    still.stop()
    for name, result in (("open loop", opened), ("closed loop", closed),
                         ("open loop, no stall", reference)):
        print("# %-20s p50 %.1f us, p99.9 %.1f us, p99.99 %.1f us, above 0.5 ms %d of %d" % (
            name, *(result["percentiles"][p] / 1e3 for p in ("p50", "p99.9", "p99.99")),
            above(result["latency"], 500000), result["latency"]["count"]))
    equal(opened["sent"], 60000, "sent by the open loop")
    check(above(opened["latency"], 500000) >= 20, "the open loop saw nothing of three stalls")


# ---- echoes that are none ------------------------------------------------------------------------


@case("a single wrong byte in a stream is found, and told where")
def _():
    position = [0]

    def answer(data, _):
        start = position[0]
        position[0] += len(data)
        wrong = 100 * 64 + 37 - start
        if 0 <= wrong < len(data):
            data = data[:wrong] + bytes([data[wrong] ^ 1]) + data[wrong + 1:]
        return data
    for depth in (1, 9):
        position[0] = 0
        with Faulty(answer=answer) as server:
            result, err = measure(server.port, "--depth=%d" % depth, "--duration=20",
                                  "--warmup=0", code=1)
            equal((result["wrong"], result["valid"]), (1, False), "wrong, valid")
            check_in("message 100, byte 37 of 64", err)


@case("a single wrong byte in a datagram, and a datagram that is too short")
def _():
    def corrupt(data, number):
        return [data[:-1] + bytes([data[-1] ^ 0x80]) if number == 50 else data]

    def cut(data, number):
        return [data[:-1] if number == 50 else data]
    for answer, text in ((corrupt, "message 49, byte 63 of 64"), (cut, "a datagram of 63 bytes")):
        with datagrams(answer) as server:
            result, err = measure(server.port, "--udp", "--duration=20", "--warmup=0", code=1)
            equal(result["wrong"], 1, "wrong")
            check_in(text, err)


@case("more bytes than were sent are no echo")
def _():
    with Faulty(answer=lambda data, number: data + b"!" * (number == 20)) as server:
        _, err = measure(server.port, "--duration=20", code=1)
        check("more came back than was sent" in err or "differs" in err, err)


@case("a server that does not echo is found out while connecting")
def _():
    need_descriptors(1000)
    with Faulty(answer=lambda data, number: b"220 ready\r\n") as server:
        check_in("does not echo", refusal(":%d" % server.port, "--connections=100"))


# ---- loss ----------------------------------------------------------------------------------------


def drop_every_tenth(data, number):
    return [] if number % 10 == 0 else [data]


@case("lost datagrams are counted exactly: open loop")
def _():
    with datagrams(drop_every_tenth) as server:
        result, _ = measure(server.port, "--udp", "--rate=1000", "--duration=1", "--warmup=0",
                            *PATIENT)
        equal([result[k] for k in ("sent", "echoed", "lost", "wrong")], [1000, 900, 100, 0],
              "sent, echoed, lost, wrong")
        equal(server.reads, 1000, "datagrams that the server got")


@case("lost datagrams are counted exactly: closed loop, which goes on without them")
def _():
    with datagrams(drop_every_tenth) as server:
        result, _ = measure(server.port, "--udp", "--requests=200", "--depth=10", "--warmup=0",
                            "--drain=1")
        equal([result[k] for k in ("sent", "echoed", "lost")], [200, 180, 20], "sent, echoed, lost")


@case("where every datagram is lost, a closed loop does not go on for ever")
def _():
    with datagrams(lambda data, number: []) as server:
        result, err = measure(server.port, "--udp", "--requests=100000", "--warmup=0",
                              "--drain=0.05", code=1)
        equal(result["echoed"], 0, "echoed")
        check(10 < result["sent"] < 500, "%d sent" % result["sent"])
        check_in("no echo came", err)


@case("datagrams may come in another order")
def _():
    held = []

    def reverse(data, _):
        held.append(data)
        if len(held) < 4:
            return []
        replies = held[::-1]
        held.clear()
        return replies
    with datagrams(reverse) as server:
        result, _ = measure(server.port, "--udp", "--requests=400", "--depth=4", "--warmup=0")
        equal([result[k] for k in ("echoed", "lost", "wrong")], [400, 0, 0], "echoed, lost, wrong")


@case("a datagram that comes twice counts once")
def _():
    with datagrams(lambda data, number: [data, data]) as server:
        result, _ = measure(server.port, "--udp", "--requests=300", "--warmup=0")
        equal([result[k] for k in ("sent", "echoed", "lost")], [300, 300, 0], "sent, echoed, lost")


# ---- servers that go away, and never were there -------------------------------------------------


@case("a server that closes in the middle: who, and after how much")
def _():
    with Faulty(answer=lambda data, number: data if number < 100 else None) as server:
        result, err = measure(server.port, "--duration=20", "--warmup=0", code=1)
        check_in("closed a connection (end of file) after 99 echoes", err)
        equal(result["valid"], False, "valid")


@case("a server that is killed in the middle")
def _():
    server = Server("--print=none")
    process = Process([AGAINST, ":%d" % server.port, "--duration=20", "--connections=10"])
    wait_until(lambda: server.cpu_seconds() > 0.1, "the server to be busy")
    server.kill()
    equal(process.wait(), 1, "exit code")
    check_in("closed", process.stderr.bytes().decode())


@case("an idle connection that the server closes is noticed")
def _():
    with Server("--print=none", "--idle-timeout=1") as server:
        check_in("an idle connection", refusal(":%d" % server.port, "--idle=5", "--duration=20"))


@case("nobody listens: TCP and UDP say so")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]  # bound, not listening: nobody else gets it
        check_in("nobody listens at 127.0.0.1:%d (TCP)" % port, refusal(":%d" % port))
        check_in("nobody listens", refusal(":%d" % port, "--connections=500"))
        check_in("nobody listens", refusal(":%d" % port, "--churn"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    check_in("nobody listens at 127.0.0.1:%d (UDP)" % port, refusal(":%d" % port, "--udp"))


@case("a server that is stopped: a load that is far too high ends, and says what came of it")
def _():
    with Server("--print=none") as server:
        server.freeze()
        for options in (["--rate=1000000"], ["--rate=100000000"], ["--rate=100000", "--udp"]):
            result, err = measure(server.port, "--duration=0.3", "--warmup=0", "--drain=0.2",
                                  "--connections=3", *options, code=1)
            equal((result["valid"], result["echoed"]), (False, 0), "valid, echoed")
            check("echo" in err or "late" in err, err)
        server.thaw()


@case("a server that hangs is given up after 5 s, whatever the duration")
def _():
    with Server("--print=none") as server:
        process = Process([AGAINST, ":%d" % server.port, "--duration=3600", "--rate=1000"])
        wait_until(lambda: server.cpu_seconds() > 0.05, "requests")
        server.freeze()
        equal(process.wait(), 1, "exit code")
        check_in("no echo came", process.stderr.bytes().decode())
        server.thaw()


@case("more connections than descriptors: how many there may be")
def _():
    with Server("--print=none") as server:
        limits = {resource.RLIMIT_NOFILE: 100}
        check_in("200 connections do not fit into 100 descriptors: 68 would",
                 refusal(":%d" % server.port, "--connections=200", limits=limits))
        equal(run(AGAINST, ":%d" % server.port, "--connections=68", "--requests=68", "--warmup=0",
                  limits=limits)[0], 0, "exit code with as many as it said")


# ---- lateness --------------------------------------------------------------------------------


@case("a limit that nobody can keep makes the run invalid, and says why")
def _():
    with Server("--print=none") as server:
        result, err = measure(server.port, "--rate=500", "--duration=0.3", "--warmup=0",
                              "--late=0.000000001", code=1)
        equal((result["valid"], result["sent"]), (False, 150), "valid, sent")
        check(result["late"] > 140, "late: %d" % result["late"])
        check_in("the generator was late", err)


@case("a generator that is kept from running knows that it was late; the server is not blamed")
def _():
    with Faulty() as server:
        process = Process([AGAINST, ":%d" % server.port, "--json", "--rate=500", "--warmup=0",
                           "--duration=2", "--late=0.1"])
        wait_until(lambda: server.reads > 100, "requests")
        process.freeze()
        pass_time(0.4)
        process.thaw()
        equal(process.wait(), 1, "exit code")
        result = json.loads(process.stdout.bytes())
        equal((result["valid"], result["sent"], result["lost"]), (False, 1000, 0),
              "valid, sent, lost")
        check(result["late_max_ns"] > 390000000, "at most %d ns late" % result["late_max_ns"])
        check(result["late"] >= 140, "%d late, of about 150" % result["late"])
        waited = above(result["latency"], 100000000)
        check(waited >= 140, "latency does not count from the plan: %d waited" % waited)


@case("a full socket is the server's delay: it is in the latency, and not in the lateness")
def _():
    with Server("--print=none") as server:
        process = Process([AGAINST, ":%d" % server.port, "--json", "--rate=400", "--warmup=0",
                           "--size=65507", "--duration=2", "--drain=20", "--late=0.3"])
        wait_until(lambda: server.cpu_seconds() > 0.01, "requests")
        server.freeze()  # 26 MB a second fill all buffers in a moment
        pass_time(0.8)
        server.thaw()
        equal(process.wait(), 0, "exit code")
        result = json.loads(process.stdout.bytes())
        equal((result["valid"], result["sent"], result["lost"]), (True, 800, 0),
              "valid, sent, lost")
        check(above(result["latency"], 400000000) > 100,
              "only %d requests waited" % above(result["latency"], 400000000))


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
            equal(process.wait(), -signo, "exit code")
            wait_until(lambda: not is_there(child), "the child to end")


@case("interrupted: what there is is printed, and the exit code says so")
def _():
    with Server("--print=none") as server:
        for signo in (signal.SIGINT, signal.SIGTERM):
            begun = server.cpu_seconds()
            process = Process([AGAINST, ":%d" % server.port, "--duration=60", "--warmup=0"])
            wait_until(lambda: server.cpu_seconds() > begun + 0.05, "requests")
            process.signal(signo)
            equal(process.wait(), 130, "exit code")
            check_in("p50", process.stdout.bytes().decode())
            check_in("interrupted (%s)" % signal.Signals(signo).name,
                     process.stderr.bytes().decode())


# ---- what it costs, and what it prints ---------------------------------------------------------


@case("one send and one recv a request at most")
def _():
    if sanitized():
        skip("a sanitizer does not work under strace")
    with tempfile.TemporaryDirectory() as folder, Server("--print=none") as server:
        log = os.path.join(folder, "calls")
        for options in ([], ["--udp"], ["--connections=50"], ["--depth=8"]):
            try:
                code, _, err = run("strace", "-f", "-o", log, "-e", "trace=sendto,recvfrom", AGAINST,
                                   ":%d" % server.port, "--requests=1000", "--warmup=0", *options)
            except FileNotFoundError:
                skip("no strace here")
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
        check_in("No such file", refusal(":%d" % server.port, "--requests=1",
                                         "--hgrm=/nonexistent/x"))


@case("command lines that are wrong")
def _():
    for options, text in (([], "HOST:PORT"), (["8888", "8889"], "HOST:PORT"),
                          ([":0"], "1 to 65535"), ([":x"], "port"),
                          ([":1", "--rate=0"], "--rate"), ([":1", "--size=15"], "16"),
                          ([":1", "--size=65508"], "65507"), ([":1", "--poisson"], "--rate"),
                          ([":1", "--rate=5", "--depth=2"], "closed"),
                          ([":1", "--churn", "--udp"], "--churn"),
                          ([":1", "--tcp", "--udp"], "one of the two")):
        check_in(text, refusal(*options, code=2))
    check_in("not a numeric address", refusal("example.invalid:1"))
    check_in("processor 1023", refusal(":1", "--cpu=1023"))
    check_in("cannot have a loop on nosuch", refusal(":1", "--backend=nosuch"))
    code, out, _ = run(AGAINST, "--help")
    equal(code, 0, "exit code of --help")
    check_in("WHICH LOOP", out.decode())


main()
