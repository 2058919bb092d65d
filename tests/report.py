#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The results of the last `meson test`: report.py BUILD_DIR [--matrix[=FILE]]

Reads the newest BUILD_DIR/meson-logs/testlog*.json (a run in valgrind has a log of its own) and prints
the matrix behaviour x backend (pass, FAIL, or the number of a footnote with the reason for a skip),
then the tests that belong to no backend, then the failures, and alone on the last line

    N passed, N failed, N skipped

which counts single results, not test programs. The matrix is also written to
BUILD_DIR/conformance-matrix.md, which `meson dist` packs. The exit code is 1 when anything failed, and when
nothing ran. A program that ended without reporting all it had planned is a failure of its own.

A skip because something was not installed or not built (its reason begins with "missing: ") is no
property of a model: these are listed once more before the last line, and where CI is set in the
environment they are failures.

--matrix prints the matrix only, as Markdown and without the gates, whose figures depend on the
machine; --matrix=docs/conformance.md puts its chapters there, between the two comments that mark their
place: counts, exceptions, and the titles of all behaviours (report_page.py).
"""
import collections
import glob
import json
import os
import re
import sys

import report_page

# Suites that are columns, the model without a loop last. A variant's suite comes after its backend's: epoll, libevent-poll.
BACKENDS = ["epoll", "epoll-et", "kqueue", "poll", "select", "rtsig", "sigio", "io_uring", "linux-aio", "nonblocking",
            "libevent", "blocking"]
PASS, FAIL, SKIP = "passed", "failed", "skipped"
MISSING = "missing: "

# One line of TAP; meson itself reads it so.
RESULT = re.compile(r"(ok|not ok)\b\s*(\d+)?\s*-?\s*([^#]*?)\s*(?:#\s*(\w+)\b\s*(.*))?$")
PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*(?:SKIP\S*|skip\S*)\s*(.*))?$")

Result = collections.namedtuple("Result", "test backend name state note gate")


# ---- reading -------------------------------------------------------------------------------


def read_log(folder):
    """Every single result of every program, in order of name."""
    logs = glob.glob(os.path.join(glob.escape(folder), "meson-logs", "testlog*.json"))
    if not logs:
        sys.exit("report.py: no meson-logs/testlog.json in %s (run meson test first)" % folder)
    path = max(logs, key=os.path.getmtime)
    try:
        with open(path, encoding="utf-8") as file:
            runs = [json.loads(line) for line in file if line.strip()]
    except OSError as error:
        sys.exit("report.py: %s: %s" % (path, error.strerror))
    results = []
    for run in sorted(runs, key=lambda run: run["name"]):
        results += results_of(run)
    return [without_excuse(result) for result in results] if os.environ.get("CI") else results


def is_missing(result):
    return result.state == SKIP and result.note.startswith(MISSING)


def without_excuse(result):
    """The result if everything should be installed and built."""
    return result._replace(state=FAIL, note="skipped, " + result.note) if is_missing(result) else result


def results_of(run):
    """A run's name is `project:suite+suite / test`."""
    suites, _, test = run["name"].rpartition(" / ")
    parts = re.split(r"[:+ ]+", suites)
    backend = next((part for part in parts if part in BACKENDS), None)
    backend = next((part for part in parts if part.startswith("%s-" % backend)), backend)
    gate = "gate" in parts
    found = list(parse_tap(run.get("stdout") or ""))
    results = [Result(test, backend, name, state, note, gate) for name, state, note in found]
    outcome = run["result"]
    if not found:  # a program without TAP, or one that printed nothing
        state = {"OK": PASS, "SKIP": SKIP}.get(outcome, FAIL)
        return [Result(test, backend, test, state, "exit code %s" % run.get("returncode"), gate)]
    if outcome not in ("OK", "SKIP") and not any(r.state == FAIL for r in results):
        note = "ended with %s, exit code %s" % (outcome, run.get("returncode"))
        results.append(Result(test, backend, "(the whole of %s)" % test, FAIL, note, gate))
    return results


def parse_tap(text):
    planned, seen, notes = None, 0, []
    for line in text.split("\n"):
        result, plan = RESULT.match(line), PLAN.match(line)
        if result:
            verdict, _, name, directive, reason = result.groups()
            seen += 1
            if verdict == "not ok":
                yield name, FAIL, "\n".join(notes)
            elif directive and directive.upper().startswith("SKIP"):
                yield name, SKIP, (reason or "").strip() or "no reason given"
            elif directive:
                yield name, FAIL, "the directive %s is not known here" % directive
            else:
                yield name, PASS, ""
            notes = []
        elif plan:
            planned = int(plan.group(1))
            if planned == 0:
                seen += 1
                yield "everything", SKIP, plan.group(2) or "no reason given"
        elif line.startswith("#"):
            notes.append(line[1:].strip())
        elif line.startswith("Bail out!"):
            yield "(bail out)", FAIL, line
    if planned is None and seen or planned and planned != seen:
        yield "(ended early)", FAIL, "planned %s, reported %d\n%s" % (planned, seen, "\n".join(notes))


# ---- the matrix ----------------------------------------------------------------------------


