# SPDX-License-Identifier: MIT
"""The benchmarks of bench/python measure what they say, and refuse what they cannot. Usage: benchmarks.py FOLDER"""
import os
import re
import shutil
import subprocess
import sys

from harness import case, check, equal, main, skip

FOLDER = sys.argv[1]


def run(script, *words, **environment):
    return subprocess.run([sys.executable, os.path.join(FOLDER, script)] + list(words), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=250, env={**os.environ, **environment},
                          check=False)


def refused(words, done, code):
    equal(done.returncode, code, "the exit status (%s)" % done.stderr)
    check(words in done.stderr.splitlines()[-1], "the last line is %r" % done.stderr.splitlines()[-1])


@case("hello_http.py: no request fails and nothing is rescued, under epoll and sigio as under asyncio's loop")
def _():
    if not shutil.which("ab"):
        skip("there is no ab (apache2-utils)")
    done = run("hello_http.py", "--backends=epoll,sigio", "--requests=40", "--rounds=2")
    equal(done.returncode, 0, "the exit status (%s)" % done.stderr)
    rows = [re.split(r"\s+", line)[:4] for line in done.stdout.splitlines()[1:]]
    equal(rows, [["asyncio", "80", "0", "-"], ["epoll", "80", "0", "0"], ["sigio", "80", "0", "0"]], "the rows")
    check(len(re.findall(r"\d\.\d\d \[\d+\.\d\d \d+\.\d\d\]", done.stdout)) == 6, "two ratios in each: %s" % done.stdout)


@case("hello_http.py: without ab, and with a backend that there is not, one line says so")
def _():
    refused("install Debian's apache2-utils", run("hello_http.py", PATH="/nonexistent"), 1)
    refused("no_such", run("hello_http.py", "--backends=no_such"), 2)
    refused("--rounds", run("hello_http.py", "--rounds=1"), 2)


@case("selector.py: a ratio for each operation, and one of the same selector next to itself")
def _():
    done = run("selector.py", "--registered=300", "--rounds=3")
    equal(done.returncode, 0, "the exit status (%s)" % done.stderr)
    rows = re.findall(r"(?m)^.*\d\.\d\d \[\d+\.\d\d \d+\.\d\d\].*$", done.stdout)
    check(len(rows) >= 5, "only %d rows: %s" % (len(rows), done.stdout))
    refused("no_such", run("selector.py", "--backend=no_such"), 2)


main()
