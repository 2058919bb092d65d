# SPDX-License-Identifier: MIT
"""python3 -m ioloop: run a program of asyncio or Tornado on any I/O model."""
import asyncio
import importlib.util
import os
import runpy
import sys
import warnings

import ioloop

HELP = """\
usage: python3 -m ioloop [OPTION...] app.py [ARG...]
       python3 -m ioloop [OPTION...] -m MODULE [ARG...]

Run an unmodified program of asyncio or Tornado on any I/O model: its event loops wait by the model that
you choose. Everything else is as if Python itself ran the program.

  --backend=NAME     the I/O model, see --list-backends
                     (default: the environment's IOLOOP_BACKEND, else the best one here)
  --trace=FILE       record waits, signals and system calls in Chrome's trace format: open FILE in
                     ui.perfetto.dev, or draw a request of it with ioladder. It is written when the
                     program ends, and on SIGUSR1
  --trace-limit=N    record at most N events (default: 500000)
  --list-backends    list the I/O models, and why some are not available here
  --help, --version

examples:
  python3 -m ioloop --backend=sigio hello.py --port=8000
  python3 -m ioloop --backend=io_uring -m myserver
  python3 -m ioloop --trace=hello.json hello.py && ioladder --text --request=1 hello.json

The exit code is the program's; 2 if it cannot be started, with one line on stderr that says why.
"""


class Refusal(Exception):
    """One line for stderr."""


class Options:
    def __init__(self):
        self.backend = os.environ.get("IOLOOP_BACKEND") or None
        self.trace = None
        self.trace_limit = 500000
        self.module = None
        self.program = None
        self.args = []


def number_of(text):
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2 ** 63):
        raise Refusal("--trace-limit=%s: must be a number of events, 1 or more" % text)
    return int(text)


def set_option(options, name, value):
    if not value:
        raise Refusal("%s needs a value: %s=%s" % (name, name, "FILE" if name == "--trace" else
                                                  "N" if name == "--trace-limit" else "NAME"))
    if name == "--backend":
        options.backend = value
    elif name == "--trace":
        options.trace = value
    else:
        options.trace_limit = number_of(value)


def print_backends():
    rows = [("NAME", "MODEL", "AVAILABLE", "FEATURES")]
    for backend in ioloop.backends():
        own = " (default)" if backend.name == ioloop.default_backend() else ""
        rows.append((backend.name, backend.model, "available" + own if backend.available else "no: " + backend.reason,
                     " ".join(backend.features) or "-"))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join([cell.ljust(width) for cell, width in zip(row, widths)] + [row[3]]))


def parse(arguments):
    """The options, or None if what was asked for has been printed."""
    options = Options()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if name in ("--backend", "--trace", "--trace-limit"):
            set_option(options, name, value if equals else rest.pop(0) if rest else "")
        elif argument in ("--help", "-h"):
            print(HELP, end="")
            return None
        elif argument == "--version":
            print("ioloop " + ioloop.__version__)
            return None
        elif argument == "--list-backends":
            print_backends()
            return None
        elif argument == "-m":
            if not rest:
                raise Refusal("-m needs the name of a module")
            options.module, options.args = rest[0], rest[1:]
            return options
        elif argument.startswith("-") and argument != "--":
            raise Refusal("unknown option %s (see --help)" % argument)
        elif argument == "--" and not rest:
            break
        else:
            program = rest.pop(0) if argument == "--" else argument
            options.program, options.args = program, rest
            return options
    raise Refusal("no program to run: give a file, or -m MODULE (see --help)")


def check_module(name):
    try:
        spec = importlib.util.find_spec(name)
        if spec and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(name + ".__main__")
            if not spec:
                raise Refusal("the package %s cannot be run: it has no module __main__" % name)
    except (ImportError, ValueError, AttributeError) as error:
        raise Refusal("cannot import %s: %s" % (name, error)) from None
    if not spec:
        raise Refusal("cannot import %s: no module of that name" % name)


def check_program(path):
    try:
        if os.path.isdir(path):
            os.stat(os.path.join(path, "__main__.py"))
        else:
            open(path, "rb").close()
    except OSError as error:
        raise Refusal("cannot open %s: %s" % (error.filename, error.strerror)) from None


def start_trace(options):
    from . import _trace
    try:
        _trace.start(options.trace, "python3", options.backend or ioloop.default_backend(), options.trace_limit)
    except OSError as error:
        raise Refusal("cannot write the trace %s: %s" % (options.trace, error.strerror)) from None


def prepare(options):
    """Everything that can be refused, before the program runs."""
    try:
        ioloop.Selector(options.backend).close()
    except OSError as error:
        raise Refusal(error.strerror) from None
    if options.module:
        check_module(options.module)
    else:
        check_program(options.program)
    if options.trace:
        start_trace(options)


def run_program(options):
    with warnings.catch_warnings():  # Python 3.14 deprecates policies
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(ioloop.EventLoopPolicy(options.backend))
    if options.module:
        sys.argv = [options.module] + options.args
        runpy.run_module(options.module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [options.program] + options.args
        if not os.path.isdir(options.program):
            sys.path[0] = os.path.dirname(os.path.realpath(options.program))
        runpy.run_path(options.program, run_name="__main__")


def main():
    try:
        options = parse(sys.argv[1:])
        if options:
            prepare(options)
    except Refusal as refusal:
        print("ioloop: %s" % refusal, file=sys.stderr)
        sys.exit(2)
    if options:
        run_program(options)


if __name__ == "__main__":
    main()
