# SPDX-License-Identifier: MIT
"""--reply=sockperf under each I/O model: with sockperf itself if it is installed, and with messages
that it would not send. Usage: sockperf.py BACKEND
"""
import re
import socket
import struct
import sys

from harness import SERVER, case, check, equal, main, need_program
from process import run
from server import Server
from sockets import receive, receive_all

BACKEND = sys.argv[1]
CLIENT, PONG, WARM_UP = 1, 2, 4
ASKS = CLIENT | PONG
HEADER = struct.Struct("!QHI")
LONGEST = (1 << 20) - 1
BAD_LENGTHS = (0, HEADER.size - 1, LONGEST + 1, 1 << 31, (1 << 32) - 1)

VARIANTS = {"": [], "two workers": ["--workers=2"]}
if BACKEND != "blocking":
    VARIANTS["threads"] = ["--handler=thread"]


def server(*options, **more):
    return Server("--backend=" + BACKEND, "--reply=sockperf", *options, **more)


def message(number, flags=ASKS, size=64, length=None):
    """One message of sockperf's client. A length other than its size is a lie."""
    body = bytes((number * 31 + i) & 0xff for i in range(size - HEADER.size))
    return HEADER.pack(number, flags, size if length is None else length) + body


def answer(number, size=64):
    return message(number, PONG, size)


def each_variant(name):
    """A case for each way to serve connections."""
    def add(function):
        for variant, options in VARIANTS.items():
            case(name + (", " + variant if variant else ""))(lambda o=options: function(o))
        return function
    return add


# ---- sockperf itself -----------------------------------------------------------------------


def ping_pong(target, *options):
    """Run it for a second: all that it sent was answered, once each and in order. It may go without
    having read the last answer, and its connection then ends by a reset, which is no fault."""
    need_program("sockperf")
    code, out, err = run("sockperf", "ping-pong", "-i", "127.0.0.1", "-p", str(target.port), "-t", "1",
                         *options)
    text = (out + err).decode("utf-8", "replace")
    equal(code, 0, "exit code of sockperf: " + text[-600:])
    sent, received = re.search(r"Total Run\].*SentMessages=(\d+); ReceivedMessages=(\d+)", text).groups()
    check(int(sent) - int(received) <= 1, "sent %s, received %s" % (sent, received))
    check(int(received) > 10, "received %s" % received)
    equal(re.search(r"# dropped messages = (\d+); # duplicated messages = (\d+); "
                    r"# out-of-order messages = (\d+)", text).groups(), ("0", "0", "0"),
          "dropped, duplicated and out-of-order messages")
    check("percentile 50.000" in text, "no percentiles in %r" % text[-600:])


@case("sockperf measures it over TCP")
def _():
    with server("--print=none") as target:
        ping_pong(target, "--tcp", "-m", "64")


@case("sockperf measures it over UDP, and checks every byte")
def _():
    with server("--print=none") as target:
        ping_pong(target, "-m", "1000", "--data-integrity")


@case("sockperf checks messages over TCP that are longer than a read")
def _():
    with server("--print=none") as target:
        ping_pong(target, "--tcp", "-m", "300000", "--data-integrity")


# ---- how messages are cut --------------------------------------------------------------------


