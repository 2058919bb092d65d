# SPDX-License-Identifier: MIT
"""ioladder: every arrow of a picture is an event of the trace that it was drawn from."""
import json
import os
import re
import resource
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from harness import BUILD, SERVER, case, check, equal, main, need_program
from process import Process, run
from server import Server
from traces import RECEIVES, SENDS, Trace, file_in, folder

LADDER = os.environ.get("IOLOOP_LADDER", os.path.join(BUILD, "ioladder"))
SOURCE = os.environ.get("IOLOOP_SOURCE", ".")
SVG = "{http://www.w3.org/2000/svg}"
MODELS = ["blocking", "nonblocking", "poll", "sigio", "rtsig", "epoll", "io_uring"]
MORE = ["epoll-et", "libevent"]
UDP = ["sigio-udp"]
PAIRS = ["blocking-nonblocking", "poll-epoll", "sigio-rtsig", "epoll-epoll-et", "epoll-libevent",
         "epoll-io_uring"]
SLIDE = (1280, 720)


def drawn(*options):
    """The output of ioladder, when it must succeed."""
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
    """The arrow agrees with its event."""
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


# Of a letter's width to its height: of the typeface for code each, of the other one on average, with
# room for one that is wide.
CODE, PROSE = 0.61, 0.54


def style_of(root):
    """({class: {property: value}} on a light page, the same on a dark one)"""
    light, _, dark = root.find(SVG + "style").text.partition("@media")
    sides = [{}, {}]
    for side, text in zip(sides, (light, dark.partition("{")[2])):
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
            for selector in selectors.strip().split(","):
                side.setdefault(selector, {}).update(re.findall(r"([\w-]+):([^;]+)", body))
    return sides[0], {selector: dict(body, **sides[1].get(selector, {})) for selector, body in sides[0].items()}


def size_of(text, style):
    """As in a browser, the last class with such a style applies."""
    size = 16
    for selector, body in style.items():
        if selector == "text" or selector[1:] in text.get("class").split():
            size = int(body.get("font-size", "%dpx" % size)[:-2])
    return size


def extent(text, style):
    """Its largest possible extent."""
    letter = CODE if "code" in text.get("class").split() else PROSE
    width = len(text.text) * size_of(text, style) * letter
    x = float(text.get("x"))
    return {"start": (x, x + width), "middle": (x - width / 2, x + width / 2),
            "end": (x - width, x)}[text.get("text-anchor")]


def check_places(path):
    """No text leaves its panel, no label the lifelines by more than a letter, no remark its pill."""
    root = ElementTree.parse(path).getroot()
    style = style_of(root)[0]
    tried = 0
    for panel in (g for g in root.iter(SVG + "g") if g.get("class") == "ladder"):
        width = float(panel.find(SVG + "rect").get("width"))
        lives = sorted(float(line.get("x1")) for line in panel.iter(SVG + "line")
                       if line.get("class") == "life")
        for text in panel.iter(SVG + "text"):
            left, right = extent(text, style)
            check(0 < left and right < width, "%s: %r leaves its panel" % (path, text.text))
        for row in (g for g in panel if "data-event" in g.attrib):
            tried += 1
            pill, label = row.find(SVG + "rect"), row.find(SVG + "text")
            left, right = extent(label, style)
            if pill is None:
                room = lives[0] - 10, lives[1] + 10
            else:
                room = float(pill.get("x")), float(pill.get("x")) + float(pill.get("width"))
            check(room[0] < left and right < room[1], "%s: %r has no room" % (path, label.text))
    check(tried, "labels in " + path)


def check_slide(path):
    """On a slide it fills, no letter is smaller than a sixtieth of the height."""
    root = ElementTree.parse(path).getroot()
    scale = min(SLIDE[0] / float(root.get("width")), SLIDE[1] / float(root.get("height")))
    for text in root.iter(SVG + "text"):
        size = size_of(text, style_of(root)[0]) * scale
        check(size >= SLIDE[1] / 60, "%s: %r has %.1f px on a slide" % (path, text.text, size))


