# SPDX-License-Identifier: MIT
"""Running the lab, and comparing its output with docs/bench-schema.md, for its tests."""
import json
import os
import shutil
import tempfile

from harness import BUILD, SERVER, check, equal
from process import run

BENCH = os.environ.get("IOLOOP_BENCH", os.path.join(BUILD, "bench"))
TINY = ["--rounds=2", "--duration=0.2", "--warmup=0.02", "--connections=1", "--protocol=tcp"]
folder = tempfile.TemporaryDirectory()


def file(name):
    return os.path.join(folder.name, name)


def written(name, text):
    with open(file(name), "w") as to:
        to.write(text)
    return file(name)


def measured(*options, code=0, program=BENCH, attempts=5, **more):
    """Run it with --json; the document and the output. A run that the lab itself calls invalid (a busy
    machine may pause for the whole of a tiny measurement) is repeated, up to this many times."""
    path = file("result.json")
    for _ in range(attempts):
        if os.path.exists(path):
            os.unlink(path)
        got, out, err = run(program, *options, "--json=" + path, **more)
        check(os.path.exists(path), "no document; exit code %d, it said %r" % (got, err[-400:]))
        with open(path) as source:
            document = json.load(source)
        if not any(failure["invalid"] for one in document["experiments"] for failure in one["failures"]):
            break
    equal(got, code, "exit code; it said %r" % err[-400:])
    return document, out.decode(), err.decode()


def beside_a_fake(name, text):
    """A folder with the lab, the server, and a fake of one peer."""
    place = tempfile.mkdtemp(dir=folder.name)
    shutil.copy(BENCH, os.path.join(place, "bench"))
    os.symlink(os.path.abspath(SERVER), os.path.join(place, "server"))
    path = os.path.join(place, name)
    with open(path, "w") as to:
        to.write(text)
    os.chmod(path, 0o755)
    return os.path.join(place, "bench")


def medians(experiment, metric):
    return {(f["contestant"], f["point"]): f["median"] for f in experiment["figures"]
            if f["metric"] == metric}


# ---- the document --------------------------------------------------------------------------------

TYPES = {
    "document": {"format": str, "version": int, "created": str, "command": list, "seed": int, "aliases": dict,
                 "interrupted": bool, "environment": dict, "hiccups": list, "load": dict,
                 "judgement": dict, "experiments": list},
    "load": {"elapsed_ns": int, "steal": (float, None), "others": (float, int, None),
             "average_before": (float, None), "average_after": (float, None)},
    "judgement": {"rules": int, "busy": bool, "reasons": list, "differs": (float, None)},
    "hiccup": {"role": str, "processor": (int, None), "watched_ns": int, "largest_ns": int,
               "late_100us": float, "late_1ms": float},
    "environment": {"kernel": str, "machine": str, "cpu": (str, None), "mitigations": dict,
                    "governor": (str, None), "hypervisor": bool, "cores": int,
                    "memory_bytes": int, "pinning": dict, "ioloop": str, "commit": (str, None), "compiler": str,
                    "nice": int, "clock_source": (str, None), "frequency": dict, "siblings": dict,
                    "sysctls": dict,
                    "flags": str, "libraries": dict, "limits": dict},
    "experiment": {"name": str, "title": str, "redoes": str, "method": str, "parameters": dict,
                   "baseline": str, "contestants": list, "absent": list, "x_axis": (dict, None),
                   "points": list, "metrics": list, "figures": list, "resolution": list,
                   "histograms": list, "failures": list},
    "point": {"id": str, "label": str, "group": str, "x": (float, int, None)},
    "metric": {"id": str, "label": str, "unit": str, "better": str, "primary": bool, "counted": bool},
    "figure": {"contestant": str, "point": str, "metric": str, "values": list,
               "median": (float, int), "low": (float, int, None), "high": (float, int, None),
               "ratio": (dict, None)},
    "ratio": {"median": (float, int), "low": (float, int, None), "high": (float, int, None),
              "resolved": bool, "chance": (float, None)},
    "again": {"median": (float, int), "low": (float, int, None), "high": (float, int, None),
              "resolved": bool},
    "resolution": {"point": str, "metric": str, "values": list, "ratio": (dict, None)},
    "failure": {"contestant": str, "point": str, "round": int, "reason": str, "said": str,
                "invalid": bool},
    "histogram": {"digits": int, "count": int, "min": int, "max": int, "sum": (float, int),
                  "sum_squares": (float, int), "counts": list},
}


def check_types(what, thing):
    equal(sorted(thing), sorted(TYPES[what]), "members of a %s" % what)
    for member, types in TYPES[what].items():
        types = types if isinstance(types, tuple) else (types,)
        value = thing[member]
        good = any(value is None if one is None else type(value) is one for one in types)
        check(good, "%s.%s is %r" % (what, member, value))


def check_experiment(experiment):
    check_types("experiment", experiment)
    points = [point["id"] for point in experiment["points"]]
    metrics = [metric["id"] for metric in experiment["metrics"]]
    equal(len(set(points)), len(points), "different ids of points")
    for point in experiment["points"]:
        check_types("point", point)
    for metric in experiment["metrics"]:
        check_types("metric", metric)
        check(metric["better"] in ("lower", "higher", ""), "better is %r" % metric["better"])
    fewest = {metric["id"]: 1 if metric["counted"] else 3 for metric in experiment["metrics"]}
    baseline = {(f["point"], f["metric"]): f["values"] for f in experiment["figures"]
                if f["contestant"] == experiment["baseline"]}
    for figure in experiment["figures"]:
        check_types("figure", figure)
        check(figure["contestant"] in experiment["contestants"], "a contestant that took part")
        check(figure["point"] in points and figure["metric"] in metrics, "a point and a metric")
        had = len([value for value in figure["values"] if value is not None])
        bare = had < fewest[figure["metric"]]
        equal(figure["low"] is None, bare, "so few rounds, no interval: %r" % figure)
        equal(figure["high"] is None, bare, "so few rounds, no interval: %r" % figure)
        if not bare:
            check(figure["low"] <= figure["median"] <= figure["high"], "%r is in order" % figure)
        equal(len(figure["values"]), experiment["parameters"]["rounds"], "values")
        base = baseline.get((figure["point"], figure["metric"]), [])
        if figure["contestant"] == experiment["baseline"] or not any(base):
            equal(figure["ratio"], None, "the ratio of the baseline, or to nothing")
        elif all(base) and None not in figure["values"]:
            check(figure["ratio"], "%r has a ratio" % figure)
        if figure["ratio"]:
            check_types("ratio", figure["ratio"])
    for resolution in experiment["resolution"]:
        check_types("resolution", resolution)
        if resolution["ratio"]:
            check_types("again", resolution["ratio"])
    for failure in experiment["failures"]:
        check_types("failure", failure)
    for entry in experiment["histograms"]:
        check_types("histogram", entry["histogram"])
        equal(sum(n for _, n in entry["histogram"]["counts"]), entry["histogram"]["count"],
              "the counts of a histogram")
