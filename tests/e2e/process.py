# SPDX-License-Identifier: MIT
"""A program under test: started, its output collected, its end observed."""
import os
import re
import resource
import signal
import subprocess
import threading

from harness import (COMPLAINTS, DEADLINE, Deadline, Failure, check, need_program, running, short, skip,
                     wait_until)

DISCARD = subprocess.DEVNULL
COLLECT = "collect"


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


def run(program, *options, **more):
    """Run to the end: (exit code, stdout, stderr) as bytes."""
    seconds = more.pop("seconds", DEADLINE)
    process = Process([program] + list(options), **more)
    code = process.wait(seconds)
    return code, process.stdout.bytes() if process.stdout else b"", process.stderr.bytes()
