# SPDX-License-Identifier: MIT
"""Shared by the end-to-end tests: running the real programs, and reporting the results in TAP.

A test file is a list of cases:

    @case("a silent client delays no other")
    def _():
        with Server("--backend=poll") as server:
            ...

    main()

A case passes by returning, fails by an exception (`check` raises one), and is left out by `skip`.
Three rules keep the tests honest:
  - Nothing sleeps to give the other side time. Every wait is for something observable (a line, a byte,
    an exit) and has a deadline, after which the case fails and reports what is missing.
  - The output of a program is read by threads from the moment it starts, so a full pipe never stalls a
    program unless a test wants that.
  - A server is stopped by SIGTERM, and every case checks that it then exits 0 and prints its summary,
    and that it never printed an error of a sanitizer or valgrind.
"""
import faulthandler
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

BUILD = os.environ.get("IOLOOP_BUILD", ".")
SERVER = os.environ.get("IOLOOP_SERVER", os.path.join(BUILD, "server"))
CLIENT = os.environ.get("IOLOOP_CLIENT", os.path.join(BUILD, "client"))

# How long anything may take before a case gives up on it. Only a failing test waits this long,
# so it is generous: a sanitizer's build on a busy machine must not miss it. TEST_TIME_SCALE stretches
# it for valgrind and emulators, as it does in tap.h.
TIME_SCALE = max(1, int(os.environ.get("TEST_TIME_SCALE") or 1))
DEADLINE = 30.0 * TIME_SCALE
CASE_DEADLINE = 170.0 * TIME_SCALE

DISCARD = subprocess.DEVNULL
COLLECT = "collect"

COMPLAINTS = re.compile(rb"AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:|"
                        rb"ERROR SUMMARY: [1-9]")


class Failure(Exception):
    """A case did not observe what it expects."""


class Skip(Exception):
    """A case cannot be tried here; the reason goes into the report."""


def check(truth, message):
    if not truth:
        raise Failure(message)


def equal(got, expected, what):
    if got != expected:
        raise Failure("%s: got %s, expected %s" % (what, short(got), short(expected)))


def skip(reason):
    raise Skip(reason)


def missing(what):
    """Skip because something was not installed or not built. tests/report.py knows these from the skips
    that a model or a kernel gives a reason for: where everything should be installed, they are
    failures."""
    skip("missing: " + what)


def need_program(*names):
    absent = [name for name in names if not shutil.which(name)]
    if absent:
        missing("%s, not installed" % ", ".join(absent))


