# SPDX-License-Identifier: MIT
"""The lab's engine, from outside: the output of a run, its failures, and that no process is left
behind. No case judges a timing."""
import fcntl
import json
import math
import os
import pty
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import termios
import time

from harness import DEADLINE, SERVER, case, check, equal, main, need_program, skip, wait_until
from process import Output, Process, run
from server import sanitized
from sockets import need_descriptors
from lab import BENCH, TINY, beside_a_fake, check_experiment, check_types, file, measured, medians


class OnTerminal:
    """The lab with stderr on a terminal of 200 columns, on which it shows each step."""

    def __init__(self, *options):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 200, 0, 0))
        self.popen = subprocess.Popen([BENCH] + list(options), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=slave,
                                      env=dict(os.environ, TERM="xterm", NO_COLOR="1"))
        os.close(slave)
        self.stderr = Output(master)
        self.stdout = Output(os.dup(self.popen.stdout.fileno()))
        self.popen.stdout.close()

    def steps(self):
        """The measurements, in order: ("1/2", "TCP, 1 connection", "epoll")."""
        text = self.stderr.bytes().decode("utf-8", "replace")
        return re.findall(r"round (\d+/\d+)  (.*?)  ([\w:+=-]+)(?=\r)", text)

    def wait(self):
        code = self.popen.wait(DEADLINE)
        self.stderr.wait_end()
        self.stdout.wait_end()
        return code

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as source:
            return [int(word) for word in source.read().split()]
    except OSError:
        return []


def gone(pid):
    """It has ended, though the process that inherits it may not have reaped it yet."""
    try:
        with open("/proc/%d/stat" % pid) as source:
            return source.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


# ---- what a run writes -------------------------------------------------------------------------

@case("a tiny run writes a document as in docs/bench-schema.md, and prints a table")
def _():
    document, out, err = measured("latency", "--contestants=poll,select,blocking", "--seed=7",
                                  *TINY)
    check_types("document", document)
    check_types("environment", document["environment"])
    check_types("load", document["load"])
    check_types("judgement", document["judgement"])
    for hiccup in document["hiccups"]:
        check_types("hiccup", hiccup)
    equal((document["format"], document["version"]), ("ioloop-bench", 1), "format and version")
    equal((document["seed"], document["interrupted"]), (7, False), "seed and interrupted")
    equal(document["command"][0], BENCH, "the command")
    experiment, = document["experiments"]
    check_experiment(experiment)
    equal(experiment["contestants"], ["poll", "select", "blocking"], "contestants")
    equal(experiment["baseline"], "poll", "the first is the baseline where there is no epoll")
    parameters = experiment["parameters"]
    equal((parameters["rounds"], parameters["duration_ns"], parameters["size"]),
          (2, 200000000, 64), "parameters")
    for name in experiment["contestants"]:
        check(name in out, "%s is in the table" % name)
    check("seed 7 " in err, "the seed is said: %r" % err)
    equal(len([line for line in err.splitlines() if line.startswith("latency:")]), 1,
          "one line of progress where there is no terminal")


@case("medians and ratios are those of the values")
def _():
    document, _, _ = measured("latency", "--contestants=poll,select", "--rounds=3",
                              *[option for option in TINY if "rounds" not in option])
    experiment, = document["experiments"]
    values = {(f["contestant"], f["point"], f["metric"]): f["values"]
              for f in experiment["figures"]}
    check(len(values) >= 10, "there are figures")
    for figure in experiment["figures"]:
        own = figure["values"]
        had = [value for value in own if value is not None]
        check(math.isclose(figure["median"], statistics.median(had), rel_tol=1e-9),
              "the median of %r" % figure)
        check(min(had) <= figure["low"] and figure["high"] <= max(had), "the interval lies within")
        base = values[("poll", figure["point"], figure["metric"])]
        ratios = [a / b for a, b in zip(own, base) if a is not None and b]
        if figure["ratio"]:
            check(math.isclose(figure["ratio"]["median"], statistics.median(ratios), rel_tol=1e-9),
                  "the ratio of %r" % figure)
            equal((figure["ratio"]["low"], figure["ratio"]["high"]),
                  (min(ratios), max(ratios)) if len(ratios) >= 3 else (None, None), "the range of the ratios")
            equal(figure["ratio"]["resolved"], False, "three rounds resolve nothing")


