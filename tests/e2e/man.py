# SPDX-License-Identifier: MIT
"""The man pages agree with the programs and the headers: no more, no less, and nothing else.

The pages are written by hand, in mdoc(7), and read here as text: of its macros only those are known
that the compared parts of the pages use.
"""
import os
import re
import shlex
import shutil
import subprocess

from harness import BUILD, CLIENT, SERVER, case, check, equal, main, missing, need_program, skip
from process import run
from server import Server

SOURCE = os.environ.get("IOLOOP_SOURCE", ".")
PAGES = os.path.join(SOURCE, "docs", "man")
BENCH = os.environ.get("IOLOOP_BENCH", os.path.join(BUILD, "bench"))
LADDER = os.environ.get("IOLOOP_LADDER", os.path.join(BUILD, "ioladder"))
EXAMPLE = os.environ.get("IOLOOP_MAN_EXAMPLE", os.path.join(BUILD, "tests", "e2e", "ioloop-example"))

# The place of a program's options: its page, the section or subsection, and the arguments before
# --help.
PROGRAMS = {
    "ioloop-server": (SERVER, [], "ioloop-server.1", "OPTIONS"),
    "ioloop-client": (CLIENT, [], "ioloop-client.1", "OPTIONS"),
    "ioloop-bench": (BENCH, [], "ioloop-bench.1", "OPTIONS"),
    "ioloop-bench against": (BENCH, ["against"], "ioloop-bench.1", "Options of against"),
    "ioladder": (LADDER, [], "ioladder.1", "OPTIONS"),
}
HEADERS = {"ioloop.3": "ioloop.h", "ioloop-stream.3": "stream.h"}
ORDER = ["NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "RETURN VALUES", "ENVIRONMENT",
         "FILES", "EXIT STATUS", "EXAMPLES", "ERRORS", "SEE ALSO", "CAVEATS"]

# Macros that only choose a typeface; the words behind them are the text.
TYPEFACE = {"Ar", "Bq", "Cm", "Dq", "Dv", "Em", "Er", "Ev", "Fa", "Fn", "Ic", "Nm", "No", "Op", "Pa",
            "Pq", "Ql", "Qq", "Sx", "Sy", "Va", "Vt"}


# ---- reading -------------------------------------------------------------------------------


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def page(name):
    return read(os.path.join(PAGES, name))


def page_names():
    return sorted(name for name in os.listdir(PAGES) if re.search(r"\.[0-9]$", name))


def section(text, title):
    """The lines of a section or subsection, without its subsections."""
    found = re.search(r"(?m)^\.S[hs] %s\n((?:(?!\.S[hs] ).*\n)*)" % re.escape(title), text)
    check(found, "the page has no section %s" % title)
    return found.group(1)


def plain(line):
    """A line of mdoc as the text that it becomes."""
    line = line.replace("\\&", "").replace("\\e", "\\").replace("\\-", "-")
    if not line.startswith("."):
        return line
    text, joined, dash = "", True, False
    for word in shlex.split(line[1:].replace("'", "\\'")):
        if word == "Ns":
            joined = True
        elif word == "Fl":
            dash = True
        elif word in ("Oo", "Oc"):
            text += "[" if word == "Oo" else "]"
            joined = True
        elif word not in TYPEFACE:
            text += "" if joined or re.fullmatch(r"[.,:;)]", word) else " "
            text += "-" + word if dash else word
            joined = dash = False
    return text


def defaults(text):
    """The values of "(default: 8888)" and "inline: on the loop (default)", in order."""
    said = []
    for found in re.finditer(r"\(default(?:: ([^)]*))?\)", text):
        before = text[:found.start()].split("\n")[-1]
        choice = re.match(r"(\w+): ", before)
        value = found.group(1) or (choice.group(1) if choice else "this")
        said.append(" ".join(value.replace("$", "").split()).replace(" ,", ","))
    return said


