#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the commands of the lectures and compares what they print with what the lecture shows.

    lectures.py [--update] [--build=DIR] FILE.md...

Each fenced block marked `console` is a case. A line that begins with `$ ` is a command; if it ends in a
backslash, lines that begin with `> ` continue it. All other lines are its output.
docs/lectures/README.md has the rules for writers; in short:

  - One bash per file, in an empty folder. Variables, functions and files stay; processes that a block
    started are ended with it, the whole process group except the shell.
  - PATH begins with the build folder. PORT is free for TCP and UDP; the text shows it as 8888.
  - The next command is typed when the output so far is what the text shows, as a reader would do
    who waits until the server prints that it listens. There is a deadline; nothing sleeps.
  - `...` in an output line stands for anything in that line; a line `...` for any lines.
  - A comment before the block says what else varies: `<!-- varies: REGEX -->` makes text that matches
    the REGEX equal to any other text that does; `<!-- needs: NAME... -->` leaves the block out if a
    program is missing, `<!-- needs-backend: NAME... -->` if the server does not have it or the kernel
    refuses it, `<!-- needs-python: MODULE... -->` if Python lacks a module.

--update writes the commands' output into the files. So figures in the text come from a run, not from a
keyboard.
"""
import argparse
import difflib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
from harness import Deadline, Failure, case, main as run_cases  # noqa: E402
from lecture_needs import packages_of, path_of, prefer_python_with_tornado, skip_without  # noqa: E402
from sockets import free_port  # noqa: E402

BLOCK_SECONDS = 60.0  # without --seconds; only a failing block takes this long
QUIET_SECONDS = 1.0   # --update: output that pauses this long is complete
JOB_SECONDS = 5.0     # time to end after SIGTERM before SIGKILL
SHOWN_PORT = "8888"

# Reads commands from descriptor 9, each ended by a zero byte, and reports on 8 that one is done.
SHELL = r"""while IFS= read -r -d '' -u 9 lecture_command; do
  eval "$lecture_command"
  echo >&8
done
"""
REAP = "{ wait; } 2>/dev/null"  # prints nothing about killed jobs


# ---- the text ----------------------------------------------------------------------------------


class Step:
    """A command and the lines that it prints; the first step of a block may have no command."""

    def __init__(self, typed):
        self.typed = typed  # the lines as in the text
        self.expected = []
        self.printed = None

    def command(self):
        return "\n".join(line[2:] for line in self.typed)


class Block:
    def __init__(self, first, last, lines, directives):
        self.first, self.last = first, last  # line numbers between the fences, from 0
        self.steps = []
        self.varies = [re.compile(text) for name, text in directives if name == "varies"]
        self.needs = [word for name, text in directives if name == "needs" for word in text.split()]
        self.backends = [word for name, text in directives if name == "needs-backend"
                         for word in text.split()]
        self.modules = [word for name, text in directives if name == "needs-python" for word in text.split()]
        for line in lines:
            self.add(line)
        if not self.steps:
            raise ValueError("line %d: this console block is empty" % first)

    def add(self, line):
        last = self.steps[-1] if self.steps else None
        if line.startswith("$ "):
            self.steps.append(Step([line]))
        elif last is None:
            raise ValueError("line %d: a console block begins with a command: `$ ...`" % (self.first + 1))
        elif line.startswith("> ") and not last.expected and last.typed[-1].endswith("\\"):
            last.typed.append(line)
        else:
            last.expected.append(line)

    def shown(self):
        """The block's lines, with the actual output if it is known."""
        for step in self.steps:
            yield from step.typed
            yield from step.expected if step.printed is None else self.kept(step)

    def kept(self, step):
        """The output; lines of the text that have a wildcard stay if it still matches."""
        if self.matches(step.expected, step.printed) and any("..." in line for line in step.expected):
            return step.expected
        return step.printed

    def plain(self, line):
        """The line without its varying parts."""
        for pattern in self.varies:
            line = pattern.sub("<varies>", line)
        return line

    def line_matches(self, expected, line):
        parts = [re.escape(part) for part in self.plain(expected).split("...")]
        return re.fullmatch(".*".join(parts), self.plain(line)) is not None

    def matches(self, expected, lines):
        """Do these lines match, all of them?"""
        if not expected:
            return not lines
        if expected[0] == "...":
            return any(self.matches(expected[1:], lines[i:]) for i in range(len(lines) + 1))
        return bool(lines) and self.line_matches(expected[0], lines[0]) and \
            self.matches(expected[1:], lines[1:])


