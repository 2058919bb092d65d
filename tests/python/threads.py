# SPDX-License-Identifier: MIT
"""ioloop.Selector in several threads, and several in one. Usage: threads.py BACKEND"""
import sys
import threading
from selectors import EVENT_READ, EVENT_WRITE

import ioloop
from harness import case, check, equal, main, skip, wait_until
from support import found, in_child, pair, raises

BACKEND = sys.argv[1]


def needs_waiting():
    if BACKEND == "nonblocking":
        skip("nonblocking reports every descriptor and never waits")


class Waiting(threading.Thread):
    """A thread in select()."""

    def __init__(self, selector, timeout=None):
        super().__init__(daemon=True)
        self.selector, self.timeout, self.result = selector, timeout, None
        self.start()

    def run(self):
        try:
            self.result = found(self.selector, self.timeout)
        except Exception as error:
            self.result = error

    def finish(self):
        self.join(30)
        check(not self.is_alive(), "select returned")
        return self.result


def sleeping(thread):
    """Wait until the thread sleeps in a system call."""
    def state():
        with open("/proc/self/task/%d/stat" % thread.native_id) as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    wait_until(lambda: not thread.is_alive() or state() == "S", "the thread to wait")
    check(thread.is_alive(), "the thread waits: %r" % (thread.result,))


@case("what another thread registers, modifies and unregisters takes effect in a wait that has begun")
def _():
    needs_waiting()
    left, right = pair()
    with left, right, ioloop.Selector(BACKEND) as selector:
        thread = Waiting(selector)
        sleeping(thread)
        selector.register(left, EVENT_READ, "left")
        sleeping(thread)
        selector.unregister(left)
        selector.register(left, EVENT_READ, "again")
        selector.modify(left, EVENT_WRITE, "writable")
        equal(thread.finish(), [("writable", EVENT_WRITE)], "the result")


@case("many threads change a selector that another one waits in")
def _():
    needs_waiting()
    with ioloop.Selector(BACKEND) as selector:
        end, stop = pair()
        selector.register(end, EVENT_READ, "end")
        thread = Waiting(selector)

        def churn():
            left, right = pair()
            with left, right:
                for _ in range(100):
                    selector.register(left, EVENT_READ, "left")
                    selector.modify(left, EVENT_READ, "more")
                    selector.unregister(left)
        others = [threading.Thread(target=churn) for _ in range(4)]
        for other in others:
            other.start()
        for other in others:
            other.join(60)
            check(not other.is_alive(), "a thread is done")
        stop.send(b"x")
        equal(thread.finish(), [("end", EVENT_READ)], "the result")
        end.close()
        stop.close()


@case("a second thread that waits in it gets EBUSY; a close by another ends the wait")
def _():
    needs_waiting()
    selector = ioloop.Selector(BACKEND)
    thread = Waiting(selector)
    sleeping(thread)
    error = raises(OSError, lambda: selector.select(0))
    equal(error.errno, 16, "errno")
    selector.close()
    equal(thread.finish(), [], "the result")


@case("a fork while another thread waits in the selector")
def _():
    needs_waiting()
    left, right = pair()
    selector = ioloop.Selector(BACKEND)
    selector.register(left, EVENT_READ, "left")
    thread = Waiting(selector)
    sleeping(thread)
    in_child(selector.close)
    in_child(lambda: selector.unregister(left))
    right.send(b"x")
    equal(thread.finish(), [("left", EVENT_READ)], "the parent's")
    selector.close()
    left.close()
    right.close()


@case("ten selectors in one thread, each ready while another waits, and two that wait in turns")
def _():
    needs_waiting()
    selectors = [ioloop.Selector(BACKEND) for _ in range(10)]
    pairs = [pair() for _ in selectors]
    for selector, (left, _) in zip(selectors, pairs):
        selector.register(left, EVENT_READ, "left")
    for _ in range(3):
        for _, right in pairs:
            right.send(b"x")
        for selector, (left, _) in zip(selectors, pairs):
            equal(found(selector, 30), [("left", EVENT_READ)], "ready")
            left.recv(1)
            equal(found(selector, 0), [], "read")
    for selector, (left, right) in zip(selectors, pairs):
        selector.close()
        left.close()
        right.close()


main()
