# SPDX-License-Identifier: MIT
"""Server and client when memory runs short: each of their first allocations fails once, or all from one
on do. They end in order and report why, or go on. Usage: short_memory.py BACKEND..."""
import os
import re
import signal
import socket
import sys

from harness import CLIENT, DEADLINE, SERVER, case, check, main, skip
from process import Process
from server import Server, sanitized

PRELOAD = os.environ.get("IOLOOP_FAILING_ALLOCATIONS")
FIRST = 60  # allocations that are tried: a server has made all of its own by then
LASTING = 1 << 40


def short_of(number, count):
    return {"LD_PRELOAD": PRELOAD, "FAIL_AT": str(number), "FAIL_COUNT": str(count)}


def need_preload():
    if not PRELOAD or sanitized():
        skip("a sanitizer's allocations cannot be made to fail")


def ask(port, seconds):
    """True if both protocols answer. The server may have no memory for one."""
    answers = 0
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.settimeout(seconds)
            try:
                sock.connect(("127.0.0.1", port))
                sock.send(b"hello\n")
                answers += sock.recv(100) == b"hello\n"
            except OSError:
                pass
    return answers == 2


def serve(options, number, count):
    server = Process([SERVER, "--host=127.0.0.1", "--port=0"] + options, env=short_of(number, count))
    server.stderr.wait(lambda data: b"listening tcp" in data or b"server: " in data, "a port or a reason")
    found = re.search(rb"listening tcp \S+:(\d+)", server.stderr.bytes())
    if found:
        answered = ask(int(found[1]), 0.2) or count > 1 or ask(int(found[1]), DEADLINE)
        check(answered or b"server: " in server.stderr.bytes(),
              "no answer after allocation %d has failed, %s" % (number, options))
        server.signal(signal.SIGTERM)
    code = server.wait()
    check(code in (0, 1), "exit %d with allocation %d failing %d times, %s" % (code, number, count, options))
    check(code == 0 or b"server: " in server.stderr.bytes(), "exit 1 without a reason")


for options in [["--backend=" + name] for name in sys.argv[1:]] + [["--workers=2"], ["--handler=thread"]]:
    @case("server %s: an allocation fails, or all from one on: no crash, no hang" % " ".join(options))
    def _(options=options):
        need_preload()
        for number in range(FIRST):
            serve(options, number, 1)
        for number in range(0, FIRST, 10):
            serve(options, number, LASTING)


@case("client: the same, over TCP and UDP")
def _():
    need_preload()
    with Server("--print=none") as server:
        for count in (1, LASTING):
            for number in range(0, FIRST, 2 if count == 1 else 10):
                for protocol in ("--tcp", "--udp"):
                    client = Process([CLIENT, protocol, "--host=127.0.0.1", "--port=%d" % server.port,
                                      "--timeout=2", "--user=me", "one", "two"], env=short_of(number, count))
                    code = client.wait()
                    check(code in (0, 1) and (code == 0) == (not client.stderr.bytes()),
                          "exit %d with allocation %d failing %d times" % (code, number, count))


main()