FENCE = re.compile(r"^(`{3,})(.*)$")
DIRECTIVE = re.compile(r"^<!-- (varies|needs|needs-backend|needs-python): (.*) -->$")


def blocks_of(lines):
    """The console blocks of a text. A directive is the line directly before its block."""
    directives, i = [], 0
    while i < len(lines):
        fence, directive = FENCE.match(lines[i]), DIRECTIVE.match(lines[i])
        if directive:
            directives.append(directive.groups())
        elif fence:
            end = next((j for j in range(i + 1, len(lines)) if lines[j] == fence.group(1)), None)
            if end is None:
                raise ValueError("line %d: this code block has no end" % (i + 1))
            if fence.group(2).strip() == "console":
                yield Block(i + 1, end, lines[i + 1:end], directives)
            directives, i = [], end
        else:
            directives = []
        i += 1


# ---- the shell -----------------------------------------------------------------------------------


class Shell:
    """A bash that gets one command at a time, and the output of it and its jobs."""

    def __init__(self, folder, path, build):
        self.folder, self.path, self.port = folder, path, str(free_port(socket.SOCK_STREAM, socket.SOCK_DGRAM))
        self.packages = packages_of(build)
        self.start()

    def start(self):
        self.output, self.unfinished = b"", 0
        commands, self.commands = os.pipe()
        self.done, done = os.pipe()
        self.out, out = os.pipe()
        environment = dict(os.environ, PATH=self.path, PORT=self.port, TMPDIR=self.folder, LC_ALL="C.UTF-8",
                           NO_COLOR="1", PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=self.packages)
        environment.pop("IOLOOP_BACKEND", None)

        def place():
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            # By way of numbers that are out of the way: 8 and 9 may be in use here.
            os.dup2(commands, 29, inheritable=False)
            os.dup2(done, 28, inheritable=False)
            os.dup2(29, 9)
            os.dup2(28, 8)

        self.popen = subprocess.Popen(["bash", "--noprofile", "--norc", "-c", SHELL, "bash"],
                                      cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                      stdout=out, stderr=out, close_fds=False, preexec_fn=place,
                                      start_new_session=True)
        for fd in (commands, done, out):
            os.close(fd)

    def type(self, command):
        self.output = b""
        self.unfinished += 1
        os.write(self.commands, command.encode() + b"\0")

    def lines(self):
        """The output since the command was typed; an unfinished line counts as one."""
        text = self.output.decode("utf-8", "replace").replace(self.port, SHOWN_PORT)
        if text.endswith("\n"):
            text = text[:-1]
        elif not text:
            return []
        return [line.rstrip() for line in text.split("\n")]

    def read(self, seconds):
        """Wait for something to come out, or for the end of a command. True if anything came."""
        ready, _, _ = select.select([self.out, self.done], [], [], max(0.0, seconds))
        if self.done in ready:
            self.unfinished -= len(os.read(self.done, 64))
        # After the end of the command was read, not before: its last output came before that.
        while select.select([self.out], [], [], 0)[0]:
            chunk = os.read(self.out, 1 << 16)
            if not chunk:
                raise Failure("the shell ended")
            self.output += chunk
        return bool(ready)

    def wait(self, enough, deadline):
        """Wait until the command is done and `enough` is true for its lines. False after the deadline."""
        while self.unfinished or not enough(self.lines()):
            if deadline.over():
                return False
            self.read(deadline.left())
        return True

    def wait_quiet(self, deadline):
        """Until the command is done and nothing has come for a while."""
        while not deadline.over():
            if not self.read(QUIET_SECONDS) and not self.unfinished:
                return True
        return False

    def end_jobs(self):
        """Everything that is in the shell's process group; the shell as well, and there is another, if it
        goes on by itself, in a loop that nothing ends."""
        for signo in (signal.SIGTERM, signal.SIGKILL):
            deadline = Deadline(JOB_SECONDS)
            for pid in self.jobs():
                send(pid, signo)
                send(pid, signal.SIGCONT)
            while self.jobs() and not deadline.over():
                self.read(0.02)
        self.type(REAP)
        if not self.wait(lambda lines: True, Deadline(JOB_SECONDS)):
            self.kill()
            self.start()

    def jobs(self):
        return [pid for pid, group in processes() if group == self.popen.pid != pid]

    def end(self):
        self.end_jobs()
        self.kill()

    def kill(self):
        self.popen.kill()
        self.popen.wait()
        for pid in self.jobs():
            send(pid, signal.SIGKILL)
        for fd in (self.commands, self.done, self.out):
            os.close(fd)


