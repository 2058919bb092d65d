# SPDX-License-Identifier: MIT
"""System calls of the server and the client fail, by strace's injection: each call that they make after
their start, with each error that its manual names (calls.h, and OTHERS below). They recover, or report
why they refuse or end; none hangs, crashes or loses something in silence.

strace, because the programs are tested as they are: what differs from `syscalls` is what the program
makes of an error. The copy of the library that fails by itself is in no program.

Usage: programs.py CALLS.H [--share=N] [--case=CONFIGURATION:CALL:ERRNO:K] [--table=FILE]
K: the K-th such call of each process fails. FUZZ_FULL=1: all cases.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import CLIENT, SERVER, Failure, case, check, main, need_program, skip
from process import Process
from server import Server, sanitized

CONFIGURATIONS = {
    "epoll": ["--backend=epoll"],
    "rtsig": ["--backend=rtsig"],
    "io_uring": ["--backend=io_uring"],
    "workers": ["--workers=2"],
    "threads": ["--handler=thread"],
    "blocking": ["--backend=blocking"],
    "client-tcp": ["--tcp"],
    "client-udp": ["--udp"],
}
# What the kernel calls them.
NAMES = {"accept": "accept4", "eventfd2": "eventfd", "openat": "open", "newfstatat": "fstat", "pipe2": "pipe",
         "rt_sigaction": "sigaction", "prlimit64": "getrlimit", "signalfd4": "signalfd",
         "pselect6": "select", "rt_sigtimedwait": "sigtimedwait"}
# Calls of the programs alone.
OTHERS = {"clone": "EAGAIN ENOMEM EPERM", "clone3": "EAGAIN ENOMEM EPERM", "dup2": "EBADF EBUSY EINTR EMFILE",
          "socketpair": "EAFNOSUPPORT EMFILE ENFILE ENOMEM", "kill": "EPERM ESRCH", "wait4": "ECHILD",
          "setpgid": "EACCES EPERM ESRCH", "mprotect": "EACCES ENOMEM", "rename": "EACCES ENOSPC EROFS",
          "io_uring_enter": "EAGAIN EBUSY EINTR ENOMEM", "io_uring_setup": "ENOMEM ENOSYS EPERM",
          "io_uring_register": "EBUSY EINVAL ENOMEM", "sched_setaffinity": "EINVAL EPERM ESRCH"}
# Of the C library, and calls whose failure the kernel does not know.
NOT_OURS = set("""brk munmap arch_prctl set_tid_address set_robust_list rseq rt_sigreturn getpid gettid futex
exit exit_group getrandom getppid execve pread64 restart_syscall madvise rt_sigprocmask rt_sigpending
rt_sigsuspend tgkill sched_yield close clock_nanosleep geteuid getuid lseek access""".split())
AT_ONCE = 4


def known_errors(path):
    with open(path) as file:
        text = re.sub(r"\\\s*\n", " ", file.read())
    macros = dict(re.findall(r'#define (FAULT_[A-Z]+) +((?:"[^"]*" *)+)', text))
    errors = {}
    for name, rest in re.findall(r"CALL\((\w+), FAILS_\w+, ([^)]*)\)", text):
        for macro, value in macros.items():
            rest = rest.replace(macro, value)
        errors[name] = " ".join(re.findall(r"E[A-Z]+", rest))
    return errors


def traced(options, program, out, inject=()):
    return ["strace", "-D", "-f", "-qq", "-o", out, *inject, program] + options


def ask(port, kind):
    """One echo; what came back."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(1)
        try:
            sock.connect(("127.0.0.1", port))
            sock.send(b"hello\n")
            return sock.recv(100) == b"hello\n"
        except OSError:
            return False


def has_ended(process, seconds):
    try:
        process.popen.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def counted(text):
    """Whether the summary has something about what went wrong."""
    fields = dict(re.findall(r"(\w+)=([\w.-]+)", text))
    return any(fields.get(name, "0") not in ("0", "0.000")
               for name in ("failed", "accept_errors", "udp_errors", "udp_dropped", "reply_drops", "unprinted"))


def serve(options, out, inject):
    """The outcome. A Failure is a finding."""
    process = Process(traced(["--host=127.0.0.1", "--port=0", "--print=none"] + options, SERVER, out, inject))
    process.stderr.wait(lambda data: re.search(rb"listening|server: |summary", bytes(data)),
                        "a port or a reason")
    found = re.search(rb"listening \w+ \S+:(\d+)", process.stderr.bytes())
    echoes = []
    if found:
        kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        echoes = [ask(int(found[1]), kind) for kind in kinds]
        if not all(echoes) and process.running():
            again = [ask(int(found[1]), kind) or ask(int(found[1]), kind) for kind in kinds]
            check(all(again) or has_ended(process, 3) or b"server: " in process.stderr.bytes(),
                  "no echo after the failure: %s" % again)
        # The second one ends it at once; the wake-up that the first needs may have been what failed.
        for _ in range(3):
            if not has_ended(process, 0):
                process.signal(signal.SIGTERM)
                has_ended(process, 6)
    code = process.wait(15)
    text = process.stderr.bytes().decode("utf-8", "replace")
    said = re.search(r"(?m)^server: .*", text)
    check(code in (0, 1), "exit %d" % code)
    cut = re.search(r"summary: .*seconds=([3-9]|\d\d)", text)  # the time to finish is over: a reason, too
    check(code == 0 or said or cut, "exit 1 without a reason")
    if code:
        return "ended", said[0] if said else "time is over"
    if said:
        return "reported", said[0]
    if all(echoes):
        return "recovered", ""
    check(counted(text), "an echo is lost in silence: %s" % text[-600:])
    return "reported", "summary"


