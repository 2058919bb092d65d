# SPDX-License-Identifier: MIT
"""ioladder: every arrow of a picture is an event of the trace that it was drawn from."""
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from harness import BUILD, SERVER, Server, case, check, equal, main, run, skip
from traces import RECEIVES, SENDS, Trace, file_in, folder

LADDER = os.environ.get("IOLOOP_LADDER", os.path.join(BUILD, "ioladder"))
SOURCE = os.environ.get("IOLOOP_SOURCE", ".")
SVG = "{http://www.w3.org/2000/svg}"
MODELS = ["blocking", "nonblocking", "poll", "sigio", "rtsig", "epoll", "io_uring"]


def drawn(*options):
    """What ioladder prints, when it must succeed."""
    code, out, err = run(LADDER, *options)
    equal((code, err), (0, b""), "exit and stderr of ioladder %s" % " ".join(options))
    return out.decode()


class Arrow:
    def __init__(self, group):
        line = group.find(SVG + "line")
        self.to_kernel = float(line.get("x1")) < float(line.get("x2"))
        self.trace = int(group.get("data-trace"))
        self.event = int(group.get("data-event"))
        self.texts = [text.text for text in group.iter(SVG + "text")]
        self.tone = group.get("class").split()[1]


def arrows_of(path):
    root = ElementTree.parse(path).getroot()
    equal(root.tag, SVG + "svg", "root")
    return [Arrow(g) for g in root.iter(SVG + "g") if "arrow" in (g.get("class") or "").split()]


def check_arrow(arrow, event):
    """The arrow says what its event says."""
    what, args = "arrow %r of event %r" % (arrow.texts, event), event["args"]
    label = arrow.texts[0]
    if event["ph"] == "B":
        check(arrow.to_kernel and label.startswith(event["name"] + "("), what)
        check("fd" not in args or "fd %d)" % args["fd"] in label, what)
    elif event["ph"] == "E":
        check(not arrow.to_kernel, what)
        result = args["result"]
        check(args["error"] in label if "error" in args else
              str(result) in label or label == "SIGIO", what)
    else:
        equal(arrow.to_kernel, event["name"] == "submit", "direction of " + what)
        check(event["name"] in ("submit", "complete", "signal"), what)
        check("operation" not in args or args["operation"] in label, what)


def check_picture(path, traces):
    arrows = arrows_of(path)
    check(arrows, "there are arrows in " + path)
    before = {}
    for arrow in arrows:
        event = traces[arrow.trace].events[arrow.event]
        check(arrow.event > before.get(arrow.trace, -1), "arrows are in the order of their events")
        before[arrow.trace] = arrow.event
        check_arrow(arrow, event)
    return arrows


