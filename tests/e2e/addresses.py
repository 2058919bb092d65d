# SPDX-License-Identifier: MIT
"""Names with several addresses, of which some are silent or refuse, and a client that would talk to
itself. The names are in a hosts file, and the ports in a network, of the test's own."""
import contextlib
import re
import signal
import socket
import tempfile

from harness import CLIENT, SERVER, case, check, equal, main
from process import Process, namespaces, run
from server import Server

WRONG = re.compile(rb"^client: cannot reach (tcp|udp) .*\n$")


def with_hosts(*addresses):
    """A wrapper under which many.test has these addresses, in this order, and the file it needs."""
    namespaces("-m")
    file = tempfile.NamedTemporaryFile("w", suffix=".hosts")
    file.write("127.0.0.1 localhost\n")
    file.writelines("%s many.test\n" % address for address in addresses)
    file.flush()
    return file, ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', file.name]


def order_of(wrapper):
    """The addresses as the resolver sorts them."""
    code = "import socket; print(*[a[4][0] for a in socket.getaddrinfo('many.test', 1, type=1)])"
    return run("python3", "-c", code, wrapper=wrapper)[1].decode().split()


class Silent:
    """Nothing ever comes back from this address: the backlog is full, so the kernel drops further
    connections, and no datagram is read."""

    def __init__(self, host, port):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(0)
        self.held = [socket.socket() for _ in range(4)]
        for sock in self.held:
            sock.setblocking(False)
            sock.connect_ex((host, port))
        self.held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.held[-1].bind((host, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.held + [self.listener]:
            sock.close()


def ask(wrapper, port, *options):
    return run(CLIENT, "--host=many.test", "--port=%d" % port, "--raw", "--timeout=20", *options, "hi",
               wrapper=wrapper)


@case("an address that is silent costs a moment, not the timeout; one that refuses, nothing")
def _():
    file, wrapper = with_hosts("127.0.0.2", "127.0.0.3", "127.0.0.4")
    with file:
        order = order_of(wrapper)
        with Server(host=order[2]) as server, Silent(order[1], server.port):
            for protocol in ("--tcp", "--udp"):
                code, out, err = ask(wrapper, server.port, protocol)
                equal((code, out, err), (0, b"hi\n", b""), "result over " + protocol)
            code, out, _ = ask(wrapper, server.port, "--count=50", "--concurrency=10")
            equal((code, out), (0, b"hi\n" * 50), "fifty messages over ten connections")
            equal(ask(wrapper, server.port, "--no-wait")[0], 0, "exit code of --no-wait")


@case("ten silent addresses before the one that answers are all tried within a short --timeout")
def _():
    file, wrapper = with_hosts(*["127.0.0.%d" % i for i in range(2, 13)])
    with file:
        order = order_of(wrapper)
        with Server(host=order[-1]) as server, contextlib.ExitStack() as silent:
            for host in order[:-1]:
                silent.enter_context(Silent(host, server.port))
            for protocol in ("--tcp", "--udp"):
                code, out, err = ask(wrapper, server.port, protocol, "--timeout=2")
                equal((code, out, err), (0, b"hi\n", b""), "result over " + protocol)


@case("the first of two addresses that answer is used alone")
def _():
    file, wrapper = with_hosts("127.0.0.2", "127.0.0.3")
    with file:
        order = order_of(wrapper)
        with Server(host=order[0]) as first:
            second = Process([SERVER, "--host=" + order[1], "--port=%d" % first.port])
            second.stderr.wait_match(rb"listening udp")
            for protocol in ("--tcp", "--udp"):
                equal(ask(wrapper, first.port, protocol)[0], 0, "exit code")
            second.signal(signal.SIGTERM)
            equal(second.wait(), 0, "exit code of the second")
            check(b" records=0 " in second.stderr.bytes(), "nothing came to the second")


@case("where none answers, the line names each address and why")
def _():
    file, wrapper = with_hosts("127.0.0.2", "127.0.0.3")
    with file:
        with socket.socket() as unused:
            unused.bind(("127.0.0.2", 0))
            port = unused.getsockname()[1]
        with Silent("127.0.0.3", port):
            for protocol in ("--tcp", "--udp"):
                code, _, err = ask(wrapper, port, protocol, "--timeout=1")
                equal(code, 1, "exit code")
                check(WRONG.match(err), "one line: %r" % err)
                check(b"127.0.0.2:%d: Connection refused" % port in err, "what refuses: %r" % err)
                check(b"127.0.0.3:%d: Connection timed out" % port in err, "what is silent: %r" % err)


@case("a client that gets the port it connects to does not answer itself")
def _():
    namespaces("-n")
    # Two ports are left for the kernel to choose from: one of a few tries has both ends alike.
    script = ("ip link set lo up && echo 40000 40001 >/proc/sys/net/ipv4/ip_local_port_range && "
              'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do "$@"; echo exit $?; done')
    for protocol in ("--tcp", "--udp"):
        _, out, err = run("unshare", "-n", "sh", "-c", script, "sh", CLIENT, protocol, "--host=127.0.0.1",
                          "--port=40000", "--raw", "--timeout=5", "who is there?")
        equal(out.split(b"\n"), [b"exit 1"] * 12 + [b""], "what it says (%r)" % err)
        equal(err.count(b"\n"), 12, "lines on stderr")
        check(b"itself" in err or b"refused" in err, "the reason: %r" % err)


@case("server --host=NAME: every address of the name, however many")
def _():
    addresses = ["127.0.1.%d" % i for i in range(1, 41)]
    file, wrapper = with_hosts(*addresses)
    with file:
        for options in ([], ["--workers=2"], ["--backend=blocking"]):
            server = Process([SERVER, "--host=many.test", "--port=0"] + options, wrapper=wrapper)
            server.stderr.wait(lambda data: data.count(b"listening") >= 80, "eighty lines")
            found = re.findall(rb"listening (\w+) (\S+):(\d+)", server.stderr.bytes())
            equal({host.decode() for _, host, _ in found}, set(addresses), "addresses")
            port = int(found[0][2])
            for host in (addresses[0], addresses[-1]):
                for protocol in ("--tcp", "--udp"):
                    equal(run(CLIENT, "--host=" + host, "--port=%d" % port, protocol, "--raw", "hi")[0], 0,
                          "exit code at %s, %s" % (host, protocol))
            server.signal(signal.SIGTERM)
            equal(server.wait(), 0, "exit code of the server")


main()
