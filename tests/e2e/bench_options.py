# SPDX-License-Identifier: MIT
"""The lab's command line: what its help says, and what it refuses before anything is measured."""
import re
import socket

from harness import SERVER, case, check, equal, main, run
from lab import BENCH, written

EXPERIMENTS = ["latency", "load", "idle", "churn", "ring", "cascade", "timers", "handlers", "wake",
               "overflow", "count"]


# ---- help ------------------------------------------------------------------------------------


@case("--help names every option, experiment and exit status")
def _():
    code, _, err = run(BENCH, "--no-such-option")
    equal(code, 2, "exit code of an unknown option")
    options = re.findall(r"--[a-z-]+", err.decode().split("allowed are", 1)[1])
    check(len(options) > 15, "it names its options: %r" % err)
    code, out, err = run(BENCH, "--help")
    equal((code, err), (0, b""), "exit code and stderr of --help")
    text = out.decode()
    for option in options:
        check(re.search(r"(?m)^  %s\b" % option, text), "--help explains %s" % option)
    for name in EXPERIMENTS + ["quick", "all", "list", "merge", "compare", "report", "against"]:
        check(re.search(r"\b%s\b" % name, text), "--help names %s" % name)
    check("Exit status: 0" in text, "--help tells the exit status")
    check(not [line for line in text.split("\n") if len(line) > 100], "no line is too long")


@case("--help of an experiment says what it re-does, its method, points and metrics")
def _():
    for name in EXPERIMENTS:
        code, out, err = run(BENCH, name, "--help")
        equal(code, 0, "exit code of %s --help (%r)" % (name, err))
        text = out.decode()
        check(text.startswith(name + " - "), "%s: its title comes first" % name)
        for heading in ("RE-DOES", "METHOD, AND HOW TO READ IT", "POINTS", "METRICS"):
            found = re.search(r"(?m)^%s\n  \S" % heading, text)
            check(found, "%s --help has something under %s" % (name, heading))
        equal(err, b"", "stderr of %s --help" % name)


@case("bench against has a command line of its own")
def _():
    code, out, _ = run(BENCH, "against", "--help")
    equal(code, 0, "exit code of against --help")
    check(out.startswith(b"bench against "), "its name: %r" % out[:60])
    code, _, err = run(BENCH, "against")
    equal((code, err[:15]), (2, b"bench against: "), "what it says without a server")


@case("--version, and list with a reason for whoever is not there")
def _():
    code, out, _ = run(BENCH, "--version")
    equal(code, 0, "exit code")
    check(re.fullmatch(rb"bench \d+\.\d+\.\d+\n", out), "a version: %r" % out)
    code, out, _ = run(BENCH, "list")
    equal(code, 0, "exit code of list")
    rows = dict(re.findall(r"(?m)^(\S+) +tcp\S* +(yes|no: .+)$", out.decode()))
    _, backends, _ = run(SERVER, "--list-backends")
    for line in backends.decode().splitlines()[1:]:
        name = line.split()[0]
        check(name in rows, "%s is a contestant" % name)
        equal(rows[name] == "yes", " available" in line, "%s is available" % name)
    for peer in ("epoll", "liburing", "event", "bufferevent", "libev", "libuv"):
        check("peer:" + peer in rows, "peer:%s is listed" % peer)


# ---- what it refuses --------------------------------------------------------------------------

