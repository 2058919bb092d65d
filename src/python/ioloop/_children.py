# SPDX-License-Identifier: MIT
"""Child processes do not inherit the signals that a signal-driven loop has blocked.

Python's functions that make a child without the hooks of os.register_at_fork are wrapped, once a loop of
sigio or rtsig has been made: the one behind subprocess and multiprocessing (src/python/children.c), and
posix_spawn, posix_spawnp, system and the exec functions of os.
"""
import functools
import os
import signal
import subprocess
import threading

from . import _ioloop

_installed = False


def _unblocked(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return _ioloop.call_unblocked(function, args, kwargs)
    return call


def _with_mask(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        blocked = _ioloop.blocked_signals()
        if blocked and "setsigmask" not in kwargs:
            kwargs["setsigmask"] = signal.pthread_sigmask(signal.SIG_BLOCK, []) - set(blocked)
        return function(*args, **kwargs)
    return call


def _in_thread(function):
    """system() waits for its child, without the GIL: another thread has a mask of its own for that long."""
    @functools.wraps(function)
    def call(*args, **kwargs):
        blocked = _ioloop.blocked_signals()
        if not blocked:
            return function(*args, **kwargs)
        results = []

        def run():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
            try:
                results.append((function(*args, **kwargs), None))
            except BaseException as error:
                results.append((None, error))
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        result, error = results[0]
        if error is not None:
            raise error
        return result
    return call


def install():
    global _installed
    if _installed:
        return
    _installed = True
    import _posixsubprocess
    _posixsubprocess.fork_exec = _unblocked(_posixsubprocess.fork_exec)
    if hasattr(subprocess, "_fork_exec"):  # its own name for it, since Python 3.11
        subprocess._fork_exec = _posixsubprocess.fork_exec
    for name in "posix_spawn", "posix_spawnp":
        if hasattr(os, name):
            setattr(os, name, _with_mask(getattr(os, name)))
    for name in "execv", "execve":  # behind the others
        setattr(os, name, _unblocked(getattr(os, name)))
    os.system = _in_thread(os.system)
