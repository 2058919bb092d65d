# SPDX-License-Identifier: MIT
"""The generated part of docs/conformance.md: chapters with counts, the rows with an exception, and the
titles of the others. report.py has the matrix that it is made of."""
import collections
import itertools
import re

# The number at which each chapter begins.
CHAPTERS = [
    (1, "registration: add, update, remove, errors, every kind of descriptor"),
    (14, "lifetime of descriptors: closing, reused numbers, dups"),
    (19, "dispatch: what handlers may do, fairness"),
    (26, "level-triggering, ends of input, errors, writability"),
    (37, "time"),
    (48, "signals, threads, fork"),
    (54, "signal-driven I/O: queue overflow, stale signals, descriptors that cannot signal"),
    (60, "streams and servers"),
    (85, "bounded spin"),
    (86, "the observer: system calls and operations"),
    (87, "how streams end, and what sending and receiving meet on the way"),
    (97, "datagrams and servers: error queues, addresses, files, listeners and limits of others"),
    (109, "forks next to threads, inherited signals, stale deliveries, lack of memory"),
    (120, "changes and waits that fail, ghosts, limits that are lowered at run time"),
    (138, "full sockets, and descriptors closed while the kernel works on them"),
    (145, "loops that move between threads, and several loops in one thread"),
    (600, "what programs on streams need: limits, couples, timeouts, names; child processes"),
]


def number_of(name):
    """The number of a behaviour in the list of the page, or 0 for a test that the list does not name."""
    found = re.match(r"(\d+) ", name)
    return int(found.group(1)) if found else 0


class Row:
    def __init__(self, matrix, name, results):
        self.name, self.results = name, results
        self.models = [model for model in matrix.backends if model in results]
        self.test = results[self.models[0]][0].test
        self.number = number_of(name)
        self.chapter = max((c for c in CHAPTERS if c[0] <= self.number), default=None) or self.test
        self.exceptions = collections.OrderedDict()  # reason: models
        for model in self.models:
            state, reason = matrix.verdict(results[model])
            if state != "passed":
                self.exceptions.setdefault(reason if state == "skipped" else "FAILED", []).append(model)

    def title(self, usual):
        """With the models it runs under, where these are not those of its test program."""
        absent = [model for model in usual if model not in self.models]
        if not absent:
            return escaped(self.name)
        if len(absent) < len(self.models):
            return "%s (not run under %s)" % (escaped(self.name), listed(absent))
        return "%s (%s only)" % (escaped(self.name), listed(self.models))


def escaped(text):
    return text.replace("|", "\\|").replace("<", "\\<")


def listed(models):
    return ", ".join("`%s`" % model for model in models)


def heading(chapter, rows):
    if isinstance(chapter, str):
        return "End-to-end: %s" % chapter
    numbers = "%d to %d" % (rows[0].number, rows[-1].number)
    return "%s: %s" % (numbers if rows[0].number < rows[-1].number else rows[0].number, chapter[1])


def usual_models(rows):
    """The models that the most rows of each test program run under."""
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        counts[row.test][tuple(row.models)] += 1
    return {test: counter.most_common(1)[0][0] for test, counter in counts.items()}


def page(matrix):
    rows = [Row(matrix, name, results) for name, results in matrix.ordered()]
    usual = usual_models(rows)
    contents = ["| chapter | behaviours | with an exception | results |", "|---|--:|--:|--:|"]
    chapters = []
    for chapter, group in itertools.groupby(rows, lambda row: row.chapter):
        found = list(group)
        contents.append(counts_of(heading(chapter, found), found))
        chapters += chapter_of(heading(chapter, found), found, usual)
    contents.append(counts_of("all", rows))
    return "\n".join(contents + chapters) + "\n"


def counts_of(title, rows):
    return "| %s | %d | %d | %d |" % (title, len(rows), sum(1 for row in rows if row.exceptions),
                                      sum(len(row.models) for row in rows))


def chapter_of(title, rows, usual):
    lines = ["", "### " + title, ""]
    special = [row for row in rows if row.exceptions]
    if special:
        lines += ["| exception | skipped under | because |", "|---|---|---|"]
    for row in special:
        for reason, models in row.exceptions.items():
            others = [model for model in row.models if model not in models]
            where = "all but %s" % listed(others) if 0 < len(others) < len(models) else listed(models)
            lines.append("| %s | %s | %s |" % (row.title(usual[row.test]), where, escaped(reason)))
    plain = [row for row in rows if not row.exceptions]
    lines += [""] * bool(special and plain)
    return lines + ["- " + row.title(usual[row.test]) for row in plain]