@each_variant("messages sent at once, a byte at a time and cut at every byte are answered")
def _(options):
    with server(*options) as target, target.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"".join(message(i, size=14 + i) for i in range(100)))
        expected = b"".join(answer(i, size=14 + i) for i in range(100))
        equal(receive(sock, len(expected)), expected, "answers to messages sent at once")
        for byte in message(7):
            sock.sendall(bytes([byte]))
        equal(receive(sock, 64), answer(7), "answer to single bytes")
        two = message(8) + message(9)
        for cut in range(1, len(two)):
            sock.sendall(two[:cut])
            whole = receive(sock, cut // 64 * 64)  # it has read the first part
            sock.sendall(two[cut:])
            equal(whole + receive(sock, 128 - len(whole)), answer(8) + answer(9), "cut at %d" % cut)


@case("the longest message is answered")
def _():
    with server("--print=none") as target, target.connect() as sock:
        sock.sendall(message(1, size=LONGEST))
        check(receive(sock, LONGEST) == answer(1, size=LONGEST), "another answer")


@each_variant("each connection is in a message of its own")
def _(options):
    with server(*options) as target:
        socks = [target.connect() for _ in range(20)]
        for index, sock in enumerate(socks):
            sock.sendall(message(index)[:index])
        for index, sock in enumerate(socks):
            sock.sendall(message(index)[index:])
        for index, sock in enumerate(socks):
            equal(receive(sock, 64), answer(index), "answer")
            sock.close()


# ---- what is not answered --------------------------------------------------------------------

UNASKED = (ASKS | WARM_UP, CLIENT, PONG, 0, CLIENT | WARM_UP)


@each_variant("warm-up and what asks for no answer gets none, over TCP")
def _(options):
    with server(*options) as target, target.connect() as sock:
        sock.sendall(b"".join(message(i, flags) for i, flags in enumerate(UNASKED)) + message(99))
        sock.shutdown(socket.SHUT_WR)
        equal(receive_all(sock), answer(99), "answers")
        equal(target.stop()["failed"], 0, "failed connections")


@case("warm-up, messages that want no reply and other datagrams get none, over UDP")
def _():
    with server() as target, target.datagram_socket() as sock:
        for flags in UNASKED:
            sock.send(message(1, flags))
        for length in BAD_LENGTHS + (63, 65):
            sock.send(message(2, length=length))
        sock.send(b"")
        sock.send(b"garbage")
        sock.send(message(3, size=14))
        equal(sock.recv(1000), answer(3, size=14), "the first answer")
        summary = target.stop()
        equal((summary["udp"], summary["echoed"]), (15, 14), "datagrams, and bytes sent back")


# ---- what is no message ----------------------------------------------------------------------


def closed(sock):
    """The data received before the connection was closed or reset."""
    try:
        return receive_all(sock)
    except ConnectionResetError:
        return None


@each_variant("a connection that breaks the framing is closed and has failed, others go on")
def _(options):
    with server("--print=none", *options) as target, target.connect() as bystander:
        hostile = [message(1, length=length) for length in BAD_LENGTHS]
        hostile += [message(1, 0, length=0), b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100000]
        for data in hostile:
            with target.connect() as sock:
                sock.sendall(data)
                check(closed(sock) in (b"", None), "an answer to %r" % data[:20])
        bystander.sendall(message(5))
        equal(receive(bystander, 64), answer(5), "answer to a bystander")
        bystander.close()
        equal(target.stop()["failed"], len(hostile), "failed connections")


@each_variant("messages before one that breaks the framing are answered")
def _(options):
    with server("--print=none", *options) as target:
        for data in (message(9, length=0), b"\xff" * 30):
            with target.connect() as sock:
                sock.sendall(message(1) + message(2, 0) + message(3, size=1000) + data)
                equal(receive_all(sock), answer(1) + answer(3, size=1000), "the answers, before its end")
        equal(target.stop()["failed"], 2, "failed connections")


@each_variant("messages that are announced and do not come are no memory")
def _(options):
    with server("--print=none", *options) as target:
        socks = [target.connect() for _ in range(200)]
        for sock in socks:
            sock.sendall(message(1, length=LONGEST))
        for sock in socks:
            equal(receive(sock, 64), message(1, PONG, length=LONGEST), "the part that came")
        target.check_memory()
        for sock in socks:
            sock.close()


# ---- the rest is as ever ---------------------------------------------------------------------


@each_variant("what is printed is what came, not the answer")
def _(options):
    with server("--print=hex", *options) as target, target.connect() as sock:
        sock.sendall(message(1, size=20))
        receive(sock, 20)
        target.stdout.wait(lambda data: re.search(message(1, size=20).hex().encode(),
                                                  bytes(data).replace(b" ", b"").lower()),
                           "the record")


@case("--no-echo and --reply=sockperf contradict each other: exit 2")
def _():
    code, out, err = run(SERVER, "--no-echo", "--reply=sockperf", "--backend=" + BACKEND)
    equal((code, out, err.count(b"\n")), (2, b"", 1), "exit code, stdout and lines of stderr")
    check(b"--no-echo" in err and b"--reply=sockperf" in err, "it says %r" % err)


main()
