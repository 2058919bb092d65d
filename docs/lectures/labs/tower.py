# SPDX-License-Identifier: MIT
"""Which functions are between a Tornado program and the I/O model? On the way down, from add_handler to
the selector; and on the way up, from the loop to the handler. The socket is descriptor 42, so that strace
shows which calls of the system are made for it."""
import os
import socket
import sys

from tornado.ioloop import IOLoop

FD = 42
ROW = "  %-24s  %s"


def print_stack(title, frame):
    """The functions that have called each other, of these libraries."""
    rows = []
    while frame:
        module = frame.f_globals["__name__"]
        if module.split(".")[0] in ("tornado", "asyncio", "selectors"):
            rows.append(ROW % (module, frame.f_code.co_name))
        frame = frame.f_back
    print(title, *reversed(rows), sep="\n")


def on_call(frame, event, function):
    if event == "c_call" and function.__name__ == "register":
        kind = type(function.__self__)
        print_stack("down:", frame)
        print(ROW % (kind.__module__, kind.__name__ + ".register, in C"))


def on_readable(fd, events):
    print_stack("up:", sys._getframe())
    os.read(fd, 10)
    loop.remove_handler(fd)
    loop.stop()


loop = IOLoop.current()
left, right = socket.socketpair()
os.dup2(left.fileno(), FD)
sys.setprofile(on_call)
loop.add_handler(FD, on_readable, IOLoop.READ)
sys.setprofile(None)
right.send(b"x")
loop.start()
