# SPDX-License-Identifier: MIT
"""Documents that no bench wrote: cut off, of wrong types, with impossible numbers and histograms. Every
command ends in order with them: a report, or a one-line error."""
import os
import re

from bench_documents import broken_documents, extreme_document, put, small_document
from harness import case, check, equal, main
from process import run
from reports import BENCH, path_of, save

PLAIN = {"PATH": "/nonexistent"}  # gnuplot has its own tests


def save_text(text, name):
    with open(path_of(name), "w", encoding="utf-8") as file:
        file.write(text)
    return path_of(name)


def uses(path, good):
    yield ["report", path]
    yield ["report", path, "--csv=" + path_of("broken.csv"), "--html=" + path_of("broken.html")]
    yield ["report", path, "--hgrm=" + path_of("broken")]
    yield ["merge", "-o", path_of("merged.json"), good, path]
    yield ["merge", "-o", path_of("merged.json"), path, good]
    yield ["compare", good, path]
    yield ["compare", path, good]


def check_orderly(what, arguments):
    code, out, err = run(BENCH, *arguments, env=PLAIN)
    said = "%s of %s: exit %d, %r" % (arguments[0], what, code, err[-600:])
    check(code in (0, 1), said)
    check(b"Sanitizer" not in err and b"runtime error" not in err, said)
    check(code == 0 or err or arguments[0] == "compare", said + ": no reason")
    lines = [line for line in err.split(b"\n") if line and not line.startswith(b"the machines differ in ")]
    check(len(lines) <= 1 and all(line.startswith(b"bench: ") for line in lines), said)
    check(not re.search(rb"(?i)\bnan\b|\binf\b", out), said)


@case("broken documents: whatever is done with them ends in order")
def _():
    good = save(small_document(), "good.json")
    count = 0
    for what, text in broken_documents():
        for arguments in uses(save_text(text, "broken.json"), good):
            check_orderly(what, arguments)
        count += 1
    check(count > 40, "only %d documents" % count)


def without(key):
    return lambda document, one: one.pop(key)


def with_one(path, what):
    return lambda document, one: put(document, path, what)


FIRST = ("experiments", 0)
FAULTS = [
    (without("points"), "experiments[0].points is missing"),
    (with_one(FIRST + ("figures",), "x"), "experiments[0].figures is text, not a list"),
    (with_one(("experiments",), [1.5]), "experiments[0] is a number, not an object"),
    (with_one(("experiments",), 2 ** 63 - 1), "experiments is a whole number, not a list"),
    (with_one(("environment",), None), "environment is null, not an object"),
    (with_one(("command",), ["bench", 1]), "command[1] is a whole number, not text"),
    (with_one(FIRST + ("contestants", 0), 5), "experiments[0].contestants[0] is a whole number, not text"),
    (with_one(FIRST + ("resolution", 0), None), "experiments[0].resolution[0] is null, not an object"),
    (with_one(FIRST + ("resolution", 0), "x"), "experiments[0].resolution[0] is text, not an object"),
    (with_one(FIRST + ("figures", 3, "values", 2), "5"), "experiments[0].figures[3].values[2] is text, not a number"),
    (with_one(FIRST + ("failures", 0, "round"), 1.5), "experiments[0].failures[0].round is a number, not a whole"),
]


@case("a document with a wrong member is refused by every command, with its name and the member's")
def _():
    good = save(small_document(), "good.json")
    for change, fault in FAULTS:
        damaged = small_document("damaged")
        change(damaged, damaged["experiments"][0])
        path = save(damaged, "damaged.json")
        for words in (["report", path], ["merge", "-o", "-", good, path], ["compare", path, good]):
            code, out, err = run(BENCH, *words, env=PLAIN)
            equal((code, out), (1, b""), "exit code and stdout of %s with %s (%r)" % (words[0], fault, err))
            said = err.decode()
            check("%s: is not a whole result of bench: %s" % (path, fault) in said, "%s says %r" % (words[0], said))


@case("older documents lack some members, and extreme numbers are no fault")
def _():
    older = small_document()
    for key in ("hiccups", "created", "command", "seed", "interrupted"):
        del older[key]
    for metric in older["experiments"][0]["metrics"]:
        metric.pop("counted", None)
    for document in (older, extreme_document()):
        code, _, err = run(BENCH, "report", save(document, "sound.json"), env=PLAIN)
        equal((code, err), (0, b""), "exit code and stderr")


@case("what merges of broken documents write can be read again")
def _():
    good = save(small_document(), "good.json")
    for what, text in broken_documents(seed=2, random_ones=10):
        if os.path.exists(path_of("merged.json")):
            os.unlink(path_of("merged.json"))
        code, _, _ = run(BENCH, "merge", "-o", path_of("merged.json"), good,
                         save_text(text, "broken.json"), env=PLAIN)
        equal(os.path.exists(path_of("merged.json")), code == 0, "a merged file of %s" % what)
        if code == 0:
            check_orderly("the merge with " + what, ["report", path_of("merged.json")])


@case("histograms that would count more than a number holds are not added")
def _():
    documents = []
    for name in ("one", "two"):
        document = small_document(name)
        most = 2 ** 62 + 1
        document["experiments"][0]["histograms"][0]["histogram"] = {
            "digits": 3, "count": most, "min": 100, "max": 100, "sum": 100.0 * most,
            "sum_squares": 10000.0 * most, "counts": [[100, most]]}
        documents.append(save(document, name + ".json"))
    code, _, err = run(BENCH, "merge", "-o", path_of("sum.json"), *documents)
    equal(code, 1, "exit code (%r)" % err)
    check(b"count more values than a number holds" in err, "the reason: %r" % err)


main()
