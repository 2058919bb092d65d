# SPDX-License-Identifier: MIT
"""The page that `bench report --html` makes of an imagined result: its figures, its markup, its plots."""
import copy
import json
import math
import os
import re
import shutil

import bench_documents
from bench_documents import HOSTILE, hostile_document
from harness import case, check, equal, main, need_program
from process import run
from pages import attribute, page_of
from reports import BENCH, DOCUMENT, path_of, save, shown_number

# ---- the page's figures --------------------------------------------------------------------

PREFIXES = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}


def divisor(caption, unit):
    """The divisor of a table's figures, from the unit in its caption."""
    shown = caption.split(", ")[0]
    if unit == "ns":
        return PREFIXES[shown]
    return {"k": 1e3, "M": 1e6, "G": 1e9}.get(shown[:1] if shown not in (unit, "/s") else "", 1)


def check_shown(cell, figure, unit):
    """The cell's text is the figure, rounded to 3 digits."""
    texts = [e["text"] for e in page_of()[1].elements
             if e["tag"] == "span" and e["attrs"].get("class") == "value" and cell in e["inside"]]
    caption = next(e for e in page_of()[1].elements if e["tag"] == "small" and e["inside"]
                   and e["inside"][-1]["tag"] == "caption" and e["inside"][-2] is cell["inside"][-3])
    if figure["median"] is None:
        equal(texts, ["–"], "what is shown of a figure that is null")
        return
    value = shown_number(texts[0]) * divisor(caption["text"], unit)
    check(math.isclose(value, figure["median"], rel_tol=0.00501),
          "%s %s shown for %r" % (texts[0], caption["text"], figure["median"]))


@case("page: every figure, interval, ratio and round is that of the document, and no other is there")
def _():
    expected = {(e["name"], f["contestant"], f["point"], f["metric"]): f
                for e in DOCUMENT["experiments"] for f in e["figures"]}
    found = {}
    for cell in page_of()[1].find("td", "data-contestant", "data-metric"):
        key = tuple(cell["attrs"]["data-" + part] for part in ("experiment", "contestant", "point", "metric"))
        check(key not in found, "%r is there twice" % (key,))
        found[key] = cell
    equal(set(found), set(expected), "the figures that are there")
    for key, figure in expected.items():
        cell, ratio = found[key], figure["ratio"] or {}
        for name, value in (("data-value", figure["median"]), ("data-low", figure["low"]),
                            ("data-high", figure["high"]), ("data-rounds", figure["values"]),
                            ("data-ratio", ratio.get("median")), ("data-ratio-low", ratio.get("low")),
                            ("data-ratio-high", ratio.get("high")), ("data-resolved", ratio.get("resolved"))):
            equal(attribute(cell, name), value, "%s of %r" % (name, key))


@case("page: what is shown is the figure, rounded to 3 digits, in the unit of the table")
def _():
    units = {m["id"]: m["unit"] for e in DOCUMENT["experiments"] for m in e["metrics"]}
    cells = [c for c in page_of()[1].find("td", "data-contestant", "data-metric")]
    for experiment in DOCUMENT["experiments"]:
        for figure in experiment["figures"][::37] + [f for f in experiment["figures"] if f["median"] is None]:
            cell = next(c for c in cells if c["attrs"]["data-experiment"] == experiment["name"]
                        and all(c["attrs"]["data-" + part] == figure[part]
                                for part in ("contestant", "point", "metric")))
            check_shown(cell, figure, units[figure["metric"]])


@case("page: A/A, the baseline's second runs, are those of the document")
def _():
    expected = {(e["name"], r["point"], r["metric"]): r
                for e in DOCUMENT["experiments"] for r in e["resolution"]}
    found = {tuple(c["attrs"]["data-" + part] for part in ("experiment", "point", "metric")): c
             for c in page_of()[1].find("td", "data-again")}
    equal(set(found), set(expected), "the A/A that are there")
    for key, again in expected.items():
        equal(attribute(found[key], "data-rounds"), again["values"], "rounds of %r" % (key,))
        equal(attribute(found[key], "data-ratio"), (again["ratio"] or {}).get("median"), "ratio of %r" % (key,))


