# SPDX-License-Identifier: MIT
"""The table that `bench report` makes of an imagined result, and that of `bench compare`."""
import copy
import fcntl
import json
import math
import os
import pty
import re
import struct
import termios

from bench_documents import HOSTILE, hostile_document
from harness import case, check, equal, main
from process import Output, Process, run
from reports import BENCH, DOCUMENT, ESCAPE, save, shown_number


def table_of(document, name="imagined", **more):
    code, out, err = run(BENCH, "report", save(document, name + ".json"), **more)
    equal((code, err), (0, b""), "exit code and stderr")
    return out


# ---- the table -----------------------------------------------------------------------------


def on_terminal(document, columns=80, env=None):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = Process([BENCH, "report", save(document, "terminal.json")], stdout=slave,
                      env=dict({"TERM": "xterm", "NO_COLOR": None}, **(env or {})))
    os.close(slave)
    output = Output(master)
    equal(process.wait(), 0, "exit code")
    return output.wait_end()


@case("table: 80 columns by default, and no line ends in blanks")
def _():
    for line in table_of(DOCUMENT).decode().split("\n"):
        check(len(line) <= 80 or line.startswith(("again:", "  rtsig,", "  peer:libuv,")),
              "%d columns: %r" % (len(line), line))
        equal(line, line.rstrip(), "a line")


@case("CSV: harmless on a terminal, exact in a file")
def _():
    document = copy.deepcopy(DOCUMENT)
    document["experiments"][0]["name"] = "\x1b[31mred"
    path = save(document, "hostile.json")
    master, slave = pty.openpty()
    process = Process([BENCH, "report", path, "--csv=-"], stdout=slave)
    os.close(slave)
    shown = Output(master)
    equal(process.wait(), 0, "exit code")
    check(ESCAPE not in shown.wait_end() and b"red,epoll," in shown.wait_end(), "on a terminal")
    check(b"\x1b[31mred,epoll," in run(BENCH, "report", path, "--csv=-")[1], "in a file")


@case("table: colours on a terminal only, and never with NO_COLOR or on a dumb one")
def _():
    check(ESCAPE not in table_of(DOCUMENT), "escape codes in a pipe")
    coloured = on_terminal(DOCUMENT)
    check(ESCAPE in coloured, "no colours on a terminal")
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = on_terminal(DOCUMENT, env=env)
        check(ESCAPE not in plain, "escape codes with %r" % env)
        equal(plain.replace(b"\r", b""), re.sub(rb"\x1b\[\d*m", b"", coloured).replace(b"\r", b""),
              "the table without its colours")


@case("table: a wide terminal is used, with the ratios' intervals and its words written out")
def _():
    text = re.sub(r"\x1b\[\d*m", "", on_terminal(DOCUMENT, columns=200).decode())
    check(re.search(r"(?m)^io_uring .*0\.9\d \[0\.\d\d, 0\.\d\d\]", text), "no intervals of ratios")
    check(re.search(r"(?m)^epoll-et .* no difference resolved", text), "the words are not there")
    check(max(len(line) for line in text.split("\r\n")) > 100, "it is not used")


@case("table: a metric that some points have nothing of stands over the others only")
def _():
    document = copy.deepcopy(DOCUMENT)
    latency = document["experiments"][0]
    bare = [point["id"] for point in latency["points"][:3]]
    latency["figures"] = [f for f in latency["figures"] if f["metric"] != "p50" or f["point"] not in bare]
    whole, rest = (len(re.findall(rb"(?m)^Median round trip", table_of(d))) for d in (DOCUMENT, document))
    check(0 < rest < whole, "%d tables of the median, %d before" % (rest, whole))
    for block in re.split(r"\n\n+", table_of(document).decode()):
        check(not re.search(r"is better\)$", block.split("\n")[0]) or "±" in block, "no figure: %r" % block)


@case("table: each median of a primary metric is there, rounded; a missing one is a dash")
def _():
    text = table_of(DOCUMENT).decode()
    sections = re.split(r"(?m)^(?=latency: |idle: |load: |count: )", text)[1:]
    equal(len(sections), len(DOCUMENT["experiments"]), "experiments")
    for experiment, section in zip(DOCUMENT["experiments"], sections):
        numbers = [shown_number(n) for n in re.findall(r"(?<![\[\d.,])(\d[\d,]*(?:\.\d+)?) +±", section)]
        medians = [f["median"] for f in experiment["figures"]
                   if next(m for m in experiment["metrics"] if m["id"] == f["metric"])["primary"]
                   and f["median"] is not None]
        equal(len(numbers), len(medians), "medians in %s" % experiment["name"])
        # Each median in one of the units that tables have.
        left = sorted(medians)
        for number in numbers:
            near = [m for m in left if any(math.isclose(number * unit, m, rel_tol=0.00501)
                                           for unit in (1, 1e3, 1e6))]
            check(near, "%g is no figure of %s" % (number, experiment["name"]))
    check(re.search(r"(?m)^rtsig .* -$", text), "a figure that is null is not a dash")
    check("nan" not in text.lower() and "null" not in text, "a figure that is not there has a word")


