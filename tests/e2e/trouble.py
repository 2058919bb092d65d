# SPDX-License-Identifier: MIT
"""What the server refuses, and what it does when the system refuses something or a packet lies."""
import re
import resource
import socket
import struct
import tempfile

from harness import DEADLINE, SERVER, case, check, equal, main, need_program, skip
from process import run
from server import Server, sanitized
from sockets import need_ipv6

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


@case("trouble: IOLOOP_BACKEND names no backend")
def _():
    code, out, err = run(SERVER, "--port=0", env={"IOLOOP_BACKEND": "bogus"})
    equal((code, out, err.count(b"\n")), (2, b"", 1), "exit code, stdout, lines (%r)" % err)
    check(b"bogus" in err and b"IOLOOP_BACKEND" in err, "%r does not name it" % err)


# ---- calls that fail ---------------------------------------------------------------------


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


# ---- forged senders ------------------------------------------------------------------------


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


main()
