# SPDX-License-Identifier: MIT
"""tests/lectures.py: it passes correct texts, and finds differences."""
import os
import re
import sys
import tempfile

from harness import case, check, equal, main
from process import run

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lectures.py")


class Lecture:
    """A text with these blocks, run."""

    def __init__(self, text, *options, wrapper=()):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "lecture.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            self.code, out, self.err = run(*wrapper, sys.executable, RUNNER, "--seconds=3", *options, path)
            self.out = out.decode()
            with open(path, encoding="utf-8") as file:
                self.text = file.read()


def console(lines, before=""):
    return "Text.\n\n%s```console\n%s```\n" % (before, lines)


def passes(text):
    lecture = Lecture(text)
    equal(lecture.code, 0, "exit code, with %s" % lecture.out)
    equal(lecture.text, text, "the text after it was run")


def fails(text):
    lecture = Lecture(text)
    equal(lecture.code, 1, "exit code, with %s" % lecture.out)
    return lecture.out


@case("a block that shows what is printed passes, one that shows something else fails with a diff")
def _():
    passes(console("$ echo one; echo two >&2\none\ntwo\n"))
    out = fails(console("$ echo one; echo two\none\nthree\n"))
    check(re.search(r"(?m)^# -three$", out) and re.search(r"(?m)^# \+two$", out), out)


@case("a line too few and a line too many are found")
def _():
    fails(console("$ echo one\n"))
    fails(console("$ echo one\none\ntwo\n"))
    fails(console("$ true\n$ echo one\none\none\n"))


@case("three dots are anything in a line, a line of them any lines")
def _():
    passes(console("$ seq 1 9; echo 'took 12 ms'\n1\n...\n8\n9\ntook ... ms\n"))
    fails(console("$ echo 'took 12 ms'\ntook ... s\n"))
    fails(console("$ seq 1 9\n1\n...\n8\n"))


@case("what varies is equal to what varies in the same way, and to nothing else")
def _():
    passes(console("$ echo 12 of 100\n7 of 100\n", r"<!-- varies: \d+(?= of) -->" + "\n"))
    fails(console("$ echo 12 of 99\n7 of 100\n", r"<!-- varies: \d+(?= of) -->" + "\n"))
    fails(console("$ echo none of 100\n7 of 100\n", r"<!-- varies: \d+(?= of) -->" + "\n"))


@case("variables, functions and files stay for the next block, and the port is shown as 8888")
def _():
    passes(console("$ f() { echo $1; }; x=5; echo y >file\n") + console("$ f $x; cat file\n5\ny\n") +
           console("$ echo $PORT\n8888\n"))


@case("descriptors are numbered as in a shell of one's own, whatever the runner has inherited")
def _():
    lecture = Lecture(console("$ for n in 3 4 5 6 7; do [ -e /dev/fd/$n ] || echo $n; done\n3\n4\n5\n6\n7\n"),
                      wrapper=["sh", "-c", 'exec "$@" 3</dev/null 5</dev/null 7</dev/null', "sh"])
    equal(lecture.code, 0, "exit code, with %s" % lecture.out)


@case("a command waits for what the last one's jobs print, and goes on over lines")
def _():
    passes(console("$ (sleep 0.3; echo late) &\nlate\n$ echo \\\n> after\nafter\n"))


@case("what a block has started is ended with it, whatever it ignores")
def _():
    passes(console("$ (trap '' TERM; while :; do sleep 1; done) & echo $! >pid\n") +
           console("$ kill -0 $(cat pid) 2>/dev/null || echo gone\ngone\n"))


@case("a command that hangs fails its block, and the next one runs")
def _():
    out = fails(console("$ sleep 100\n") + console("$ echo here\nhere\n"))
    check(re.search(r"(?m)^not ok 1 ", out) and re.search(r"(?m)^ok 2 ", out), out)


@case("a loop of the shell that does not end fails its block, and the next one runs")
def _():
    out = fails(console("$ until false; do sleep 0.1; done\n") + console("$ echo here\nhere\n"))
    check(re.search(r"(?m)^not ok 1 ", out) and re.search(r"(?m)^ok 2 ", out), out)


