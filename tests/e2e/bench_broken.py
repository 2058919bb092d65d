# SPDX-License-Identifier: MIT
"""Documents that no bench wrote: cut off, of wrong types, with impossible numbers and histograms. Every
command ends in order with them: a report, or a one-line error."""
import os
import re

from bench_documents import broken_documents, small_document
from harness import case, check, equal, main, run
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
