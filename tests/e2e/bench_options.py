# SPDX-License-Identifier: MIT
"""The lab's command line: its help, and the errors that it reports before anything is measured."""
import os
import re
import resource
import socket

from harness import SERVER, case, check, equal, main
from process import Process, run
from lab import BENCH, measured, written

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
    check("bench ring wake " in text, "--help shows that several experiments may be named")
    check("Exit status: 0" in text, "--help tells the exit status")
    check(not [line for line in text.split("\n") if len(line) > 100], "no line is too long")


@case("--help of an experiment: what it reproduces, its method, points and metrics")
def _():
    for name in EXPERIMENTS:
        code, out, err = run(BENCH, name, "--help")
        equal(code, 0, "exit code of %s --help (%r)" % (name, err))
        text = out.decode()
        check(text.startswith(name + " - "), "%s: its title comes first" % name)
        for heading in ("REPRODUCES", "METHOD, AND HOW TO READ IT", "TAKES", "POINTS", "METRICS"):
            found = re.search(r"(?m)^%s\n  \S" % heading, text)
            check(found, "%s --help has something under %s" % (name, heading))
        equal(err, b"", "stderr of %s --help" % name)


@case("latency has points of 16 and 64 KiB, and only the requested one if a size is given")
def _():
    def sizes(*options):
        document, _, _ = measured("latency", "--contestants=poll", "--protocol=tcp", "--rounds=1",
                                  "--duration=0.1", "--warmup=0", *options)
        return [point["id"] for point in document["experiments"][0]["points"] if point["id"].endswith("k")]
    equal(sizes(), ["tcp-1-16k", "tcp-1-64k"], "points of other sizes")
    equal(sizes("--size=20000"), [], "where a size is given")
    equal(sizes("--size=1048576", "--connections=1"), [], "where connections are given as well")


@case("--help of quick, of several experiments and of each command is its own")
def _():
    code, out, _ = run(BENCH, "ring", "wake", "--help")
    equal((code, re.findall(rb"(?m)^(\w+) - ", out)), (0, [b"ring", b"wake"]), "two experiments")
    code, out, _ = run(BENCH, "quick", "--help")
    equal((code, re.findall(rb"(?m)^(\w+) - ", out)), (0, [b"count", b"latency", b"idle", b"ring"]), "quick")
    for name in ("list", "merge", "compare", "report"):
        code, out, err = run(BENCH, name, "--help")
        equal((code, out.split()[:2], err), (0, [b"bench", name.encode()], b""), "%s --help" % name)
        check(b"Exit status: 0 " in out and len(out.splitlines()) > 3, "%s --help has its exit status" % name)
    check(b"@" not in run(BENCH, "--help")[1], "the program's name is in all of --help")


@case("bench against has a command line of its own")
def _():
    code, out, _ = run(BENCH, "against", "--help")
    equal(code, 0, "exit code of against --help")
    check(out.startswith(b"bench against "), "its name: %r" % out[:60])
    code, _, err = run(BENCH, "against")
    equal((code, err[:15]), (2, b"bench against: "), "what it says without a server")
    for target in ("localhost", "127.0.0.1", ":0", ":65536", "127.0.0.1:", "[::1]"):
        code, out, err = run(BENCH, "against", target)
        equal((code, out), (2, b""), "exit code and stdout of against %s" % target)
        equal(err.decode(), "bench against: %s: must be HOST:PORT, as 127.0.0.1:8888, with a port from 1 "
              "to 65535\n" % target, "what it says of " + target)


