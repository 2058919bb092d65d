# SPDX-License-Identifier: MIT
"""The lab's workloads (bench/workloads/): each does as much as it claims. Usage: workloads.py PROGRAM

PROGRAM is one bench-workload-NAME. The work is verified from outside: by strace's counts if it is
installed, and by figures that must grow with the work.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

from harness import case, check, equal, main, need_program, skip
from process import run

PROGRAM = sys.argv[1]
NAME = os.path.basename(PROGRAM)[len("bench-workload-"):]
METHODS = {"ioloop": ["poll", "select", "nonblocking"], "libevent": ["epoll", "poll", "select"],
           "libev": ["epoll", "poll", "select"]}.get(NAME, ["-"])
TIMERS = NAME not in ("epoll", "poll", "select")


def measured(*words):
    """{operations, ns, cpu_ns} and the second line."""
    code, out, error = run(PROGRAM, *words)
    equal((code, error), (0, b""), "end of %r" % (words,))
    lines = out.decode().splitlines()
    found = re.fullmatch(r"operations=(\d+) ns=(\d+) cpu_ns=(\d+)", lines[0])
    check(found, "the first line: %r" % lines[0])
    equal(len(lines), 2 if words[0] == "wake" else 1, "lines")
    operations, ns, cpu_ns = map(int, found.groups())
    check(ns > 0 and cpu_ns > 0, "times: %r" % lines[0])
    return operations, ns, lines[1:]


def refused(code, words, *expected):
    got, out, error = run(PROGRAM, *words)
    equal((got, out, error.count(b"\n")), (code, b"", 1), "end of %r: %r" % (words, error))
    for part in expected:
        check(part in error.decode(), "%r in %r" % (part, error))


@case("a ring makes the right number of events under each method, over pipes and socket pairs")
def _():
    for method in METHODS:
        for last in ((), ("socketpair",)):
            operations, _, _ = measured("ring", method, "50", "7", "300", "3", *last)
            equal(operations, 3 * 307, "events under %s" % method)


def calls(*words):
    """System calls by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table")
        traced = subprocess.run(["strace", "-f", "-c", "-o", path, PROGRAM] + list(words),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)
        if traced.returncode:
            skip("strace may not trace here")
        with open(path) as file:
            rows = [line.split() for line in file]
    return {row[-1]: int(row[3]) for row in rows if len(row) in (5, 6) and row[3].isdigit()}


@case("an event of a ring is one read and one write")
def _():
    need_program("strace")
    method = "epoll" if NAME == "ioloop" else METHODS[0]
    if NAME == "ioloop" and run(PROGRAM, "ring", method, "1", "1", "1", "1")[0]:
        skip("no epoll here")
    short, long = (calls("ring", method, "20", "3", str(n), "1") for n in (100, 1100))
    for name in ("read", "write"):
        equal(long[name] - short[name], 1000, "%ss of 1,000 more events" % name)


@case("a byte runs through all pipes of a cascade")
def _():
    for method in METHODS:
        equal(measured("cascade", method, "40")[0], 40, "events under %s" % method)
        equal(measured("cascade", method, "40", "5")[0], 200, "events of 5 rounds")
        equal(measured("cascade", method, "1")[0], 1, "events of one pipe")


@case("handlers are added and removed TIMES times")
def _():
    for method in METHODS:
        equal(measured("handlers", method, "30", "4")[0], 120, "pairs under %s" % method)


@case("timers: one operation on each, or there are none")
def _():
    for operation in ("add", "rearm", "cancel", "fire"):
        if TIMERS:
            equal(measured("timers", METHODS[0], "3000", operation)[0], 3000, operation)
        else:
            refused(1, ("timers", "-", "3000", operation), "has no timers")


@case("another thread's wakes are all called, and each is in the histogram")
def _():
    for method in METHODS:
        operations, ns, lines = measured("wake", method, "200")
        histogram = json.loads(lines[0])
        equal((operations, histogram["count"]), (200, 200), "wakes under %s" % method)
        check(0 < histogram["min"] <= histogram["max"] < ns, "times: %r" % histogram)
        equal(sum(n for _, n in histogram["counts"]), 200, "values in buckets")


@case("an unavailable method is reported in one line")
def _():
    refused(1 if NAME != "ioloop" else 2, ("ring", "nonsense", "10", "1", "1", "1"), "nonsense")
    refused(1, ("ring", METHODS[0], "1000000", "1", "1", "1"), "descriptors")


if NAME == "libevent":
    @case("libevent's select, which aborts past descriptor 1023, is refused")
    def _():
        refused(1, ("ring", "select", "600", "1", "10", "1"), "1023")

if NAME in ("libev", "select"):
    @case("select goes past descriptor 1023")
    def _():
        equal(measured("ring", METHODS[-1], "1000", "1", "10", "1")[0], 11, "events")


@case("a wrong command line is reported in one line, --help helps")
def _():
    for words in ([], ["ring"], ["ring", METHODS[0], "1", "1", "1"], ["nonsense", METHODS[0], "1"],
                  ["ring", METHODS[0], "10", "11", "1", "1"], ["wake", METHODS[0], "0"],
                  ["ring", METHODS[0], "1", "1", "1", "1", "file"], ["wake", METHODS[0], "-1"],
                  ["timers", METHODS[0], "10", "nonsense"], ["handlers", METHODS[0], "1x", "1"],
                  ["ring", METHODS[0]] + ["1"] * 20, ["--nonsense"]):
        refused(2, words)
    code, out, error = run(PROGRAM, "--help")
    equal((code, error), (0, b""), "end of --help")
    check(b"ring METHOD PIPES" in out, "says how it is used")


main()
