# SPDX-License-Identifier: MIT
"""Each option of the server, once, and how it ends."""
import os
import pty
import re
import resource
import signal
import socket
import struct
import tempfile
import time
import tty

from harness import (DEADLINE, SERVER, case, check, equal, main, missing, need_program, pass_time, skip,
                     wait_until)
from process import Output, Process, run
from server import Server, numbers, sanitized
from sockets import addresses_of, need_ipv6, readable, receive, receive_all, writable

OPTIONS = ["--backend", "--host", "--port", "--tcp", "--udp", "--handler", "--no-echo", "--reply", "--print",
           "--prefix", "--max-connections", "--idle-timeout", "--backlog", "--spin", "--workers", "--cpu",
           "--heartbeat", "--stats", "--slow", "--list-backends", "--help", "--version"]
BACKENDS = ["select", "poll", "epoll", "epoll-et", "kqueue", "sigio", "rtsig", "io_uring", "linux-aio",
            "nonblocking", "libevent", "blocking"]
IMAGE = b"\x1b]0;owned\x07\x1b[31mred\x9b5m \x00\x7f \xff\xfe ok \xc2\x9b \xe2\x82\xac\tend\n"


# ---- asking --------------------------------------------------------------------------------


@case("--help: every option, on stdout, exit 0")
def _():
    code, out, err = run(SERVER, "--help")
    equal((code, err), (0, b""), "exit code and stderr")
    for option in OPTIONS:
        check(option.encode() in out, "%s is not in the help" % option)


@case("--version: a name and a number, exit 0")
def _():
    code, out, _ = run(SERVER, "--version")
    equal(code, 0, "exit code")
    check(re.search(rb"\b\d+\.\d+\.\d+\n$", out), "no version in %r" % out)


@case("--list-backends: name, model, and whether it is available")
def _():
    code, out, _ = run(SERVER, "--list-backends")
    equal(code, 0, "exit code")
    for name in BACKENDS:
        check(re.search(rb"(?m)^%s\s+\S+" % name.encode(), out), "%s is not listed" % name)
    check(b"available" in out, "availability is not printed")
    check(re.search(rb"(?m)^blocking +blocking +available\b", out), "blocking is not available")
    check(b"multiplexing" in out and b"signal-driven" in out, "the I/O model is not printed")


# ---- where it listens ----------------------------------------------------------------------


@case("by default it listens on every address of localhost, TCP and UDP on one port")
def _():
    with Server(host="localhost") as server:
        equal(len({port for _, _, port, _ in server.listening}), 1, "ports")
        equal(len(server.listening), 2 * len(addresses_of("localhost")), "listening lines")
        equal({protocol for protocol, _, _, _ in server.listening}, {"tcp", "udp"}, "protocols")


@case("--port: that port")
def _():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = Process([SERVER, "--tcp", "--host=127.0.0.1", "--port=%d" % port])
    process.stderr.wait_match(rb"(?m)^listening tcp 127\.0\.0\.1:%d backend=\w+$" % port)
    socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    process.signal(signal.SIGTERM)
    equal(process.wait(), 0, "exit code")


@case("--tcp: no UDP; --udp: no TCP")
def _():
    with Server("--tcp") as server:
        equal([line[0] for line in server.listening], ["tcp"], "listening")
        server.echo(b"over tcp\n")
        udp = server.datagram_socket()
        udp.send(b"nobody")
        try:
            udp.recv(10)
            check(False, "somebody answered over UDP")
        except ConnectionRefusedError:
            pass
    with Server("--udp") as server:
        equal([line[0] for line in server.listening], ["udp"], "listening")
        udp = server.datagram_socket()
        udp.send(b"over udp")
        equal(udp.recv(100), b"over udp", "echo")
        try:
            server.connect()
            check(False, "somebody accepted over TCP")
        except ConnectionRefusedError:
            pass


@case("--host=::1: IPv6, TCP and UDP")
def _():
    need_ipv6()
    with Server("--prefix", host="::1") as server:
        equal(server.listening[0][1], "[::1]", "address")
        server.echo(b"six\n")
        udp = server.datagram_socket()
        udp.send(b"six")
        equal(udp.recv(100), b"six", "echo")
        for line in server.stdout.wait_lines(2):
            check(b"[::1]:" in line, "no IPv6 peer in %r" % line)


@case("--backlog: taken")
def _():
    with Server("--backlog=1") as server:
        server.echo(b"hello\n")


# ---- which model ---------------------------------------------------------------------------


