# SPDX-License-Identifier: MIT
"""The behaviour of the servers under every I/O model. Usage: servers.py BACKEND

These are the tests that the naive SIGIO server fails (one accept and one recv per signal, in the
handler): pending signals coalesce, so of 100 clients at once it served 27 to 79, and a silent client
froze it. Here no message may be missing under any model.
"""
import hashlib
import json
import os
import random
import resource
import signal
import socket
import struct
import sys
import threading
import time

from borrowed import limit_accepted
from harness import CLIENT, DEADLINE, Deadline, Failure, case, check, equal, main, skip, wait_until
from process import Output, Process, namespaces, run
from server import Server
from sockets import (fill, limit_buffers, need_descriptors, need_ipv6, readable, receive, receive_all,
                     unread, writable)

BACKEND = sys.argv[1]
BUSY = BACKEND == "nonblocking"  # takes a core, by design
CLIENTS = 100
DATAGRAMS = 1000
CONNECTIONS = 2000
BULK = 10 * 1000 * 1000


def server(*options, **more):
    return Server("--backend=" + BACKEND, *options, **more)


def json_message(text):
    return json.dumps({"send_user": "tester", "send_time": "2024-01-01 12:00:00",
                       "send_msg": text}).encode()


def burst(target, tag, stopped):
    """100 clients at once; each sends one JSON message and closes at once. With `stopped` the server is
    stopped during that, so that all of it has happened when it continues: 100 connections, 100 messages
    and 100 ends of input, behind a single pending signal."""
    if stopped:
        target.freeze()
    socks = [target.connect() for _ in range(CLIENTS)]
    for index, sock in enumerate(socks):
        sock.sendall(json_message("%s %d" % (tag, index)))
        sock.close()
    if stopped:
        target.thaw()


def bursts(target, rounds=5):
    """Five bursts, one after the other: exactly 100 lines each, no message missing or twice."""
    for turn in range(rounds):
        burst(target, "round %d" % turn, stopped=turn % 2 == 1)
        lines = target.stdout.wait_lines(CLIENTS * (turn + 1), "messages")
        texts = sorted(json.loads(line)["send_msg"] for line in lines[CLIENTS * turn:])
        equal(texts, sorted("round %d %d" % (turn, i) for i in range(CLIENTS)), "messages")
    summary = target.stop()
    equal(len(target.stdout.lines()), CLIENTS * rounds, "lines at the end")
    return summary


def datagrams(target, count=DATAGRAMS, overflow=False):
    """A burst of datagrams: those not printed are those the kernel counted as dropped. With `overflow`
    the server is stopped until enough have arrived that the kernel drops some."""
    sock = target.datagram_socket()
    if overflow:
        target.freeze()
    for index in range(count):
        sock.send(b"datagram %d" % index)
    while overflow and target.kernel_drops() < 100:
        check(count < 200000, "the kernel keeps %d datagrams and drops none" % count)
        for index in range(count, count + 1000):
            sock.send(b"datagram %d" % index)
        count += 1000
    if overflow:
        target.thaw()
    try:
        wait_until(lambda: target.stdout.bytes().count(b"\n") + target.kernel_drops() == count,
                   "lines + kernel drops == %d" % count)
    except Failure as error:
        raise Failure("%s: %d lines, %d dropped by the kernel"
                      % (error, len(target.stdout.lines()), target.kernel_drops())) from None
    dropped = target.kernel_drops()
    summary = target.stop()
    lines = target.stdout.lines()
    equal(len(lines) + dropped, count, "lines + kernel drops")
    equal(summary["kernel_drops"], dropped, "kernel drops in the summary")
    indices = [int(line.split()[1]) for line in lines]
    check(indices == sorted(set(indices)), "datagrams were printed twice or out of order")
    return summary


