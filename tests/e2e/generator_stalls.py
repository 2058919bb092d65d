# SPDX-License-Identifier: MIT
"""Which requests wait when a server stalls, and how the load generator reports that it is late itself.
These check its times: nothing else may run at the same time."""
import json
import os
import signal

from against import AGAINST, PATIENT, Faulty, above, check_in, measure
from harness import case, check, equal, main, pass_time, wait_until
from process import Process
from server import Server

STALLING_SERVER = os.environ["IOLOOP_STALLING_SERVER"]


# ---- stalls ------------------------------------------------------------------------------------


class Stalling(Process):
    def __init__(self, stall_ms, period_ms):
        super().__init__([STALLING_SERVER, 0, stall_ms, period_ms])
        self.port = int(self.stdout.wait_match(rb"listening (\d+)\n").group(1))

    def stop(self):
        self.signal(signal.SIGTERM)
        equal(self.wait(), 0, "exit code")
        return int(self.stdout.wait_match(rb"stalls (\d+)").group(1))


@case("a server that stalls: an open loop sees all that waited, a closed one a single request")
def _():
    # Requests that took longer than half a stall. The open loop plans 100 of them into that half; the
    # closed one has one request under way, and sends nothing until its echo is back.
    stall_ms, rate = 200, 1000
    server = Stalling(stall_ms, 1000)
    options = ["--warmup=0.2", "--duration=2.5", "--drain=5"]
    opened, _ = measure(server.port, "--rate=%d" % rate, *options, *PATIENT)
    closed, _ = measure(server.port, *options)
    stalls = server.stop()
    half_ns = stall_ms * 500000
    seen_open, seen_closed = (above(r["latency"], half_ns) for r in (opened, closed))
    print("# of %d stalls of %d ms: requests above %d ms: %d of %d (open loop), %d of %d (closed)"
          % (stalls, stall_ms, stall_ms / 2, seen_open, opened["sent"], seen_closed,
             closed["sent"]))
    check(stalls >= 4, "there were %d stalls" % stalls)
    check(seen_open >= 150, "the open loop saw %d requests wait, of about 200" % seen_open)
    check(1 <= seen_closed <= 12, "the closed loop saw %d, of about 3" % seen_closed)
    check(opened["percentiles"]["p90"] > 0, "no p90")
    check(opened["percentiles"]["p99"] > half_ns, "the open loop's p99 hides the stall")
    check(closed["percentiles"]["p99"] < half_ns, "the closed loop's p99 shows the stall")


@case("a stall of 1 ms each second, in both loops")
def _():
    # For the reader; the checks hold on a busy machine as well.
    server = Stalling(1, 1000)
    options = ["--warmup=0.2", "--duration=3", "--spin"]
    opened, _ = measure(server.port, "--rate=20000", *options, *PATIENT)
    closed, _ = measure(server.port, *options)
    still = Stalling(0, 1000)
    reference, _ = measure(still.port, "--rate=20000", *options, *PATIENT)
    check(server.stop() >= 6, "too few stalls")
    still.stop()
    for name, result in (("open loop", opened), ("closed loop", closed),
                         ("open loop, no stall", reference)):
        print("# %-20s p50 %.1f us, p99.9 %.1f us, p99.99 %.1f us, above 0.5 ms %d of %d" % (
            name, *(result["percentiles"][p] / 1e3 for p in ("p50", "p99.9", "p99.99")),
            above(result["latency"], 500000), result["latency"]["count"]))
    equal(opened["sent"], 60000, "sent by the open loop")
    check(above(opened["latency"], 500000) >= 20, "the open loop saw nothing of three stalls")


# ---- lateness --------------------------------------------------------------------------------


@case("a limit that cannot be kept makes the run invalid, with the reason")
def _():
    with Server("--print=none") as server:
        result, err = measure(server.port, "--rate=500", "--duration=0.3", "--warmup=0",
                              "--late=0.000000001", code=1)
        equal((result["valid"], result["sent"]), (False, 150), "valid, sent")
        check(result["late"] > 140, "late: %d" % result["late"])
        check_in("the generator was late", err)


def result_with_pause(process, paused, seconds, code):
    """The result of a run in which `paused`, itself or its server, is stopped for this long."""
    paused.freeze()
    pass_time(seconds)
    paused.thaw()
    equal(process.wait(), code, "exit code")
    return json.loads(process.stdout.bytes())


@case("a generator that is kept from running knows that it was late; the server is not blamed")
def _():
    with Faulty() as server:
        process = Process([AGAINST, ":%d" % server.port, "--json", "--rate=500", "--warmup=0",
                           "--duration=2", "--late=0.1"])
        wait_until(lambda: server.reads > 100, "requests")
        result = result_with_pause(process, process, 0.4, 1)
        equal((result["valid"], result["sent"], result["lost"]), (False, 1000, 0),
              "valid, sent, lost")
        check(result["late_max_ns"] > 390000000, "at most %d ns late" % result["late_max_ns"])
        check(result["late"] >= 140, "%d late, of about 150" % result["late"])
        waited = above(result["latency"], 100000000)
        check(waited >= 140, "latency does not count from the plan: %d waited" % waited)


@case("a full socket is the server's delay: it is in the latency, and not in the lateness")
def _():
    with Server("--print=none") as server:
        process = Process([AGAINST, ":%d" % server.port, "--json", "--rate=400", "--warmup=0",
                           "--size=65507", "--duration=2", "--drain=20", "--late=0.3"])
        wait_until(lambda: server.sleeps() > 20, "requests")
        # 26 MB a second fill all buffers in a moment.
        result = result_with_pause(process, server, 0.8, 0)
        equal((result["valid"], result["sent"], result["lost"]), (True, 800, 0),
              "valid, sent, lost")
        check(above(result["latency"], 400000000) > 100,
              "only %d requests waited" % above(result["latency"], 400000000))


main()