@case("page: claims are next to the plot, with the ratios and verdicts of the document")
def _():
    page = page_of()[1]
    claims = DOCUMENT["experiments"][1]["claims"]["list"]
    cells = page.find("td", "data-claim")
    equal([attribute(cell, "data-claim") for cell in cells], [c["verdict"] for c in claims], "verdicts")
    for cell, claim in zip(cells, claims):
        for wanted in (claim["by"], claim["found"], claim["verdict"]):
            check(wanted in cell["text"], "%r is not in %r" % (wanted, cell["text"]))
    found = [tuple(attribute(cell, "data-" + name) for name in
                   ("claimed", "beside", "verdict", "ratio", "ratio-low", "ratio-high"))
             for cell in page.find("td", "data-claimed")]
    expected = [(j["contestant"], j["beside"], j["verdict"], j["ratio"]["median"], j["ratio"]["low"],
                 j["ratio"]["high"]) for claim in claims for j in claim["judged"]]
    equal(found, expected, "the figures beside them")
    section = cells[0]["inside"][-5]
    equal(section["attrs"]["id"], "experiment-1", "where they stand")
    if shutil.which("gnuplot"):
        labels = [e["text"] for e in page.elements if e["tag"] == "text" and section in e["inside"]]
        check("idle connections" in [label.strip() for label in labels], "no plot beside them")


@case("page: claims that could not be judged say why")
def _():
    document = json.loads(json.dumps(DOCUMENT))
    claims = document["experiments"][1]["claims"]
    claims["unjudged"] = "they need a point with 0"
    for claim in claims["list"]:
        del claim["verdict"], claim["judged"]
    text, page = page_of(document, "unjudged")
    check("Not judged: they need a point with 0." in text, "it is not said")
    equal((page.disorder, page.find("td", "data-claimed")), ([], []), "the table")


@case("page: the heat map has each ratio of each experiment's first primary metric")
def _():
    expected = []
    for experiment in DOCUMENT["experiments"]:
        metric = next(m["id"] for m in experiment["metrics"] if m["primary"])
        expected += [(f["contestant"], f["ratio"]["median"]) for f in experiment["figures"]
                     if f["metric"] == metric and f["ratio"]]
    found = [(attribute(c, "data-contestant"), attribute(c, "data-heat"))
             for c in page_of()[1].find("td", "data-heat")]
    equal(sorted(found), sorted(expected), "the cells of the heat map")


@case("page: a setting that is not about the first primary metric has the next in heat map and plots")
def _():
    one = copy.deepcopy(DOCUMENT["experiments"][3])
    first, second = [m for m in one["metrics"] if m["primary"]][:2]
    last = one["points"][-1]["id"]
    one["figures"] = [f for f in one["figures"] if (f["point"], f["metric"]) != (last, first["id"])]
    text, page = page_of(dict(DOCUMENT, experiments=[one]), "another-metric")
    shown = {point["id"]: second if point["id"] == last else first for point in one["points"]}
    expected = [(f["contestant"], f["ratio"]["median"]) for f in one["figures"]
                if f["metric"] == shown[f["point"]]["id"] and f["ratio"]]
    equal(sorted((attribute(c, "data-contestant"), attribute(c, "data-heat")) for c in page.find("td", "data-heat")),
          sorted(expected), "the cells of the heat map")
    rows = [e["text"] for e in page.find("th") if e["text"].startswith(one["points"][-1]["label"])]
    check(any(row.endswith(second["label"]) for row in rows), "a row names its metric: %r" % rows)
    if shutil.which("gnuplot"):
        equal(len(page.find("svg")), len(one["points"]), "plots")


