# SPDX-License-Identifier: MIT
"""Tornado's hello world (docs/examples/python/hello.py) under `python3 -m ioloop` answers requests.
Usage: tornado_http.py BACKEND"""
import http.client
import importlib.util
import json
import os
import signal
import sys
import tempfile
import threading

from harness import case, check, equal, main, missing
from process import Process

BACKEND = sys.argv[1]
THREADS, REQUESTS = 8, 50
APP = os.path.join(os.environ["IOLOOP_PYTHON_EXAMPLES"], "hello.py")


class Client(threading.Thread):
    def __init__(self, number, port, keep):
        super().__init__(daemon=True)
        self.number, self.port, self.keep, self.answered, self.error = number, port, keep, 0, None
        self.start()

    def run(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            for request in range(REQUESTS):
                connection.request("GET", "/?name=%d-%d" % (self.number, request))
                response = connection.getresponse()
                text = response.read()
                equal((response.status, text), (200, b"Hello, %d-%d\n" % (self.number, request)), "answer")
                self.answered += 1
                if not self.keep:
                    connection.close()
            connection.close()
        except Exception as error:
            self.error = error


def events(path):
    with open(path) as file:
        return json.load(file)["traceEvents"]


@case("%d requests on %d connections at a time, kept and not; no rescue; Ctrl-C ends it"
      % (2 * THREADS * REQUESTS, THREADS))
def _():
    if not importlib.util.find_spec("tornado"):
        missing("python3-tornado, not installed")
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.json")
        server = Process([sys.executable, "-m", "ioloop", "--backend=" + BACKEND, "--trace=" + trace, APP, "0"])
        port = int(server.stderr.wait_match(rb"listening http 127\.0\.0\.1:(\d+)\n").group(1))
        for keep in True, False:
            clients = [Client(number, port, keep) for number in range(THREADS)]
            for client in clients:
                client.join(120)
                equal((client.answered, client.error), (REQUESTS, None), "answers to client %d" % client.number)
        server.signal(signal.SIGINT)
        equal(server.wait(), -signal.SIGINT, "exit code")
        names = {event["name"] for event in events(trace)}
        check("rescue" not in names, "no rescue")
        check(BACKEND != "sigio" or "signal" in names, "signals arrived")
        check({"accept", "recv", "send"} <= names, "calls: %s" % sorted(names))


main()