def help_text(program, words=()):
    if not os.path.exists(program):
        missing("%s, not built" % os.path.basename(program))
    code, out, err = run(program, *words, "--help")
    equal((code, err), (0, b""), "exit code and stderr of --help")
    return out.decode()


def help_section(text, title):
    found = re.search(r"(?m)^%s\b.*\n((?:(?:  .*)?\n)*)" % title, text)
    check(found, "the help has no section %s" % title)
    return found.group(1)


def options_of_help(text):
    """{"--stats": ("[=SEC]", [defaults])}"""
    options, texts, name = {}, {}, None
    for line in help_section(text, "OPTIONS").splitlines():
        found = re.match(r"  (--[\w-]+)(\S*)\s*(.*)$", line)
        if found:
            name = found.group(1)
            options[name], texts[name] = found.group(2), found.group(3)
        elif name and line.strip():
            # A line that begins with a choice of the value stays a line.
            separator = "\n" if re.match(r"\s+\w+: ", line) else " "
            texts[name] += separator + line.strip()
    return {name: (value, defaults(texts[name])) for name, value in options.items()}


def options_of_page(text):
    options, texts, name, depth = {}, {}, None, 0
    for line in text.splitlines():
        if line.startswith(".Bl"):
            depth += 1
        elif line.startswith(".El"):
            depth -= 1
        elif depth == 1 and line.startswith(".It Fl"):
            found = re.fullmatch(r"(--[\w-]+)(\S*)", plain("." + line[4:]))
            check(found, "not an option: %s" % line)
            name = found.group(1)
            check(name not in options, "%s is twice in the page" % name)
            options[name], texts[name] = found.group(2), ""
        elif name and line.startswith(".It"):
            texts[name] += "\n%s: " % plain("." + line[4:])
        elif name:
            texts[name] += plain(line) + " "
    return {name: (value, defaults(texts[name])) for name, value in options.items()}


def names(text):
    """Every word that could be a name of C."""
    return set(re.findall(r"\w+", text))


def header(name):
    """Its declarations and its comments."""
    text = read(os.path.join(SOURCE, "src", "ioloop", name))
    comments = "\n".join(re.findall(r"/\*.*?\*/", text, re.S))
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"(?m)^#.*$", "", code), comments


def spelling(text):
    return re.sub(r"\s*([*(),])\s*", r"\1", " ".join(text.split()))


def functions_of_header(code):
    """{name: (type, (parameter, ...))}"""
    found = re.findall(r"(?ms)^([a-z][\w \*]*?)\b(\w+)\(([^;{}]*?)\);", code)
    return {name: (spelling(kind), tuple(spelling(p) for p in parameters.split(",")))
            for kind, name, parameters in found if not kind.startswith("typedef")}


def functions_of_page(text):
    found = re.findall(r"(?m)^\.Ft (.*)\n\.Fo (\w+)\n((?:\.Fa .*\n)*)\.Fc$", text)
    return {name: (spelling(kind.strip('"')),
                   tuple(spelling(p) for p in re.findall(r'(?m)^\.Fa "?(.*?)"?$', parameters)))
            for kind, name, parameters in found}


def same_names(got, expected, what):
    check(set(got) == set(expected), "%s: only in the page %s, missing there %s"
          % (what, sorted(set(got) - set(expected)), sorted(set(expected) - set(got))))


# ---- programs ------------------------------------------------------------------------------


def compare_options(name):
    program, words, file, title = PROGRAMS[name]
    expected = options_of_help(help_text(program, words))
    check("--help" in expected, "no options found in the help")
    got = options_of_page(section(page(file), title))
    same_names(got, expected, "options")
    for option, (value, said) in expected.items():
        equal(got[option][0], value, "value of %s" % option)
        equal(got[option][1], said, "default of %s" % option)


for each in PROGRAMS:
    case("%s: the options of --help, with their values and defaults" % each)(
        lambda name=each: compare_options(name))