@case("page: the heat map's colours mean better and worse, and grey that no difference is resolved")
def _():
    for cell in page_of()[1].find("td", "data-heat"):
        ratio, kind = attribute(cell, "data-heat"), cell["attrs"]["class"]
        if "no difference resolved" in cell["attrs"]["title"]:
            equal((kind, cell["text"][0]), ("same", "≈"), "an unresolved cell")
        else: # of all first metrics in the document less is better
            check(kind.startswith("better" if ratio < 1 else "worse"), "%g is %s" % (ratio, kind))
    check({"same", "better-2", "worse-4"} <= {c["attrs"]["class"] for c in page_of()[1].find("td", "class")},
          "some kinds never occur: this test shows nothing")


def exact_percentile(histogram, percent):
    """By nearest rank; of a bucket its last value, of all at most the largest."""
    rank, seen = max(1, math.ceil(percent / 100 * histogram["count"])), 0
    for value, count in histogram["counts"]:
        seen += count
        if seen >= rank:
            width = 1 if value < 2048 else 1 << (value.bit_length() - 11)
            return min(value + width - 1, histogram["max"])
    raise AssertionError("a histogram whose counts do not add up")


@case("page: the percentiles are those of the document's histograms")
def _():
    page = page_of()[1]
    cells = page.find("td", "data-percentile")
    histograms = DOCUMENT["experiments"][0]["histograms"]
    equal(len(cells), 7 * len(histograms), "cells")
    by = {(h["contestant"], h["point"]): h["histogram"] for h in histograms}
    names = {id(e["inside"][-1]): e["text"] for e in page.find("th", "scope") if e["attrs"]["scope"] == "row"}
    for cell in cells:
        point = next(e for e in cell["inside"] if "data-histograms" in e["attrs"])["attrs"]["data-histograms"]
        histogram = by[names[id(cell["inside"][-1])], point]
        equal(attribute(cell, "data-value"),
              exact_percentile(histogram, attribute(cell, "data-percentile")), "a percentile")


# ---- the page as a document ----------------------------------------------------------------


@case("page: nothing outside of it is needed, and nothing in it runs")
def _():
    text, page = page_of()
    for forbidden in ("http:", "https:", "//www", "@import", "url(", "<script", "javascript:", "src=",
                      "<link", "<base", "<iframe", "<object"):
        check(forbidden not in text, "%s is in the page" % forbidden)
    for element in page.elements:
        for name, value in element["all"]:
            check(not name.startswith("on"), "an attribute %s" % name)
            if name in ("href", "xlink:href"):
                check(value.startswith("#"), "a reference to %s" % value)


@case("page: well-formed; language, title, headings; identifiers are unique and references lead somewhere")
def _():
    text, page = page_of()
    check(text.startswith("<!DOCTYPE html>"), "no document type")
    equal((page.disorder, [e["tag"] for e in page.open]), ([], []), "tags that do not match")
    equal(page.find("html")[0]["attrs"]["lang"], "en", "language")
    check(page.find("title")[0]["text"], "no title")
    check(any(re.search(r"of \d+ such intervals \d+ span 1; with this many rounds about \d+ should", p["text"], re.I)
              for p in page.find("p")), "how many of the A/A intervals should span 1")
    check(any("The server's processor would have kept 0.412\xa0% of messages" in p["text"]
              and "(the longest pause was 0.0514\xa0ms)" in p["text"] for p in page.find("p")), "no hiccups")
    equal(len(page.find("h1")), 1, "h1")
    for experiment in DOCUMENT["experiments"]:
        check(any(experiment["title"] in h["text"] for h in page.find("h2")), "no heading of an experiment")
        for part in ("redoes", "method"):
            check(any(experiment[part] in p["text"] for p in page.find("p")), "no %s" % part)
    ids = [e["attrs"]["id"] for e in page.elements if "id" in e["attrs"]]
    equal(sorted(ids), sorted(set(ids)), "identifiers")
    for element in page.elements:
        target = element["attrs"].get("href") or element["attrs"].get("xlink:href") or "#" + ids[0]
        check(target[1:] in ids, "%s leads nowhere" % target)


