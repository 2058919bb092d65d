# SPDX-License-Identifier: MIT
"""The behaviour of the servers under every I/O model. Usage: servers.py BACKEND

These are the tests that the naive SIGIO server fails (one accept and one recv per signal, in the
handler): pending signals coalesce, so of 100 clients at once it served 27 to 79, and a silent client
froze it. Here no message may be missing under any model.
"""
import json
import os
import random
import resource
import socket
import struct
import threading

from harness import CLIENT, DEADLINE, Deadline, case, check, equal, main, wait_until
from process import Process
from servers_loads import (BACKEND, BULK, BUSY, CLIENTS, CONNECTIONS, bulk, bursts, crowd, datagrams,
                           send_until_stuck, server)
from sockets import fill, need_descriptors, readable, receive, receive_all, writable
import servers_ends  # noqa: F401  has more cases
import servers_udp  # noqa: F401


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