@case("ioloop-bench: the experiments of --help")
def _():
    expected = re.findall(r"(?m)^  (\w+)", help_section(help_text(BENCH), "EXPERIMENTS"))
    got = re.findall(r"(?m)^\.It Cm (\w+)$", section(page("ioloop-bench.1"), "Experiments"))
    equal(got, expected, "experiments")


@case("ioloop-server: the counters of its summary")
def _():
    with Server("--workers=2") as server:
        counters = server.stop()
    text = section(page("ioloop-server.1"), "Counters")
    got = re.findall(r"(?m)^\.It Sy (\w+(?: , \w+)*)$", text)
    same_names(" , ".join(got).split(" , "), counters, "counters")


@case("options in the examples exist")
def _():
    tried = 0
    known = {name: set(options_of_page(section(page(file), title)))
             for name, (_, _, file, title) in PROGRAMS.items()}
    for file in page_names():
        text = page(file)
        if ".Sh EXAMPLES\n" not in text:
            continue
        for line in section(text, "EXAMPLES").replace(" \\e\n", " ").splitlines():
            found = re.match(r"(?:\.Dl )?\$ (ioladder|ioloop-bench against|ioloop-\w+)\b(.*)", line)
            for option in re.findall(r"--[\w-]+", found.group(2)) if found else []:
                tried += 1
                check(option in known[found.group(1)], "%s: %s" % (file, line))
    check(tried > 0, "no example found")


# ---- headers -------------------------------------------------------------------------------


def compare_header(file, name):
    code, comments = header(name)
    text = page(file)
    expected, got = functions_of_header(code), functions_of_page(text)
    check(len(expected) > 20, "only %d functions found in %s" % (len(expected), name))
    same_names(got, expected, "functions in the synopsis")
    for function, declaration in expected.items():
        equal(got[function], declaration, "declaration of %s" % function)
    explained = set(re.findall(r"(?m)^\.Fn (\w+)", text.split("\n.Sh DESCRIPTION\n")[1]))
    missing = set(expected) - explained
    check(not missing, "functions that are not explained: %s" % sorted(missing))
    # Functions of the other page and of libraries may be referred to, misspelt ones may not.
    public = set(functions_of_header(header("ioloop.h")[0]))
    public |= set(functions_of_header(header("stream.h")[0]))
    strangers = {f for f in explained if re.match(r"ioloop_", f)}
    check(strangers <= public, "functions that there are not: %s" % sorted(strangers - public))


def compare_names(file, name):
    """Types, constants, members and errors."""
    code, comments = header(name)
    expected = set(re.findall(r"(?m)^typedef \w+ (\w+)", code))
    expected |= set(re.findall(r"\b(IOLOOP_\w+) =", code))
    for body in re.findall(r"(?ms)^struct \w+ \{\n(.*?)^\};", code):
        body = re.sub(r"\(\*(\w+)\)\([^)]*\)", r"\1", body)  # a hook is its name
        expected |= set(re.findall(r"\b(\w+)(?:\[\d+\])?[;,]", body))
    expected |= set(re.findall(r"-(E[A-Z]{3,})\b", comments))
    missing = expected - names(page(file))
    check(len(expected) > 20, "only %d names found in %s" % (len(expected), name))
    check(not missing, "names of %s that are not in the page: %s" % (name, sorted(missing)))


for page_name, header_name in HEADERS.items():
    case("%s: the functions of %s, as it declares them" % (page_name, header_name))(
        lambda f=page_name, h=header_name: compare_header(f, h))
    case("%s: the types, members and errors of %s" % (page_name, header_name))(
        lambda f=page_name, h=header_name: compare_names(f, h))


@case("conformance 109 calls every function of the headers in a forked child")
def _():
    text = read(os.path.join(SOURCE, "tests", "conformance", "fork_calls.h"))
    called = re.findall(r"(?m)^(?:REFUSED|HARMLESS|HARMLESS_RESULT)\((\w+)", text)
    public = list(functions_of_header(header("ioloop.h")[0]))
    public += list(functions_of_header(header("stream.h")[0]))
    same_names(called, public, "functions called")