def processes():
    """(pid, process group) of all; one that has ended and waits to be reaped is none."""
    if os.path.exists("/proc/self/stat"):
        rows = [row for row in map(row_of, filter(str.isdigit, os.listdir("/proc"))) if row]
    else:
        text = subprocess.run(["ps", "-A", "-o", "pid=,stat=,pgid="], stdout=subprocess.PIPE,
                              check=True).stdout.decode()
        rows = [line.split() for line in text.splitlines()]
    return [(int(pid), int(group)) for pid, state, group in rows if not state.startswith("Z")]


def row_of(pid):
    try:
        with open("/proc/%s/stat" % pid) as file:
            state, _, group = file.read().rsplit(")", 1)[1].split()[:3]
            return pid, state, group
    except OSError:
        return None


def send(pid, signo):
    try:
        os.kill(pid, signo)
    except ProcessLookupError:
        pass


# ---- running -------------------------------------------------------------------------------------


def run_block(block, shell, path, options):
    skip_without(block, path, shell.packages)
    deadline = Deadline(options.seconds)
    try:
        for step in block.steps:
            shell.type(step.command())
            complete = shell.wait_quiet(deadline) if options.update else \
                shell.wait(lambda lines, step=step: block.matches(step.expected, lines), deadline)
            step.printed = shell.lines()
            if not complete:
                raise Failure("after %g s this was not what the text shows:\n%s"
                              % (options.seconds, difference(block)))
    finally:
        shell.end_jobs()


def difference(block):
    """A diff from the text to the output, without varying parts."""
    shown, printed = [], []
    for step in block.steps:
        shown += step.typed + step.expected
        printed += step.typed
        if step.printed is None:
            printed += step.expected
        else:
            # A line that matches its place in the text is not a difference.
            for i, line in enumerate(step.printed):
                same = i < len(step.expected) and block.line_matches(step.expected[i], line)
                printed.append(step.expected[i] if same else line)
    return "\n".join(difflib.unified_diff(shown, printed, "the text", "this run", lineterm="", n=3))


class Lecture:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        try:
            self.blocks = list(blocks_of(self.lines))
        except ValueError as error:
            sys.exit("lectures.py: %s: %s" % (path, error))

    def write(self):
        lines = list(self.lines)
        for block in reversed(self.blocks):
            lines[block.first:block.last] = block.shown()
        if lines != self.lines:
            with open(self.path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines))


def add_cases(lecture, work, options):
    folder = os.path.join(work, os.path.basename(lecture.path))
    os.mkdir(folder)
    path = prefer_python_with_tornado(path_of(options.build), folder + ".bin")
    shell = Shell(folder, path, options.build)
    for block in lecture.blocks:
        name = "%s line %d: %s" % (os.path.basename(lecture.path), block.first,
                                   block.steps[0].typed[0][2:])
        case(name.replace("#", "-"))(
            lambda block=block: run_block(block, shell, path, options))
    return shell


def main():
    parser = argparse.ArgumentParser(prog="lectures.py", description=__doc__.split("\n")[0])
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--build", default=os.environ.get("IOLOOP_BUILD", "build"))
    parser.add_argument("--seconds", type=float, default=BLOCK_SECONDS,
                        help="how long a block may take (default: %(default)g)")
    parser.add_argument("files", nargs="+", metavar="FILE.md")
    options = parser.parse_args()
    # Inherited descriptors would have the numbers of those in the lectures.
    os.closerange(3, 64)
    lectures = [Lecture(path) for path in options.files]
    with tempfile.TemporaryDirectory() as work:
        shells = [add_cases(lecture, work, options) for lecture in lectures if lecture.blocks]
        try:
            run_cases()
        finally:
            for shell in shells:
                shell.end()
            if options.update:
                for lecture in lectures:
                    lecture.write()


if __name__ == "__main__":
    main()
