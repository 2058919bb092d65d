# SPDX-License-Identifier: MIT
"""Sockets of the tests, and what the system gives them."""
import random
import resource
import select
import socket

from harness import Failure, skip


def free_port(*kinds):
    """Free for these kinds of sockets on 127.0.0.1, and likely to stay so: the kernel gives its connections, and
    port 0, numbers over 32767 (ip_local_port_range), which other tests hold by the thousand, also after they ended."""
    for port in random.sample(range(10000, 32768), 1000):
        socks = [socket.socket(socket.AF_INET, kind) for kind in kinds]
        try:
            for sock in socks:
                sock.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue
        finally:
            for sock in socks:
                sock.close()
    raise Failure("no port is free")


def addresses_of(host):
    """The addresses that a server with this name listens on."""
    if host == "localhost":
        return ["127.0.0.1"] + (["::1"] if has_ipv6() else [])
    found = socket.getaddrinfo(host, 1, type=socket.SOCK_STREAM)
    return sorted({address[0] for _, _, _, _, address in found})


def limit_buffers(sock, size=200000):
    """The kernel lets buffers grow to megabytes, late and a few at a time, but not those that were given a
    size: with it a peer that echoes to a client that does not receive is stuck soon."""
    for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, buffer, size)


def unread(sock):
    """Bytes of this TCP connection that its peer, on this machine, has not received yet."""
    ends = (sock.getpeername()[1], sock.getsockname()[1])
    with open("/proc/net/tcp6" if sock.family == socket.AF_INET6 else "/proc/net/tcp") as file:
        for fields in map(str.split, file.readlines()[1:]):
            if tuple(int(end.rsplit(":", 1)[1], 16) for end in fields[1:3]) == ends:
                return int(fields[4].split(":")[1], 16)
    return 0


def receive(sock, size):
    """Exactly `size` bytes, or as many as came before the end."""
    chunks, left = [], size
    while left:
        chunk = sock.recv(min(left, 1 << 16))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def receive_all(sock):
    """Everything up to the end of input."""
    chunks = []
    while True:
        chunk = sock.recv(1 << 16)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


def readable(sock, seconds):
    return ready(sock, select.POLLIN, seconds)


def writable(sock, seconds):
    return ready(sock, select.POLLOUT, seconds)


def fill(socks, send, seconds):
    """send(sock) to those that take something, until none of them has done so for this long."""
    by_number = {sock.fileno(): sock for sock in socks}
    poll = select.poll()
    for number in by_number:
        poll.register(number, select.POLLOUT)
    while True:
        found = poll.poll(seconds * 1000)
        if not found:
            return
        for number, _ in found:
            send(by_number[number])


def ready(sock, events, seconds):
    poll = select.poll()
    poll.register(sock, events)
    return bool(poll.poll(seconds * 1000))


def need_descriptors(count):
    """Let this process and its children open `count` descriptors, or skip."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        skip("the limit of open files here is %d, %d are needed" % (hard, count))
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def need_ipv6():
    if not has_ipv6():
        skip("no IPv6 loopback here")