@case("table: the unresolved are '=', others have their ratio, the baseline has none")
def _():
    one = dict(DOCUMENT, experiments=[DOCUMENT["experiments"][3]])
    rows = dict(re.findall(r"(?m)^(raw epoll|epoll|peer:\w+) +(\S.*)$",
                           table_of(one, "one").decode().split("System calls")[0]))
    equal(rows["raw epoll"].split(), ["212", "±0.0%"] * 3, "the baseline")
    equal(rows["peer:libev"].split(), ["604", "±0.0%", "2.85"] * 3, "a contestant")
    rest = table_of(one, "one").decode().split("System calls")[1]
    check(re.search(r"(?m)^peer:libev +2\.02 +±0\.0% +=", rest), "no '=' where nothing is resolved")
    check("(=: no difference resolved)" in table_of(one, "one").decode(), "'=' is not explained")


@case("table: A/A, absent and failed contestants with their reasons, and how to run it again")
def _():
    text = table_of(DOCUMENT).decode()
    for wanted in ("again (A/A)", "span 1", "kqueue: not compiled in: needs kqueue or libkqueue",
                   "rtsig, udp-50, round 0, failed: the server died: killed by signal 6",
                   "    | server: signal queue overflowed", '    | server: giving up <now> & "here"',
                   "peer:libuv, tcp-50, round 0, invalid: the generator sent",
                   "again: bench quick '--html=report of today.html' --seed=20261124"):
        check(wanted in text, "%r is not there" % wanted)


@case("table: the machine's own pauses, of each processor that was watched")
def _():
    text = table_of(DOCUMENT).decode()
    for row in (r"  server's processor +0\.412 % +0\.0870 % +3\.17 ms",
                r"  generator's processor +0 % +0 % +0\.0514 ms"):
        check(re.search("(?m)^%s$" % row, text), "%s is not there" % row)
    anywhere = dict(DOCUMENT["hiccups"][0], role="any", processor=None)
    text = table_of(dict(DOCUMENT, hiccups=[anywhere]), "anywhere").decode()
    check(re.search(r"(?m)^  any processor +0\.412 % ", text), "one processor")
    text = table_of({key: value for key, value in DOCUMENT.items() if key != "hiccups"}, "older").decode()
    check("machine by itself" not in text, "an older document")


@case("table: invalid runs are counted where they are many, and have a line each where they are few")
def _():
    def late(contestant, point, number):
        return {"contestant": contestant, "point": point, "round": number, "invalid": True,
                "reason": "late by %d ms" % number, "said": ""}
    document = copy.deepcopy(DOCUMENT)
    latency = document["experiments"][0]
    rounds = max(len(figure["values"]) for figure in latency["figures"])
    latency["failures"] = [late("epoll", "tcp-50", 0), late("rtsig", "tcp-50", 1), late("epoll", "udp-50", 1),
                           late("epoll", "tcp-50", 2), late("epoll", "tcp-50", 3), late("poll", "udp-50", 4)]
    text = table_of(document, "late").decode()
    text = text[text.index("failed or invalid"):text.index("A/A: ")]
    equal(text.split("\n"), [
        "failed or invalid",
        "  tcp-50, 4 runs invalid: epoll 3, rtsig 1 of %d rounds" % rounds,
        "    the first, epoll in round 0: late by 0 ms",
        "  epoll, udp-50, round 1, invalid: late by 1 ms",
        "  poll, udp-50, round 4, invalid: late by 4 ms", "", ""], "the list")


@case("table: a machine that was too busy is said first, with the reasons")
def _():
    judgement = {"rules": 1, "busy": True, "reasons": ["other programs used 3 processors"], "differs": 2.08}
    text = table_of(dict(DOCUMENT, judgement=judgement), "busy").decode()
    check(text.startswith("This machine was too busy: no timed difference under 2.10 × means anything"), text[:200])
    check("\n  other programs used 3 processors\n" in text, "the reason")
    check("too busy" not in table_of(DOCUMENT).decode(), "a quiet machine")