def short(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else "%s... (%d characters)" % (text[:limit], len(text))


class Deadline:
    """A point in time that several waits share."""

    def __init__(self, seconds=DEADLINE):
        self.at = time.monotonic() + seconds

    def left(self):
        return max(0.0, self.at - time.monotonic())

    def over(self):
        return time.monotonic() >= self.at


# ---- programs ------------------------------------------------------------------------------


class Output:
    """Everything that comes out of a pipe, read by a thread until its end."""

    def __init__(self, fd):
        self.fd = fd
        self.data = bytearray()
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                chunk = os.read(self.fd, 1 << 16)
            except OSError:  # a pty whose other side is gone returns EIO
                chunk = b""
            with self.changed:
                self.data += chunk
                self.ended = not chunk
                self.changed.notify_all()
                if self.ended:
                    os.close(self.fd)
                    return

    def bytes(self):
        with self.changed:
            return bytes(self.data)

    def lines(self):
        """The whole lines so far, as bytes, without their newlines."""
        return self.bytes().split(b"\n")[:-1]

    def wait(self, found, what, seconds=DEADLINE):
        """Wait until found(output so far) is true, and return its result. It gets the buffer itself,
        not a copy: it must not keep it, nor a match in it."""
        deadline = Deadline(seconds)
        with self.changed:
            while True:
                result = found(self.data)
                if result:
                    return result
                if self.ended or deadline.over():
                    why = "the output ended" if self.ended else "%g s passed" % seconds
                    raise Failure("waited for %s: %s; so far %d bytes: ...%s"
                                  % (what, why, len(self.data), short(bytes(self.data[-400:]))))
                self.changed.wait(deadline.left())

    def wait_lines(self, count, what="lines", seconds=DEADLINE):
        self.wait(lambda data: data.count(b"\n") >= count, "%d %s" % (count, what), seconds)
        return self.lines()

    def wait_match(self, pattern, what=None, seconds=DEADLINE):
        return self.wait(lambda data: re.search(pattern, bytes(data)), what or short(pattern), seconds)

    def wait_end(self, seconds=DEADLINE):
        deadline = Deadline(seconds)
        with self.changed:
            while not self.ended:
                if deadline.over():
                    raise Failure("the output did not end within %g s" % seconds)
                self.changed.wait(deadline.left())
        return self.bytes()


class Process:
    """A program under test, its output being collected.

    limits   {resource.RLIMIT_...: value}, soft and hard
    stdout   COLLECT, a file descriptor of the test's own, or DISCARD
    stdin    bytes to feed, a file descriptor of the test's own, or DISCARD
    group    in a process group of its own, as a shell starts a program for Ctrl-C
    before   called in the child, last before exec
    """

    def __init__(self, argv, stdin=DISCARD, stdout=COLLECT, limits=None, env=None, wrapper=(),
                 group=False, before=None):
        environment = dict(os.environ)
        environment.pop("IOLOOP_BACKEND", None)
        environment.update(env or {})
        self.argv = list(wrapper) + [str(a) for a in argv]
        self.popen = subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=subprocess.PIPE if stdout is COLLECT else stdout,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={k: v for k, v in environment.items() if v is not None},
            preexec_fn=lambda: prepare(limits or {}, group, before),
        )
        self.pid = self.popen.pid
        # The pipes belong to the reading threads from here on.
        self.stdout = Output(os.dup(self.popen.stdout.fileno())) if stdout is COLLECT else None
        self.stderr = Output(os.dup(self.popen.stderr.fileno()))
        for pipe in (self.popen.stdout, self.popen.stderr):
            if pipe:
                pipe.close()
        if isinstance(stdin, bytes):
            threading.Thread(target=self._feed, args=(stdin,), daemon=True).start()
        running.append(self)

    def _feed(self, data):
        try:
            with self.popen.stdin as pipe:
                pipe.write(data)
        except OSError:
            pass  # it did not read; the test checks what it did instead

    def signal(self, signo):
        self.popen.send_signal(signo)

    def freeze(self):
        """Stop it, so that everything that happens until it continues has happened together."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self.state() == "T", "the process to stop")

    def thaw(self):
        self.signal(signal.SIGCONT)

    def state(self):
        with open("/proc/%d/stat" % self.pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def wait(self, seconds=DEADLINE, what=None):
        """Wait for the end; the exit code, negative for a signal."""
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("%s did not exit within %g s%s"
                          % (os.path.basename(self.argv[0]), seconds, what or "")) from None
        self.stderr.wait_end()
        if self.stdout:
            self.stdout.wait_end()
        check(not COMPLAINTS.search(self.stderr.bytes()), "a sanitizer or valgrind complained")
        return code

    def running(self):
        return self.popen.poll() is None

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()

    def describe(self):
        """For the report of a failure: its state, and the end of its output."""
        yield "%s: %s" % (" ".join(self.argv),
                          "running" if self.running() else "exit %s" % self.popen.returncode)
        if self.running():
            yield from stacks(self.pid)
        for name, output in (("stdout", self.stdout), ("stderr", self.stderr)):
            if output:
                data = output.bytes()
                yield "%s, %d bytes%s" % (name, len(data), ", the last:" if data else "")
                for line in data[-2000:].splitlines()[-25:]:
                    yield "  " + line.decode("utf-8", "backslashreplace")


running = []


def prepare(limits, group, before):
    if group:
        os.setpgid(0, 0)
    for which, value in limits.items():
        resource.setrlimit(which, (value, value))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for signo in (signal.SIGINT, signal.SIGHUP):  # ignored in the background, and under nohup
        signal.signal(signo, signal.SIG_DFL)
    if before:
        before()


def stacks(pid):
    """Where each thread of a program blocks, as far as this system reports it."""
    tasks = "/proc/%d/task" % pid
    for task in sorted(os.listdir(tasks)) if os.path.isdir(tasks) else []:
        for name in ("wchan", "syscall"):
            try:
                with open("%s/%s/%s" % (tasks, task, name)) as file:
                    yield "thread %s %s %s" % (task, name, file.read().strip())
            except OSError:
                pass
    try:
        gdb = subprocess.run(["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 12"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, timeout=30)
        text = gdb.stdout.decode("utf-8", "replace")
        yield from text[text.find("\nThread"):].split("\n")[:60]
    except (OSError, subprocess.SubprocessError):
        pass


def namespaces(*options):
    """A skip if this user may not make namespaces. A network in one is set up with ip."""
    need_program("unshare", *(["ip"] if "-n" in options else []))
    if subprocess.run(["unshare", *options, "true"], stderr=subprocess.DEVNULL).returncode:
        skip("this user may not make namespaces here")


class Server(Process):
    """The real server on a free port. `with` stops it by SIGTERM and checks how it ends."""

    def __init__(self, *options, host="127.0.0.1", **more):
        options = [str(o) for o in options]
        super().__init__([SERVER, "--port=0", "--host=" + host] + options, **more)
        self.host = host
        protocols = [p for p in ("tcp", "udp") if "--" + p in options] or ["tcp", "udp"]
        count = len(protocols) * len(addresses_of(host))
        pattern = rb"(?m)^listening (\w+) (\S+):(\d+) backend=(\S+)$"
        self.stderr.wait(lambda data: len(re.findall(pattern, bytes(data))) >= count,
                         "%d listening lines" % count)
        self.listening = [tuple(part.decode() for part in found)
                          for found in re.findall(pattern, self.stderr.bytes())]
        self.port = int(self.listening[0][2])
        self.backend = self.listening[0][3]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            if not self.ended():
                self.stop()
        return False

    def ended(self):
        return self.popen.returncode is not None

    def stop(self, signo=signal.SIGTERM, seconds=DEADLINE):
        """End it in order; the summary's numbers."""
        self.signal(signo)
        equal(self.wait(seconds), 0, "exit code after signal %d" % signo)
        return self.summary()

    def summary(self):
        found = re.findall(rb"(?m)^summary:? (.*)$", self.stderr.bytes())
        equal(len(found), 1, "summary lines")
        summary = numbers(found[0].decode())
        # The signal-driven models scan everything once a second in case a signal got lost.
        equal(summary["rescues"], 0, "descriptors that only the safety scan found ready")
        return summary

    def statistics(self):
        """The numbers of each --stats line so far."""
        return [numbers(line.decode()) for line in self.stderr.lines() if line.startswith(b"stats")]

    # -- clients ---------------------------------------------------------------------------

    def connect(self, host=None):
        """A connected TCP socket whose every operation has a deadline."""
        return socket.create_connection((host or self.host, self.port), DEADLINE)

    def datagram_socket(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(DEADLINE)
        sock.connect((self.host, self.port))
        return sock

    def echo(self, message, sock=None):
        """One round trip, on a connection of its own unless one is given."""
        own = sock is None
        sock = self.connect() if own else sock
        try:
            sock.sendall(message)
            equal(receive(sock, len(message)), message, "echo")
        finally:
            if own:
                sock.close()

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sleeps(self):
        """How often it has gone to sleep: once a request, unless it is busy."""
        with open("/proc/%d/status" % self.pid) as file:
            return int(re.search(r"(?m)^voluntary_ctxt_switches:\s*(\d+)", file.read()).group(1))

    def check_memory(self, limit_kb=32 * 1024):
        """It keeps less than that in memory; with a sanitizer, whose own memory hides it, nothing is
        checked."""
        with open("/proc/%d/status" % self.pid) as file:
            resident = int(re.search(r"VmRSS:\s*(\d+) kB", file.read()).group(1))
        if not sanitized():
            check(resident < limit_kb, "it holds %d KB of memory" % resident)

    def kernel_drops(self):
        """The kernel's own count of datagrams dropped on our UDP port. The table is read in pieces, and
        a socket that is opened or closed during that can make one appear twice: inodes identify them."""
        drops = {}
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            with open(table) as file:
                for line in file.readlines()[1:]:
                    fields = line.split()
                    if int(fields[1].rsplit(":", 1)[1], 16) == self.port:
                        drops[fields[9]] = int(fields[-1])
        return sum(drops.values())


def sanitized():
    """Was the server built with a sanitizer, or does it run in valgrind?"""
    with open(SERVER, "rb") as file:
        return re.search(rb"__[at]san_init", file.read()) is not None


def numbers(text):
    """{"records": 100, ...} of `records=100 ...`."""
    return {name: float(value) if "." in value else int(value)
            for name, value in re.findall(r"([\w-]+)=(-?\d+(?:\.\d+)?)\b", text)}


def run(program, *options, **more):
    """Run to the end: (exit code, stdout, stderr) as bytes."""
    seconds = more.pop("seconds", DEADLINE)
    process = Process([program] + list(options), **more)
    code = process.wait(seconds)
    return code, process.stdout.bytes() if process.stdout else b"", process.stderr.bytes()


# ---- sockets -------------------------------------------------------------------------------


def addresses_of(host):
    """The addresses that a server with this name listens on."""
    if host == "localhost":
        return ["127.0.0.1"] + (["::1"] if has_ipv6() else [])
    found = socket.getaddrinfo(host, 1, type=socket.SOCK_STREAM)
    return sorted({address[0] for _, _, _, _, address in found})


def limit_buffers(sock, size=200000):
    """The kernel lets buffers grow to megabytes, late and a few at a time, but not those that were given a
    size: with it a peer that echoes to a client that does not receive is stuck soon."""
    for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, buffer, size)


