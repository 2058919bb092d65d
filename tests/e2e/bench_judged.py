# SPDX-License-Identifier: MIT
"""What the lab says before a run and concludes after it, on real runs: how long it takes, whether the
machine was quiet enough, and programs under other names."""
import os
import re
import subprocess
import sys

from harness import case, check, equal, main
from lab import BENCH, TINY, check_experiment, file, measured
from process import run
from sockets import need_descriptors


@case("an alias is the same program under another name, in every experiment, and can be the baseline")
def _():
    document, _, _ = measured("latency", "--contestants=poll,alias:again=poll", "--baseline=again", *TINY)
    experiment, = document["experiments"]
    check_experiment(experiment)
    equal((experiment["contestants"], experiment["baseline"]), (["poll", "again"], "again"), "contestants")
    equal(document["aliases"], {"again": "poll"}, "what the document says about it")
    document, out, _ = measured("wake", "--contestants=alias:again=poll", "--rounds=1")
    check("again" in document["experiments"][0]["contestants"], "a loop without a server")
    check("again is poll" in out, "the table says what it is: %r" % out[-300:])


@case("a run says beforehand how long it takes, one line for each experiment, also in a log")
def _():
    _, _, err = measured("latency", "wake", "--contestants=poll", "--rounds=1")
    for name in ("latency", "wake"):
        check(re.search(r"(?m)^(bench: )?%s: \d+ measurements, about \d+ (s|min)$" % name, err), "%s: %r" % (name, err))


BUSY = """import os, sys
while os.getppid() == int(sys.argv[1]):
    pass
"""


@case("beside busy loops: a banner, no colour, no claim, and exit status 3 with --require-quiet")
def _():
    need_descriptors(400)
    loops = [subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())])
             for _ in range(3 + (os.cpu_count() or 1))]
    try:
        options = ["idle", "--contestants=poll,select", "--idle=0,200", "--rounds=1", "--duration=0.2"]
        document, out, err = measured(*options, "--require-quiet", code=3)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    judgement = document["judgement"]
    check(judgement["busy"] and judgement["reasons"], "the judgement: %r" % judgement)
    check(out.startswith("This machine was too busy: "), "the banner: %r" % out[:200])
    check("--require-quiet: the machine was too busy: " in err, "a line says why: %r" % err)
    experiment, = document["experiments"]
    equal([f for f in experiment["figures"] if f["ratio"] and f["ratio"]["resolved"]], [], "resolved differences")
    equal({claim["verdict"] for claim in experiment["claims"]["list"]}, {"not resolved"}, "verdicts")
    equal(run(BENCH, "report", file("result.json"), "--require-quiet")[0], 3, "exit code of report")
    equal(run(BENCH, "report", file("result.json"))[0], 0, "exit code of report without --require-quiet")


@case("findings about idle connections are judged, and not without a point at 0")
def _():
    need_descriptors(400)
    for numbers, judged in (("0,200", True), ("200", False), ("0", False)):
        document, _, _ = measured("idle", "--contestants=poll", "--idle=" + numbers, "--rounds=1",
                                  "--duration=0.5")
        claims = document["experiments"][0]["claims"]
        equal("unjudged" not in claims, judged, "judged with %s" % numbers)
        check(len(claims["list"]) > 5, "claims")
        equal({claim.get("verdict") for claim in claims["list"]},
              {"not resolved"} if judged else {None}, "verdicts of one round")
        equal({one["contestant"] for claim in claims["list"] for one in claim.get("judged", [])},
              {"poll"} if judged else set(), "who is judged")


main()
