# SPDX-License-Identifier: MIT
"""Inherited state: signals that the parent blocked or ignored, descriptors that it closed or made
non-blocking. A runtime whose threads block everything, nohup, and the shell's background job all start
programs like this."""
import fcntl
import os
import resource
import select
import signal
import socket
import sys
import tempfile

from harness import CLIENT, DEADLINE, SERVER, case, check, equal, main, wait_until
from process import Process, run
from server import Server

MODELS = sys.argv[1:]
BENCH = os.environ.get("IOLOOP_BENCH")
F_SETPIPE_SZ = 1031  # of Linux; in fcntl since Python 3.10
ALL = signal.valid_signals()
RUDE = [s for s in ALL if s not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGHUP)]


def block(*signals):
    return lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signals)


def ignore(*signals):
    return lambda: [signal.signal(s, signal.SIG_IGN) for s in signals]


def pend(*signals):
    """Sent to the program that was there before exec, and still waiting."""
    def before():
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        for signo in signals:
            os.kill(os.getpid(), signo)
    return before


INHERITED = [("all signals blocked", block(*ALL)), ("nearly all ignored", ignore(*RUDE)),
             ("signals of the last program pending", pend(signal.SIGUSR1, signal.SIGIO, signal.SIGALRM,
                                                          signal.SIGRTMIN, signal.SIGRTMIN + 5))]


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


def silent_server():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


def waiting_client(sock, before):
    process = Process([CLIENT, "--host=127.0.0.1", "--port=%d" % sock.getsockname()[1], "hello"], before=before)
    readable, _, _ = select.select([sock], [], [], DEADLINE)
    check(readable, "the client connects")
    connection, _ = sock.accept()
    check(connection.recv(10), "the client sends")
    return process, connection


# ---- signals -------------------------------------------------------------------------------

for model in MODELS:
    @case("server, %s: whatever is blocked or ignored, it serves, and SIGTERM ends it" % model)
    def _(model=model):
        for name, before in INHERITED:
            with Server("--backend=" + model, before=before) as server:
                server.echo(b"under way\n")
                equal(server.stop()["records"], 1, "records with " + name)


@case("server --workers: dead workers are replaced, SIGCHLD blocked or ignored")
def _():
    for before in (block(signal.SIGCHLD), ignore(signal.SIGCHLD)):
        with Server("--workers=2", "--tcp", before=before) as server:
            first = children(server.pid)
            os.kill(first[0], signal.SIGKILL)
            wait_until(lambda: len(set(children(server.pid)) - {first[0]}) == 2, "another worker")
            server.stop()


@case("SIGINT and SIGHUP that the parent ignores stay ignored; SIGTERM ends it")
def _():
    with Server("--tcp", before=ignore(signal.SIGINT, signal.SIGHUP)) as server:
        server.signal(signal.SIGINT)
        server.signal(signal.SIGHUP)
        server.echo(b"still here\n")
        server.stop()
    with Server("--tcp", before=block(signal.SIGINT)) as server:
        server.stop(signal.SIGINT)


@case("client: SIGTERM and SIGINT that the parent blocked end it")
def _():
    with silent_server() as sock:
        for signo in (signal.SIGTERM, signal.SIGINT):
            process, connection = waiting_client(sock, block(*ALL))
            process.signal(signo)
            equal(process.wait(), 128 + signo, "exit code")
            connection.close()


@case("a file that may not grow is an error of the write, not the end of the server")
def _():
    with tempfile.TemporaryFile() as file:
        server = Server("--tcp", stdout=file.fileno(), before=limit_files)
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(b"x" * 3000)
            equal(server.wait(), 1, "exit code")
        check(b"cannot write to stdout: File too large" in server.stderr.bytes(),
              "what it says: %r" % server.stderr.bytes())


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


# ---- descriptors ---------------------------------------------------------------------------


@case("a stdout that another process made non-blocking: all is printed, and the flag stays")
def _():
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)
    flags = fcntl.fcntl(write, fcntl.F_GETFL) | os.O_NONBLOCK
    fcntl.fcntl(write, fcntl.F_SETFL, flags)
    process = Process([SERVER, "--help"], stdout=write)
    wait_until(lambda: process.state() == "S" or not process.running(), "it waits for the reader")
    equal(fcntl.fcntl(write, fcntl.F_GETFL), flags, "flags of the shared file")
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    equal(process.wait(), 0, "exit code (%r)" % process.stderr.bytes())
    equal(text, run(SERVER, "--help")[1], "what was printed")


@case("descriptors 0 to 2 closed: no socket takes their numbers")
def _():
    with silent_server() as sock:
        port = sock.getsockname()[1]
    process = Process([SERVER, "--host=127.0.0.1", "--port=%d" % port, "--print=none"],
                      before=lambda: os.closerange(0, 3))
    wait_until(lambda: connects(port), "it serves")
    for fd in range(3):
        equal(os.readlink("/proc/%d/fd/%d" % (process.pid, fd)), "/dev/null", "descriptor %d" % fd)
    process.signal(signal.SIGTERM)
    equal(process.wait(), 0, "exit code")


def connects(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


# ---- the lab -------------------------------------------------------------------------------

if BENCH:
    MEASURE = [BENCH, "latency", "--contestants=epoll", "--rounds=1", "--duration=0.1", "--warmup=0.02",
               "--quiet", "--connections=1", "--protocol=tcp"]

    @case("bench: whatever is blocked or ignored, it measures")
    def _():
        for name, before in INHERITED:
            for _ in range(5):  # a busy machine makes a measurement invalid, and the lab reports it
                process = Process(MEASURE, before=before)
                if process.wait() == 0:
                    break
            equal(process.wait(), 0, "exit code with %s (%r)" % (name, process.stderr.bytes()))

    @case("bench, bench against: SIGTERM that the parent blocked ends them")
    def _():
        with Server("--print=none") as server:
            for argv in (MEASURE + ["--duration=60"],
                         [BENCH, "against", "127.0.0.1:%d" % server.port, "--duration=60"]):
                process = Process(argv, before=block(*ALL))
                wait_until(lambda: children(process.pid) or server.sleeps() > 100, "it measures")
                process.signal(signal.SIGTERM)
                check(process.wait() in (128 + signal.SIGTERM, 128 + signal.SIGINT), "its exit code")


main()