def unread(sock):
    """Bytes of this TCP connection that its peer, on this machine, has not received yet."""
    ends = (sock.getpeername()[1], sock.getsockname()[1])
    with open("/proc/net/tcp6" if sock.family == socket.AF_INET6 else "/proc/net/tcp") as file:
        for fields in map(str.split, file.readlines()[1:]):
            if tuple(int(end.rsplit(":", 1)[1], 16) for end in fields[1:3]) == ends:
                return int(fields[4].split(":")[1], 16)
    return 0


def receive(sock, size):
    """Exactly `size` bytes, or as many as came before the end."""
    chunks, left = [], size
    while left:
        chunk = sock.recv(min(left, 1 << 16))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def receive_all(sock):
    """Everything up to the end of input."""
    chunks = []
    while True:
        chunk = sock.recv(1 << 16)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


def readable(sock, seconds):
    return ready(sock, select.POLLIN, seconds)


def writable(sock, seconds):
    return ready(sock, select.POLLOUT, seconds)


def fill(socks, send, seconds):
    """send(sock) to those that take something, until none of them has done so for this long."""
    by_number = {sock.fileno(): sock for sock in socks}
    poll = select.poll()
    for number in by_number:
        poll.register(number, select.POLLOUT)
    while True:
        found = poll.poll(seconds * 1000)
        if not found:
            return
        for number, _ in found:
            send(by_number[number])