@case("one command makes the set, and every arrow in it is an event of its trace")
def _():
    with folder() as name:
        made = subprocess.run([sys.executable, os.path.join(SOURCE, "docs", "ladders.py"), SERVER,
                               LADDER, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, timeout=150)
        equal(made.returncode, 0, "exit of ladders.py, which said: " + made.stdout)
        models = [m for m in MODELS + MORE + UDP if m + ".svg" in os.listdir(name)]
        for model in set(MODELS + MORE) - set(models):
            check(model + " is left out: " in made.stdout, "why %s is left out" % model)
        check({"blocking", "nonblocking", "poll"} <= set(models), "models: %r" % models)
        equal("sigio-udp" in models, "sigio" in models, "sigio over UDP as over TCP")
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
        together = {"models": [m for m in models if m in MODELS]}
        together.update((pair, split_pair(pair)) for pair in PAIRS if set(split_pair(pair)) <= set(models))
        equal({f[:-4] for f in os.listdir(name) if f.endswith(".svg")}, set(models) | set(together), "pictures")
        for picture, shown in together.items():
            arrows = check_picture(os.path.join(name, picture + ".svg"),
                                   [traces[models.index(model)] for model in shown])
            equal({a.trace for a in arrows}, set(range(len(shown))), "traces side by side in " + picture)
        for picture in list(together) + models:
            check_places(os.path.join(name, picture + ".svg"))
            if picture != "models":  # which is for print
                check_slide(os.path.join(name, picture + ".svg"))


def split_pair(name):
    return next((a, b) for a in MODELS + MORE for b in MODELS + MORE if name == a + "-" + b)


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
        whoever = drawn("--text", "--connection=0", "--request=8", path)
        equal(whoever.count("32 bytes"), 2, "arrows with 32 bytes of one request, whoever asked")
        check(re.search(r"\), request 8$", whoever, re.M), "the excerpt is named: %r" % whoever)
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


@case("--output that is the trace, under any name, is refused; a failed write leaves the earlier picture")
def _():
    with folder() as name:
        path, svg = file_in(name), os.path.join(name, "a.svg")
        make_trace(path, 1, 2)
        os.link(path, path + ".link")
        before = os.stat(path).st_size
        for output in path, path + ".link":
            code, _, err = run(LADDER, path, "-o", output)
            equal((code, err.count(b"\n")), (2, 1), "exit code, lines")
            equal(os.stat(path).st_size, before, "the trace's size")
        drawn(path, "-o", svg)
        with open(svg, "rb") as file:
            picture = file.read()
        code, _, err = run(LADDER, path, "-o", svg, limits={resource.RLIMIT_FSIZE: 100})
        equal(code, 1, "exit code")
        check(b"File too large" in err, "the reason: %r" % err)
        with open(svg, "rb") as file:
            equal(file.read(), picture, "the earlier picture")
        equal(len(os.listdir(name)), 3, "files")
        equal(drawn(path, "-o", "-").encode(), picture, "on stdout")


@case("a reader that is gone, a folder as the trace: a line says so, exit 1")
def _():
    reader, writer = os.pipe()
    os.close(reader)
    process = Process([LADDER, "--help"], stdout=writer)
    os.close(writer)
    equal(process.wait(), 1, "exit code")
    check(b"cannot write to stdout: Broken pipe" in process.stderr.bytes(), "the reason")
    for path, why in ("/", b"cannot read /: Is a directory\n"), ("/none", b"/none: No such file or dire"):
        code, _, err = run(LADDER, "--text", path)
        check(code == 1 and why in err and b"unable" not in err, "%r" % err)


def places(path):
    root = ElementTree.parse(path).getroot()
    return [tuple(map(int, re.findall(r"\d+", g.get("transform")))) for g in root.iter(SVG + "g")
            if g.get("class") == "ladder"]


@case("--columns puts N side by side, and the next ones below")
def _():
    with folder() as name:
        path, svg = file_in(name), os.path.join(name, "a.svg")
        make_trace(path, 1, 2)
        for columns, expected in ((1, [(0, i) for i in range(5)]),
                                  (None, [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)]),
                                  (3, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]),
                                  (7, [(i, 0) for i in range(5)])):
            drawn("-o", svg, *["--columns=%d" % columns] if columns else [], *[path] * 5)
            got = places(svg)
            xs, ys = sorted({x for x, _ in got}), sorted({y for _, y in got})
            equal([(xs.index(x), ys.index(y)) for x, y in got], expected, "places with --columns=%s" % columns)


