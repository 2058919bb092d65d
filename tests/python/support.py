# SPDX-License-Identifier: MIT
"""Shared by the tests of the Python package."""
import os
import socket
from selectors import EVENT_READ, EVENT_WRITE

from harness import Failure, check, equal

BOTH = EVENT_READ | EVENT_WRITE


def pair():
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    return left, right


def raises(kind, function, text=""):
    try:
        function()
    except kind as error:
        check(text in str(error), "%r is in %r" % (text, str(error)))
        return error
    raise Failure("no %s was raised" % kind.__name__)


def found(selector, timeout=None):
    """[(data, events)] of what is ready."""
    return [(key.data, events) for key, events in selector.select(timeout)]


def in_child(function):
    """Run in a forked child; it returns nothing, or fails."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
            os._exit(0)
        except BaseException as error:
            print("# in the child: %r" % (error,), flush=True)
        finally:
            os._exit(1)
    equal(os.waitpid(pid, 0)[1], 0, "the child's end")