@case("--version, and list with a reason for each unavailable contestant")
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
    (2, [], "no experiment named"),
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
    (2, ["load", "--rate=1e99"], "--rate=1e99: must be requests per second from 0.001 to 1000000000 "),
    (2, ["idle", "--idle=999999999"], "--idle=999999999: must be whole numbers from 0 to 10000000, at most 32"),
    (2, ["load", "--rate=-5"], "--rate=-5: must be requests per second"),
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
    (2, ["compare", "a.json", "b.json", "--json=x"], "witness, merge, report\n"),
    (2, ["list", "--csv=x"], "witness, report\n"),
    (2, ["merge", "one.json"], "merge: name two results at least"),
    (2, ["compare", "one.json"], "compare: name two results"),
    (2, ["report"], "report: name one result"),
    (2, ["list", "more"], "list: takes no further names"),
    (2, ["list", "--rounds=3"], "--rounds: is not for list; it is for latency, "),
    (2, ["compare", "a.json", "b.json", "--html=c.html"], "--html: is not for compare"),
    (2, ["merge", "a.json", "b.json", "--csv=c.csv"], "--csv: is not for merge"),
    (2, ["report", "a.json", "--size=100"], "--size: is not for report"),
    (2, ["quick", "latency"], "quick: is a choice of experiments and stands alone: bench quick"),
    (2, ["latency", "all"], "all: is a choice of experiments and stands alone: bench all"),
    (2, ["latency", "ring", "latency"], "latency: is named twice"),
    (2, ["nosuch", "--help"], "nosuch: there is no such experiment"),
    (2, ["latency", "nosuch", "--help"], "nosuch: there is no such experiment"),
    (2, ["latency", "--protocol=udp", "--size=65508"], "--size=65508: a datagram has at most 65507"),
    (2, ["report", "a.json", "--json=-", "--csv=-"], "--json=- and --csv=-: two forms in one file"),
    (2, ["latency", "--csv=a", "--html=a"], "--csv=a and --html=a: two forms in one file"),
    (1, ["latency", "--json=/"], "cannot write /: Is a directory"),
    (1, ["report", "/"], "/: cannot read it: Is a directory"),
    (2, ["load", "--rate=100", "--slo=0.1"], "--rate and --slo: "),
    (2, ["load", "--connections=1,2"], "--connections with more than one number: is not for load"),
    (2, ["churn", "--protocol=udp"], "--protocol=udp: is not for churn; it is for latency, load, witness"),
    (2, ["idle", "ring", "--idle=5"], "--idle: is not for ring; it is for idle"),
    (2, ["latency", "ring", "--duration=1"], "--duration: is not for ring; it is for latency, "),
    (2, ["quick", "--rate=5"], "--rate: is not for quick; it is for load"),
    (2, ["latency", "--contestants=alias:two"], "alias:two: must be alias:NAME=CONTESTANT, with a NAME of letters"),
    (2, ["latency", "--contestants=alias:a b=epoll"], "must be alias:NAME=CONTESTANT"),
    (2, ["latency", "--contestants=alias:two=nosuch"], "--contestants=nosuch: there is no such contestant"),
    (2, ["latency", "--contestants=alias:select=epoll"], "select is a contestant itself; choose another name"),
    (2, ["latency", "--contestants=alias:all=epoll"], "all is a contestant itself; choose another name"),
    (2, ["latency", "--contestants=alias:a=epoll,alias:a=poll"], "a is named twice; choose another name"),
    (2, ["latency", "--contestants=alias:a=poll+nosuch=1"], "unknown option --nosuch=1"),
    (1, ["report", "/nonexistent/a.json"], "/nonexistent/a.json: cannot read it"),
    (1, ["latency", "--json=/nonexistent/a.json"], "cannot write /nonexistent/a.json"),
    (1, ["latency", "--csv=/nonexistent/a.csv"], "cannot write /nonexistent/a.csv"),
    (1, ["latency", "--html=/nonexistent/a.html"], "cannot write /nonexistent/a.html"),
    (1, ["latency", "--hgrm=/nonexistent/a/b"], "cannot write /nonexistent/a/b"),
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