@case("the backend: the best one here, or IOLOOP_BACKEND, or --backend, in this order")
def _():
    with Server() as server:
        best = server.backend
    with Server(env={"IOLOOP_BACKEND": ""}) as server:
        equal(server.backend, best, "backend where the variable is empty")
    with Server(env={"IOLOOP_BACKEND": "select"}) as server:
        equal(server.backend, "select", "backend of the environment")
        server.echo(b"hello\n")
    with Server("--backend=poll", env={"IOLOOP_BACKEND": "select"}) as server:
        equal(server.backend, "poll", "backend of the command line")


@case("libevent's own methods can be chosen")
def _():
    for name in ("libevent:poll", "libevent:select"):
        process = Process([SERVER, "--list-backends"])
        process.wait()
        if not re.search(rb"(?m)^libevent\s.*\bavailable\b", process.stdout.bytes()):
            missing("libevent, not built in")
        with Server("--backend=" + name) as server:
            equal(server.backend, name, "backend")
            server.echo(b"hello\n")


# ---- what it prints ------------------------------------------------------------------------


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


# ---- limits and times ----------------------------------------------------------------------


@case("--max-connections: the next one waits until another leaves")
def _():
    for how in ("--handler=inline", "--handler=thread", "--backend=blocking"):
        max_connections(how)


def max_connections(how):
    with Server("--max-connections=2", how) as server:
        first, second, third = (server.connect() for _ in range(3))
        server.echo(b"1", first)
        server.echo(b"2", second)
        third.sendall(b"3")
        check(not readable(third, 0.5), "a third connection was served")
        first.close()
        equal(receive(third, 1), b"3", "echo when there is room")
        second.close()
        third.close()


@case("--idle-timeout: a connection without traffic is closed, one with traffic is not")
def _():
    for how in ("--handler=inline", "--handler=thread", "--backend=blocking"):
        with Server("--idle-timeout=1", how) as server:
            idle, busy = server.connect(), server.connect()
            server.echo(b"one word", idle)
            turns = 0
            while not readable(idle, 0.1):
                server.echo(b"tick", busy)
                turns += 1
                check(turns < 300, "the idle connection was never closed")
            check(turns >= 8, "it was closed after %.1f s" % (turns / 10))
            equal(idle.recv(10), b"", "end of input")
            server.echo(b"still here", busy)
            busy.close()


@case("--spin: the server looks again before it sleeps, and without it does not")
def _():
    for option, spins in (("--spin=1000", True), ("--spin=0", False)):
        with Server(option) as server:
            server.echo(b"hello\n")
        equal(server.summary()["spins"] > 0, spins, "looks with %s" % option)


@case("--slow: a callback that blocks is reported with its time, others are not")
def _():
    if not hasattr(os, "eventfd"):
        skip("this Python makes no eventfd")
    for how in ("--handler=inline", "--handler=thread"):
        # Output is written to an eventfd as to a file, without O_NONBLOCK; while that is full,
        # writing 8 bytes to it blocks.
        full = os.eventfd(0)
        os.eventfd_write(full, 2**64 - 2)
        with Server("--slow=200", "--tcp", how, stdout=full) as server:
            with server.connect() as sock:
                sock.sendall(b"7 bytes\n")
                equal(receive(sock, 8), b"7 bytes\n", "echo")
                pass_time(0.4)
                os.eventfd_read(full)
                server.stderr.wait_match(rb"(?m)^slow: .*ran for")
                server.echo(b"at once\n", sock)
        text = server.stderr.bytes()
        found = re.findall(rb"(?m)^slow: (?:handler of descriptor \d+|callback) ran for ([\d.]+) ms$", text)
        # More than one only where the machine stalls for as long; a shorter one is never reported.
        equal((bool(found), len(found)), (True, text.count(b" ran for ")), "slow callbacks (%r)" % text)
        check(min(map(float, found)) >= 200, "they ran for %s ms" % found)
        longest = re.search(rb"(?m)^slow: longest ([\d.]+) ms; the loop worked for ([\d.]+) s and waited for "
                            rb"[\d.]+ s$", text)
        equal(float(longest.group(1)), max(map(float, found)), "the longest")
        check(float(longest.group(2)) > 0.2, "worked for %s s" % longest.group(2))
        os.close(full)


@case("--heartbeat: \"Waiting...\" on stderr, and work goes on")
def _():
    with Server("--heartbeat=1") as server:
        server.stderr.wait_match(rb"(?m)^Waiting\.\.\.$", "a heartbeat")
        server.echo(b"hello\n")
        server.stderr.wait(lambda data: data.count(b"Waiting...") >= 2, "another heartbeat")
        equal(server.stdout.wait_lines(1), [b"hello"], "stdout")


