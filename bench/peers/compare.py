#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our server beside servers written by hand: interleaved runs, medians.

    compare.py BUILD_DIR [tcp|udp] [CONNECTIONS] [REQUESTS] [SIZE] [ROUNDS]

Each round runs every server once, in turn, so that whatever else the machine does meets all of them
alike. Printed are the medians of the server's CPU time per request and of the request rate, and the
median of what ours took in each round relative to its peer in the same round.
"""
import os
import re
import signal
import statistics
import subprocess
import sys

args = sys.argv[1:] + [None] * 6
build = args[0]
kind = args[1] or "tcp"
connections, requests, size, rounds = (int(a or d) for a, d in
                                       zip(args[2:6], (50, 100000, 32, 9)))


def ours(backend):
    return [os.path.join(build, "server"), "--backend=" + backend, "--" + kind, "--print=none",
            "--port=0", "--host=127.0.0.1"]


def peer(name):
    return [os.path.join(build, "bench-peer-" + name), kind, "0"]


def run(command):
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, {0}))
    try:
        where = server.stderr if "--port=0" in command else server.stdout
        port = re.search(r"(\d+)(?: backend=.*)?$", where.readline().strip()).group(1)
        load = subprocess.run([os.path.join(build, "bench-load"), kind, port,
                               str(server.pid), str(connections), str(requests), str(size)],
                              stdout=subprocess.PIPE, text=True, check=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, {1}))
        rate, cpu = load.stdout.split()
        return float(cpu), float(rate)
    finally:
        server.send_signal(signal.SIGKILL)
        server.communicate()


servers = {"ioloop, epoll": ours("epoll"), "ioloop, io_uring": ours("io_uring")}
if kind == "tcp":
    servers["by hand, epoll"] = peer("epoll")
    servers["by hand, io_uring"] = peer("liburing")
found = {name: [] for name in servers}
for _ in range(rounds):
    for name, command in servers.items():
        found[name].append(run(command))
print("%s, %d clients, %d requests of %d bytes, medians of %d"
      % (kind, connections, requests, size, rounds))
for name, results in found.items():
    cpu, rate = (statistics.median(column) for column in zip(*results))
    print("%-18s %7.0f ns of CPU a request, %7.0f requests/s" % (name, cpu, rate))
for model in ("epoll", "io_uring"):
    mine, theirs = found["ioloop, " + model], found.get("by hand, " + model)
    if theirs:
        ratio = statistics.median(a[0] / b[0] for a, b in zip(mine, theirs))
        print("%s: %+.1f %% of CPU against the one by hand" % (model, 100 * ratio - 100))