@case("errors are reported in one line, before anything is measured")
def _():
    for code, arguments, line in REFUSED:
        refused(code, arguments, line)
    equal(run(BENCH, "merge", "a.json", "b.json", "-o"),
          (2, b"", b"bench: -o: a value is missing: -o FILE\n"), "merge without a name after -o")


# The options that an experiment uses; TCP for those that have no other protocol.
ALWAYS = ["--baseline=epoll", "--seed=1", "--cpu=0,0", "--csv=-", "--html=x.html", "--hgrm=/tmp"]
ECHO = ["--rounds=1", "--duration=1", "--warmup=1", "--size=100", "--connections=5", "--protocol=tcp", "--port=0"]
WORKLOAD = ["--contestants=epoll", "--rounds=1"]
MEASURED = ["--contestants=epoll"] + ECHO
LOADS = ["--rate=5", "--poisson", "--slo=1"]
TAKES = {
    "latency": MEASURED + ["--connections=5,6", "--protocol=udp"],
    "load": MEASURED + ["--protocol=udp"] + LOADS,
    "idle": MEASURED + ["--idle=5"],
    "churn": MEASURED + ["--connections=5,6"],
    "ring": WORKLOAD, "cascade": WORKLOAD, "timers": WORKLOAD, "handlers": WORKLOAD, "wake": WORKLOAD,
    "overflow": ECHO,
    "count": ["--contestants=epoll", "--size=100", "--protocol=tcp", "--port=0"],
    "witness": ["--contestants=epoll", "--rounds=1", "--duration=1", "--size=100", "--protocol=tcp",
                "--protocol=udp", "--port=0"],
}
ALL = MEASURED + ["--connections=5,6", "--protocol=udp", "--idle=5"] + LOADS


@case("every option with every experiment: taken, or refused by a line that names those that take it")
def _():
    equal(set(TAKES), set(EXPERIMENTS) | {"witness"}, "experiments")
    for name, takes in TAKES.items():
        for option in ALWAYS + ALL:
            # The last thing that is looked at before anything is measured.
            code, _, err = run(BENCH, name, option, "--quiet", "--json=/nonexistent/a.json")
            text = err.decode()
            if option in ALWAYS + takes:
                equal((code, "cannot write /nonexistent" in text), (1, True), "%s %s (%r)" % (name, option, text))
                continue
            takers = [other for other, options in TAKES.items() if option in options]
            spelling = option if option.endswith("=udp") else option.split("=")[0]
            equal(code, 2, "exit code of %s %s (%r)" % (name, option, text))
            check(re.match(r"bench: %s.*: is not for %s; it is for " % (spelling, name), text) and
                  text.count("\n") == 1, "%s %s says %r" % (name, option, text))
            equal(set(text.split("it is for ")[1].strip().split(", ")), set(takers), "takers of " + option)


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


EMPTY = '{"format": "ioloop-bench", "version": 1, "experiments": [], "environment": {}}'


def content(path):
    with open(path) as file:
        return file.read()


@case("an output that is an input is refused, whatever its name, and stays as it is")
def _():
    path = written("input.json", EMPTY)
    other = path + ".link"
    os.link(path, other)
    for words in (["report", path, "--json=" + path], ["report", path, "--csv=" + other],
                  ["report", path, "--html=" + path], ["merge", "-o", other, path, path]):
        refused(2, words, "is the input %s; give another name" % path)
        check(b"=" not in run(BENCH, *words)[2], "no spelling that was not typed")
        equal(content(path), EMPTY, "the input")


@case("two outputs in one file are refused, whatever their names, also before it exists")
def _():
    path, there = written("input.json", EMPTY), written("there", "earlier\n")
    place = os.path.dirname(path)
    os.symlink(place, place + "/to-itself")
    os.link(there, there + ".link")
    for one, other in ((place + "/new", place + "/./new"), (place + "/new", place + "/to-itself/new"),
                       (there, there + ".link"), (there, place + "/to-itself/../%s/there" % os.path.basename(place))):
        refused(2, ["report", path, "--json=" + one, "--html=" + other], "two forms in one file")
    equal(content(there), "earlier\n", "the file")
    check(not os.path.exists(place + "/new"), "no file is left")
    code, _, err = run(BENCH, "report", path, "--json=%s/new" % place, "--csv=%s/new2" % place)
    equal((code, err), (0, b""), "exit code and stderr with two files")


