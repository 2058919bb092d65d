#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a selector costs: ioloop.Selector next to CPython's EpollSelector.

    PYTHONPATH=build/src/python bench/python/selector.py [--backend=NAME] [--registered=N] [--rounds=N]

The two take turns, A B A B, in one process and on the same descriptors; every second round begins with B.
A ratio is that of one round (ours / CPython's, below 1 is faster). Printed are the median of the rounds, the
quartiles between which half of them are, and the processor time of a call, which does not count other
programs on a busy machine. CPython's selector also runs against
itself (A/A): a difference smaller than that of these two cannot be resolved here.
"""
import argparse
import os
import resource
import selectors
import socket
import statistics
import sys
import time

import ioloop

READ = selectors.EVENT_READ


def sockets(count):
    """UDP sockets, each of which can send to itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if count + 100 > hard:
        sys.exit("selector.py: --registered=%d needs more than the %d descriptors allowed (ulimit -n)" % (count, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for sock in made:
        sock.bind(("127.0.0.1", 0))
    return made


class Selecting:
    """select() while `ready` of the registered descriptors are ready, spread among them."""

    def __init__(self, registered, ready):
        self.name = "select, %d ready of %d" % (ready, len(registered))
        self.ready = [registered[i * len(registered) // ready] for i in range(ready)]
        self.repeat = max(3, 3000 // ready)

    def begin(self):
        for sock in self.ready:
            sock.sendto(b"x", sock.getsockname())

    def end(self):
        for sock in self.ready:
            sock.recv(1)

    def run(self, selector):
        select, expected = selector.select, len(self.ready)
        begun = time.thread_time_ns()
        for _ in range(self.repeat):
            found = select(1)
        passed = time.thread_time_ns() - begun
        if len(found) != expected:
            sys.exit("selector.py: %d are ready, not %d" % (len(found), expected))
        return passed / self.repeat


class Registering:
    """register and unregister of descriptors that are not ready."""

    repeat = 3000

    def __init__(self, registered):
        self.name = "register and unregister"
        self.spare = os.dup(registered[0].fileno())
        self.begin = self.end = lambda: None

    def run(self, selector):
        register, unregister, fd = selector.register, selector.unregister, self.spare
        begun = time.thread_time_ns()
        for _ in range(self.repeat):
            register(fd, READ, None)
            unregister(fd)
        return (time.thread_time_ns() - begun) / self.repeat


class Modifying(Registering):
    """modify: the events of one descriptor, there and back."""

    def __init__(self, registered):
        super().__init__(registered)
        self.name = "modify and select(0)"

    def run(self, selector):
        modify, select, fd = selector.modify, selector.select, self.spare
        selector.register(fd, READ, None)
        begun = time.thread_time_ns()
        for _ in range(self.repeat // 2):
            modify(fd, READ | selectors.EVENT_WRITE, None)
            select(0)
            modify(fd, READ, None)
            select(0)
        passed = time.thread_time_ns() - begun
        selector.unregister(fd)
        return passed / self.repeat


def measure(job, contestants, rounds):
    """[(time of each contestant)] of each round, after one that does not count."""
    results = []
    job.begin()
    for number in range(rounds + 1):
        order = list(range(len(contestants)))
        if number % 2:
            order.reverse()
        times = {index: job.run(contestants[index]) for index in order}
        results.append([times[index] for index in sorted(times)])
    job.end()
    return results[1:]


def spread(values):
    low, median, high = statistics.quantiles(values, n=4)
    return "%5.2f [%4.2f %4.2f]" % (median, low, high)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="epoll", help="of ioloop.Selector (default: epoll)")
    parser.add_argument("--registered", type=int, default=10000, metavar="N", help="descriptors (default: 10000)")
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="rounds of each row (default: 30)")
    options = parser.parse_args()
    if options.registered < 100 or options.rounds < 2:
        parser.error("--registered must be 100 or more, --rounds 2 or more")
    try:
        ioloop.Selector(options.backend).close()
    except OSError as error:
        parser.error("--backend: %s" % error.strerror)
    registered = sockets(options.registered)
    contestants = [selectors.EpollSelector(), ioloop.Selector(options.backend), selectors.EpollSelector()]
    for selector in contestants:
        for sock in registered:
            selector.register(sock, READ, None)
    jobs = [Selecting(registered, ready) for ready in (1, 100, options.registered)] + [Registering(registered), Modifying(registered)]
    print("%-32s %10s %10s  %-18s  %s" % ("", "EpollSel.", "ioloop", "ratio [quartiles]", "A/A"))
    for job in jobs:
        rounds = measure(job, contestants, options.rounds)
        columns = list(zip(*rounds))
        print("%-32s %7.2f us %7.2f us  %-18s  %s" % (
            job.name, statistics.median(columns[0]) / 1000, statistics.median(columns[1]) / 1000,
            spread([row[1] / row[0] for row in rounds]), spread([row[2] / row[0] for row in rounds])), flush=True)


main()
