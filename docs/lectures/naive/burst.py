#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many of 100 messages sent at once does a server print?

    burst.py [--udp] [--clients=100] [--tries=3] [--freeze] [--connect-first] SERVER [OPTION...]

Starts SERVER OPTION... --port=0 for each try. Over TCP each client is a thread that connects, sends
one JSON object and closes; with --udp one socket sends all the datagrams. The messages are counted
that the server has printed when all have come, or when it sleeps and no SIGIO is pending, so that
nothing more can come.

--freeze stops the server (SIGSTOP) while the kernel alone serves the clients, and lets it continue
when they have gone, like a server that was busy elsewhere for a moment. This removes chance from the
experiment. With --connect-first the clients connect one after the other, each when the server has
handled the one before and sleeps again, and none sends before all have connected.
"""
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 20.0


def main():
    parser = argparse.ArgumentParser(prog="burst.py", description=__doc__.split("\n")[0])
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--freeze", action="store_true")
    parser.add_argument("--connect-first", action="store_true")
    parser.add_argument("server", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.server or options.clients < 1 or options.tries < 1:
        parser.error("what to start is missing, or a number is below 1")
    for number in range(1, options.tries + 1):
        printed, counters = attempt(options)
        print("try %d: %3d of %d messages printed%s" % (number, printed, options.clients, counters),
              flush=True)


def attempt(options):
    """Returns the number of messages printed, and the server's own counters."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        protocol = "udp" if options.udp else "tcp"
        try:
            server = subprocess.Popen(options.server + ["--port=0"], stdin=subprocess.DEVNULL,
                                      stdout=out, stderr=err)
        except OSError as error:
            sys.exit("burst.py: %s: %s" % (options.server[0], error.strerror))
        try:
            port = int(wait_for(lambda: re.search(r"listening %s 127\.0\.0\.1:(\d+)" % protocol,
                                                  content(err)), server, err).group(1))
            if options.freeze:
                server.send_signal(signal.SIGSTOP)
                wait_for(lambda: state(server.pid) == "T", server, err)
            if options.udp:
                send_datagrams(port, options.clients)
            else:
                send_connections(port, options.clients, options.connect_first and
                                 (lambda: wait_for(lambda: asleep(server.pid), server, err)))
            if options.freeze:
                server.send_signal(signal.SIGCONT)
            printed = lambda: content(out).count('"send_msg"')
            wait_for(lambda: printed() >= options.clients or idle(server.pid), server, err)
            server.send_signal(signal.SIGTERM)
            server.wait(DEADLINE)
            return printed(), counters(content(err))
        finally:
            server.kill()
            server.wait()


def message(number):
    return json.dumps({"send_user": "client %d" % number,
                       "send_time": time.strftime("%Y-%m-%d %H:%M:%S"),
                       "send_msg": "hello"}).encode()


def send_connections(port, clients, seen):
    """All clients at once. With `seen`, which waits until the server has seen the last one, all connect
    one at a time, and then send at once."""
    barrier, turn = threading.Barrier(clients), threading.Lock()

    def connect():
        if not seen:
            return socket.create_connection(("127.0.0.1", port), DEADLINE)
        with turn:
            sock = socket.create_connection(("127.0.0.1", port), DEADLINE)
            seen()
            return sock

    def client(number):
        barrier.wait()
        with connect() as sock:
            if seen:
                barrier.wait()
            sock.sendall(message(number))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def send_datagrams(port, clients):
    messages = [message(number) for number in range(clients)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for each in messages:
            sock.sendto(each, ("127.0.0.1", port))


# ---- looking at the server --------------------------------------------------------------------


def content(file):
    return os.pread(file.fileno(), 1 << 24, 0).decode("utf-8", "replace")


def wait_for(condition, server, err):
    """Wait until it is true. The files of /proc and of the output can only be polled."""
    end = time.monotonic() + DEADLINE
    while True:
        result = condition()
        if result:
            return result
        if server.poll() is not None or time.monotonic() > end:
            sys.exit("burst.py: %s did not do as expected within %g s; it said:\n%s"
                     % (server.args[0], DEADLINE, content(err)))
        time.sleep(0.01)


def state(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def idle(pid):
    """True if every thread sleeps, twice in a row, and no SIGIO is pending: nothing more will happen."""
    return asleep(pid) and not time.sleep(0.1) and asleep(pid)


def asleep(pid):
    for thread in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/status" % (pid, thread)) as file:
                status = file.read()
        except OSError:  # the thread has ended
            return False
        pending = [int(mask, 16) for mask in re.findall(r"(?:SigPnd|ShdPnd):\s*(\w+)", status)]
        if not re.search(r"State:\s*S", status) or any(m >> (signal.SIGIO - 1) & 1 for m in pending):
            return False
    return True


def counters(text):
    """The numbers of the summary that show what happened."""
    found = dict(re.findall(r"([\w-]+)=(\d+)", "".join(re.findall(r"summary:.*", text))))
    shown = ["%s=%s" % (name, found[name])
             for name in ("signals", "accepted", "would-block", "failed", "overflows", "rescues")
             if found.get(name, "0") != "0"]
    return ", " + " ".join(shown) if shown else ""


main()
