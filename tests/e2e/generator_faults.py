# SPDX-License-Identifier: MIT
"""The load generator against servers that lose, alter, vanish or were never there."""
import resource
import signal
import socket

from against import AGAINST, PATIENT, Faulty, check_in, datagrams, measure, refusal
from harness import case, check, equal, main, wait_until
from process import Process, run
from server import Server
from sockets import need_descriptors

# ---- echoes that are none ------------------------------------------------------------------------


@case("a single wrong byte in a stream is found, and its place reported")
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


@case("a closed loop whose only request has no echo while it measures: no rate is to blame")
def _():
    with Faulty(answer=lambda data, number: data if number == 1 else b"") as server:
        result, err = measure(server.port, "--warmup=0.1", "--duration=0.1", "--drain=0.1", code=1)
        equal(result["sent"], 0, "sent")
        check_in("no echo came in that time, so no request was sent: measure longer, or does the server", err)
        check("rate" not in err, err)


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


@case("a server that closes in the middle: its address, and the number of echoes")
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


def opening(port):
    """Does a connection to it wait for its SYN to be answered?"""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return any(row[2].endswith(":%04X" % port) and row[3] == "02" for row in rows[1:])


@case("with --churn: a connection that took long to open, and ended at once")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address):  # there is room for only one
            process = Process([AGAINST, ":%d" % address[1], "--churn"])
            wait_until(lambda: opening(address[1]), "a SYN that is dropped")
            process.signal(signal.SIGSTOP)
            listener.accept()[0].close()
            with listener.accept()[0] as connection:
                connection.shutdown(socket.SHUT_WR)
                process.signal(signal.SIGCONT)
                equal(process.wait(), 1, "exit code")
        check_in("closed a connection (end of file)", process.stderr.bytes().decode())


@case("an idle connection that the server closes is noticed")
def _():
    with Server("--print=none", "--idle-timeout=1") as server:
        check_in("an idle connection", refusal(":%d" % server.port, "--idle=5", "--duration=20"))


@case("no server listens: reported over TCP and UDP")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]  # bound, not listening: no other process gets it
        check_in("no server listens at 127.0.0.1:%d (TCP)" % port, refusal(":%d" % port))
        check_in("no server listens", refusal(":%d" % port, "--connections=500"))
        check_in("no server listens", refusal(":%d" % port, "--churn"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    check_in("no server listens at 127.0.0.1:%d (UDP)" % port, refusal(":%d" % port, "--udp"))


@case("a server that is stopped: a load that is far too high ends with a report")
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
        wait_until(lambda: server.sleeps() > 50, "requests")
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


main()
