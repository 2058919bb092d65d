# SPDX-License-Identifier: MIT
"""What the server prints, and where: records, and a stdout that stalls, is shared, or is gone."""
import os
import pty
import re
import signal
import socket
import tty

from harness import DEADLINE, case, check, equal, main
from process import Output
from server import Server
from sockets import readable, receive_all, writable

IMAGE = b"\x1b]0;owned\x07\x1b[31mred\x9b5m \x00\x7f \xff\xfe ok \xc2\x9b \xe2\x82\xac\tend\n"


def records(server, *messages):
    """Send each message as a datagram; the output once all have come back."""
    sock = server.datagram_socket()
    for message in messages:
        sock.send(message)
        equal(sock.recv(65536), message, "echo")
    server.stop()
    return server.stdout.bytes()


@case("one record a read, on stdout, a newline added where it lacks one")
def _():
    with Server() as server:
        equal(records(server, b"with\n", b"without", b"two\nlines\n", b"x"),
              b"with\nwithout\ntwo\\nlines\nx\n", "stdout")


@case("control bytes and invalid UTF-8 are escaped, UTF-8 is not")
def _():
    with Server() as server:
        printed = records(server, IMAGE, "grüße – 你好 🙂".encode(), b"\xed\xa0\x80 \xc0\x80 \xf8")
        check_printable(printed)
        check("grüße – 你好 🙂\n".encode() in printed, "UTF-8 was changed: %r" % printed)
        check(b"ok " in printed and b"red" in printed, "text was lost: %r" % printed)


def check_printable(printed):
    """Nothing that a terminal obeys: no C0 but newline and tab, no DEL, no C1, no broken UTF-8."""
    text = printed.decode("utf-8")  # fails if it is invalid
    bad = re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", text.replace("\r\n", "\n"))
    equal(bad, [], "control characters on stdout")


@case("the same on a terminal: escape sequences from the network do not reach it")
def _():
    master, slave = pty.openpty()
    tty.setraw(slave)
    screen = Output(master)
    with Server(stdout=slave) as server:
        os.close(slave)
        sock = server.datagram_socket()
        for message in (IMAGE, b"\x1b[2J", b"done"):
            sock.send(message)
            equal(sock.recv(1000), message, "echo")
        screen.wait_match(rb"done")
        check(b"\x1b" not in screen.bytes() and b"\x07" not in screen.bytes(),
              "an escape reached the terminal: %r" % screen.bytes())
        check_printable(screen.bytes())


@case("--print=hex: the bytes; --print=none: nothing")
def _():
    with Server("--print=hex") as server:
        printed = records(server, b"\x00\x1bAz\xff")
        check(b"001b417aff" in re.sub(rb"[^0-9a-f]", b"", printed.lower()),
              "the bytes are not in %r" % printed)
    with Server("--print=none") as server:
        equal(records(server, b"one", b"two"), b"", "stdout")


@case("--prefix: time, protocol and peer before each record")
def _():
    with Server("--prefix") as server:
        sock = server.datagram_socket()
        tcp = server.connect()
        sock.send(b"datagram")
        equal(sock.recv(100), b"datagram", "echo")
        server.echo(b"stream\n", tcp)
        peers = [b"127.0.0.1:%d" % s.getsockname()[1] for s in (sock, tcp)]
        server.stop()
        lines = server.stdout.lines()
        equal(len(lines), 2, "records")
        for line, protocol, peer, text in zip(lines, (b"udp", b"tcp"), peers,
                                              (b"datagram", b"stream")):
            check(re.search(rb"\d\d:\d\d:\d\d.*%s.*%s.*%s$" % (protocol, re.escape(peer), text),
                            line), "no time, %s, %s in %r" % (protocol, peer, line))


@case("--no-echo: printed, and nothing comes back")
def _():
    with Server("--no-echo") as server:
        with server.connect() as sock:
            sock.sendall(b"no answer\n")
            sock.shutdown(socket.SHUT_WR)
            equal(receive_all(sock), b"", "what came back")
        udp = server.datagram_socket()
        udp.send(b"neither\n")
        equal(sorted(server.stdout.wait_lines(2)), [b"neither", b"no answer"], "records")
        check(not readable(udp, 0), "a datagram came back")


@case("records of one turn of the loop go to stdout in one write")
def _():
    # A packet socket as stdout keeps the writes apart.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Server("--no-echo", stdout=theirs.fileno()) as server:
        theirs.close()
        ours.settimeout(DEADLINE)
        socks = [server.connect() for _ in range(32)]
        for sock in socks:
            sock.sendall(b"first\n")
        writes = []
        while b"".join(writes).count(b"\n") < 32:  # all are accepted then
            writes.append(ours.recv(1 << 20))
        server.freeze()
        for index, sock in enumerate(socks):
            sock.sendall(b"record %02d\n" % index)
        server.thaw()
        text = ours.recv(1 << 20)
        equal(sorted(text.split(b"\n")[:-1]), [b"record %02d" % i for i in range(32)],
              "records of the first write")
        for sock in socks:
            sock.close()


@case("stdout is shared: its file description is left blocking for the others")
def _():
    reader, writer = os.pipe()
    master, slave = pty.openpty()
    for theirs in (writer, slave):
        with Server(stdout=theirs) as server:
            server.echo(b"hello\n")
            check(os.get_blocking(theirs), "it was made non-blocking")
        check(os.get_blocking(theirs), "it was left non-blocking")
    for fd in (reader, writer, master, slave):
        os.close(fd)


@case("stdout that is closed by its reader: one line reports it, no endless loop")
def _():
    reader, writer = os.pipe()
    server = Server(stdout=writer)
    os.close(writer)
    os.close(reader)
    udp = server.datagram_socket()
    udp.send(b"to nobody\n")
    server.stderr.wait_match(rb"cannot write to stdout: Broken pipe", "a line about stdout")
    equal(server.wait(), 1, "exit code")


@case("SIGTERM while stdout stalls: it ends all the same, and reports what it could not print")
def _():
    reader, writer = os.pipe()
    server = Server("--no-echo", "--tcp", stdout=writer)
    os.close(writer)
    sock = server.connect()
    sock.setblocking(False)
    while writable(sock, 0.5):
        sock.send(b"x" * 65536)
    server.signal(signal.SIGTERM)
    equal(server.wait(), 1, "exit code")
    unprinted = server.summary()["unprinted"]
    check(unprinted > 0, "nothing is unprinted")
    check(b" %d records were not printed" % unprinted in server.stderr.lines()[-1],
          "the last line is %r" % server.stderr.lines()[-1])
    os.close(reader)
    sock.close()


main()
