# SPDX-License-Identifier: MIT
"""--trace=FILE: the loops record their own waits; here the program's system calls on sockets and pipes are
recorded with them, so that ioladder can draw a request as it draws one of a C server."""
import atexit
import functools
import os
import signal
import socket
import sys
import time

from . import _ioloop

_SOCKET_CALLS = {  # the method, and the size or descriptor of what it returns
    "_accept": lambda result: result[0],
    "connect": lambda result: 0,
    "recv": len,
    "recv_into": int,
    "recvfrom": lambda result: len(result[0]),
    "recvfrom_into": lambda result: result[0],
    "recvmsg": lambda result: len(result[0]),
    "send": int,
    "sendmsg": int,
    "sendto": int,
}
_CALLS = {"_accept": "accept", "recv_into": "recv", "recvfrom_into": "recvfrom"}


def _recorded(function, name, result_of, descriptor_of):
    @functools.wraps(function)
    def call(subject, *args, **kwargs):
        fd = descriptor_of(subject)
        begun = time.monotonic_ns()
        try:
            result = function(subject, *args, **kwargs)
        except OSError as error:
            _ioloop.trace_call(name, fd, -(error.errno or 0), begun, time.monotonic_ns())
            raise
        _ioloop.trace_call(name, fd, result_of(result), begun, time.monotonic_ns())
        return result
    return call


def _wrap_calls():
    for method, result_of in _SOCKET_CALLS.items():
        function = getattr(socket.socket, method)
        name = _CALLS.get(method, method)
        setattr(socket.socket, method, _recorded(function, name, result_of, socket.socket.fileno))
    os.read = _recorded(os.read, "read", len, int)
    os.write = _recorded(os.write, "write", int, int)


def _write(path, limit):
    try:
        full = _ioloop.trace_write()
    except OSError as error:
        print("ioloop: the trace %s is not complete: %s" % (path, error.strerror), file=sys.stderr)
        return
    if full:
        print("ioloop: the trace has its %d events; later events are not recorded (record more with "
              "--trace-limit=N)" % limit, file=sys.stderr)


def _end_in_order():
    """The default action of SIGTERM would leave the trace empty, also when the program goes back to it."""
    set_handler, get_handler = signal.signal, signal.getsignal

    def end(signo, frame):
        sys.exit(128 + signo)

    def seen(handler):
        return signal.SIG_DFL if handler is end else handler

    @functools.wraps(set_handler)
    def wrapped_signal(signo, handler):
        return seen(set_handler(signo, end if signo == signal.SIGTERM and handler == signal.SIG_DFL else handler))

    @functools.wraps(get_handler)
    def wrapped_getsignal(signo):
        return seen(get_handler(signo))
    signal.signal, signal.getsignal = wrapped_signal, wrapped_getsignal
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def start(path, program, backend, limit):
    """Record from now on. The file is written when the program ends, also by SIGTERM, and on SIGUSR1."""
    path = os.path.abspath(path)  # the program may change its folder
    _ioloop.trace_start(path, program, backend, limit)
    _wrap_calls()
    atexit.register(_write, path, limit)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        _end_in_order()
    if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
        signal.signal(signal.SIGUSR1, lambda signo, frame: _write(path, limit))
