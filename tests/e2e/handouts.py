# SPDX-License-Identifier: MIT
"""The hand-outs that docs/handouts.py makes: of imagined lectures, which have all that lectures may
have, and of the real ones. Every link leads somewhere, and a browser has nothing to complain of."""
import atexit
import html
import html.parser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

from harness import case, check, equal, main, need_program, skip
from process import run

SOURCE = os.path.abspath(os.environ.get("IOLOOP_SOURCE", "."))
MAKE = os.path.join(SOURCE, "docs", "handouts.py")
STYLE = os.path.join(SOURCE, "docs", "handouts.css")
SCRATCH = tempfile.mkdtemp(prefix="ioloop-handouts-")
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

IMAGINED = {
    "docs/lectures/README.md": "# The course\n\nBegin with [the first](01-one.md).\n\n## Following along\n\nText.\n",
    "docs/lectures/01-one.md": (
        "# 1. One & only\n\nSee [two](02-two.md#the-end), [here](#a-part-with-code), [how](README.md#following-along),\n"
        "[the program](labs/kit.c), [the folder](labs), [the source](../../src/loop.c) and\n"
        "[a page](https://example.org/).\n\n"
        "## A part with `code`\n\n```console\n$ echo \"<b>\" \\\n> '$ x'\n<b> $ x\n> y\n```\n\n"
        "![A ladder](figures/ladder.svg)\n\n![Another ladder](figures/other.svg)\n\n"
        "![A third one](figures/nowhere.svg)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
    "docs/lectures/02-two.md": "# 2. Two\n\n## The end\n\n[Back](01-one.md)\n",
    "docs/lectures/labs/kit.c": "int main(void) { return 0; }\n",
    "docs/lectures/figures/ladder.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>\n',
    "src/loop.c": "/* a loop */\n",
    "figures/other.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>\n',
}


def write(folder, files):
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def make(lectures, folder, *figures):
    return run(sys.executable, MAKE, lectures, folder, *figures, seconds=120)


made = {}


def imagined():
    """Their hand-outs, made once."""
    need_program("pandoc")
    if "imagined" not in made:
        source, folder = os.path.join(SCRATCH, "imagined"), os.path.join(SCRATCH, "pages")
        write(source, IMAGINED)
        code, out, err = make(os.path.join(source, "docs/lectures"), folder, os.path.join(source, "figures"))
        equal((code, err), (0, b""), "exit code and stderr")
        check(out.startswith(b"2 lectures: "), "it says %r" % out)
        made["imagined"] = folder
    return made["imagined"]


def real():
    need_program("pandoc")
    lectures = os.path.join(SOURCE, "docs", "lectures")
    if not os.path.isdir(lectures) or not any(re.match(r"\d\d-.*\.md$", n) for n in os.listdir(lectures)):
        skip("there are no lectures here")
    if "real" not in made:
        folder = os.path.join(SCRATCH, "real")
        code, _, err = make(lectures, folder)
        equal((code, err), (0, b""), "exit code and stderr")
        made["real"] = folder
    return made["real"]


def pages_of(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(".html"))


# ---- links ---------------------------------------------------------------------------------


class Links(html.parser.HTMLParser):
    """The links of a page, the files that it loads, and its link targets."""

    def __init__(self, text):
        super().__init__()
        self.links, self.fetched, self.anchors = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if attributes.get("id"):
            self.anchors.append(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif "src" in attributes:
            self.fetched.append(attributes["src"])
        elif "href" in attributes:
            self.fetched.append(attributes["href"])


def broken(folder):
    """The broken links, and the files that would be loaded from elsewhere."""
    pages = {name: Links(read(os.path.join(folder, name))) for name in pages_of(folder)}
    wrong = []
    for name, page in pages.items():
        wrong += ["%s: #%s is there twice" % (name, a) for a in set(page.anchors) if page.anchors.count(a) > 1]
        for link in page.links + page.fetched:
            url = urllib.parse.urlsplit(link)
            path = urllib.parse.unquote(url.path) or name
            if url.scheme or url.netloc:
                if link in page.fetched and url.scheme != "data":
                    wrong.append("%s: fetches %s" % (name, link))
            elif not os.path.isfile(os.path.join(folder, path)):
                wrong.append("%s: %s is not there" % (name, link))
            elif url.fragment and urllib.parse.unquote(url.fragment) not in pages[path].anchors:
                wrong.append("%s: %s has no such anchor" % (name, link))
    return wrong


@case("imagined: every link and anchor leads somewhere, nothing is fetched from elsewhere")
def _():
    folder = imagined()
    equal(pages_of(folder), ["01-one.html", "02-two.html", "index.html"], "pages")
    equal(broken(folder), [], "broken links")
    links = Links(read(os.path.join(folder, "01-one.html"))).links
    for expected in ("02-two.html#the-end", "#a-part-with-code", "index.html#following-along",
                     "source/docs/lectures/labs/kit.c.txt", "source/docs/lectures/labs.txt",
                     "source/src/loop.c.txt", "https://example.org/"):
        check(expected in links, "no link to %s among %s" % (expected, links))


@case("imagined: the checker sees a link, an anchor and a picture that are not there")
def _():
    folder = os.path.join(SCRATCH, "broken")
    shutil.copytree(imagined(), folder)
    page = os.path.join(folder, "02-two.html")
    write(folder, {"02-two.html": read(page) + '<a href="no.html">a</a><a href="index.html#no">b</a>'
                                               '<img src="no.svg"><img src="https://example.org/a.png">'})
    equal(len(broken(folder)), 4, "broken links")


@case("imagined: the contents page has every lecture, by its title, above the rest of the README")
def _():
    text = read(os.path.join(imagined(), "index.html"))
    check("<title>The course</title>" in text and "Following along" in text, "the README is not there")
    check(text.index("01-one.html\">1. One") < text.index("Following along"), "the lectures come late")
    equal(re.findall(r'<li><a href="([^"]*)">([^<]*)</a></li>', text),
          [("01-one.html", "1. One &amp; only"), ("02-two.html", "2. Two")], "lectures")


@case("imagined: pictures are in place, from both folders; for one that is missing its description")
def _():
    folder = imagined()
    text = read(os.path.join(folder, "01-one.html"))
    equal(re.findall(r'<img src="([^"]*)" alt="([^"]*)">', text),
          [("figures/ladder.svg", "A ladder"), ("figures/other.svg", "Another ladder")], "pictures")
    check('<span class="absent">[A third one: not drawn here]</span>' in text, "no description")


@case("pictures are drawn before the lectures are read, where a command is given that does it")
def _():
    need_program("pandoc")
    source, folder = os.path.join(SCRATCH, "drawn"), os.path.join(SCRATCH, "drawn-pages")
    lectures, figures = os.path.join(source, "docs/lectures"), os.path.join(source, "figures")
    write(source, {"docs/lectures/01-one.md": "# 1. One\n\n![A ladder](figures/ladder.svg)\n",
                   "picture.svg": IMAGINED["figures/other.svg"]})
    os.mkdir(figures)
    draw = ["cp", os.path.join(source, "picture.svg"), os.path.join(figures, "ladder.svg")]
    code, _, err = make(lectures, folder, figures, *draw)
    equal((code, err), (0, b""), "exit code and stderr")
    check('<img src="figures/ladder.svg" alt="A ladder">' in read(os.path.join(folder, "01-one.html")), "the picture")
    for command, why in ((["false"], rb"exit status 1 of: false"), (["/no/such/program"], rb"cannot run")):
        code, _, err = make(lectures, folder, figures, *command)
        check(code == 1 and re.fullmatch(rb"handouts\.py: the pictures: .*%s.*\n" % why, err), "it says %r" % err)


def ladders():
    """docs/ladders.py, which has the list of pictures."""
    spec = importlib.util.spec_from_file_location("ladders", os.path.join(SOURCE, "docs", "ladders.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@case("the lectures: each that teaches a model shows its ladder, and all they show is drawn, and described")
def _():
    drawer = ladders()
    drawn = set(drawer.MODELS + drawer.MORE + [model + "-udp" for model in drawer.UDP] +
                ["-".join(pair) for pair in drawer.PAIRS] + ["models"])
    shown, folder = {}, os.path.join(SOURCE, "docs", "lectures")
    for name in sorted(n for n in os.listdir(folder) if re.match(r"\d\d-.*\.md$", n)):
        for description, link in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", read(os.path.join(folder, name))):
            check(len(description.split()) > 3, "%s: %s is not described" % (name, link))
            found = re.fullmatch(r"figures/([\w-]+)\.svg", link)
            check(found and found.group(1) in drawn, "%s: nothing draws %s" % (name, link))
            shown.setdefault(found.group(1), set()).add(name[:2])
    equal(sorted(set.union(*shown.values())), ["%02d" % n for n in range(1, 11)], "lectures with a picture")
    equal(drawn - set(shown), {"epoll", "rtsig", "epoll-et", "libevent"}, "pictures that no lecture shows but in a pair")


@case("imagined: sessions: input is emphasised, output is as it was")
def _():
    text = read(os.path.join(imagined(), "01-one.html"))
    found = re.search(r'(?s)<pre class="console"><code>(.*?)</code></pre>', text)
    check(found, "the session is not there")
    equal(html.unescape(found.group(1)),
          "<b>$ echo \"<b>\" \\</b>\n<b>> '$ x'</b>\n<b> $ x\n> y", "the session")


@case("a link to a missing file: exit 1, and a line with its place")
def _():
    need_program("pandoc")
    source = os.path.join(SCRATCH, "wrong")
    for link in ("03-three.md", "labs/no.c", "../../../outside.c"):
        write(SCRATCH, {"outside.c": "not of the repository\n"})
        write(source, {"docs/lectures/01-one.md": "# 1. One\n\n[this](%s)\n" % link})
        code, out, err = make(os.path.join(source, "docs/lectures"), os.path.join(SCRATCH, "nothing"))
        equal((code, out), (1, b""), "exit code and stdout for %s" % link)
        check(re.fullmatch(rb"handouts\.py: .*01-one\.md: links to .*\n", err), "it says %r" % err)


@case("the lectures: every link and anchor leads somewhere, nothing is fetched from elsewhere")
def _():
    equal(broken(real()), [], "broken links")


# ---- how they look -------------------------------------------------------------------------


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear))


@case("text can be read by day and by night: contrast of 4.5 at least (WCAG 2.1, AA)")
def _():
    style = read(STYLE)
    themes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", part))
              for part in re.findall(r":root \{(.*?)\}", style, re.S)]
    equal(len(themes), 2, "themes")
    equal(set(themes[0]), set(themes[1]), "colours by night")
    check("url(" not in style and "@import" not in style, "the style sheet fetches something")
    for theme in themes:
        for ink in ("text", "quiet", "link"):
            for paper in ("page", "code"):
                light, dark = sorted((luminance(theme[ink]), luminance(theme[paper])), reverse=True)
                ratio = (light + 0.05) / (dark + 0.05)
                check(ratio >= 4.5, "%s on %s: %.1f" % (theme[ink], theme[paper], ratio))


def browse(folder, name):
    """Open a page: (the console's messages, whether a picture of it was made)."""
    shot = os.path.join(SCRATCH, "shot.png")
    if os.path.exists(shot):
        os.remove(shot)
    with tempfile.TemporaryDirectory(prefix="ioloop-chromium-") as profile:
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + profile,
             "--screenshot=" + shot, "file://" + os.path.join(folder, name)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150,
            check=False)
    said = done.stdout.decode("utf-8", "replace")
    return [line for line in said.splitlines() if "CONSOLE" in line], os.path.exists(shot)


def open_all(folder):
    need_program("chromium")
    for name in pages_of(folder):
        said, shown = browse(folder, name)
        equal(said, [], "what the console says of %s" % name)
        check(shown, "Chromium shows nothing of %s" % name)


@case("imagined: Chromium opens each page without a complaint")
def _():
    open_all(imagined())


@case("imagined: Chromium's complaints are seen")
def _():
    need_program("chromium")
    folder = os.path.join(SCRATCH, "complaint")
    shutil.copytree(imagined(), folder)
    write(folder, {"index.html": read(os.path.join(folder, "index.html")) + "<script>nothing()</script>"})
    said, _ = browse(folder, "index.html")
    equal(len(said), 1, "complaints")


@case("the lectures: Chromium opens each page without a complaint")
def _():
    open_all(real())


main()