@case("table: a document that other rules judged, or none, is judged by these")
def _():
    older = {key: value for key, value in DOCUMENT.items() if key != "judgement"}
    check("too busy" not in table_of(older, "older-quiet").decode(), "a quiet machine")
    older["hiccups"] = [dict(DOCUMENT["hiccups"][0], late_1ms=0.77)]
    for document in (older, dict(older, judgement={"rules": 0, "busy": False, "reasons": [], "differs": None})):
        text = table_of(document, "older-busy").decode()
        check("would have kept 77 % of messages waiting longer than 1 ms" in " ".join(text.split()), text[:300])
        check(not re.search(r"± ?[\d.]+% +0\.9\d", text), "a difference that is resolved")


@case("table: an experiment without a valid run says so, instead of dashes and claims")
def _():
    document = copy.deepcopy(DOCUMENT)
    idle = document["experiments"][1]
    idle["failures"] = [{"contestant": "epoll", "point": "idle-0", "round": number, "invalid": True,
                         "reason": "late by %d ms" % number, "said": ""} for number in range(5)]
    idle["figures"], idle["resolution"] = [], []
    text = " ".join(table_of(dict(document, experiments=[idle]), "none-valid").decode().split())
    check("No run of idle was valid, so it has no figures: the load generator could not keep its schedule" in text, text)
    check("5 runs invalid: epoll 5 of 7 rounds" in text and "of 0 rounds" not in text, text)
    check("claims, and whether" not in text, "claims without figures")


@case("table: where one round is left there is neither an interval nor a difference")
def _():
    document = copy.deepcopy(DOCUMENT)
    for figure in document["experiments"][0]["figures"]:
        if figure["contestant"] == "rtsig":
            figure.update(low=None, high=None)
            if figure["ratio"]:
                figure["ratio"].update(low=None, high=None, resolved=False)
    for again in document["experiments"][0]["resolution"]:
        again["ratio"].update(low=None, high=None, resolved=False)
    text = table_of(document, "bare").decode().split("\nidle: ")[0]
    row = re.search(r"(?m)^rtsig +(.*)", text)[1]
    check(re.fullmatch(r"([\d.,]+ +=\s*)+", row), "%r" % row)
    check(re.search(r"(?m)^  again \(A/A\)( +-)+$", text), "the A/A row")
    check("A/A: not measured" in text, "the resolution")
    check("nan" not in text.lower(), "nan")


@case("table: a figure counted once has its ratio, and nothing that is estimated")
def _():
    one = copy.deepcopy(DOCUMENT["experiments"][3])
    for metric in one["metrics"]:
        metric["counted"] = True
    for figure in one["figures"] + one["resolution"]:
        figure["values"] = figure["values"][:1]
    text = table_of(dict(DOCUMENT, experiments=[one]), "counted").decode()
    check(re.search(r"(?m)^peer:libev( +604 +2\.85){3}$", text), "a contestant: %s" % text)
    check(re.search(r"(?m)^  again \(A/A\)( +1\.00){3}$", text), "the A/A row: %s" % text)
    check("±" not in text, "a spread of what is known")
    check("A/A: counted, not timed" in text and "span 1" not in text, "the resolution: %s" % text)


@case("table: claims with their verdicts, and the ratios that these were taken from")
def _():
    text = table_of(dict(DOCUMENT, experiments=[DOCUMENT["experiments"][1]]), "claims").decode()
    words = " ".join(text.split())
    for claim in DOCUMENT["experiments"][1]["claims"]["list"]:
        check("%s: %s" % (claim["found"], claim["verdict"]) in words, "%r is not there" % claim["found"])
        for one in claim["judged"]:
            name = "%s / %s" % (one["beside"], one["contestant"]) if one["beside"] else one["contestant"]
            row = re.search(r"(?m)^    %s  +([\d,]+ idle) +([\d.,]+) \[([\d.,]+), ([\d.,]+)\]  (.*)$"
                            % re.escape(name), text[text.index(claim["found"][:30]):])
            check(row, "no row of %s" % name)
            equal(row[1], one["point"][5:] + " idle", "the point")
            for shown, key in zip(row.groups()[1:4], ("median", "low", "high")):
                check(math.isclose(shown_number(shown), one["ratio"][key], rel_tol=0.00501),
                      "%s for %r" % (shown, one["ratio"][key]))
            equal(row[5], one["seen"] if one["seen"] == one["verdict"]
                  else one["seen"] + ": " + one["verdict"], "the verdict")
    check("none that it is about was measured" in text, "a claim about nobody")
    check("above 1.15" in words, "the threshold is not said")


