# SPDX-License-Identifier: MIT
"""UDP echo in Tornado, prints what arrives. On SIGIO: python3 -m ioloop --backend=sigio udp_server.py"""
import argparse
import socket
import sys

from tornado.ioloop import IOLoop


def on_readable(udp, events):
    for _ in range(64):  # then others have a turn; what is left is reported again
        try:
            data, peer = udp.recvfrom(65536)
        except BlockingIOError:
            return
        if options.print == "text":
            print(printable(data), flush=True)
        udp.sendto(data, peer)


def printable(data):
    text = data.removesuffix(b"\n").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in text)


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8888)
parser.add_argument("--print", choices=["text", "none"], default="text")
options = parser.parse_args()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
server.setblocking(False)
try:
    server.bind(("127.0.0.1", options.port))
except (OSError, OverflowError) as error:
    parser.exit(1, "%s: cannot listen on port %d: %s\n" % (parser.prog, options.port, error))
IOLoop.current().add_handler(server, on_readable, IOLoop.READ)
print("listening udp %s:%d" % server.getsockname(), file=sys.stderr, flush=True)
IOLoop.current().start()
