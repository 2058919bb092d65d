# SPDX-License-Identifier: MIT
"""Pages of `bench report --html`, parsed, for their tests."""
import html.parser
import json

from harness import equal
from process import run
from reports import BENCH, DOCUMENT, path_of, save

pages = {}


def page_of(document=None, name="imagined", env=None):
    """The page of a document: its text, and parsed. Made once for each name."""
    if name not in pages:
        source = save(document or DOCUMENT, name + ".json")
        code, _, err = run(BENCH, "report", source, "--html=" + path_of(name + ".html"), env=env)
        equal((code, err), (0, b""), "exit code and stderr")
        with open(path_of(name + ".html"), encoding="utf-8") as file:
            text = file.read()
        pages[name] = (text, Page(text))
    return pages[name]


class Page(html.parser.HTMLParser):
    """Elements with their attributes and text, and which of them are left open."""
    VOID = {"meta", "link", "br", "hr", "img", "input", "col"}

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.disorder = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append({"tag": tag, "attrs": dict(attrs), "text": "", "inside": list(self.open),
                              "all": attrs})
        if tag not in self.VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1]["tag"] != tag:
            self.disorder.append("</%s>, line %d" % (tag, self.getpos()[0]))
        else:
            self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def find(self, tag, *attributes):
        return [e for e in self.elements if e["tag"] == tag and all(a in e["attrs"] for a in attributes)]


def attribute(element, name):
    return json.loads(element["attrs"][name])
