# SPDX-License-Identifier: MIT
"""The files compiled on macOS and FreeBSD use no name that one of them lacks.

The tests do not run there, so a name that slips in would only be noticed by the first person who builds
there. Code for Linux only is in files of its own: *_linux.c and those that meson.build has for Linux
only; or between #ifdef __linux__ and its #else. A name may be used where the preprocessor has found it
(#ifdef NAME).
"""
import glob
import os
import re

from harness import case, check, equal, main

SOURCE = os.environ["IOLOOP_SOURCE"]
FOLDERS = ("src", "backends", "bench", "tests", "docs")
LINUX_FILES = re.compile(
    r"_linux\.[ch]$|^backends/(epoll|epoll_et|linux_aio|rtsig\w*|io_uring\w*)\.[ch]$|^bench/peers/|"
    r"^bench/workloads/(epoll|poll|select|raw)\.[ch]$|^tests/(stacks|unit/stacks|unit/io_uring|unit/handler_memory|"
    r"e2e/(without_io_uring|failing_allocations)|soak_load)\.c$|^tests/fuzz/(calls|faults|layer\w*|memory|scene\w*|syscalls)\.[ch]$|"
    r"^docs/lectures/(labs/(drain|ghost)|naive/(causes|decode|scenarios))\.[ch]$")

# Whole names, as regular expressions; and the systems that lack them.
STRANGERS = {
    "Linux's own calls": r"""epoll_\w+ EPOLL\w+ eventfd\w* EFD_\w+ timerfd_\w+ signalfd SFD_\w+ inotify_\w+
        fanotify_\w+ io_uring_\w+ prctl PR_\w+ gettid tgkill syscall SYS_\w+ unshare setns clone personality
        splice tee vmsplice sendfile memfd_create mremap MREMAP_\w+ dup3 recvmmsg sendmmsg preadv2 pwritev2
        close_range process_vm_readv pidfd_\w+ sysinfo get_nprocs sched_[sg]etaffinity CPU_SET CPU_ZERO""",
    "macOS has no such call": r"""accept4 pipe2 ppoll sigtimedwait sigwaitinfo sigqueue clock_nanosleep
        clock_getcpuclockid sem_init sem_destroy sem_timedwait pthread_barrier\w* pthread_spin_\w+
        pthread_mutex_timedlock pthread_condattr_setclock pthread_getcpuclockid timer_create timer_settime
        posix_fallocate dl_iterate_phdr getrandom explicit_bzero reallocarray mempcpy ptsname_r mq_\w+""",
    "glibc's own": r"""strchrnul secure_getenv getauxval program_invocation\w* canonicalize_file_name mallinfo2?
        pthread_tryjoin_np pthread_timedjoin_np pthread_sigqueue strerrorname_np strerrordesc_np qsort_r
        strerror_r pthread_setname_np pthread_getname_np pthread_setaffinity_np TEMP_FAILURE_RETRY""",
    "errors of Linux and System V": r"""ETIME ENODATA ENOSR ENOSTR ECOMM ENONET EREMOTEIO EBADFD EBADE EBADR
        EBADRQC EBADSLT ECHRNG EDEADLOCK EHWPOISON EISNAM EKEY\w+ EL[23]\w+ ELIB\w+ ELNRNG EMEDIUMTYPE ENAVAIL
        ENOANO ENOCSI ENOKEY ENOMEDIUM ENOPKG ENOTNAM ENOTUNIQ EREMCHG ERESTART ERFKILL ESRMNT ESTRPIPE
        EUCLEAN EUNATCH EXFULL EADV EDOTDOT""",
    "flags and options of sockets": r"""SOCK_NONBLOCK SOCK_CLOEXEC MSG_NOSIGNAL MSG_WAITFORONE MSG_MORE
        MSG_ERRQUEUE MSG_CMSG_CLOEXEC MSG_ZEROCOPY MSG_CONFIRM SO_RXQ_OVFL SO_MEMINFO SO_PEERCRED SO_PASSCRED
        SO_DOMAIN SO_PROTOCOL SO_BINDTODEVICE SO_MARK SO_PRIORITY SO_BUSY_POLL SO_INCOMING_CPU SO_COOKIE
        SO_RCVBUFFORCE SO_SNDBUFFORCE SO_TIMESTAMPING SO_TIMESTAMPNS SO_ZEROCOPY SO_ATTACH_\w+ SO_EE_\w+
        IP_RECVERR IPV6_RECVERR IP_BIND_ADDRESS_NO_PORT IP_MTU\w* IP_FREEBIND IP_TRANSPARENT IP_PKTINFO
        IP_RECVDSTADDR IP_SENDSRCADDR UDP_GRO UDP_SEGMENT SOL_TCP SOL_UDP SOL_IP SOL_IPV6 TCP_INFO TCP_CORK
        TCP_QUICKACK TCP_DEFER_ACCEPT TCP_USER_TIMEOUT TCP_KEEPIDLE TCP_SYNCNT s6_addr32""",
    "flags of files, memory, clocks, limits": r"""F_[SG]ETSIG F_[SG]ETOWN_EX F_OWNER_TID F_[SG]ETPIPE_SZ
        F_ADD_SEALS O_PATH O_TMPFILE O_DIRECT O_NOATIME MAP_POPULATE MAP_FIXED_NOREPLACE POLLRDHUP RUSAGE_THREAD
        CLOCK_BOOTTIME CLOCK_TAI CLOCK_MONOTONIC_RAW CLOCK_\w+_COARSE RLIMIT_SIGPENDING RLIMIT_MSGQUEUE
        RLIMIT_RTPRIO RLIMIT_NICE st_[acm]tim __WALL""",
    "signals": r"SIGRTMIN SIGSTKFLT SIGPWR SIGPOLL SIGCLD SI_KERNEL SI_TKILL si_fd si_band",
    "headers": r"""linux/\w+ asm/\w+ sys/epoll.h sys/\w+fd\.h sys/inotify.h sys/prctl.h sys/sendfile.h sys/sysinfo.h
        sys/random.h sys/auxv.h malloc.h features.h byteswap.h endian.h error.h argp.h threads.h semaphore.h""",
}
NAMES = re.compile(r"(?<![\w/])(%s)\b" % "|".join(word for words in STRANGERS.values() for word in words.split()))