@case("ioloop.3: its example, compiled, does what it is for")
def _():
    if not os.path.exists(EXAMPLE):
        missing("the example, not built")
    code, out, err = run(EXAMPLE, stdin=b"hello\n", env={"IOLOOP_BACKEND": "poll"})
    equal((code, out, err), (0, b"6 bytes\n", b""), "exit code, stdout and stderr")


# ---- backends ------------------------------------------------------------------------------


@case("ioloop-backends.7: every backend, under the model that it has")
def _():
    code, out, _ = run(SERVER, "--list-backends")
    equal(code, 0, "exit code")
    expected = dict(re.findall(r"(?m)^(\S+) +(\S+)", out.decode().split("\n", 1)[1]))
    got, model = {}, None
    for kind, title in re.findall(r"(?m)^\.S([hs]) (.*)$", page("ioloop-backends.7")):
        if kind == "h":
            model = title.lower()
        elif title != "Which one":
            got[title] = model
    same_names(got, expected, "backends")
    equal(got, expected, "models")


@case("ioloop-backends.7: how it learns, costs, limits, surprises and use of each")
def _():
    text = page("ioloop-backends.7")
    for title in re.findall(r"(?m)^\.Ss (.*)$", text):
        if title != "Which one":
            equal(re.findall(r"(?m)^\.It (.*)$", section(text, title)),
                  ["How it learns", "Costs", "Limits", "Surprises", "When"], title)


# ---- the pages themselves ------------------------------------------------------------------


@case("sections stand in the order of the manual; titles are those of the files")
def _():
    for file in page_names():
        text = page(file)
        titles = [t for t in re.findall(r"(?m)^\.Sh (.*)$", text) if t in ORDER]
        equal(titles, [t for t in ORDER if t in titles], "sections of %s" % file)
        for needed in ("NAME", "DESCRIPTION", "SEE ALSO"):
            check(needed in titles, "%s has no %s" % (file, needed))
        stem, number = file.rsplit(".", 1)
        check(re.search(r"(?m)^\.Dt %s %s$" % (re.escape(stem.upper()), number), text),
              "%s: .Dt is not %s %s" % (file, stem.upper(), number))


@case("our own pages that are referred to exist, and are installed")
def _():
    there = page_names()
    for file in there:
        for name, number in re.findall(r"(?m)^\.(?:Pf \( )?Xr (io(?:loop|stream|ladder)\S*) (\d)",
                                       page(file)):
            check("%s.%s" % (name, number) in there, "%s refers to %s(%s)" % (file, name, number))
    installed = re.findall(r"'man/([^']+)'", read(os.path.join(SOURCE, "docs/meson.build")))
    equal(sorted(installed), there, "pages that docs/meson.build installs")


def complaints(command):
    """A formatter's result for each page: (page, exit code, stdout, stderr)."""
    for file in page_names():
        done = subprocess.run(command + [os.path.join(PAGES, file)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80"))
        yield file, done.returncode, done.stdout.decode(), done.stderr.decode()


@case("man renders them without a warning")
def _():
    need_program("man", "groff")
    man = shutil.which("man")
    version = subprocess.run([man, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL, timeout=60)
    if not re.match(rb"man \d", version.stdout):
        skip("this man is not man-db's")
    for file, code, out, err in complaints([man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8"]):
        equal((code, err), (0, ""), "exit code and warnings for %s" % file)
        # Bold is overstruck, or switched on by an escape sequence.
        out = re.sub(r".\x08|\x1b\[[\d;]*m", "", out)
        check("\nCAVEATS\n" in out, "%s is not there to its end" % file)


@case("mandoc -Tlint finds nothing")
def _():
    need_program("mandoc")
    for file, code, out, _ in complaints(["mandoc", "-Tlint", "-Wwarning"]):
        equal((code, out), (0, ""), "exit code and complaints for %s" % file)


main()