@case("too few open files: the limit and its need, and no option that was not given")
def _():
    for limit in (16, 40):
        code, _, err = run(BENCH, "ring", "--quiet", "--rounds=1", "--contestants=poll",
                           limits={resource.RLIMIT_NOFILE: limit})
        equal((code, err), (1, b"bench: a process may have only %d open files here, and a measurement needs 64 "
                            b"and one per connection; raise the limit (ulimit -Hn)\n" % limit), "what it says")
    refused(1, ["idle", "--idle=9999999"], "bench: --idle: 9999999 connections are more than")
    refused(1, ["latency", "--connections=9999999"], "bench: --connections: 9999999 connections are more than")


@case("every output that cannot be written: one line with the reason and a remedy")
def _():
    path = written("result.json", EMPTY)
    other = written("other.json", EMPTY.replace('"version"', '"created": "now", "version"'))
    remedy = "(see that its folder exists, may be written and has room)\n"
    for target, options in (("/nonexistent/a", ("json", "csv", "html")), ("/dev/full", ("json", "csv", "html")),
                            ("/nonexistent/a/b", ("hgrm",)), ("/dev/null", ("hgrm",))):
        for option in options:
            for words in (["report", path], ["latency"]):
                if (words[0], target) == ("latency", "/dev/full"):
                    continue  # a device that may be written, as far as one knows before
                code, _, err = run(BENCH, *words, "--quiet", "--%s=%s" % (option, target))
                text = err.decode()
                equal((code, text.count("\n")), (1, 1), "exit code and lines of %s (%r)" % (words[0], text))
                check(text.startswith("bench: cannot write %s: " % target) and text.endswith(remedy), text)
    code, _, err = run(BENCH, "merge", "-o", "/dev/full", path, other)
    equal((code, err.decode()), (1, "bench: cannot write /dev/full: No space left on device " + remedy), "merge")
    with open("/dev/full", "wb") as full:
        for words in (["list"], ["report", path], ["report", path, "--html=-"], ["--help"]):
            code, _, err = run(BENCH, *words, stdout=full)
            check(b"stdout: No space left on device (make room, or redirect it elsewhere)" in err, "%r" % err)


@case("a write that fails says why, and leaves the earlier file and nothing else")
def _():
    path, old = written("result.json", EMPTY), written("old", "earlier\n")
    before = sorted(os.listdir(os.path.dirname(old)))
    for form in "json", "csv", "html":
        code, _, err = run(BENCH, "report", path, "--%s=%s" % (form, old),
                           limits={resource.RLIMIT_FSIZE: 20})
        equal(code, 1, "exit code")
        check(b"File too large" in err, "the reason: %r" % err)
        equal(content(old), "earlier\n", "the file")
        equal(sorted(os.listdir(os.path.dirname(old))), before, "the folder")


@case("a reader that is gone: one line reports it, exit 1")
def _():
    reader, writer = os.pipe()
    os.close(reader)
    process = Process([BENCH, "--help"], stdout=writer)
    os.close(writer)
    equal(process.wait(), 1, "exit code")
    check(b"cannot write to stdout: Broken pipe" in process.stderr.bytes(), "the reason")


@case("compare: two results with nothing in common are no success")
def _():
    path = written("empty.json", EMPTY)
    code, _, err = run(BENCH, "compare", path, path)
    equal(code, 1, "exit code")
    check(b"nothing was compared" in err, "the reason: %r" % err)


@case("a port in use is refused in one line")
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