def bulk(target, size=BULK):
    """Random bytes there and back in pieces of random sizes; the digest of the echo."""
    chance = random.Random(size)
    data = chance.getrandbits(8 * size).to_bytes(size, "little")
    with target.connect() as sock:
        trouble = []

        def send():
            position = 0
            try:
                while position < size:
                    step = chance.choice((1, 100, 1460, 5000, 70000, 300000))
                    sock.sendall(data[position:position + step])
                    position += step
                sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                trouble.append(error)

        sender = threading.Thread(target=send)
        sender.start()
        sizes, digest, total = random.Random(1), hashlib.sha256(), 0
        while True:
            chunk = sock.recv(sizes.choice((1, 17, 4096, 65536, 200000)))
            if not chunk:
                break
            digest.update(chunk)
            total += len(chunk)
        sender.join()
        equal(trouble, [], "errors of the sender")
    equal(total, size, "bytes that came back")
    equal(digest.hexdigest(), hashlib.sha256(data).hexdigest(), "SHA-256 of what came back")


def crowd(target, count=CONNECTIONS):
    """`count` connections, open at the same time, every one echoed."""
    socks = [target.connect() for _ in range(count)]
    for turn in range(2):
        for index, sock in enumerate(socks):
            sock.sendall(b"turn %d of %d\n" % (turn, index))
        for index, sock in enumerate(socks):
            expected = b"turn %d of %d\n" % (turn, index)
            equal(receive(sock, len(expected)), expected, "echo")
    lines = target.stdout.wait_lines(2 * count, "records")
    equal(sorted(lines), sorted(b"turn %d of %d" % (t, i) for t in (0, 1) for i in range(count)),
          "records")
    for sock in socks:
        sock.close()


def send_until_stuck(sock, block, limit=200e6):
    """Send `block` again and again until the peer leaves it unread for a second; how much. Packets that found
    no room are sent again after a second and more: that alone is not stuck."""
    sent = 0
    sock.setblocking(False)
    while sent < limit:
        if writable(sock, 1.0):
            sent += sock.send(block[sent % len(block):][:65536])
        elif unread(sock):
            break
    sock.settimeout(DEADLINE)
    check(sent < limit, "%d bytes went in although nothing comes out" % sent)
    return sent


@case("69 100 clients at once, each one message and close: 100 lines, five times")
def _():
    with server() as target:
        summary = bursts(target)
        equal(summary["records"], 5 * CLIENTS, "records in the summary")


@case("69 100 real clients at once that do not wait: 100 lines")
def _():
    with server() as target:
        clients = [Process([CLIENT, "--no-wait", "--port=%d" % target.port, "--host=127.0.0.1",
                            "message %d" % i]) for i in range(CLIENTS)]
        for client in clients:
            equal(client.wait(), 0, "exit code of a client")
        lines = target.stdout.wait_lines(CLIENTS)
        equal(sorted(json.loads(line)["send_msg"] for line in lines),
              sorted("message %d" % i for i in range(CLIENTS)), "messages")
        target.stop()
        equal(len(target.stdout.lines()), CLIENTS, "lines at the end")


@case("the real client, concurrent: 1,000 messages over 50 connections come back")
def _():
    with server() as target:
        client = Process([CLIENT, "--tcp", "--port=%d" % target.port, "--host=127.0.0.1",
                          "--count=1000", "--concurrency=50", "hello"])
        equal(client.wait(), 0, "exit code of the client")
        equal(len(client.stdout.lines()), 1000, "echoes printed")
        equal(len(target.stdout.wait_lines(1000)), 1000, "records")


@case("1,000 datagrams in a burst: lines + kernel drops == 1,000")
def _():
    with server() as target:
        datagrams(target)


@case("datagrams until the kernel drops some: lines + kernel drops == sent")
def _():
    with server() as target:
        summary = datagrams(target, overflow=True)
        check(summary["kernel_drops"] >= 100, "drops in the summary: %s" % summary)


@case("62 63 a datagram of 0 bytes and one of 65,507 bytes come back")
def _():
    with server("--udp", "--print=none") as target:
        sock = target.datagram_socket()
        for message in (b"", b"x" * 65507, b"last"):
            sock.send(message)
            equal(sock.recv(65536), message, "echo")