@case("page: absent and failed contestants with reason and stderr, the machine, and how to run it again")
def _():
    text, page = page_of()
    said = "\n".join(e["text"] for e in page.find("section"))
    for wanted in ("kqueue", "needs kqueue or libkqueue", "killed by signal 6", 'giving up <now> & "here"',
                   "invalid", "more than 100 µs late", "AMD EPYC 7763", "6.1.0-38-amd64", "spectre_v2",
                   "Retpolines", "bench quick '--html=report of today.html' --seed=20261124"):
        check(wanted in said, "%s is not in the page" % wanted)


@case("page: many failed or invalid runs are counted and folded, a few are open to see")
def _():
    document = json.loads(json.dumps(DOCUMENT))
    late = {"contestant": "epoll", "point": "tcp-50", "round": 0, "invalid": True, "reason": "late", "said": ""}
    document["experiments"][0]["failures"] = [dict(late, round=number) for number in range(30)]
    for made, wanted, is_open in ((page_of(document, "many"), "30 of them", False),
                                  (page_of(), "2 of them", True)):
        folds = [e for e in made[1].find("details") if "of them" in e["text"]]
        equal([(e["text"].split("\n")[0], "open" in e["attrs"]) for e in folds], [(wanted, is_open)], "folds")
    items = [e for e in page_of(document, "many")[1].find("li") if "late" in e["text"]]
    equal(len(items), 30, "runs in the list")


@case("page: names and stderr of contestants cannot pass for markup, nor for a script of gnuplot")
def _():
    text, page = page_of(hostile_document(), "hostile")
    equal((page.disorder, [e["tag"] for e in page.open]), ([], []), "tags that do not match")
    equal(page.find("script"), [], "scripts")
    equal(len(page.find("h1")), 1, "h1")
    for element in page.elements:
        check(not any(name.startswith("on") for name, _ in element["all"]), "an event handler got in")
    check("\x1b" not in text and "\x07" not in text and "\u202e" not in text, "a control character")
    check(not os.path.exists("pwned"), "gnuplot ran a command")
    heads = {e["text"] for e in page.find("th", "scope")}
    for name in HOSTILE[:6] + HOSTILE[9:]:
        check(name in heads or name + " (baseline)" in heads, "%r is not shown as it is" % name)
    check("could not draw" not in text, "gnuplot was given what it could not draw")


@case("page: a document without experiments, and one where all is empty, are pages too")
def _():
    check("Run it again" in page_of(dict(DOCUMENT, experiments=[]), "empty")[0], "not a page")
    bare = {"format": DOCUMENT["format"], "version": 1, "environment": {}, "experiments": []}
    empty = {key: type(value)() for key, value in DOCUMENT["experiments"][0].items() if value is not None}
    bare["experiments"] = [dict(empty, name="x", x_axis=None), dict(empty, x_axis=None)]
    text, page = page_of(bare, "bare")
    equal((page.disorder, text[-8:]), ([], "</html>\n"), "the page")


@case("page: a machine that was too busy is said first; no valid run is said in place of plots and tables")
def _():
    judgement = {"rules": 1, "busy": True, "reasons": ["other programs used 3 processors"], "differs": 2.08}
    document = copy.deepcopy(DOCUMENT)
    idle = document["experiments"][1]
    idle["failures"] = [{"contestant": "epoll", "point": "idle-0", "round": 1, "invalid": True, "reason": "late", "said": ""}]
    idle["figures"], idle["resolution"] = [], []
    text, page = page_of(dict(document, judgement=judgement), "busy")
    banners = [element["text"] for element in page.find("div", "class") if element["attrs"]["class"] == "banner"]
    equal(len(banners), 2, "banners")
    check("no timed difference under 2.10 × means anything" in banners[0] and "used 3 processors" in banners[0], banners[0])
    check(text.index("too busy") < text.index("How it was measured"), "it is not first")
    check("No run of idle was valid" in banners[1], banners[1])
    section, = [e for e in page.find("section", "id") if e["attrs"]["id"] == "experiment-1"]
    equal([e for e in page.find("table") + page.find("svg") if section in e["inside"]], [], "tables and plots of it")


