# SPDX-License-Identifier: MIT
"""python3 -m ioloop: its options, what the program sees, its errors, its trace."""
import json
import os
import signal
import sys
import tempfile

import ioloop
from harness import case, check, equal, main
from process import Process

PROGRAM = """\
import asyncio, sys
async def main():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()._selector.backend
print(asyncio.run(main()), __name__, sys.argv[1:], sys.path[0], flush=True)
sys.exit(3)
"""
ECHO = """\
import asyncio
async def echo(reader, writer):
    writer.write(await reader.read(100))
    writer.close()
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


def start(*arguments, **more):
    return Process([sys.executable, "-m", "ioloop", *arguments], **more)


def lines(output):
    return output.bytes().decode().splitlines()


class Folder(tempfile.TemporaryDirectory):
    """A folder with files, of which a module can be imported."""

    def __init__(self, **files):
        super().__init__()
        self.name = os.path.realpath(self.name)
        for name, text in files.items():
            self.write(name + ".py", text)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)

    def path(self, name):
        return os.path.join(self.name, name)

    def environment(self):
        return {"PYTHONPATH": self.name + os.pathsep + os.environ["PYTHONPATH"]}


def refused(text, *arguments, env=None):
    process = start(*arguments, env=env)
    equal(process.wait(), 2, "exit code of %r" % (arguments,))
    equal(lines(process.stdout), [], "stdout")
    found = lines(process.stderr)
    check(len(found) == 1 and text in found[0], "one line with %r: %r" % (text, found))


@case("a program runs as by Python: name, arguments, path, exit code")
def _():
    with Folder(app=PROGRAM) as name:
        app = os.path.join(name, "app.py")
        for options, backend in ([], ioloop.default_backend()), (["--backend=poll"], "poll"), (["--backend", "select"], "select"):
            process = start(*options, app, "--backend=x", "-m", "--help")
            equal(process.wait(), 3, "exit code")
            equal(lines(process.stdout), ["%s __main__ ['--backend=x', '-m', '--help'] %s" % (backend, name)], "output")
        process = start(app, env={"IOLOOP_BACKEND": "select"})
        process.wait()
        check(lines(process.stdout)[0].startswith("select "), "IOLOOP_BACKEND")


@case("-m MODULE runs modules and packages")
def _():
    folder = Folder(app=PROGRAM)
    with folder:
        folder.write("package/__init__.py", "")
        folder.write("package/__main__.py", PROGRAM)
        for module in "app", "package":
            process = start("--backend=poll", "-m", module, "one", env=folder.environment())
            equal(process.wait(), 3, "exit code")
            check(lines(process.stdout)[0].startswith("poll __main__ ['one'] "), lines(process.stdout))


@case("--help and --version, --list-backends")
def _():
    for option, text in ("--help", "--backend=NAME"), ("--version", ioloop.__version__), ("--list-backends", "poll "):
        process = start(option)
        equal(process.wait(), 0, "exit code")
        check(text in process.stdout.bytes().decode(), option)
    table = lines(process.stdout)
    equal([line.split()[0] for line in table[1:]], [backend.name for backend in ioloop.backends()], "names")


@case("what cannot be started is refused in one line, with exit code 2")
def _():
    folder = Folder(app=PROGRAM)
    with folder as name:
        folder.write("package/__init__.py", "")
        folder.write("folder/readme", "")
        app = folder.path("app.py")
        refused("no program")
        refused("--backend needs a value", "--backend")
        refused("--backend needs a value", "--backend=", app)
        refused("no-such", "--backend=no-such", app)
        refused("the server", "--backend=blocking", app)
        refused("no-such", app, env={"IOLOOP_BACKEND": "no-such"})
        for backend in ioloop.backends():
            if not backend.available and backend.name != "blocking":
                refused(backend.reason, "--backend=" + backend.name, app)
        refused("unknown option --bakend=poll", "--bakend=poll", app)
        refused("No such file", folder.path("missing.py"))
        refused("No such file", folder.path("folder"))
        refused("-m needs", "-m")
        refused("cannot import missing", "-m", "missing")
        refused("cannot import missing.part", "-m", "missing.part")
        refused("cannot import app.part", "-m", "app.part", env=folder.environment())
        refused("has no module __main__", "-m", "package", env=folder.environment())
        refused("--trace needs", "--trace=", app)
        refused("cannot write the trace", "--trace=" + os.path.join(name, "none", "t.json"), app)
        refused("not a regular file", "--trace=/dev/null", app)
        refused("--trace-limit", "--trace-limit=many", app)
        refused("--trace-limit", "--trace-limit=0", app)


@case("an error of the program itself is Python's: traceback and exit code 1")
def _():
    with Folder(app="import no_such_module") as name:
        process = start(os.path.join(name, "app.py"))
        equal(process.wait(), 1, "exit code")
        check("ModuleNotFoundError" in lines(process.stderr)[-1], "the last line")


@case("--trace: a request is received and sent on its connection, however the program ends")
def _():
    import socket
    moves = "import os, signal; os.chdir('/'); signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
    for signo, prelude in (signal.SIGINT, ""), (signal.SIGTERM, ""), (signal.SIGTERM, moves):
        with Folder(app=prelude + ECHO) as name:
            path = os.path.join(name, "trace.json")
            process = start("--backend=poll", "--trace=" + os.path.relpath(path), "--", os.path.join(name, "app.py"))
            port = int(process.stdout.wait_lines(1)[0])
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"request")
                equal(client.recv(100), b"request", "echo")
                equal(client.recv(100), b"", "end")
            process.signal(signo)
            check(process.wait() in (-2, 143), "it ended by the signal")
            with open(path) as file:
                trace = json.load(file)
            equal((trace["otherData"]["backend"], trace["otherData"]["complete"]), ("poll", True), "header")
            calls = {}
            begun = []
            for event in trace["traceEvents"]:
                if event["ph"] == "B":
                    begun.append(event)
                elif event["ph"] == "E":
                    calls.setdefault(event["name"], []).append((begun.pop()["args"], event["args"]))
            check([args for args in calls["recv"] if args[0].get("connection") == 1 and args[1]["result"] == 7], "recv")
            check([args for args in calls["send"] if args[0].get("connection") == 1 and args[1]["result"] == 7], "send")
            check("accept" in calls and "poll" in calls and "wait" in calls, sorted(calls))


@case("--trace-limit: the file ends there, and a line on stderr says so")
def _():
    with Folder(app=PROGRAM) as name:
        path = os.path.join(name, "trace.json")
        process = start("--trace=" + path, "--trace-limit=3", os.path.join(name, "app.py"))
        equal(process.wait(), 3, "exit code")
        check("3 events" in lines(process.stderr)[-1], lines(process.stderr))
        with open(path) as file:
            equal(json.load(file)["otherData"]["limit"], 3, "limit")


main()