@case("the table of a run is that of its file, and --json=- keeps stdout for JSON")
def _():
    document, out, _ = measured("latency", "--contestants=poll", *TINY)
    code, again, err = run(BENCH, "report", file("result.json"))
    equal((code, again.decode(), err), (0, out, b""), "report of the file")
    code, text, err = run(BENCH, "latency", "--contestants=poll", "--json=-", "--quiet", *TINY,
                          "--duration=0.5")
    equal((code, err), (0, b""), "exit code and stderr with --quiet")
    equal(json.loads(text)["format"], document["format"], "JSON on stdout")


@case("every contestant there is takes part in a round trip over TCP and UDP")
def _():
    document, _, _ = measured("latency", "--rounds=1", "--duration=0.05", "--warmup=0",
                              "--connections=2", attempts=1)
    experiment, = document["experiments"]
    check_experiment(experiment)
    _, listed, _ = run(BENCH, "list")
    available = re.findall(r"(?m)^(\S+) +tcp\S* +yes$", listed.decode())
    equal(sorted(experiment["contestants"]), sorted(n for n in available if "tornado" not in n), "those that took part")
    bad = [failure for failure in experiment["failures"] if not failure["invalid"]]
    equal(bad, [], "failures")
    absent = {entry["contestant"]: entry["reason"] for entry in experiment["absent"]}
    check(all(absent.values()), "each that is absent has a reason: %r" % absent)


@case("ports, connections, sizes and processors are as requested")
def _():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    document, _, _ = measured("latency", "--contestants=poll", "--rounds=1", "--duration=0.05",
                              "--connections=3,7", "--size=100", "--port=%d" % port,
                              "--protocol=udp", "--cpu=0,0")
    experiment, = document["experiments"]
    equal([point["id"] for point in experiment["points"]], ["udp-3", "udp-7"], "points")
    equal(experiment["parameters"]["size"], 100, "size")
    equal(document["environment"]["pinning"], {"server": 0, "generator": 0}, "pinning")
    check(experiment["figures"], "it was measured")


@case("idle connections are held open, and the points are those of --idle")
def _():
    need_descriptors(400)
    document, _, _ = measured("idle", "--contestants=poll", "--idle=0,200", "--rounds=1",
                              "--duration=0.5")
    experiment, = document["experiments"]
    equal([point["x"] for point in experiment["points"]], [0, 200], "points")
    equal(experiment["failures"], [], "failures")


@case("connections with a single request are counted")
def _():
    document, _, _ = measured("churn", "--contestants=poll", *TINY)
    experiment, = document["experiments"]
    rates = [f["median"] for f in experiment["figures"] if f["metric"] == "rate"]
    check(rates and rates[0] > 0, "a rate: %r" % experiment["failures"])


@case("rtsig loses nothing when the signal queue is too small")
def _():
    _, out, _ = run(SERVER, "--list-backends")
    if not re.search(rb"(?m)^rtsig .* available", out):
        skip("there is no rtsig here")
    document, _, _ = measured("overflow", "--rounds=1", "--duration=0.1")
    experiment, = document["experiments"]
    equal(experiment["failures"], [], "failures")
    rescues = [f["median"] for f in experiment["figures"] if f["metric"] == "rescues"]
    check(len(rescues) >= 2 and not any(rescues), "nothing had to be rescued: %r" % rescues)
    overflows = [f["median"] for f in experiment["figures"]
                 if f["metric"] == "overflows" and f["contestant"] == "rtsig"
                 and f["point"] == "queue-0"]
    check(overflows and overflows[0] > 0, "a queue of 0 overflows: %r" % overflows)


# ---- loops without a server ---------------------------------------------------------------------

WORKLOAD = """#!%s
import json, sys
kind, method = sys.argv[1:3]
print("operations=1000 ns=%%d cpu_ns=4000" %% (5000 if sys.argv[0].endswith("epoll") else 10000))
if kind == "wake":
    print(json.dumps({"digits": 3, "count": 4, "min": 100, "max": 400, "sum": 1000,
                      "sum_squares": 300000, "counts": [[100, 1], [200, 1], [300, 1], [400, 1]]}))
"""