def check_harmless(text):
    for steering in (ESCAPE, b"\x07", "\u202e".encode()):
        check(steering not in text, "%r reaches the terminal" % steering)


@case("table: hostile names neither steer the terminal nor break lines")
def _():
    text = table_of(hostile_document(), "hostile-table")
    check_harmless(text)
    check(b"two\\nlines" in text and b"\\x1b[31mred\\x07" in text, "they are not shown escaped")


@case("table: a metric's unit does not steer the terminal either")
def _():
    document = json.loads(json.dumps(DOCUMENT))
    for metric in document["experiments"][0]["metrics"]:
        metric.update(unit=HOSTILE[7], better=HOSTILE[8])
    text = table_of(document, "hostile-units")
    check_harmless(text)
    check(b"\\x1b[31mred\\x07" in text, "they are not shown escaped")


# ---- the table of bench compare --------------------------------------------------------------


def compared(before, now, name, code=0):
    """Its output for two documents, as lines."""
    got, out, err = run(BENCH, "compare", save(before, name + "-old.json"),
                        save(now, name + "-new.json"))
    equal((got, err), (code, b""), "exit code and stderr")
    return out.decode().split("\n")


def altered(document, factor, point="tcp-10"):
    """The same run with rounds of poll at one point that took `factor` times as long."""
    changed = json.loads(json.dumps(document))
    for figure in changed["experiments"][0]["figures"]:
        if (figure["contestant"], figure["point"], figure["metric"]) == ("poll", point, "p50"):
            figure["values"] = [value * factor for value in figure["values"]]
    return changed


@case("compare: figures with a unit and digits that show the difference, and the verdict")
def _():
    lines = compared(DOCUMENT, altered(DOCUMENT, 1.5), "slower", code=1)
    row = next(line for line in lines if re.match(r"tcp-10 +poll +p50, ", line))
    found = re.fullmatch(r"tcp-10 +poll +p50, µs +([\d.]+) +([\d.]+)  "
                         r"([\d.]+) \[([\d.]+), ([\d.]+)\] +regression", row)
    check(found, "%r" % row)
    before, now, ratio, low, high = map(float, found.groups())
    check(math.isclose(now / before, 1.5, rel_tol=1e-3) and low <= ratio <= high, "%r" % row)
    equal(ratio, 1.5, "the ratio")
    check("1 regression, " in "\n".join(lines), "the sum")
    for line in lines:
        equal(line, line.rstrip(), "a line")


@case("compare: what changed by less than three digits show is shown")
def _():
    now = json.loads(json.dumps(DOCUMENT))
    for figure in now["experiments"][3]["figures"]:
        if (figure["contestant"], figure["metric"]) == ("epoll", "instructions"):
            figure["values"] = [value + 1 for value in figure["values"]]
    lines = compared(DOCUMENT, now, "one-more", code=1)
    row = next(line for line in lines if re.match(r"ring-100 +epoll +instructions", line))
    check(re.search(r" 331\.0 +332\.0 +1\.003 \[1\.003, 1\.003\] +regression$", row), "%r" % row)


@case("compare: neither names nor reasons nor machines in a document steer the terminal")
def _():
    now = hostile_document()
    now["environment"]["kernel"] = HOSTILE[7]
    now["environment"][HOSTILE[7]] = HOSTILE[6]
    now["experiments"][0]["parameters"][HOSTILE[7]] = HOSTILE[8]
    now["experiments"][1]["name"] = HOSTILE[7]
    now["experiments"][2]["metrics"][0]["unit"] = HOSTILE[7]
    steering = now["experiments"][3]
    steering["title"] = HOSTILE[7]
    before = json.loads(json.dumps(now))
    before["environment"]["kernel"] = "other"
    for figure in steering["figures"]:
        figure["values"] = [None] * len(figure["values"])
    steering["failures"] = [{"contestant": figure["contestant"], "point": figure["point"],
                             "round": 0, "reason": HOSTILE[7] + HOSTILE[6], "said": "",
                             "invalid": False} for figure in steering["figures"]]
    lines = compared(before, now, "hostile", code=1)
    text = "\n".join(lines)
    check_harmless(text.encode())
    check("fails in NEW: \\x1b[31mred\\x07two\\nlines" in text, "they are not shown escaped")
    check("kernel: other, now \\x1b[31mred\\x07" in text, "nor in the environment")
    check("only in" not in text, "they are not found again")


main()
