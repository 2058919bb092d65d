#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What --spin buys at one TCP connection: request rates with and without, in turns.

    spin.py SERVER BENCH_PINGPONG [--backend=NAME] [--spin=USEC] [--rounds=N] [--seconds=N]
            [--at-least=RATIO]

Server and client are pinned to a processor each, so it needs two. The runs alternate (without,
with, without, with, ...), because what else a machine does changes by the minute; medians are
compared. --at-least makes a ratio of rates below it exit code 1. Exit code 77: one processor only.
"""
import argparse
import os
import re
import signal
import statistics
import subprocess
import sys


def pinned(command, cpu, **more):
    return subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}), text=True,
                            stdin=subprocess.DEVNULL, **more)


def start_server(arguments, cpu, spin):
    server = pinned([arguments.server, "--backend=" + arguments.backend, "--tcp", "--port=0",
                     "--host=127.0.0.1", "--print=none", "--spin=%d" % spin], cpu,
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for line in server.stderr:
        found = re.match(r"listening tcp 127\.0\.0\.1:(\d+)", line)
        if found:
            return server, found.group(1)
        print(line, end="", file=sys.stderr)
    sys.exit("spin.py: the server did not start")


def measure(arguments, cpus, spin):
    """{requests, rate, p50_us, p99_us} of one run, with the server's processor time."""
    server, port = start_server(arguments, cpus[0], spin)
    client = pinned([arguments.pingpong, port, str(arguments.seconds)], cpus[1],
                    stdout=subprocess.PIPE)
    output = client.communicate()[0]
    server.send_signal(signal.SIGTERM)
    server.stderr.read()
    if client.returncode or server.wait():
        sys.exit("spin.py: the run failed")
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", output)}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("server")
    parser.add_argument("pingpong")
    parser.add_argument("--backend", default="epoll")
    parser.add_argument("--spin", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--at-least", type=float, default=0)
    arguments = parser.parse_args()

    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        print("needs two processors", file=sys.stderr)
        return 77
    runs = {0: [], arguments.spin: []}
    for _ in range(arguments.rounds):
        for spin, found in runs.items():
            found.append(measure(arguments, cpus[-2:], spin))
    medians = {spin: {name: statistics.median(run[name] for run in found) for name in found[0]}
               for spin, found in runs.items()}
    for spin, median in medians.items():
        rates = ", ".join("%.0f" % run["rate"] for run in runs[spin])
        print("%s --spin=%-3d  %.0f requests/s, p50 %.1f us, p99 %.1f us  (rates: %s)"
              % (arguments.backend, spin, median["rate"], median["p50_us"], median["p99_us"], rates))
    ratio = medians[arguments.spin]["rate"] / medians[0]["rate"]
    print("ratio of rates: %.2f; of p99: %.2f"
          % (ratio, medians[arguments.spin]["p99_us"] / medians[0]["p99_us"]))
    return ratio < arguments.at_least


if __name__ == "__main__":
    sys.exit(main())
