# SPDX-License-Identifier: MIT
"""What many clients do to a server under the model that is tested, and what must come out of it."""
import hashlib
import json
import random
import socket
import sys
import threading

from harness import DEADLINE, Failure, check, equal, wait_until
from server import Server
from sockets import receive, unread, writable

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