@case("--stats: a line each second with the numbers, and a summary")
def _():
    with Server("--stats=1") as server:
        tcp = server.connect()
        server.echo(b"twelve bytes", tcp)
        udp = server.datagram_socket()
        udp.send(b"eight by")
        udp.recv(100)
        line = server.stderr.wait_match(rb"(?m)^stats.*\brecords=2\b.*$", "a line with 2 records")
        seen = numbers(line.group().decode())
        for name in ("connections", "records", "bytes", "overflows", "signals", "kernel_drops"):
            check(name in seen, "%s is not in %r" % (name, line.group()))
        equal((seen["connections"], seen["bytes"]), (1, 20), "connections and bytes")
        tcp.close()
        summary = server.stop()
        equal((summary["records"], summary["bytes"]), (2, 20), "records and bytes at the end")


# ---- the end -------------------------------------------------------------------------------


@case("SIGINT and SIGTERM: exit 0 with a summary")
def _():
    for signo in (signal.SIGINT, signal.SIGTERM):
        with Server() as server:
            server.echo(b"hello\n")
            summary = server.stop(signo)
            equal(summary["records"], 1, "records")


@case("a client that never reads does not keep the server from ending")
def _():
    server, sock = stuffed_server()
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "exit code")
    sock.close()


@case("a second signal ends it at once")
def _():
    server, sock = stuffed_server()
    server.signal(signal.SIGTERM)
    server.stderr.wait_match(rb"(?m)^stopping: ", "a line about the end")
    time.sleep(0.3)  # sooner it would be the first again
    server.signal(signal.SIGTERM)
    equal(server.wait(2), 128 + signal.SIGTERM, "exit code")
    sock.close()


def stuffed_server():
    """A server that holds an echo which its client does not read."""
    server = Server("--print=none", "--tcp")
    sock = server.connect()
    sock.setblocking(False)
    while writable(sock, 0.5):
        sock.send(b"x" * 65536)
    return server, sock


@case("SIGTERM: queued echoes still reach a slow reader")
def _():
    with Server("--print=none", "--tcp") as server:
        sock = server.connect()
        sock.setblocking(False)
        sent = 0
        while writable(sock, 0.5):
            sent += sock.send(b"x" * 65536)
        server.signal(signal.SIGTERM)
        sock.settimeout(DEADLINE)
        equal(len(receive_all(sock)), sent, "bytes echoed, of those sent")
        equal(server.wait(), 0, "exit code")
        equal(server.summary()["bytes"], sent, "bytes in the summary")


# ---- what is wrong -------------------------------------------------------------------------

WRONG = [
    ("--bogus", "--bogus"),
    ("bogus", "bogus"),
    ("-x", "-x"),
    ("--port", "--port"),
    ("--port=", "--port"),
    ("--port=65536", "65535"),
    ("--port=-1", "--port"),
    ("--port=8888x", "8888x"),
    ("--backend=bogus", "epoll"),
    ("--backend=epoll:bogus", "epoll"),
    ("--handler=bogus", "thread"),
    ("--print=bogus", "hex"),
    ("--max-connections=many", "many"),
    ("--max-connections=-5", "--max-connections"),
    ("--idle-timeout=soon", "soon"),
    ("--idle-timeout=-1", "--idle-timeout"),
    ("--backlog=x", "--backlog"),
    ("--spin=-1", "--spin"),
    ("--spin=1000001", "--spin"),
    ("--heartbeat=x", "--heartbeat"),
    ("--heartbeat=99999999999999999999", "--heartbeat"),
    ("--stats=x", "--stats"),
    ("--slow=0", "--slow"),
    ("--slow=0.0009", "from 0.001"),
    ("--slow=soon", "soon"),
    ("--slow=1000001", "1000000"),
    ("--tcp=yes", "--tcp"),
    ("--host=", "--host"),
    ("--workers=0", "--workers"),
    ("--workers=two", "--workers"),
    ("--workers=100000", "256"),
    ("--cpu=", "--cpu"),
    ("--cpu=all", "all"),
    ("--cpu=3-2", "3-2"),
    ("--cpu=0,", "ranges"),
]

for wrong, named in WRONG:

    @case("usage: %s is refused by one line, exit 2" % wrong)
    def _(wrong=wrong, named=named):
        code, out, err = run(SERVER, "--port=0", wrong)
        equal((code, out), (2, b""), "exit code and stdout")
        equal(err.count(b"\n"), 1, "lines on stderr (%r)" % err)
        check(named.encode() in err, "%r does not name %s" % (err, named))