@case("a program that is missing leaves out the block that needs it")
def _():
    lecture = Lecture(console("$ no-such-program\n", "<!-- needs: no-such-program -->\n"))
    equal(lecture.code, 0, "exit code")
    check("# SKIP missing: no-such-program" in lecture.out, lecture.out)


@case("a module that Python lacks leaves out the block that needs it")
def _():
    lecture = Lecture(console("$ no-such-program\n", "<!-- needs-python: json no_such_module -->\n") +
                      console("$ python3 -c 'import json; print(7)'\n7\n", "<!-- needs-python: json -->\n"))
    equal(lecture.code, 0, "exit code, with %s" % lecture.out)
    check("# SKIP missing: ModuleNotFoundError: No module named 'no_such_module'\n" in lecture.out, lecture.out)
    check(re.search(r"(?m)^ok 2 - [^#]*$", lecture.out), lecture.out)


LISTING = """#!/bin/sh
cat <<'END'
NAME         MODEL          AVAILABLE                          FEATURES
poll         multiplexing   available                          ns-timeouts
epoll        multiplexing   available (default)                scales
io_uring     asynchronous   no: not permitted here (EPERM; a seccomp filter)  -
END
"""


def with_server(text):
    """The lecture, with a server that has poll and epoll, and no io_uring."""
    with tempfile.TemporaryDirectory() as build:
        path = os.path.join(build, "server")
        with open(path, "w", encoding="utf-8") as file:
            file.write(LISTING)
        os.chmod(path, 0o755)
        return Lecture(text, "--build=" + build)


@case("a backend that the kernel refuses leaves out the block that needs it, and says why")
def _():
    lecture = with_server(console("$ exit 3\n", "<!-- needs-backend: poll io_uring -->\n") +
                          console("$ echo here\nhere\n", "<!-- needs-backend: poll epoll -->\n"))
    equal(lecture.code, 0, "exit code, with %s" % lecture.out)
    check("# SKIP needs io_uring, not here: not permitted here (EPERM; a seccomp filter)\n" in lecture.out,
          lecture.out)
    check(re.search(r"(?m)^ok 2 - [^#]*$", lecture.out), lecture.out)


@case("a block that needs a backend which there is runs, and fails as any other")
def _():
    lecture = with_server(console("$ echo one\ntwo\n", "<!-- needs-backend: poll -->\n"))
    equal(lecture.code, 1, "exit code, with %s" % lecture.out)


@case("an unknown backend is a mistake of the text, and no reason to leave a block out")
def _():
    lecture = with_server(console("$ true\n", "<!-- needs-backend: iouring -->\n"))
    equal(lecture.code, 1, "exit code, with %s" % lecture.out)
    check("knows no iouring" in lecture.out, lecture.out)


@case("the lectures: a block names each backend that it uses and that a build may lack")
def _():
    folder = os.path.join(os.path.dirname(RUNNER), "..", "docs", "lectures")
    found = 0
    for name in sorted(n for n in os.listdir(folder) if re.match(r"\d\d-.*\.md$", n)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = file.read()
        for before, block in re.findall(r"(?ms)^((?:<!-- .*? -->\n)*)```console\n(.*?)^```$", text):
            used = set(re.findall(r"--backend=([\w-]+)", block)) - {"blocking", "nonblocking", "poll", "select"}
            needed = set(" ".join(re.findall(r"needs-backend: (.*?) -->", before)).split())
            check(used <= needed, "%s: %r needs %s" % (name, block.split("\n")[0], sorted(used - needed)))
            found += len(used)
    check(found > 20, "%d uses of a backend found" % found)


@case("--update writes what was printed, and keeps wildcards that hold")
def _():
    before = console("$ echo new\nold\n$ echo a b c\na ... c\n")
    lecture = Lecture(before, "--update", "--seconds=20")
    equal((lecture.code, lecture.text), (0, before.replace("old", "new")), "exit code and text")


@case("blocks that are not marked console are left alone")
def _():
    passes("```sh\n$ exit 3\n```\n" + console("$ true\n"))


main()