@case("page: interrupted runs are marked")
def _():
    text, _ = page_of(dict(DOCUMENT, interrupted=True), "interrupted")
    check("ended early" in text and "ended early" not in page_of()[0], "it does not")


@case("page: if it cannot be written, a line says why, exit 1")
def _():
    source = save(DOCUMENT, "imagined.json")
    for target, why in ((path_of("no/such/folder.html"), b"No such file"), ("/dev/full", b"No space left")):
        if target == "/dev/full" and not os.path.exists(target):
            continue
        code, _, err = run(BENCH, "report", source, "--html=" + target)
        equal((code, err.count(b"\n")), (1, 1), "exit code and lines of %s" % target)
        check(target.encode() in err and why in err, "%r" % err)
    with open("/dev/full", "wb") as full:
        for option in ("--html=-", "--csv=-", "--json=-", "--quiet"):
            code, _, err = run(BENCH, "report", source, option, stdout=full)
            equal((code, err.count(b"\n"), b"No space left" in err), (1, 1, True), "%r with %s" % (err, option))


# ---- plots ---------------------------------------------------------------------------------


def expected_plots():
    count = 0
    for one in DOCUMENT["experiments"]:
        groups = len({point["group"] for point in one["points"]})
        primary = sum(metric["primary"] for metric in one["metrics"])
        count += groups * primary if one["x_axis"] else len(one["points"])
        count += len({h["point"] for h in one["histograms"]})
    return count


@case("plots: lines over an axis, dots where there is none, curves where there are histograms; all labelled")
def _():
    need_program("gnuplot")
    page = page_of()[1]
    equal(len(page.find("svg")), expected_plots(), "plots")
    for plot in page.find("svg"):
        check(plot["inside"][-1]["attrs"].get("aria-label"), "a plot without a label")
        check(any("figcaption" == e["tag"] for e in page.elements if plot["inside"][-2] in e["inside"]),
              "a plot without a caption")
    texts = {e["text"].strip() for e in page.find("text")}
    for wanted in bench_documents.CONTESTANTS + ["50 %", "99 %", "99.9 %", "idle connections", "percentile",
                                                 "rate, % of capacity", "15,000", "1 ms"]:
        check(wanted in texts, "%s is written in no plot" % wanted)


@case("plots: no colour is fixed, so that they are legible on a dark page too")
def _():
    need_program("gnuplot")
    for element in page_of()[1].elements:
        if any(e["tag"] == "svg" for e in element["inside"]):
            for name in ("fill", "stroke", "color"):
                value = element["attrs"].get(name, "none")
                # gnuplot sets a colour on groups that it then overrides in everything they hold.
                check(element["tag"] == "g" and name == "color" or
                      value in ("none", "currentColor") or value.startswith("var(--"),
                      "%s of <%s> is %s" % (name, element["tag"], value))


@case("plots: without gnuplot the page says so, how to get plots, and has all its tables")
def _():
    os.makedirs(path_of("nothing"), exist_ok=True)
    text, page = page_of(DOCUMENT, "tables", env={"PATH": path_of("nothing")})
    check("apt-get install gnuplot-nox" in text, "what to do is not said")
    equal((page.find("svg"), page.find("figure")), ([], []), "plots")
    equal(len(page.find("table")), len(page_of()[1].find("table")), "tables")
    equal(len(page.find("td", "data-value")), len(page_of()[1].find("td", "data-value")), "figures")


@case("plots: where gnuplot fails, the page has its complaint and its tables, exit 0")
def _():
    os.makedirs(path_of("failing"), exist_ok=True)
    with open(path_of("failing/gnuplot"), "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho 'no <such> terminal' >&2\nexit 1\n")
    os.chmod(path_of("failing/gnuplot"), 0o755)
    text, page = page_of(DOCUMENT, "failing", env={"PATH": path_of("failing") + ":" + os.environ["PATH"]})
    check("no &lt;such&gt; terminal" in text, "its complaint is not there")
    equal(page.find("svg"), [], "plots")
    equal(len(page.find("td", "data-value")), len(page_of()[1].find("td", "data-value")), "figures")


main()