# Names that a file may use, because it knows which systems have them.
ALLOWED = {
    "backends/pollset.c": {"ppoll"},  # by IOLOOP__POLL_FEATURES, poll elsewhere
    "src/loop/platform_bsd.c": {"IP_RECVDSTADDR", "IP_PKTINFO"},  # FreeBSD's and macOS's
}
LINUX = {"__linux__"}  # the condition of a part for Linux only
BESIDE_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)
CONDITION = re.compile(r"\s*#\s*(ifdef|ifndef|if|elif|else|endif|define)\b\s*(.*)")


def code(path):
    """Without comments and strings, but with all its lines; included names are code."""
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        text = file.read()
    return BESIDE_CODE.sub(lambda found: "\n" * found.group().count("\n"), text)


def strangers(path, linux_too=False):
    """Each that is outside a part that is compiled only if it is defined, or only on Linux."""
    found, known = [], [set()]
    defined = set(ALLOWED.get(path, ()))
    for number, line in enumerate(code(path).split("\n"), 1):
        condition = CONDITION.match(line)
        if condition:
            word, rest = condition.groups()
            if word in ("elif", "else", "endif"):
                known.pop()
            if word == "ifdef" and rest.strip() == "__linux__":
                known.append(LINUX)
            elif word in ("ifdef", "if", "elif"):
                known.append(set(re.findall(r"\w+", rest)))
            elif word in ("ifndef", "else"):
                known.append(set())
            elif word == "define":
                defined.update(re.findall(r"^\w+", rest))
            if word in ("ifdef", "ifndef", "if", "elif"):
                continue
        if not linux_too and any(part is LINUX for part in known):
            continue
        for name in NAMES.findall(line):
            if name not in defined.union(*known):
                found.append("%s:%d: %s" % (path, number, name))
    return found


def sources():
    """Relative to the root."""
    return sorted(os.path.relpath(path, SOURCE) for folder in FOLDERS
                  for path in glob.glob(os.path.join(SOURCE, folder, "**", "*.[ch]"), recursive=True))


@case("what one of the systems lacks is named only where the others compile it")
def _():
    shared = [path for path in sources() if not LINUX_FILES.search(path)]
    check(len(shared) > 200, "there are sources: %d" % len(shared))
    # Its header defines MSG_NOSIGNAL if the system does not.
    found = [line for path in shared for line in strangers(path)
             if not (path.startswith("tests/conformance/") and line.endswith(": MSG_NOSIGNAL"))]
    equal(found, [], "names that a system lacks")


@case("this test would find some")
def _():
    found = [line for path in sources() for line in strangers(path, linux_too=True)]
    for name in ("accept4", "epoll_wait", "SOCK_CLOEXEC", "linux/sock_diag", "eventfd", "ETIME", "sys/prctl.h",
                 "clock_getcpuclockid", "F_SETSIG", "sigtimedwait", "SIGRTMIN"):
        check(any(line.endswith(": " + name) for line in found), "no %s in %d lines" % (name, len(found)))


main()