@case("the longest labels stay at their arrows, and the longest times next to the axis")
def _():
    with folder() as name:
        path, svg = os.path.join(name, "odd.json"), os.path.join(name, "odd.svg")
        call = {"pid": 1, "tid": 1, "cat": "system call"}
        moment = {"ph": "i", "pid": 1, "tid": 1, "cat": "loop"}
        events = [
            dict(call, ph="B", ts=0, name="io_uring_enter", args={"fd": 1023}),
            dict(call, ph="E", ts=5000000, name="io_uring_enter", args={"result": 2}),
            dict(moment, ts=5000001, name="complete", args={"operation": "recvmsg", "result": 65535}),
            dict(moment, ts=5000002, name="complete", args={"operation": "recvmsg", "result": -104, "error": "ECONNRESET"}),
            dict(moment, ts=5000003, name="submit", args={"operation": "sendmsg", "size": 65535}),
            dict(moment, ts=5000004, name="signal", args={"signal": 63, "fd": 20000, "band": 1, "queued": 4096}),
            dict(moment, ts=5000005, name="rescue", args={"descriptors": 20000}),
            dict(moment, ts=5000006, name="overflow", args={}),
            dict(moment, ts=5000007, name="limit reached", args={}),
            dict(call, ph="B", ts=20000000, name="epoll_pwait2", args={"fd": 1023}),
            dict(call, ph="E", ts=20000001, name="epoll_pwait2", args={"result": 0, "under way": True}),
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "otherData": {"backend": "io_uring", "model": "asynchronous"}}, file)
        drawn("--connection=0", path, "-o", svg)
        equal(len(arrows_of(svg)), 8, "arrows")
        check_places(svg)


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@case("every text is legible on its ground, light and dark: a contrast of 4.5 (WCAG 2, AA)")
def _():
    with folder() as name:
        path, svg = file_in(name), os.path.join(name, "a.svg")
        make_trace(path, 1, 2)
        drawn(path, "-o", svg)
        for side, style in zip(("light", "dark"), style_of(ElementTree.parse(svg).getroot())):
            inks = {s: body["fill"] for s, body in style.items()
                    if s in ("text", ".soft", ".tick") or s.endswith(" .label")}
            check(len(inks) >= 9, "%d colours of texts" % len(inks))
            for selector, ink in inks.items():
                for ground in (".page", ".panel"):
                    lights = sorted(luminance(c) for c in (ink, style[ground]["fill"]))
                    contrast = (lights[1] + 0.05) / (lights[0] + 0.05)
                    check(contrast >= 4.5, "%s on %s, %s: %.1f" % (selector, ground, side, contrast))


@case("a picture has a dark and a light side, and a renderer takes it")
def _():
    with folder() as name:
        path, svg, png = file_in(name), os.path.join(name, "a.svg"), os.path.join(name, "a.png")
        make_trace(path, 1, 2)
        drawn(path, "-o", svg)
        with open(svg, encoding="utf-8") as file:
            check("prefers-color-scheme:dark" in file.read(), "dark colours")
        need_program("rsvg-convert")
        rendered = subprocess.run(["rsvg-convert", svg, "-o", png], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=60)
        equal((rendered.returncode, rendered.stdout), (0, b""), "rsvg-convert")
        with open(png, "rb") as file:
            equal(file.read(8), b"\x89PNG\r\n\x1a\n", "a picture")


def refused(code, what, *options):
    got, out, err = run(LADDER, *options)
    equal((got, out), (code, b""), "exit and stdout of %r" % (options,))
    check(what in err and err.count(b"\n") == 1, "one line that says %r: %r" % (what, err))


@case("an invalid trace, an empty excerpt and an unwritable file are reported in one line")
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
        refused(1, b"nothing to draw", "--text", "--connection=0", "--request=99", path)
        refused(2, b"--columns", path, "-o", os.path.join(name, "a.svg"), "--columns=0")
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


@case("a text that is no UTF-8, or no character of XML, leaves the picture well-formed and the terminal alone")
def _():
    bad = b"\xff\xc3 \x01\x1b[31m \xed\xa0\x80 \xef\xbf\xbe\xef\xbf\xbf \xe2\x82"
    with folder() as name:
        path, svg = file_in(name), os.path.join(name, "a.svg")
        make_trace(path, 1, 2)
        drawn(path, "-o", svg, os.fsdecode(b"--title=before " + bad))
        titles = [t.text for t in ElementTree.parse(svg).iter(SVG + "text")]
        check(any(t.startswith("before \ufffd\ufffd \ufffd\ufffd[31m ") for t in titles), "the title: %r" % titles)
        with open(path, encoding="utf-8") as file:
            trace = json.load(file)
        trace["otherData"]["backend"] = "poll\x1b[31m\ufffe"
        for event in trace["traceEvents"]:
            event["name"] = "\x1b]0;owned\x07" + event["name"] + "\uffff"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(trace, file)
        drawn(path, "-o", svg)
        check(arrows_of(svg), "a picture is drawn")
        text = drawn("--text", path, os.fsdecode(b"--title=" + bad))
        check("\x1b" not in text and "\ufffe" not in text, "escapes in %r" % text[:200])


@case("the least and the greatest result there are")
def _():
    with folder() as name:
        path = file_in(name)
        common = {"pid": 1, "tid": 1, "name": "recv", "cat": "system call"}
        for result, text in ((-2 ** 63, " error 9223372036854775808 "), (2 ** 63 - 1, " 9223372036854775807 bytes ")):
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"traceEvents": [dict(common, ph="B", ts=1, args={"fd": 3, "connection": 1}),
                                           dict(common, ph="E", ts=2, args={"result": result})]}, file)
            check(text in drawn("--text", path), "the result %d" % result)


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
