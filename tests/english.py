#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Finds words in the prose of the repository that a reader from the field would not write.

    english.py [--exceptions=FILE] PATH...

A PATH is a file or a folder. Prose is the text of Markdown and man pages outside code, comments and
string literals of C, comments and docstrings of Python, comments of meson.build and shell scripts.
RULES lists each word or phrase and its replacement. tests/english-exceptions.txt lists the places that
may keep one, each with a reason. An exception that matches nothing is an error as well, so that the
list stays correct.
"""
import argparse
import io
import os
import re
import sys
import tokenize

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

# (what is found, what to write instead, a sentence in which it is found)
RULES = [
    (r"who|whom|whoever|whomever", "it, which, a program that", "the thread who waits"),
    (r"nobody|somebody|everybody|anybody|everyone|someone", "none, each, another process",
     "nobody reads it"),
    (r"he|him|his|himself", "it, its", "his descriptor"),
    (r"anew", "again", "built anew"),
    (r"in vain", "without result", "asked in vain"),
    (r"(?:be|is|are|was|were) had", "is (un)available", "a model that cannot be had"),
    (r"shall", "must, should", "it shall wait"),
    (r"beside", "besides, next to, alongside", "the one beside it"),
    (r"dear|dearer|dearest|dearly", "expensive", "a call that is dear"),
    (r"for nothing", "needlessly, free", "called for nothing"),
    (r"but for", "except for", "all but for the last"),
    (r"any more(?=\s*[.,;:)])", "any longer, no longer", "it is not read any more."),
    (r"the other way (?:a)?round", "vice versa, conversely", "or the other way round"),
    (r"so (?:long|many|often|much|few|little)(?!\s+the\b)(?!(?:\s+[\w'-]+){0,8}\s+(?:as|that)\b)",
     "as long, that many, N times", "wait so long"),
    (r"tells|told|hears|heard|speaks|spoke|spoken", "reports, prints, reads", "the kernel tells it"),
    (r"(?:a|an|one|two)\s+(?:\w+\s+)?(?:line|read|call|thread|loop|file|round|process)s?\s+an?\s+"
     r"(?:record|experiment|backend|thread|file|round|turn|connection|worker|handler|model|call|"
     r"process|test|line|descriptor|loop|event|message|request|datagram|pause|core|processor)",
     "one ... per ...", "a line an experiment"),
    (r"(?:has|have|had) (?:it|them|all|the \w+|its \w+) (?:do|done|try|read|escape|write|send|wait|run)",
     "makes X do, asks X to", "has the handlers try all"),
    (r"without further ado", "automatically", "runs without further ado"),
    (r"goodbye|hunch|bury|buries|buried|dying", "the field's term", "close() needs no goodbye"),
    (r"for want of", "for lack of", "fails for want of memory"),
    (r"for ever", "forever", "waits for ever"),
    (r"(?:becomes?|became) of", "happens to", "what became of it"),
    (r"meanwhile", "in the meantime, or nothing", "meanwhile it reads"),
    (r"as good as", "almost", "it is as good as sent"),
]
COMPILED = [(re.compile(r"(?<![\w-])(?:%s)(?![\w-])" % pattern.replace(" ", r"\s+"), re.I), better)
            for pattern, better, _ in RULES]
for (found, _), (_, _, example) in zip(COMPILED, RULES):
    assert found.search(example), example

OTHER = "\0"  # stands for each character that is not prose, so that no phrase runs across it


def blank(text, fill=OTHER):
    return re.sub(r"[^\n]", fill, text)


def prose_of_markdown(text):
    text = re.sub(r"(?ms)^ *(`{3,}).*?^ *\1 *$", lambda m: blank(m.group()), text)
    text = re.sub(r"(?s)<!--.*?-->", lambda m: blank(m.group()), text)
    text = re.sub(r"\]\([^)]*\)|^\[[^]]*\]: .*", lambda m: blank(m.group()), text)
    text = re.sub(r"(?m)^ *> ?", lambda m: blank(m.group(), " "), text)
    text = re.sub(r"\|", OTHER, text)
    return re.sub(r"[*_]", " ", text)


def prose_of_man(text):
    text = re.sub(r"(?ms)^\.Bd -literal.*?^\.Ed$", lambda m: blank(m.group()), text)
    # Names, numbers and commands; and a macro in front of what is text.
    text = re.sub(r'(?m)^\.(?:\\"|Xr|Dl|Fn|Fa|Fo|Ft|In|Nm|Nd?|Dd|Dt|Os)\b.*|^\.\\".*',
                  lambda m: blank(m.group()) if not m.group().startswith(".Nd") else m.group(), text)
    return re.sub(r"(?m)^\.[A-Z]\w(?: (?:Sy|Em|No|Ns|Pq|Dq))*|\\[&-]",
                  lambda m: blank(m.group(), " "), text)


C_PARTS = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.S)


def prose_of_c(text):
    out, end = [], 0
    previous_string = False
    for part in C_PARTS.finditer(text):
        between, word = text[end:part.start()], part.group()
        is_string = word.startswith('"') and " " in word
        # Literals that stand together are one.
        out.append(blank(between, " " if previous_string and is_string and not between.strip() else OTHER))
        if is_string:
            out.append(" " + re.sub(r"\\.", "  ", word[1:-1]) + " ")
        elif word.startswith("/"):
            word = re.sub(r"(?m)^\s*\*(?!/)", lambda m: blank(m.group(), " "), word)
            out.append(re.sub(r"/\*|\*/|//", "  ", word))
        else:
            out.append(blank(word))
        previous_string, end = is_string, part.end()
    return "".join(out) + blank(text[end:])


def prose_of_python(text):
    lines = text.split("\n")
    kept = [OTHER * len(line) for line in lines]

    def keep(token):
        (first, left), (last, right) = token.start, token.end
        for number in range(first - 1, last):
            line = lines[number]
            a, b = left if number == first - 1 else 0, right if number == last - 1 else len(line)
            kept[number] = kept[number][:a] + line[a:b].replace("#", " ") + kept[number][b:]
            if token.type == tokenize.COMMENT:
                kept[number] = kept[number].replace(OTHER, " ")

    begins = True  # a statement: a string there is a docstring
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and begins):
            keep(token)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return "\n".join(kept)


def prose_of_comments(text):
    def line(found):
        words = found.group()
        comment = re.search(r"(?:^|\s)#(?!!)", words)
        if not comment:
            return blank(words)
        return blank(words[:comment.start()], " ") + words[comment.start():].replace("#", " ")
    return re.sub(r"(?m)^.*$", line, text)


def prose(path, text):
    """The text with OTHER for all that is not prose. Code between backquotes is not."""
    return re.sub(r"`[^`\n]*(?:\n[^`\n]+)?`", lambda m: blank(m.group()), prose_of_kind(path, text))


def prose_of_kind(path, text):
    name = os.path.basename(path)
    if name.endswith(".md"):
        return prose_of_markdown(text)
    if re.search(r"\.[137]$", name):
        return prose_of_man(text)
    if re.search(r"\.(?:c|h|cc)$", name):
        return prose_of_c(text)
    if name.endswith(".py"):
        return prose_of_python(text)
    if name in ("meson.build", "meson_options.txt") or name.endswith(".sh") or text.startswith("#!"):
        return prose_of_comments(text)
    return ""


# What is prose in each kind of file, and what is not: `who` is found, `he` is not.
for name, sample in (
        ("a.md", "who `he`\n```\nhe\n```\n<!-- he --> [a](he)"),
        ("a.7", ".Pp\nwho\n.Fn he\n.Bd -literal\nhe\n.Ed"),
        ("a.c", "int he; /* a\n * who */ f('he');"),
        ("a.h", 'f(he, "a file "\n  "who reads");'),
        ("a.py", 'def he():\n    """a\n    who"""\n    return ("b",\n            "he")'),
        ("meson.build", "he = 1 # who")):
    found = prose(name, sample)
    assert re.search(r"\bwho\b", found) and not re.search(r"\bhe\b", found), (name, found)


class Exceptions:
    """Lines of `path | phrase | reason`; what is found within the phrase, in that file, may stay."""

    def __init__(self, path):
        self.entries, self.used, self.wrong = [], set(), []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip() and not line.startswith("#"):
                    parts = [part.strip() for part in line.split("|")]
                    if len(parts) != 3 or not all(parts):
                        self.wrong.append("%s:%d: not `path | phrase | reason`" % (path, number))
                        continue
                    spaced = r"\s+".join(re.escape(word) for word in parts[1].split())
                    self.entries.append((parts[0], re.compile(spaced), number))
        self.path = path

    def allow(self, path, text, found):
        allowed = False
        for file, phrase, number in self.entries:
            if file == path:
                for place in phrase.finditer(text):
                    if place.start() <= found.start() and found.end() <= place.end():
                        self.used.add(number)
                        allowed = True
        return allowed

    def unused(self, paths):
        return ["%s:%d: this exception matches nothing in %s" % (self.path, number, file)
                for file, _, number in self.entries if file in paths and number not in self.used]


def files_of(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                yield os.path.join(folder, name)


def findings(path, name, exceptions):
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    words = prose(path, text)
    for pattern, better in COMPILED:
        for found in pattern.finditer(words):
            if not exceptions.allow(name, words, found):
                line = text.count("\n", 0, found.start())
                yield line + 1, " ".join(found.group().split()), better, text.split("\n")[line].strip()


def main():
    parser = argparse.ArgumentParser(description="Finds words that plain English does not use this way.")
    parser.add_argument("--exceptions", default=os.path.join(HERE, "english-exceptions.txt"))
    parser.add_argument("paths", nargs="+", metavar="PATH")
    options = parser.parse_args()
    exceptions = Exceptions(options.exceptions)
    looked_at, count = set(), 0
    for path in files_of(options.paths):
        name = os.path.relpath(os.path.abspath(path), ROOT)
        looked_at.add(name)
        for line, words, better, context in sorted(findings(path, name, exceptions)):
            print("%s:%d: \"%s\": write %s\n    %s" % (name, line, words, better, context))
            count += 1
    if not looked_at:
        sys.exit("english.py: there is no file in %s" % " ".join(options.paths))
    problems = exceptions.wrong + exceptions.unused(looked_at)
    for problem in problems:
        print(problem)
    if count or problems:
        sys.exit("%d phrases to rewrite, %d problems with exceptions" % (count, len(problems)))


main()