def beside_workloads():
    bench = beside_a_fake("bench-workload-epoll", WORKLOAD % sys.executable)
    place = os.path.dirname(bench)
    for name in ("bench-workload-ioloop", "bench-peer-epoll"):
        shutil.copy(os.path.join(place, "bench-workload-epoll"), os.path.join(place, name))
    return bench


@case("workloads: time as they print it, per operation, against epoll by hand")
def _():
    bench = beside_workloads()
    for name in ("ring", "cascade", "handlers"):
        document, _, _ = measured(name, "--contestants=poll,peer:epoll", "--rounds=3",
                                  program=bench, seconds=120)
        experiment, = document["experiments"]
        check_experiment(experiment)
        equal(experiment["baseline"], "peer:epoll", "%s: baseline" % name)
        point = experiment["points"][0]["id"]
        times, cpus = medians(experiment, "time"), medians(experiment, "cpu")
        equal((times["peer:epoll", point], times["poll", point]), (5, 10), "%s: time" % name)
        equal(cpus["poll", point], 4, "%s: CPU time" % name)
        ratios = [f["ratio"] for f in experiment["figures"]
                  if f["contestant"] == "poll" and f["metric"] == "time"]
        equal([ratios[0][key] for key in ("median", "low", "high", "resolved")], [2, 2, 2, False], "ratio")


@case("workloads: the histogram of wake-ups becomes percentiles")
def _():
    document, _, _ = measured("wake", "--contestants=poll,peer:epoll", "--rounds=2",
                              program=beside_workloads())
    experiment, = document["experiments"]
    check_experiment(experiment)
    equal(medians(experiment, "p50")["poll", "sleeping"], 200, "the median")
    equal({entry["histogram"]["count"] for entry in experiment["histograms"]}, {8},
          "values of both rounds")


@case("workloads: each library's timers once, and epoll by hand has none")
def _():
    document, _, _ = measured("timers", "--contestants=poll,select,peer:epoll", "--rounds=1",
                              program=beside_workloads())
    experiment, = document["experiments"]
    equal(experiment["contestants"], ["poll"], "contestants")
    equal(experiment["absent"][0]["contestant"], "peer:epoll", "who has none")
    equal({point["id"].split("-")[0] for point in experiment["points"]},
          {"add", "rearm", "cancel", "fire"}, "operations")


UNABLE = """#!%s
import sys
if sys.argv[2] == "select":
    sys.stderr.buffer.write(b"bytes that are no text: \\xff\\n")
    print("fake: select ends at descriptor 1023: take fewer pipes", file=sys.stderr)
    sys.exit(1)
print("operations=1000 ns=5000 cpu_ns=4000")
"""


@case("workloads: one that cannot is failed in its own words, and the others go on")
def _():
    bench = beside_a_fake("bench-workload-libevent", UNABLE % sys.executable)
    place = os.path.dirname(bench)
    shutil.copy(os.path.join(place, "bench-workload-libevent"), os.path.join(place, "bench-peer-event"))
    page = file("unable.html")
    document, out, _ = measured("ring", "--contestants=poll,peer:event", "--rounds=1",
                                "--html=" + page, program=bench)
    experiment, = document["experiments"]
    check_experiment(experiment)
    check(("peer:libevent:poll", experiment["points"][0]["id"]) in medians(experiment, "time"),
          "the others have figures")
    equal({f["contestant"] for f in experiment["failures"]}, {"peer:libevent:select"}, "who failed")
    reason = "it failed (exit code 1): fake: select ends at descriptor 1023: take fewer pipes"
    check(all(f["reason"].startswith(reason) for f in experiment["failures"]),
          "the reason: %r" % experiment["failures"][0]["reason"])
    with open(page, encoding="utf-8") as source:
        check(reason in source.read(), "the page has it")
    check(reason in out, "the table has it")


@case("workloads that are not built are absent, with the reason")
def _():
    bench = beside_a_fake("bench-peer-libuv", "#!/bin/sh\nexit 1\n")
    document, _, _ = measured("ring", "--contestants=poll,peer:libuv", "--rounds=1",
                              program=bench, code=1)
    absent = {entry["contestant"]: entry["reason"]
              for entry in document["experiments"][0]["absent"]}
    equal(absent["peer:libuv"], "not built: needs libuv", "the reason")


