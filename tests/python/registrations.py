# SPDX-License-Identifier: MIT
"""ioloop.Selector registers as CPython's selectors do. Usage: registrations.py BACKEND"""
import gc
import os
import selectors
import socket
import sys
import tempfile
from selectors import EVENT_READ, EVENT_WRITE

import ioloop
from harness import case, check, equal, main
from support import BOTH, pair, raises

BACKEND = sys.argv[1]


def outcome(function):
    """What it returns, or the exception's type and text."""
    try:
        return function()
    except Exception as error:
        return type(error), str(error)


@case("it is a selector of the module selectors, on the backend that was named")
def _():
    with ioloop.Selector(BACKEND) as selector:
        check(isinstance(selector, selectors.BaseSelector), "isinstance")
        equal(selector.backend, BACKEND, "backend")
        described = {b.name: b for b in ioloop.backends()}.get(BACKEND)
        if described:  # not a variant
            equal(selector.features, described.features, "features")
        check(selector.metrics()["wakeups"] == 0, "no wait yet")


@case("keys are those of the module selectors: fileobj, fd, events, data")
def _():
    left, right = pair()
    with left, right, ioloop.Selector(BACKEND) as selector:
        data = object()
        key = selector.register(left, EVENT_READ, data)
        equal(key, selectors.SelectorKey(left, left.fileno(), EVENT_READ, data), "the key")
        check(type(key) is selectors.SelectorKey and key.data is data, "its type and data")
        for name in left, left.fileno():
            check(selector.get_key(name) is key and selector.get_map()[name] is key, "found by %r" % (name,))
        equal(selector.register(right.fileno(), BOTH), (right.fileno(), right.fileno(), BOTH, None), "by number")
        equal(sorted(selector.get_map()), sorted([left.fileno(), right.fileno()]), "the map")
        equal(len(selector.get_map()), 2, "its length")
        check(left in selector.get_map() and 12345 not in selector.get_map(), "in the map")
        changed = selector.modify(left, BOTH, "more")
        equal(changed, (left, left.fileno(), BOTH, "more"), "after modify")
        equal(selector.modify(left, BOTH), (left, left.fileno(), BOTH, None), "data alone")
        check(selector.unregister(left) == (left, left.fileno(), BOTH, None), "unregister")
        equal(list(selector.get_map()), [right.fileno()], "what is left")


@case("mistakes raise what CPython's selectors raise, with the same texts")
def _():
    class Broken:
        def fileno(self):
            return "seven"

        def __repr__(self):
            return "a broken file"

    left, right = pair()
    closed = socket.socket()
    closed.close()
    with left, right, ioloop.Selector(BACKEND) as ours, selectors.DefaultSelector() as theirs:
        for selector in ours, theirs:
            selector.register(left, EVENT_READ)
        mistakes = [
            lambda s: s.register(left, EVENT_READ),
            lambda s: s.register(left.fileno(), EVENT_READ),
            lambda s: s.register(right, 0),
            lambda s: s.register(right, 4),
            lambda s: s.register(right, -1),
            lambda s: s.register(-10, EVENT_READ),
            lambda s: s.register(Broken(), EVENT_READ),
            lambda s: s.register(closed, EVENT_READ)[0],
            lambda s: s.register("text", EVENT_READ),
            lambda s: s.unregister(right),
            lambda s: s.unregister(-1),
            lambda s: s.unregister(99999),
            lambda s: s.modify(right, EVENT_READ),
            lambda s: s.get_key(right),
            lambda s: s.get_map()[right],
        ]
        for number, mistake in enumerate(mistakes):
            equal(outcome(lambda: mistake(ours)), outcome(lambda: mistake(theirs)), "mistake %d" % number)
        for events in 0, 4, 1 << 70:  # some of theirs accept these
            raises(ValueError, lambda: ours.modify(left, events), "Invalid events: %d" % events)


@case("a closed selector refuses, and may be closed again")
def _():
    left, right = pair()
    with left, right:
        selector = ioloop.Selector(BACKEND)
        key = selector.register(left, EVENT_READ)
        selector.close()
        selector.close()
        equal(selector.get_map(), None, "the map")
        raises(RuntimeError, lambda: selector.get_key(left), "Selector is closed")
        raises(KeyError, lambda: selector.unregister(left))
        for function in (lambda: selector.register(left, EVENT_READ), lambda: selector.select(0),
                         selector.metrics, lambda: selector.backend):
            raises(ValueError, function, "closed")
        check(key.fileobj is left and left.fileno() >= 0, "the file is open")


@case("a file that is always ready is refused with the reason, a closed number with EBADF")
def _():
    with ioloop.Selector(BACKEND) as selector, tempfile.TemporaryFile() as file:
        error = raises(PermissionError, lambda: selector.register(file, EVENT_READ))
        check(BACKEND in error.strerror and "kind of file" in error.strerror, error.strerror)
        equal(len(selector.get_map()), 0, "registered")
        fd = os.dup(0)
        os.close(fd)
        error = raises(OSError, lambda: selector.register(fd, EVENT_READ))
        equal(error.errno, 9, "errno")


@case("a file object may be closed before it is unregistered, and its number used again")
def _():
    with ioloop.Selector(BACKEND) as selector:
        left, right = pair()
        selector.register(left, EVENT_READ, "left")
        right.close()
        fd = left.fileno()
        left.close()
        equal(selector.unregister(left).fd, fd, "by the closed object")
        first, other = pair()
        with first, other:
            selector.register(first, EVENT_READ, "first")
            other.send(b"x")
            equal([(k.data, e) for k, e in selector.select(10)], [("first", EVENT_READ)], "ready")


@case("nothing is leaked: keys, file objects, descriptors")
def _():
    left, right = pair()
    data = object()
    before = sys.getrefcount(data), sys.getrefcount(left), len(os.listdir("/dev/fd"))
    for _ in range(3):
        selector = ioloop.Selector(BACKEND)
        for _ in range(5):
            selector.register(left, EVENT_WRITE, data)
            selector.select(10)
            selector.modify(left, BOTH, data)
            selector.select(10)
            selector.unregister(left)
        selector.register(left, EVENT_READ, selector)  # a cycle
        del selector
        gc.collect()
    gc.disable()
    for _ in range(100):  # more than there are real-time signals
        selector = ioloop.Selector(BACKEND)
        selector.register(left, EVENT_READ, selector)
    del selector
    gc.enable()
    gc.collect()
    equal((sys.getrefcount(data), sys.getrefcount(left), len(os.listdir("/dev/fd"))), before, "counts")
    left.close()
    right.close()


@case("an unknown or unavailable backend is an OSError with the reason")
def _():
    for name, reason in ("eppoll", "epoll"), ("blocking", "server"):
        error = raises(OSError, lambda: ioloop.Selector(name))
        check(reason in error.strerror and name in error.strerror, error.strerror)
    for backend in ioloop.backends():
        if not backend.available and backend.name != "blocking":
            error = raises(OSError, lambda: ioloop.Selector(backend.name))
            check(backend.reason in error.strerror, error.strerror)


main()