@case("the longest datagram that IPv6 carries, 65,527 bytes, comes back")
def _():
    need_ipv6()
    with server("--udp", "--print=none", host="::1") as target, target.datagram_socket() as sock:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        for size in (65508, 65527):
            message = random.randbytes(size)
            sock.send(message)
            equal(sock.recv(1 << 17), message, "echo of %d bytes" % size)


@case("in a network with several addresses of both families, link-local ones too, the same")
def _():
    namespaces("-n")
    addresses = ["10.1.0.1", "10.1.0.2", "fd00::1", "fd00::2", "fe80::77"]
    setup = ["ip link set lo up"] + ["ip addr add dev lo " + (host + "/64 nodad" if ":" in host else host)
                                     for host in addresses]
    wrapper = ["unshare", "-n", "sh", "-c", " && ".join(setup) + ' && exec "$@"', "sh"]
    with server("--udp", "--print=none", host="*", wrapper=wrapper) as target:
        for host in addresses:
            name = host + "%lo" if host.startswith("fe80") else host
            result = run(CLIENT, "--udp", "--host=" + name, "--port=%d" % target.port, "--raw", "--timeout=5",
                         "from where?", wrapper=["nsenter", "-t", str(target.popen.pid), "-n"])
            equal(result, (0, b"from where?\n", b""), "echo from " + host)


