#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other projects' tests on ioloop's backends: CPython's test_selectors and test_asyncio (Debian's
libpython3.11-testsuite), and Tornado's own (python3-tornado).

    PYTHONPATH=build/src/python tests/outside/run.py [OPTION...] BACKEND...

    --suite=NAME    selectors, asyncio or tornado only; may be repeated
    --io            of asyncio only the modules whose tests wait for descriptors
    --jobs=N        suites at a time (default: twice the processors: they wait more than they work)
    --verbose       show the suites' own output

A BACKEND is one of ioloop's, or `stock`: CPython's selector, for comparison. The suites are those that are
installed: selectors.DefaultSelector, EpollSelector, PollSelector and SelectSelector are replaced before
they start, so that every event loop waits on the backend. Tests that CPython repeats for each of its
selectors are then the same, and run once.

known.txt lists each test that fails for a reason that lies in the model, with the reason (`*`: all of them,
which are then not run): it counts as skipped, and as failed if it passes, unless `?` follows its name. A test
that fails is tried again after the others, twice at most, as CPython's own runner does: many have deadlines
that a busy machine misses.

Prints TAP, one result per suite and backend, then a table, and the totals of single tests. The exit code is
1 if a test failed.
"""
import argparse
import collections
import concurrent.futures
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SUITES = {  # the module that must be there, and its package
    "selectors": ("test.test_selectors", "libpython3.11-testsuite"),
    "asyncio": ("test.test_asyncio", "libpython3.11-testsuite"),
    "tornado": ("tornado.test", "python3-tornado"),
}
DEADLINE = 3000  # seconds; only a suite that hangs meets it

Result = collections.namedtuple("Result", "backend suite passed failed known skipped notes seconds error")


# ---- known differences ---------------------------------------------------------------------


def known_differences(backend):
    """{test: reason} for this backend."""
    known = {}
    with open(os.path.join(HERE, "known.txt"), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = re.fullmatch(r"(\S+)\s+(\S+)\s+(\S.*)", line.strip())
            if not fields:
                sys.exit("known.txt:%d: needs backends, a test and a reason" % number)
            if {backend, "any"} & set(fields.group(1).split(",")):
                known[fields.group(2)] = fields.group(3)
    return known


# ---- one suite in a process of its own -----------------------------------------------------


def environment():
    """PYTHONPATH for another current folder."""
    path = [os.path.abspath(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(path))


def run_suite(arguments):
    """Start the worker (suite.py) and read its results."""
    backend, suite, options = arguments
    module, package = SUITES[suite]
    whole = known_differences(backend).get("*")
    if whole:
        return Result(backend, suite, 0, 0, 0, 0, [], 0.0, whole)
    if not available(module):
        return Result(backend, suite, 0, 0, 0, 0, [], 0.0, "missing: %s, not installed" % package)
    command = [sys.executable, "-W", "ignore", os.path.join(HERE, "suite.py"), backend, suite]
    if options.io:
        command.append("--io")
    with tempfile.TemporaryFile("w+", errors="replace") as log, tempfile.NamedTemporaryFile("r") as answer:
        output = None if options.verbose else log
        try:
            code = subprocess.run(command + ["--answer=" + answer.name], stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=output, timeout=DEADLINE, cwd=tempfile.gettempdir(), env=environment()).returncode
        except subprocess.TimeoutExpired:
            code = "none within %d s" % DEADLINE
        text = answer.read()
        log.seek(0)
        tail = log.read()[-3000:]
    if not text:
        return Result(backend, suite, 0, 1, 0, 0, [], 0.0, "no result, exit code %s\n%s" % (code, tail))
    return judge(backend, suite, json.loads(text))


def available(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def judge(backend, suite, answer):
    """Failures that are known, and known ones that did not fail."""
    listed = known_differences(backend)
    known = {test.rstrip("?"): reason for test, reason in listed.items() if test.rstrip("?") in answer["tests"]}
    failures = answer["failures"]
    unknown = sorted(set(failures) - set(known))
    notes = ["%s: %s" % (test, failures[test]) for test in unknown]
    healed = sorted(test for test in known if test in listed and test not in failures and test not in answer["skipped"])
    notes += ["%s: is in known.txt, and passes" % test for test in healed]
    notes += ["known: %s: %s" % (test, known[test]) for test in sorted(set(failures) & set(known))]
    notes += ["passed when it was tried again: %s" % test for test in answer["retried"]]
    failed = len(unknown) + len(healed)
    count = len(set(failures) & set(known))
    passed = answer["run"] - failed - count - len(answer["skipped"])
    return Result(backend, suite, passed, failed, count, len(answer["skipped"]), notes, answer["seconds"], "")


# ---- output --------------------------------------------------------------------------------


def print_tap(number, result, several):
    for note in result.notes + ([result.error] if result.failed and result.error else []):
        for line in note.rstrip().split("\n"):
            print("# " + line)
    name = SUITES[result.suite][0] + (" on " + result.backend if several else "")
    if result.error and not result.failed:
        print("ok %d - %s # SKIP %s" % (number, name, result.error), flush=True)
        return
    counts = "%d passed, %d failed, %d known, %d skipped" % (
        result.passed, result.failed, result.known, result.skipped)
    print("# %s, %.0f s" % (counts, result.seconds))
    print("%s %d - %s" % ("not ok" if result.failed else "ok", number, name), flush=True)


def print_table(results):
    print("# %-22s %-10s %6s %6s %6s %7s %8s" % ("backend", "suite", "passed", "failed", "known", "skipped", "seconds"))
    for r in results:
        print("# %-22s %-10s %6d %6d %6d %7d %8.0f" % (
            r.backend, r.suite, r.passed, r.failed, r.known, r.skipped, r.seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", action="append", choices=sorted(SUITES))
    parser.add_argument("--io", action="store_true")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--totals", action="store_true", help="end with the line that .ci/run counts")
    parser.add_argument("backends", nargs="+", metavar="BACKEND")
    options = parser.parse_args()
    wanted = options.suite or list(SUITES)
    # The longest first.
    jobs = [(b, s, options) for s in ("asyncio", "tornado", "selectors") if s in wanted for b in options.backends]
    print("1..%d" % len(jobs), flush=True)
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, result in enumerate(pool.map(run_suite, jobs), 1):
            print_tap(number, result, len(options.backends) > 1)
            results.append(result)
    print_table(sorted(results, key=lambda r: (options.backends.index(r.backend), r.suite)))
    failed = sum(r.failed for r in results)
    if options.totals:
        print("%d passed, %d failed, %d skipped" % (
            sum(r.passed for r in results), failed, sum(r.known + r.skipped for r in results)))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