@case("usage: combinations that make no sense are refused by one line, exit 2")
def _():
    for options, words in [
            (["--udp", "--handler=thread"], rb"--handler=thread.*--udp"),
            (["--udp", "--handler=thread", "--workers=2"], rb"--handler=thread.*--udp"),
            (["--udp", "--max-connections=2"], rb"--max-connections.*--udp"),
            (["--udp", "--idle-timeout=2"], rb"--idle-timeout.*--udp"),
            (["--udp", "--backlog=2"], rb"--backlog.*--udp"),
            (["--print=none", "--prefix"], rb"--prefix.*--print=none"),
            (["--backend=blocking", "--handler=inline"], rb"--handler=inline.*blocking"),
            (["--backend=blocking", "--spin=5"], rb"--spin.*blocking"),
            (["--backend=blocking", "--slow=5"], rb"--slow.*blocking"),
            (["--slow=5", "--trace=x.json"], rb"--slow.*--trace"),
            (["--backend=blocking:now"], rb"blocking:now"),
            (["--workers=2", "--backend=bogus"], rb"bogus")]:
        code, out, err = run(SERVER, "--port=0", *options)
        equal((code, out, err.count(b"\n")), (2, b"", 1), "exit code, stdout, lines (%r)" % err)
        check(re.search(words, err), "%r does not say %r" % (err, words))


def one_line(options, *words, **more):
    code, out, err = run(SERVER, *options, **more)
    equal((code, out), (1, b""), "exit code and stdout (stderr %r)" % err)
    equal(err.count(b"\n"), 1, "lines on stderr (%r)" % err)
    for word in words:
        check(re.search(word, err), "%r does not say %r" % (err, word))


@case("trouble: a port that is taken, exit 1")
def _():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        one_line(["--host=127.0.0.1", "--port=%d" % port], rb"%d" % port, rb"--port")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        one_line(["--udp", "--host=127.0.0.1", "--port=%d" % port], rb"%d" % port, rb"--port")


@case("trouble: an address that is not ours, exit 1")
def _():
    one_line(["--host=192.0.2.1", "--port=0"], rb"192\.0\.2\.1")


@case("trouble: an address that names no interface, or is IPv4 in disguise: the remedy fits, exit 1")
def _():
    need_ipv6()
    one_line(["--host=fe80::1", "--port=0"], rb"--host=fe80::1%eth0")
    one_line(["--host=::ffff:127.0.0.1", "--port=0"], rb"--host=127\.0\.0\.1\)")


@case("trouble: a name that does not resolve, exit 1")
def _():
    one_line(["--host=does-not-exist.invalid", "--port=0"], rb"does-not-exist\.invalid",
             seconds=90)


@case("trouble: too few descriptors to start, exit 1")
def _():
    one_line(["--host=127.0.0.1", "--port=0"], rb"(?i)descriptors|open files", rb"ulimit",
             limits={resource.RLIMIT_NOFILE: 5})


@case("trouble: --cpu names a processor that is not here, exit 1")
def _():
    for more in ([], ["--workers=2"]):
        one_line(["--host=127.0.0.1", "--port=0", "--cpu=0,1023"] + more, rb"--cpu.*\b1023\b")


@case("--cpu: the process stays there, with all its threads; workers have one each, in turn")
def _():
    usable = sorted(os.sched_getaffinity(0))
    chosen = ",".join(str(cpu) for cpu in usable[:2])
    with Server("--cpu=" + chosen) as server:
        server.echo(b"hello\n")
        equal(os.sched_getaffinity(server.pid), set(usable[:2]), "processors of the server")
    with Server("--cpu=%d" % usable[-1], "--backend=blocking") as server:
        with server.connect() as sock:
            server.echo(b"hello\n", sock)
            tasks = [int(task) for task in os.listdir("/proc/%d/task" % server.pid)]
            check(len(tasks) > 3, "only %d threads" % len(tasks))
            equal([os.sched_getaffinity(task) for task in tasks], [{usable[-1]}] * len(tasks),
                  "processors of its threads")
    with Server("--cpu=" + chosen, "--workers=3") as server:
        with open("/proc/%d/task/%d/children" % (server.pid, server.pid)) as file:
            workers = sorted(int(word) for word in file.read().split())
        expected = [{usable[index % min(2, len(usable))]} for index in range(3)]
        equal(sorted(map(sorted, map(os.sched_getaffinity, workers))),
              sorted(map(sorted, expected)), "processors of the workers")
        equal(os.sched_getaffinity(server.pid), set(usable), "processors of the parent")