def ready(sock, events, seconds):
    poll = select.poll()
    poll.register(sock, events)
    return bool(poll.poll(seconds * 1000))


def wait_until(condition, what, seconds=DEADLINE):
    """For conditions that can only be polled, not waited for (a file of /proc): poll until true."""
    deadline = Deadline(seconds)
    pause = threading.Event()
    while True:
        result = condition()
        if result:
            return result
        if deadline.over():
            raise Failure("waited %g s for %s" % (seconds, what))
        pause.wait(0.005)


def pass_time(seconds):
    """For things that must not have happened after this time, or must last this long."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "the time to pass")


def need_descriptors(count):
    """Let this process and its children open `count` descriptors, or skip."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        skip("the limit of open files here is %d, %d are needed" % (hard, count))
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def need_ipv6():
    if not has_ipv6():
        skip("no IPv6 loopback here")


# ---- TAP -----------------------------------------------------------------------------------

cases = []


def case(name):
    def add(function):
        cases.append((name, function))
        return function
    return add


def finish():
    """Nothing that a case started outlives it."""
    for process in running:
        process.kill()
    del running[:]


def run_case(function):
    """(ok, directive, diagnostics)"""
    try:
        function()
        for process in running:
            check(not COMPLAINTS.search(process.stderr.bytes()), "a sanitizer complained")
        return True, "", []
    except Skip as reason:
        return True, " # SKIP %s" % reason, []
    except Exception as error:  # whatever went wrong, the next case is tried
        notes = ["%s: %s" % (type(error).__name__, error)]
        notes += ["at %s:%d %s" % (os.path.basename(f.filename), f.lineno, f.line)
                  for f in traceback.extract_tb(error.__traceback__)]
        guilty = [p for p in running if p.running() or p.popen.returncode] or running[:1]
        for process in guilty[:5]:
            notes += process.describe()
        return False, "", notes


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    wanted = os.environ.get("IOLOOP_CASE")  # a part of a name, to run one case by hand
    chosen = [c for c in cases if not wanted or wanted in c[0]]
    print("1..%d" % len(chosen), flush=True)
    failed = False
    for number, (name, function) in enumerate(chosen, 1):
        faulthandler.dump_traceback_later(CASE_DEADLINE, exit=True)
        ok, directive, notes = run_case(function)
        finish()
        faulthandler.cancel_dump_traceback_later()
        for note in notes:
            for line in str(note).split("\n"):
                print("# " + line)
        print("%s %d - %s%s" % ("ok" if ok else "not ok", number, name, directive), flush=True)
        failed = failed or not ok
    sys.exit(1 if failed else 0)
