# SPDX-License-Identifier: MIT
"""Reading traces: the conditions for a well-formed one, and its contents. For trace.py and ladder.py."""
import json
import os
import tempfile

from harness import check, equal, wait_until

# Names of the events that receive and send, as readiness calls them and as completion does.
RECEIVES = ("recv", "recvfrom", "recvmmsg", "recvmsg")
SENDS = ("send", "sendto", "sendmmsg", "sendmsg")


def folder():
    return tempfile.TemporaryDirectory(prefix="ioloop-trace-")


class Trace:
    """A trace file that is well formed: anything else is a failure."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        self.other = document["otherData"]
        self.events = document["traceEvents"]
        self.check_events()

    def check_events(self):
        open_calls, last = {}, {}
        for number, event in enumerate(self.events):
            where = "event %d %r" % (number, event)
            check(event["ph"] in "BEiM", "unknown phase: " + where)
            check(isinstance(event["pid"], int) and isinstance(event["tid"], int), where)
            if event["ph"] == "M":
                continue
            check(event["ts"] >= last.get(event["tid"], 0), "goes back in time: " + where)
            last[event["tid"]] = event["ts"]
            stack = open_calls.setdefault(event["tid"], [])
            if event["ph"] == "B":
                stack.append(event["name"])
            elif event["ph"] == "E":
                check(stack, "an end without a beginning: " + where)
                equal(event["name"], stack.pop(), "what ends, at " + where)
        for tid, stack in open_calls.items():
            equal(stack, [], "what thread %d never ended" % tid)

    def named(self, name, phase):
        return [e for e in self.events if e["name"] == name and e["ph"] == phase]

    def threads(self):
        return [e["args"]["name"] for e in self.named("thread_name", "M")]

    def results(self, names):
        """The results of calls or operations with these names."""
        ends = [e for e in self.events if e["ph"] == "E" and e["name"] in names]
        ends += [e for e in self.named("complete", "i") if e["args"]["operation"] in names]
        return [e["args"]["result"] for e in ends if "result" in e["args"]]

    def bytes(self, names):
        return sum(r for r in self.results(names) if r > 0)


def wait_for_trace(path, found, what):
    """The first trace under that name of which found(trace) is true: it is replaced at once."""
    def look():
        trace = Trace(path)
        return trace if found(trace) else None
    return wait_until(look, what)


def file_in(name):
    return os.path.join(name, "trace.json")
