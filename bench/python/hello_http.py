#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tornado's hello world over HTTP (docs/examples/python/hello.py) on each I/O model, next to asyncio's own loop.

    PYTHONPATH=build/src/python bench/python/hello_http.py [--backends=LIST] [--requests=N] [--rounds=N] [--keep-alive]

ab (Debian's apache2-utils) sends the requests over 10 connections. In each round each model takes turns with
asyncio's own loop, A B, in the next B A, each a new process on one processor, with ab on another. A ratio is that
of one round: requests per second, above 1 is faster than asyncio's loop; and the server's processor time per
request, below 1 is cheaper, which counts other programs on a busy machine less. Printed are the median of the
rounds and the quartiles between which half of them are. The first row is asyncio's loop next to itself (A/A): a
smaller difference cannot be resolved here. `rescues` counts descriptors that were ready and had not been announced.
"""
import argparse
import asyncio
import json
import os
import re
import runpy
import shutil
import signal
import statistics
import subprocess
import sys
import time

import ioloop

HELLO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/examples/python/hello.py")
STOCK = "asyncio"


def serve():
    """Run hello.py; at its end print what it cost since it listened."""
    begun = []

    def end(signo, frame):
        selector = asyncio.get_running_loop()._selector
        metrics = selector.metrics() if isinstance(selector, ioloop.Selector) else {}
        print(json.dumps({"cpu_s": time.process_time() - begun[0], "rescues": metrics.get("rescues")}), flush=True)
        os._exit(0)

    def begin(signo, frame):
        begun.append(time.process_time())
    signal.signal(signal.SIGUSR2, begin)
    signal.signal(signal.SIGTERM, end)
    sys.argv = [HELLO, "0"]
    runpy.run_path(HELLO, run_name="__main__")


def pinned(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


class Server:
    def __init__(self, backend, cpu):
        command = [sys.executable] + (["-m", "ioloop", "--backend=" + backend] if backend != STOCK else [])
        self.process = subprocess.Popen(command + [os.path.abspath(__file__), "--serve"], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=pinned(cpu))
        line = self.process.stderr.readline()
        found = re.fullmatch(r"listening http (\S+)\n", line)
        if not found:
            sys.exit("hello_http.py: %s does not start: %s" % (backend, line.strip() or "it printed nothing"))
        self.address = found.group(1)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        if err:
            sys.exit("hello_http.py: the server printed: %s" % err.strip().splitlines()[-1])
        return json.loads(out)


def number(pattern, text, default=None):
    found = re.search(pattern, text)
    if not found and default is None:
        sys.exit("hello_http.py: ab printed something else than expected: %s" % text.strip()[-200:])
    return float(found.group(1)) if found else default


def turn(backend, options):
    server = Server(backend, options.cpus[0])
    words = ["ab", "-q", "-c", "10"] + (["-k"] if options.keep_alive else [])

    def ask(count):
        done = subprocess.run(words + ["-n", str(count), "http://%s/" % server.address], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, preexec_fn=pinned(options.cpus[1]))
        if done.returncode:
            sys.exit("hello_http.py: ab fails under %s: %s" % (backend, done.stdout.strip().splitlines()[-1]))
        return done.stdout
    ask(100)  # the first requests are slower
    server.process.send_signal(signal.SIGUSR2)
    text = ask(options.requests)
    result = server.end()
    result["rate"] = number(r"Requests per second: +(\S+)", text)
    result["failed"] = int(number(r"Failed requests: +(\d+)", text) + number(r"Non-2xx responses: +(\d+)", text, 0)
                           + options.requests - number(r"Complete requests: +(\d+)", text))
    return result


def spread(values):
    low, median, high = statistics.quantiles(values, n=4)
    return "%.2f [%.2f %.2f]" % (median, low, high)


def print_row(name, rounds, options):
    ours = [pair[1] for pair in rounds]
    rescues = "-" if ours[0]["rescues"] is None else sum(one["rescues"] for one in ours)
    print("%-14s %8d %6d %8s %10.0f  %-18s %9.0f us  %-18s" % (
        name, len(ours) * options.requests, sum(one["failed"] for pair in rounds for one in pair), rescues,
        statistics.median(one["rate"] for one in ours),
        spread([pair[1]["rate"] / pair[0]["rate"] for pair in rounds]),
        1e6 * statistics.median(one["cpu_s"] for one in ours) / options.requests,
        spread([pair[1]["cpu_s"] / pair[0]["cpu_s"] for pair in rounds])), flush=True)


def parse():
    known = [backend.name for backend in ioloop.backends() if backend.available]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", default=",".join(known), metavar="LIST", help="default: all that are available")
    parser.add_argument("--requests", type=int, default=2000, metavar="N", help="of a turn (default: 2000)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="turns of each (default: 5; at least 2)")
    parser.add_argument("--keep-alive", action="store_true", help="several requests on a connection")
    options = parser.parse_args()
    options.backends = options.backends.split(",")
    if options.requests < 10 or options.rounds < 2:
        parser.error("--requests must be 10 or more, --rounds 2 or more")
    for name in options.backends:
        try:
            ioloop.Selector(name).close()
        except OSError as error:
            parser.error("--backends: %s" % error.strerror)
    try:
        import tornado  # noqa: F401
    except ImportError as error:
        sys.exit("hello_http.py: %s: %s; install Debian's python3-tornado" % (sys.executable, error))
    if not shutil.which("ab"):
        sys.exit("hello_http.py: there is no ab; install Debian's apache2-utils")
    cpus = sorted(os.sched_getaffinity(0))
    options.cpus = cpus[0], cpus[-1]
    return options


def main():
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    options = parse()
    print("%-14s %8s %6s %8s %10s  %-18s %12s  %s" % (
        "LOOP", "REQUESTS", "FAILED", "RESCUES", "PER SECOND", "RATIO [QUARTILES]", "CPU/REQUEST", "RATIO [QUARTILES]"))
    for name in [STOCK] + options.backends:
        rounds = []
        for i in range(options.rounds):
            order = [0, 1] if i % 2 == 0 else [1, 0]
            results = {place: turn((STOCK, name)[place], options) for place in order}
            rounds.append((results[0], results[1]))
        print_row(name, rounds, options)


main()
