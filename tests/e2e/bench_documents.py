# SPDX-License-Identifier: MIT
"""Result documents (docs/bench-schema.md) of an imagined run, for the tests of the reports.

They are as large as real ones and have every case that the schema allows: 16 contestants, an axis
with and without 0, histograms, failures, rounds and whole figures that are missing.

    python3 bench_documents.py > imagined.json
"""
import functools
import json
import math
import random
import statistics
import sys

CONTESTANTS = ["epoll", "epoll-et", "io_uring", "rtsig", "sigio", "poll", "select", "nonblocking",
               "libevent", "libevent:poll", "blocking", "peer:epoll", "peer:liburing", "peer:libevent",
               "peer:libev", "peer:libuv"]
COST = dict(zip(CONTESTANTS, [1, 1.01, 0.93, 1.12, 1.2, 1.08, 1.11, 0.72, 1.13, 1.2, 0.97, 0.99, 0.9,
                              1.24, 1.05, 1.31]))
SCANNING = {"sigio": 0.9, "poll": 2.1, "select": 1.4, "libevent:poll": 2.9}
ROUNDS = 7


def bucket(value):
    """The lowest value of the bucket that an HDR histogram with 3 digits counts `value` in."""
    if value < 2048:
        return value
    shift = value.bit_length() - 11
    return value >> shift << shift


def histogram(values):
    counts = {}
    for value in values:
        counts[bucket(value)] = counts.get(bucket(value), 0) + 1
    return {"digits": 3, "count": len(values), "min": min(values), "max": max(values),
            "sum": float(sum(values)), "sum_squares": float(sum(v * v for v in values)),
            "counts": [[value, counts[value]] for value in sorted(counts)]}


def interval(values):
    """The median of the values, and its interval: for 7 rounds their range."""
    there = sorted(v for v in values if v is not None)
    if not there:
        return {"median": None, "low": None, "high": None}
    return {"median": statistics.median(there), "low": there[0], "high": there[-1]}


def ratio(values, against):
    found = interval([a / b for a, b in zip(values, against) if a is not None and b])
    if found["median"] is None:
        return None
    return dict(found, resolved=not found["low"] <= 1 <= found["high"])


