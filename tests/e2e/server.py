# SPDX-License-Identifier: MIT
"""The real server: on a free port, with clients, its numbers and its end."""
import os
import re
import signal
import socket

from harness import DEADLINE, SERVER, check, equal
from process import Process
from sockets import addresses_of, receive


class Server(Process):
    """The real server on a free port. `with` stops it by SIGTERM and checks how it ends."""

    def __init__(self, *options, host="127.0.0.1", **more):
        options = [str(o) for o in options]
        super().__init__([SERVER, "--port=0", "--host=" + host] + options, **more)
        self.host = host
        protocols = [p for p in ("tcp", "udp") if "--" + p in options] or ["tcp", "udp"]
        count = len(protocols) * len(addresses_of(host))
        pattern = rb"(?m)^listening (\w+) (\S+):(\d+) backend=(\S+)$"
        self.stderr.wait(lambda data: len(re.findall(pattern, bytes(data))) >= count,
                         "%d listening lines" % count)
        self.listening = [tuple(part.decode() for part in found)
                          for found in re.findall(pattern, self.stderr.bytes())]
        self.port = int(self.listening[0][2])
        self.backend = self.listening[0][3]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            if not self.ended():
                self.stop()
        return False

    def ended(self):
        return self.popen.returncode is not None

    def stop(self, signo=signal.SIGTERM, seconds=DEADLINE):
        """End it in order; the summary's numbers."""
        self.signal(signo)
        equal(self.wait(seconds), 0, "exit code after signal %d" % signo)
        return self.summary()

    def summary(self):
        found = re.findall(rb"(?m)^summary:? (.*)$", self.stderr.bytes())
        equal(len(found), 1, "summary lines")
        summary = numbers(found[0].decode())
        # The signal-driven models scan everything once a second in case a signal got lost.
        equal(summary["rescues"], 0, "descriptors that only the safety scan found ready")
        return summary

    def statistics(self):
        """The numbers of each --stats line so far."""
        return [numbers(line.decode()) for line in self.stderr.lines() if line.startswith(b"stats")]

    # -- clients ---------------------------------------------------------------------------

    def connect(self, host=None):
        """A connected TCP socket whose every operation has a deadline."""
        return socket.create_connection((host or self.host, self.port), DEADLINE)

    def datagram_socket(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(DEADLINE)
        sock.connect((self.host, self.port))
        return sock

    def echo(self, message, sock=None):
        """One round trip, on a connection of its own unless one is given."""
        own = sock is None
        sock = self.connect() if own else sock
        try:
            sock.sendall(message)
            equal(receive(sock, len(message)), message, "echo")
        finally:
            if own:
                sock.close()

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sleeps(self):
        """How often it has gone to sleep: once a request, unless it is busy."""
        with open("/proc/%d/status" % self.pid) as file:
            return int(re.search(r"(?m)^voluntary_ctxt_switches:\s*(\d+)", file.read()).group(1))

    def check_memory(self, limit_kb=32 * 1024):
        """It keeps less than that in memory; with a sanitizer, whose own memory hides it, nothing is
        checked."""
        with open("/proc/%d/status" % self.pid) as file:
            resident = int(re.search(r"VmRSS:\s*(\d+) kB", file.read()).group(1))
        if not sanitized():
            check(resident < limit_kb, "it holds %d KB of memory" % resident)

    def kernel_drops(self):
        """The kernel's own count of datagrams dropped on our UDP port. The table is read in pieces, and
        a socket that is opened or closed during that can make one appear twice: inodes identify them."""
        drops = {}
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            with open(table) as file:
                for line in file.readlines()[1:]:
                    fields = line.split()
                    if int(fields[1].rsplit(":", 1)[1], 16) == self.port:
                        drops[fields[9]] = int(fields[-1])
        return sum(drops.values())


def sanitized():
    """Was the server built with a sanitizer, or does it run in valgrind?"""
    with open(SERVER, "rb") as file:
        return re.search(rb"__[at]san_init", file.read()) is not None


def numbers(text):
    """{"records": 100, ...} of `records=100 ...`."""
    return {name: float(value) if "." in value else int(value)
            for name, value in re.findall(r"([\w-]+)=(-?\d+(?:\.\d+)?)\b", text)}
