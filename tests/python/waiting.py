# SPDX-License-Identifier: MIT
"""ioloop.Selector.select: what it reports, how long it waits, signals, threads, fork.
Usage: waiting.py BACKEND"""
import resource
import signal
import sys
import time
from selectors import EVENT_READ, EVENT_WRITE

import ioloop
from harness import case, check, equal, main, skip, wait_until
from process import Process
from support import BOTH, found, in_child, pair, raises

BACKEND = sys.argv[1]
TRIES = BACKEND == "nonblocking"  # it reports every descriptor, in every turn, and never waits


def needs_waiting():
    if TRIES:
        skip("nonblocking reports every descriptor and never waits")


@case("reading, writing, both, and nothing")
def _():
    needs_waiting()
    left, right = pair()
    with left, right, ioloop.Selector(BACKEND) as selector:
        selector.register(left, EVENT_READ, "left")
        equal(found(selector, 0), [], "nothing")
        right.send(b"x")
        for timeout in (0.01, 10, None, 1e12, 0, -1):
            equal(found(selector, timeout), [("left", EVENT_READ)], "timeout %r" % (timeout,))
        selector.modify(left, BOTH, "left")
        equal(found(selector), [("left", BOTH)], "both")
        left.recv(1)
        equal(found(selector), [("left", EVENT_WRITE)], "writing")
        selector.modify(left, EVENT_READ, "left")
        equal(found(selector, 0), [], "read")
        selector.unregister(left)
        right.send(b"x")
        equal(found(selector, 0), [], "unregistered")


@case("a peer that is gone makes every event ready that was asked for")
def _():
    for events in EVENT_READ, BOTH:
        left, right = pair()
        with left, ioloop.Selector(BACKEND) as selector:
            selector.register(left, events, "left")
            right.close()
            equal(found(selector, 10), [("left", events)], "events %d" % events)


@case("a timeout never ends early")
def _():
    needs_waiting()
    with ioloop.Selector(BACKEND) as selector:
        for timeout in 0.0005, 0.001, 0.0123, 0.05:
            begun = time.monotonic()
            equal(selector.select(timeout), [], "ready")
            check(time.monotonic() - begun >= timeout, "%g s" % timeout)
        raises(ValueError, lambda: selector.select(float("nan")))
        raises(TypeError, lambda: selector.select("soon"))


@case("one call reports all that are ready, each once: 400 of 400, and 1 of 400")
def _():
    needs_waiting()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(1024, hard)), hard))
    pairs = [pair() for _ in range(400)]
    everything = [(number, EVENT_READ) for number in range(400)]
    with ioloop.Selector(BACKEND) as selector:
        for number, (left, right) in enumerate(pairs):
            selector.register(left, EVENT_READ, number)
            right.send(b"x")
        if BACKEND.startswith("libevent"):  # it begins with room for 32, and doubles that when it is full
            for _ in range(10):
                found(selector)
        for _ in range(3):
            equal(sorted(found(selector)), everything, "ready")
        for left, _ in pairs:
            left.recv(1)
        equal(found(selector, 0), [], "none")
        pairs[150][1].send(b"x")
        equal(found(selector), [(150, EVENT_READ)], "one")
    for left, right in pairs:
        left.close()
        right.close()


# ---- signals -------------------------------------------------------------------------------


@case("Python's signal handlers run in a wait, which then goes on to its end")
def _():
    left, right = pair()
    ticks = []

    def on_alarm(signo, frame):
        ticks.append(signo)
        if len(ticks) == 5:
            right.send(b"x")

    former = signal.signal(signal.SIGALRM, on_alarm)
    try:
        with left, right, ioloop.Selector(BACKEND) as selector:
            if not TRIES:
                selector.register(left, EVENT_READ, "left")
                signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
                equal(found(selector), [("left", EVENT_READ)], "what the fifth call made ready")
                selector.unregister(left)
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            begun = time.monotonic()
            equal(selector.select(0.1), [], "ready")
            check(time.monotonic() - begun >= 0.1, "it waited to the end")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