@case("on all addresses, an answer leaves from the address that the request was sent to")
def _():
    with server("--udp", "--print=none", host="*") as target:
        for host in ("127.0.0.1", "127.0.0.2", "127.1.2.3"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(DEADLINE)
                sock.connect((host, target.port))  # takes no other address's datagrams
                sock.send(b"from where?")
                equal(sock.recv(100), b"from where?", "echo from " + host)


@case("68 a silent client delays no other")
def _():
    with server() as target:
        silent = [target.connect() for _ in range(10)]
        silent[0].sendall(b"half a mess")
        equal(receive(silent[0], 11), b"half a mess", "echo to the one that stopped talking")
        for index in range(50):
            target.echo(b"served %d\n" % index)
        udp = target.datagram_socket()
        udp.send(b"datagram")
        equal(udp.recv(100), b"datagram", "echo of a datagram")
        for sock in silent:
            sock.close()


@case("70 10 MB through TCP, byte-exact, in pieces of random sizes")
def _():
    with server("--print=none") as target:
        bulk(target)
        equal(target.stop()["bytes"], BULK, "bytes in the summary")


@case("70 10 MB through TCP, printed as well: every byte is on stdout")
def _():
    with server("--no-echo") as target:
        chance = random.Random(7)
        text = bytes(chance.choice(b"abcdefghijklmnop") for _ in range(BULK // 100)) * 100
        with target.connect() as sock:
            sock.sendall(text)
        # Without newlines in the text, each one on stdout is the end of a record.
        target.stdout.wait(lambda data: len(data) - data.count(b"\n") >= BULK, "all letters")
        target.stop()
        check(target.stdout.bytes().replace(b"\n", b"") == text, "the text is not what was sent")


@case("2,000 connections open at the same time, every one echoed")
def _():
    need_descriptors(CONNECTIONS + 200)
    with server() as target:
        crowd(target)


@case("61 1,000 connections in a burst: all served")
def _():
    need_descriptors(1200)
    with server() as target:
        target.freeze()
        socks = [socket.socket() for _ in range(1000)]
        for sock in socks:
            sock.setblocking(False)
            sock.connect_ex((target.host, target.port))
        target.thaw()
        for index, sock in enumerate(socks):
            sock.settimeout(DEADLINE)
            check(writable(sock, DEADLINE), "connection %d was not made" % index)
            target.echo(b"hello %d\n" % index, sock)
        for sock in socks:
            sock.close()


@case("64 a flood of datagrams does not starve TCP")
def _():
    with server("--print=none", "--stats=1") as target:
        enough = threading.Event()

        def flood():
            sock = target.datagram_socket()
            while not enough.is_set():
                try:
                    sock.send(b"x" * 100)
                except OSError:
                    pass  # the error of an earlier one; the flood goes on

        floods = [threading.Thread(target=flood) for _ in range(2)]
        for thread in floods:
            thread.start()
        try:
            with target.connect() as sock:
                for index in range(100):
                    target.echo(b"through the flood %d\n" % index, sock)
            lines = len(target.statistics())
            target.stderr.wait(lambda data: data.count(b"\nstats") > lines + 1, "a timer's turn")
        finally:
            enough.set()
            for thread in floods:
                thread.join()


@case("65 echoes to peers that are gone: no spin, no end")
def _():
    with server("--print=none") as target:
        for _ in range(200):
            sock = target.datagram_socket()
            sock.send(b"gone before the answer")
            sock.close()
        target.echo(b"served")
        before = target.cpu_seconds()
        idle = target.connect()
        check(not readable(idle, 1.0), "an answer to nothing")
        spent = target.cpu_seconds() - before
        check(spent < 0.3 or BUSY, "it burnt %.2f s of CPU in a second" % spent)
        idle.close()


@case("71 1,000 connections that are reset at once do no harm")
def _():
    with server() as target:
        for _ in range(1000):
            sock = target.connect()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.send(b"x" * 1000)
            sock.close()
        target.echo(b"still here\n")
    with server("--print=none") as target:
        held = len(os.listdir("/proc/%d/fd" % target.pid))
        # In the middle of a write: the echo has nowhere to go, and input is left unread.
        deaf = [target.connect() for _ in range(8)]
        for sock in deaf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.setblocking(False)
        fill(deaf, lambda sock: sock.send(b"x" * 65536), 0.5)
        for sock in deaf:
            sock.close()
        target.echo(b"still here\n")
        wait_until(lambda: len(os.listdir("/proc/%d/fd" % target.pid)) <= held, "the connections to end")


@case("TCP and UDP at the same time, 50 clients each")
def _():
    with server("--print=none") as target:
        socks = [target.connect() for _ in range(50)]
        socks += [target.datagram_socket() for _ in range(50)]
        for turn in range(20):
            for index, sock in enumerate(socks):
                sock.send(b"turn %02d of %03d" % (turn, index))
            for index, sock in enumerate(socks):
                equal(receive(sock, 14), b"turn %02d of %03d" % (turn, index), "echo")
        for sock in socks:
            sock.close()


@case("half-close: data sent before it is echoed after it")
def _():
    with server() as target:
        with target.connect() as sock:
            sock.sendall(b"all of it" * 1000)
            sock.shutdown(socket.SHUT_WR)
            equal(receive_all(sock), b"all of it" * 1000, "echo")


@case("66 67 a reader that does not read its echo is not read from, and loses nothing")
def _():
    with server("--print=none") as target:
        with target.connect() as sock:
            # The server stops reading at its watermark; then our side fills up as well.
            block = bytes(range(256)) * 256
            sent = send_until_stuck(sock, block)
            target.echo(b"others are served meanwhile")
            target.check_memory()
            sock.shutdown(socket.SHUT_WR)
            back = receive_all(sock)
            equal(len(back), sent, "bytes that came back")
            check(back == (block * (sent // 65536 + 1))[:sent], "the bytes that came back differ")


@case("SIGTERM: what had arrived is printed and echoed, then exit 0")
def _():
    with server() as target:
        kept = target.connect()
        target.echo(b"before\n", kept)
        target.freeze()
        kept.sendall(b"kept\n")
        queued = [target.connect() for _ in range(20)]  # they wait in the backlog
        for index, sock in enumerate(queued):
            sock.sendall(b"queued %d\n" % index)
        udp = target.datagram_socket()
        for index in range(20):
            udp.send(b"datagram %d" % index)
        target.signal(signal.SIGTERM)
        target.thaw()
        equal(target.wait(), 0, "exit code")
        expected = [b"before", b"kept"] + [b"queued %d" % i for i in range(20)]
        expected += [b"datagram %d" % i for i in range(20)]
        equal(sorted(target.stdout.lines()), sorted(expected), "records")
        equal(receive_all(kept), b"kept\n", "echo on the open connection")
        for index, sock in enumerate(queued):
            equal(receive_all(sock), b"queued %d\n" % index, "echo on a queued connection")
        equal(target.summary()["records"], len(expected), "records in the summary")


@case("timeout(1) sends SIGTERM twice at once: that is one request, and the end is in order")
def _():
    target = server("--print=none")
    sock = target.connect()
    target.echo(b"hello", sock)
    target.signal(signal.SIGINT)  # another one: two of a kind may become one
    target.signal(signal.SIGTERM)
    equal(target.wait(), 0, "exit code")
    equal(target.summary()["bytes"], 5, "bytes in the summary")
    equal(receive_all(sock), b"", "an end in order")


def forge(source_port, port, data):
    """A datagram from 127.0.0.1, of a port that is not ours."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        skip("this user may not make raw sockets")
    with raw:
        head = struct.pack("!4H", source_port, port, 8 + len(data), 0)
        raw.sendto(head + data, ("127.0.0.1", 0))


@case("replies that cannot be sent, or would go to itself, are reply_drops and not echoed")
def _():
    with server("--udp", "--print=none") as target:
        forge(0, target.port, b"no port to reply to")
        forge(target.port, target.port, b"from itself")
        with target.datagram_socket() as sock:
            sock.send(b"hello")
            equal(sock.recv(100), b"hello", "echo")
        summary = target.stop()
        equal([summary[k] for k in ("records", "echoed", "reply_drops")], [3, 5, 2],
              "records, bytes echoed, replies dropped")


@case("connections that are cut off 3 seconds after SIGTERM are counted as failed")
def _():
    target = server("--tcp", "--print=none")
    if BACKEND == "blocking":
        limit_accepted(target.pid)
    with target.connect() as stuck, target.connect() as idle:
        target.echo(b"hello", idle)
        limit_buffers(stuck)
        send_until_stuck(stuck, b"x" * 65536)
        target.signal(signal.SIGTERM)
        equal(target.wait(), 0, "exit code")
    summary = target.summary()
    equal([summary[k] for k in ("accepted", "failed", "connections")], [2, 1, 0],
          "accepted, failed, open")


@case("SIGHUP, when the terminal is closed, ends it in order")
def _():
    with server("--print=none") as target:
        target.echo(b"hello")
        target.stop(signal.SIGHUP)


@case("SIGUSR2, and SIGUSR1 without --trace, do nothing")
def _():
    with server("--print=none") as target:
        target.signal(signal.SIGUSR1)
        target.signal(signal.SIGUSR2)
        target.echo(b"hello")


@case("a reader of stdout that stalls: backpressure, and nothing is lost")
def _():
    stall()


@case("the same with --handler=thread")
def _():
    stall("--handler=thread")


def stall(*options):
    reader, writer = os.pipe()
    target = server("--no-echo", "--heartbeat=1", *options, stdout=writer)
    os.close(writer)
    with target.connect() as sock:
        text = b"".join(b"%09d," % i for i in range(100000))
        sent = send_until_stuck(sock, text)
        target.check_memory()
        # The loop turns all the while: its periodic callback still runs.
        beats = target.stderr.bytes().count(b"Waiting...")
        target.stderr.wait(lambda data: data.count(b"Waiting...") > beats + 1, "two heartbeats")
        # The output is read again, and everything that was sent comes out, in order.
        output = Output(reader)
        output.wait(lambda data: len(data) - data.count(b"\n") >= sent, "%d characters" % sent)
        check(output.bytes().replace(b"\n", b"") == (text * (sent // len(text) + 1))[:sent],
              "what came out is not what went in")
    target.stop()


@case("a reader of stdout that stalls: lost datagrams are counted")
def _():
    reader, writer = os.pipe()
    with server("--no-echo", "--udp", stdout=writer) as target:
        os.close(writer)
        sock, count = target.datagram_socket(), 0
        while target.kernel_drops() < 100:
            check(count < 200000, "%d datagrams are kept somewhere" % count)
            for index in range(count, count + 1000):
                sock.send(b"datagram %d" % index)
            count += 1000
        output = Output(reader)
        wait_until(lambda: output.bytes().count(b"\n") + target.kernel_drops() == count,
                   "lines + kernel drops == %d" % count)
        dropped = target.kernel_drops()
        equal(target.stop()["kernel_drops"], dropped, "kernel drops in the summary")


@case("--handler=thread: a thread each connection, 100 messages and 10 MB")
def _():
    with server("--handler=thread") as target:
        silent = target.connect()
        bursts(target, 2)
        silent.close()
    with server("--handler=thread", "--print=none") as target:
        bulk(target)


@case("--idle-timeout, however short, ends a connection that is silent")
def _():
    with server("--idle-timeout=0.0000001", "--tcp") as target:
        with target.connect() as sock:
            equal(receive_all(sock), b"", "the end")
        equal(target.stop()["failed"], 0, "failed connections")


if BACKEND == "epoll":  # whatever the model: the rest of them would take as long
    @case("--handler=thread: what threads and the loop count at the same time adds up")
    def _():
        with server("--handler=thread", "--print=none", "--no-echo") as target:
            over, block, sent = Deadline(5), b"x" * 262144, []

            def push(sock):
                while not over.over():
                    sock.sendall(block)
                    sent.append(len(block))
                sock.close()

            threads = [threading.Thread(target=push, args=[target.connect()]) for _ in range(3)]
            for thread in threads:
                thread.start()
            sock = target.datagram_socket()
            while not over.over():
                sock.send(b"ten bytes.")
            for thread in threads:
                thread.join()
            summary = target.stop()
            equal(summary["bytes"], sum(sent) + 10 * summary["udp"], "bytes of both")


@case("60 too few descriptors: the server goes on, does not spin, and recovers")
def _():
    with server("--tcp", limits={resource.RLIMIT_NOFILE: 40}) as target:
        socks = [target.connect() for _ in range(80)]  # the backlog takes those beyond
        target.stderr.wait_match(rb"(?i)too many open files|EMFILE|descriptor", "the trouble line")
        before = target.cpu_seconds()
        check(not readable(socks[-1], 1.0), "the last one was answered without a message")
        spent = target.cpu_seconds() - before
        check(spent < 0.3 or BUSY, "it burnt %.2f s of CPU in a second" % spent)
        target.echo(b"a connection it has\n", socks[0])
        for sock in socks[:60]:
            sock.close()
        for sock in socks[60:]:
            target.echo(b"now it is our turn\n", sock)
        for sock in socks[60:]:
            sock.close()


if BACKEND == "rtsig":
    # The kernel queues at most RLIMIT_SIGPENDING signals and drops the others: what a program
    # that trusts its queue loses forever.
    for limit in (0, 1, 8):
        limits = {resource.RLIMIT_SIGPENDING: limit}

        @case("--sigpending=%d: 100 clients five times, overflows are counted" % limit)
        def _(limits=limits):
            with server("--stats=1", limits=limits) as target:
                summary = bursts(target)
                check(summary["overflows"] > 0, "no overflow in the summary: %s" % summary)
                check(all("overflows" in line for line in target.statistics()), "--stats lines")

        @case("--sigpending=%d: 1,000 datagrams, overflows are counted" % limit)
        def _(limits=limits):
            with server("--stats=1", limits=limits) as target:
                target.stderr.wait_match(rb"(?m)^stats")
                summary = datagrams(target, overflow=True)
                check(summary["overflows"] > 0, "no overflow in the summary: %s" % summary)

        @case("--sigpending=%d: 10 MB byte-exact, 2,000 connections" % limit)
        def _(limits=limits):
            need_descriptors(CONNECTIONS + 200)
            with server("--print=none", limits=limits) as target:
                bulk(target)
            with server(limits=limits) as target:
                crowd(target)
                summary = target.stop()
                check(summary["overflows"] > 0, "no overflow in the summary: %s" % summary)

main()