@case("one command makes the set, and every arrow in it is an event of its trace")
def _():
    with folder() as name:
        made = subprocess.run([sys.executable, os.path.join(SOURCE, "docs", "ladders.py"), SERVER,
                               LADDER, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, timeout=150)
        equal(made.returncode, 0, "exit of ladders.py, which said: " + made.stdout)
        models = [m for m in MODELS if m + ".svg" in os.listdir(name)]
        for model in set(MODELS) - set(models):
            check(model + " is left out: " in made.stdout, "why %s is left out" % model)
        check({"blocking", "nonblocking", "poll"} <= set(models), "models: %r" % models)
        traces = [Trace(os.path.join(name, m + ".json")) for m in models]
        for model, trace in zip(models, traces):
            arrows = check_picture(os.path.join(name, model + ".svg"), [trace])
            events = [trace.events[a.event] for a in arrows]
            names = {e["args"].get("operation", e["name"]) for e in events}
            check(names & set(RECEIVES) and names & set(SENDS), "%s receives and sends" % model)
            tones = {a.tone for a in arrows}
            check(model != "nonblocking" or "nothing" in tones, "EAGAIN is seen under nonblocking")
            check(model != "rtsig" or "signal" in tones, "signals are seen under rtsig")
            check(model != "io_uring" or "operation" in tones, "operations are seen under io_uring")
            text = open(os.path.join(name, model + ".txt"), encoding="utf-8").read()
            equal(len(re.findall(r"[<>]\|?(?:\s|$)|\|<", text)) > 0, True, "arrows in the text")
            equal(len(re.findall(r"^ +[\d.]+  \|(?:<|.*>\|)", text, re.M)), len(arrows),
                  "arrows of %s in text and picture" % model)
        together = check_picture(os.path.join(name, "models.svg"), traces)
        equal({a.trace for a in together}, set(range(len(traces))), "traces side by side")


def make_trace(path, clients=2, requests=5):
    with Server("--backend=poll", "--tcp", "--print=none", "--trace=" + path) as server:
        socks = [server.connect() for _ in range(clients)]
        for _ in range(requests):
            for sock in socks:
                server.echo(b"a request of thirty-two bytes...", sock)
        for sock in socks:
            sock.close()
        server.stop()
    return Trace(path)


def times(text):
    return [float(t) for t in re.findall(r"^ +([\d.]+)  \|", text, re.M)]


@case("--connection, --request, --from, --to and --max-steps choose the excerpt")
def _():
    with folder() as name:
        path = file_in(name)
        trace = make_trace(path)
        equal(drawn("--text", "--connection=2", "--max-steps=1000", path).count("32 bytes"), 10,
              "arrows with 32 bytes of connection 2")
        one = drawn("--text", "--connection=2", "--request=3", path)
        equal(one.count("32 bytes"), 2, "arrows with 32 bytes of one request")
        check("connection 2, request 3" in one, "the excerpt is named")
        short = drawn("--text", "--max-steps=3", path)
        check(re.search(r"\d+ more steps", short), "that there are more is said")
        equal(len(times(short)), 6, "rows of three calls")
        everything = drawn("--text", "--connection=0", "--max-steps=1000", path)
        check("accept(" in everything and everything.count("32 bytes") == 20, "all of the thread")

        sends = [e["ts"] for e in trace.named("send", "B")]
        begin, end = int(sends[2]), int(sends[7])
        part = drawn("--text", "--connection=0", "--max-steps=1000", "--from=%d" % begin,
                     "--to=%d" % end, path)
        equal(part.count("send("), len([s for s in sends if begin <= s <= end or s == sends[2]]),
              "sends in that time")


@case("--output takes the picture or the text, -o is the same, and --title is above it")
def _():
    with folder() as name:
        path, svg, text = file_in(name), os.path.join(name, "a.svg"), os.path.join(name, "a.txt")
        trace = make_trace(path, 1, 2)
        drawn(path, "-o", svg, "--title=Ein <Titel> & mehr")
        check_picture(svg, [trace])
        check("Ein <Titel> & mehr" in [t.text for t in ElementTree.parse(svg).iter(SVG + "text")],
              "the title")
        drawn("--text", "--output=" + text, path)
        with open(text, encoding="utf-8") as file:
            equal(file.read(), drawn("--text", path), "text in a file")


@case("a picture has a dark and a light side, and a renderer takes it")
def _():
    with folder() as name:
        path, svg, png = file_in(name), os.path.join(name, "a.svg"), os.path.join(name, "a.png")
        make_trace(path, 1, 2)
        drawn(path, "-o", svg)
        with open(svg, encoding="utf-8") as file:
            check("prefers-color-scheme:dark" in file.read(), "dark colours")
        if not shutil.which("rsvg-convert"):
            skip("rsvg-convert is not installed")
        rendered = subprocess.run(["rsvg-convert", svg, "-o", png], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=60)
        equal((rendered.returncode, rendered.stdout), (0, b""), "rsvg-convert")
        with open(png, "rb") as file:
            equal(file.read(8), b"\x89PNG\r\n\x1a\n", "a picture")


def refused(code, what, *options):
    got, out, err = run(LADDER, *options)
    equal((got, out), (code, b""), "exit and stdout of %r" % (options,))
    check(what in err and err.count(b"\n") == 1, "one line that says %r: %r" % (what, err))


@case("what is no trace, or has nothing to show, or cannot be written, is said in a line")
def _():
    with folder() as name:
        def written(text):
            path = os.path.join(name, "bad.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return path

        path = file_in(name)
        make_trace(path, 1, 2)
        refused(1, b"No such file", "--text", os.path.join(name, "none.json"))
        refused(1, b"is not JSON", "--text", written("hello"))
        refused(1, b"is not JSON", "--text", written('{"traceEvents":['))
        refused(1, b"traceEvents", "--text", written('{"a":1}'))
        refused(1, b"traceEvents", "--text", written("[1]"))
        refused(1, b"an event in it", "--text", written('{"traceEvents":[{"ph":"B"}]}'))
        refused(1, b"nothing to draw", "--text", written(json.dumps({"traceEvents": []})))
        refused(1, b"nothing to draw of connection 7", "--text", "--connection=7", path)
        refused(1, b"nothing to draw", "--text", "--request=99", path)
        refused(1, b"nothing to draw", "--text", "--from=900000000", path)
        refused(1, b"cannot write", path, "-o", os.path.join(name, "no", "where.svg"))
        refused(2, b"which trace?", "--text")
        refused(2, b"where to?", path)
        refused(2, b"--from", "--text", "--from=2", "--to=1", path)
        refused(2, b"--request", "--text", "--connection=0", "--request=1", path)
        refused(2, b"--max-steps", "--text", "--max-steps=0", path)


@case("the thread of the 1,500th connection is found as well")
def _():
    with folder() as name:
        path = file_in(name)
        common = {"pid": 1, "cat": "system call"}
        events = []
        for number in range(1, 1501):  # as the blocking model has them: a thread each
            own = dict(common, tid=number + 2, ts=number)
            events.append(dict(own, ph="M", name="thread_name", args={"name": "connection %d" % number}))
            events.append(dict(own, ph="B", name="recv", args={"fd": 9, "connection": number}))
            events.append(dict(own, ph="E", name="recv", args={"result": number}))
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events}, file)
        check("1500 bytes" in drawn("--text", "--connection=1500", path), "its bytes")


@case("events that are broken otherwise do no harm")
def _():
    with folder() as name:
        event = {"ph": "B", "ts": 1, "pid": 1, "tid": 1, "name": "recv", "cat": "system call",
                 "args": {"connection": 1, "fd": 3}}
        for change in ({"ph": "E"}, {"ph": ""}, {"tid": -5}, {"tid": 1 << 40}, {"args": []}, {"args": 7},
                       {"ts": -1e300}, {"name": "x" * 5000}, {"cat": 5}, {}):
            path = os.path.join(name, "odd.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"traceEvents": [dict(event, **change)] * 200}, file)
            code, _, err = run(LADDER, "--text", path)
            check(code in (0, 1), "exit %d with %r: %r" % (code, change, err))

main()
