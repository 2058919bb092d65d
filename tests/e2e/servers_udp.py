# SPDX-License-Identifier: MIT
"""Datagrams, under every I/O model: a part of servers.py."""
import random
import socket
import struct
import threading

from harness import CLIENT, DEADLINE, case, check, equal, skip
from process import namespaces, run
from servers_loads import BUSY, datagrams, server
from sockets import need_ipv6, readable


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
