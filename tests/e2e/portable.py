# SPDX-License-Identifier: MIT
"""What macOS and FreeBSD compile names nothing that only Linux has.

They have no part in these tests, so a name that slips in would be seen by whoever builds there
first. What is Linux's alone is in files of its own: *_linux.c and the models that need it.
"""
import glob
import os
import re

from harness import case, check, equal, main

SOURCE = os.environ["IOLOOP_SOURCE"]
LINUX_FILES = re.compile(r"_linux\.[ch]$|/(epoll|epoll_et|rtsig|io_uring|io_uring_ops)\.[ch]$")
LINUX_NAMES = re.compile(
    r"\b(accept4|pipe2|dup3|eventfd|timerfd_\w+|signalfd|epoll_\w+|EPOLL\w+|recvmmsg|sendmmsg|prctl|gettid|"
    r"sched_setaffinity|sched_getaffinity|pthread_setname_np|sigtimedwait|memfd_create|syscall|splice|"
    r"SOCK_NONBLOCK|SOCK_CLOEXEC|MSG_NOSIGNAL|MSG_WAITFORONE|SO_RXQ_OVFL|SO_MEMINFO|F_SETSIG|F_SETOWN_EX|"
    r"O_PATH|O_TMPFILE|MAP_POPULATE|MREMAP_\w+|POLLRDHUP|RUSAGE_THREAD|TCP_INFO|SYS_\w+|sys/\w+fd\.h|linux/\w+)\b")
BESIDE_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def code(path):
    """Without comments and texts, but with all its lines; what is included is code."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return BESIDE_CODE.sub(lambda found: "\n" * found.group().count("\n"), text)


def strangers(path):
    return ["%s:%d: %s" % (os.path.relpath(path, SOURCE), number, found.group())
            for number, line in enumerate(code(path).split("\n"), 1)
            for found in LINUX_NAMES.finditer(line)]


def sources():
    return sorted(path for folder in ("src", "backends")
                  for path in glob.glob(os.path.join(SOURCE, folder, "**", "*.[ch]"), recursive=True))


@case("what is Linux's alone is named in Linux's files only")
def _():
    shared = [path for path in sources() if not LINUX_FILES.search(path)]
    check(len(shared) > 50, "there are sources: %d" % len(shared))
    equal([line for path in shared for line in strangers(path)], [], "names of Linux's alone")


@case("this test would find some")
def _():
    found = [line for path in sources() if LINUX_FILES.search(path) for line in strangers(path)]
    for name in ("accept4", "epoll_wait", "SOCK_CLOEXEC", "linux/sock_diag", "eventfd"):
        check(any(line.endswith(": " + name) for line in found), "no %s in %d lines" % (name, len(found)))


main()
