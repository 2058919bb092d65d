# SPDX-License-Identifier: MIT
"""README.md is correct: its program runs, its outputs and tables are the real ones."""
import os
import pty
import re

from harness import CLIENT, SERVER, case, check, equal, main, skip
from process import Output, Process, run

SOURCE = os.environ["IOLOOP_SOURCE"]
PROGRAM = os.environ["IOLOOP_README_PROGRAM"]

with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
    README = file.read()


def listed():
    """[(name, is it available)] of --list-backends"""
    _, out, _ = run(SERVER, "--list-backends")
    lines = out.decode().split("\n")[1:]
    return [(line.split()[0], re.search(r"\bavailable\b|\byes\b", line) is not None)
            for line in lines if line and not line.startswith(" ")]


@case("the program is short, and runs under every model but nonblocking")
def _():
    block = re.search(r"```c\n(.*?)```", README, re.DOTALL).group(1)
    check(len(block.strip().split("\n")) <= 40, "it has more than 40 lines")
    for name, available in listed():
        # The program does not handle EAGAIN under nonblocking, as the README says; blocking is the
        # server's.
        if not available or name in ("nonblocking", "blocking"):
            continue
        reader, typing = os.pipe()
        master, slave = pty.openpty()  # a terminal, so that each line is printed at once
        screen = Output(master)
        process = Process([PROGRAM], stdin=reader, stdout=slave, env={"IOLOOP_BACKEND": name})
        os.close(reader)
        os.close(slave)
        screen.wait_match(rb"tick 1 on %s\r\n" % name.encode())
        os.write(typing, b"hello\n")
        screen.wait_match(rb"\n6 bytes after [1-9]\d* ticks, events 0x1\r\n")
        os.close(typing)
        equal(process.wait(), 0, "exit code under " + name)


@case("the program reports why it cannot start")
def _():
    code, out, err = run(PROGRAM, env={"IOLOOP_BACKEND": "sigoi"})
    equal((code, out), (1, b""), "exit code and stdout with an unknown backend")
    check(re.fullmatch(rb"cannot start: .*\bsigio\b.* \(Invalid argument\)\n", err), "stderr: %r" % err)
    with open(os.path.join(SOURCE, "README.md")) as regular:
        code, _, err = run(PROGRAM, stdin=regular, env={"IOLOOP_BACKEND": "poll"})
    equal((code, err), (1, b"cannot start: stdin cannot be watched (Operation not permitted)\n"),
          "exit code and stderr with a file")


@case("each command that it shows has the options that it shows")
def _():
    shown = re.findall(r"`build/(\w+) ([^`]*)`", README)
    check(len(shown) > 6, "only %d commands found" % len(shown))
    for name, words in shown:
        program = os.path.join(os.path.dirname(SERVER), name)
        if not os.path.exists(program):  # a build without the lab, or without ioladder
            continue
        real = run(program, "--help")[1].decode()
        for option in re.findall(r"--[a-z-]+", words):
            check(option in real or option == "--help", "%s has no option %s" % (name, option))


@case("its table has every model")
def _():
    shown = set(re.findall(r"`([\w-]+)`", "".join(re.findall(r"(?m)^\| (`.*?) \|", README))))
    equal(sorted(name for name, _ in listed() if name not in shown), [], "models that are not in the table")


@case("every file that it names is there")
def _():
    names = set(re.findall(r"(?:src|backends|tests|docs|bench|\.ci)/[\w./-]*\w", README))
    check(len(names) > 10, "only %d names found" % len(names))
    missing = [name for name in sorted(names)
               if name != "backends/NAME.c" and not os.path.exists(os.path.join(SOURCE, name))]
    equal(missing, [], "missing files")


main()