@case("blocking: a thread for each listener, each UDP socket, each connection; no loop turns")
def _():
    with Server("--backend=blocking", "--stats=1") as server:
        def threads():
            return len(os.listdir("/proc/%d/task" % server.pid))
        with open("/proc/%d/maps" % server.pid) as file:
            expected = 3 + ("libtsan" in file.read())  # which has a thread of its own
        equal(threads(), expected, "threads without a connection")
        socks = [server.connect() for _ in range(5)]
        for sock in socks:
            server.echo(b"hello\n", sock)
        equal(threads(), expected + 5, "threads with five")
        for sock in socks:
            sock.close()
        wait_until(lambda: threads() == expected, "the connections' threads to end")
        summary = server.stop()
        equal((summary["records"], summary["accepted"], summary["connections"]), (5, 5, 0),
              "records, accepted, connections")
        equal((summary["iterations"], summary["events"]), (0, 0), "turns of a loop")
    with Server(env={"IOLOOP_BACKEND": "blocking"}) as server:
        equal(server.backend, "blocking", "backend of the environment")


def need_strace():
    if sanitized():
        skip("a sanitizer does not work under strace")
    need_program("strace")
    if run("strace", "-o", "/dev/null", "true")[0] != 0:
        skip("strace may not trace here")


@case("stdout for which the kernel has no memory is written to again")
def _():
    need_strace()
    # The first write is the line with its address, on stderr.
    inject = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=write:error=ENOMEM:when=2..4"]
    with Server("--tcp", wrapper=inject) as server:
        server.echo(b"hello\n")
        equal(server.stdout.wait_lines(1), [b"hello"], "records")


@case("blocking: an accept that fails again and again is not tried without a pause")
def _():
    need_strace()
    with tempfile.NamedTemporaryFile() as log:
        inject = ["strace", "-D", "-f", "-qq", "-o", log.name, "-e", "trace=accept",
                  "-e", "inject=accept:error=EPERM:when=1..2000"]
        with Server("--backend=blocking", "--tcp", wrapper=inject) as server:
            server.stderr.wait_match(rb"cannot accept more")
            first = log.read().count(b"EPERM")
            server.stderr.wait(lambda data: data.count(b"cannot accept more") >= 2, "the next second's line")
            check(first + log.read().count(b"EPERM") < 2000, "it tries without a pause")


@case("blocking: a call that fails for lack of memory is retried, and no client is turned away")
def _():
    need_strace()
    for call, error in (("sendto", "ENOBUFS"), ("recvfrom", "ENOMEM"), ("accept,accept4", "ENOMEM")):
        inject = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e",
                  "inject=%s:error=%s:when=1" % (call, error)]
        with Server("--backend=blocking", wrapper=inject) as server:
            with server.connect() as sock:
                for message in (b"one\n", b"two\n"):
                    server.echo(message, sock)
            if call == "recvfrom":
                with server.datagram_socket() as sock:
                    server.echo(b"three\n", sock)


def forge(sender, receiver, port, data):
    """A UDP datagram that claims to come from the port that it goes to."""
    udp = struct.pack("!HHHH", port, port, 8 + len(data), 0) + data
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(ip + socket.inet_aton(sender) + socket.inet_aton(receiver) + udp, (receiver, 0))
    except PermissionError:
        skip("only root may forge a sender")


def check_forged(backend):
    for host, sender in (("127.0.0.1", "127.0.0.1"), ("*", "127.0.0.1"), ("*", "127.0.0.2")):
        with Server("--backend=" + backend, "--udp", host=host) as server:
            forge(sender, "127.0.0.1", server.port, b"forged")
            server.stdout.wait_lines(1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(DEADLINE)
                sock.connect(("127.0.0.1", server.port))
                for _ in range(20):  # an echo of the echo would come in between
                    server.echo(b"real", sock)
            equal(server.stop()["records"], 21, "records on %s, forged from %s" % (host, sender))


@case("on the loop: a datagram that seems to come from the server itself is not echoed for ever")
def _():
    check_forged("poll")


@case("blocking: a datagram that seems to come from the server itself is not echoed for ever")
def _():
    check_forged("blocking")


@case("trouble: IOLOOP_BACKEND names no backend")
def _():
    code, out, err = run(SERVER, "--port=0", env={"IOLOOP_BACKEND": "bogus"})
    equal((code, out, err.count(b"\n")), (2, b"", 1), "exit code, stdout, lines (%r)" % err)
    check(b"bogus" in err and b"IOLOOP_BACKEND" in err, "%r does not name it" % err)


main()