class Matrix:
    """Behaviours in rows, backends in columns. Rows with a number of the conformance list come
    first, in its order; then the others, by test program."""

    def __init__(self, results):
        self.rows = collections.OrderedDict()
        self.reasons = []
        for result in results:
            if result.backend:  # a numbered behaviour is one row, whichever program tests it
                key = ("" if report_page.number_of(result.name) else result.test, result.name)
                self.rows.setdefault(key, {}).setdefault(result.backend, []).append(result)
        found = {backend for row in self.rows.values() for backend in row}
        self.backends = [b for known in BACKENDS
                         for b in sorted(found)
                         if b == known or b.startswith(known + "-") and b not in BACKENDS]

    def ordered(self):
        def place(item):
            index, (test, name) = item
            number = report_page.number_of(name)
            return (0, number, "", index) if number else (1, 0, test, index)
        keys = sorted(enumerate(self.rows), key=place)
        return [(name, self.rows[test, name]) for _, (test, name) in keys]

    def verdict(self, results):
        """The state of a cell, and the reason for a skip."""
        states = {result.state for result in results}
        if FAIL in states:
            return FAIL, ""
        return (SKIP, next(r.note for r in results if r.state == SKIP)) if SKIP in states else (PASS, "")

    def cell(self, results):
        if not results:
            return ""
        state, reason = self.verdict(results)
        if state != SKIP:
            return "pass" if state == PASS else "FAIL"
        if reason not in self.reasons:
            self.reasons.append(reason)
        return "[%d]" % (self.reasons.index(reason) + 1)

    def cells(self):
        """(behaviour, [a cell for each backend])"""
        self.reasons = []
        return [(name, [self.cell(row.get(b)) for b in self.backends])
                for name, row in self.ordered()]


def print_text(matrix, paint):
    width = max([len(name) for name, _ in matrix.cells()] + [9])
    columns = [max(len(backend), 4) for backend in matrix.backends]

    def line(name, cells):
        fields = [paint(cell, "%-*s" % (room, cell)) for cell, room in zip(cells, columns)]
        print("  ".join(["%-*s" % (width, name)] + fields).rstrip())

    line("behaviour", matrix.backends)
    for name, cells in matrix.cells():
        line(name, cells)
    if matrix.reasons:
        print("\nskipped, because")
    for number, reason in enumerate(matrix.reasons, 1):
        print("  [%d] %s" % (number, reason))
    print()


def markdown(matrix):
    lines = ["| behaviour | %s |" % " | ".join(matrix.backends),
             "|---|%s" % ("---|" * len(matrix.backends))]
    for name, cells in matrix.cells():
        lines.append("| %s | %s |" % (name.replace("|", "\\|"), " | ".join(cells)))
    lines += [""] * bool(matrix.reasons)
    lines += ["- [%d] %s" % (number, reason) for number, reason in enumerate(matrix.reasons, 1)]
    return "\n".join(lines) + "\n"


def write_artefact(folder, matrix):
    path = os.path.join(folder, "conformance-matrix.md")
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(markdown(matrix))
    except OSError as error:
        print("report.py: %s: %s" % (path, error.strerror), file=sys.stderr)


def publish(path, text):
    """Put the chapters between the two marks, as they were generated."""
    with open(path, encoding="utf-8") as file:
        before, begin, rest = file.read().partition("<!-- matrix -->\n")
    _, end, after = rest.partition("<!-- end of matrix -->")
    if not begin or not end:
        sys.exit("report.py: %s has no marks for the matrix" % path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + begin + text + end + after)


# ---- the rest ------------------------------------------------------------------------------


def print_others(results, paint):
    """The tests of no backend, one line each, and each skip."""
    tests = collections.OrderedDict()
    for result in results:
        if not result.backend:
            tests.setdefault(result.test, []).append(result)
    for test, found in tests.items():
        count = collections.Counter(result.state for result in found)
        word = "FAIL" if count[FAIL] else "pass"
        print("%s  %s: %d passed, %d failed, %d skipped"
              % (paint(word, word), test, count[PASS], count[FAIL], count[SKIP]))
        for result in found:
            if result.state == SKIP:
                print("      skipped: %s, because %s" % (result.name, result.note))
    if tests:
        print()


def print_failures(results, paint):
    for result in results:
        if result.state == FAIL:
            place = "%s, %s" % (result.test, result.backend) if result.backend else result.test
            print("%s  %s (%s)" % (paint("FAIL", "FAIL"), result.name, place))
            for line in result.note.split("\n"):
                print("      " + line)
            print()


def print_missing(results):
    """One line for each thing that was not here, so that no skip goes unnoticed."""
    counts = collections.Counter(result.note for result in results if is_missing(result))
    for note, count in counts.items():
        print("%s: %d skipped" % (note, count))
    if counts:
        print()


def painter():
    """Colour only on a terminal, and not with NO_COLOR (no-color.org)."""
    colours = {"FAIL": "31;1", "pass": "32"}
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        colours = {}

    def paint(state, text):
        code = colours.get(state) or ("33" if colours and state.startswith("[") else "")
        return "\x1b[%sm%s\x1b[0m" % (code, text) if code else text
    return paint


def main(arguments):
    options = [a for a in arguments if a.startswith("-")]
    folders = [a for a in arguments if not a.startswith("-")]
    if options == ["--help"]:
        print(__doc__.strip())
        return 0
    option, _, target = options[0].partition("=") if options else ("", "", "")
    if len(folders) != 1 or len(options) > 1 or option not in ("", "--matrix"):
        print("usage: report.py BUILD_DIR [--matrix[=FILE]]", file=sys.stderr)
        return 2
    results = read_log(folders[0])
    if option:
        matrix = published_matrix(results)
        publish(target, report_page.page(matrix)) if target else print(markdown(matrix), end="")
    else:
        print_all(results, painter())
        write_artefact(folders[0], published_matrix(results))
    count = collections.Counter(result.state for result in results)
    if not option:
        print("%d passed, %d failed, %d skipped" % (count[PASS], count[FAIL], count[SKIP]))
    return 1 if count[FAIL] or not count[PASS] else 0


def published_matrix(results):
    return Matrix([result for result in results if not result.gate])


def print_all(results, paint):
    matrix = Matrix(results)
    if matrix.rows:
        print_text(matrix, paint)
    print_others(results, paint)
    print_failures(results, paint)
    print_missing(results)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        sys.exit(1)
