# SPDX-License-Identifier: MIT
"""The lab's contestants peer:tornado@LOOP: Tornado's echo servers, each on an event loop."""
import os
import re
import shutil
import subprocess

from harness import SERVER, case, check, equal, main, missing
from lab import BENCH, TINY, beside_a_fake, check_experiment, measured
from process import run

PEER = os.environ["IOLOOP_TORNADO_PEER"]
PREFIX = "peer:tornado@"


def available():
    """{loop: whether it is}, as the lab lists them."""
    code, out, _ = run(BENCH, "list")
    equal(code, 0, "exit code of list")
    rows = re.findall(r"(?m)^%s(\S+) +tcp,udp +(yes|no: .+)$" % PREFIX, out.decode())
    if any("'tornado'" in answer for _, answer in rows):
        missing("python3-tornado, not installed")
    return {loop: answer == "yes" for loop, answer in rows}


def model_names():
    """{model: is it available} of those that have a loop."""
    _, out, _ = run(SERVER, "--list-backends")
    rows = [line.split()[:3] for line in out.decode().splitlines()[1:]]
    return {name: answer == "available" for name, _, answer in rows if name != "blocking"}


def refusal(bench, *contestants):
    """What is printed where none of these can take part."""
    code, out, err = run(bench, "latency", "--contestants=" + ",".join(contestants), *TINY)
    equal((code, out), (1, b""), "exit code and stdout")
    equal(err.count(b"\n"), 1, "lines on stderr: %r" % err)
    return err.decode()


@case("there is one for each model, for asyncio and uvloop; they are a group, and not among the peers")
def _():
    loops = available()
    models = model_names()
    equal(sorted(loops), sorted(list(models) + ["asyncio", "uvloop"]), "the loops")
    built = os.path.exists(os.path.join(os.path.dirname(PEER), "src/python/ioloop/_ioloop.abi3.so"))
    for name, there in models.items():
        equal(loops[name], there and built, "%s is available" % name)
    check(loops["asyncio"], "asyncio is available")
    code, _, err = run(BENCH, "latency", "--contestants=peers", "--baseline=%sasyncio" % PREFIX)
    equal(code, 2, "exit code")
    check(b"is not one of the contestants" in err, "peers: %r" % err)
    code, _, err = run(BENCH, "latency", "--contestants=tornado", "--baseline=epoll")
    equal(code, 2, "exit code")
    check(b"is not one of the contestants" in err, "tornado: %r" % err)


@case("they are measured like any other, over TCP and UDP")
def _():
    loops = available()
    chosen = [PREFIX + loop for loop in ("epoll", "sigio", "libevent:poll", "asyncio", "uvloop")
              if loops.get(loop.partition(":")[0])]
    document, _, _ = measured("latency", "--contestants=epoll," + ",".join(chosen), "--rounds=1",
                              "--duration=0.1", "--warmup=0.02", "--connections=3")
    experiment, = document["experiments"]
    check_experiment(experiment)
    points = [point["id"] for point in experiment["points"]]
    check({"tcp-3", "udp-3"} <= set(points), points)
    rates = {(figure["contestant"], figure["point"]): figure["median"]
             for figure in experiment["figures"] if figure["metric"] == "rate"}
    for contestant in chosen:
        for point in "tcp-3", "udp-3":
            check(rates[contestant, point] > 0, "%s has answered at %s" % (contestant, point))


@case("one that is unknown, or cannot be used, is refused in a line that says why and what to do")
def _():
    code, _, err = run(BENCH, "latency", "--contestants=%snosuch" % PREFIX)
    equal((code, err.count(b"\n")), (2, 1), "exit code and lines")
    check(b"there is no such contestant; there are " in err, "it says: %r" % err)
    for name, there in model_names().items():
        if not there:
            check("not built: needs" in refusal(BENCH, PREFIX + name), "%s: the model's own reason" % name)

    bench = beside_a_fake("other", "")
    check("not built: needs Python 3.9 (install python3)" in refusal(bench, PREFIX + "epoll", PREFIX + "asyncio"),
          "without the script")
    bench = beside_a_fake("bench-peer-tornado", "#!/no/such/python\n")
    check("it was built for a Python that has gone" in refusal(bench, PREFIX + "epoll"), "without its Python")
    bench = beside_a_fake("bench-peer-tornado", "#!/bin/sh\necho 'uvloop: needs this; do that'\n")
    check("needs this; do that" in refusal(bench, PREFIX + "uvloop"), "its own reason")
    bench = beside_a_fake("bench-peer-tornado", "#!/bin/sh\necho one; echo two >&2; exit 3\n")
    check("epoll: two (see list)" in refusal(bench, PREFIX + "epoll"), "the last line of one that fails")


@case("the script says what is missing: Tornado, uvloop, the package")
def _():
    with open(PEER) as file:
        interpreter = file.readline()[2:].strip()
    isolated = [interpreter, "-S", "-E"]  # without the packages of the system
    out = subprocess.run(isolated + [PEER, "--unavailable"], stdout=subprocess.PIPE, check=True, text=True).stdout
    for loop in "ioloop", "asyncio", "uvloop":
        check("%s: %s: No module named 'tornado'; install Debian's python3-tornado\n" % (loop, interpreter) in out, out)
    done = subprocess.run(isolated + [PEER, "epoll", "tcp", "0"], stderr=subprocess.PIPE, check=False, text=True)
    equal((done.returncode, done.stderr.count("\n")), (1, 1), "its end")
    available()
    elsewhere = os.path.join(os.path.dirname(beside_a_fake("other", "")), "bench-peer-tornado")
    with open(PEER) as source, open(elsewhere, "w") as copy:
        copy.write(re.sub(r'sys\.path\.insert.*', "", source.read()))
    shutil.copymode(PEER, elsewhere)
    out = subprocess.run([interpreter, "-E", elsewhere, "--unavailable"], stdout=subprocess.PIPE, check=True,
                         text=True).stdout
    check("No module named 'ioloop'; install python3-dev, then " in out or "ioloop: " not in out, out)


main()
