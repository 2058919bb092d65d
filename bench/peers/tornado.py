#!@PYTHON@
# SPDX-License-Identifier: MIT
"""Usage: bench-peer-tornado LOOP tcp|udp PORT     (0: any)
       bench-peer-tornado --unavailable

Tornado's echo server (docs/examples/python) on 127.0.0.1:PORT, on an event loop of your choice: a model
of ioloop (epoll, sigio ...), asyncio (its own loop) or uvloop. Prints "listening ..." on stderr;
SIGTERM ends it. --unavailable prints which of ioloop, asyncio and uvloop cannot be used here, and why.
"""
import asyncio
import importlib
import os
import runpy
import signal
import sys

NAME = os.path.basename(sys.argv[0])
LOOPS = {  # the modules that each needs, and where they come from
    "ioloop": {"tornado": "python3-tornado", "ioloop": None},
    "asyncio": {"tornado": "python3-tornado"},
    "uvloop": {"tornado": "python3-tornado", "uvloop": "python3-uvloop"},
}
sys.path.insert(0, "@PACKAGE@")


def why_not(loop):
    """Why it cannot be used, with a remedy; None if it can."""
    for module, package in LOOPS[loop].items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            remedy = "install Debian's %s" % package if package else "install python3-dev, then meson setup --wipe"
            return "%s: %s; %s" % (sys.executable, error, remedy)
    return None


def policy_of(name):
    if name == "asyncio":
        return asyncio.DefaultEventLoopPolicy()
    module = importlib.import_module("uvloop" if name == "uvloop" else "ioloop")
    if name == "uvloop":
        return module.EventLoopPolicy()
    module.Selector(name).close()  # unavailable ones raise an OSError, which has the reason
    return module.EventLoopPolicy(name)


def end(status, text):
    print("%s: %s" % (NAME, text), file=sys.stderr)
    sys.exit(status)


def serve(name, protocol, port):
    reason = why_not(name if name in LOOPS else "ioloop")
    if reason:
        end(1, reason)
    try:
        asyncio.set_event_loop_policy(policy_of(name))
    except OSError as error:
        end(2, error.strerror)
    for signo in signal.SIGTERM, signal.SIGINT:
        signal.signal(signo, lambda signo, frame: os._exit(0))
    server = os.path.join("@SERVERS@", protocol + "_server.py")
    sys.argv = [server, "--print=none", "--port=" + port]
    runpy.run_path(server, run_name="__main__")


def main(words):
    if words in (["--help"], ["-h"]):
        print(__doc__, end="")
    elif words == ["--unavailable"]:
        for loop in LOOPS:
            if why_not(loop):
                print("%s: %s" % (loop, why_not(loop)))
    elif len(words) != 3 or words[1] not in ("tcp", "udp"):
        end(2, "expected a loop, a protocol and a port: %s LOOP tcp|udp PORT" % NAME)
    elif not words[2].isdecimal() or int(words[2]) > 65535:
        end(2, "%s: the port must be a number from 0 to 65535 (0: any)" % words[2])
    else:
        serve(*words)


main(sys.argv[1:])