def send(options, out, inject):
    with Server("--print=none", "--tcp" if "--tcp" in options else "--udp") as server:
        process = Process(traced(["--host=127.0.0.1", "--port=%d" % server.port, "--timeout=2", "--user=me",
                                  "one", "two"] + options, CLIENT, out, inject))
        code = process.wait(15)
        text = process.stderr.bytes().decode("utf-8", "replace")
        check(code in (0, 1), "exit %d" % code)
        check(code == 0 or text, "exit 1 without a reason")
        check(code or process.stdout.bytes().count(b"send_msg") == 2, "exit 0 without both echoes")
        return ("ended", text.strip()) if code else ("reported", text.strip()) if text else ("recovered", "")


def play(name, call=None, error=None, number=0):
    inject = ("-e", "inject=%s:error=%s:when=%d" % (call, error, number)) if call else ()
    run = send if name.startswith("client") else serve
    with tempfile.NamedTemporaryFile() as out:
        try:
            result = run(CONFIGURATIONS[name], out.name, inject)
        except Failure as failure:
            # The message itself could not be printed; or the first call of each thread fails; or a waker
            # is said to be full, and so readable, that is not.
            trace = out.read()
            each = trace.count(b"(INJECTED)") > 1 and "no echo after" in str(failure)
            untrue = re.search(rb"write\(\d+, \"\\1[^\n]*, 8\) *= -1 EAGAIN .*INJECTED", trace)
            if not each and not untrue and re.search(rb"write\(2, .*\(INJECTED\)", trace) is None:
                raise
            result = ("ended", "each connection") if each else ("reported", "a message is not printed")
            result = ("not made", "it would not be true") if untrue else result
        out.seek(0)
        return result, out.read().decode("utf-8", "replace")


def calls_of(trace):
    """{call: the highest count of a process}"""
    counts = collections.Counter(re.findall(r"(?m)^(\d+) +(\w+)\(", trace))
    most = collections.Counter()
    for (_, call), count in counts.items():
        most[call] = max(most[call], count)
    return most


def startup(program):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["strace", "-f", "-qq", "-o", out.name, program, "--version"], stdout=subprocess.DEVNULL)
        return calls_of(out.read().decode())


def cases(name, errors):
    _, trace = play(name)
    before = startup(CLIENT if name.startswith("client") else SERVER)
    for call, count in sorted(calls_of(trace).items()):
        if call in NOT_OURS:
            continue
        first = before[call]
        for error in (OTHERS.get(call) or errors[NAMES.get(call, call)]).split():
            for number in sorted({first + 1, first + 2, first + 3, first + 6, first + 12, count}):
                if first < number <= count:
                    yield name, call, error, number


def describe(it):
    """(its outcome, words); the outcome of a finding is FOUND."""
    try:
        (became, words), trace = play(*it)
        return (became if "(INJECTED)" in trace else "not made"), words.split("\n")[0]
    except Failure as failure:
        return "FOUND", str(failure).replace("\n", " ")
    except OSError as error:
        return "FOUND", str(error)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("calls")
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--case")
    parser.add_argument("--table")
    return parser.parse_args()


options = parse()
full = os.environ.get("FUZZ_FULL", "0") not in ("", "0")
share = 1 if full else options.share
names = [options.case.split(":")[0]] if options.case else list(CONFIGURATIONS)

for position, configuration in enumerate(names):
    @case("%s: its system calls fail: it recovers, or says why not" % configuration)
    def _(configuration=configuration, position=position):
        need_program("strace")
        if sanitized():
            skip("strace's injection is not for a sanitizer's calls")
        if subprocess.run(["strace", "-o", os.devnull, "true"], stderr=subprocess.DEVNULL).returncode:
            skip("strace may not trace here")
        if options.case:
            name, call, error, number = options.case.split(":")
            chosen = [(name, call, error, int(number))]
        else:
            chosen = list(cases(configuration, known_errors(options.calls)))[position % share::share]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(describe, chosen))
        totals = collections.Counter(became for became, _ in results)
        print("# %s: %s" % (configuration, ", ".join("%s %d" % it for it in sorted(totals.items()))))
        for it, (became, words) in zip(chosen, results):
            if options.table:
                with open(options.table, "a") as file:
                    file.write("\t".join([it[0], it[1], it[2], "0", str(it[3]), "0", became, words]) + "\n")
            if became == "FOUND":
                print("# %s: %s\n# again: programs.py CALLS.H --case=%s:%s:%s:%d" % ((configuration, words) + it))
        check(not totals["FOUND"], "%d findings" % totals["FOUND"])

main()
