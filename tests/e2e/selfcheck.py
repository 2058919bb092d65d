# SPDX-License-Identifier: MIT
"""The tests' own machinery: missing programs are noticed, and deadlines are stretched.

tests/report.py distinguishes skips because of a missing program from those that a model or a kernel
causes; a target that meson did not build is a skip as well, and is listed in not-built.txt of the build
folder.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

from harness import BUILD, SERVER, case, check, equal, main
from process import run

REPORT = os.path.join(os.environ["IOLOOP_SOURCE"], "tests", "report.py")


def report(*outputs, ci=None):
    """(exit code, lines) for test programs that printed this."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment.update({"CI": ci} if ci else {})
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "meson-logs"))
        with open(os.path.join(folder, "meson-logs", "testlog.json"), "w") as log:
            for number, output in enumerate(outputs):
                log.write(json.dumps({"name": "ioloop:poll / test %d" % number, "stdout": output,
                                      "result": "OK", "returncode": 0}) + "\n")
        done = subprocess.run([sys.executable, REPORT, folder], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, universal_newlines=True, timeout=60)
    return done.returncode, done.stdout.splitlines()


ONE = "1..1\nok 1 - counted # SKIP missing: strace, not installed\n"
ALL = "1..0 # SKIP missing: bench, not built (needs jansson)\n"
MODEL = "1..2\nok 1 - works\nok 2 - exact # SKIP select rounds to microseconds\n"


@case("a skip for lack of a program is listed before the totals")
def _():
    code, lines = report(ONE, ALL, ONE, MODEL)
    equal((code, lines[-1]), (0, "1 passed, 0 failed, 4 skipped"), "exit code and totals")
    equal(lines[-4:-2], ["missing: strace, not installed: 2 skipped",
                         "missing: bench, not built (needs jansson): 1 skipped"], "what was missing")


@case("in CI it is a failure; a model's reason is none")
def _():
    equal(report(MODEL, ci="true")[0], 0, "exit code where a model has a reason")
    code, lines = report(ONE, ALL, MODEL, ci="true")
    equal((code, lines[-1]), (1, "1 passed, 2 failed, 1 skipped"), "exit code and totals")
    check("      skipped, missing: strace, not installed" in lines, "the reason: %s" % lines)


@case("not-built.txt names what meson left out, and why")
def _():
    with open(os.path.join(BUILD, "not-built.txt")) as file:
        text = file.read()
    check(re.fullmatch(r"(everything is built|not built: .+)\n", text), "one line: %r" % text)
    _, out, _ = run(SERVER, "--list-backends")
    for name, why in re.findall(r"(?m)^(\S+) .*?no: not built: (.*?)  ", out.decode()):
        check("%s (%s)" % (name, why) in text, "%s is not in %r" % (name, text))
    for program in ("bench", "ioladder"):
        equal(" %s (" % program in text, not os.path.exists(os.path.join(BUILD, program)), program)


@case("TEST_TIME_SCALE stretches every deadline")
def _():
    def deadlines(scale):
        done = subprocess.run([sys.executable, "-c", "import harness as h; print(h.DEADLINE, h.CASE_DEADLINE)"],
                              env=dict(os.environ, TEST_TIME_SCALE=scale), stdin=subprocess.DEVNULL,
                              cwd=os.path.dirname(os.path.abspath(__file__)), stdout=subprocess.PIPE, timeout=60)
        return [float(word) for word in done.stdout.split()]
    equal(deadlines("10"), [10 * one for one in deadlines("1")], "deadlines of a scale of 10")


main()