REFUSED = [
    (2, [], "say what to measure"),
    (2, ["nosuch"], "nosuch: there is no such experiment; there are latency, "),
    (2, ["latency", "nosuch"], "nosuch: there is no such experiment"),
    (2, ["latency", "--contestants=nosuch"], "--contestants=nosuch: there is no such contestant"),
    (2, ["latency", "--contestants=peer:nosuch"], "there is no such contestant"),
    (2, ["latency", "--contestants=epoll,"], "there is no such contestant"),
    (2, ["latency", "--contestants=poll+nosuch=1"], "unknown option --nosuch=1"),
    (2, ["latency", "--contestants=poll+spin=x"], "--spin=x: must be a number"),
    (2, ["latency", "--contestants=poll+port=1"], "--port is not for contestants"),
    (2, ["latency", "--contestants=poll", "--baseline=select"], "is not one of the contestants"),
    (2, ["load", "--rate=0"], "a rate of 0 would send nothing"),
    (2, ["load", "--rate=-5"], "--rate=-5: must be requests a second"),
    (2, ["load", "--rate=10,,20"], "--rate=10,,20: must be"),
    (2, ["load", "--rate=1e3"], "--rate=1e3: must be"),
    (2, ["load", "--rate=nan"], "--rate=nan: must be"),
    (2, ["latency", "--connections=0"], "--connections=0: must be whole numbers from 1"),
    (2, ["latency", "--connections=1.5"], "--connections=1.5: must be whole numbers"),
    (2, ["idle", "--idle=some"], "--idle=some: must be whole numbers from 0"),
    (2, ["latency", "--rounds=0"], "--rounds=0: must be a number from 1"),
    (2, ["latency", "--duration=0"], "--duration=0: must be seconds from"),
    (2, ["latency", "--size=3"], "--size=3: must be a number from 16"),
    (2, ["latency", "--protocol=sctp"], "--protocol=sctp: must be tcp, udp or both"),
    (2, ["latency", "--cpu=0"], "--cpu=0: must be two numbers of processors"),
    (2, ["merge", "one.json"], "merge: name two results at least"),
    (2, ["compare", "one.json"], "compare: name two results"),
    (2, ["report"], "report: name one result"),
    (2, ["list", "more"], "list: takes no further names"),
    (1, ["report", "/nonexistent/a.json"], "/nonexistent/a.json: cannot read it"),
    (1, ["latency", "--json=/nonexistent/a.json"], "cannot write /nonexistent/a.json"),
    (1, ["latency", "--csv=/nonexistent/a.csv"], "cannot write /nonexistent/a.csv"),
    (1, ["latency", "--html=/nonexistent/a.html"], "cannot write /nonexistent/a.html"),
    (1, ["latency", "--hgrm=/nonexistent/a/b"], "cannot write into /nonexistent/a/b"),
    (1, ["latency", "--connections=9999999"], "more than a process may have here"),
    (1, ["idle", "--idle=9999999"], "more than a process may have here"),
]


def refused(code, arguments, line):
    got, out, err = run(BENCH, *(arguments + ["--quiet"]))
    text = err.decode()
    equal((got, out), (code, b""), "exit code and stdout of %s (%r)" % (arguments, text))
    check(line in text, "%s says %r, not %r" % (arguments, line, text))
    check(text.startswith("bench: ") and text.count("\n") == 1,
          "%s says one line: %r" % (arguments, text))


@case("what is wrong is refused in one line, before anything is measured")
def _():
    for code, arguments, line in REFUSED:
        refused(code, arguments, line)


@case("files that are not results of this version are refused in one line")
def _():
    good = '{"format": "ioloop-bench", "version": %s, "experiments": [], "environment": {}}'
    for text, line in ((good % 99, "is of version 99, this bench reads version 1"),
                       ('{"format": "ioloop-bench"}', "is of version (none)"),
                       ('{"format": "other", "version": 1}', "is not a result of bench"),
                       ("[1, 2]", "is not a result of bench"),
                       ("{", "is not JSON"),
                       ('{"format": "ioloop-bench", "version": 1}', "is not a whole result")):
        path = written("bad.json", text)
        refused(1, ["report", path], path + ": " + line)
        refused(1, ["compare", path, path], line)


@case("a port that somebody has is refused in one line")
def _():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        refused(1, ["latency", "--port=%d" % port], "--port=%d: cannot be used" % port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        refused(1, ["latency", "--port=%d" % port, "--protocol=udp"], "cannot be used")


main()
