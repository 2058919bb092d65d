# SPDX-License-Identifier: MIT
"""Descriptors of another process, borrowed by pidfd_getfd(2): a copy outlives the process, and options
set on it are set on the process' own."""
import contextlib
import ctypes
import os
import socket

from harness import skip

PIDFD_GETFD = 438  # of all architectures


def borrow(pid, fd):
    """A descriptor of ours for the file behind descriptor `fd` of process `pid`."""
    process = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    ours = libc.syscall(PIDFD_GETFD, process, fd, 0)
    os.close(process)
    if ours < 0:
        skip("pidfd_getfd: " + os.strerror(ctypes.get_errno()))
    return ours


def links(pid):
    """{descriptor: what /proc says it is}"""
    folder = "/proc/%d/fd" % pid
    return {int(fd): os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)}


def limit_accepted(pid):
    """Accepted connections inherit the listener's buffers. From now on they have room for little to send and
    receive much: a server that echoes to a client that does not receive is stuck soon, and stays so. A thread
    that sleeps in send is woken by a shutdown and goes on if a third of its buffer is free (Linux,
    sk_stream_write_space); what is unread is more than that."""
    sockets = [fd for fd, link in links(pid).items() if link.startswith("socket:")]
    for fd in sockets:
        with contextlib.closing(socket.socket(fileno=borrow(pid, fd))) as sock:
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 << 10)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 512 << 10)