@case("an exception of a signal handler leaves the wait, and the selector can be used again")
def _():
    class Alarm(Exception):
        pass

    def on_alarm(signo, frame):
        raise Alarm

    former = signal.signal(signal.SIGALRM, on_alarm)
    left, right = pair()
    try:
        with left, right, ioloop.Selector(BACKEND) as selector:
            for _ in range(5):
                signal.setitimer(signal.ITIMER_REAL, 0.005)
                raises(Alarm, selector.select)
            selector.register(left, EVENT_READ, "left")
            right.send(b"x")
            equal(found(selector), [("left", EVENT_READ)], "ready")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


@case("a signal handler may change and close the selector that waits")
def _():
    left, right = pair()
    selector = ioloop.Selector(BACKEND)
    steps = [lambda: selector.register(left, EVENT_READ), lambda: selector.unregister(left), selector.close]
    if TRIES:  # what is registered is reported
        steps = [selector.close]

    def on_alarm(signo, frame):
        step = steps.pop(0)
        step()
        if steps:
            signal.setitimer(signal.ITIMER_REAL, 0.01)

    former = signal.signal(signal.SIGALRM, on_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        equal(selector.select(), [], "the result")
        equal(steps, [], "steps left")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        left.close()
        right.close()


@case("Ctrl-C ends a wait without a timeout")
def _():
    program = ("import ioloop, sys\ns = ioloop.Selector(sys.argv[1])\n"
               "try:\n    print('waiting', flush=True)\n    s.select()\nexcept KeyboardInterrupt:\n    print('interrupted')")
    for _ in range(5):
        process = Process([sys.executable, "-c", program, BACKEND])
        process.stdout.wait_lines(1)
        if not TRIES:
            wait_until(lambda: process.state() == "S", "the process to wait")
        process.signal(signal.SIGINT)
        equal(process.wait(), 0, "exit code")
        equal(process.stdout.lines()[1:], [b"interrupted"], "output")


@case("a signal that comes in the moment before a wait ends it")
def _():
    if BACKEND in ("epoll", "poll", "select"):
        skip("as under CPython's selectors, which wait by the same single call, it ends the next one")
    class Came(Exception):
        pass

    def handler(signo, frame):
        raise Came()
    selector = ioloop.Selector(BACKEND)
    before = signal.signal(signal.SIGALRM, handler)
    for number in range(400):
        begun = time.monotonic()
        try:
            signal.setitimer(signal.ITIMER_REAL, (1 + number % 40) * 1e-6)
            selector.select(20)
            selector.select(20)
        except Came:
            pass
        check(time.monotonic() - begun < 15, "round %d: the wait went on" % number)
    signal.signal(signal.SIGALRM, before)
    selector.close()


# ---- fork ----------------------------------------------------------------------------------


@case("a forked child cannot use its parent's selectors, can put them away, and makes its own")
def _():
    left, right = pair()
    selector = ioloop.Selector(BACKEND)
    selector.register(left, EVENT_READ, "left")
    selector.register(right, EVENT_READ, "right")
    if not TRIES:
        selector.select(0)

    def child():
        other, peer = pair()
        for function in (lambda: selector.select(0), lambda: selector.register(other, EVENT_READ),
                         lambda: selector.modify(left, BOTH), selector.metrics):
            equal(raises(OSError, function).errno, 10, "errno")
        equal(selector.unregister(left).data, "left", "unregister")
        equal(len(selector.get_map()), 1, "what is left")
        selector.close()
        with ioloop.Selector(BACKEND) as own:
            own.register(other, EVENT_READ, "own")
            peer.send(b"x")
            equal(found(own, 10), [("own", EVENT_READ)], "ready")

    for _ in range(2):
        in_child(child)
    right.send(b"x")
    check(("left", EVENT_READ) in found(selector), "the parent's still works")
    selector.close()
    left.close()
    right.close()


main()
