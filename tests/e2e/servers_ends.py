# SPDX-License-Identifier: MIT
"""Signals that end the server, and readers that stall, under every I/O model: a part of servers.py."""
import os
import signal

from borrowed import limit_accepted
from harness import case, check, equal, wait_until
from process import Output
from servers_loads import BACKEND, send_until_stuck, server
from sockets import limit_buffers, receive_all


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
    target.freeze()  # a slow machine must not take the second one much later than the first
    target.signal(signal.SIGINT)  # another one: two of a kind may become one
    target.signal(signal.SIGTERM)
    target.thaw()
    equal(target.wait(), 0, "exit code")
    equal(target.summary()["bytes"], 5, "bytes in the summary")
    equal(receive_all(sock), b"", "an end in order")


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
