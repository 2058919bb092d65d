#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""EXHIBIT, loses messages on purpose: naive_tcp.c in Python, one accept and one recv for each call of the handler.
Usage: naive_sigio.py [--port=8888]. Nothing here is to be copied; docs/lectures has the reasons."""
import argparse
import fcntl
import os
import signal
import socket
import sys

signals = accepted = 0


def on_sigio(signo, frame):
    global signals, accepted
    signals += 1
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    accepted += 1
    with connection:
        print(connection.recv(1024).decode(errors="replace"), flush=True)


def end(signo, frame):
    print("summary: signals=%d accepted=%d" % (signals, accepted), file=sys.stderr)
    sys.exit(0)


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8888)
listener = socket.create_server(("127.0.0.1", parser.parse_args().port), backlog=1000)
signal.signal(signal.SIGIO, on_sigio)
signal.signal(signal.SIGTERM, end)
fcntl.fcntl(listener, fcntl.F_SETOWN, os.getpid())
fcntl.fcntl(listener, fcntl.F_SETFL, fcntl.fcntl(listener, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
print("exhibit, loses messages on purpose: one accept() and one recv() for each SIGIO", file=sys.stderr)
print("listening tcp %s:%d" % listener.getsockname(), file=sys.stderr, flush=True)
while True:
    signal.pause()
