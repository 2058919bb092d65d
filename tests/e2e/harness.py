# SPDX-License-Identifier: MIT
"""Shared by the end-to-end tests: cases, what they check and wait for, and their results in TAP.
process.py runs programs, server.py the server, sockets.py is about sockets.

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
import shutil
import signal
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


# ---- TAP -----------------------------------------------------------------------------------

cases = []
running = []  # every Process that a case has started


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