class Experiment:
    def __init__(self, rng, name, title, redoes, method, points, metrics, x_axis=None, contestants=None):
        self.rng = rng
        self.json = {
            "name": name, "title": title, "redoes": redoes, "method": method,
            "parameters": {"rounds": ROUNDS, "duration_ns": 500000000, "warmup_ns": 50000000, "size": 64},
            "baseline": (contestants or CONTESTANTS)[0],
            "contestants": list(contestants or CONTESTANTS), "absent": [],
            "x_axis": x_axis, "points": points, "metrics": metrics,
            "figures": [], "resolution": [], "histograms": [], "failures": [],
        }

    def rounds(self, typical, noise=0.02):
        return [typical * math.exp(self.rng.gauss(0, noise)) for _ in range(ROUNDS)]

    def measure(self, value_of, missing=lambda contestant, point: False, noise=0.02):
        """value_of(contestant, point, metric): the typical value, None: not measured there."""
        for point in self.json["points"]:
            for metric in self.json["metrics"]:
                self.measure_one(point, metric, value_of, missing, noise)
        return self

    def measure_one(self, point, metric, value_of, missing, noise):
        baseline = None
        for contestant in self.json["contestants"]:
            typical = value_of(contestant, point, metric["id"])
            if typical is None:
                continue
            values = self.rounds(typical, noise)
            if missing(contestant, point):
                values = [None] * ROUNDS if contestant == "rtsig" else [None] + values[1:]
            figure = {"contestant": contestant, "point": point["id"], "metric": metric["id"],
                      "values": values}
            figure.update(interval(values))
            figure["ratio"] = ratio(values, baseline) if baseline else None
            if not baseline:
                baseline = values
                again = self.rounds(typical, noise)
                self.json["resolution"].append({"point": point["id"], "metric": metric["id"],
                                                "values": again, "ratio": ratio(again, values)})
            self.json["figures"].append(figure)

    def histograms(self, typical, count=6000):
        for point in self.json["points"]:
            for contestant in self.json["contestants"]:
                middle = typical(contestant, point)
                values = [int(middle * math.exp(abs(self.rng.gauss(0, 0.25)))) for _ in range(count)]
                values += [int(middle * self.rng.paretovariate(1.2) * 4) for _ in range(count // 200)]
                self.json["histograms"].append({"contestant": contestant, "point": point["id"],
                                                "histogram": histogram(values)})
        return self


def metric(name, label, unit, better, primary):
    return {"id": name, "label": label, "unit": unit, "better": better, "primary": primary}


P50 = metric("p50", "Median round trip", "ns", "lower", True)
P99 = metric("p99", "99 % of round trips", "ns", "lower", True)
RATE = metric("rate", "Round trips", "1/s", "higher", False)
CPU = metric("cpu", "Processor time per request", "ns", "lower", True)


def latency(rng):
    points = [{"id": "%s-%d" % (protocol.lower(), n), "label": "%s, %d connection%s"
               % (protocol, n, "" if n == 1 else "s"), "group": protocol, "x": float(n)}
              for protocol in ("TCP", "UDP") for n in (1, 10, 50)]

    def typical(contestant, point, name):
        value = 14200 * COST[contestant] * point["x"] ** 0.8 * (0.8 if point["group"] == "UDP" else 1)
        return {"p50": value, "p99": value * 2.3, "rate": 1e9 * point["x"] / value}[name]

    one = Experiment(
        rng, "latency", "Round trips", "sockperf ping-pong; Gammo et al. 2004, fig. 3",
        "Each connection sends a message, waits for its echo, checks it byte by byte and sends the next. "
        "Every round trip goes into an HDR histogram; a figure is that percentile of a round's histogram.",
        points, [P50, P99, RATE])
    one.measure(typical, lambda contestant, point: contestant == "rtsig" and point["id"] == "udp-50"
                or contestant == "peer:libuv" and point["id"] == "tcp-50")
    one.histograms(lambda contestant, point: typical(contestant, point, "p50"))
    one.json["failures"] = [
        {"contestant": "rtsig", "point": "udp-50", "round": 0, "invalid": False,
         "reason": "the server died: killed by signal 6 (Aborted)",
         "said": "server: signal queue overflowed\nserver: giving up <now> & \"here\"\n"},
        {"contestant": "peer:libuv", "point": "tcp-50", "round": 0, "invalid": True,
         "reason": "the generator sent 312 of 40,000 messages more than 100 µs late", "said": ""}]
    one.json["absent"] = [{"contestant": "kqueue", "reason": "not compiled in: needs kqueue or libkqueue"}]
    return one.json


def idle(rng):
    points = [{"id": "idle-%d" % n, "label": "%d idle" % n, "group": "", "x": float(n)}
              for n in (0, 100, 300, 1000, 3000, 10000, 15000)]

    def typical(contestant, point, name):
        if contestant == "select" and point["x"] > 1000:
            return None
        value = 9800 * COST[contestant] * (1 + SCANNING.get(contestant, 0) * point["x"] / 1000)
        return {"p50": value, "cpu": value * 0.7}[name]

    one = Experiment(
        rng, "idle", "Idle connections", "Banga, Mogul & Druschel 1999, fig. 5; Provos & Lever 2000",
        "Ten connections are active among idle ones. Processor time is of the server's process, user "
        "and system, over the requests it answered.",
        points, [P50, CPU], {"label": "idle connections", "log": True})
    one.measure(typical)
    one.json["claims"] = claims(one.json)
    return one.json


def claims(experiment):
    """Of each kind, judged and not: the verdicts are imagined like the figures."""
    def judged(contestant, point, seen, verdict, beside=None):
        values = [next(f["values"] for f in experiment["figures"] if f["metric"] == "cpu"
                       and (f["contestant"], f["point"]) == one)
                  for one in ((beside or contestant, point), (contestant, "idle-0"))]
        return {"contestant": contestant, "beside": beside, "point": point, "seen": seen,
                "verdict": verdict, "ratio": ratio(*values)}

    def claim(by, found, expected, about, verdict, entries, beside=()):
        return {"by": by, "found": found, "expected": expected, "about": about,
                "beside": list(beside), "verdict": verdict, "judged": entries}

    return {"metric": "cpu", "threshold": 1.15, "list": [
        claim("Provos & Lever 2000", "poll() pays for connections that are inactive", "rises",
              ["poll", "libevent:poll"], "holds",
              [judged(name, "idle-15000", "rises", "holds") for name in ("poll", "libevent:poll")]),
        claim("Gammo et al. 2004", "without idle connections epoll is no faster than select",
              "no faster", ["epoll"], "not resolved",
              [judged("epoll", "idle-0", "not resolved", "not resolved", "select")], ["select"]),
        claim("", "rtsig is expected to rise here, which it does not", "rises", ["rtsig"],
              "does not hold", [judged("rtsig", "idle-15000", "flat", "does not hold")]),
        claim("Nobody 1999", "what was not measured stays", "flat", ["kqueue"], "not resolved", []),
    ]}


def load(rng):
    points = [{"id": "%s-%d" % (protocol.lower(), percent), "label": "%d %%" % percent,
               "group": protocol, "x": float(percent)}
              for protocol in ("TCP", "UDP") for percent in (10, 30, 50, 70, 80, 90, 95)]

    def typical(contestant, point, name):
        busy = min(0.97, point["x"] / 100 * COST[contestant] / 1.25)
        value = 21000 * COST[contestant] / (1 - busy)
        return {"p50": value, "p99": value * (2 + 20 * busy ** 6)}[name]

    one = Experiment(
        rng, "load", "Latency under load", "wrk2; Schroeder, Wierman & Harchol-Balter 2006",
        "Messages leave on a Poisson schedule. A latency counts from the planned time of sending, so "
        "that a server that stalls cannot hide it.",
        points, [P50, P99], {"label": "rate, % of capacity", "log": False})
    return one.measure(typical, noise=0.04).json


def count(rng):
    contestants = ["raw epoll", "epoll", "peer:libevent", "peer:libev", "peer:libuv"]
    points = [{"id": "ring-%d" % n, "label": "%d pipes, 1 active" % n, "group": "pipes", "x": float(n)}
              for n in (100, 1000, 9000)]
    cost = dict(zip(contestants, [212, 331, 968, 604, 810]))

    def typical(contestant, point, name):
        return {"instructions": float(cost[contestant]), "calls": 2.0 + 1 / 64,
                "misses": 0.0}[name]

    one = Experiment(rng, "count", "What an event costs", "libevent's bench.c under callgrind",
                     "User instructions and system calls of two lengths are subtracted, which "
                     "leaves what an event costs.", points,
                     [metric("instructions", "User instructions per event", "instructions", "lower", True),
                      metric("calls", "System calls per event", "calls", "lower", True),
                      metric("misses", "Lost events", "", "", False)], contestants=contestants)
    return one.measure(typical, noise=0.0).json


def document(seed=20261124):
    rng = random.Random(seed)
    return {
        "format": "ioloop-bench", "version": 1, "created": "2026-11-24T09:00:00Z",
        "command": ["bench", "quick", "--html=report of today.html"], "seed": seed, "interrupted": False,
        "environment": {
            "kernel": "Linux 6.1.0-38-amd64", "machine": "x86_64", "cpu": "AMD EPYC 7763 64-Core Processor",
            "mitigations": {"meltdown": "Not affected", "spectre_v2": "Mitigation: Retpolines",
                            "retbleed": "Mitigation: untrained return thunk"},
            "governor": None, "hypervisor": True, "cores": 2, "memory_bytes": 8331554816,
            "pinning": {"server": 1, "generator": 0}, "ioloop": "0.1.0", "compiler": "gcc 12.2.0",
            "flags": "-O3", "libraries": {"libevent": "2.1.12", "liburing": "2.3", "libuv": "1.44.2"},
            "limits": {"descriptors": 20000, "sigpending": 31000}},
        "hiccups": [
            {"role": "server", "processor": 1, "watched_ns": 1000000000, "largest_ns": 3165000,
             "late_100us": 0.00412, "late_1ms": 0.00087},
            {"role": "generator", "processor": 0, "watched_ns": 1000000000, "largest_ns": 51400,
             "late_100us": 0.0, "late_1ms": 0.0}],
        "load": {"elapsed_ns": 91000000000, "steal": 0.001, "others": 0.05, "average_before": 0.3,
                 "average_after": 1.2},
        "judgement": {"rules": 1, "busy": False, "reasons": [], "differs": 1.07},
        "experiments": [latency(rng), idle(rng), load(rng), count(rng)],
    }


HOSTILE = ["<script>alert(1)</script>", '" onmouseover="alert(1)', "' onfocus='alert(1)",
           "</td></table><h1>owned", "a' ; system(\"touch pwned\") ; '", "`touch pwned`",
           "two\nlines", "\x1b[31mred\x07", "\u202eright to left", "&lt;&amp;", "%s%n%d", "$d0 @x",
           "-->", "]]>", "{/Symbol a}_b^c", "ünïcødé"]


def hostile_document():
    """The same, with malicious names and texts."""
    names = dict(zip(CONTESTANTS, HOSTILE))

    def change(value):
        if isinstance(value, dict):
            return {k: change(v) for k, v in value.items()}
        if isinstance(value, list):
            return [change(v) for v in value]
        return names.get(value, value) if isinstance(value, str) else value

    changed = change(document())
    one = changed["experiments"][0]
    for key in ("title", "redoes", "method"):
        one[key] = HOSTILE[0] + HOSTILE[1]
    one["failures"][0]["said"] = "".join(HOSTILE)
    one["failures"][0]["reason"] = HOSTILE[0]
    one["absent"][0] = {"contestant": HOSTILE[3], "reason": HOSTILE[1]}
    one["points"][0]["label"], one["points"][1]["group"] = HOSTILE[0], HOSTILE[4]
    one["metrics"][0]["label"], one["metrics"][0]["unit"] = HOSTILE[3], HOSTILE[0]
    changed["experiments"][1]["x_axis"]["label"] = HOSTILE[4]
    one = changed["experiments"][1]["claims"]["list"][0]
    one["by"], one["found"], one["verdict"] = HOSTILE[3], HOSTILE[0], HOSTILE[7]
    one["judged"][0]["seen"] = HOSTILE[7] + HOSTILE[6]
    changed["environment"]["cpu"] = HOSTILE[0]
    changed["environment"]["mitigations"] = {HOSTILE[0]: HOSTILE[1]}
    changed["command"] = ["bench", HOSTILE[0], HOSTILE[4]]
    changed["created"] = HOSTILE[1]
    return changed


# ---- broken ones ----------------------------------------------------------------------------

NEITHER = [None, True, -1, 2 ** 63 - 1, 1e308, 1e-320, "", "text", [], {}, [[]], [None], {"a": {"b": 1}}]


@functools.lru_cache(maxsize=None)
def small_text():
    small = document()
    one = small["experiments"][0]
    kept = one["contestants"][:3]
    one["contestants"] = kept
    one["figures"] = [figure for figure in one["figures"] if figure["contestant"] in kept]
    one["histograms"] = [entry for entry in one["histograms"] if entry["contestant"] in kept][:2]
    return json.dumps(dict(small, experiments=[one]))


def small_document(created="2026-11-24T09:00:00Z"):
    """Of one experiment and three contestants."""
    return dict(json.loads(small_text()), created=created)


def paths(value, path=()):
    """The way to every member, and to the first of every list."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], path + (key,))
    elif isinstance(value, list) and value:
        yield from paths(value[0], path + (0,))


def put(value, path, what):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = what


def broken_histograms():
    good = {"digits": 3, "count": 3, "min": 100, "max": 102, "sum": 303.0, "sum_squares": 30605.0,
            "counts": [[100, 1], [101, 1], [102, 1]]}
    for change in ({"count": 4}, {"counts": [[100, -1]]}, {"counts": [[2 ** 62, 1]]}, {"counts": [[100]]},
                   {"counts": [["a", 1]]}, {"counts": [[100, 2 ** 62], [101, 2 ** 62]], "count": 2 ** 63 - 1},
                   {"counts": [[100, 1], [100, 1], [102, 1]]}, {"min": 5}, {"max": 2 ** 63 - 1},
                   {"digits": 4}, {"sum": -1e308}, {"sum_squares": "x"}):
        yield "a histogram with %r" % change, dict(good, **change)
    yield "a histogram that is a list", []


def extreme_document():
    """Numbers at the ends of what a double holds, and texts of any length."""
    extreme = small_document("extreme")
    one = extreme["experiments"][0]
    for figure in one["figures"]:
        figure.update(values=[0, 1e308, -1e308, 1e-320] * 2, median=1e-320, low=-1e308, high=1e308,
                      ratio={"median": 1e308, "low": -1e308, "high": 1e308, "resolved": True})
    for again in one["resolution"]:
        again.update(values=[-1e308, 1e308] * 3, ratio={"median": 1e-320, "low": 1e-320, "high": 1e308,
                                                              "resolved": False})
    for number, point in enumerate(one["points"]):
        point.update(x=[-5, 0, 1e308][number % 3], label="é" * 3000, group="g" * 500)
    one["x_axis"] = {"label": "x", "log": True}
    one["parameters"]["rounds"] = 1e308
    one["failures"][0]["round"] = 2 ** 63 - 1
    extreme["environment"].update({"é" * 100: 1, "é" * 100 + "x": {"y" * 300: 2}, "cores": 2 ** 63 - 1})
    extreme["merged"] = [{}, {"environment": {}}]
    return extreme


def broken_documents(seed=1, random_ones=14):
    """(the fault, the document's text): by hand, and members at random of another type or value."""
    text = json.dumps(small_document())
    yield "nothing", ""
    yield "one that is cut off", text[:5000]
    yield "one that begins with a byte order mark", "\ufeff" + text
    yield "lists, 3,000 deep", "[" * 3000 + "]" * 3000
    yield "an environment 1,500 deep", text.replace('"kernel": "', '"deep": %s, "kernel": "' % ("[" * 1500 + "]" * 1500))
    yield "NaN", text.replace('"median": ', '"median": NaN, "other": ', 1)
    yield "a number beyond any", text.replace('"seed": ', '"seed": 1e999, "other": ', 1)
    yield "an integer beyond any", text.replace('"seed": ', '"seed": %d, "other": ' % 10 ** 30, 1)
    yield "a NUL", text.replace('"kernel": "', '"kernel": "\\u0000', 1)
    yield "a member twice", text.replace('"seed": ', '"seed": 1, "seed": ', 1)
    for member in ("points", "metrics", "contestants", "figures", "resolution", "histograms"):
        without = small_document("without " + member)
        without["experiments"][0][member] = []
        yield "an experiment without " + member, json.dumps(without)
    twice = small_document("twice")
    yield "an experiment twice", json.dumps(dict(twice, experiments=twice["experiments"] * 2))
    yield "experiments that are none", json.dumps(dict(twice, experiments=[1, None, "x", [], {}]))
    yield "extremes", json.dumps(extreme_document())
    for what, histogram_ in broken_histograms():
        one = small_document(what)
        one["experiments"][0]["histograms"][0]["histogram"] = histogram_
        yield what, json.dumps(one)
    rng = random.Random(seed)
    everywhere = list(paths(small_document()))
    for number in range(random_ones):
        one, path, what = small_document("random %d" % number), rng.choice(everywhere), rng.choice(NEITHER)
        put(one, path, what)
        yield "%s = %r" % (".".join(map(str, path)), what), json.dumps(one)


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=1)
