# SPDX-License-Identifier: MIT
"""The cost of an idle connection of the server in user space. Usage: memory.py BACKEND

Anonymous memory of the process (RssAnon: memory allocated and touched) with 10,000 idle connections,
less that before the first, by their number. Each has been used once, so that the memory for a read or a
write has been allocated.
"""
import re
import sys

from harness import case, check, equal, main
from server import Server
from sockets import need_descriptors, receive

BACKEND = sys.argv[1]
CONNECTIONS = 10000
LIMIT = 512
AT_ONCE = 1000  # a wait of poll and select examines all: the fewer the better


def anonymous_bytes(server):
    with open("/proc/%d/status" % server.pid) as file:
        return int(re.search(r"RssAnon:\s*(\d+) kB", file.read()).group(1)) * 1024


@case("an idle connection takes at most %d bytes in user space, at 10,000" % LIMIT)
def _():
    need_descriptors(CONNECTIONS + 200)
    with Server("--backend=" + BACKEND, "--tcp", "--print=none") as server:
        server.echo(b"warm up")
        before = anonymous_bytes(server)
        socks = []
        for _ in range(CONNECTIONS // AT_ONCE):
            server.freeze()
            batch = [server.connect() for _ in range(AT_ONCE)]
            for sock in batch:
                sock.sendall(b"used once")
            server.thaw()
            for sock in batch:
                equal(receive(sock, 9), b"used once", "echo")
            socks += batch
        each = (anonymous_bytes(server) - before) / CONNECTIONS
        print("# %s: %.0f bytes a connection" % (BACKEND, each))
        check(each <= LIMIT, "%.0f bytes a connection" % each)
        for sock in socks:
            sock.close()


main()
