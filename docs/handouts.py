#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lectures as hand-outs: HTML pages that need nothing but a browser.

    handouts.py LECTURES FOLDER [FIGURES [COMMAND...]]

Renders LECTURES/NN-name.md with pandoc to FOLDER/NN-name.html, and writes a contents page,
FOLDER/index.html, which opens with LECTURES/README.md where there is one. `meson compile lectures`
does this in the build folder.

Pictures are taken from the path in the lecture, or else by their name from FIGURES, into which COMMAND
draws them first; a missing picture is replaced by its description. Files of the repository that a
lecture links to, for example its programs, are copied as text, so that the folder is complete. A link
to something that does not exist is an error: exit status 1, and a line that names it.
"""
import html
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STYLE = "handouts.css"
PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".gif")

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>%(title)s</title>
<link rel="stylesheet" href="%(style)s">
<body>
%(top)s
<main>
%(body)s
</main>
%(bottom)s
</body>
</html>
"""


def fail(text):
    print("handouts.py: " + text, file=sys.stderr)
    sys.exit(1)


def is_inside(path, folder):
    return os.path.commonpath([path, folder]) == folder


class Handouts:
    def __init__(self, lectures, folder, figures):
        self.lectures = os.path.realpath(lectures)
        self.folder = os.path.realpath(folder)
        self.figures = figures
        names = sorted(os.listdir(self.lectures)) if os.path.isdir(self.lectures) else []
        self.names = [n for n in names if re.fullmatch(r"\d\d-[\w-]+\.md", n)]
        self.pages = {name: name[:-3] + ".html" for name in self.names}
        self.pages["README.md"] = "index.html"

    # -- what a lecture links to -----------------------------------------------------------

    def bring(self, path, target):
        """Copy a file of the repository to its place among the pages."""
        target = os.path.join(self.folder, target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(path):
            with open(target, "w", encoding="utf-8") as listing:
                listing.write("".join(name + "\n" for name in sorted(os.listdir(path))))
        else:
            shutil.copyfile(path, target)

    def picture(self, link):
        """Where the page finds it, or None."""
        for path in (os.path.join(self.lectures, link),
                     os.path.join(self.figures or "", os.path.basename(link))):
            if os.path.isfile(path):
                target = "figures/" + os.path.basename(link)
                self.bring(path, target)
                return target
        return None

    def address(self, name, link):
        """What a link in a lecture becomes in its page."""
        link = html.unescape(link)
        if re.match(r"[a-z]+:|#", link):
            return link
        path, _, anchor = link.partition("#")
        anchor = "#" + anchor if anchor else ""
        if path in self.pages:
            return self.pages[path] + anchor
        there = os.path.realpath(os.path.join(self.lectures, path))
        root = os.path.dirname(os.path.dirname(self.lectures))
        if not os.path.exists(there) or not is_inside(there, root):
            fail("%s: links to %s, which is not there" % (os.path.join(self.lectures, name), link))
        if path.endswith(PICTURES):
            return self.picture(path)
        # As text, whatever it is: a browser would want to save most of them.
        target = "source/%s.txt" % os.path.relpath(there, root)
        self.bring(there, target)
        return target

    # -- pages -----------------------------------------------------------------------------

    def rendered(self, name):
        done = subprocess.run(["pandoc", "--from=gfm", "--to=html5", "--no-highlight", "--wrap=preserve",
                               os.path.join(self.lectures, name)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            fail("%s: pandoc cannot read it" % name)
        text = done.stdout.decode("utf-8")
        text = re.sub(r"<img [^>]*>", lambda found: self.image(found.group(0)), text)
        text = re.sub(r'(<a [^>]*?href=")([^"]*)"', lambda found: '%s%s"' % (
            found.group(1), html.escape(self.address(name, found.group(2)))), text)
        return re.sub(r'(?s)(<pre class="console"><code>)(.*?)(</code>)', prompts, text)

    def image(self, tag):
        link = html.unescape(re.search(r'src="([^"]*)"', tag).group(1))
        description = re.search(r'alt="([^"]*)"', tag)
        description = description.group(1) if description else html.escape(link)
        target = self.picture(link)
        if not target:
            return '<span class="absent">[%s: not drawn here]</span>' % description
        return '<img src="%s" alt="%s">' % (html.escape(target), description)

    def write(self, target, title, top, body, bottom):
        with open(os.path.join(self.folder, target), "w", encoding="utf-8") as page:
            page.write(PAGE % {"title": title, "style": STYLE, "top": top, "body": body,
                               "bottom": bottom})

    def neighbours(self, titles, i):
        def to(at, before, after):
            if not 0 <= at < len(self.names):
                return "<span></span>"
            name = self.names[at]
            return '<a href="%s">%s%s%s</a>' % (self.pages[name], before, titles[name], after)
        return "<nav>%s<a href=\"index.html\">Contents</a>%s</nav>" % (
            to(i - 1, "← ", ""), to(i + 1, "", " →"))

    def make(self):
        if not self.names:
            fail("%s: no lectures, NN-name.md, are there" % self.lectures)
        os.makedirs(self.folder, exist_ok=True)
        shutil.copyfile(os.path.join(HERE, STYLE), os.path.join(self.folder, STYLE))
        bodies = {name: self.rendered(name) for name in self.names}
        titles = {name: title_of(body, name) for name, body in bodies.items()}
        for i, name in enumerate(self.names):
            nav = self.neighbours(titles, i)
            self.write(self.pages[name], titles[name], nav, bodies[name], "<footer>%s</footer>" % nav)
        self.contents(titles)

    def contents(self, titles):
        if os.path.exists(os.path.join(self.lectures, "README.md")):
            opening = self.rendered("README.md")
        else:
            opening = "<h1>Lectures on I/O models</h1>\n"
        items = "".join('<li><a href="%s">%s</a></li>\n' % (self.pages[name], titles[name])
                        for name in self.names)
        # Above what else the README explains.
        head, heading, rest = opening.partition("<h2")
        body = '%s<ul class="contents">\n%s</ul>\n%s' % (head, items, heading + rest)
        self.write("index.html", title_of(opening, "README.md"), "", body, "")


def prompts(found):
    """Mark the typed lines of a session, so that they stand out from the output."""
    lines, goes_on = [], False
    for line in found.group(2).split("\n"):
        typed = line.startswith("$ ") or (goes_on and line.startswith("&gt; "))
        goes_on = typed and line.endswith("\\")
        lines.append("<b>%s</b>" % line if typed else line)
    return found.group(1) + "\n".join(lines) + found.group(3)


def title_of(body, name):
    found = re.search(r"(?s)<h1[^>]*>(.*?)</h1>", body)
    if not found:
        fail("%s: has no title, # ..." % name)
    return " ".join(re.sub(r"<[^>]*>", "", found.group(1)).split())


def draw(command):
    try:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        fail("the pictures: cannot run %s: %s" % (command[0], error.strerror))
    if status:
        fail("the pictures: exit status %d of: %s" % (status, " ".join(command)))


def main(arguments):
    if len(arguments) < 2:
        print("usage: handouts.py LECTURES FOLDER [FIGURES [COMMAND...]]", file=sys.stderr)
        sys.exit(2)
    if not shutil.which("pandoc"):
        fail("pandoc is not installed (Debian: apt-get install pandoc)")
    if len(arguments) > 3:
        draw(arguments[3:])
    handouts = Handouts(arguments[0], arguments[1], arguments[2] if len(arguments) > 2 else None)
    handouts.make()
    print("%d lectures: %s" % (len(handouts.names), os.path.join(arguments[1], "index.html")))


main(sys.argv[1:])
