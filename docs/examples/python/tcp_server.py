# SPDX-License-Identifier: MIT
"""TCP echo in Tornado, prints what arrives. On SIGIO: python3 -m ioloop --backend=sigio tcp_server.py"""
import argparse
import asyncio
import sys
from contextlib import suppress

from tornado import iostream, netutil, tcpserver
from tornado.ioloop import IOLoop


class Echo(tcpserver.TCPServer):
    async def handle_stream(self, stream, address):
        stream.set_nodelay(True)
        with suppress(iostream.StreamClosedError):
            while True:
                for _ in range(64):  # an await that finds data does not wait
                    data = await stream.read_bytes(65536, partial=True)
                    if options.print == "text":
                        print(printable(data), flush=True)
                    await stream.write(data)  # a client that does not read is not read from
                await asyncio.sleep(0)  # others have a turn


def printable(data):
    text = data.removesuffix(b"\n").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in text)


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8888)
parser.add_argument("--print", choices=["text", "none"], default="text")
options = parser.parse_args()
try:
    sockets = netutil.bind_sockets(options.port, "127.0.0.1", backlog=4096)
except (OSError, OverflowError) as error:
    parser.exit(1, "%s: cannot listen on port %d: %s\n" % (parser.prog, options.port, error))
Echo().add_sockets(sockets)
print("listening tcp %s:%d" % sockets[0].getsockname(), file=sys.stderr, flush=True)
IOLoop.current().start()
