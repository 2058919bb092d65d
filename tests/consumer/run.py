#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The installed library, from outside: run.py MESON BUILD_DIR COMPILER...

Installs into an empty folder, builds and runs an outside program (consumer.c) with only the flags from
pkg-config, shared, static and as C++, imports the Python package, and checks the symbols that the shared library exports.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "consumer.c")
PUBLIC = re.compile(r"ioloop_[a-z]\w*$")
# A declaration `type name(`; function types of callbacks begin with typedef.
DECLARED = re.compile(r"^(?!typedef)[a-z][\w *]*?\b(ioloop_[a-z_]\w*)\(",
                      re.MULTILINE)


class Failure(Exception):
    pass


def run(*command, env=None):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, env=env)
    if done.returncode != 0:
        raise Failure("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


class Installed:
    """The files that `meson install` put under an empty folder."""

    def __init__(self, stage, meson, build, compiler):
        self.stage, self.compiler = stage, compiler
        run(*meson, "install", "-C", build, "--no-rebuild", "--destdir", stage)
        self.files = {}
        for folder, _, names in os.walk(stage):
            self.files.update((name, os.path.join(folder, name)) for name in names)

    def find(self, *names):
        for name in names:
            if name in self.files:
                return self.files[name]
        raise Failure("not installed: %s" % " or ".join(names))

    def library(self):
        return self.find("libioloop.so", "libioloop.dylib")

    def flags(self, *options):
        env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=self.stage)
        env["PKG_CONFIG_PATH"] = os.pathsep.join(
            [os.path.dirname(self.find("ioloop.pc")), env.get("PKG_CONFIG_PATH", "")])
        return run("pkg-config", *options, "ioloop", env=env).split()

    def run(self, program):
        return run(program, env=dict(os.environ,
                                     LD_LIBRARY_PATH=os.path.dirname(self.library())))

    def build(self, output, compiler, libraries):
        program = os.path.join(self.stage, output)
        run(*compiler, "-Wall", "-Werror", "-o", program, SOURCE, *self.flags("--cflags"), *libraries)
        return program


def is_installed(installed):
    for names in (["ioloop.h"], ["stream.h"], ["ioloop.pc"], ["libioloop.a"],
                  ["libioloop.so", "libioloop.dylib"], ["ioloop-server"], ["ioloop-client"]):
        installed.find(*names)


def only_what_is_documented(installed):
    headers = [name for name in installed.files if name.endswith(".h")]
    if sorted(headers) != ["ioloop.h", "stream.h"]:
        raise Failure("headers: %s" % headers)


def shared(installed):
    installed.run(installed.build("shared", installed.compiler, installed.flags("--libs")))


def static(installed):
    libraries = [installed.find("libioloop.a") if flag == "-lioloop" else flag
                 for flag in installed.flags("--libs", "--static")]
    program = installed.build("static", installed.compiler, libraries)
    run(program)  # without a library path


def cplusplus(installed):
    compiler = shutil.which("c++")
    if not compiler:
        return "missing: c++, not installed"
    source = os.path.join(installed.stage, "consumer.cc")
    with open(source, "w", encoding="utf-8") as file:
        file.write("#include <ioloop/stream.h>\n"
                   "int main() { ioloop *loop = nullptr;\n"
                   "  return ioloop_new(nullptr, &loop) || ioloop_free(loop); }\n")
    program = os.path.join(installed.stage, "cplusplus")
    run(compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program, source,
        *installed.flags("--cflags"), *installed.flags("--libs"))
    installed.run(program)
    return None


def headers_alone(installed):
    """Each compiles on its own, as strict C11 of POSIX."""
    for name in ("ioloop.h", "stream.h"):
        run(*installed.compiler, "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra",
            "-Wpedantic", "-Werror", "-fsyntax-only", installed.find(name))


def exports(installed):
    lines = run("nm", "-D", "--defined-only", installed.library()).splitlines()
    # "A" is the name of a symbol version (src/ioloop.map).
    names = [line.split()[-1].split("@")[0] for line in lines if line and line.split()[-2] != "A"]
    return {name for name in names if name not in ("_init", "_fini", "_edata", "_end", "__bss_start")}


def only_public_symbols(installed):
    others = sorted(name for name in exports(installed) if not PUBLIC.match(name))
    if others:
        raise Failure("exported: %s" % ", ".join(others))


def declarations(installed):
    declared = set()
    for name in ("ioloop.h", "stream.h"):
        with open(installed.find(name), encoding="utf-8") as file:
            declared.update(DECLARED.findall(re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)))
    return declared


def all_public_symbols(installed):
    declared, exported = declarations(installed), exports(installed)
    if len(declared) < 50 or declared != exported:
        raise Failure("declared only: %s\nexported only: %s" % (
            sorted(declared - exported), sorted(exported - declared)))


def manual_pages(installed):
    """By the name of each function, and by no other that the headers do not have."""
    folder = os.path.dirname(installed.find("ioloop.3"))
    expected = declarations(installed) | {"ioloop", "ioloop-stream"}
    there = {name[:-2] for name in os.listdir(folder)}
    if there != expected:
        raise Failure("pages missing: %s\npages of nothing: %s" % (
            sorted(expected - there), sorted(there - expected)))
    for name in expected:
        with open(os.path.join(folder, name + ".3"), encoding="utf-8") as page:
            if not re.search(r"(?m)^\.(Fo|Nm) %s( ,)?$" % name, page.read()):
                raise Failure("the page that is found as %s does not have it" % name)
    if shutil.which("man"):
        run("man", "-M", os.path.dirname(folder), "-w", "ioloop_add_handler")


def python(installed):
    if "_ioloop.abi3.so" not in installed.files:
        return "missing: the Python package, not built"
    package = os.path.dirname(installed.find("_ioloop.abi3.so"))
    program = "import asyncio, ioloop; print(ioloop.__file__, ioloop.run(asyncio.sleep(0, 'done'), backend='poll'))"
    out = run(sys.executable, "-c", program, env=dict(os.environ, PYTHONPATH=os.path.dirname(package)))
    if out.split() != [os.path.join(package, "__init__.py"), "done"]:
        raise Failure("printed: %s" % out)
    return None


TESTS = [
    ("headers, libraries, programs and the pkg-config file are installed", is_installed),
    ("no other header is installed", only_what_is_documented),
    ("each header compiles alone, as strict C11", headers_alone),
    ("a program builds with the flags of pkg-config and runs on every backend", shared),
    ("the same program against the static library", static),
    ("the headers and the library serve C++", cplusplus),
    ("the Python package runs a coroutine", python),
    ("the shared library exports public names only", only_public_symbols),
    ("it exports what the headers declare, no more and no less", all_public_symbols),
    ("each of them has a manual page by its name", manual_pages),
]


def report(number, name, test, installed):
    try:
        reason = test(installed)
    except Failure as failure:
        print("".join("# %s\n" % line for line in str(failure).splitlines()), end="")
        print("not ok %d - %s" % (number, name))
        return False
    print("ok %d - %s%s" % (number, name, " # SKIP " + reason if reason else ""))
    return True


def main():
    meson, build, compiler = sys.argv[1], sys.argv[2], sys.argv[3:]
    print("TAP version 13\n1..%d" % len(TESTS))
    with tempfile.TemporaryDirectory() as stage:
        try:
            installed = Installed(stage, [meson], build, compiler)
        except Failure as failure:
            print("Bail out! %s" % str(failure).replace("\n", " "))
            return 1
        results = [report(number, name, test, installed)
                   for number, (name, test) in enumerate(TESTS, 1)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
