# SPDX-License-Identifier: MIT
"""The verdict: the sentences at the top of a report, each of which follows from resolved figures."""
import copy
import re

from harness import case, check, equal, main
from pages import page_of
from process import run
from reports import BENCH, DOCUMENT, save


def verdict_of(document, name):
    """Its sentences, as the table has them, each on one line."""
    code, out, err = run(BENCH, "report", save(document, name + ".json"))
    equal((code, err), (0, b""), "exit code and stderr")
    head = re.split(r"(?m)^\w+: .*\n(?:median|counted)", out.decode())[0]
    return [" ".join(sentence.split()) for sentence in re.findall(r"(?s)(?:^|\n)- (.*?)(?=\n- |\n\n|$)", head)]


def document_with(ratios, resolved, metric="p50"):
    """Only latency, in which these contestants have these ratios at TCP, 1 connection, and no other is resolved."""
    document = copy.deepcopy(DOCUMENT)
    document["experiments"] = document["experiments"][:1]
    for figure in document["experiments"][0]["figures"]:
        ratio = figure["ratio"]
        if not ratio:
            continue
        ratio["resolved"] = False
        if (figure["point"], figure["metric"]) == ("tcp-1", metric) and figure["contestant"] in ratios:
            ratio["median"] = ratios[figure["contestant"]]
            ratio["resolved"] = figure["contestant"] in resolved
    return document


@case("verdict: a model that differs as the same by hand does is the kernel's, else it is ours")
def _():
    ratios = {"io_uring": 2.3, "peer:liburing": 2.2}
    first = verdict_of(document_with(ratios, ["io_uring", "peer:liburing"]), "kernels")[0]
    equal(first, "Round trips: Median round trip (TCP, 1 connection): io_uring 2.3 × that of epoll (and peer:liburing, "
                 "written by hand, 2.2 ×: the kernel's, not ours).", "the kernel's")
    first = verdict_of(document_with(ratios, ["io_uring"]), "ours")[0]
    equal(first, "Round trips: Median round trip (TCP, 1 connection): io_uring 2.3 × that of epoll (but not "
                 "peer:liburing, written by hand: ours, not the kernel's).", "ours")
    ratios["peer:liburing"] = 0.8
    first = verdict_of(document_with(ratios, ["io_uring", "peer:liburing"]), "opposite")[0]
    check(first.endswith("(but not peer:liburing, written by hand: ours, not the kernel's)."), first)


@case("verdict: unresolved figures are in no sentence, and if none is resolved that is all it says")
def _():
    sentences = verdict_of(document_with({"select": 9.0}, []), "nothing")
    equal(len(sentences), 1, "sentences: %r" % sentences)
    check(re.match(r"Of \d+ timed comparisons 0 are resolved; ", sentences[0]), sentences[0])
    sentences = verdict_of(document_with({"select": 1.5, "poll": 3.1, "rtsig": 8.0}, ["select", "poll"]), "two")
    check("poll 3.1 × that of epoll, select 1.5 ×." in sentences[0], sentences[0])
    check("rtsig" not in " ".join(sentences), "an unresolved one is named: %r" % sentences)
    check(re.match(r"Of \d+ timed comparisons 2 are resolved; ", sentences[1]), sentences[1])


@case("verdict: counted figures come first, and are all that a busy machine has")
def _():
    document = copy.deepcopy(DOCUMENT)
    for metric in document["experiments"][3]["metrics"]:
        metric["counted"] = True
    sentences = verdict_of(document, "counted-first")
    check(sentences[0].startswith("User instructions per event (100 pipes, 1 active): raw epoll 212, ")
          and sentences[0].endswith("; the same on any machine."), sentences[0])
    check("epoll 331" in sentences[0] and "peer:" not in sentences[0].split(";")[0], sentences[0])
    check(any("idle" in sentence.lower() and "rises: poll " in sentence for sentence in sentences), "claims: %r" % sentences)
    document["judgement"] = {"rules": 1, "busy": True, "reasons": ["other programs used 3 processors"], "differs": 2.08}
    sentences = verdict_of(document, "counted-busy")
    equal(len(sentences), 1, "sentences on a busy machine: %r" % sentences)


@case("compare: with a machine that was too busy no timed figure is a regression, a counted one is")
def _():
    now = copy.deepcopy(DOCUMENT)
    for metric in now["experiments"][3]["metrics"]:
        metric["counted"] = True
    before = copy.deepcopy(now)
    for experiment in now["experiments"]:
        for figure in experiment["figures"]:
            if figure["contestant"] == "epoll":
                figure["values"] = [value and 3 * value for value in figure["values"]]
    paths = [save(before, "quiet-old.json"), save(now, "quiet-new.json")]
    quiet = run(BENCH, "compare", *paths)[1].decode()
    now["judgement"] = {"rules": 1, "busy": True, "reasons": ["other programs used 3 processors"], "differs": 2.08}
    code, out, _ = run(BENCH, "compare", paths[0], save(now, "busy-new.json"))
    text = out.decode()
    equal(code, 1, "exit code")
    check("NEW: This machine was too busy: " in text and "other programs used 3 processors" in text, text[:300])
    regressions = [line for line in text.split("\n") if line.endswith(" regression")]
    check(regressions and all("instructions" in line or "calls" in line for line in regressions), regressions)
    check(len([line for line in quiet.split("\n") if line.endswith(" regression")]) > len(regressions), "quiet")


@case("verdict: at most seven sentences, at the top of the page too")
def _():
    document = copy.deepcopy(DOCUMENT)
    document["experiments"] = [dict(document["experiments"][0], name="latency%d" % number) for number in range(9)]
    sentences = verdict_of(document, "many-experiments")
    equal(len(sentences), 7, "sentences")
    check(sentences[6].startswith("Of "), "the last one: %r" % sentences[6])
    text, page = page_of(document, "many-experiments")
    verdict, = [element for element in page.find("div", "class") if element["attrs"]["class"] == "verdict"]
    equal([" ".join(e["text"].split()) for e in page.find("p") if verdict in e["inside"]], sentences, "on the page")
    check(text.index('class="verdict"') < text.index("How it was measured"), "it is not first")


main()