# ---- counting ------------------------------------------------------------------------------------


def check_counted_once(experiment, out):
    """One round is enough: each figure has its ratio, the peer's loop under the peer's own name too."""
    others = {(f["point"], f["metric"]): f for f in experiment["figures"] if f["contestant"] == "peer:libuv"}
    if "peer:libuv" not in experiment["contestants"]:
        return
    equal({point.split("-")[1] for point, _ in others}, {"request", "event"}, "what was counted of libuv")
    for (point, metric), figure in others.items():
        equal(len(figure["values"]), 1, "rounds")
        check(not figure["ratio"]["resolved"] or abs(math.log(figure["ratio"]["median"])) > 0.0099, "%s at %s" % (metric, point))
    check("A/A: counted, not timed" in out and "±" not in out, "the table: %s" % out)


@case("system calls are counted with strace, instructions with valgrind, or reported as missing")
def _():
    if sanitized():
        document, out, _ = measured("count", "--contestants=poll", code=1)
        absent, = document["experiments"][0]["absent"]
        check(re.fullmatch(r"not counted with (strace|valgrind): built with \w+Sanitizer",
                           absent["reason"]), "the reason: %r" % absent)
        check(absent["reason"] in out, "the table has it too")
        return
    document, out, _ = measured("count", "--contestants=poll,peer:libuv", seconds=120)
    experiment, = document["experiments"]
    labels = {point["id"]: point["label"] for point in experiment["points"]}
    for metric, tool in (("calls", "strace"), ("instructions", "valgrind")):
        point = "%s-request-1" % metric
        if not shutil.which(tool):
            check("not installed" in labels[point], "%s is said to be missing" % tool)
            continue
        failed = [f for f in experiment["failures"] if f["point"] == point]
        if failed and "Operation not permitted" in failed[0]["said"]:
            continue  # this sandbox allows no tracing
        count = medians(experiment, metric).get(("poll", point))
        check(count is not None, "%s a request: %r" % (metric, failed))
        # poll, recv, send: three, and four if it polls once more. A wait more in the short one of the
        # two runs that are subtracted makes it a trifle less than three.
        if metric == "calls":
            check(2.9 <= count <= 4, "system calls a request: %r" % count)
        else:
            check(100 < count < 5000, "instructions a request: %r" % count)
    check_counted_once(experiment, out)


@case("one processor is reported, and no process is pinned")
def _():
    need_program("taskset")
    document, _, err = measured("latency", "--contestants=poll", *TINY, wrapper=["taskset", "-c", "0"])
    check("one processor only" in err, "it is said: %r" % err)
    equal(document["environment"]["pinning"], {"server": None, "generator": None}, "pinning")
    equal([(h["role"], h["processor"]) for h in document["hiccups"]], [("any", None)], "who was watched")


def busy_threads(pid):
    """Threads but the first that have run for two ticks of the kernel's clock."""
    busy = 0
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, thread)) as source:
            user, system = source.read().rsplit(")", 1)[1].split()[11:13]
        busy += thread != str(pid) and int(user) + int(system) >= 2
    return busy


@case("pauses of the machine are seen before anything is measured")
def _():
    path = file("paused.json")
    process = Process([BENCH, "latency", "--contestants=poll", "--json=" + path, "--duration=0.25",
                       "--warmup=0", "--rounds=4", "--connections=1", "--protocol=tcp"])
    if not os.path.isdir("/proc/%d/task" % process.pid):
        process.kill()
        skip("threads of a process are not listed here")
    watchers = min(2, len(os.sched_getaffinity(0)))
    wait_until(lambda: busy_threads(process.pid) == watchers, "all processors are watched")
    process.signal(signal.SIGSTOP)
    time.sleep(0.3)  # the pause itself; it begins when a busy machine lets the signal in
    process.signal(signal.SIGCONT)
    equal(process.wait(), 0, "exit code")
    with open(path) as source:
        document = json.load(source)
    pinning = document["environment"]["pinning"]
    roles = [("any", None)] if pinning["server"] is None else [(r, pinning[r]) for r in ("server", "generator")]
    equal([(h["role"], h["processor"]) for h in document["hiccups"]], roles, "who was watched")
    for hiccup in document["hiccups"]:
        check(hiccup["largest_ns"] >= 100e6, "the pause is not in %r" % hiccup)
        at_least = (hiccup["largest_ns"] - 1e6) / hiccup["watched_ns"]
        check(at_least * 0.999 <= hiccup["late_1ms"] <= hiccup["late_100us"] < 1, "the shares in %r" % hiccup)
        check(hiccup["watched_ns"] >= 1e9, "a second: %r" % hiccup)
    code, out, err = run(BENCH, "report", path)
    equal((code, err), (0, b""), "exit code and stderr of report")
    check(b"the machine by itself" in out, "the table: %r" % out)


