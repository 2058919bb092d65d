# SPDX-License-Identifier: MIT
"""Tornado's hello world, over HTTP. Usage: hello.py [PORT]"""
import sys

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


class Hello(RequestHandler):
    def get(self):
        self.write("Hello, %s\n" % self.get_query_argument("name", "world"))


server = HTTPServer(Application([("/", Hello)]))
sockets = bind_sockets(int(sys.argv[1]) if len(sys.argv) > 1 else 8888, "127.0.0.1", backlog=4096)
server.add_sockets(sockets)
print("listening http %s:%d" % sockets[0].getsockname(), file=sys.stderr, flush=True)
IOLoop.current().start()
