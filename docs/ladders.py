#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ladder pictures of the lectures: the same ten requests under each model, traced and drawn.

    ladders.py SERVER IOLADDER FOLDER [MODEL...]

Writes into FOLDER, for each model: MODEL.json (the trace), MODEL.svg and MODEL.txt (its third
request). For a model that is taught with datagrams first: MODEL-udp.svg and so on, the same over UDP.
For models under comparison: ONE-OTHER.svg, the two side by side. And models.svg, the whole set on one
sheet, for print; the others fit a slide. A model that is unavailable here is omitted, with a message.
`meson compile ladders` does this in the build folder.

One client on one socket sends ten requests of the same size, and pauses for a few milliseconds before
each, so that the figure shows the server waiting.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import time

MODELS = ["blocking", "nonblocking", "poll", "sigio", "rtsig", "epoll", "io_uring"]
MORE = ["epoll-et", "libevent"]  # no models of their own: not on the sheet of the models
UDP = ["sigio"]  # drawn with datagrams as well
PAIRS = [("blocking", "nonblocking"), ("poll", "epoll"), ("sigio", "rtsig"), ("epoll", "epoll-et"),
         ("epoll", "libevent"), ("epoll", "io_uring")]
REQUESTS = 10
SHOWN = 3  # caches are warm by then
THINKS_S = 0.005
DEADLINE_S = 30
REQUEST = b"a request of thirty-two bytes..."


def fail(text):
    sys.exit("ladders.py: " + text)


def available(server, model):
    """None, or why it is unavailable here."""
    listing = subprocess.run([server, "--list-backends"], stdout=subprocess.PIPE, check=True,
                             universal_newlines=True).stdout
    line = re.search(r"^\s*%s\b.*$" % re.escape(model), listing, re.M)
    if not line:
        return "the server does not know it"
    tried = subprocess.run([server, "--backend=" + model, "--port=0", "--host=no-such-host.invalid"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           universal_newlines=True).stderr
    return None if "no-such-host" in tried else tried.strip()


def start(server, model, protocol, trace):
    process = subprocess.Popen([server, "--backend=" + model, "--" + protocol, "--host=127.0.0.1",
                                "--port=0", "--print=none", "--trace=" + trace],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, universal_newlines=True)
    line = process.stderr.readline()
    found = re.match(r"listening %s 127\.0\.0\.1:(\d+) " % protocol, line)
    if not found:
        fail("the server did not start under %s: %s" % (model, line.strip()))
    return process, int(found.group(1))


def ask(sock):
    sock.settimeout(DEADLINE_S)
    for _ in range(REQUESTS):
        time.sleep(THINKS_S)
        sock.sendall(REQUEST)
        left = len(REQUEST)
        while left:
            left -= len(sock.recv(left)) or fail("the server closed the connection")


def ask_over(protocol, port):
    if protocol == "tcp":
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask(sock)
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", port))
            ask(sock)


def record(server, model, protocol, trace):
    process, port = start(server, model, protocol, trace)
    try:
        ask_over(protocol, port)
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=DEADLINE_S)[1]
    if process.returncode:
        fail("the server failed under %s: %s" % (model, rest.strip()))


def draw(ioladder, *arguments):
    if subprocess.run([ioladder, "--request=%d" % SHOWN] + list(arguments)).returncode:
        fail("ioladder failed")


def draw_together(ioladder, folder, name, models, *options):
    path = os.path.join(folder, name + ".svg")
    draw(ioladder, *[os.path.join(folder, model + ".json") for model in models], "-o", path, *options)
    print(path)


def record_and_draw(server, ioladder, model, protocol, base):
    whose = "--connection=%d" % (protocol == "tcp")  # a datagram is of none
    record(server, model, protocol, base + ".json")
    draw(ioladder, base + ".json", whose, "-o", base + ".svg")
    draw(ioladder, base + ".json", whose, "--text", "-o", base + ".txt")
    print("%s.svg" % base)


def main():
    if len(sys.argv) < 4:
        fail(__doc__.split("\n\n")[1].strip())
    server, ioladder, folder = sys.argv[1:4]
    os.makedirs(folder, exist_ok=True)
    drawn = []
    for model in sys.argv[4:] or MODELS + MORE:
        why_not = available(server, model)
        if why_not:
            print("%s is left out: %s" % (model, why_not))
            continue
        base = os.path.join(folder, model)
        record_and_draw(server, ioladder, model, "tcp", base)
        if model in UDP:
            record_and_draw(server, ioladder, model, "udp", base + "-udp")
        drawn.append(model)
    if not drawn:
        fail("no model is available")
    for pair in PAIRS:
        if set(pair) <= set(drawn):
            draw_together(ioladder, folder, "-".join(pair), pair)
    models = [model for model in drawn if model not in MORE] or drawn
    draw_together(ioladder, folder, "models", models, "--columns=4",
                  "--title=The same request under %d models" % len(models))


if __name__ == "__main__":
    main()