# ---- the order -------------------------------------------------------------------------------------


def order(seed):
    run_on_terminal = OnTerminal("latency", "--contestants=poll,select,epoll", "--duration=0.02",
                                 "--warmup=0", "--rounds=4", "--connections=1,2",
                                 "--protocol=tcp", "--seed=%d" % seed)
    try:
        equal(run_on_terminal.wait(), 0, "exit code")
        return run_on_terminal.steps()
    finally:
        run_on_terminal.kill()


@case("the order is shuffled in each round, the same by the same seed")
def _():
    first = order(1)
    equal(len(first), 4 * 2 * 4, "steps: rounds, points, contestants and the baseline again")
    equal(order(1), first, "the order by the same seed")
    check(order(2) != first, "another seed makes another order")
    rounds = {}
    for which, point, contestant in first:
        rounds.setdefault((which, point), []).append(contestant)
    for names in rounds.values():
        equal(sorted(names), ["epoll", "epoll", "poll", "select"], "all, and the baseline twice")
    check(len({tuple(names) for names in rounds.values()}) > 1, "not always the same order")


# ---- what goes wrong -------------------------------------------------------------------------------

FAKE = """#!%s
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[2]))) as server:
    print("listening", server.getsockname()[1], flush=True)
    peer, _ = server.accept()
    for _ in range(3):
        peer.sendall(peer.recv(65536))
    print("fake: out of luck", file=sys.stderr, flush=True)
    sys.exit(3)
"""


@case("a contestant that dies in the run is reported with the end of its stderr, the others go on")
def _():
    bench = beside_a_fake("bench-peer-epoll", FAKE % sys.executable)
    document, out, _ = measured("latency", "--contestants=peer:epoll,poll", "--baseline=poll",
                                "--rounds=3", *TINY[1:], program=bench)
    experiment, = document["experiments"]
    check_experiment(experiment)
    equal({f["contestant"] for f in experiment["figures"]}, {"poll"}, "those with figures")
    failures = [failure for failure in experiment["failures"] if not failure["invalid"]]
    equal([f["round"] for f in failures], [1, 2], "rounds that failed, then it was left out")
    for failure in failures:
        equal(failure["contestant"], "peer:epoll", "who failed")
        check("died" in failure["reason"], "the reason: %r" % failure)
        check("fake: out of luck" in failure["said"] and "exit code 3" in failure["said"],
              "its last words: %r" % failure)
    check("fake: out of luck" in out, "the table has them too")


@case("a contestant that cannot start is reported with the end of its stderr")
def _():
    bench = beside_a_fake("bench-peer-epoll", "#!/bin/sh\necho cannot: no such thing >&2\nexit 1\n")
    document, _, err = measured("latency", "--contestants=peer:epoll", *TINY, program=bench,
                                code=1)
    experiment, = document["experiments"]
    equal(experiment["figures"], [], "figures")
    check("cannot: no such thing" in experiment["failures"][0]["said"], "its last words")
    check(re.search(r"nothing could be measured: \S+: .+ \(see the report\)", err), "the cause is there: %r" % err)
    old = file("earlier.json")
    with open(old, "w") as to:
        to.write("earlier")
    code, out, err = run(bench, "latency", "--contestants=peer:epoll", "--json=" + old, *TINY)
    equal(code, 1, "exit code")
    check(b"earlier.json: stays as it was: nothing was measured" in err, "a line says so: %r" % err)
    check(b"cannot: no such thing" in out, "the table has the reason")
    with open(old) as kept:
        equal(kept.read(), "earlier", "the earlier result")


