#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gate: user instructions per dispatched event and per timer operation.

Instructions are counted by callgrind, which is repeatable whatever else the machine does: each
figure is the difference of two run lengths, so that start-up drops out. Prints TAP.

    instructions.py BENCH_WORKLOAD_IOLOOP
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

EVENTS = 20000
TIMERS = 100000


def count(*command, only_in=None):
    """Instructions that the command executes, or that one of its functions and its callees do."""
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        if only_in:
            valgrind.append(f"--toggle-collect={only_in}")
        run = subprocess.run(valgrind + list(command), capture_output=True, text=True, check=True,
                             env={**os.environ, "LC_ALL": "C", "MALLOC_PERTURB_": "0"})
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1))


def per_event(workload, active):
    short, long = (count(workload, "ring", "epoll", "100", str(active), str(n), "1")
                   for n in (EVENTS, 2 * EVENTS))
    return (long - short) / EVENTS


def per_timer(workload, operation, function):
    return count(workload, "timers", "poll", str(TIMERS), operation, only_in=function) / TIMERS


def main():
    workload, = sys.argv[1:]
    gates = [
        ("an event in a ring of 100 pipes, 1 active", 140, lambda: per_event(workload, 1)),
        ("an event in a ring of 100 pipes, 100 active", 80, lambda: per_event(workload, 100)),
        ("a timeout added to 100,000", 100, lambda: per_timer(workload, "add", "ioloop__timers_add")),
        ("a timeout re-armed among 100,000", 100,
         lambda: per_timer(workload, "rearm", "ioloop_update_timeout")),
        ("a timeout cancelled among 100,000", 100,
         lambda: per_timer(workload, "cancel", "ioloop_remove_timeout")),
    ]
    print(f"1..{len(gates)}")
    missing = None if shutil.which("valgrind") else "missing: valgrind, not installed"
    failed = 0
    for number, (what, limit, measure) in enumerate(gates, 1):
        if missing:
            print(f"ok {number} - instructions for {what} # SKIP {missing}")
            continue
        figure = measure()
        passed = figure <= limit
        failed += not passed
        print(f"{'ok' if passed else 'not ok'} {number} - instructions for {what}: "
              f"{figure:.1f} (at most {limit})", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