@case("Ctrl-C prints the results so far, leaves no process and exits as a shell expects")
def _():
    path = file("interrupted.json")
    lab = OnTerminal("latency", "--contestants=poll,select", "--rounds=500", "--json=" + path,
                     "--duration=0.05", "--warmup=0", "--connections=1", "--protocol=tcp")
    try:
        lab.stderr.wait_match(rb"round 3/500", "the third round")
        started = wait_until(lambda: children(lab.popen.pid), "a server or a generator")
        lab.popen.send_signal(signal.SIGINT)
        equal(lab.wait(), 130, "exit code")
    finally:
        lab.kill()
    for pid in started:
        wait_until(lambda: gone(pid), "process %d to be gone" % pid)
    with open(path) as source:
        document = json.load(source)
    check(document["interrupted"], "it says that it was interrupted")
    experiment, = document["experiments"]
    figures = experiment["figures"]
    check(figures and all(len(f["values"]) >= 2 for f in figures), "what was measured is there")
    check(b"poll" in lab.stdout.bytes(), "and printed")


@case("Ctrl-C before anything was measured leaves no file, keeps an earlier one, and says so")
def _():
    path, old = file("never.json"), file("earlier.csv")
    with open(old, "w") as earlier:
        earlier.write("earlier")
    lab = Process([BENCH, "latency", "--contestants=poll", "--duration=60", "--warmup=60", "--connections=1",
                   "--protocol=tcp", "--json=" + path, "--csv=" + old])
    try:
        lab.stderr.wait_match(rb"seed \d+", "the end of its preparations")
        lab.popen.send_signal(signal.SIGINT)
        equal(lab.wait(), 130, "exit code")
    finally:
        lab.kill()
    check(not os.path.exists(path), "no document is left")
    with open(old) as kept:
        equal(kept.read(), "earlier", "the earlier file")
    said = lab.stderr.bytes()
    for line in (b"never.json: is not written: nothing was measured", b"earlier.csv: stays as it was: nothing was"):
        check(line in said, "a line says so: %r" % said)


@case("Ctrl-C while it still prepares ends it as later")
def _():
    bench = beside_a_fake("other", "")
    server = os.path.join(os.path.dirname(bench), "server")
    os.unlink(server)
    with open(server, "w") as to:
        to.write("#!/bin/sh\nkill -INT $PPID\nexec %s \"$@\"\n" % os.path.abspath(SERVER))
    os.chmod(server, 0o755)
    path = file("never.json")
    code, _, err = run(bench, "latency", "--contestants=poll+spin=1", "--quiet", "--json=" + path)
    equal((code, os.path.exists(path)), (130, False), "exit code (%r), and a document" % err)
    check(b"is not written: nothing was measured" in err, "a line says so: %r" % err)


@case("no process that it started outlives it, however it ends")
def _():
    if not sys.platform.startswith("linux"):
        skip("only Linux ends the child of a parent that was killed")
    lab = OnTerminal("latency", "--contestants=poll", "--duration=60", "--connections=1",
                     "--protocol=tcp")
    try:
        started = wait_until(lambda: len(children(lab.popen.pid)) >= 2 and children(lab.popen.pid),
                             "a server and a generator")
        lab.popen.kill()
        lab.popen.wait()
    finally:
        lab.kill()
    for pid in started:
        wait_until(lambda: gone(pid), "process %d to be gone" % pid)


@case("two results of the same are merged, and compare with themselves without a regression")
def _():
    paths = [file("a.json"), file("b.json"), file("ab.json")]
    for path in paths[:2]:
        equal(run(BENCH, "latency", "--contestants=poll,select", "--seed=3", "--quiet",
                  "--json=" + path, *TINY)[0], 0, "exit code of a run")
    code, _, err = run(BENCH, "merge", "-o", paths[2], *paths[:2])
    equal((code, err), (0, b""), "exit code and stderr of merge")
    with open(paths[2]) as source:
        experiment, = json.load(source)["experiments"]
    equal({len(f["values"]) for f in experiment["figures"]}, {4}, "rounds side by side")
    equal(run(BENCH, "compare", paths[0], paths[0])[0], 0, "exit code of compare")


main()
